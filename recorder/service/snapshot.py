"""Everything a screen shows, put together from what the parts of the service know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S
from recorder.eeg.head import places
from recorder.eeg.quality import Contact, Reason, Verdict
from recorder.errors import StoreSpaceError
from recorder.protocol import state
from recorder.protocol.lines import fault_of
from recorder.service.phases import STARTING
from recorder.session import PLANNED_MIN

if TYPE_CHECKING:
    from recorder.protocol.replies import Fault
    from recorder.service.alarms import Surroundings
    from recorder.service.headset import HeadsetLook
    from recorder.service.microphone import MicrophoneLook
    from recorder.service.phases import View
    from recorder.service.running import Running
    from recorder.store.writer import WriterStatus

_LOWEST_DB = -120.0


def make_state(
    around: Surroundings, alarms: tuple[state.Alarm, ...], upload: state.Upload
) -> state.State:
    """Return the state at ``around.now_ns``, without a trace."""
    view, writer = around.view, around.writer
    # A session that is over has given the headset back.
    live = writer if view.phase in ("recording", "paused") else None
    contacts = around.headset.contacts if live is None else live.contacts
    problems = _problems(view, around.free_min)
    return state.State(
        at_ns=around.now_ns,
        phase=view.phase,
        ready=not problems and view.busy != STARTING,
        problems=problems,
        headset=_headset(around.headset, live),
        electrodes=_electrodes(around.headset, contacts),
        microphone=_microphone(around.microphone),
        gate=view.gate,
        free_min=round(around.free_min, 1),
        alarms=alarms,
        upload=upload,
        session=_session(view, writer, around.now_ns),
        interrupted=_interrupted(view),
        busy=view.busy,
        box_battery_percent=around.health.battery_percent,
        box_temperature_c=around.health.temperature_c,
    )


def _problems(view: View, free_min: float) -> tuple[Fault, ...]:
    known = tuple(map(fault_of, view.problems))
    if view.phase != "home" or free_min >= PLANNED_MIN:
        return known
    space = StoreSpaceError(
        f"the store has room for {int(free_min)} minutes, {PLANNED_MIN:.0f} are needed",
        hint="connect the box to the internet so that it can send and delete sessions",
    )
    return (*known, fault_of(space))


def _headset(look: HeadsetLook, writer: WriterStatus | None) -> state.Headset:
    numbers = look.numbers
    drift, jitter, silent = 0.0, 0.0, None
    rate, lost, battery = 0.0, 0, look.battery_percent
    if writer is not None:
        drift, jitter, silent = (
            writer.eeg_drift_ppm,
            writer.eeg_jitter_ms,
            writer.eeg_silent_s,
        )
        rate, lost, battery = (
            writer.eeg_rate_hz,
            writer.lost_samples,
            writer.battery_percent,
        )
    elif numbers is not None and look.link == "connected":
        drift, jitter, silent = numbers.drift_ppm, numbers.jitter_ms, numbers.silent_s
        rate = numbers.rate_hz
    return state.Headset(
        name=look.name,
        model="" if look.board is None else look.board.model,
        link=look.link,
        simulated=look.simulated,
        battery_percent=battery,
        rate_hz=round(rate, 3),
        drift_ppm=round(drift, 1),
        jitter_ms=round(jitter, 2),
        lost_samples=lost,
        silent_s=None if silent is None else round(silent, 2),
        problem=look.problem,
    )


def _electrodes(
    look: HeadsetLook, contacts: tuple[Contact, ...]
) -> tuple[state.Electrode, ...]:
    if look.board is None:
        return ()
    if look.link != "connected":
        # The writer tells of it with its next tick only.
        contacts = (Contact(Verdict.DEAD, Reason.NO_DATA, 0.0),) * look.board.n_channels
    labels = tuple(channel.label for channel in look.board.channels)
    return tuple(
        state.Electrode(label, int(contact.verdict), contact.reason.value, x, y)
        for label, contact, (x, y) in zip(labels, contacts, places(labels), strict=False)
    )


def _microphone(look: MicrophoneLook) -> state.Microphone:
    return state.Microphone(
        name=look.name,
        link=look.link,
        simulated=look.simulated,
        levels_db=tuple(round(max(one.peak_dbfs, _LOWEST_DB), 1) for one in look.sound),
        silent=tuple(one.silent for one in look.sound),
        clipping=tuple(one.clipping for one in look.sound),
        xruns=look.xruns,
        problem=look.problem,
    )


def _session(view: View, writer: WriterStatus | None, now_ns: int) -> state.Session | None:
    prepared, running = view.prepared, view.running
    if prepared is None:
        return None
    plain = state.Session(
        client=prepared.consent.code,
        number=prepared.number,
        wanted=prepared.study.sessions_per_client,
        mode=prepared.mode,
        sound="recorded" if prepared.sound else "no_consent",
    )
    if running is None or writer is None:
        return plain
    return _running(plain, view, running, writer, now_ns)


def _running(
    plain: state.Session, view: View, running: Running, writer: WriterStatus, now_ns: int
) -> state.Session:
    start_ns = running.session.start_ns
    saved_ago_s = max(0.0, (now_ns - writer.saved_ns) / NS_PER_S)
    signs_at_ns = view.signs_at_ns
    left_s = None if signs_at_ns is None else max(0.0, (signs_at_ns - now_ns) / NS_PER_S)
    return state.Session(
        client=plain.client,
        number=plain.number,
        wanted=plain.wanted,
        mode=plain.mode,
        sound=running.sound,
        session=str(running.session.session),
        elapsed_s=round(running.elapsed_s(now_ns), 2),
        saved_s=round(max(0.0, (writer.saved_ns - start_ns) / NS_PER_S), 2),
        saved_ago_s=round(saved_ago_s, 2) if view.phase == "recording" else None,
        written_s=round(writer.written_ns / NS_PER_S, 2),
        lost_share=_lost_share(writer),
        marks=running.marks.newest,
        running=running.marks.running,
        baseline=None if running.rest is None else running.rest.look(now_ns),
        signs_in_s=left_s,
        trouble=running.trouble,
    )


def _lost_share(writer: WriterStatus) -> float:
    share = writer.lost_ns / writer.written_ns if writer.written_ns else 0.0
    return round(min(1.0, share), 5)


def _interrupted(view: View) -> state.Interrupted | None:
    found = view.offer
    if found is None or not found.holds():
        return None
    return state.Interrupted(found.client, round(found.ago_ns() / NS_PER_S, 1))
