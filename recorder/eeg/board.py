"""The only door to BrainFlow: one board, read in a process of its own.

``python -m recorder.eeg.board TASK`` connects, polls every 20 ms and writes messages to
its stdout until its stdin closes; then it releases the board and exits, by the kernel's
alarm if BrainFlow hangs. A process of its own because BrainFlow holds one lock for all
boards, never reports a disconnect, and burns a core when a dongle is pulled.

A played back file ends with `Ended` once its last row was delivered: BrainFlow itself
would sleep for ever.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import sys
import threading
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from recorder.clock import NS_PER_S, read_host_ns, read_wall_pair
from recorder.eeg.messages import (
    BAD_FILE,
    NO_DRIVER,
    Ended,
    Refused,
    Rows,
    Started,
    Task,
    to_frame,
)
from recorder.eeg.wall import Poll, assign_walls, step_between_ns
from recorder.no_core import forbid_core_dumps

if TYPE_CHECKING:
    from recorder.eeg.messages import Message


def _lend_pkg_resources() -> None:
    """Stand in for pkg_resources, which BrainFlow wants and setuptools dropped."""
    stand_in = types.ModuleType("pkg_resources")

    def resource_filename(module: str, path: str) -> str:
        return str(Path(str(sys.modules[module].__file__)).parent / path)

    stand_in.__dict__["resource_filename"] = resource_filename
    sys.modules.setdefault("pkg_resources", stand_in)


_lend_pkg_resources()
from brainflow.board_shim import (  # noqa: E402 - after the stand-in
    BoardIds,
    BoardShim,
    BrainFlowError,
    BrainFlowInputParams,
)

POLL_S = 0.020
RELEASE_S = 2.7  # Ganglion and Muse sleep 2 s while they are released
_RING_S = 60
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# BrainFlow's synthetic board waits for the next sample by the wall clock: set forward, it
# floods us with the hour it missed; set back, it is silent for as long.
_PACED_BY_WALL = "SYNTHETIC_BOARD"
_UPSETTING_NS = 100_000_000
# These answer "v" (a soft reset, which BrainFlow has just made too) with a banner.
_TELL_FIRMWARE = ("CYTON_BOARD", "CYTON_DAISY_BOARD")
_FIRMWARE = re.compile(r"^Firmware: (\S+)", re.MULTILINE)


def describe(name: str) -> dict[str, Any]:
    """Return BrainFlow's own description of board ``name``."""
    return dict(BoardShim.get_board_descr(BoardIds[name].value))


class Board:
    """A connected board that is polled for named rows."""

    def __init__(self, task: Task) -> None:
        self._facts = describe(task.board)
        self._task = task
        params = BrainFlowInputParams()
        params.serial_port = task.serial_port
        params.mac_address = task.mac_address
        params.serial_number = task.serial_number
        number = BoardIds[task.board]
        if task.file:
            params.file = task.file
            params.master_board = number.value
            number = BoardIds.PLAYBACK_FILE_BOARD
        self._shim = BoardShim(number.value, params)
        self._before = Poll(read_host_ns(), read_wall_pair())
        self.firmware = ""
        self.upset = ""  # why it can't be relied on any longer

    def connect(self) -> None:
        """Find the board and let it stream; raises BrainFlowError."""
        self._shim.prepare_session()
        if self._task.file:
            self._shim.config_board("loopback_false")
        elif self._task.board in _TELL_FIRMWARE:
            self.firmware = self._ask_firmware()
        self._shim.start_stream(_RING_S * int(self._facts["sampling_rate"]))
        self._before = Poll(read_host_ns(), read_wall_pair())

    def poll(self) -> list[Rows]:
        """Return what arrived since the last poll."""
        data = self._shim.get_board_data()
        now = Poll(read_host_ns(), read_wall_pair())
        stamp_s = data[self._facts["timestamp_channel"]]
        parts = assign_walls(stamp_s, self._before, now) if stamp_s.size else []
        step_ns = step_between_ns(self._before, now)
        if self._task.board == _PACED_BY_WALL and abs(step_ns) > _UPSETTING_NS:
            parts = [part for part in parts if part[1] is self._before.wall]
            self.upset = f"the wall clock was set by {step_ns / NS_PER_S:+.1f} s"
        self._before = now
        return [
            Rows(
                polled_ns=now.polled_ns,
                host_ns=wall.host_ns,
                wall_ns=wall.wall_ns,
                counter=self._row(data, "package_num_channel", part, np.int64),
                stamp_s=self._row(data, "timestamp_channel", part, np.float64),
                samples_uv=self._row(data, "eeg_channels", part, np.float32),
                battery_percent=self._battery(data),
            )
            for part, wall in parts
        ]

    def release(self) -> None:
        """Let the board go, whatever state it is in."""
        # A board that was pulled can't be told to stop; one never found has no session.
        with contextlib.suppress(BrainFlowError):
            self._shim.stop_stream()
        with contextlib.suppress(BrainFlowError):
            self._shim.release_session()

    def _ask_firmware(self) -> str:
        """Return the version the banner names, "" where it names none."""
        try:
            banner = self._shim.config_board("v")
        except UnicodeDecodeError as error:
            # A packet among the text: a board that an earlier crash left streaming.
            banner = error.object.decode("ascii", "replace")
        found = _FIRMWARE.search(banner)
        return found[1] if found else ""

    def _row(
        self, data: np.ndarray[Any, Any], name: str, part: slice, kind: type[np.generic]
    ) -> bytes:
        chosen: bytes = data[self._facts[name]][..., part].astype(kind).tobytes()
        return chosen

    def _battery(self, data: np.ndarray[Any, Any]) -> float | None:
        row = self._facts.get("battery_channel")
        return None if row is None else float(data[row, -1])


