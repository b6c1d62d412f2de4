"""A headset that falls silent is lost within a second, let go, and found again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recorder.clock import NS_PER_S, read_host_ns
from recorder.eeg.choose import open_headset
from recorder.eeg.messages import Task
from recorder.eeg.montage import board
from recorder.eeg.source import EegConnected, EegLost
from recorder.eeg.supervised import SupervisedSource
from recorder.errors import HeadsetError, PlaybackFileError
from recorder.simulation import SimulationOptions, Truth
from tests.core_limit import leaves_no_core
from tests.cyton_pty import FIRMWARE, CytonPty, counts, packet
from tests.eeg_listener import Listener, arrivals_ns, counters, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recorder.eeg.source import EegSource

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
# A second is promised; what a busy machine adds to it is no fault of the watchdog's.
LOST_S = 5.0


def children(pid: int) -> set[int]:
    """Return the processes that ``pid`` started and that nobody waited for yet."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        # Any process may end while we look.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            status = (process / "stat").read_text("ascii", "replace")
            if int(status.rpartition(")")[2].split()[1]) == pid:
                found.add(int(process.name))
    return found


def is_gone(pid: int) -> bool:
    """Tell whether a process ended; one that nobody waited for has state Z."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def start(source: EegSource) -> tuple[Listener, int]:
    """Start ``source``; return its listener and the number of its process."""
    others = children(os.getpid())
    listener = Listener()
    source.start(listener)
    (pid,) = children(os.getpid()) - others
    return listener, pid


@pytest.fixture
def cyton(tmp_path: Path) -> Iterator[CytonPty]:
    with CytonPty(tmp_path) as pty:
        yield pty


@pytest.fixture
def source(cyton: CytonPty) -> Iterator[SupervisedSource]:
    headset = SupervisedSource(
        board("CYTON_BOARD"), Task("CYTON_BOARD", serial_port=str(cyton.port))
    )
    yield headset
    headset.stop()


def test_the_boards_process_never_leaves_a_core_dump(source: SupervisedSource) -> None:
    listener, pid = start(source)
    listener.wait_for_rows(1)
    assert leaves_no_core(pid)


def test_counts_become_microvolts_on_the_cytons_scale(source: SupervisedSource) -> None:
    listener, _ = start(source)
    listener.wait_for_rows(300)
    blocks = listener.blocks()
    samples_uv = np.concatenate([block.samples_uv for block in blocks], axis=1)
    first = int(counters(blocks)[0])
    expected = np.array([counts(first + n) for n in range(300)]).T
    scale = source.board.channels[0].uv_per_count
    assert np.array_equal(samples_uv[:, :300], (expected * scale).astype(np.float32))
    assert np.array_equal(np.rint(samples_uv[:, :300] / scale), expected)


def test_a_cyton_tells_its_firmware(source: SupervisedSource) -> None:
    assert "firmware" not in source.description
    start(source)
    assert source.description["firmware"] == FIRMWARE
    assert source.description["driver"].startswith("BrainFlow ")


def test_a_packet_in_the_banner_of_a_cyton_does_not_keep_it_from_recording(
    cyton: CytonPty, source: SupervisedSource
) -> None:
    cyton.straggler = packet(7)
    listener, _ = start(source)
    listener.wait_for_rows(50)
    assert source.description["firmware"] == FIRMWARE


def test_a_mute_headset_is_lost_let_go_and_found_again(
    cyton: CytonPty, source: SupervisedSource
) -> None:
    listener, pid = start(source)
    listener.wait_for_rows(50)
    cyton.mute.set()
    muted_ns = read_host_ns()
    lost = listener.wait_for(EegLost, 1, PATIENCE_S)
    assert (lost.host_ns - muted_ns) / NS_PER_S < LOST_S
    assert (lost.host_ns - listener.blocks()[-1].polled_ns) / NS_PER_S > 1
    assert lost.reason == "no data from the headset for 1 s"
    until(lambda: is_gone(pid), PATIENCE_S)
    cyton.mute.clear()
    back = listener.wait_for(EegConnected, 2, PATIENCE_S)
    listener.wait_for_rows(50, connection=2)
    assert listener.events.index(lost) < listener.events.index(back)
    assert listener.blocks(2)[0].polled_ns >= back.host_ns
    assert cyton.commands.count("b") == 2


def test_a_pulled_headset_is_lost_and_leaves_no_process_spinning(
    cyton: CytonPty, source: SupervisedSource
) -> None:
    listener, pid = start(source)
    listener.wait_for_rows(50)
    cyton.pull()
    pulled_ns = read_host_ns()
    lost = listener.wait_for(EegLost, 1, PATIENCE_S)
    assert (lost.host_ns - pulled_ns) / NS_PER_S < LOST_S
    until(lambda: is_gone(pid), PATIENCE_S)
    cyton.plug_in()
    listener.wait_for(EegConnected, 2, PATIENCE_S)
    listener.wait_for_rows(50, connection=2)
    assert sum(isinstance(event, EegLost) for event in listener.events) == 1


def test_stop_tells_the_board_to_stop_and_ends_the_process(
    cyton: CytonPty, source: SupervisedSource
) -> None:
    _, pid = start(source)
    began_ns = read_host_ns()
    source.stop()
    assert (read_host_ns() - began_ns) / NS_PER_S < 5
    assert is_gone(pid)
    until(lambda: cyton.commands[-1] == "s", PATIENCE_S)


def test_interrupts_of_the_terminal_are_left_to_the_recorder(
    source: SupervisedSource,
) -> None:
    listener, pid = start(source)
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    listener.wait_for_rows(listener.n_rows() + 100)
    assert not any(isinstance(event, EegLost) for event in listener.events)


def test_a_hung_process_is_lost_and_killed(source: SupervisedSource) -> None:
    listener, pid = start(source)
    os.kill(pid, signal.SIGSTOP)
    stopped_ns = read_host_ns()
    lost = listener.wait_for(EegLost, 1, PATIENCE_S)
    assert (lost.host_ns - stopped_ns) / NS_PER_S < LOST_S
    began_ns = read_host_ns()
    source.stop()
    assert (read_host_ns() - began_ns) / NS_PER_S < 5
    assert is_gone(pid)


def test_a_killed_process_is_lost_at_once_and_replaced(source: SupervisedSource) -> None:
    listener, pid = start(source)
    os.kill(pid, signal.SIGKILL)
    killed_ns = read_host_ns()
    lost = listener.wait_for(EegLost, 1, PATIENCE_S)
    assert (lost.host_ns - killed_ns) / NS_PER_S < LOST_S
    assert "process ended" in lost.reason
    listener.wait_for(EegConnected, 2, PATIENCE_S)


def test_the_process_outlives_no_recorder(cyton: CytonPty) -> None:
    program = f"""
