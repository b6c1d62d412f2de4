"""A headset behind BrainFlow that is watched: lost within a second, reconnected by itself.

One thread owns the board's process: it starts it, hands over its rows, says `EegLost`
when none came for a second, ends it, and tries again in a fresh one after 1, 2, 4 and so
on up to 10 s. The first connection is different: if it fails, `start` says why.
"""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

import numpy as np

from recorder.clock import NS_PER_S, WallPair, read_host_ns
from recorder.eeg.link import read_link
from recorder.eeg.messages import Ended, Refused, Rows, Started
from recorder.eeg.process import BoardProcess
from recorder.eeg.refusals import refusal
from recorder.eeg.source import EegBlock, EegConnected, EegLost
from recorder.errors import FieldrecError, HeadsetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from recorder.eeg.messages import Message, Task
    from recorder.eeg.montage import Board
    from recorder.eeg.source import EegEvent

WATCHDOG_S = 1.0
CONNECT_S = 45.0  # a Bluetooth scan and three attempts take BrainFlow up to 30 s
FIRST_ROWS_S = 8.0
_LONGEST_PAUSE_S = 10.0
_WAKE_S = 0.1


class _LostError(Exception):
    """The connection is over; ``final`` where trying again is no use."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


def _pauses_s() -> Iterator[float]:
    return (min(2.0**n, _LONGEST_PAUSE_S) for n in itertools.count())


class SupervisedSource:
    """Any board BrainFlow can read, or play back from a file."""

    def __init__(self, board: Board, task: Task, *, simulated: bool = False) -> None:
        self._board = board
        self._task = task
        self._simulated = simulated
        self._driver = ""
        self._firmware = ""
        self._link: dict[str, str] = {}
        self._connection = 0
        self._stopping = threading.Event()
        self._first: Future[None] = Future()  # the first connection stands or failed
        self._thread: threading.Thread | None = None

    @property
    def board(self) -> Board:
        """Facts about the headset."""
        return self._board

    @property
    def simulated(self) -> bool:
        """Whether it is BrainFlow's synthetic board or a played back file."""
        return self._simulated

    @property
    def description(self) -> dict[str, str]:
        """Board, address and, once connected, firmware, driver and settings of the link."""
        facts = {
            "board": self._task.board,
            "address": self._task.address,
            "firmware": self._firmware,
            "driver": self._driver,
            **self._link,
        }
        return {name: value for name, value in facts.items() if value}

    def start(self, deliver: Callable[[EegEvent], None]) -> None:
        """Connect; return once the first rows came.

        Raises HeadsetError where the headset can't be used, SetupError where BrainFlow
        does not load.
        """
        self._stopping.clear()
        self._first = Future()
        self._connection = 0
        thread = threading.Thread(
            target=self._supervise, args=(deliver,), name="headset", daemon=True
        )
        thread.start()
        self._thread = thread
        self._first.result()

    def stop(self) -> None:
        """Release the headset within 3 s; its process is gone afterwards."""
        self._stopping.set()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()

    def _supervise(self, deliver: Callable[[EegEvent], None]) -> None:
        pauses_s = _pauses_s()
        more = True
        try:
            while more and not self._stopping.is_set():
                connected = self._connection
                more = self._hold(deliver)
                if self._connection > connected:
                    pauses_s = _pauses_s()
                if more:
                    self._stopping.wait(next(pauses_s))
        finally:
            if not self._first.done():
                self._first.set_result(None)  # stopped before anything came

    def _hold(self, deliver: Callable[[EegEvent], None]) -> bool:
        """Keep one connection while it lasts; return whether to try another."""
        connected = self._connection
        try:
            with BoardProcess(self._task) as process:
                try:
                    self._relay(process, deliver)
                except _LostError as lost:
                    if self._connection > connected:
                        deliver(EegLost(read_host_ns(), self._connection, lost.reason))
                    return not lost.final
        except (FieldrecError, OSError) as error:
            # Later on even a process that can't be started is worth another try.
            if not self._first.done():
                self._first.set_exception(error)
                return False
        return True

    def _relay(self, process: BoardProcess, deliver: Callable[[EegEvent], None]) -> None:
        """Hand over rows until asked to stop; raises _LostError or HeadsetError."""
        patience_s = CONNECT_S
        heard_ns = read_host_ns()
        connected = self._connection
        while not self._stopping.is_set():
            for message in process.read(_WAKE_S):
                heard_ns = read_host_ns()
                patience_s = WATCHDOG_S if isinstance(message, Rows) else FIRST_ROWS_S
                self._take(message, deliver, first=self._connection == connected)
            if process.ended:
                self._give_up(f"the headset's process ended: {process.complaint}")
            if read_host_ns() - heard_ns > patience_s * NS_PER_S:
                self._give_up(f"no data from the headset for {patience_s:g} s")

    def _give_up(self, reason: str) -> None:
        if not self._first.done():
            raise HeadsetError(
                f"{self._board.model}: {reason}", hint="switch it off and on, try again"
            )
        raise _LostError(reason)

    def _take(
        self, message: Message, deliver: Callable[[EegEvent], None], *, first: bool
    ) -> None:
        match message:
            case Started():
                self._driver, self._firmware = message.driver, message.firmware
                self._link = read_link(self._board, self._task)
            case Refused():
                raise refusal(self._board, self._task, message)
            case Ended():
                raise _LostError(message.reason, final=True)
            case Rows():
                if first:
                    self._connection += 1
                    deliver(EegConnected(message.polled_ns, self._connection))
                deliver(self._block(message))
                if not self._first.done():
                    self._first.set_result(None)

    def _block(self, rows: Rows) -> EegBlock:
        samples_uv = np.frombuffer(rows.samples_uv, np.float32)
        return EegBlock(
            connection=self._connection,
            polled_ns=rows.polled_ns,
            wall=WallPair(rows.host_ns, rows.wall_ns),
            counter=np.frombuffer(rows.counter, np.int64),
            stamp_s=np.frombuffer(rows.stamp_s, np.float64),
            samples_uv=samples_uv.reshape(self._board.n_channels, -1),
            battery_percent=rows.battery_percent,
        )