def count_rows(file: Path, n_columns: int) -> int:
    """Return the number of rows in a playback file of ``n_columns`` columns.

    Raises ValueError where a line has another number, as BrainFlow would skip it silently.
    """
    n_rows = 0
    with file.open(encoding="ascii") as lines:
        for n_rows, line in enumerate(lines, start=1):
            found = len(line.rstrip("\t\n").split("\t" if "\t" in line else ","))
            if found != n_columns:
                raise ValueError(f"line {n_rows} has {found} columns, not {n_columns}")
    if not n_rows:
        raise ValueError("it is empty")
    return n_rows


class _Pipe:
    """The way to the recorder; stdout is given away so that no native print spoils it."""

    def __init__(self) -> None:
        self._descriptor = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self.closed = threading.Event()
        threading.Thread(target=self._watch, name="parent-watch", daemon=True).start()

    def send(self, message: Message) -> None:
        """Write ``message``; a recorder that is gone closes the pipe."""
        rest = memoryview(to_frame(message))
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except BrokenPipeError:
            self._close()

    def _watch(self) -> None:
        """Wait for the recorder to close our stdin, which its death does too."""
        os.read(sys.stdin.fileno(), 1)
        self._close()

    def _close(self) -> None:
        # The kernel ends us even where BrainFlow never returns.
        signal.setitimer(signal.ITIMER_REAL, RELEASE_S)
        self.closed.set()


def _outlive_nobody() -> None:
    """Leave interrupts to the recorder, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # Closing stdin comes first and releases the board; the alarm is for when that fails.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1)
    signal.signal(
        signal.SIGUSR1, lambda *_: signal.setitimer(signal.ITIMER_REAL, RELEASE_S)
    )


def _deliver(board: Board, pipe: _Pipe, n_expected: int) -> None:
    """Send rows until the pipe closes, or until ``n_expected`` were sent (0 = no end)."""
    n_sent = 0
    while not board.upset and not pipe.closed.wait(POLL_S):
        for rows in board.poll():
            pipe.send(rows)
            n_sent += len(rows.counter) // np.dtype(np.int64).itemsize
        if n_expected and n_sent >= n_expected:
            pipe.send(Ended("end of file"))
            pipe.closed.wait()


def _run(task: Task, pipe: _Pipe) -> None:
    n_expected = 0
    if task.file:
        try:
            n_expected = count_rows(Path(task.file), describe(task.board)["num_rows"])
        except (OSError, ValueError) as error:
            pipe.send(Refused(BAD_FILE, str(error)))
            return
    board = Board(task)
    try:
        board.connect()
        pipe.send(Started(f"BrainFlow {BoardShim.get_version()}", board.firmware))
        _deliver(board, pipe, n_expected)
        if board.upset:
            # Releasing the board would sleep for the hour the clock was set back.
            os.write(sys.stderr.fileno(), board.upset.encode())
            os._exit(0)
    except BrainFlowError as error:
        pipe.send(Refused(error.exit_code, str(error)))
    finally:
        board.release()


def main() -> None:
    """Read the board that the task on the command line names."""
    forbid_core_dumps()  # not everybody who starts it has done so himself
    _outlive_nobody()
    pipe = _Pipe()
    try:
        BoardShim.disable_board_logger()
    except OSError as error:
        pipe.send(Refused(NO_DRIVER, str(error)))
        return
    _run(msgspec.json.decode(sys.argv[1], type=Task), pipe)


if __name__ == "__main__":
    main()
    # Native threads of a dead board can hang the interpreter's own farewell.
    os._exit(0)
