"""The report: all findings, signed by the box's key, and the same as a page to print."""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from provisioning.bench.finding import Finding, Words
from provisioning.bench.hardware import Kernel, check_hardware
from provisioning.bench.measured import check_card, check_devices
from recorder import __version__
from recorder.box import Box
from recorder.checkup.doctor import examine
from recorder.clock import NS_PER_S, read_wall_pair
from recorder.errors import ProvisionError
from recorder.files import PUBLIC, create, new_folder
from recorder.format.manifest import NAMESPACE_BENCH
from recorder.format.sshsig import sign

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.steps import Steps

REPORT = "bench-report.json"
_PAGE = "bench-report.html"
# What the box's own check-up already says better here.
_SAID_BETTER = frozenset({"recorder", "headset", "microphone", "disk", "power"})
_STYLE = (
    "body{font:14px sans-serif;max-width:60em;margin:2em auto}td{padding:.2em .6em;"
    "border-bottom:1px solid #ccc;vertical-align:top}.fail{background:#fdd}"
    ".warn{background:#ffc}"
)


@dataclass(frozen=True, slots=True)
class BenchPlan:
    """What is tested, and for how long."""

    box: Path
    socket: Path
    sysfs: Path = Path("/sys")
    proc: Path = Path("/proc")
    etc: Path = Path("/etc")
    seconds: float = 60
    language: str = "en"


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed."""

    version: int
    device: str
    at_utc: str
    fieldrec: str
    grade: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A finished bench test."""

    content: Content
    box: Box
    language: str

    def json_text(self) -> str:
        """Return the report as JSON, as it is signed."""
        content: str = msgspec.json.encode(self.content, order="sorted").decode()
        return content

    def text(self) -> str:
        """Return the report for a terminal."""
        lines = [one.line(self.language) for one in self.content.findings]
        return "\n".join([*lines, f"{self.content.device}: {self.content.grade}"])

    def write(self, out: Path) -> None:
        """Write report, signature and page into the new folder ``out``."""
        content = self.json_text().encode()
        signature = sign(content, self.box.signing_key(), namespace=NAMESPACE_BENCH)
        with new_folder(out, mode=0o755) as folder:
            create(folder / REPORT, content, mode=PUBLIC)
            create(folder / f"{REPORT}.sig", signature.encode(), mode=PUBLIC)
            create(folder / _PAGE, self._page().encode(), mode=PUBLIC)

    def check(self) -> None:
        """Raise ProvisionError where something failed."""
        failed = [one.id for one in self.content.findings if one.grade == "fail"]
        if failed:
            raise ProvisionError(
                f"{len(failed)} of {len(self.content.findings)} checks failed:"
                f" {', '.join(failed)}",
                hint="do what stands beside them; docs/bench.md says more",
            )

    def _page(self) -> str:
        rows = "".join(
            f'<tr class="{one.grade}"><td>{one.grade}<td>{html.escape(one.title.ru)}<br>'
            f"{html.escape(one.title.en)}<td>{html.escape(_number(one))}"
            f"<td>{html.escape(one.todo.ru if one.grade != 'pass' else '')}<br>"
            f"{html.escape(one.todo.en if one.grade != 'pass' else '')}"
            for one in self.content.findings
        )
        head = f"{self.content.device}: {self.content.grade}, {self.content.at_utc}"
        return (
            f'<!doctype html><meta charset="utf-8"><title>{head}</title>'
            f"<style>{_STYLE}</style><h1>{head}</h1><p>Fieldrec {self.content.fieldrec}</p>"
            f"<table>{rows}</table><p>Signed: {REPORT}.sig</p>\n"
        )


def run_bench(plan: BenchPlan, steps: Steps) -> Report:
    """Look at everything. Changes nothing on the box."""
    box = Box.load(plan.box)
    kernel = Kernel(plan.sysfs, plan.proc, plan.etc)
    findings: list[Finding] = []
    with steps.step("the board"):
        findings += check_hardware(kernel)
    with steps.step("the box folder"):
        findings += _checkup(plan)
    with steps.step(f"the card, {plan.seconds:.0f} s"):
        findings.append(check_card(box.sessions, seconds=plan.seconds))
    with steps.step(f"headset and microphone, {plan.seconds:.0f} s"):
        findings += check_devices(plan.socket, seconds=plan.seconds)
    grades = {one.grade for one in findings}
    content = Content(
        version=1,
        device=box.device,
        at_utc=_now(),
        fieldrec=__version__,
        grade="fail" if "fail" in grades else "warn" if "warn" in grades else "pass",
        findings=tuple(findings),
    )
    return Report(content, box, plan.language)


def _checkup(plan: BenchPlan) -> Iterator[Finding]:
    """Take over what the box's own check-up says of keys, papers, space and sending."""
    for check in examine(plan.box, plan.socket, plan.sysfs):
        if check.what in _SAID_BETTER:
            continue
        words = _TITLES.get(check.what, Words(check.what, check.what))
        yield Finding(
            id=check.what.replace(" ", "-"),
            title=words,
            grade=check.grade,
            value=check.text,
            todo=Words(_TODO_RU.get(check.what, check.hint), check.hint),
        )


_TITLES = {
    "box": Words("Папка прибора", "Box folder"),
    "register of clients": Words("Список клиентов", "Register of clients"),
    "codebook": Words("Кодовая книга", "Codebook"),
    "study": Words("Исследование", "Study"),
    "certificate": Words("Сертификат", "Certificate"),
    "space": Words("Место на карте", "Room on the card"),
    "sending": Words("Отправка", "Sending"),
    "clock": Words("Время", "Time of day"),
    "store": Words("Хранилище", "Store"),
}
_TODO_RU = {
    "box": "Сделайте папку прибора заново: fieldrec-provision device new, затем flash",
    "register of clients": "Получите коды у лаборатории: fieldrec-lab publish",
    "codebook": "Получите LAB/public у лаборатории и сделайте прибор заново",
    "study": "Получите LAB/public у лаборатории и сделайте прибор заново",
    "certificate": "Обновите: fieldrec-provision publish --fleet FLEET --box BOX",
    "space": "Дайте прибору отправить записи или возьмите карту больше",
    "sending": "Подключите прибор к сети; назовите сервер: fieldrec-provision server",
    "clock": "Подключите прибор к сети; проверьте часы с батарейкой",
    "store": "Хранилище не читается: замените карту",
}


def _number(one: Finding) -> str:
    return "" if one.value is None else f"{one.value} {one.unit}".strip()


def _now() -> str:
    seconds = read_wall_pair().wall_ns // NS_PER_S
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