import threading
from recorder.eeg.messages import Task
from recorder.eeg.montage import board
from recorder.eeg.supervised import SupervisedSource
task = Task("CYTON_BOARD", serial_port={str(cyton.port)!r})
SupervisedSource(board("CYTON_BOARD"), task).start(lambda event: None)
print("recording", flush=True)
threading.Event().wait()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as recorder:
        assert recorder.stdout
        assert recorder.stdout.readline() == "recording\n"
        (pid,) = children(recorder.pid)
        recorder.kill()
        until(lambda: is_gone(pid), PATIENCE_S)
    until(lambda: cyton.commands[-1] == "s", PATIENCE_S)


def test_a_board_that_does_not_answer_is_refused_with_advice(
    cyton: CytonPty, source: SupervisedSource
) -> None:
    cyton.mute.set()
    others = children(os.getpid())
    with pytest.raises(HeadsetError, match=r"the board does not; switch the board on"):
        source.start(Listener())
    assert children(os.getpid()) <= others


def test_a_played_back_file_arrives_whole_and_then_ends(
    tmp_path: Path, shared_data: Path
) -> None:
    n_rows = 750
    cut = tmp_path / "cut.csv"
    with (shared_data / "eeg" / "cyton-blinks-jaw-alpha.csv").open() as lines:
        cut.write_text("".join(islice(lines, n_rows)))
    source = open_headset(
        f"playback:{cut}:CYTON_BOARD", options=SimulationOptions(), truth=Truth(0)
    )
    listener, pid = start(source)
    lost = listener.wait_for(EegLost, 1, PATIENCE_S)
    until(lambda: is_gone(pid), PATIENCE_S)
    source.stop()
    blocks = listener.blocks()
    recorded = np.loadtxt(cut, delimiter="\t").T
    samples_uv = np.concatenate([block.samples_uv for block in blocks], axis=1)
    assert lost.reason == "end of file"
    assert np.array_equal(samples_uv, recorded[1:9].astype(np.float32))
    assert np.array_equal(counters(blocks), recorded[0].astype(np.int64))
    took_s = (arrivals_ns(blocks)[-1] - arrivals_ns(blocks)[0]) / NS_PER_S
    assert -0.2 < took_s - (recorded[22][-1] - recorded[22][0]) < 2
    assert isinstance(listener.events[-1], EegLost)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("1\t2\t3\n", "line 1 has 3 columns, not 24"),
        ("\t".join(["0"] * 24) + "\n" + "0\t1\n", "line 2 has 2 columns, not 24"),
    ],
    ids=["first line", "second line"],
)
def test_a_file_of_another_board_is_refused(
    tmp_path: Path, content: str, complaint: str
) -> None:
    file = tmp_path / "other.csv"
    file.write_text(content)
    source = open_headset(
        f"playback:{file}:CYTON_BOARD", options=SimulationOptions(), truth=Truth(0)
    )
    with pytest.raises(PlaybackFileError, match=complaint):
        source.start(Listener())
