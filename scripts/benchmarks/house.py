"""A lab, its fleet and some boxes, made by the real commands, as a person would."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyxdf
import soundfile

from recorder.clock import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

_BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Box:
    """A box folder and a client it may record."""

    folder: Path
    client: str

    def sessions(self) -> set[Path]:
        """Return the folders of its sessions."""
        folders = (self.folder / "sessions").iterdir()
        return {path for path in folders if path.is_dir() and path.name.count("-") > 1}


@dataclass(frozen=True, slots=True)
class Opened:
    """What the lab got out of a session; times are host nanoseconds, 0 for nothing."""

    eeg_end_ns: int
    audio_end_ns: int
    marks: int
    integrity: dict[str, Any]


def program(name: str) -> Path:
    """Return one of our own programs, as it was installed."""
    return _BIN / name


def make_boxes(root: Path, folders: Sequence[Path]) -> list[Box]:
    """Make a lab in ``root`` and boxes in ``folders``, a client with consent for each."""
    lab, fleet = root / "lab", root / "fleet"
    _run("fieldrec-lab", "init", lab, "--recovery-out", root / "recovery.txt")
    _run("fieldrec-provision", "init", fleet, "--lab", lab / "public")
    consent = ("--scopes", "eeg,audio", "--form", "1")
    made = _run(
        *("fieldrec-lab", "client", "new", "--lab", lab, *consent),
        *("--count", len(folders), "--json"),
    )
    for folder in folders:
        _run("fieldrec-provision", "device", "new", "--fleet", fleet, "--box", folder)
        publish = ("publish", "--lab", lab, "--fleet", fleet / "public", "--box", folder)
        _run("fieldrec-lab", *publish)
    codes = json.loads(made)["codes"]
    return [Box(folder, code) for folder, code in zip(folders, codes, strict=True)]


def open_session(session: Path, root: Path) -> Opened:
    """Open a session with the lab's command; an unsigned or damaged one opens too."""
    out = root / "opened"
    words = ("open", session, "--lab", root / "lab", "--out", out)
    command = [str(program("fieldrec-lab")), *map(str, words)]
    subprocess.run(command, check=False, capture_output=True)
    folder = out / session.name
    marks, eeg_end_ns = 0, 0
    if (folder / "eeg.xdf").exists():
        streams, _ = pyxdf.load_xdf(folder / "eeg.xdf")
        by_name = {stream["info"]["name"][0]: stream for stream in streams}
        stamps_s = by_name["EEG"]["time_stamps"]
        eeg_end_ns = round(stamps_s[-1] * NS_PER_S) if len(stamps_s) else 0
        texts = [text for (text,) in by_name["MarkerLog"]["time_series"]]
        marks = sum(json.loads(text)["id"] == "insight" for text in texts)
    return Opened(
        eeg_end_ns,
        _audio_end_ns(folder),
        marks,
        json.loads((folder / "integrity.json").read_text("utf-8")),
    )


def _audio_end_ns(folder: Path) -> int:
    if not (folder / "audio.flac").exists():
        return 0
    rows = np.loadtxt(folder / "audio_clock.tsv", skiprows=1, ndmin=2)
    info = soundfile.info(folder / "audio.flac")
    if not len(rows):
        return 0
    frame, host_s = float(rows[-1, 0]), float(rows[-1, 1])
    return round((host_s + (int(info.frames) - frame) / int(info.samplerate)) * NS_PER_S)


def _run(name: str, *words: object) -> str:
    command = [str(program(name)), *map(str, words)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout
