"""fieldrec status: what the recorder does just now, for whoever sits at the box."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import msgspec

from recorder.clock import NS_PER_S, read_host_ns
from recorder.commands.reporter import clock_text
from recorder.eeg.quality import Verdict
from recorder.protocol import calls
from recorder.protocol.client import RecorderClient
from recorder.protocol.replies import Welcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recorder.protocol.state import Alarm, Microphone, Session, State, Upload

_EVERY_NS = NS_PER_S
_WORDS = {
    "home": "ready for a session",
    "fit": "fitting the headset",
    "recording": "RECORDING",
    "paused": "PAUSED",
    "finish": "finishing",
}


def show_status(socket: Path, *, watch: bool, as_json: bool) -> None:
    """Print the state once, or with ``watch`` until Ctrl-C. ServiceError without one."""
    with RecorderClient(socket) as recorder:
        welcome = recorder.ask(calls.Hello(), Welcome)
        recorder.do(calls.Subscribe())
        state = recorder.next_news()
        if as_json:
            print(msgspec.json.encode(state).decode(), flush=True)
        else:
            print("\n".join(_block(welcome, state)), flush=True)
        while watch:
            _follow(recorder, as_json=as_json)


def redacted(state: State) -> dict[str, object]:
    """Return ``state`` as plain JSON without what concerns a client."""
    fields: dict[str, object] = json.loads(msgspec.json.encode(state))
    for name in ("session", "interrupted"):
        part = fields[name]
        if isinstance(part, dict):
            part.pop("client")
            part.pop("marks", None)
            part.pop("running", None)
    return fields


def _follow(recorder: RecorderClient, *, as_json: bool) -> None:
    """Print each news as JSON, or a line that changes; elsewhere a line a second."""
    terminal = sys.stdout.isatty()
    next_ns = 0
    while True:
        state = recorder.next_news()
        if as_json:
            print(msgspec.json.encode(state).decode(), flush=True)
        elif terminal:
            print(f"\r\x1b[K{_line(state)}", end="", flush=True)
        elif read_host_ns() >= next_ns:
            next_ns = read_host_ns() + _EVERY_NS
            print(_line(state), flush=True)


def _line(state: State) -> str:
    """Return the state in one line; alarms first, for what is too long is cut off."""
    words = [_phase(state)]
    words += [alarm.id.upper() for alarm in state.alarms if alarm.lasting]
    words += [f"headset {state.headset.link}", f"microphone {state.microphone.link}"]
    words += [f"{state.free_min:.0f} min free"]
    return "  ".join(words)


def _block(welcome: Welcome, state: State) -> Iterator[str]:
    yield f"{welcome.device}  {_phase(state)}"
    yield f"headset     {_headset(state)}"
    yield f"microphone  {_microphone(state.microphone)}"
    yield f"store       room for {state.free_min:.0f} minutes"
    yield f"sending     {_upload(state.upload)}"
    if state.interrupted is not None:
        minutes = state.interrupted.ago_s / 60
        yield f"cut off     a session, {minutes:.0f} min ago; it may be continued"
    for problem in state.problems:
        yield f"problem     {problem.message}; {problem.hint}"
    for alarm in state.alarms:
        yield f"ALARM       {_alarm(alarm)}"


def _phase(state: State) -> str:
    words = _WORDS[state.phase] if state.ready or state.phase != "home" else "NOT READY"
    if state.session is not None and state.session.session:
        words += f" {_times(state.session)}"
    return f"{words} ({state.busy})" if state.busy else words


def _times(session: Session) -> str:
    words = clock_text(session.elapsed_s)
    if session.saved_ago_s is not None:
        words += f", saved {session.saved_ago_s:.1f} s ago"
    if session.lost_share:
        words += f", {session.lost_share:.2%} lost"
    return words


def _headset(state: State) -> str:
    headset = state.headset
    if headset.link == "none":
        return "none is chosen"
    words = [
        f"{headset.name} ({headset.model}): " if headset.model else f"{headset.name}: "
    ]
    words.append(headset.link)
    if headset.link == "connected":
        fine = sum(one.verdict >= Verdict.WARN for one in state.electrodes)
        words.append(f", {fine} of {len(state.electrodes)} electrodes fine")
    if headset.battery_percent is not None:
        words.append(f", battery {headset.battery_percent:.0f} %")
    return "".join(words) + (f"; {headset.problem}" if headset.problem else "")


def _microphone(microphone: Microphone) -> str:
    if microphone.link == "none":
        return "none" if microphone.name else "none is chosen"
    levels = " ".join(f"{level:.0f}" for level in microphone.levels_db)
    words = f"{microphone.name}: {microphone.link}" + (f", {levels} dB" if levels else "")
    return words + (f"; {microphone.problem}" if microphone.problem else "")


def _upload(upload: Upload) -> str:
    counts = (
        f"{upload.waiting} wait, {upload.sent} sent, {upload.verified} verified by the lab"
    )
    if upload.phase == "off":
        return f"{counts}; sync does not run"
    percent = "" if upload.percent is None else f" {upload.percent:.0f} %"
    trouble = f"; {upload.trouble}" if upload.trouble else ""
    return f"{counts}; {upload.phase}{percent}{trouble}"


def _alarm(alarm: Alarm) -> str:
    over = "" if alarm.lasting else " (over)"
    return f"{alarm.id}{over}{': ' if alarm.detail else ''}{alarm.detail}"
