"""What we say of a headset is what BrainFlow says of it, or is computed from its source."""

from __future__ import annotations

import pytest

from recorder.eeg import board as driver
from recorder.eeg.montage import Board, board, boards
from recorder.errors import UnknownHeadsetError

REAL = [facts for facts in boards() if facts.name != "simulated"]


@pytest.mark.parametrize("facts", REAL, ids=lambda facts: facts.name)
def test_rate_channels_labels_and_battery_are_brainflows(facts: Board) -> None:
    described = driver.describe(facts.name)
    names = described.get("eeg_names")
    labels = [channel.label for channel in facts.channels]
    assert facts.rate_hz == described["sampling_rate"]
    assert facts.n_channels == len(described["eeg_channels"])
    assert labels == (
        names.split(",") if names else [f"Ch{n}" for n in range(1, len(labels) + 1)]
    )
    assert facts.battery == ("battery_channel" in described)


@pytest.mark.parametrize("facts", boards(), ids=lambda facts: facts.name)
def test_facts_are_possible(facts: Board) -> None:
    counter = facts.counter
    assert counter.modulus >= 0
    assert counter.step >= 1
    assert counter.modulus % counter.step == 0
    assert counter.rows_per_packet >= 1
    assert facts.link in {"ble", "serial", "spi", "bluetooth", "dongle", "none"}
    assert facts.oscillator in {"crystal", "rc"}
    # Only a packet of several rows can have one true arrival for all of them.
    assert (facts.stamps == "last_row_of_packet") == (counter.rows_per_packet > 1)
    assert len({channel.label for channel in facts.channels}) == facts.n_channels


@pytest.mark.parametrize(
    ("name", "uv_per_count"),
    [
        ("MUSE_2_BOARD", 125 / 256),
        ("MUSE_S_ATHENA_BOARD", 1450 / 16383),
        ("CYTON_BOARD", 4.5 / 24 / (2**23 - 1) * 1e6),
        ("CYTON_DAISY_BOARD", 4.5 / 24 / (2**23 - 1) * 1e6),
        ("GANGLION_NATIVE_BOARD", 1.2e6 / ((2**23 - 1) * 1.5 * 51)),
        ("EXPLORE_4_CHAN_BOARD", 2.4e6 / 6 / (2**23 - 1)),
    ],
)
def test_scale_is_the_one_the_driver_computes(name: str, uv_per_count: float) -> None:
    (scale,) = {channel.uv_per_count for channel in board(name).channels}
    assert abs(scale / uv_per_count - 1) < 1e-7


def test_an_unknown_headset_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(UnknownHeadsetError, match=r"CYTON_BORD.*CYTON_BOARD"):
        board("CYTON_BORD")
    with pytest.raises(UnknownHeadsetError, match=r"use one of MUSE_2_BOARD"):
        board("?")
