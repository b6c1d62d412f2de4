"""What calibrating needs of a session that the lab has opened.

The folder's files are plain: nothing here decrypts. It must be a session of calibration
pulses, never a client's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import soundfile

from recorder.calibration import find_clicks
from recorder.errors import FormatError, ProvisionError, SetupError
from recorder.format.sheet import SessionSheet, parse_sheet

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_FILES = ("session.json", "alignment.json", "eeg.xdf", "audio_clock.tsv", "audio.flac")
_LEAST_ROWS = 2
_OPEN_AGAIN = "have the lab open the session again: fieldrec-lab open"
_RECORD_AGAIN = "record the pulses again, with headset and microphone"
_CONNECTION_COLUMN = 4  # of PacketClock


class _Comb(msgspec.Struct, frozen=True):
    spacing_ms: float
    observed: bool


class _Eeg(msgspec.Struct, frozen=True):
    comb: _Comb | None = None


class _Streams(msgspec.Struct, frozen=True):
    eeg: _Eeg | None = msgspec.field(default=None, name="EEG")


class _Alignment(msgspec.Struct, frozen=True):
    streams: _Streams
    constant_ms: float | None = None


@dataclass(frozen=True, slots=True)
class OpenedFolder:
    """EEG and the beginnings of pulses in the sound, all in host seconds.

    ``at_s`` has shape ``(n_rows,)``, ``uv`` shape ``(n_rows, n_channels)`` with NaN for
    lost rows, ``clicks_s`` shape ``(n_clicks,)``. ``connections`` are the first and last
    stamp of each. ``applied_ms`` is what `open` took off the stamps already.
    ``comb_spacing_ms`` is None where the link has no comb, or none was seen.
    """

    sheet: SessionSheet
    at_s: NDArray[np.float64]
    uv: NDArray[np.float64]
    connections: tuple[tuple[float, float], ...]
    clicks_s: NDArray[np.float64]
    audio_rate_hz: int
    applied_ms: float
    comb_spacing_ms: float | None


def read_opened_folder(folder: Path) -> OpenedFolder:
    """Read an opened session; ProvisionError where it can't serve for calibrating."""
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise ProvisionError(
            f"{folder} can't serve for calibrating: {missing[0]} is missing",
            hint="give folders that fieldrec-lab open made of sessions with EEG and sound",
        )
    try:
        sheet = parse_sheet((folder / "session.json").read_bytes())
        alignment = msgspec.json.decode(
            (folder / "alignment.json").read_bytes(), type=_Alignment
        )
    except (FormatError, msgspec.DecodeError) as error:
        raise ProvisionError(
            f"{folder}: session.json or alignment.json can't be read", hint=_OPEN_AGAIN
        ) from error
    eeg = alignment.streams.eeg
    if eeg is None:
        raise ProvisionError(
            f"{folder}: the EEG's clock was not fitted", hint="update the lab's software"
        )
    _check_comb(eeg.comb, folder)
    streams = _read_xdf(folder / "eeg.xdf")
    clicks_s, audio_rate_hz = _read_clicks(folder)
    return OpenedFolder(
        sheet=sheet,
        at_s=streams["EEG"][0],
        uv=streams["EEG"][1],
        connections=_connections(*streams["PacketClock"]),
        clicks_s=clicks_s,
        audio_rate_hz=audio_rate_hz,
        applied_ms=alignment.constant_ms or 0.0,
        comb_spacing_ms=eeg.comb.spacing_ms if eeg.comb else None,
    )


def _check_comb(comb: _Comb | None, folder: Path) -> None:
    """Refuse a session whose latency nobody can know finer than its comb."""
    if comb is not None and not comb.observed:
        raise ProvisionError(
            f"{folder}: the clocks did not slide past one tooth of the link's comb"
            f" ({comb.spacing_ms:g} ms), so the latency can't be seen finer than that",
            hint="record a longer connection, or set another Bluetooth interval",
        )


def _read_xdf(path: Path) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return stamps and rows of the numeric streams needed, by name."""
    try:
        import pyxdf  # noqa: PLC0415 - only calibrating needs it
    except ImportError as error:
        raise SetupError(
            "the library pyxdf is missing",
            hint='install with: pip install ".[provisioning]"',
        ) from error
    # Stamps are final: nothing may be fitted again.
    loaded: list[dict[str, Any]] = pyxdf.load_xdf(
        path, synchronize_clocks=False, dejitter_timestamps=False
    )[0]
    found = {}
    for stream in loaded:
        name = stream["info"]["name"][0]
        if name in {"EEG", "PacketClock"} and len(stream["time_stamps"]) >= _LEAST_ROWS:
            found[name] = (
                np.asarray(stream["time_stamps"], np.float64),
                np.asarray(stream["time_series"], np.float64),
            )
    for name in ("EEG", "PacketClock"):
        if name not in found:
            raise ProvisionError(
                f"{path} holds no rows of stream {name}", hint=_RECORD_AGAIN
            )
    return found


def _connections(
    stamps_s: NDArray[np.float64], rows: NDArray[np.float64]
) -> tuple[tuple[float, float], ...]:
    connection = rows[:, _CONNECTION_COLUMN]
    spans = []
    for number in np.unique(connection[np.isfinite(connection)]):
        own_s = stamps_s[connection == number]
        spans.append((float(own_s[0]), float(own_s[-1])))
    return tuple(spans)


def _read_clicks(folder: Path) -> tuple[NDArray[np.float64], int]:
    """Return when pulses begin in the sound, in host seconds, and its frame rate."""
    rows = np.loadtxt(folder / "audio_clock.tsv", skiprows=1, ndmin=2)
    try:
        sound, rate_hz = soundfile.read(
            folder / "audio.flac", dtype="float32", always_2d=True
        )
    except soundfile.LibsndfileError as error:
        raise ProvisionError(
            f"{folder / 'audio.flac'} can't be read: {error}", hint=_OPEN_AGAIN
        ) from error
    if not rows.size:
        raise ProvisionError(
            f"{folder / 'audio_clock.tsv'} is empty: sound without times",
            hint=_RECORD_AGAIN,
        )
    frames = find_clicks(sound, rate_hz)
    return np.interp(frames, rows[:, 0], rows[:, 1]), int(rate_hz)
