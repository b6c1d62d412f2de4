"""A microphone made of arithmetic: two voices of noise, and clicks at the true moments.

It behaves like a USB microphone: an oscillator of its own, a hardware pointer that moves
in steps of 1 ms, a clock stamp that belongs to that pointer and is a little late but never
early, reads of whole periods. What it hears is a function of frame number, options and
seed alone, however it is read.
"""

from __future__ import annotations

import bisect
import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from recorder.audio.paced import PacedMicrophone
from recorder.audio.samples import check_format, frames_from_shares
from recorder.audio.source import AudioBlock, AudioConnected
from recorder.clock import NS_PER_S
from recorder.simulation import CLICK_LENGTH_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recorder.audio.source import AudioEvent, AudioFormat
    from recorder.simulation import SimulationOptions, Truth

PERIOD_S = 0.020
CLICK_SHARE = 0.5  # of full scale
XRUN_LOST_S = 0.2
_POINTER_S = 0.001  # USB microphones hand over a millisecond at a time
_LATENCY_S = 20e-6  # mean, from the interrupt to its stamp
_LOOP_S = 10  # after which the voices repeat themselves
_VOICE_DBFS = -30.0
_ROOM_DBFS = -75.0
_HORIZON_S = 600.0


def _voices(rate_hz: int, seed: int) -> NDArray[np.float64]:
    """Return two voices taking turns, shape ``(2, n)``, one period of an endless loop."""
    rng = np.random.default_rng([seed, 0x0A0D10])
    n = rate_hz * _LOOP_S
    frequency_hz = np.fft.rfftfreq(n, 1 / rate_hz)
    # Long-term spectrum of speech: nothing below 100 Hz, -12 dB an octave above 500 Hz.
    shape = (frequency_hz > 100) / (1 + (frequency_hz / 500) ** 2)  # noqa: PLR2004 - see above
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal((2, n))) * shape, n)
    noise /= noise.std(axis=1, keepdims=True)
    at_s = np.arange(n) / rate_hz
    syllables = np.sin(np.pi * 4 * at_s) ** 2
    turn = (np.sin(2 * np.pi * at_s / _LOOP_S) > 0).astype(np.float64)
    envelope = np.stack([syllables * turn, syllables * (1 - turn)])
    voices = noise * envelope
    loudness = np.sqrt((voices**2).sum(axis=1) / envelope.sum(axis=1))
    return np.asarray(voices / loudness[:, np.newaxis], dtype=np.float64)


@functools.lru_cache(maxsize=1)  # an opening again, or a next session, begins at once
def _room(fmt: AudioFormat, seed: int) -> NDArray[np.int16] | NDArray[np.int32]:
    """Return the loop of everything but clicks as frames, shape ``(n, n_channels)``."""
    voices = _voices(fmt.rate_hz, seed) * 10 ** (_VOICE_DBFS / 20)
    rng = np.random.default_rng([seed, 0x0A0D11])
    # Each microphone of a pair stands nearer to one of the two who talk.
    gains = np.array([[1.0, 0.4], [0.4, 1.0]])[: fmt.n_channels]
    # einsum, since the threads of a matrix product would spin on for seconds.
    mixed = np.einsum("cv,vn->cn", gains, voices)
    heard = mixed + 10 ** (_ROOM_DBFS / 20) * rng.standard_normal(
        (fmt.n_channels, voices.shape[1])
    )
    frames = frames_from_shares(heard.T, fmt.bits)
    frames.flags.writeable = False
    return frames


def _click(
    since: NDArray[np.float64], fmt: AudioFormat
) -> NDArray[np.int16] | NDArray[np.int32]:
    """Return a click, ``since`` being frames after the true moment, not whole ones.

    Edges one frame wide keep the moment exact between two frames.
    """
    length = CLICK_LENGTH_S * fmt.rate_hz
    rise = np.clip(since + 0.5, 0, 1)
    fall = np.clip(since - length + 0.5, 0, 1)
    return frames_from_shares(CLICK_SHARE * (rise - fall), fmt.bits)


