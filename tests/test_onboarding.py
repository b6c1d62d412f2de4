"""From nothing to a box that may record its first client, by the documented commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from recorder.box import Box
from recorder.clients import Clients


def _run(program: str, *arguments: str | Path) -> str:
    command = [Path(sys.executable).with_name(program), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def test_the_documented_commands_lead_to_an_authorised_client(tmp_path: Path) -> None:
    lab, fleet, box = tmp_path / "LAB", tmp_path / "FLEET", tmp_path / "BOX"
    _run("fieldrec-lab", "init", lab, "--recovery-out", tmp_path / "recovery.txt")
    _run("fieldrec-provision", "init", fleet, "--lab", lab / "public")
    device = _run("fieldrec-provision", "device", "new", "--fleet", fleet, "--box", box)
    codes = _run("fieldrec-lab", "client", "new", "--lab", lab, "--count", "2", "--json")
    arguments = ("--lab", lab, "--fleet", fleet / "public", "--box", box)
    _run("fieldrec-lab", "publish", *arguments)
    loaded = Box.load(box)
    assert loaded.device == device.strip()
    consent = Clients.of(loaded).authorise(
        json.loads(codes)["codes"][0],
        scopes=frozenset({"eeg", "audio"}),
        form="2026-1",
        needs=frozenset({"eeg", "audio"}),
    )
    assert consent.sessions == 0
