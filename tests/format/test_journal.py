"""A journal holds a whole part, and each tick opens to exactly the bytes put in."""

from __future__ import annotations

import base64
import json
import os
import struct
from uuid import UUID

import numpy as np
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.identity import HybridIdentity, X25519Identity
from lab.unseal import unseal
from recorder.errors import FormatError, RecipientsError
from recorder.format import age, journal, streams
from recorder.format.flac import FlacEncoder

KEY = bytes(range(32))
SESSION = UUID("12345678-1234-4234-8234-123456789abc")
HYBRID = (HybridIdentity(b"\x01" * 32), HybridIdentity(b"\x02" * 32))
X25519 = (X25519Identity(b"\x01" * 32), X25519Identity(b"\x02" * 32))
Record = tuple[int, int, int, bytes]  # sequence, stream, position, bytes


def recipients(*identities: HybridIdentity | X25519Identity) -> tuple[age.Recipient, ...]:
    return tuple(identity.recipient for identity in identities)


def header(part: int = 7, key: bytes = KEY) -> bytes:
    return journal.header_block(
        journal_key=key,
        session=SESSION,
        part=part,
        recipients=recipients(*HYBRID),
        random_bytes=os.urandom,
    )


def records_of(tick: bytes, key: bytes = KEY) -> list[Record]:
    """Read a tick as docs/formats/journal.md describes it."""
    found = []
    at = 0
    while tick[at : at + 4] == b"FRJR":
        length, sequence = struct.unpack_from("<IQ", tick, at + 4)
        head, sealed = tick[at : at + 16], tick[at + 16 : at + 16 + length]
        nonce = bytes(4) + struct.pack("<Q", sequence)
        plain = ChaCha20Poly1305(key).decrypt(nonce, sealed, head)
        stream, position = struct.unpack_from("<BQ", plain)
        found.append((sequence, stream, position, plain[9:]))
        at += 16 + length
    assert not any(tick[at:])
    return found


new_bytes = st.lists(
    st.tuples(
        st.sampled_from([1, 2]), st.integers(0, 2**63), st.binary(min_size=1, max_size=9000)
    ),
    max_size=5,
)


@given(st.lists(new_bytes, min_size=1, max_size=6))
@settings(deadline=None, max_examples=60)
def test_any_ticks_open_to_what_went_in_with_sequences_that_never_repeat(
    ticks: list[list[tuple[int, int, bytes]]],
) -> None:
    sealer = journal.JournalSealer(KEY)
    found = []
    for new in ticks:
        tick = sealer.tick(new)
        assert len(tick) % 4096 == 0
        assert len(tick) == journal.tick_size([len(piece) for _, _, piece in new])
        found += records_of(tick)
    expected = [entry for new in ticks for entry in new]
    assert [record[1:] for record in found] == expected
    assert [record[0] for record in found] == list(range(len(expected)))


def test_the_head_is_authenticated_and_so_is_every_byte() -> None:
    tick = journal.JournalSealer(KEY).tick([(1, 5, b"hello")])
    for at in (4, 8, 16, 30, 40):
        bent = bytearray(tick)
        bent[at] ^= 1
        with pytest.raises(InvalidTag):
            records_of(bytes(bent))


def test_a_tick_is_byte_for_byte_as_documented() -> None:
    tick = journal.JournalSealer(KEY).tick([(2, 300, b"abc")])
    head = b"FRJR" + struct.pack("<IQ", 9 + 3 + 16, 0)
    plain = b"\x02" + struct.pack("<Q", 300) + b"abc"
    sealed = ChaCha20Poly1305(KEY).encrypt(bytes(12), plain, head)
    assert tick == (head + sealed).ljust(4096, b"\0")


@pytest.mark.parametrize("new", [[], [(1, 0, b"")], [(1, 0, b""), (2, 9, b"")]])
def test_no_new_bytes_make_no_tick(new: list[tuple[int, int, bytes]]) -> None:
    sealer = journal.JournalSealer(KEY)
    assert sealer.tick(new) == b""
    assert journal.tick_size([len(piece) for _, _, piece in new]) == 0
    assert records_of(sealer.tick([(1, 0, b"x")]))[0][0] == 0


