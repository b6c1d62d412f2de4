"""Whole stories through the installed commands: a lab, its box, a session, opening it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import pyxdf
import soundfile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

BIN = Path(sys.executable).parent
FORM = ("--consent", "eeg,audio", "--form", "2026-1")
_FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Place:
    """A lab, its fleet and one box, made by their commands; codes of clients to come."""

    lab: Path
    fleet: Path
    box: Path
    recovery: Path
    codes: Iterator[str]


@dataclass(frozen=True, slots=True)
class Session:
    """A recorded session's folder and what the recorder said of it."""

    path: Path
    status: tuple[dict[str, Any], ...]
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class OpenedStory:
    """What ``fieldrec-lab open`` made of a session; streams as stock pyxdf loads them."""

    folder: Path
    code: int
    integrity: dict[str, Any]
    streams: dict[str, dict[str, Any]]

    def stamps_s(self, name: str) -> NDArray[np.float64]:
        """Return the stamps of stream ``name``."""
        return np.asarray(self.streams[name]["time_stamps"], np.float64)

    def values(self, name: str) -> NDArray[np.float64]:
        """Return the rows of a stream of numbers, shape ``(n_rows, n_channels)``."""
        rows: NDArray[np.float64] = self.streams[name]["time_series"]
        return rows

    def texts(self, name: str) -> list[str]:
        """Return the rows of a stream of texts."""
        return [text for (text,) in self.streams[name]["time_series"]]

    def acts(self) -> list[tuple[str, str, Any]]:
        """Return what MarkerLog says happened: id, act and value, in order."""
        marks = [json.loads(text) for text in self.texts("MarkerLog")]
        return [(mark["id"], mark["act"], mark["value"]) for mark in marks]

    def sound(self) -> NDArray[np.float64]:
        """Return audio.flac's frames, shape ``(n_frames, n_channels)``, full scale 1."""
        frames, _ = soundfile.read(self.folder / "audio.flac", always_2d=True)
        return np.asarray(frames, np.float64)

    def heard_s(self) -> NDArray[np.float64]:
        """Return when each frame of audio.flac was heard, in host seconds."""
        frames, host_s = np.loadtxt(self.folder / "audio_clock.tsv", skiprows=1).T
        n_frames = soundfile.info(self.folder / "audio.flac").frames
        return np.asarray(np.interp(np.arange(n_frames), frames, host_s))


def run(program: str, *arguments: object, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command to its end."""
    done = subprocess.run(
        [BIN / program, *map(str, arguments)],
        capture_output=True,
        check=False,
        env=env,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=100,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def must(program: str, *arguments: object, env: Mapping[str, str] | None = None) -> str:
    """Run a command that has to succeed; return what it printed."""
    ended = run(program, *arguments, env=env)
    assert ended.code == 0, ended.err
    return ended.out


def make_place(root: Path, *, x25519: bool = False, n_clients: int = 12) -> Place:
    """Make everything new in ``root``, by the commands of lab and technician."""
    lab, fleet, box = root / "LAB", root / "FLEET", root / "BOX"
    recovery = root / "recovery.txt"
    old = ("--x25519",) if x25519 else ()
    must("fieldrec-lab", "init", lab, "--recovery-out", recovery, *old)
    must("fieldrec-provision", "init", fleet, "--lab", lab / "public")
    must("fieldrec-provision", "device", "new", "--fleet", fleet, "--box", box)
    codes = must("fieldrec-lab", "client", "new", "--lab", lab, "--count", n_clients)
    publish = ("--lab", lab, "--fleet", fleet / "public", "--box", box)
    must("fieldrec-lab", "publish", *publish)
    return Place(lab, fleet, box, recovery, iter(codes.split()))


def record(place: Place, *options: object, env: Mapping[str, str] | None = None) -> Session:
    """Record one session of a new client to its end."""
    client = next(place.codes)
    asked = ("record", "--box", place.box, "--client", client, *FORM, "--json")
    lines = must("fieldrec", *asked, *options, env=env).splitlines()
    *status, result = map(json.loads, lines)
    return Session(Path(result["path"]), tuple(status), result)


def open_session(place: Place, session: Path, out: Path) -> OpenedStory:
    """Open ``session`` at the lab and load it with stock tools."""
    asked = ("open", session, "--lab", place.lab, "--out", out)
    ended = run("fieldrec-lab", *asked)
    folder = out / session.name
    assert folder.is_dir(), ended.err
    integrity = json.loads((folder / "integrity.json").read_text())
    return OpenedStory(folder, ended.code, integrity, load_streams(folder / "eeg.xdf"))


def load_streams(path: Path) -> dict[str, dict[str, Any]]:
    """Load an XDF file with stock pyxdf, default arguments; streams by name."""
    streams, _ = pyxdf.load_xdf(path)
    return {stream["info"]["name"][0]: stream for stream in streams}


def sessions_of(box: Path) -> set[Path]:
    """Return the session folders of a box."""
    folders = (box / "sessions").iterdir()
    return {path for path in folders if path.is_dir()}


def faketime_environment(offset: Path) -> dict[str, str]:
    """Return what lets ``offset`` (a file with "+3600") shift a program's wall clock."""
    if not _FAKETIME or shutil.which("faketime") is None:
        pytest.skip("needs Debian's package faketime")
    return {
        "LD_PRELOAD": str(_FAKETIME[0]),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
