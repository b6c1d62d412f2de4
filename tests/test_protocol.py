"""What goes over the socket reads back equal; what does not belong there is refused."""

from __future__ import annotations

import json

import msgspec
import pytest

from recorder.errors import ConsentError, FormatError
from recorder.protocol import calls
from recorder.protocol.lines import (
    Answer,
    News,
    Request,
    decode_reply,
    decode_request,
    encode_line,
    fault_of,
)
from recorder.protocol.replies import Marked
from recorder.protocol.state import Gate, Headset, Microphone, State, Upload

STATE = State(
    at_ns=1,
    phase="home",
    ready=False,
    problems=(),
    headset=Headset("", "", "none"),
    electrodes=(),
    microphone=Microphone("", "none"),
    gate=Gate(0.0, 0.0, open=False, override_in_s=180.0),
    free_min=90.0,
    alarms=(),
    upload=Upload(waiting=0, verified=0),
)


@pytest.mark.parametrize(
    "call",
    [
        calls.Hello(),
        calls.Subscribe(trace=True),
        calls.Prepare("K7QX3", "online", only_consented=True),
        calls.Prepare("K7QX3", "online", only_consented=True, scopes=("eeg",), form="1"),
        calls.Mark("suds", "value", 123, value=7),
        calls.Mark("suds", "undo", 123, of=4),
        calls.Erase(5),
        calls.Finish("partial", "client_wish", {"session": {"depth": 4}}),
    ],
    ids=lambda call: type(call).__name__,
)
def test_a_request_reads_back_equal(call: calls.Call) -> None:
    line = encode_line(Request(5, call))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_request(line) == Request(5, call)


def test_a_request_names_what_to_do() -> None:
    fields = json.loads(encode_line(Request(1, calls.SkipBaseline())))
    assert fields == {"id": 1, "call": {"do": "skip_baseline"}}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"id":1}',
        b'{"id":1,"call":{"do":"fly"}}',
        b'{"id":1,"call":{"do":"erase","minutes":2}}',
        b'{"id":1,"call":{"do":"mark","id":"tears","act":"on","key_ns":1,"back_s":-1}}',
        b'{"id":1,"call":{"do":"hello","more":1}}',
        b'{"id":1,"call":{"do":"use","headset":"' + b"x" * 1001 + b'"}}',
        b"[" * 100_000,
        b'{"id":' + b"9" * 400 + b',"call":{"do":"hello"}}',
        b'{"id":1,"call":{"do":"mark","id":"tears","act":"on","key_ns":'
        + b"9" * 400
        + b"}}",
        b'{"id":1,"call":{"do":"use","headset":"playback:/a\\u0000b:CYTON_BOARD"}}',
        b'{"id":1,"call":{"do":"use","microphone":"alsa:hw\\n"}}',
    ],
    ids=range(15),
)
def test_what_is_no_request_is_refused(line: bytes) -> None:
    with pytest.raises(FormatError, match="a request can't be read"):
        decode_request(line)


def test_a_name_typed_where_it_does_not_belong_is_not_repeated() -> None:
    line = b'{"id":1,"call":{"do":"prepare","client":"K7QX3","mode":"Ivanova"}}'
    with pytest.raises(FormatError) as caught:
        decode_request(line)
    assert "Ivanova" not in str(caught.value)
    assert "call.mode" in str(caught.value)


def test_news_and_answers_are_told_apart() -> None:
    good = Answer(3, ok=msgspec.Raw(msgspec.json.encode(Marked(7, saved=True))))
    bad = Answer(4, fault=fault_of(ConsentError("no consent", hint="ask")))
    assert decode_reply(encode_line(News(STATE))) == News(STATE)
    for answer in (good, bad):
        read = decode_reply(encode_line(answer))
        assert isinstance(read, Answer)
        assert (read.id, read.fault) == (answer.id, answer.fault)
        assert bytes(read.ok) == bytes(answer.ok)


@pytest.mark.parametrize("line", [b"", b"7", b'{"state":{}}', b'{"ok":{}}', b"\xff"])
def test_what_the_recorder_never_says_is_refused(line: bytes) -> None:
    with pytest.raises(FormatError, match="recorder's line"):
        decode_reply(line)
