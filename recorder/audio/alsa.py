"""ALSA: the one door to alsaaudio. Opens a capture PCM and reads frames and clock.

pyalsaaudio's traps stay behind it: tiny default buffers, formats granted other than asked,
errors that are text, clock readings that are garbage unless the PCM runs. It opens and
closes a PCM without releasing the interpreter: a PCM whose driver hangs there (a sound
server that is stopped, never a `hw:` device) holds up the whole process.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import alsaaudio

from recorder.audio.samples import (
    frames_from_s16,
    frames_from_s24,
    frames_from_s24_3,
    frames_from_s32,
)
from recorder.errors import (
    MicrophoneBusyError,
    MicrophoneError,
    MicrophoneFormatError,
    NoSuchMicrophoneError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from recorder.audio.source import AudioFormat

PERIOD_S = 0.020
BUFFER_PERIODS = 100  # 2 s: a busy box must not cost frames

_LAYOUTS: Mapping[int, tuple[str, ...]] = {
    16: ("S16_LE",),
    24: ("S24_3LE", "S24_LE", "S32_LE"),
}
_DECODERS: Mapping[str, Callable[[bytes, int], NDArray[np.int16] | NDArray[np.int32]]] = {
    "S16_LE": frames_from_s16,
    "S24_3LE": frames_from_s24_3,
    "S24_LE": frames_from_s24,
    "S32_LE": frames_from_s32,
}
# alsa-lib's own plugins, which it lists beside the microphones.
_NO_MICROPHONES = frozenset(
    (
        *("null", "default", "sysdefault", "lavrate", "samplerate", "speexrate", "speex"),
        *("jack", "oss", "pulse", "pipewire", "upmix", "vdownmix", "usbstream"),
    )
)


@dataclass(frozen=True, slots=True)
class PcmClock:
    """The driver's own stamp, on whatever clock, and the frames that waited then."""

    stamp_ns: int
    avail_frames: int


class CapturePcm:
    """An open capture PCM that granted exactly the format asked for; never blocks."""

    def __init__(self, pcm: Any, name: str, fmt: AudioFormat, layout: str) -> None:  # noqa: ANN401 - alsaaudio has no types
        info = pcm.info()
        self._pcm = pcm
        self._n_channels = fmt.n_channels
        self._decode = _DECODERS[layout]
        self.period_frames = int(info["period_size"])
        self.buffer_frames = int(info["buffer_size"])
        self.description = {
            "pcm": name,
            **_describe_card(info["card_no"]),
            "layout": layout,
            "significant_bits": str(info["significant_bits"]),
            "period_frames": str(self.period_frames),
            "buffer_frames": str(self.buffer_frames),
        }
        self._stamped = self._ask_for_stamps()

    def _ask_for_stamps(self) -> bool:
        """Ask for stamps on the host clock; the default is wall time, if anything."""
        wanted = (alsaaudio.PCM_TSTAMP_ENABLE, alsaaudio.PCM_TSTAMP_TYPE_MONOTONIC_RAW)
        try:
            self._pcm.set_tstamp_mode(wanted[0])
            self._pcm.set_tstamp_type(wanted[1])
            granted = (self._pcm.get_tstamp_mode(), self._pcm.get_tstamp_type())
        except alsaaudio.ALSAAudioError:
            return False
        return granted == wanted

    def read(self) -> NDArray[np.int16] | NDArray[np.int32] | None:
        """Return frames that wait, at most a period, maybe none; None after an overrun.

        Shape ``(n_frames, n_channels)``. Raises MicrophoneError where the device is gone.
        """
        try:
            n_frames, data = self._pcm.read()
        except alsaaudio.ALSAAudioError as error:
            raise MicrophoneError(f"reading failed: {_text(error)}") from None
        if n_frames == -errno.EPIPE:
            return None
        return self._decode(data if n_frames > 0 else b"", self._n_channels)

    def read_clock(self) -> PcmClock | None:
        """Return the clock as it stands after the last `read`; None where there is none."""
        # In every other state the reading is whatever was on the C stack.
        if not self._stamped or self._pcm.state() != alsaaudio.PCM_STATE_RUNNING:
            return None
        seconds, nanoseconds, avail = self._pcm.htimestamp()
        # A full buffer may have stood still for long while time went on.
        if not 0 <= avail <= self.buffer_frames - self.period_frames:
            return None
        return PcmClock(seconds * 1_000_000_000 + nanoseconds, avail)

    def close(self) -> None:
        """Give the device back."""
        self._pcm.close()


