"""The session sheet reads back equal, and refuses what it does not know."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import msgspec
import pytest

from recorder.errors import FormatError
from recorder.format.sheet import (
    AppliedCalibration,
    Consent,
    Ending,
    Equipment,
    Preparation,
    SessionSheet,
    encode_sheet,
    parse_sheet,
)

CLIENT = "K7QX3"
SHEET = SessionSheet(
    device="BOX-0007Y",
    session=UUID("12345678-1234-4234-8234-123456789abc"),
    client=CLIENT,
    consent=Consent(scopes=("eeg", "audio"), form="2026-01"),
    mode="in-person",
    headset=Equipment(
        spec="simulated", description={"firmware": "1"}, simulated=True, board="CYTON_BOARD"
    ),
    microphone=Equipment(spec="none", description={}, simulated=False),
    codebook="1",
    software={"fieldrec": "0.1.0"},
    started_wall_ns=1_700_000_000_000_000_000,
    clock_state="unknown",
    started_host_ns=123_456_789,
)


def changed(**changes: Any) -> bytes:  # noqa: ANN401 - any JSON value
    return json.dumps({**json.loads(encode_sheet(SHEET)), **changes}).encode()


def test_a_sheet_reads_back_equal() -> None:
    assert parse_sheet(encode_sheet(SHEET)) == SHEET


def test_a_sheet_with_everything_in_it_reads_back_equal() -> None:
    full = msgspec.structs.replace(
        SHEET,
        ending=Ending("partial", "client_wish", {"session": {"depth": 5}}),
        preparation=Preparation(only_consented=True, confirmed=("adult",), good_share=0.5),
        continues=SHEET.session,
        simulation={"loss": 0.01},
        calibration=AppliedCalibration("muse", constant_ms=10.25, spread_ms=0.25),
    )
    assert parse_sheet(encode_sheet(full)) == full


def test_the_outcome_is_not_stated_until_somebody_states_it() -> None:
    assert json.loads(encode_sheet(SHEET))["ending"]["outcome"] == "not stated"


def test_it_is_json_that_people_can_read() -> None:
    fields = json.loads(encode_sheet(SHEET))
    assert fields["version"] == 1
    assert fields["session"] == "12345678-1234-4234-8234-123456789abc"
    assert b"\n" in encode_sheet(SHEET)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not readable"),
        (b"\xff", "not readable"),
        (b"[]", "not readable"),
        (changed(version=2), "version 2"),
        (changed(mode="by phone"), "$.mode"),
        (changed(consent={"scopes": ["video"], "form": "1"}), "$.consent.scopes[0]"),
        (changed(session="x"), "$.session"),
        (changed(ending={"outcome": "fine"}), "$.ending.outcome"),
        (changed(surprise=1), "not readable"),
        (changed(client=5), "$.client"),
    ],
)
def test_what_is_not_a_sheet_is_refused_with_the_place(data: bytes, said: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_sheet(data)
    assert said in caught.value.message


@pytest.mark.parametrize("data", [changed(client=[CLIENT]), changed(mode=CLIENT)])
def test_errors_never_show_what_the_sheet_says(data: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        parse_sheet(data)
    assert CLIENT not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
