"""Which microphone a word on the command line means, and which there are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recorder.audio.alsa import find_captures
from recorder.audio.microphone import AlsaMicrophone
from recorder.audio.samples import check_format
from recorder.audio.simulated import SimulatedMicrophone
from recorder.audio.wavfile import WavMicrophone
from recorder.errors import NoSuchMicrophoneError

if TYPE_CHECKING:
    from recorder.audio.source import AudioFormat, AudioSource
    from recorder.simulation import SimulationOptions, Truth

_KINDS = "simulated, alsa:PCM, file:WAV or none"


@dataclass(frozen=True, slots=True)
class FoundMicrophone:
    """A microphone in reach: the word that chooses it, and its maker's name for it."""

    spec: str
    name: str


def open_microphone(
    spec: str, fmt: AudioFormat, *, options: SimulationOptions, truth: Truth
) -> AudioSource | None:
    """Return the microphone ``spec`` means, not started; None for ``none``.

    ``spec`` is ``simulated``, ``alsa:PCM``, ``file:WAV`` or ``none``. Raises
    NoSuchMicrophoneError or MicrophoneFormatError; devices are opened only by `start`.
    """
    check_format(fmt)
    kind, colon, name = spec.partition(":")
    if spec == "none":
        return None
    if spec == "simulated":
        return SimulatedMicrophone(fmt, options, truth)
    if kind == "alsa" and name.strip():
        return AlsaMicrophone(name, fmt)
    if kind == "file" and name:
        return WavMicrophone(Path(name), fmt)
    problem = f"{kind}: without a name" if colon and not name.strip() else "unknown"
    raise NoSuchMicrophoneError(
        f"microphone {spec!r}: {problem}; there are {_KINDS}",
        hint="list them with: fieldrec devices",
    )


def check_microphone(spec: str) -> None:
    """Refuse what can be no microphone, plugged in or not. NoSuchMicrophoneError."""
    kind, _, name = spec.partition(":")
    if spec not in ("none", "simulated") and not (
        kind in ("alsa", "file") and name.strip()
    ):
        raise NoSuchMicrophoneError(
            f"microphone {spec!r} is unknown; there are {_KINDS}",
            hint="list them with: fieldrec devices",
        )


def find_microphones() -> tuple[FoundMicrophone, ...]:
    """Return every microphone in reach; the simulated one is always there, and last."""
    captures = tuple(
        FoundMicrophone(f"alsa:{pcm}", hardware) for pcm, hardware in find_captures()
    )
    return (*captures, FoundMicrophone("simulated", "simulated microphone"))
