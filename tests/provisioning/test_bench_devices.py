"""The bench test judges what headset and microphone deliver to the recorder that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.bench.measured import check_devices
from provisioning.device import make_device, read_choices
from tests.house import make_house
from tests.service_process import ServiceProcess, subscribed, until, until_state

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.bench.finding import Finding

QUIET_DB = -90.0


def findings(service: ServiceProcess) -> dict[str, Finding]:
    return {one.id: one for one in check_devices(service.socket, seconds=1)}


def delivering(service: ServiceProcess) -> dict[str, Finding] | None:
    """Return the findings, None while a device is away."""
    found = findings(service)
    return None if "fail" in {one.grade for one in found.values()} else found


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("house")
    house = make_house(root)
    simulated = read_choices(headset="simulated", microphone="simulated")
    make_device(house.load_fleet(), root / "simulated", choices=simulated)
    return {"simulated": root / "simulated", "nothing": house.box}


def test_simulated_devices_are_told_from_real_ones(boxes: dict[str, Path]) -> None:
    with ServiceProcess(boxes["simulated"]) as service:
        with subscribed(service) as client:
            until_state(client, lambda state: max(state.microphone.levels_db) > QUIET_DB)
        # A machine that stood still for a second lost its headset meanwhile, and says so.
        found = until(lambda: delivering(service), "they never delivered for a second")
    assert set(found) == {"recorder", "headset", "microphone"}
    assert found["headset"].grade == "warn"
    assert "simulation" in found["headset"].todo.en
    assert found["microphone"].grade == "warn"


def test_without_devices_both_fail(boxes: dict[str, Path]) -> None:
    with ServiceProcess(boxes["nothing"]) as service:
        service.connect().close()
        found = findings(service)
    assert found["headset"].grade == found["microphone"].grade == "fail"


def test_without_a_recorder_it_says_how_to_start_one(tmp_path: Path) -> None:
    (found,) = check_devices(tmp_path / "none.sock", seconds=0.1)
    assert (found.id, found.grade) == ("recorder", "fail")
    assert "systemctl start fieldrec-recorder" in found.todo.en
