"""Every word of the screen, in Russian or English, from Project Fluent files.

``locales/*.ftl`` hold the same ids in both languages. A family is several texts of one
kind, such as a sentence for each alarm: ``alarm-disk_low``.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Literal, Protocol, get_args

from fluent.runtime import FluentBundle, FluentResource

from recorder.errors import FormatError

Language = Literal["ru", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
Value = str | float


class _InBothLanguages(Protocol):
    """What the lab wrote in both languages: a mark, a question, a reason."""

    @property
    def ru(self) -> str: ...
    @property
    def en(self) -> str: ...


class Texts:
    """The words of one language."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._bundle = _bundle(language)

    def __call__(self, text_id: str, /, **values: Value) -> str:
        """Return the text ``text_id`` with ``values`` in it."""
        if not self._bundle.has_message(text_id):
            raise FormatError(f"the screen has no text {text_id!r} in {self.language}")
        pattern = self._bundle.get_message(text_id).value
        if pattern is None:
            raise FormatError(f"text {text_id!r} is empty in {self.language}")
        text, faults = self._bundle.format_pattern(pattern, values)
        if faults:
            raise FormatError(f"text {text_id!r} in {self.language}: {faults[0]}")
        return str(text)

    def of(self, family: str, member: str, /, **values: Value) -> str:
        """Return the text for ``member`` of ``family``."""
        return self(f"{family}-{member}", **values)

    def has(self, family: str, member: str) -> bool:
        """Tell whether ``family`` has a text for ``member``."""
        return self._bundle.has_message(f"{family}-{member}")

    def pick(self, written: _InBothLanguages) -> str:
        """Return what the lab wrote in this language."""
        return written.ru if self.language == "ru" else written.en

    @property
    def other(self) -> Language:
        """The language F2 goes to."""
        return "en" if self.language == "ru" else "ru"


@functools.cache
def _bundle(language: Language) -> FluentBundle:
    """Return the parsed texts: parsing takes longer than a person waits for a key."""
    bundle = FluentBundle([language], use_isolating=False)
    bundle.add_resource(FluentResource(read_locale(language)))
    return bundle


def read_locale(language: Language) -> str:
    """Return the Fluent source of ``language``."""
    path = resources.files("tui").joinpath("locales", f"{language}.ftl")
    return path.read_text("utf-8")
