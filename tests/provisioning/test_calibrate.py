"""Calibrating measures what simulated devices really do, and refuses what doesn't hold."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from provisioning.calibrate import calibrate, write_calibration
from provisioning.cli import main
from provisioning.headset_class import headset_class
from recorder.box import Box
from recorder.errors import BoxError, ProvisionError
from recorder.format.calibration import choose_calibration, parse_calibration
from recorder.format.sheet import parse_sheet
from recorder.simulation import SimulationOptions
from tests.house import House, exit_code, make_house
from tests.virtual_session import AT, VirtualBox

if TYPE_CHECKING:
    from pathlib import Path

TRANSPORT_MS = 5.0  # of the simulated headset


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Record two sessions, three connections in all, and open them."""
    box = VirtualBox(tmp_path_factory.mktemp("bench"))
    first = SimulationOptions(jitter_ms=2, drift_ppm=40, reconnect_at_s=12, seed=1)
    second = SimulationOptions(jitter_ms=2, drift_ppm=40, seed=2)
    return box.record(first, seconds=28), box.record(second, seconds=20)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return make_house(tmp_path)


@pytest.fixture
def copies(opened: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Return the same folders, to be spoilt."""
    first, second = (tmp_path / name for name in ("first", "second"))
    for source, copy in zip(opened, (first, second), strict=True):
        shutil.copytree(source, copy)
    return first, second


def edit(file: Path, **changes: Any) -> None:  # noqa: ANN401 - any JSON value
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def move_sound(folder: Path, by_s: float) -> None:
    """Let all sound of a session have been heard later."""
    file = folder / "audio_clock.tsv"
    rows = np.loadtxt(file, skiprows=1)
    rows[:, 1] += by_s
    np.savetxt(file, rows, "%.9f", delimiter="\t", header="frame\thost_s", comments="")


def test_it_finds_the_true_latency(opened: tuple[Path, Path]) -> None:
    done = calibrate(opened, at=AT)
    found = done.calibration
    assert found.constant_ms == pytest.approx(TRANSPORT_MS, abs=0.05)
    assert found.spread_ms < 0.05
    assert found.standard_error_ms == pytest.approx(found.spread_ms / np.sqrt(3), abs=1e-4)
    assert (found.n_connections, found.n_pulses) == (3, done.pulses_ms.size)
    assert found.n_pulses >= 35
    assert np.std(done.pulses_ms) < 0.1


def test_it_says_what_it_was_measured_on(opened: tuple[Path, Path]) -> None:
    found = calibrate(opened, at=AT).calibration
    assert (found.board, found.model) == ("simulated", "Simulated headset")
    assert found.microphone == {"kind": "simulated"}
    assert (found.audio_rate_hz, found.date) == (48_000, "2026-11-23")
    assert found.sessions == tuple(sorted(folder.name for folder in opened))
    assert found.simulated
    assert any("simulated sessions only" in warning for warning in found.warnings)
    assert any("asks for 8" in warning for warning in found.warnings)


def test_one_real_device_beside_a_simulated_one_stays_simulated(
    copies: tuple[Path, Path],
) -> None:
    for folder in copies:
        sheet = json.loads((folder / "session.json").read_text())
        edit(folder / "session.json", headset={**sheet["headset"], "simulated": False})
    assert calibrate(copies, at=AT).calibration.simulated


def test_what_open_took_off_already_is_part_of_the_latency(
    copies: tuple[Path, Path],
) -> None:
    for folder in copies:
        edit(folder / "alignment.json", constant_ms=20.0)
    found = calibrate(copies, at=AT).calibration
    assert found.constant_ms == pytest.approx(TRANSPORT_MS + 20, abs=0.05)


def test_the_box_uses_what_was_calibrated(
    opened: tuple[Path, Path],
    house: House,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "result.toml"
    asked = ("calibrate", *opened, "--out", out, "--box", house.box, "--json")
    assert exit_code(main, *asked) == 0
    shown = json.loads(capsys.readouterr().out)
    content = out.read_bytes()
    kept = house.box / "calibration" / f"{shown['id']}.toml"
    assert kept.read_bytes() == content
    assert shown["written"] == [str(out), str(kept)]
    assert parse_calibration(content, place="x").constant_ms == shown["constant_ms"]
    sheet = parse_sheet((opened[0] / "session.json").read_bytes())
    chosen = choose_calibration(
        Box.load(house.box).calibrations,
        headset=sheet.headset,
        microphone=sheet.microphone,
        audio_rate_hz=48_000,
    )
    assert chosen is not None
    assert (chosen.id, chosen.constant_ms) == (shown["id"], shown["constant_ms"])


def test_people_are_told_in_a_line_and_warned(
    opened: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(main, "calibrate", *opened, "--out", tmp_path / "result.toml") == 0
    told = capsys.readouterr()
    assert told.out.startswith("Simulated headset: ")
    assert " over 3 connections" in told.out
    assert "the protocol asks for 8" in told.err


def test_a_box_with_a_broken_calibration_says_so_before_it_records(house: House) -> None:
    (house.box / "calibration").mkdir()
    (house.box / "calibration" / "old.toml").write_text("constant_ms = 1")
    with pytest.raises(BoxError, match=r"old\.toml"):
        Box.load(house.box)


@pytest.mark.parametrize(
    ("apart_ms", "class_name", "refused"),
    [(1.0, None, False), (1.0, "serial", True), (4.0, None, True), (0.0, "spi", False)],
)
def test_connections_that_differ_more_than_the_class_allows_are_refused(
    copies: tuple[Path, Path], apart_ms: float, class_name: str | None, *, refused: bool
) -> None:
    move_sound(copies[1], apart_ms / 1e3)
    if not refused:
        found = calibrate(copies, at=AT, class_name=class_name).calibration
        assert found.spread_ms == pytest.approx(apart_ms / np.sqrt(3), abs=0.05)
        return
    with pytest.raises(ProvisionError, match="latency differs by"):
        calibrate(copies, at=AT, class_name=class_name)


def test_an_unknown_class_is_refused(opened: tuple[Path, Path]) -> None:
    with pytest.raises(ProvisionError, match="'telepathy' is unknown"):
        calibrate(opened, at=AT, class_name="telepathy")


def test_too_short_a_session_is_refused(opened: tuple[Path, Path]) -> None:
    with pytest.raises(ProvisionError, match="needed are at least 30"):
        calibrate(opened[1:], at=AT)


def test_the_same_session_counts_once(opened: tuple[Path, Path]) -> None:
    with pytest.raises(ProvisionError, match="given twice"):
        calibrate([*opened, opened[0]], at=AT)


def test_no_session_is_refused() -> None:
    with pytest.raises(ProvisionError, match="no session"):
        calibrate([], at=AT)


@pytest.mark.parametrize("observed", [True, False])
def test_a_session_whose_comb_was_not_seen_is_refused(
    copies: tuple[Path, Path], *, observed: bool
) -> None:
    file = copies[1] / "alignment.json"
    streams = json.loads(file.read_text())["streams"]
    streams["EEG"]["comb"] = {"spacing_ms": 1.875, "observed": observed}
    edit(file, streams=streams)
    if observed:
        assert calibrate(copies, at=AT).calibration.n_connections == 3
        return
    with pytest.raises(ProvisionError, match=r"comb \(1\.875 ms\)"):
        calibrate(copies, at=AT)


def test_different_equipment_is_refused_and_named(copies: tuple[Path, Path]) -> None:
    file = copies[1] / "session.json"
    sheet = json.loads(file.read_text())
    facts = {"firmware": "v3.1.3"}
    edit(file, headset={**sheet["headset"], "description": facts})
    with pytest.raises(ProvisionError, match=r"firmware or link is .*v3\.1\.3"):
        calibrate(copies, at=AT)


@pytest.mark.parametrize(
    "name", ["session.json", "alignment.json", "eeg.xdf", "audio_clock.tsv", "audio.flac"]
)
def test_a_folder_that_lacks_something_is_refused(
    copies: tuple[Path, Path], name: str
) -> None:
    (copies[1] / name).unlink()
    with pytest.raises(ProvisionError, match=f"{name} is missing"):
        calibrate(copies, at=AT)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("session.json", '{"device": "BOX-00019"}'),
        ("alignment.json", "{}"),
        ("alignment.json", '{"streams": {}}'),
        ("audio_clock.tsv", "frame\thost_s\n"),
        ("audio.flac", "fLaC"),
        ("eeg.xdf", "XDF:"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # numpy's, of an empty table
def test_a_broken_file_is_refused(
    copies: tuple[Path, Path], name: str, content: str
) -> None:
    (copies[1] / name).write_text(content)
    with pytest.raises(ProvisionError):
        calibrate(copies, at=AT)


def test_nothing_is_written_where_it_can_not_be_or_over_another(
    opened: tuple[Path, Path], tmp_path: Path
) -> None:
    found = calibrate(opened, at=AT).calibration
    with pytest.raises(ProvisionError, match="nowhere to write"):
        write_calibration(found, out=None, box=None)
    out = tmp_path / "result.toml"
    with pytest.raises(ProvisionError, match="no box folder"):
        write_calibration(found, out=out, box=tmp_path)
    assert not out.exists()
    write_calibration(found, out=out, box=None)
    with pytest.raises(ProvisionError, match="exists already"):
        write_calibration(found, out=out, box=None)


@pytest.mark.parametrize(
    ("board", "spacing_ms", "name"),
    [
        ("CYTON_BOARD", None, "serial"),
        ("BRAINBIT_BLED_BOARD", None, "dongle"),
        ("PIEEG_BOARD", None, "spi"),
        ("MUSE_2_BOARD", 0.625, "ble-fine"),
        ("GANGLION_NATIVE_BOARD", 1.25, "ble-fine"),
        ("GANGLION_NATIVE_BOARD", 2.5, "ble"),
        ("MUSE_2_BOARD", None, "ble"),
        ("UNICORN_BOARD", None, "bluetooth"),
    ],
)
def test_the_class_is_that_of_the_boards_link(
    board: str, spacing_ms: float | None, name: str
) -> None:
    assert headset_class(board, spacing_ms).name == name


def test_a_board_nobody_knows_has_no_class() -> None:
    with pytest.raises(ProvisionError, match="'ABACUS' is unknown"):
        headset_class("ABACUS", None)
