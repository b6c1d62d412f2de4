"""Registers of clients: what is written is read again, and nothing else is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import ConsentError, RegisterError
from recorder.format.registers import (
    SCOPES,
    BoxClient,
    BoxRegister,
    ConsentRecord,
    LabRegister,
    LastSession,
    decode_register,
    encode_register,
    list_scopes,
    parse_scopes,
)

_scopes = st.frozensets(st.sampled_from(SCOPES))
_consents = st.builds(ConsentRecord, _scopes, st.text())
_lab_registers = st.builds(
    LabRegister,
    serial=st.integers(0, 2**62),
    pool=st.lists(st.text()).map(tuple),
    clients=st.dictionaries(st.text(), _consents),
    blocked=st.lists(st.text()).map(tuple),
)
_box_registers = st.builds(
    BoxRegister,
    lab_serial=st.integers(0, 2**62),
    clients=st.dictionaries(
        st.text(), st.builds(BoxClient, _scopes, st.text(), st.integers(0, 10**6))
    ),
    last_session=st.none() | st.builds(LastSession, st.text(), st.uuids()),
)


@given(_lab_registers)
def test_a_lab_register_reads_as_it_was_written(register: LabRegister) -> None:
    assert decode_register(encode_register(register), LabRegister) == register


@given(_box_registers)
def test_a_box_register_reads_as_it_was_written(register: BoxRegister) -> None:
    assert decode_register(encode_register(register), BoxRegister) == register


@given(_scopes, st.text())
def test_equal_registers_give_equal_bytes(scopes: frozenset[str], form: str) -> None:
    again = parse_scopes(",".join(sorted(scopes, reverse=True))) if scopes else frozenset()
    first, second = (
        LabRegister(clients={"A": ConsentRecord(each, form)})
        for each in (parse_scopes(list_scopes(scopes)) if scopes else frozenset(), again)
    )
    assert encode_register(first) == encode_register(second)


def test_the_lab_register_has_the_documented_fields() -> None:
    consent = ConsentRecord(frozenset({"eeg"}), "2026-1")
    register = LabRegister(
        serial=3, pool=("AAAAA",), clients={"BBBBB": consent}, blocked=("CCCCC",)
    )
    assert json.loads(encode_register(register)) == {
        "version": 1,
        "serial": 3,
        "pool": ["AAAAA"],
        "clients": {"BBBBB": {"scopes": ["eeg"], "form": "2026-1"}},
        "blocked": ["CCCCC"],
    }


def test_a_box_register_from_before_the_last_session_was_noted_is_read() -> None:
    assert decode_register(b'{"version":1,"lab_serial":4}', BoxRegister) == BoxRegister(
        lab_serial=4
    )


def test_fields_of_later_versions_are_let_pass() -> None:
    assert decode_register(b'{"version":1,"serial":2,"more":1}', LabRegister).serial == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"version":2}',
        b'{"version":1,"serial":"1"}',
        b'{"version":1,"clients":{"K7QX3":{"scopes":["video"],"form":"1"}}}',
        b'{"version":1,"clients":{"K7QX3":{"scopes":["eeg"]}}}',
    ],
)
def test_what_is_no_register_is_refused_without_naming_a_client(content: bytes) -> None:
    with pytest.raises(RegisterError) as caught:
        decode_register(content, LabRegister)
    assert "K7QX3" not in str(caught.value)


def test_scopes_are_read_in_any_order_with_spaces() -> None:
    assert parse_scopes("audio, eeg") == {"eeg", "audio"}
    assert list_scopes(parse_scopes("sharing,transcript,audio,eeg")) == ",".join(SCOPES)


@pytest.mark.parametrize("text", ["", "eeg,", "eeg audio", "EEG", "eeg,video"])
def test_unknown_scopes_are_refused(text: str) -> None:
    with pytest.raises(ConsentError, match="scopes are eeg,audio,transcript,sharing"):
        parse_scopes(text)
