"""Bech32 as in BIP-173, any length: what is encoded comes back, no typing error passes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import FormatError
from recorder.format import bech32

HRPS = st.sampled_from(["age", "age1pq", "AGE-SECRET-KEY-", "a", "~!"])


@settings(deadline=None)
@given(HRPS, st.binary(max_size=2000))
def test_what_is_encoded_comes_back(hrp: str, data: bytes) -> None:
    assert bech32.decode(bech32.encode(hrp, data)) == (hrp, data)


@pytest.mark.parametrize("length", [0, 1, 4, 5, 6, 31, 32, 33, 1215, 1216, 1217])
def test_every_length_fits_whole_bytes(length: int) -> None:
    data = bytes(range(256)) * 5
    assert bech32.decode(bech32.encode("age", data[:length]))[1] == data[:length]


def test_the_example_of_the_age_standard_decodes() -> None:
    text = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
    assert bech32.decode(text) == ("AGE-SECRET-KEY-", b"\x42" * 32)
    assert bech32.encode("AGE-SECRET-KEY-", b"\x42" * 32) == text


@pytest.mark.parametrize(
    "text",
    [
        "A12UEL5L",
        "a12uel5l",
        "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
    ],
)
def test_bip173_valid_strings_without_data_decode_to_nothing(text: str) -> None:
    assert bech32.decode(text)[1] == b""


def test_bip173_a_valid_string_with_data_comes_back_the_same() -> None:
    text = "1" * 1 + "1" + "q" * 82 + "c8247j"
    # 82 words are 410 bits: 51 bytes and 2 bits of padding.
    assert bech32.decode(text) == ("1", bytes(51))
    assert bech32.encode("1", bytes(51)) == text


@pytest.mark.parametrize(
    "text",
    [
        "\x201nwldj5",
        "\x7f1axkwrx",
        "\x801eym55h",
        "pzry9x0s0muk",
        "1pzry9x0s0muk",
        "x1b4n0q5v",
        "li1dgmt3",
        "de1lg7wt\xff",
        "A1G7SGD8",
        "10a06t8",
        "1qzzfhee",
        "",
    ],
)
def test_bip173_invalid_strings_are_refused(text: str) -> None:
    with pytest.raises(FormatError):
        bech32.decode(text)


def test_bip173_mixed_case_is_refused() -> None:
    text = bech32.encode("age", bytes(32))
    with pytest.raises(FormatError, match="upper and lower"):
        bech32.decode(text[:10] + text[10:].upper())
    with pytest.raises(FormatError, match="upper and lower"):
        bech32.encode("Age", bytes(32))


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=40), st.data())
def test_one_wrong_character_is_found(data: bytes, draw: st.DataObject) -> None:
    text = bech32.encode("age", data)
    at = draw.draw(st.integers(4, len(text) - 1))
    other = draw.draw(st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l"))
    if other == text[at]:
        return
    with pytest.raises(FormatError, match="checksum"):
        bech32.decode(text[:at] + other + text[at + 1 :])


def test_padding_must_be_zero_and_short() -> None:
    # Both carry a right checksum: only the bits left over are wrong.
    with pytest.raises(FormatError, match="padding"):
        bech32.decode(_with_checksum("a", [0]))
    with pytest.raises(FormatError, match="padding"):
        bech32.decode(_with_checksum("a", [0, 1]))


@pytest.mark.parametrize("hrp", ["", "a b", "\u00e4"])
def test_a_prefix_that_is_not_printable_ascii_is_refused(hrp: str) -> None:
    with pytest.raises(FormatError, match="prefix"):
        bech32.encode(hrp, b"")


def test_a_message_never_holds_the_text() -> None:
    secret = bech32.encode("AGE-SECRET-KEY-", b"\x42" * 32)
    with pytest.raises(FormatError) as caught:
        bech32.decode(secret[:-1] + "Q")
    assert "GFPYY" not in str(caught.value)


def _with_checksum(hrp: str, words: list[int]) -> str:
    charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    everything = words + bech32._checksum(hrp, words)
    return f"{hrp}1" + "".join(charset[word] for word in everything)
