"""A part's seven streams: stock pyxdf shows them with every stamp where we put it."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pytest
import pyxdf

from recorder.errors import FormatError
from recorder.format import streams, xdf
from recorder.format.marks import mark_json, parse_mark_json
from recorder.format.streams import (
    ChronyState,
    EegStream,
    MarkRecord,
    PartIdentity,
    plain_text,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

SESSION = UUID("12345678-1234-4234-8234-123456789abc")
IDENTITY = PartIdentity("BOX-0007Y", SESSION, 7, 123456)
EEG = EegStream(
    model="OpenBCI Cyton",
    labels=("Fp1", "Fp2", "C3"),
    uv_per_count=(0.022351744455307063, 0.022351744455307063, 0.0),
    offset_counts=(0.0, -1.5, 0.0),
    rate_hz=250.0,
)
NS = 1_000_000_000
START_NS = 40 * 24 * 3600 * NS + 123_456_789  # 40 days of uptime
HEADER = streams.part_header(IDENTITY, EEG, extra={"software": "0.1.0"})
NAMES = ["EEG", "Markers", "MarkerLog", "PacketClock", "HostClock", "AudioClock", "Device"]


def load(content: bytes) -> dict[str, dict[str, Any]]:
    """Load with default arguments, as everybody does."""
    loaded, _ = pyxdf.load_xdf(io.BytesIO(content))
    return {stream["info"]["name"][0]: stream for stream in loaded}


def mark(**changes: Any) -> MarkRecord:  # noqa: ANN401 - any field may change
    fields = {"n": 1, "id": "emotion", "act": "on", "stamp_ns": START_NS, **changes}
    return MarkRecord(**fields)


def stamps_ns(n: int, *, rate_hz: float = 250.0) -> NDArray[np.int64]:
    return START_NS + (np.arange(n) * NS / rate_hz).astype(np.int64)


def eeg_values(n: int) -> NDArray[np.float32]:
    return np.random.default_rng(n).normal(0, 50, (3, n)).astype(np.float32)


def off_by_s(loaded: NDArray[np.float64], stamps: NDArray[np.int64]) -> float:
    return float(np.max(np.abs(loaded - stamps / 1e9)))


def whole_part() -> list[bytes]:
    """Chunks of a small part with everything in it, in order."""
    now = START_NS
    chunks = [streams.eeg_chunk(stamps_ns(25), eeg_values(25))]
    chunks.append(streams.marks_chunks([mark()]))
    chunks.append(
        streams.packet_clock_chunk(
            stamps_ns(25),
            polled_ns=now,
            counter=np.arange(25) % 256,
            stamp_s=1.7e9 + np.arange(25) / 250,
            rows_in_poll=25,
            connection=1,
        )
    )
    chunks.append(
        streams.host_clock_chunk(
            now, wall_ns=17 * 10**17, boot_ns=now, state=ChronyState.SYNCHRONISED
        )
    )
    chunks.append(streams.audio_clock_chunk(now, frame=480, xruns=0, segment=1))
    chunks.append(
        streams.device_chunk(
            now, battery_percent=80, quality=[1, 0.5, 0], impedance_kohm=None
        )
    )
    chunks.append(xdf.boundary())
    return chunks


def test_a_part_header_alone_loads_as_seven_streams_with_fixed_ids() -> None:
    loaded = load(HEADER)
    ids = {name: loaded[name]["info"]["stream_id"] for name in NAMES}
    assert ids == {name: number for number, name in enumerate(NAMES, start=1)}


def test_the_file_header_carries_the_parts_identity() -> None:
    _, info = pyxdf.load_xdf(io.BytesIO(HEADER))
    fields = {name: value[0] for name, value in info["info"].items()}
    assert fields == {
        "version": "1.0",
        "device": "BOX-0007Y",
        "session": str(SESSION),
        "part": "7",
        "first_frame": "123456",
        "software": "0.1.0",
    }


def test_eeg_channels_are_described_as_stock_tools_expect() -> None:
    info = load(HEADER)["EEG"]["info"]
    channels = info["desc"][0]["channels"][0]["channel"]
    assert [channel["label"][0] for channel in channels] == ["Fp1", "Fp2", "C3"]
    assert channels[1]["unit"] == ["microvolts"]
    assert channels[1]["type"] == ["EEG"]
    assert float(channels[1]["uv_per_count"][0]) == EEG.uv_per_count[1]
    assert float(channels[1]["offset_counts"][0]) == EEG.offset_counts[1]
    assert info["type"] == ["EEG"]
    assert info["nominal_srate"] == ["250"]
    assert info["channel_format"] == ["float32"]


def test_only_the_plain_markers_are_of_type_markers() -> None:
    loaded = load(HEADER)
    assert [n for n in NAMES if loaded[n]["info"]["type"] == ["Markers"]] == ["Markers"]


def test_all_streams_load_with_every_value_and_stamp() -> None:
    loaded = load(HEADER + b"".join(whole_part()))
    assert np.array_equal(loaded["EEG"]["time_series"], eeg_values(25).T)
    assert off_by_s(loaded["EEG"]["time_stamps"], stamps_ns(25)) < 1e-6
    assert loaded["Markers"]["time_series"] == [["emotion:on"]]
    assert json.loads(loaded["MarkerLog"]["time_series"][0][0])["id"] == "emotion"
    packet = loaded["PacketClock"]["time_series"]
    assert packet.shape == (25, 5)
    assert list(packet[3]) == [3, 1.7e9 + 3 / 250, START_NS / 1e9, 25, 1]
    host = loaded["HostClock"]["time_series"]
    assert list(host[0]) == [START_NS / 1e9, 1.7e9, START_NS / 1e9, 1]
    audio = loaded["AudioClock"]["time_series"]
    assert list(audio[0]) == [480, START_NS / 1e9, 0, 1]
    device = loaded["Device"]["time_series"]
    assert list(device[0][:4]) == [80, 1, 0.5, 0]
    assert np.isnan(device[0][4:]).all()
    assert off_by_s(loaded["PacketClock"]["time_stamps"], stamps_ns(25)) < 1e-6
    for name in NAMES[1:]:
        assert off_by_s(loaded[name]["time_stamps"][:1], np.array([START_NS])) < 1e-6


def test_each_columns_label_stands_where_its_numbers_do() -> None:
    loaded = load(HEADER)
    columns = {
        "PacketClock": streams.PACKET_CLOCK_COLUMNS,
        "HostClock": streams.HOST_CLOCK_COLUMNS,
        "AudioClock": streams.AUDIO_CLOCK_COLUMNS,
        "Device": streams.device_columns(EEG.labels),
    }
    for name, expected in columns.items():
        channels = loaded[name]["info"]["desc"][0]["channels"][0]["channel"]
        assert [channel["label"][0] for channel in channels] == [c[0] for c in expected]
        assert loaded[name]["info"]["channel_count"] == [str(len(expected))]


def test_lost_rows_stay_nan_on_the_grid() -> None:
    values = eeg_values(1000)
    values[:, 300:340] = np.nan
    loaded = load(HEADER + streams.eeg_chunk(stamps_ns(1000), values))["EEG"]
    assert np.array_equal(loaded["time_series"], values.T, equal_nan=True)
    assert off_by_s(loaded["time_stamps"], stamps_ns(1000)) < 1e-6


@pytest.mark.parametrize("hole_s", [0.5, 1.0, 1.9, 2.1, 30.0])
def test_a_hole_in_the_stamps_moves_nothing(hole_s: float) -> None:
    stamps = stamps_ns(5000)
    stamps[2500:] += int(hole_s * NS)
    values = eeg_values(5000)
    content = HEADER + streams.eeg_chunk(stamps[:2500], values[:, :2500])
    content += xdf.boundary() + streams.eeg_chunk(stamps[2500:], values[:, 2500:])
    assert off_by_s(load(content)["EEG"]["time_stamps"], stamps) < 1e-6


def test_an_oscillator_off_its_nominal_rate_keeps_its_stamps() -> None:
    stamps = stamps_ns(15_000, rate_hz=247.6)
    rng = np.random.default_rng(1)
    stamps += rng.integers(0, 500_000, stamps.size)
    content = HEADER + streams.eeg_chunk(stamps, eeg_values(15_000))
    assert off_by_s(load(content)["EEG"]["time_stamps"], stamps) < 1e-6


def test_a_cut_at_any_chunks_edge_loads_everything_before_it() -> None:
    chunks = whole_part()
    content = HEADER + b"".join(chunks)
    edges = np.cumsum([len(HEADER), *(len(chunk) for chunk in chunks)])
    n_before = 0
    for edge in edges:
        loaded = load(content[:edge])
        n_rows = sum(len(stream["time_stamps"]) for stream in loaded.values())
        assert n_rows >= n_before
        n_before = n_rows
    assert n_before == 25 + 2 + 25 + 3


def last_whole_chunk(content: bytes) -> int:
    """Walk lengths as any reader would; return where the last whole chunk ends."""
    at = 4
    while at < len(content):
        width = content[at]
        length = int.from_bytes(content[at + 1 : at + 1 + width], "little")
        if at + 1 + width > len(content) or at + 1 + width + length > len(content):
            break
        at += 1 + width + length
    return at


def test_a_cut_at_every_byte_loads_once_trimmed_to_a_chunk() -> None:
    content = HEADER + b"".join(whole_part())
    whole = load(content)
    seen = set()
    for cut in range(len(HEADER), len(content) + 1):
        end = last_whole_chunk(content[:cut])
        if end in seen:
            continue
        seen.add(end)
        for name, stream in load(content[:end]).items():
            n = len(stream["time_stamps"])
            assert np.array_equal(stream["time_stamps"], whole[name]["time_stamps"][:n])
            rows, expected = stream["time_series"], whole[name]["time_series"][:n]
            assert np.array_equal(rows, expected, equal_nan=name == "Device")
    assert len(seen) == len(whole_part()) + 2  # marks_chunks are two


def test_marks_plain_texts_are_what_stock_tools_show() -> None:
    expected = {
        ("insight", "point", None): "insight",
        ("emotion", "on", 5): "emotion:on",
        ("emotion", "off", None): "emotion:off",
        ("suds", "value", 7): "suds:7",
        ("insight", "undo", None): "insight:undo",
        ("pause", "pause", None): "pause",
        ("resume", "resume", None): "resume",
        ("lost", "lost", None): "lost",
        ("audio", "lost", None): "audio:lost",
    }
    shown = {key: plain_text(mark(id=key[0], act=key[1], value=key[2])) for key in expected}
    assert shown == expected


def test_the_marker_log_is_the_json_of_the_design_in_its_order() -> None:
    text = mark_json(mark(n=12, source="later", back_s=2.5, of=3))
    assert text == (
        '{"n":12,"id":"emotion","act":"on","value":null,"back_s":2.5,"of":3,'
        '"source":"later"}'
    )


@pytest.mark.parametrize("value", [None, 7, 2.5, "дыхание"])
def test_a_mark_reads_back_equal(value: float | str | None) -> None:
    record = mark(value=value, back_s=1.25, of=4)
    assert parse_mark_json(mark_json(record), stamp_ns=record.stamp_ns) == record


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"n":1}',
        mark_json(mark())[:-1] + ',"x":1}',
        mark_json(mark()).replace('"on"', '"maybe"'),
        mark_json(mark()).replace('"n":1', '"n":"1"'),
    ],
)
def test_a_mark_that_is_not_one_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        parse_mark_json(text, stamp_ns=0)


def test_an_identity_reads_back_equal() -> None:
    text = f"device=BOX-0007Y session={SESSION} part=7 first_frame=123456"
    assert IDENTITY.to_text() == text
    assert PartIdentity.from_text(text) == IDENTITY


@pytest.mark.parametrize(
    "text",
    [
        "",
        IDENTITY.to_text() + " ",
        IDENTITY.to_text().replace("part=7", "part=-7"),
        IDENTITY.to_text().replace("part=7", "part=0"),
        IDENTITY.to_text().replace("12345678-", "1234567--"),
        IDENTITY.to_text().replace("BOX", "box"),
    ],
)
def test_an_identity_that_is_not_one_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        PartIdentity.from_text(text)


@pytest.mark.parametrize(
    ("device", "part", "first_frame"),
    [("BOX 7", 1, 0), ("", 1, 0), ("BOX", 0, 0), ("BOX", 1, -1)],
)
def test_an_identity_nobody_could_read_back_is_refused(
    device: str, part: int, first_frame: int
) -> None:
    with pytest.raises(FormatError):
        PartIdentity(device, SESSION, part, first_frame)


def test_a_headset_whose_facts_disagree_is_refused() -> None:
    with pytest.raises(FormatError):
        EegStream("x", ("a", "b"), (1.0,), (0.0, 0.0), 250)
    with pytest.raises(FormatError):
        EegStream("x", (), (), (), 250)
    with pytest.raises(FormatError):
        EegStream("x", ("a",), (1.0,), (0.0,), 0)


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(FormatError, match="differ in length"):
        streams.audio_clock_chunk([1, 2], frame=[1, 2, 3], xruns=0, segment=1)
    with pytest.raises(FormatError, match="impedances"):
        streams.device_chunk(1, battery_percent=None, quality=[1], impedance_kohm=[1, 2])
