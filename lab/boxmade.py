"""The net below all strict reading: what is no box's work ends as FormatError.

A stolen box can sign anything. Each reader refuses what it knows to be wrong; what still
comes out as one of Python's own errors must cost that session only, not the whole pull.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from recorder.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_BOXMADE: Final = "its content is nothing a box writes"
_POISONED = (ArithmeticError, LookupError, ValueError, MemoryError, RecursionError)


@contextmanager
def boxmade() -> Iterator[None]:
    """Raise FormatError where reading a session's content ends in no error of ours."""
    try:
        yield
    except _POISONED as error:
        raise FormatError(NOT_BOXMADE) from error
