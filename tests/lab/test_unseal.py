"""The strict reader refuses whatever changed; the other one saves what is sound."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.identity import HybridIdentity, Identity, X25519Identity
from lab.unseal import unseal, unseal_sound
from recorder.errors import FormatError, IdentityError
from recorder.format import age

ONE, TWO = X25519Identity(b"\x01" * 32), X25519Identity(b"\x02" * 32)
STRANGER = X25519Identity(b"\x03" * 32)
RECIPIENTS = (ONE.recipient, TWO.recipient)
CHUNK = 65536
PLAIN = random.Random(1).randbytes(4 * CHUNK + 1000)
SEALED = age.seal(PLAIN, RECIPIENTS, random_bytes=random.Random(2).randbytes)
HEAD_BYTES = len(SEALED) - len(PLAIN) - 5 * 16
HEADER_BYTES = HEAD_BYTES - 16


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def chunk_start(index: int) -> int:
    return HEAD_BYTES + index * (CHUNK + 16)


def test_no_identity_of_a_stranger_opens_anything() -> None:
    none: tuple[Identity, ...] = ()
    for identities in (none, (STRANGER,), (STRANGER, HybridIdentity(b"\x01" * 32))):
        with pytest.raises(IdentityError, match=f"none of {len(identities)} identities"):
            unseal(SEALED, identities)


def test_the_right_identity_may_stand_anywhere_among_others() -> None:
    assert unseal(SEALED, [STRANGER, HybridIdentity(b"\x01" * 32), TWO]) == PLAIN


def test_a_sound_file_is_complete_and_in_whole_chunks() -> None:
    sound = unseal_sound(SEALED, [ONE])
    assert sound.complete
    assert sound.problem == ""
    assert [offset for offset, _ in sound.pieces] == [n * CHUNK for n in range(5)]
    assert b"".join(piece for _, piece in sound.pieces) == PLAIN


def test_an_empty_file_is_complete_without_pieces() -> None:
    sound = unseal_sound(age.seal(b"", RECIPIENTS), [ONE])
    assert (sound.pieces, sound.complete) == ((), True)


@pytest.mark.parametrize("damaged", [{0}, {2}, {4}, {0, 1, 2, 3}, {1, 3}, {0, 4}])
def test_every_chunk_that_is_sound_is_saved(damaged: set[int]) -> None:
    sealed = SEALED
    for index in damaged:
        sealed = flip(sealed, chunk_start(index) + 77)
    sound = unseal_sound(sealed, [TWO])
    assert not sound.complete
    assert f"chunk {min(damaged)} does not authenticate" in sound.problem
    expected = [n * CHUNK for n in range(5) if n not in damaged]
    assert [offset for offset, _ in sound.pieces] == expected
    for offset, piece in sound.pieces:
        assert piece == PLAIN[offset : offset + CHUNK]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(SEALED) - 1))
def test_a_file_cut_anywhere_is_refused_and_a_true_prefix_is_saved(length: int) -> None:
    sealed = SEALED[:length]
    with pytest.raises(FormatError):
        unseal(sealed, [ONE])
    if length < HEAD_BYTES:
        with pytest.raises(FormatError, match="header"):
            unseal_sound(sealed, [ONE])
        return
    sound = unseal_sound(sealed, [ONE])
    assert not sound.complete
    saved = b"".join(piece for _, piece in sound.pieces)
    assert PLAIN.startswith(saved)
    assert len(saved) == (length - HEAD_BYTES) // (CHUNK + 16) * CHUNK


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_no_changed_byte_passes_and_nothing_false_is_saved(at: int, change: int) -> None:
    sealed = SEALED[:at] + bytes([SEALED[at] ^ change]) + SEALED[at + 1 :]
    with pytest.raises((FormatError, IdentityError)):
        unseal(sealed, [ONE])
    try:
        sound = unseal_sound(sealed, [ONE])
    except (FormatError, IdentityError):
        assert at < HEADER_BYTES
        return
    assert not sound.complete
    for offset, piece in sound.pieces:
        assert piece == PLAIN[offset : offset + CHUNK]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, HEADER_BYTES - 1), st.integers(0, 255))
def test_no_changed_byte_of_the_header_passes(at: int, value: int) -> None:
    sealed = SEALED[:at] + bytes([value]) + SEALED[at + 1 :]
    if sealed != SEALED:
        with pytest.raises((FormatError, IdentityError)):
            unseal(sealed, [ONE, TWO])


def test_chunks_that_changed_places_are_refused() -> None:
    one, two, three = (chunk_start(n) for n in (1, 2, 3))
    sealed = SEALED[:one] + SEALED[two:three] + SEALED[one:two] + SEALED[three:]
    with pytest.raises(FormatError, match="chunk 1 does not"):
        unseal(sealed, [ONE])
    offsets = [offset for offset, _ in unseal_sound(sealed, [ONE]).pieces]
    assert offsets == [0, 3 * CHUNK, 4 * CHUNK]


def test_a_damaged_stanza_of_the_other_recipient_costs_nothing() -> None:
    # The second stanza's body is changed to other base64: only the header's MAC notices.
    at = SEALED.index(b"\n", SEALED.rindex(b"-> X25519")) + 1
    other = b"A" if SEALED[at : at + 1] != b"A" else b"B"
    sealed = SEALED[:at] + other + SEALED[at + 1 :]
    with pytest.raises(FormatError, match="MAC is wrong"):
        unseal(sealed, [ONE])
    sound = unseal_sound(sealed, [ONE])
    assert "MAC is wrong" in sound.problem
    assert b"".join(piece for _, piece in sound.pieces) == PLAIN
    assert not sound.complete
    with pytest.raises(IdentityError):
        unseal_sound(sealed, [TWO])


def test_bytes_after_the_final_chunk_are_refused_but_cost_nothing() -> None:
    plain = PLAIN[: 2 * CHUNK]
    sealed = age.seal(plain, RECIPIENTS) + b"\0" * 10
    with pytest.raises(FormatError, match="10 bytes follow the final chunk"):
        unseal(sealed, [ONE])
    assert b"".join(piece for _, piece in unseal_sound(sealed, [ONE]).pieces) == plain


def test_a_header_of_endless_recipients_is_refused_before_any_is_tried() -> None:
    stanza = b"-> grease\n\n"
    with pytest.raises(FormatError, match="more than 64 recipients"):
        unseal(b"age-encryption.org/v1\n" + stanza * 65, [ONE])


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_header_makes_the_reader_stumble(tail: bytes) -> None:
    for start in (b"", b"age-encryption.org/v1\n", b"age-encryption.org/v1\n-> X25519 "):
        with pytest.raises((FormatError, IdentityError)):
            unseal(start + tail, [ONE])
