"""Everybody else's tools open, check and read what was recorded."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import soundfile

from tests.house import stock_verify
from tests.story import Session, load_streams, must, open_session, record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.story import Place

STREAMS = {
    "EEG",
    "Markers",
    "MarkerLog",
    "PacketClock",
    "HostClock",
    "AudioClock",
    "Device",
}
INTEROP = Path(__file__).parents[1] / "interop"
SHORT = ("--headset", "simulated", "--microphone", "simulated", "--duration", "4")


@pytest.fixture(scope="module")
def stock_session(stock_place: Place) -> Session:
    """Record a short session for a lab with X25519 keys: two parts at least."""
    return record(stock_place, *SHORT, "--part-length", "2")


@pytest.fixture(scope="module")
def session(place: Place) -> Session:
    """Record a short session for a lab with post-quantum keys: two parts at least."""
    return record(place, *SHORT, "--part-length", "2")


def parts(session: Session) -> Iterator[Path]:
    """Yield the folders of the closed parts."""
    yield from sorted(path for path in session.path.iterdir() if path.name.isdigit())


def secret(identity: Path) -> str:
    """Return the private key in an identity file."""
    lines = identity.read_text().splitlines()
    (key,) = (line for line in lines if line.startswith("AGE-SECRET-KEY-"))
    return key


def check_part(folder: Path) -> tuple[int, int]:
    """Load one part with stock readers, default arguments; return samples and frames.

    The last part is as long as the end of the session left it: a moment or more.
    """
    streams = load_streams(folder / "eeg.xdf")
    assert set(streams) == STREAMS
    frames, rate_hz = soundfile.read(folder / "audio.flac")
    assert rate_hz == 48_000
    subprocess.run(["flac", "-t", "-s", folder / "audio.flac"], check=True)
    return len(streams["EEG"]["time_series"]), len(frames)


def check_whole(session: Session, read: list[tuple[int, int]]) -> None:
    """All parts together hold what four seconds of recording hold."""
    assert len(read) == session.result["parts"] >= 2
    assert sum(n_samples for n_samples, _ in read) > 3 * 250
    assert sum(n_frames for _, n_frames in read) > 3 * 48_000


@pytest.mark.parametrize("key", ["working", "recovery"])
def test_stock_age_opens_every_part_for_stock_pyxdf_and_flac(
    stock_place: Place, stock_session: Session, tmp_path: Path, key: str
) -> None:
    if shutil.which("age") is None:
        pytest.skip("needs age")
    (working,) = (stock_place.lab / "secret").glob("*identity*")
    identity = working if key == "working" else stock_place.recovery
    read = []
    for part in parts(stock_session):
        for name in ("eeg.xdf", "audio.flac"):
            opening = ("age", "-d", "-i", identity, "-o", tmp_path / name)
            subprocess.run([*opening, part / f"{name}.age"], check=True)
        read.append(check_part(tmp_path))
    check_whole(stock_session, read)
    sheet = subprocess.run(
        ["age", "-d", "-i", identity, stock_session.path / "session.json.age"],
        check=True,
        capture_output=True,
    )
    assert json.loads(sheet.stdout)["session"] == stock_session.result["session"]


def test_the_age_authors_library_opens_post_quantum_parts(
    place: Place, session: Session, tmp_path: Path
) -> None:
    if shutil.which("node") is None or not (INTEROP / "node_modules").is_dir():
        pytest.skip("needs node and npm ci in tests/interop")
    key = secret(place.recovery)
    read = []
    for part in parts(session):
        for name in ("eeg.xdf", "audio.flac"):
            opening = ("node", INTEROP / "age.mjs", "decrypt", key, part / f"{name}.age")
            subprocess.run([*opening, tmp_path / name], check=True)
        read.append(check_part(tmp_path))
    check_whole(session, read)


def test_stock_ssh_keygen_accepts_the_manifest_and_no_other(
    place: Place, session: Session
) -> None:
    signers = place.fleet / "public" / "allowed_signers"
    manifest = (session.path / "manifest.json").read_bytes()
    signature = session.path / "manifest.json.sig"
    device = json.loads(manifest)["device"]
    asked = {"signers": signers, "principal": device, "namespace": "fieldrec-manifest"}
    assert stock_verify(manifest, signature, **asked)
    assert not stock_verify(manifest + b" ", signature, **asked)
    asked["namespace"] = "fieldrec-receipt"
    assert not stock_verify(manifest, signature, **asked)


def test_stock_pyxdf_finds_the_seven_streams_in_the_merged_file(
    place: Place, session: Session, out: Path
) -> None:
    opened = open_session(place, session.path, out)
    assert opened.code == 0
    assert set(opened.streams) == STREAMS
    ids = {name: stream["info"]["stream_id"] for name, stream in opened.streams.items()}
    assert ids == {
        "EEG": 1,
        "Markers": 2,
        "MarkerLog": 3,
        "PacketClock": 4,
        "HostClock": 5,
        "AudioClock": 6,
        "Device": 7,
    }
    (channel, *_) = opened.streams["EEG"]["info"]["desc"][0]["channels"][0]["channel"]
    assert channel["unit"] == ["microvolts"]
    for stream in opened.streams.values():
        assert len(stream["time_stamps"]) == len(stream["time_series"])


def test_a_sessions_list_shows_it_waiting(place: Place, session: Session) -> None:
    rows = json.loads(must("fieldrec", "sessions", "--box", place.box, "--json"))
    (row,) = (row for row in rows if row["session"] == session.result["session"])
    assert row["state"] == "waiting"
    assert row["parts"] == session.result["parts"]
    assert row["clean"]