@pytest.mark.parametrize("size", [4055, 4056, 4096, 2**22 - 1, 2**22, 2**22 + 1, 2**23 + 5])
def test_records_split_above_4_mib_and_sizes_are_foretold(size: int) -> None:
    piece = np.random.default_rng(size).bytes(size)
    tick = journal.JournalSealer(KEY).tick([(1, 100, piece)])
    found = records_of(tick)
    assert len(tick) == journal.tick_size([size])
    assert len(found) == -(-size // 2**22)
    assert b"".join(record[3] for record in found) == piece
    assert [record[2] for record in found] == [100 + i * 2**22 for i in range(len(found))]


@pytest.mark.parametrize("fill", [4055, 4056])
def test_a_tick_of_exactly_one_block_takes_one_block(fill: int) -> None:
    expected = 4096 if fill == 4055 else 8192
    assert journal.tick_size([fill]) == expected


@pytest.mark.parametrize("identities", [X25519, HYBRID], ids=["x25519", "hybrid"])
def test_block_0_gives_each_recipient_key_session_and_part(
    identities: tuple[HybridIdentity | X25519Identity, ...],
) -> None:
    block = journal.header_block(
        journal_key=KEY,
        session=SESSION,
        part=7,
        recipients=recipients(*identities),
        random_bytes=os.urandom,
    )
    assert len(block) == 4096
    assert block[:8] == b"FRECJNL1"
    (length,) = struct.unpack_from("<I", block, 8)
    assert not any(block[12 + length :])
    for identity in identities:
        secret = json.loads(unseal(block[12 : 12 + length], (identity,)))
        assert base64.b64decode(secret.pop("journal_key")) == KEY
        assert secret == {"version": 1, "session": str(SESSION), "part": 7}


def test_more_recipients_than_one_block_holds_are_refused() -> None:
    many = recipients(*(HybridIdentity(bytes([i]) * 32) for i in range(1, 6)))
    with pytest.raises(RecipientsError, match="block"):
        journal.header_block(
            journal_key=KEY,
            session=SESSION,
            part=1,
            recipients=many,
            random_bytes=os.urandom,
        )


def test_a_minute_of_the_worst_that_can_come_fits() -> None:
    """24-bit stereo white noise and 64 channels at 256 Hz, in ticks of half a second."""
    rng = np.random.default_rng(1)
    eeg = streams.EegStream("x", tuple(f"E{i}" for i in range(64)), (1.0,) * 64,
                            (0.0,) * 64, 256)  # fmt: skip
    identity = streams.PartIdentity("BOX-0007Y", SESSION, 1, 0)
    flac = FlacEncoder(rate_hz=48_000, bits=24, n_channels=2, tag=identity.to_text())
    sealer = journal.JournalSealer(KEY)
    used = len(header())
    xdf = streams.part_header(identity, eeg, extra={})
    for tick in range(120):
        noise = rng.integers(-(2**31), 2**31, (24_000, 2), np.int64) >> 8 << 8
        flac.write(noise.astype(np.int32))
        stamps = tick * 500_000_000 + np.arange(128) * 3_906_250
        xdf += streams.eeg_chunk(stamps, rng.normal(0, 1, (64, 128)).astype(np.float32))
        xdf += streams.packet_clock_chunk(
            stamps, counter=0, stamp_s=0, polled_ns=0, rows_in_poll=1, connection=1
        )
        xdf += streams.device_chunk(
            int(stamps[-1]), battery_percent=1, quality=[1] * 64, impedance_kohm=None
        )
        used += len(sealer.tick([(1, 0, xdf), (2, 0, flac.take())]))
        xdf = b""
    assert used < journal.JOURNAL_BYTES - 500 * 4096  # room for 500 marks' own ticks


def test_each_part_starts_its_sequence_anew_under_its_own_key() -> None:
    ticks = [journal.JournalSealer(key).tick([(1, 0, b"x")]) for key in (KEY, KEY[::-1])]
    assert records_of(ticks[0], KEY)[0][0] == records_of(ticks[1], KEY[::-1])[0][0] == 0
    with pytest.raises(InvalidTag):
        records_of(ticks[0], KEY[::-1])


@pytest.mark.parametrize("key", [b"", KEY[:31], KEY + b"x"])
def test_keys_of_another_length_are_refused(key: bytes) -> None:
    with pytest.raises(FormatError, match="journal key"):
        journal.JournalSealer(key)
    with pytest.raises(FormatError, match="journal key"):
        header(key=key)


@pytest.mark.parametrize("new", [(0, 0, b"x"), (3, 0, b"x"), (1, -1, b"x")])
def test_streams_and_positions_that_mean_nothing_are_refused(
    new: tuple[int, int, bytes],
) -> None:
    with pytest.raises(FormatError, match="journal stream"):
        journal.JournalSealer(KEY).tick([new])


def test_a_part_below_1_is_refused() -> None:
    with pytest.raises(FormatError, match="parts count"):
        header(part=0)
