"""What takes a while: how fast the card saves, what its devices really deliver."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from provisioning.bench.finding import Finding, Grade, Words
from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import FieldrecError, ServiceError
from recorder.protocol import calls
from recorder.protocol.client import RecorderClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recorder.protocol.state import State

_SLOW_MS, _TOO_SLOW_MS = 100.0, 200.0
_WRITE_BYTES = 1 << 16
_EVERY_S = 0.5
_RATE_SHARE = 0.005
_NOISE_DB, _DEAD_DB = -30.0, -90.0
_PERCENTILE = 0.99


def check_card(folder: Path, *, seconds: float) -> Finding:
    """Append and save 64 KiB twice a second, as a recording does; judge the slowest."""
    title = Words("Карта: запись и сохранение", "Card: writing and saving")
    path = folder / ".bench"
    took_ms: list[float] = []
    try:
        path.unlink(missing_ok=True)  # of a test that was cut off
        descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
        )
        try:
            until_ns = read_host_ns() + round(seconds * NS_PER_S)
            while read_host_ns() < until_ns or not took_ms:
                began_ns = read_host_ns()
                os.write(descriptor, os.urandom(_WRITE_BYTES))
                os.fdatasync(descriptor)
                took_ms.append((read_host_ns() - began_ns) / 1e6)
                time.sleep(min(_EVERY_S, seconds / 20))
        finally:
            os.close(descriptor)
            path.unlink(missing_ok=True)
    except OSError as error:
        todo = Words(
            "Карта не пишется: замените её", "the card can't be written: replace it"
        )
        return Finding(
            id="sdcard", title=title, grade="fail", value=str(error.strerror), todo=todo
        )
    worst_ms = sorted(took_ms)[int(_PERCENTILE * (len(took_ms) - 1))]
    grade: Grade = (
        "pass" if worst_ms < _SLOW_MS else "warn" if worst_ms < _TOO_SLOW_MS else "fail"
    )
    todo = Words(
        "Возьмите карту класса A2 повышенной стойкости", "use an endurance card of class A2"
    )
    return Finding(
        id="sdcard",
        title=title,
        grade=grade,
        value=worst_ms,
        unit="ms p99",
        limit="< 100",
        todo=todo,
    )


def check_devices(socket: Path, *, seconds: float) -> Iterator[Finding]:
    """Watch the recorder's devices for ``seconds``."""
    title = Words("Программа записи", "Recorder")
    todo = Words(
        "Запустите: systemctl start fieldrec-recorder",
        "start it: systemctl start fieldrec-recorder",
    )
    try:
        states = list(_watch(socket, seconds))
    except FieldrecError as error:
        yield Finding(
            id="recorder", title=title, grade="fail", value=error.message, todo=todo
        )
        return
    last = states[-1]
    grade: Grade = "fail" if last.problems else "pass"
    said = last.problems[0].message if last.problems else last.phase
    yield Finding(id="recorder", title=title, grade=grade, value=said, todo=todo)
    yield _headset(states)
    yield _microphone(states)


def _watch(socket: Path, seconds: float) -> Iterator[State]:
    until_ns = read_host_ns() + round(seconds * NS_PER_S)
    with RecorderClient(socket, patience_s=30) as recorder:
        recorder.do(calls.Subscribe())
        yield recorder.next_news()
        while read_host_ns() < until_ns:
            yield recorder.next_news()
    if read_host_ns() < until_ns:
        raise ServiceError(
            "the recorder ended", hint="see: journalctl -u fieldrec-recorder"
        )


def _headset(states: list[State]) -> Finding:
    title = Words("Гарнитура ЭЭГ", "EEG headset")
    away = sum(state.headset.link != "connected" for state in states)
    last = states[-1].headset
    todo = Words(
        "Зарядите и включите гарнитуру, положите рядом, повторите",
        "charge the headset, switch it on, bring it near, try again",
    )
    if last.link != "connected" or away:
        value = f"{last.name or '-'}: {last.link}, {away}/{len(states)} away"
        return Finding(id="headset", title=title, grade="fail", value=value, todo=todo)
    if last.simulated:
        todo = Words(
            "Это имитация: подключите настоящую гарнитуру",
            "this is a simulation: connect the real headset",
        )
        return Finding(id="headset", title=title, grade="warn", value=last.name, todo=todo)
    off = abs(last.drift_ppm) / 1e6
    share = off / _RATE_SHARE
    grade: Grade = "pass" if share <= 1 else "fail"
    return Finding(
        id="headset",
        title=title,
        grade=grade,
        value=last.rate_hz,
        unit=f"Hz, {last.drift_ppm:+.0f} ppm, {last.jitter_ms:.1f} ms",
        limit="<= 5000 ppm",
        todo=todo,
    )


def _microphone(states: list[State]) -> Finding:
    title = Words("Микрофон", "Microphone")
    last = states[-1].microphone
    todo = Words(
        "Вставьте микрофон заново, снимите с него «без звука»",
        "plug the microphone in again; look at its mute switch",
    )
    if last.link != "connected":
        return Finding(
            id="microphone", title=title, grade="fail", value=last.link, todo=todo
        )
    levels = [max(state.microphone.levels_db, default=_DEAD_DB) for state in states]
    quiet_db = sorted(levels)[len(levels) // 10]
    dead = all(last.silent) and bool(last.silent)
    grade: Grade = (
        "fail"
        if dead or quiet_db < _DEAD_DB
        else "warn"
        if quiet_db > _NOISE_DB
        else "pass"
    )
    if last.simulated and grade == "pass":
        grade = "warn"
        todo = Words(
            "Это имитация: подключите настоящий микрофон",
            "this is a simulation: connect the real microphone",
        )
    return Finding(
        id="microphone",
        title=title,
        grade=grade,
        value=quiet_db,
        unit=f"dB, {last.xruns} xruns",
        limit="-90 .. -30",
        todo=todo,
    )
