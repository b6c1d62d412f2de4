"""Lists of words the finders go by, kept in ``word_lists.toml``."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources


def word_set(language: str, name: str) -> frozenset[str]:
    """Return a list's words; the order says nothing."""
    return frozenset(word_list(language, name))


def word_list(language: str, name: str) -> tuple[str, ...]:
    """Return a list's words in order."""
    return tuple(_lists()[language][name].split())


@functools.cache
def _lists() -> dict[str, dict[str, str]]:
    text = resources.files("lab.deidentify").joinpath("word_lists.toml").read_text("utf-8")
    return tomllib.loads(text)
