"""The one door to Jinja: fill a page's template with facts and words.

Every word stands in ``texts.toml`` in both languages and is written into the page in both;
a switch on the page shows one. A page asks for nothing beyond itself.
"""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal

import jinja2
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Mapping

Language = Literal["ru", "en"]
LANGUAGES: Final[tuple[Language, Language]] = ("ru", "en")


def render(template: str, *, language: Language, **facts: object) -> bytes:
    """Return the page of ``template``, which opens in ``language``."""
    page = _environment().get_template(template)
    return page.render(language=language, words=Words(), **facts).encode()


class Words:
    """Looks words up; a missing one is a fault of ours."""

    def __call__(self, key: str, /, **figures: object) -> Markup:
        """Return a sentence in both languages, with ``figures`` in it."""
        both = _texts()[key]
        parts = [
            Markup('<span class="{0}" lang="{0}">{1}</span>').format(
                language, _filled(both[language], figures)
            )
            for language in LANGUAGES
        ]
        return Markup("").join(parts)

    def plain(self, key: str, language: Language, **figures: object) -> str:
        """Return a sentence in one language."""
        return _filled(_texts()[key][language], figures)

    def has(self, key: str) -> bool:
        """Tell whether there is such a sentence."""
        return key in _texts()


def _filled(text: str, figures: Mapping[str, object]) -> str:
    return text.format(**{name: escape(value) for name, value in figures.items()})


@functools.cache
def _texts() -> dict[str, dict[str, str]]:
    text = resources.files("lab.pages").joinpath("texts.toml").read_text("utf-8")
    return tomllib.loads(text)


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("lab.pages", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def reason_text(words: Words, reason: Any) -> Markup:  # noqa: ANN401 - templates give a Reason
    """Return a reason's sentence in both languages."""
    return words(f"reason_{reason.code}", **reason.figures)
