"""A session whose clock readings make no sense opens all the same, and says so.

Everything else in it is as precious as ever; what its stamps are worth stands in
``alignment.json``, and no figure is claimed that the readings don't bear out.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lab.open import open_session
from tests.session_maker import AT, START_NS, SessionMaker, new_identities
from tests.story import load_streams

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from recorder.store.encoder import Packets

    Alter = Callable[[Packets], Packets]


def none_at_all(packets: Packets) -> Packets:
    return first(packets, 0)


def first(packets: Packets, n: int) -> Packets:
    return replace(
        packets,
        stamps_ns=packets.stamps_ns[:n],
        counter=packets.counter[:n],
        stamp_s=packets.stamp_s[:n],
    )


def one_alone(packets: Packets) -> Packets:
    return first(packets, 1 if packets.stamps_ns[0] == START_NS else 0)


def no_times(packets: Packets) -> Packets:
    return replace(packets, stamp_s=np.full_like(packets.stamp_s, np.nan))


def one_moment(packets: Packets) -> Packets:
    moment_s = START_NS / 1e9 + 1e9
    return replace(
        packets, stamp_s=np.full_like(packets.stamp_s, moment_s), polled_ns=START_NS
    )


def stuck(packets: Packets) -> Packets:
    return replace(packets, counter=np.full_like(packets.counter, 7))


def backwards(packets: Packets) -> Packets:
    return replace(packets, polled_ns=2 * START_NS - packets.polled_ns)


def a_wrong_counter(packets: Packets) -> Packets:
    return replace(packets, counter=packets.counter % 256)  # this headset counts to 65535


def reconnecting(packets: Packets) -> Packets:
    return replace(packets, connection=int(packets.stamps_ns[0] // 1000))


def opened(tmp_path: Path, alter: Alter) -> dict[str, Any]:
    """Open a session with such readings; return what is said of its EEG."""
    made = SessionMaker(tmp_path / "made", new_identities(), alter=alter)
    made.write_sheet()
    for _ in range(3):
        made.add_part(4.0)
    made.sign()
    outcome = open_session(
        made.folder,
        out=tmp_path / "out",
        identities=made.identities[:1],
        signers=made.signers,
        at=AT,
        progress=lambda _: None,
    )
    assert outcome.outcome() is None
    eeg = load_streams(outcome.folder / "eeg.xdf")["EEG"]
    assert len(eeg["time_series"]) == made.n_rows
    assert np.all(np.diff(eeg["time_stamps"]) > 0)
    said = json.loads((outcome.folder / "alignment.json").read_text())
    found: dict[str, Any] = said["streams"]["EEG"]
    return found


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (none_at_all, "no packets"),
        (one_alone, "too little to measure a rate"),
        (no_times, "without a sane time were left out"),
        (one_moment, "too little to measure a rate"),
        (a_wrong_counter, "contradict each other"),
    ],
)
def test_no_rate_and_no_certainty_is_claimed_where_nothing_tells_them(
    tmp_path: Path, alter: Alter, said: str
) -> None:
    eeg = opened(tmp_path, alter)
    assert any(said in note for note in eeg["notes"])
    assert (eeg["rate_hz"], eeg["drift_ppm"], eeg["uncertainty_ms"]) == (None, None, None)


@pytest.mark.parametrize(
    ("alter", "said"), [(stuck, "stood still"), (backwards, "time went back")]
)
def test_what_is_odd_about_the_readings_is_said(
    tmp_path: Path, alter: Alter, said: str
) -> None:
    eeg = opened(tmp_path, alter)
    assert any(said in note for note in eeg["notes"])


def test_every_reconnect_is_a_segment(tmp_path: Path) -> None:
    eeg = opened(tmp_path, reconnecting)
    assert [part["why"] for part in eeg["segments"]] == ["start", *["reconnect"] * 23]
