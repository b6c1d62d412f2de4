"""What runs on the box: the recorder with its devices, sync, and the box's own health."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from recorder.audio.choose import find_microphones
from recorder.checkup.check import Check, failed
from recorder.clock import NS_PER_S, read_host_ns, read_wall_pair
from recorder.eeg.quality import Verdict
from recorder.errors import FieldrecError, ServiceError
from recorder.protocol import calls
from recorder.protocol.client import RecorderClient
from recorder.runtime import SYNC_PROGRESS, runtime_folder
from recorder.upload.published import read_published

if TYPE_CHECKING:
    from recorder.box import Box
    from recorder.checkup.check import Grade
    from recorder.protocol.state import State, Upload
    from recorder.service.health import Health

_ANSWER_S = 5.0
_HOT_C, _WARM_C = 80.0, 70.0
_LATE_NS = 7 * 86400 * NS_PER_S
_PORT = re.compile(r"serial:(.+):\w+")


def ask_recorder(socket: Path) -> State | ServiceError:
    """Return the recorder's state, or why there is none."""
    try:
        with RecorderClient(socket, patience_s=_ANSWER_S) as recorder:
            recorder.do(calls.Subscribe())
            return recorder.next_news()
    except ServiceError as error:
        return error
    except FieldrecError as error:
        return ServiceError(error.message, hint=error.hint)


def check_recorder(answer: State | ServiceError) -> list[Check]:
    """Look at the recorder, and at the devices it holds."""
    if isinstance(answer, ServiceError):
        hint = "start it: systemctl start fieldrec-recorder, or fieldrec serve --box BOX"
        return [Check("recorder", "warn", answer.message, hint)]
    alarms = ", ".join(alarm.id for alarm in answer.alarms)
    recorder = Check("recorder", "pass", f"running, {answer.phase}")
    if answer.problems:
        first = answer.problems[0]
        recorder = Check("recorder", "fail", first.message, first.hint)
    elif alarms:
        recorder = Check("recorder", "warn", f"running, alarms: {alarms}")
    return [recorder, _headset(answer), _microphone(answer)]


def check_chosen(box: Box) -> list[Check]:
    """Look at the devices of a box whose recorder does not run, without opening them."""
    return [_chosen_headset(box), _chosen_microphone(box)]


def check_sync(box: Box, upload: Upload) -> Check:
    """Look at sending: nothing of it ever harms a recording."""
    text = (
        f"{upload.waiting} wait, {upload.sent} sent, {upload.verified} verified by the lab"
    )
    if box.server is None:
        hint = "have the technician enter one"
        return Check("sending", "warn", f"{text}; no server is known", hint)
    now_ns = read_host_ns()
    if read_published(runtime_folder(box.root) / SYNC_PROGRESS, now_ns) is None:
        hint = "start it: systemctl start fieldrec-sync, or fieldrec sync --box BOX"
        return Check("sending", "warn", f"{text}; sync does not run", hint)
    newest_ns = upload.last_verified_wall_ns or 0
    late = newest_ns and read_wall_pair().wall_ns - newest_ns > _LATE_NS
    if upload.trouble or (upload.waiting and late):
        hint = "connect the box to the internet"
        why = upload.trouble or "nothing was verified for a week"
        return Check("sending", "warn", f"{text}; {why}", hint)
    return Check("sending", "pass", f"{text}; {upload.phase}")


def check_health(health: Health) -> Check:
    """Judge temperature and power."""
    known_c = health.temperature_c
    text = "no temperature is told" if known_c is None else f"{known_c:.0f} C"
    if health.undervoltage:
        hint = "use the power supply that came with the box"
        return Check("power", "fail", f"{text}, the supply voltage is too low", hint)
    if known_c is not None and known_c > _WARM_C:
        grade: Grade = "fail" if known_c > _HOT_C else "warn"
        return Check("power", grade, text, "give the box air; take it out of the sun")
    return Check("power", "pass", text)


def _headset(state: State) -> Check:
    headset = state.headset
    if headset.link == "none":
        return Check("headset", "fail", "none is chosen", "fieldrec devices lists them")
    if headset.link != "connected":
        text = f"{headset.name}: {headset.link}; {headset.problem}".rstrip("; ")
        return Check("headset", "fail", text, "charge it, switch it on, bring it near")
    fine = sum(one.verdict >= Verdict.WARN for one in state.electrodes)
    text = f"{headset.name}: connected, {fine} of {len(state.electrodes)} electrodes fine"
    return Check("headset", "pass", text)


def _microphone(state: State) -> Check:
    microphone = state.microphone
    if microphone.link == "none":
        grade: Grade = "warn" if microphone.name else "fail"
        return Check("microphone", grade, "none is chosen", "fieldrec devices lists them")
    if microphone.link != "connected":
        text = f"{microphone.name}: {microphone.link}; {microphone.problem}".rstrip("; ")
        return Check("microphone", "fail", text, "plug it in again")
    if any(microphone.silent):
        hint = "switch it on; look at its mute switch"
        return Check("microphone", "warn", f"{microphone.name}: a channel is dead", hint)
    return Check("microphone", "pass", f"{microphone.name}: connected")


def _chosen_headset(box: Box) -> Check:
    spec = box.paired.get(box.default_headset, box.default_headset)
    if not spec:
        return Check("headset", "fail", "none is chosen", "fieldrec devices lists them")
    port = _PORT.fullmatch(spec)
    if port and not Path(port[1]).exists():
        return Check("headset", "fail", f"{port[1]} is not there", "plug the dongle in")
    return Check("headset", "pass", f"{box.default_headset} is chosen; not tried")


def _chosen_microphone(box: Box) -> Check:
    spec = box.default_microphone
    if not spec:
        hint = "fieldrec devices lists them"
        return Check("microphone", "fail", "none is chosen", hint)
    try:
        known = {one.spec for one in find_microphones()}
    except FieldrecError as error:
        return failed("microphone", error)
    if spec.startswith("alsa:") and spec not in known:
        text = f"{spec} is not among the sound cards"
        return Check("microphone", "warn", text, "plug it in")
    return Check("microphone", "pass", f"{spec} is chosen; not tried")
