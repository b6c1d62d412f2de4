"""Headsets are found, named, remembered, found again at the next start, and forgotten."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from recorder.box import Box
from recorder.errors import PhaseError
from recorder.protocol import calls, replies
from recorder.protocol.replies import FoundDevice
from tests.bluetooth import headsets_in_reach
from tests.cyton_pty import CytonPty
from tests.service_process import ServiceProcess, begin, subscribed, until_state
from tests.story import must, run

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.protocol.client import RecorderClient
    from tests.house import House

MUSE = "00:55:DA:B0:12:34"


def test_a_bluetooth_headset_is_found_with_its_model_and_signal_and_paired(
    own_house: House,
) -> None:
    reach = {MUSE: ("Muse-1234", -61), "00:55:DA:B0:12:35": ("Fridge", -40)}
    with (
        headsets_in_reach(reach) as bus,
        ServiceProcess(own_house.box, environment={"DBUS_SYSTEM_BUS_ADDRESS": bus}) as one,
        subscribed(one) as client,
    ):
        found = client.ask(calls.Scan(), replies.Found)
        assert found.problem == ""
        over_bluetooth = [each for each in found.headsets if each.spec.startswith("ble:")]
        (muse,) = over_bluetooth
        assert (muse.name, muse.model, muse.signal_dbm) == ("Muse-1234", "Muse 2", -61)
        assert {"simulated", "synthetic"} < {each.spec for each in found.headsets}
        assert "simulated" in {each.spec for each in found.microphones}
        client.do(calls.Pair(muse.spec, "muse"))
        again = client.ask(calls.Scan(), replies.Found)
        assert [one.paired_as for one in again.headsets if one.spec == muse.spec] == [
            "muse"
        ]
    assert Box.load(own_house.box).paired == {"muse": muse.spec}


def test_without_bluetooth_the_search_says_so_and_finds_the_rest(
    own_house: House, tmp_path: Path
) -> None:
    nobody = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/nothing"}
    with (
        ServiceProcess(own_house.box, environment=nobody) as one,
        subscribed(one) as client,
    ):
        found = client.ask(calls.Scan(), replies.Found)
    assert found.problem
    assert found.headsets


def test_a_paired_headset_that_is_not_in_reach_is_listed_too(own_house: House) -> None:
    spec = f"ble:{MUSE}:MUSE_2_BOARD"
    with ServiceProcess(own_house.box) as service, subscribed(service) as client:
        client.do(calls.Pair(spec, "muse"))
        client.do(calls.Use(headset="simulated"))
        found = client.ask(calls.Scan(), replies.Found)
        muse = FoundDevice(spec=spec, name="muse", paired_as="muse", in_reach=False)
        assert [one for one in found.headsets if not one.in_reach] == [muse]
        client.do(calls.Forget("muse"))
        found = client.ask(calls.Scan(), replies.Found)
        assert [one for one in found.headsets if not one.in_reach] == []


def test_nothing_is_searched_for_while_a_session_is_recorded(
    client: RecorderClient,
) -> None:
    begin(client)
    with pytest.raises(PhaseError):
        client.ask(calls.Scan(), replies.Found)


def test_a_board_on_a_serial_port_is_paired_and_found_again_at_the_next_start(
    own_house: House, tmp_path: Path
) -> None:
    with CytonPty(tmp_path) as cyton:
        spec = f"serial:{cyton.port}:CYTON_BOARD"
        with ServiceProcess(own_house.box) as service, subscribed(service) as client:
            client.do(calls.Pair(spec, "cyton"))
            state = until_state(client, lambda s: s.headset.model == "OpenBCI Cyton")
            state = until_state(client, lambda s: s.headset.link == "connected")
            assert (state.headset.name, state.headset.simulated) == ("cyton", False)
        with ServiceProcess(own_house.box) as service, subscribed(service) as client:
            state = client.next_news()
            assert state.headset.name == "cyton"
            assert len(state.electrodes) == 8
            cyton.pull()
            state = until_state(client, lambda s: s.headset.link == "lost")
            assert state.headset.problem
            cyton.plug_in()
            until_state(client, lambda s: s.headset.link == "connected")
            client.do(calls.Forget("cyton"))
            until_state(client, lambda s: s.headset.link == "none")


def test_a_headset_that_is_off_is_waited_for(own_house: House, tmp_path: Path) -> None:
    with ServiceProcess(own_house.box) as service, subscribed(service) as client:
        client.do(calls.Use(headset=f"serial:{tmp_path}/ttyCYTON:CYTON_BOARD"))
        state = until_state(client, lambda s: "No such file" in s.headset.problem)
        assert state.headset.link == "connecting"
        assert state.ready  # the fit will wait for it too
        with CytonPty(tmp_path):
            until_state(client, lambda s: s.headset.link == "connected")
        assert service.log.count("No such file") == 1  # once, not at every try


def test_the_command_line_pairs_with_and_without_a_recorder_that_runs(
    own_house: House,
) -> None:
    box = own_house.box
    pair = ("devices", "--box", box, "--pair", "synthetic", "--name", "helmet")
    must("fieldrec", *pair)
    assert Box.load(box).paired == {"helmet": "synthetic"}
    assert Box.load(box).default_headset == "helmet"
    must("fieldrec", "devices", "--box", box, "--forget", "helmet")
    assert Box.load(box).paired == {}
    with ServiceProcess(box) as service, service.connect() as client:
        client.do(calls.Subscribe())
        must("fieldrec", *pair)
        until_state(client, lambda s: s.headset.name == "helmet")
        assert run("fieldrec", "devices", "--box", box, "--forget", "muse").code == 10
        must("fieldrec", "devices", "--box", box, "--forget", "helmet")
        until_state(client, lambda s: s.headset.link == "none")
    assert (
        run("fieldrec", "devices", "--box", box, "--pair", "teapot", "--name", "x").code
        == 31
    )
    assert run("fieldrec", "devices", "--pair", "synthetic", "--name", "x").code == 2


def test_devices_are_listed_as_json(own_house: House) -> None:
    with headsets_in_reach({MUSE: ("Muse-1234", -70)}) as bus:
        text = must(
            *("fieldrec", "devices", "--box", own_house.box, "--json"),
            env={"DBUS_SYSTEM_BUS_ADDRESS": bus, "PATH": "/usr/bin"},
        )
    found = json.loads(text)
    assert found["bluetooth_problem"] == ""
    assert {"spec", "name", "model", "signal_dbm", "paired_as"} <= set(found["headsets"][0])
    assert f"ble:{MUSE}:MUSE_2_BOARD" in [one["spec"] for one in found["headsets"]]