class SimulatedCapture:
    """The simulated hardware on any clock: `advance` it and take what it has captured.

    The first `advance` starts it. Hardware frame ``h`` is sampled at start + h / rate, the
    rate being the nominal one bent by ``mic_drift_ppm``. ``xrun_at_s`` counts from the
    truth's origin.
    """

    def __init__(self, fmt: AudioFormat, options: SimulationOptions, truth: Truth) -> None:
        check_format(fmt)
        self._format = fmt
        self._truth = truth
        self._running = False
        self._start_ns = 0
        self._xrun_at_s = options.xrun_at_s
        self._rate_hz = fmt.rate_hz * (1 + options.mic_drift_ppm * 1e-6)
        self._period = round(PERIOD_S * fmt.rate_hz)
        self._step = round(_POINTER_S * fmt.rate_hz)
        room = _room(fmt, options.seed)
        self._loop = room.shape[0]
        # One period more than the loop, so that every period is one slice.
        self._room = np.concatenate([room, room[: self._period]])
        self._next = 0  # hardware frame that the next read begins with
        self._xruns = 0
        self._xrun_frame: int | None = None
        rng = np.random.default_rng([options.seed, 0x57A3])
        late_s = np.minimum(rng.exponential(_LATENCY_S, 4099), _POINTER_S / 2)
        self._latencies_ns: list[int] = np.rint(late_s * NS_PER_S).astype(int).tolist()
        self._events_s: list[float] = []
        self._known_until_s = 0.0
        self.muted = False  # on demand it gives nothing at all

    @property
    def next_read_ns(self) -> int | None:
        """Host time at which the next period is complete, stamped and readable."""
        # One pointer step later the latency is over for certain.
        return self._frame_ns(self._first_frame() + self._period + self._step)

    def advance(self, now_ns: int) -> list[AudioEvent]:
        """Return what happened by ``now_ns``: a block for each period that is complete."""
        if not self._running:
            self._begin(now_ns)
            return [AudioConnected(now_ns)]
        blocks: list[AudioEvent] = []
        while True:
            first = self._first_frame()
            pointer, stamp_ns = self._pointer(now_ns, first)
            if pointer < first + self._period:
                return blocks
            if first != self._next:
                self._xruns += 1
                self._xrun_frame = None
            self._next = first + self._period
            frames = self._frames(first)
            avail = pointer - self._next
            blocks.append(AudioBlock(frames, avail, stamp_ns, now_ns, self._xruns))

    def _begin(self, now_ns: int) -> None:
        """Let frame 0 be sampled at ``now_ns``; find the period an overrun follows."""
        self._running = True
        self._start_ns = now_ns
        since_s = self._xrun_at_s - self._truth.seconds(now_ns)
        if self._xrun_at_s > 0 and since_s > 0:
            periods = math.ceil(since_s * self._rate_hz / self._period)
            self._xrun_frame = periods * self._period

    def _first_frame(self) -> int:
        """Return the hardware frame the next block begins with, after any overrun."""
        if self._xrun_frame is not None and self._next >= self._xrun_frame:
            return self._next + round(XRUN_LOST_S * self._format.rate_hz)
        return self._next

    def _frame_ns(self, frame: int) -> int:
        return self._start_ns + round(frame / self._rate_hz * NS_PER_S)

    def _pointer(self, now_ns: int, first: int) -> tuple[int, int]:
        """Return the hardware pointer as seen at ``now_ns`` and the stamp it got."""
        ahead_ns = now_ns - self._frame_ns(first)
        step = int(ahead_ns * self._rate_hz / NS_PER_S) // self._step
        if self._xrun_frame is not None and first < self._xrun_frame:
            # What the overrun swallows is never seen to wait.
            step = min(step, (self._xrun_frame - first) // self._step)
        while step > 0:
            frame = first + step * self._step
            stamp_ns = self._frame_ns(frame) + self._latency_ns(frame)
            if stamp_ns <= now_ns:
                return frame, stamp_ns
            step -= 1
        return first, now_ns

    def _latency_ns(self, frame: int) -> int:
        return self._latencies_ns[frame // self._step % len(self._latencies_ns)]

    def _frames(self, first: int) -> NDArray[np.int16] | NDArray[np.int32]:
        """Return the period that begins with hardware frame ``first``."""
        begin = first % self._loop
        frames = self._room[begin : begin + self._period].copy()
        if self.muted:
            frames[:] = 0
            return frames
        begin_s = self._truth.seconds(self._start_ns) + first / self._rate_hz
        for event_s in self._events_near(begin_s, begin_s + PERIOD_S):
            before = (begin_s - event_s) * self._rate_hz
            since = np.arange(self._period, dtype=np.float64) + before
            frames += _click(since, self._format)[:, np.newaxis]
        return frames

    def _events_near(self, begin_s: float, end_s: float) -> list[float]:
        """Return the true events whose clicks may be heard in a stretch of time."""
        margin_s = 2 * CLICK_LENGTH_S
        if end_s + margin_s > self._known_until_s:
            self._known_until_s = end_s + _HORIZON_S
            self._events_s = self._truth.event_times_s(self._known_until_s).tolist()
        low = bisect.bisect_left(self._events_s, begin_s - margin_s)
        high = bisect.bisect_right(self._events_s, end_s + margin_s)
        return self._events_s[low:high]


class SimulatedMicrophone(PacedMicrophone):
    """`SimulatedCapture` on the host clock: an AudioSource."""

    def __init__(self, fmt: AudioFormat, options: SimulationOptions, truth: Truth) -> None:
        check_format(fmt)
        description = {"kind": "simulated", "seed": str(options.seed)}
        super().__init__(fmt, description, lambda: SimulatedCapture(fmt, options, truth))

    def provoke(self, fault: str) -> None:
        """Go mute, or speak again, for ``microphone``."""
        if fault == "microphone" and isinstance(self._capture, SimulatedCapture):
            self._capture.muted = not self._capture.muted
