"""Opens what a `SessionMaker` made and reads it as others would."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pyxdf
import soundfile

from lab.open import Opened, open_session
from tests.session_maker import AT, SessionMaker, new_identities

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from lab.identity import Identity
    from lab.integrity import Problem

IDENTITIES = new_identities()


def open_made(
    made: SessionMaker, out: Path, identities: Sequence[Identity] | None = None
) -> Opened:
    return open_session(
        made.folder,
        out=out,
        identities=identities or made.identities[:1],
        signers=made.signers,
        at=AT,
        progress=lambda _: None,
    )


def eeg_of(opened: Opened) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return stamps and samples ``(n_channels, n)`` as stock pyxdf reads them."""
    stream = stream_of(opened, "EEG")
    values = np.asarray(stream["time_series"], np.float32).T
    return stream["time_stamps"], values


def stream_of(opened: Opened, name: str) -> dict[str, Any]:
    streams, _ = pyxdf.load_xdf(str(opened.folder / "eeg.xdf"))
    (found,) = (s for s in streams if s["info"]["name"] == [name])
    return dict(found)


def sound_of(opened: Opened) -> NDArray[np.int16]:
    """Return the frames of audio.flac after stock ``flac`` found it sound."""
    path = opened.folder / "audio.flac"
    subprocess.run(["flac", "-t", "-s", path], check=True)
    frames: NDArray[np.int16] = soundfile.read(path, dtype="int16", always_2d=True)[0]
    return frames


def clock_of(opened: Opened) -> NDArray[np.float64]:
    return np.loadtxt(opened.folder / "audio_clock.tsv", skiprows=1, ndmin=2)


def all_eeg(made: SessionMaker) -> NDArray[np.float32]:
    return np.concatenate(made.eeg_uv, axis=1)


def all_frames(made: SessionMaker) -> NDArray[np.int16]:
    return np.concatenate([np.asarray(block, np.int16) for block in made.frames])


def only_problem(opened: Opened) -> Problem:
    (problem,) = opened.integrity.problems
    return problem


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)
