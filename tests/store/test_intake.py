"""Pause means pause, frames keep their numbers, and every break is a new segment."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
import soundfile

from lab.flac_reader import read_flac
from lab.pieces import Piece
from lab.xdf_reader import read_xdf
from recorder.audio.source import AudioFormat, AudioLost
from recorder.clock import NS_PER_S
from recorder.eeg.source import EegLost
from recorder.format.marks import MarkRecord
from recorder.format.streams import StreamId
from recorder.simulation import SimulationOptions
from tests.power_cut_disk import PowerCutDisk
from tests.recording_rig import SESSIONS, Rig, read_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lab.xdf_reader import Rows, XdfFile


def a_rig(
    *, simulation: SimulationOptions | None = None, part_length_s: float = 60.0
) -> Rig:
    disk = PowerCutDisk()
    disk.make_base(SESSIONS)
    rig = Rig(
        disk, part_length_s=part_length_s, simulation=simulation or SimulationOptions()
    )
    rig.begin()
    return rig


def parts_of(rig: Rig) -> tuple[list[XdfFile], list[NDArray[np.int16]]]:
    rig.stop()
    assert isinstance(rig.disk, PowerCutDisk)
    found = read_parts(rig.disk.files())
    xdf = [read_xdf((Piece(0, found[number].eeg),)) for number in sorted(found)]
    return xdf, [_decode(found[number].audio) for number in sorted(found)]


def _decode(flac: bytes) -> NDArray[np.int16]:
    if read_flac((Piece(0, flac),)).n_frames == 0:
        return np.empty((0, 1), np.int16)  # libsndfile can't read a file without frames
    samples, _ = soundfile.read(io.BytesIO(flac), dtype="int16", always_2d=True)
    return np.asarray(samples, np.int16)


def stamps_of(file: XdfFile, stream: StreamId) -> NDArray[np.float64]:
    return file.rows[stream].stamps_s if stream in file.rows else np.empty(0)


def log_of(file: XdfFile) -> list[dict[str, object]]:
    rows: Rows | None = file.rows.get(StreamId.MARKER_LOG)
    texts = [] if rows is None else [str(value) for value in rows.values[:, 0]]
    return [msgspec.json.decode(text) for text in texts]


@pytest.mark.parametrize("jitter_ms", [0.0, 30.0])
def test_nothing_taken_during_a_pause_is_written(jitter_ms: float) -> None:
    rig = a_rig(simulation=SimulationOptions(jitter_ms=jitter_ms))
    rig.run(2.0)
    paused_ns = rig.now_ns
    rig.recording.pause(paused_ns)
    rig.run(3.0)
    resumed_ns = rig.now_ns
    rig.recording.resume(resumed_ns)
    rig.run(2.0)
    end_ns = rig.now_ns
    (before, after), sound = parts_of(rig)
    assert stamps_of(before, StreamId.EEG)[-1] <= paused_ns / NS_PER_S
    assert stamps_of(after, StreamId.EEG)[0] >= resumed_ns / NS_PER_S
    assert abs(len(sound[0]) - 2.0 * 48_000) < 4_000
    heard_s = (end_ns - resumed_ns) / NS_PER_S
    assert len(sound[1]) <= heard_s * 48_000
    assert len(sound[1]) > heard_s * 48_000 - 4_000


def test_the_first_frames_after_a_pause_were_heard_after_it() -> None:
    rig = a_rig()
    rig.run(1.0)
    rig.recording.pause(rig.now_ns)
    rig.run(0.5)
    resumed_ns = rig.now_ns
    rig.recording.resume(resumed_ns)
    rig.run(1.0)
    (before, after), sound = parts_of(rig)
    clock = after.rows[StreamId.AUDIO_CLOCK].values.astype(np.float64)
    frame, stamp_s = clock[0][0], clock[0][1]
    first_s = stamp_s - (frame - len(sound[0])) / 48_000
    assert first_s >= resumed_ns / NS_PER_S - 1e-6
    assert first_s < resumed_ns / NS_PER_S + 0.05
    assert clock[0][3] > before.rows[StreamId.AUDIO_CLOCK].values.astype(np.float64)[-1][3]


def test_marks_are_numbered_and_keep_the_moment_of_the_key() -> None:
    rig = a_rig()
    rig.run(1.0)
    pressed_ns = rig.now_ns - 7_000_000
    record = MarkRecord(n=0, id="suds", act="value", value=7, stamp_ns=pressed_ns)
    assert rig.recording.mark(record).n == 1
    rig.mark("insight")
    (file,), _ = parts_of(rig)
    assert [entry["n"] for entry in log_of(file)] == [1, 2]
    assert stamps_of(file, StreamId.MARKER_LOG)[0] == pressed_ns / NS_PER_S
    assert [str(v) for v in file.rows[StreamId.MARKERS].values[:, 0]] == [
        "suds:7",
        "insight",
    ]


def test_a_mark_while_paused_is_not_written_and_not_numbered() -> None:
    rig = a_rig()
    rig.run(1.0)
    rig.recording.pause(rig.now_ns)
    record = MarkRecord(n=0, id="insight", act="point", stamp_ns=rig.now_ns)
    assert rig.recording.mark(record).n == 0
    (file,), _ = parts_of(rig)
    assert [entry["act"] for entry in log_of(file)] == ["pause"]


def test_an_overrun_begins_a_segment_and_is_counted() -> None:
    rig = a_rig(simulation=SimulationOptions(xrun_at_s=1.5))
    rig.run(3.0)
    (file,), _ = parts_of(rig)
    clock = file.rows[StreamId.AUDIO_CLOCK].values.astype(np.float64)
    assert rig.recording.intake.counts.xruns == 1
    assert set(clock[:, 2]) == {0.0, 1.0}
    assert len(set(clock[:, 3])) == 2
    assert np.all(np.diff(clock[:, 0]) > 0)


def test_a_lost_and_returned_headset_leaves_two_marks_and_no_rows() -> None:
    rig = a_rig(simulation=SimulationOptions(reconnect_at_s=1.0))
    rig.run(6.0)
    (file,), sound = parts_of(rig)
    acts = [(entry["id"], entry["act"], entry["source"]) for entry in log_of(file)]
    assert acts == [("headset", "lost", "machine"), ("headset", "back", "machine")]
    stamps_s = stamps_of(file, StreamId.EEG)
    assert np.diff(stamps_s).max() > 2.5
    assert not np.isnan(file.rows[StreamId.EEG].values.astype(np.float64)).any()
    connections = file.rows[StreamId.PACKET_CLOCK].values.astype(np.float64)[:, 4]
    assert sorted(set(connections)) == [1.0, 2.0]
    assert abs(len(sound[0]) - 6.0 * 48_000) < 4_000


def test_losses_the_counter_shows_are_rows_of_nan_on_the_grid() -> None:
    rig = a_rig(simulation=SimulationOptions(loss=0.05, seed=3))
    rig.run(4.0)
    (file,), _ = parts_of(rig)
    values = file.rows[StreamId.EEG].values.astype(np.float64)
    lost = np.isnan(values).all(axis=1)
    assert int(lost.sum()) == rig.recording.intake.counts.lost_samples > 20
    steps_s = np.diff(stamps_of(file, StreamId.EEG))[250:]
    assert np.abs(steps_s - 0.004).max() < 0.0005


def test_every_packet_is_stamped_like_its_last_sample() -> None:
    rig = a_rig(simulation=SimulationOptions(loss=0.02, jitter_ms=2.0))
    rig.run(3.0)
    (file,), _ = parts_of(rig)
    packets = set(stamps_of(file, StreamId.PACKET_CLOCK))
    assert packets <= set(stamps_of(file, StreamId.EEG))
    assert len(packets) == rig.recording.intake.counts.rows


def test_a_lost_microphone_is_told_and_eeg_goes_on() -> None:
    rig = a_rig()
    rig.run(1.0)
    rig.recording.intake.audio(AudioLost(rig.now_ns, "unplugged"))
    rig.recording.intake.eeg(EegLost(rig.now_ns, 1, "test"))
    assert rig.recording.intake.microphone_lost
    (file,), _ = parts_of(rig)
    assert {entry["id"] for entry in log_of(file)} == {"microphone", "headset"}


class Silent:
    """A device that broke without a word."""

    def advance(self, _now_ns: int) -> list[Any]:
        return []


@pytest.mark.parametrize("device", ["headset", "microphone"])
def test_a_device_that_breaks_without_a_word_is_told_all_the_same(device: str) -> None:
    rig = a_rig()
    rig.run(1.0)
    working = getattr(rig, f"_{device}")
    setattr(rig, f"_{device}", Silent())
    rig.run(2.0)
    assert not getattr(rig.recording.intake, f"{device}_lost")
    rig.run(2.0)
    assert getattr(rig.recording.intake, f"{device}_lost")
    setattr(rig, f"_{device}", working)
    rig.run(1.0)
    assert not getattr(rig.recording.intake, f"{device}_lost")
    (file,), _ = parts_of(rig)
    acts = [(entry["id"], entry["act"]) for entry in log_of(file)]
    assert acts == [(device, "lost"), (device, "back")]


def test_without_a_microphone_its_silence_is_no_loss() -> None:
    disk = PowerCutDisk()
    disk.make_base(SESSIONS)
    rig = Rig(disk, audio=None)
    rig.begin()
    rig.run(4.0)
    assert not rig.recording.intake.microphone_lost


def test_frames_go_on_counting_over_parts() -> None:
    disk = PowerCutDisk()
    disk.make_base(SESSIONS)
    rig = Rig(disk, part_length_s=1.0, audio=AudioFormat(bits=24, n_channels=2))
    rig.begin()
    rig.run(4.0)
    xdf, sound = parts_of(rig)
    assert len(xdf) >= 4
    first = 0
    for file, frames in zip(xdf, sound, strict=True):
        assert file.file_header is not None
        assert f"<first_frame>{first}</first_frame>" in file.file_header.decode()
        first += len(frames)
    assert first == rig.recording.intake.frames_written


def test_what_was_lost_counts_over_the_parts_it_lies_in() -> None:
    rig = a_rig(
        part_length_s=1.0, simulation=SimulationOptions(reconnect_at_s=1.5, loss=0.02)
    )
    rig.run(6.0)
    lost_ns = rig.recording.lost_ns(rig.now_ns)
    by_counter_ns = rig.recording.intake.counts.lost_samples * NS_PER_S / 250
    assert lost_ns == pytest.approx(3 * NS_PER_S + by_counter_ns, abs=NS_PER_S / 2)
    rig.recording.erase(round(0.5 * NS_PER_S), rig.now_ns)
    assert 2.5 * NS_PER_S < rig.recording.lost_ns(rig.now_ns) <= lost_ns


def test_what_was_lost_is_forgotten_with_the_parts_that_are_erased() -> None:
    rig = a_rig(part_length_s=1.0, simulation=SimulationOptions(reconnect_at_s=1.5))
    rig.run(6.0)
    rig.recording.erase(6 * NS_PER_S, rig.now_ns)
    assert rig.recording.lost_ns(rig.now_ns) == 0


def test_a_headset_that_is_away_when_a_pause_begins_was_lost_until_then() -> None:
    rig = a_rig(simulation=SimulationOptions(reconnect_at_s=1.5))
    rig.run(3.5)
    rig.recording.pause(rig.now_ns)
    lost_ns = rig.recording.lost_ns(rig.now_ns)
    assert 1.5 * NS_PER_S < lost_ns < 2.5 * NS_PER_S
    rig.run(3.0)  # it comes back meanwhile
    rig.recording.resume(rig.now_ns)
    rig.run(1.0)
    assert rig.recording.lost_ns(rig.now_ns) == lost_ns
