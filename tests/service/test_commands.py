"""Whoever sits at the box can ask how it is, and send the lab all but what is private."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recorder import paired
from recorder.checkup.doctor import examine
from recorder.errors import BoxError, ServiceError
from tests.service_process import ServiceProcess, begin, until_state
from tests.story import must, run

if TYPE_CHECKING:
    from recorder.checkup.check import Check
    from recorder.protocol.client import RecorderClient
    from tests.house import House


def test_status_says_what_the_recorder_does(
    client: RecorderClient, shared: ServiceProcess
) -> None:
    until_state(client, lambda s: sum(e.verdict >= 2 for e in s.electrodes) == 7)
    home = must("fieldrec", "status", "--box", shared.box)
    assert "ready for a session" in home
    assert "7 of 8 electrodes fine" in home
    code = begin(client)
    until_state(client, lambda s: s.session is not None and s.session.saved_s > 0)
    text = must("fieldrec", "status", "--socket", shared.socket)
    assert re.search(r"RECORDING 00:\d\d:\d\d\b", text)
    assert re.search(r"saved \d+\.\d", text)
    assert code not in text
    state = json.loads(must("fieldrec", "status", "--box", shared.box, "--json"))
    assert (state["phase"], state["session"]["client"]) == ("recording", code)


def test_status_goes_on_telling(client: RecorderClient, shared: ServiceProcess) -> None:
    begin(client)
    command = (Path(sys.executable).with_name("fieldrec"), "status", "--box", shared.box)
    for options, word in ((("--json",), '"phase":"recording"'), ((), "RECORDING")):
        with subprocess.Popen(
            (*command, "--watch", *options), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(9)]
            process.terminate()
        assert word in lines[0]
        assert word in lines[-1]


def test_without_a_recorder_status_says_so(own_house: House) -> None:
    ended = run("fieldrec", "status", "--box", own_house.box)
    assert ended.code == ServiceError.code
    assert "fieldrec serve" in ended.err


def graded(checks: list[Check]) -> dict[str, str]:
    return {check.what: check.grade for check in checks}


def test_a_box_that_is_fit_passes(shared: ServiceProcess, client: RecorderClient) -> None:
    until_state(client, lambda s: s.gate.good_share > 0)
    grades = graded(examine(shared.box, shared.socket, shared.box / "no-sys"))
    assert not [what for what, grade in grades.items() if grade == "fail"]
    assert {grades[what] for what in ("box", "recorder", "headset", "space")} == {"pass"}
    listed = json.loads(must("fieldrec", "doctor", "--box", shared.box, "--json"))
    assert {check["what"] for check in listed} == set(grades)


def test_what_keeps_a_box_from_recording_fails_with_what_to_do(own_house: House) -> None:
    box, nowhere = own_house.box, own_house.box / "nobody.sock"
    paired.choose(box, headset="serial:/dev/nothing:CYTON_BOARD", microphone="alsa:hw:9")
    (box / "lab" / "study.toml").write_text("name = 1")
    sysfs = box / "sys"
    (sysfs / "class/thermal/thermal_zone0").mkdir(parents=True)
    (sysfs / "class/thermal/thermal_zone0/temp").write_text("90000")
    checks = {check.what: check for check in examine(box, nowhere, sysfs)}
    for what in ("study", "headset", "power"):
        assert checks[what].grade == "fail"
    assert checks["headset"].hint == "plug the dongle in"
    for what in ("recorder", "microphone", "certificate", "sending"):
        assert checks[what].grade == "warn"
    assert checks["disk"].text.startswith("64 KiB are saved in")
    ended = run("fieldrec", "doctor", "--box", box)
    assert ended.code == BoxError.code
    assert "fail  study" in ended.out
    assert "-> " in ended.out
    assert list((box / "sessions").iterdir()) == []


def test_a_folder_that_is_no_box_fails_at_once(tmp_path: Path) -> None:
    (check,) = examine(tmp_path, tmp_path / "s", tmp_path)
    assert (check.what, check.grade) == ("box", "fail")
    assert check.hint


def test_the_bundle_says_how_the_box_is_and_nothing_of_any_client(
    client: RecorderClient, shared: ServiceProcess, tmp_path: Path
) -> None:
    code = begin(client)
    out = tmp_path / "box.zip"
    must("fieldrec", "logs", "--box", shared.box, "--bundle", out)
    assert out.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(out) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {"about.json", "doctor.json", "state.json", "sessions.json"} <= set(texts)
    assert json.loads(texts["about.json"])["device"].startswith("BOX-")
    state = json.loads(texts["state.json"])
    assert state["phase"] == "recording"
    assert "client" not in state["session"]
    register = json.loads((shared.box / "lab" / "clients.json").read_text())
    key = (shared.box / "ssh_ed25519").read_text().splitlines()[2]
    # Codes of digits alone are left out: a time or a size may hold the same ones.
    codes = [one for one in (code, *register["pool"]) if not one.isdecimal()]
    assert len(codes) > len(register["pool"]) / 2
    for text in texts.values():
        assert not any(known in text for known in codes)
        assert key not in text
    assert run("fieldrec", "logs", "--box", shared.box, "--bundle", out).code == 10


@pytest.mark.parametrize("timing", ["speed=1", "sign_after_s=soon"])
def test_a_timing_that_means_nothing_is_wrong_usage(own_house: House, timing: str) -> None:
    ended = run("fieldrec", "serve", "--box", own_house.box, "--timing", timing)
    assert ended.code == 2