def open_capture(name: str, fmt: AudioFormat) -> CapturePcm:
    """Open PCM ``name`` for exactly ``fmt``; raises MicrophoneError of the right kind."""
    _keep_terminal_clean()
    offers = []
    for layout in _LAYOUTS[fmt.bits]:
        pcm = _open_near(name, fmt, layout)
        if pcm is None:
            continue
        offer = _describe_offer(pcm.info(), fmt, layout)
        if offer is None:
            return CapturePcm(pcm, name, fmt, layout)
        pcm.close()
        offers.append(offer)
    offered = f"it offers {offers[0]}" if offers else "it refused"
    raise MicrophoneFormatError(
        f"microphone {name}: asked for {fmt.rate_hz} Hz, {fmt.bits} bit, "
        f"{fmt.n_channels} channels; {offered}",
        hint="choose that format, or plughw: instead of hw: to let ALSA convert",
    )


def _open_near(name: str, fmt: AudioFormat, layout: str) -> Any:  # noqa: ANN401 - alsaaudio has no types
    """Open ``name`` as near to the format as it can get; None where it refuses."""
    try:
        return alsaaudio.PCM(
            type=alsaaudio.PCM_CAPTURE,
            # Blocking, a busy device would be waited for and a dead one would hang a read.
            mode=alsaaudio.PCM_NONBLOCK,
            device=name,
            rate=fmt.rate_hz,
            channels=fmt.n_channels,
            format=getattr(alsaaudio, f"PCM_FORMAT_{layout}"),
            periodsize=round(PERIOD_S * fmt.rate_hz),
            periods=BUFFER_PERIODS,
        )
    except alsaaudio.ALSAAudioError as error:
        number = _errno(error)
        if number == errno.EINVAL:
            return None
        raise _open_error(name, number, _text(error)) from None


def _describe_offer(info: Mapping[str, Any], fmt: AudioFormat, layout: str) -> str | None:
    """Return what was granted, in words, where it is not exactly what was asked for."""
    granted = (info["rate"], info["format_name"], info["channels"])
    if granted == (fmt.rate_hz, layout, fmt.n_channels) and (
        info["significant_bits"] >= fmt.bits
    ):
        return None
    return (
        f"{info['rate']} Hz, {info['format_name']} with {info['significant_bits']} "
        f"significant bits, {info['channels']} channels"
    )


def _describe_card(card: int) -> dict[str, str]:
    """Return the hardware's own name with its socket; nothing where it is no card."""
    try:
        return {"hardware": alsaaudio.card_name(card)[1]} if card >= 0 else {}
    except alsaaudio.ALSAAudioError:
        return {}  # pulled out a moment ago, which the next read will tell


def _text(error: Exception) -> str:
    """Return the driver's words without the PCM name pyalsaaudio adds in brackets."""
    return str(error).partition(" [")[0]


def _errno(error: Exception) -> int:
    """Return the error number; pyalsaaudio keeps only its text. 0 for an unknown text."""
    text = _text(error)
    return next((n for n in errno.errorcode if os.strerror(n) == text), 0)


def _open_error(name: str, number: int, text: str) -> MicrophoneError:
    """Return the error that says what stands in the way of opening ``name``."""
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return NoSuchMicrophoneError(
            f"microphone {name}: there is no such PCM, or its device is unplugged",
            hint="plug it in, or look for its name with: fieldrec devices",
        )
    if number in (errno.EBUSY, errno.EAGAIN):
        return MicrophoneBusyError(
            f"microphone {name}: another program holds it",
            hint="close the other program; it may be a desktop sound server",
        )
    if number in (errno.EACCES, errno.EPERM):
        return MicrophoneError(
            f"microphone {name}: this user may not open it",
            hint="add the user to the group audio",
        )
    return MicrophoneError(
        f"microphone {name}: opening failed: {text}",
        hint="plug it in again; a sound server's PCM needs the server running",
    )


def find_captures() -> tuple[tuple[str, str], ...]:
    """Return ``(PCM name, the hardware's own name)`` of every microphone there is."""
    _keep_terminal_clean()
    try:
        indexes = alsaaudio.card_indexes()
        cards = dict(zip(alsaaudio.cards(), indexes, strict=True))
        names = {card: alsaaudio.card_name(index)[0] for card, index in cards.items()}
    except alsaaudio.ALSAAudioError:
        # A card was pulled out while we looked; what is configured still counts.
        names = {}
    found = []
    for pcm in alsaaudio.pcms(alsaaudio.PCM_CAPTURE):
        kind, _, arguments = pcm.partition(":")
        card = arguments.partition(",")[0].removeprefix("CARD=")
        if kind == "hw" or (not arguments and kind not in _NO_MICROPHONES):
            found.append((pcm, names.get(card, pcm)))
    return tuple(found)


@functools.cache
def _keep_terminal_clean() -> None:
    """Stop alsa-lib from writing its own words about every error to the terminal."""
    # Its handler is any C function; getpid takes no notice of its arguments, and unlike a
    # function of Python's it may be called by any thread at any time.
    handler = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p)
    ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(handler)
