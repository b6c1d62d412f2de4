"""A calibration reads back equal, and is only used for what it was measured on."""

from __future__ import annotations

import tomllib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import FormatError
from recorder.format.calibration import (
    Calibration,
    choose_calibration,
    encode_calibration,
    parse_calibration,
)
from recorder.format.sheet import AppliedCalibration, Equipment

KNOWN = Calibration(
    id="CYTON_BOARD-2026-11-23-0a1b2c3d",
    date="2026-11-23",
    simulated=False,
    board="CYTON_BOARD",
    model="OpenBCI Cyton",
    headset={"firmware": "v3.1.2", "ftdi_latency_ms": "1"},
    microphone={"kind": "alsa", "hardware": "USB Audio"},
    audio_rate_hz=48_000,
    headset_class="serial",
    target_ms=0.5,
    n_connections=8,
    n_pulses=950,
    constant_ms=8.968,
    spread_ms=0.048,
    standard_error_ms=0.017,
    sessions=("12345678-1234-4234-8234-123456789abc",),
)
HEADSET = Equipment(
    spec="cyton",
    description={"driver": "BrainFlow 5", "firmware": "v3.1.2", "ftdi_latency_ms": "1"},
    simulated=False,
    board="CYTON_BOARD",
)
MICROPHONE = Equipment(
    spec="alsa:hw:1",
    description={"kind": "alsa", "hardware": "USB Audio", "pcm": "hw:1"},
    simulated=False,
)


def chosen(
    *known: Calibration,
    headset: Equipment = HEADSET,
    microphone: Equipment = MICROPHONE,
    audio_rate_hz: int = 48_000,
) -> AppliedCalibration | None:
    return choose_calibration(
        known, headset=headset, microphone=microphone, audio_rate_hz=audio_rate_hz
    )


def headset(**description: str) -> Equipment:
    return msgspec.structs.replace(HEADSET, description=description)


_TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


@given(facts=st.dictionaries(_TEXTS, _TEXTS, max_size=4), warnings=st.lists(_TEXTS))
def test_a_calibration_reads_back_equal(facts: dict[str, str], warnings: list[str]) -> None:
    one = msgspec.structs.replace(KNOWN, headset=facts, warnings=tuple(warnings))
    assert parse_calibration(encode_calibration(one), place="x") == one


def test_it_is_toml_that_people_can_read() -> None:
    text = encode_calibration(KNOWN).decode()
    assert "\nconstant_ms = 8.968\n" in text
    assert tomllib.loads(text)["headset"] == KNOWN.headset


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"constant_ms = 8.968", b"constant_ms = 8968.0"),
        (b"spread_ms = 0.048", b"spread_ms = -1.0"),
        (b"constant_ms = 8.968", b"constant_ms = nan"),
        (b"version = 1", b"version = 2"),
        (b"version = 1", b"version = 1\nsurprise = 1"),
        (b'id = "CYTON', b'id = "../CYTON'),
        (b"version = 1", b"version = = 1"),
        (b"version = 1", b"\xff"),
    ],
)
def test_what_is_no_calibration_is_refused_by_name(old: bytes, new: bytes) -> None:
    content = encode_calibration(KNOWN)
    assert old in content
    with pytest.raises(FormatError, match=r"cyton\.toml"):
        parse_calibration(content.replace(old, new, 1), place="cyton.toml")


def test_the_one_that_fits_is_chosen() -> None:
    assert chosen(KNOWN) == AppliedCalibration(KNOWN.id, 8.968, 0.048)
    assert chosen() is None


@pytest.mark.parametrize(
    "other",
    [
        headset(),
        headset(firmware="v3.1.2"),
        headset(firmware="v3.1.3", ftdi_latency_ms="1"),
        headset(firmware="v3.1.2", ftdi_latency_ms="16"),
        headset(firmware="v3.1.2", ftdi_latency_ms="not readable"),
        msgspec.structs.replace(HEADSET, board="CYTON_DAISY_BOARD"),
        msgspec.structs.replace(HEADSET, simulated=True),
    ],
)
def test_another_headset_firmware_or_link_gets_none(other: Equipment) -> None:
    assert chosen(KNOWN, headset=other) is None


def test_another_microphone_or_rate_gets_none_but_no_sound_at_all_does() -> None:
    other = msgspec.structs.replace(MICROPHONE, description={"kind": "alsa"})
    assert chosen(KNOWN, microphone=other) is None
    assert chosen(KNOWN, audio_rate_hz=44_100) is None
    silent = Equipment(spec="none", description={}, simulated=False)
    assert chosen(KNOWN, microphone=silent, audio_rate_hz=0) is not None


def test_the_newest_counts() -> None:
    older = msgspec.structs.replace(KNOWN, id="older", date="2026-10-01", constant_ms=7.0)
    for order in ((older, KNOWN), (KNOWN, older)):
        found = chosen(*order)
        assert found is not None
        assert found.id == KNOWN.id
