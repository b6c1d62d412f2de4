"""What goes wrong with devices is told within seconds, and the recording goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S, read_host_ns
from recorder.protocol import calls
from tests.service_process import (
    ServiceProcess,
    begin,
    is_saving,
    subscribed,
    until_state,
)

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.protocol.client import RecorderClient
    from recorder.protocol.state import State
    from tests.house import House

HASTY = ("--timing", "override_after_s=0", "--timing", "contact_alarm_s=1")


def raised(state: State, name: str) -> bool:
    return any(alarm.id == name and alarm.lasting for alarm in state.alarms)


def detail(state: State, name: str) -> str:
    (alarm,) = [one for one in state.alarms if one.id == name]
    return alarm.detail


def test_every_fault_of_the_devices_is_told_and_ends_with_it(
    own_house: House, tmp_path: Path
) -> None:
    sysfs = tmp_path / "sys"
    zone = sysfs / "class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "temp").write_text("50000")
    options = (*HASTY, "--sysfs", str(sysfs))
    with ServiceProcess(own_house.box, options) as service, subscribed(service) as client:
        until_state(client, lambda s: s.gate.good_share > 0)
        begin(client)
        mute_ns = read_host_ns()
        client.do(calls.Provoke("microphone"))
        lose_contact(client)
        (zone / "temp").write_text("85000")
        until_state(client, lambda s: raised(s, "hot"))
        hear_nothing(client, mute_ns)
        lose_the_headset(client)
        client.do(calls.Stop())
        state = until_state(client, lambda s: s.phase == "finish")
        assert state.session is not None
        assert state.session.signs_in_s is not None
        assert 590 < state.session.signs_in_s <= 600


def lose_contact(client: RecorderClient) -> None:
    """Let electrodes fail and mend."""
    client.do(calls.Provoke("electrodes"))
    lost = "Fp2, C3, C4"  # told as each of them is judged
    until_state(client, lambda s: raised(s, "contact") and detail(s, "contact") == lost)
    client.do(calls.Provoke("electrodes"))


def hear_nothing(client: RecorderClient, mute_ns: int) -> None:
    """Wait until the mute microphone is told of, and mend it."""
    state = until_state(client, lambda s: raised(s, "microphone_silent"))
    assert state.at_ns - mute_ns > 9 * NS_PER_S
    assert state.microphone.silent == (True, True)
    client.do(calls.Provoke("microphone"))
    state = until_state(client, lambda s: not raised(s, "microphone_silent"))
    (alarm,) = [one for one in state.alarms if one.id == "microphone_silent"]
    assert not alarm.lasting  # and listed, for nobody has seen it
    client.do(calls.Seen("microphone_silent"))
    until_state(client, lambda s: all(a.id != "microphone_silent" for a in s.alarms))


def lose_the_headset(client: RecorderClient) -> None:
    """Let it go away and come back; sound is recorded meanwhile."""
    client.do(calls.Provoke("headset"))
    state = until_state(client, lambda s: raised(s, "headset_lost"))
    assert state.headset.link == "lost"
    assert all(one.reason == "no_data" for one in state.electrodes)
    until_state(client, lambda s: raised(s, "headset_lost") and is_saving(s))
    state = until_state(client, lambda s: not raised(s, "headset_lost"))
    assert state.headset.link == "connected"
    assert state.session is not None
    assert state.session.lost_share > 0
