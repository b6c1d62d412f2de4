"""Device ids and client codes: letters and digits with a check character at the end.

The check is ISO 7064 MOD 37,36, which finds every wrong character and every swap of two
neighbours. Ids are upper case; a dash is for reading and does not count.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from recorder.errors import ClientCodeError, FormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Codes are read out and typed: no letter that looks like a digit or another letter.
_CODE_ALPHABET = "2346789ABCDEFGHJKMNPQRTUVWXYZ"
_CODE_LENGTH = 5
_MODULUS = 36


def check_character(body: str) -> str:
    """Return the ISO 7064 MOD 37,36 check character of ``body`` (letters and digits)."""
    product = _MODULUS
    for character in body:
        value = _ALPHABET.find(character)
        if value < 0:
            raise FormatError(f"an id holds {character!r}; allowed are 0-9 and A-Z")
        product = (product + value) % _MODULUS or _MODULUS
        product = product * 2 % (_MODULUS + 1)
    return _ALPHABET[(_MODULUS + 1 - product) % _MODULUS]


def has_right_check(text: str) -> bool:
    """Tell whether the last character of ``text`` (without dashes) checks the others."""
    plain = text.replace("-", "")
    if len(plain) < 2 or any(character not in _ALPHABET for character in plain):  # noqa: PLR2004 - a body and a check
        return False
    return check_character(plain[:-1]) == plain[-1]


def device_id(number: int) -> str:
    """Return the id of box ``number`` (1 to 9999), such as ``BOX-0007Y``."""
    limit = 9999
    if not 1 <= number <= limit:
        raise FormatError(f"box number {number}: allowed are 1 to {limit}")
    body = f"BOX{number:04d}"
    return f"BOX-{number:04d}{check_character(body)}"


def parse_client_code(text: str) -> str:
    """Return the client code in ``text`` in upper case, or raise ClientCodeError."""
    code = text.strip().upper()
    if len(code) != _CODE_LENGTH:
        raise ClientCodeError(
            f"client code of {len(code)} characters; codes have {_CODE_LENGTH}",
            hint="copy it from the client's card",
        )
    if not code.isascii() or not code.isalnum():
        raise ClientCodeError(
            "client code with other characters than 0-9 and A-Z",
            hint="type it with the keyboard set to Latin letters",
        )
    if not has_right_check(code):
        # The code itself stays out of messages: they may end in a log.
        raise ClientCodeError(
            "client code with a wrong check character",
            hint="read it again from the client's card",
        )
    return code


def new_client_code(
    taken: Sequence[str] = (), choose: Callable[[str], str] = secrets.choice
) -> str:
    """Return a random client code that is not among ``taken``."""
    while True:
        body = "".join(choose(_CODE_ALPHABET) for _ in range(_CODE_LENGTH - 1))
        code = body + check_character(body)
        if code not in taken:
            return code
