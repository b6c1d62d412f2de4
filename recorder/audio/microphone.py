"""A microphone on ALSA: one thread reads and opens it again after a loss, one watches.

The watching one is there because a driver can hang inside a read: then the reading thread
can tell nobody.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import closing
from typing import TYPE_CHECKING

from recorder.audio.alsa import open_capture
from recorder.audio.samples import check_format
from recorder.audio.source import AudioBlock, AudioConnected, AudioLost
from recorder.audio.stamps import StampJudge, read_clocks
from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import MicrophoneError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from recorder.audio.alsa import CapturePcm
    from recorder.audio.source import AudioEvent, AudioFormat

SILENT_S = 1.0  # without a frame for so long it is lost
FIRST_S = 3.0  # sound servers take 2 s to hand over the first frame
OPEN_S = 5.0  # a driver that takes longer to open hangs
STOP_S = 1.0
AHEAD_S = 1.0  # more than a buffer can hold back when it starts
PROOF_S = 0.1
WATCH_S = 0.25
BACK_OFF_S = (0.25, 0.5, 1.0)


class AlsaMicrophone:
    """An AudioSource on any capture PCM."""

    simulated = False

    def __init__(self, pcm_name: str, fmt: AudioFormat) -> None:
        check_format(fmt)
        self._pcm_name = pcm_name
        self._format = fmt
        self._reader: _Reader | None = None

    @property
    def format(self) -> AudioFormat:
        """What it delivers, exactly."""
        return self._format

    @property
    def description(self) -> dict[str, str]:
        """PCM, sample layout, period, buffer and the clock the driver stamps with."""
        granted = self._reader.description if self._reader is not None else {}
        return {"kind": "alsa", "pcm": self._pcm_name, **granted}

    def start(self, deliver: Callable[[AudioEvent], None]) -> None:
        """Open it and begin to deliver; return once frames come.

        Raises MicrophoneError where it can't be opened or no frames come for 3 s.
        """
        self.stop()
        reader = _Reader(self._pcm_name, self._format, deliver)
        self._reader = reader
        reader.start()

    def stop(self) -> None:
        """Close it; takes a second at most, even where the driver hangs."""
        if self._reader is not None:
            self._reader.stop()


class _Reader:
    """The thread between `start` and `stop`, and what it knows."""

    def __init__(
        self, pcm_name: str, fmt: AudioFormat, deliver: Callable[[AudioEvent], None]
    ) -> None:
        self._pcm_name = pcm_name
        self._format = fmt
        self._deliver = deliver
        self._stopping = threading.Event()
        self._started: Future[None] = Future()
        self._lock = threading.Lock()  # over _connected and the order of what is told
        self._connected = False
        self._heard_ns = 0
        self._failures = 0
        self._xruns = 0
        self._judge: StampJudge | None = None
        self._granted: dict[str, str] = {}
        # A daemon: one that hangs in a driver must not keep the program from ending.
        self._thread = threading.Thread(target=self._run, name="microphone", daemon=True)
        self._watchdog = threading.Thread(
            target=self._watch, name="microphone watchdog", daemon=True
        )

    @property
    def description(self) -> dict[str, str]:
        """What the PCM granted when it was opened last."""
        judged = {} if self._judge is None else {"stamps": self._judge.description}
        return {**self._granted, **judged}

    def start(self) -> None:
        """Return once frames come; raise what stood in the way."""
        self._thread.start()
        self._watchdog.start()
        try:
            self._started.result(OPEN_S)
        except TimeoutError:
            self.stop()
            raise MicrophoneError(
                f"microphone {self._pcm_name}: not open after {OPEN_S:.0f} s",
                hint="unplug it and plug it in again",
            ) from None
        except MicrophoneError:
            self.stop()
            raise

    def stop(self) -> None:
        """End the thread; where it hangs in the driver, leave it there, mute."""
        self._stopping.set()
        for thread in (self._watchdog, self._thread):
            if thread.ident is not None:  # whoever stops it may come before it started
                thread.join(STOP_S)

    def _tell(self, event: AudioEvent) -> None:
        if not self._stopping.is_set():
            self._deliver(event)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with closing(open_capture(self._pcm_name, self._format)) as pcm:
                    self._listen(pcm)
            except MicrophoneError as error:
                self._fail(error)

    def _fail(self, error: MicrophoneError) -> None:
        """Tell of a loss once, then wait, longer each time."""
        if not self._started.done():
            self._started.set_exception(error)
            self._stopping.set()
        self._lose(error.message)
        self._stopping.wait(BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)])
        self._failures += 1

    def _lose(self, reason: str) -> None:
        with self._lock:
            if self._connected:
                self._connected = False
                self._tell(AudioLost(read_host_ns(), reason))

    def _watch(self) -> None:
        """Tell of a loss that the reading thread can't tell of."""
        while not self._stopping.wait(WATCH_S):
            if read_host_ns() - self._heard_ns > (SILENT_S + WATCH_S) * NS_PER_S:
                self._lose(f"microphone {self._pcm_name}: its driver hangs")

    def _listen(self, pcm: CapturePcm) -> None:
        """Deliver what ``pcm`` captures until `stop`; raises MicrophoneError on a loss."""
        rate_hz = self._format.rate_hz
        self._granted = pcm.description
        self._judge = StampJudge(oldest_ns=pcm.buffer_frames * NS_PER_S // rate_hz)
        begin_ns = self._heard_ns = read_host_ns()
        n_read = 0
        while not self._stopping.is_set():
            frames = pcm.read()
            read_ns = read_host_ns()
            if frames is None:
                self._xruns += 1
            elif frames.shape[0] > 0:
                self._heard_ns = read_ns
                n_read += frames.shape[0]
                self._check_pace(n_read, read_ns - begin_ns)
                waiting = self._hand_over(pcm, frames, read_ns)
                self._stopping.wait(max(0, pcm.period_frames - waiting) / rate_hz)
                continue
            self._check_silence(read_ns, SILENT_S if n_read else FIRST_S)
            self._stopping.wait(pcm.period_frames / rate_hz / 4)

    def _check_silence(self, now_ns: int, limit_s: float) -> None:
        if now_ns - self._heard_ns > limit_s * NS_PER_S:
            raise MicrophoneError(
                f"microphone {self._pcm_name}: no frames for {limit_s:.0f} s",
                hint="unplug it and plug it in again",
            )

    def _check_pace(self, n_read: int, since_ns: int) -> None:
        """Refuse what is faster than time; `start` returns once this could be told."""
        if n_read > (since_ns / NS_PER_S * 1.01 + AHEAD_S) * self._format.rate_hz:
            raise MicrophoneError(
                f"microphone {self._pcm_name}: frames come faster than time passes",
                hint="this PCM is no microphone; list them with: fieldrec devices",
            )
        if since_ns > PROOF_S * NS_PER_S and not self._started.done():
            self._started.set_result(None)

    def _hand_over(
        self, pcm: CapturePcm, frames: NDArray[np.int16] | NDArray[np.int32], read_ns: int
    ) -> int:
        """Deliver ``frames`` with their clock; return how many more wait, or may."""
        clock = pcm.read_clock()
        stamp_ns = None
        if clock is not None and self._judge is not None:
            stamp_ns = self._judge.judge(clock.stamp_ns, read_clocks())
        avail = clock.avail_frames if clock is not None else 0
        with self._lock:
            if not self._connected:
                self._connected = True
                self._failures = 0
                self._tell(AudioConnected(read_ns))
            self._tell(AudioBlock(frames, avail, stamp_ns, read_ns, self._xruns))
        # Without a clock, a full read is the sign that more may wait.
        return int(frames.shape[0]) if clock is None else avail
