"""A box after a crash: what its next start does, and what the lab then finds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyxdf
import soundfile

import lab.cli
from lab.clients import new_clients
from lab.publish import publish_to_box
from provisioning.device import make_device
from recorder.box import Box
from recorder.clock import NS_PER_S
from recorder.store.disk import RealDisk
from recorder.store.sessions import Sessions
from recorder.store.signing import Signer
from tests.house import House, exit_code, make_house

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recorder.store.sessions import Found


@dataclass(frozen=True, slots=True)
class Reopened:
    """One session as ``fieldrec-lab open`` gave it back; times are host nanoseconds."""

    exit_code: int
    integrity: dict[str, Any]
    eeg_stamps_s: np.ndarray[Any, np.dtype[np.float64]]
    audio_end_ns: int
    marks: tuple[int, ...]

    @property
    def eeg_end_ns(self) -> int:
        """Stamp of the last EEG sample; 0 without one."""
        return round(self.eeg_stamps_s[-1] * NS_PER_S) if len(self.eeg_stamps_s) else 0


def make_ready_house(root: Path, boxes: list[Path]) -> tuple[House, list[str]]:
    """Make a lab and ``boxes`` of it, and one client code for each."""
    house = make_house(root)
    settings = house.load_lab().remember_fleet(house.fleet / "public")
    codes = new_clients(settings, count=len(boxes))
    for box in boxes:
        make_device(house.load_fleet(), box)
        publish_to_box(settings, box)
    return house, list(codes)


def start_again(box_folder: Path) -> Found:
    """Do what every start of a box does first: sign what a crash left."""
    box = Box.load(box_folder)
    signer = Signer(box.device, box.chain, box.signing_key(), box.recipients)
    with Sessions(box.sessions, disk=RealDisk(), signer=signer) as sessions:
        return sessions.scan()


def session_folders(box_folder: Path) -> Iterator[Path]:
    """Yield the box's session folders."""
    folders = (box_folder / "sessions").iterdir()
    yield from (path for path in folders if path.is_dir() and path.name.count("-") > 1)


def reopen(session: Path, house: House, out: Path) -> Reopened:
    """Open a session with the lab's own command and read what it wrote."""
    code = exit_code(lab.cli.main, "open", session, "--lab", house.lab, "--out", out)
    folder = out / session.name
    integrity = json.loads((folder / "integrity.json").read_text())
    streams = _streams(folder / "eeg.xdf")
    texts = streams["MarkerLog"]["time_series"] if streams else []
    return Reopened(
        exit_code=code,
        integrity=integrity,
        eeg_stamps_s=np.asarray(streams["EEG"]["time_stamps"] if streams else []),
        audio_end_ns=_audio_end_ns(folder),
        marks=tuple(
            mark["n"] for (text,) in texts if (mark := json.loads(text))["id"] == "insight"
        ),
    )


def _streams(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    streams, _ = pyxdf.load_xdf(path)
    return {stream["info"]["name"][0]: stream for stream in streams}


def _audio_end_ns(folder: Path) -> int:
    """Return the host time of the last audio frame, from the map beside the file."""
    if not (folder / "audio.flac").exists():
        return 0
    rows = np.loadtxt(folder / "audio_clock.tsv", skiprows=1, ndmin=2)
    info = soundfile.info(folder / "audio.flac")
    n_frames, rate_hz = int(info.frames), int(info.samplerate)
    if not len(rows):
        return 0
    frame, host_s = float(rows[-1, 0]), float(rows[-1, 1])
    return round((host_s + (n_frames - frame) / rate_hz) * NS_PER_S)
