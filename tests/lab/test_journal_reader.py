"""Every record that authenticates is recovered, and nothing else ever is."""

from __future__ import annotations

import os
import struct
import time
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.identity import X25519Identity
from lab.journal_reader import Journal, read_journal
from lab.pieces import Piece
from lab.unseal import unseal
from recorder.clock import NS_PER_S
from recorder.errors import FormatError, IdentityError
from recorder.format.age import seal
from recorder.format.journal import (
    ALIGNMENT_BYTES,
    JOURNAL_BYTES,
    MAX_RECORD_BYTES,
    STREAM_AUDIO,
    STREAM_EEG,
    JournalSealer,
    header_block,
)

IDENTITIES = (X25519Identity.generate(), X25519Identity.generate())
RECIPIENTS = [identity.recipient for identity in IDENTITIES]
SESSION = UUID(int=7)
PART = 3


def header(key: bytes, *, session: UUID = SESSION, part: int = PART) -> bytes:
    return header_block(
        journal_key=key,
        session=session,
        part=part,
        recipients=RECIPIENTS,
        random_bytes=os.urandom,
    )


def read(content: bytes, identity: X25519Identity = IDENTITIES[0]) -> Journal:
    return read_journal(
        content,
        session=str(SESSION),
        part=PART,
        unseal=lambda sealed: unseal(sealed, [identity]),
    )


def journal_of(sizes: list[tuple[int, int]], *, behind: bytes = b"") -> tuple[bytes, bytes]:
    """Return a journal with one tick for each (EEG bytes, audio bytes), and its EEG."""
    key = os.urandom(32)
    sealer = JournalSealer(key)
    content, eeg, audio = header(key), b"", b""
    for n_eeg, n_audio in sizes:
        new_eeg, new_audio = os.urandom(n_eeg), os.urandom(n_audio)
        new = [(STREAM_EEG, len(eeg), new_eeg), (STREAM_AUDIO, len(audio), new_audio)]
        content += sealer.tick([record for record in new if record[2]])
        eeg, audio = eeg + new_eeg, audio + new_audio
    return content + behind, eeg


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 4054, 4055, 4056, 9000]),
            st.sampled_from([0, 1, 100, 8191]),
        ),
        max_size=5,
    )
)
def test_every_tick_comes_back_whatever_its_size(sizes: list[tuple[int, int]]) -> None:
    content, eeg = journal_of(sizes, behind=bytes(3 * ALIGNMENT_BYTES))
    found = read(content)
    assert found.eeg == ((Piece(0, eeg),) if eeg else ())
    assert sum(len(piece.content) for piece in found.audio) == sum(n for _, n in sizes)


def test_stale_records_of_an_older_key_are_never_taken() -> None:
    older, _ = journal_of([(9000, 500)] * 4)
    content, eeg = journal_of([(100, 0)])
    found = read(content + older[len(content) :])
    assert found.eeg == (Piece(0, eeg),)
    assert found.n_records == 1


def test_a_torn_last_tick_costs_only_itself() -> None:
    content, eeg = journal_of([(5000, 0), (5000, 0)])
    for cut in (1, 16, 17, 4096, 5000):
        torn = content[: -(ALIGNMENT_BYTES * 2)] + bytes(cut)
        assert read(torn).eeg == (Piece(0, eeg[:5000]),)


def test_a_record_behind_a_damaged_one_in_the_same_tick_is_recovered() -> None:
    content, _ = journal_of([(600, 700)])
    damaged = bytearray(content)
    damaged[ALIGNMENT_BYTES + 40] ^= 1  # in the EEG record
    found = read(bytes(damaged))
    assert found.eeg == ()
    assert len(found.audio[0].content) == 700


def test_records_behind_a_lost_block_are_recovered_with_a_hole() -> None:
    content, eeg = journal_of([(100, 0), (100, 0), (100, 0)])
    damaged = bytearray(content)
    damaged[2 * ALIGNMENT_BYTES : 3 * ALIGNMENT_BYTES] = bytes(ALIGNMENT_BYTES)
    assert read(bytes(damaged)).eeg == (Piece(0, eeg[:100]), Piece(200, eeg[200:]))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_flipped_bit_ever_yields_a_byte_that_was_not_written(
    data: st.DataObject,
) -> None:
    content, eeg = journal_of([(300, 50), (300, 0), (10, 10)])
    at = data.draw(st.integers(ALIGNMENT_BYTES, len(content) - 1))
    damaged = bytearray(content)
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    for piece in read(bytes(damaged)).eeg:
        assert piece.content == eeg[piece.offset : piece.end]


@pytest.mark.parametrize(("session", "part"), [(UUID(int=8), PART), (SESSION, PART + 1)])
def test_a_journal_of_another_part_holds_nothing_of_this_one(
    session: UUID, part: int
) -> None:
    key = os.urandom(32)
    tick = JournalSealer(key).tick([(STREAM_EEG, 0, b"other")])
    content = header(key, session=session, part=part) + tick
    assert read(content) == Journal()


def test_a_journal_never_begun_holds_nothing() -> None:
    assert read(bytes(4 * ALIGNMENT_BYTES)) == Journal()
    assert read(b"") == Journal()


def test_another_identity_is_refused() -> None:
    content, _ = journal_of([(10, 0)])
    with pytest.raises(IdentityError):
        read(content, X25519Identity.generate())


@pytest.mark.parametrize(
    "first_bytes",
    [
        b"FRECJNL2",
        b"FRECJNL1" + b"\x00" * 4,
        b"FRECJNL1" + b"\xff" * 4,
        b"FRECJNL1" + (30).to_bytes(4, "little"),
    ],
)
def test_a_broken_key_block_is_named(first_bytes: bytes) -> None:
    content, _ = journal_of([(10, 0)])
    with pytest.raises(FormatError):
        read(first_bytes + content[len(first_bytes) :])


@pytest.mark.parametrize(
    "secret",
    [
        b"no JSON",
        b"[]",
        b'{"version":1,"session":"x","part":3}',
        b'{"version":2,"journal_key":"' + b"A" * 43 + b'=","session":"x","part":3}',
        b'{"version":1,"journal_key":"AAAA","session":"x","part":3}',
    ],
)
def test_a_sealed_key_of_the_wrong_shape_is_named(secret: bytes) -> None:
    sealed = seal(secret, RECIPIENTS)
    content = b"FRECJNL1" + len(sealed).to_bytes(4, "little") + sealed
    tick = JournalSealer(bytes(32)).tick([(STREAM_EEG, 0, b"x")])
    with pytest.raises(FormatError, match="journal key"):
        read(content.ljust(ALIGNMENT_BYTES, b"\x00") + tick)


def test_a_torn_key_block_without_any_tick_is_no_loss() -> None:
    whole = header(os.urandom(32))
    for cut in (4, 10, 100, 512, 900):
        torn = whole[:cut].ljust(3 * ALIGNMENT_BYTES, b"\x00")
        assert read(torn) == Journal()


@pytest.mark.parametrize("part", [b"1e999", b"Infinity", b"[" * 2000])
def test_a_sealed_key_of_an_impossible_part_is_named(part: bytes) -> None:
    key = b"A" * 43 + b"="
    secret = b'{"version":1,"journal_key":"' + key + b'","session":"x","part":' + part
    test_a_sealed_key_of_the_wrong_shape_is_named(secret + b"}")


def test_a_journal_larger_than_any_box_writes_is_refused() -> None:
    content, _ = journal_of([(10, 0)])
    assert read(content + bytes(JOURNAL_BYTES - len(content))).n_records == 1
    with pytest.raises(FormatError, match="limit"):
        read(content + bytes(32 << 20))


def test_false_heads_that_overlap_are_not_decrypted_without_end() -> None:
    content, _ = journal_of([(10, 0)])
    n = 100_000
    heads = (struct.pack("<4sIQ", b"FRJR", (n - 1 - k) * 16, 0) for k in range(n))
    began_ns = time.process_time_ns()  # whatever else this machine does
    with pytest.raises(FormatError, match="heads"):
        read(content + b"".join(heads))
    assert time.process_time_ns() - began_ns < 5 * NS_PER_S


def test_a_record_longer_than_any_box_writes_is_none() -> None:
    key = os.urandom(32)
    plain = struct.pack("<BQ", STREAM_EEG, 0) + bytes(MAX_RECORD_BYTES + 1)
    head = struct.pack("<4sIQ", b"FRJR", len(plain) + 16, 0)
    record = head + ChaCha20Poly1305(key).encrypt(bytes(12), plain, head)
    assert read(header(key) + record) == Journal()
    longest = JournalSealer(key).tick([(STREAM_EEG, 0, bytes(MAX_RECORD_BYTES))])
    assert read(header(key) + longest).n_records == 1
