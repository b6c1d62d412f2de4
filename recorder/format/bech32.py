"""Bech32 (BIP-173) without its 90-character limit, as age writes its keys.

The human-readable part keeps the case it was given: age tells keys apart by it.
"""

from __future__ import annotations

from recorder.errors import FormatError

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {character: value for value, character in enumerate(_CHARSET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_LENGTH = 6
_FIRST_PRINTABLE, _LAST_PRINTABLE = 33, 126
_BITS = 5
_MASK = 31


def encode(hrp: str, data: bytes) -> str:
    """Return ``data`` as Bech32 in the case of ``hrp``; raise FormatError on a bad hrp."""
    _check_hrp(hrp)
    words = _to_words(data)
    words += _checksum(hrp.lower(), words)
    encoded = "".join(_CHARSET[word] for word in words)
    return f"{hrp}1{encoded.upper() if hrp.isupper() else encoded}"


def decode(text: str) -> tuple[str, bytes]:
    """Return the human-readable part, in its own case, and the data of ``text``.

    Raises FormatError; its message never holds the text, which may be a private key.
    """
    if text not in (text.lower(), text.upper()):
        raise FormatError("Bech32 text mixes upper and lower case")
    hrp, separator, encoded = text.rpartition("1")
    if not separator or len(encoded) < _CHECKSUM_LENGTH:
        raise FormatError("Bech32 text is cut short or has no separator '1'")
    _check_hrp(hrp)
    words = [_VALUES.get(character, -1) for character in encoded.lower()]
    if -1 in words:
        raise FormatError("Bech32 text holds a character that Bech32 does not use")
    if _polymod(_expand(hrp.lower()) + words) != 1:
        raise FormatError("Bech32 text has a wrong checksum: mistyped or cut short")
    return hrp, _from_words(words[:-_CHECKSUM_LENGTH])


def _check_hrp(hrp: str) -> None:
    if not hrp or not all(_FIRST_PRINTABLE <= ord(c) <= _LAST_PRINTABLE for c in hrp):
        raise FormatError("Bech32 needs a prefix of printable ASCII characters")
    if hrp not in (hrp.lower(), hrp.upper()):
        raise FormatError("the Bech32 prefix mixes upper and lower case")


def _polymod(words: list[int]) -> int:
    checksum = 1
    for word in words:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << _BITS ^ word
        for bit, generator in enumerate(_GENERATOR):
            checksum ^= generator if top >> bit & 1 else 0
    return checksum


def _expand(hrp: str) -> list[int]:
    return [ord(c) >> _BITS for c in hrp] + [0] + [ord(c) & _MASK for c in hrp]


def _checksum(hrp: str, words: list[int]) -> list[int]:
    polymod = _polymod(_expand(hrp) + words + [0] * _CHECKSUM_LENGTH) ^ 1
    shifts = range(_BITS * (_CHECKSUM_LENGTH - 1), -1, -_BITS)
    return [polymod >> shift & _MASK for shift in shifts]


def _to_words(data: bytes) -> list[int]:
    n_words = -(-len(data) * 8 // _BITS)
    number = int.from_bytes(data) << (n_words * _BITS - len(data) * 8)
    return [number >> _BITS * place & _MASK for place in range(n_words - 1, -1, -1)]


def _from_words(words: list[int]) -> bytes:
    n_bytes, n_padding = divmod(len(words) * _BITS, 8)
    number = 0
    for word in words:
        number = number << _BITS | word
    if n_padding >= _BITS or number & (1 << n_padding) - 1:
        raise FormatError("Bech32 text ends in padding that is not zero")
    return (number >> n_padding).to_bytes(n_bytes)
