"""The bench test passes what is fine and fails what is not, and says what to do."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from provisioning.bench.hardware import Kernel, check_hardware
from provisioning.bench.measured import check_card
from provisioning.bench.report import BenchPlan, run_bench
from provisioning.cli import main
from provisioning.steps import Steps
from recorder.errors import ProvisionError
from tests.house import House, exit_code, make_house, stock_verify

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.bench.finding import Finding

FINE = {
    "etc/fieldrec-image.json": json.dumps(
        {"label": "Fieldrec 0.1.0", "eeg_library": {"complete": True}}
    ),
    "sys/firmware/devicetree/base/model": "Raspberry Pi 4 Model B Rev 1.5\0",
    "sys/class/thermal/thermal_zone0/temp": "48000\n",
    "sys/class/hwmon/hwmon0/name": "rpi_volt\n",
    "sys/class/hwmon/hwmon0/in0_lcrit_alarm": "0\n",
    "sys/class/rtc/rtc0/name": "rtc-ds1307 1-0068\n",
    "sys/class/watchdog/watchdog0/state": "active\n",
    "sys/class/watchdog/watchdog0/identity": "Broadcom BCM2835 Watchdog timer\n",
    "sys/bus/usb/devices/1-1/idVendor": "0403\n",
    "sys/bus/usb/devices/1-1/idProduct": "6015\n",
    "sys/bus/usb/devices/1-1/ttyUSB0/latency_timer": "1\n",
    "sys/class/sound/card1/id": "BoxMic\n",
    "proc/net/tcp": "head\n 0: 0100007F:1538 00000000:0000 0A\n",
}
LISTENING = "head\n 0: 00000000:0016 00000000:0000 0A\n"


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is changed against a fine box, and what must come of it."""

    path: str
    content: str | None
    id: str
    grade: str


WRONG = (
    Wrong(
        "etc/fieldrec-image.json",
        '{"label": "x", "eeg_library": {"complete": false}}',
        "image",
        "fail",
    ),
    Wrong("etc/fieldrec-image.json", None, "image", "fail"),
    Wrong("sys/firmware/devicetree/base/model", "Raspberry Pi 5", "board", "warn"),
    Wrong("sys/class/thermal/thermal_zone0/temp", "75000", "heat", "warn"),
    Wrong("sys/class/thermal/thermal_zone0/temp", "85000", "heat", "fail"),
    Wrong("sys/class/thermal/thermal_zone0/temp", None, "heat", "warn"),
    Wrong("sys/class/hwmon/hwmon0/in0_lcrit_alarm", "1", "power", "fail"),
    Wrong("sys/class/hwmon/hwmon0/in0_lcrit_alarm", None, "power", "warn"),
    Wrong("sys/class/rtc/rtc0/name", None, "rtc", "fail"),
    Wrong("sys/class/watchdog/watchdog0/state", "inactive", "watchdog", "fail"),
    Wrong("sys/bus/usb/devices/1-1/ttyUSB0/latency_timer", "16", "dongle", "fail"),
    Wrong("sys/bus/usb/devices/1-1/idVendor", "1d6b", "dongle", "warn"),
    Wrong("sys/class/sound/card1/id", "BoxMicX", "card", "warn"),
    Wrong("sys/class/sound/card1/id", None, "card", "warn"),
    Wrong("proc/net/tcp", LISTENING, "ports", "fail"),
    Wrong("proc/net/tcp6", LISTENING, "ports", "fail"),
)


def has_cyrillic(text: str) -> bool:
    return any(unicodedata.name(one, "").startswith("CYRILLIC") for one in text)


def make_kernel(root: Path, **_: object) -> Kernel:
    for name, content in FINE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Kernel(root / "sys", root / "proc", root / "etc")


def by_id(kernel: Kernel) -> dict[str, Finding]:
    return {one.id: one for one in check_hardware(kernel)}


def test_a_fine_box_passes_everything(tmp_path: Path) -> None:
    found = by_id(make_kernel(tmp_path))
    assert {one.grade for one in found.values()} == {"pass"}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda one: f"{one.id}-{one.grade}")
def test_what_is_wrong_is_found_and_says_what_to_do(tmp_path: Path, wrong: Wrong) -> None:
    kernel = make_kernel(tmp_path)
    path = tmp_path / wrong.path
    if wrong.content is None:
        path.unlink()
    else:
        path.write_text(wrong.content)
    found = by_id(kernel)
    assert found[wrong.id].grade == wrong.grade
    assert found[wrong.id].todo.ru
    assert found[wrong.id].todo.en
    assert {one.grade for one in found.values() if one.id != wrong.id} == {"pass"}


def test_a_card_is_measured_and_nothing_stays(tmp_path: Path) -> None:
    found = check_card(tmp_path, seconds=0.2)
    assert isinstance(found.value, float)
    assert not list(tmp_path.iterdir())


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    # The folder is the recorder's, the bench test runs as root.
    kept = tmp_path / "kept"
    kept.write_text("content")
    sessions = tmp_path / "sessions"
    sessions.mkdir()
    (sessions / ".bench").symlink_to(kept)
    assert isinstance(check_card(sessions, seconds=0.1).value, float)
    assert kept.read_text() == "content"
    assert not list(sessions.iterdir())


def test_what_can_not_be_told_is_refused_before_anything_is_tested(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    words = ("bench", "--box", house.box, "--seconds", "3600")
    assert exit_code(main, *words, "--out", tmp_path / "full") == ProvisionError.code
    assert "exists already and is not an empty folder" in capsys.readouterr().err
    assert exit_code(main, *words, "--language", "de") == 2
    assert "'de' is neither ru nor en" in capsys.readouterr().err


def test_a_card_that_can_not_be_written_fails(tmp_path: Path) -> None:
    assert check_card(tmp_path / "none", seconds=0.1).grade == "fail"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return make_house(tmp_path_factory.mktemp("house"))


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_report_is_signed_by_the_box_and_can_be_printed(
    house: House, tmp_path: Path, language: str
) -> None:
    kernel = make_kernel(tmp_path)
    plan = BenchPlan(
        box=house.box,
        socket=tmp_path / "none.sock",
        sysfs=kernel.sys,
        proc=kernel.proc,
        etc=kernel.etc,
        seconds=0.1,
        language=language,
    )
    report = run_bench(plan, Steps(tell=lambda _: None))
    report.write(tmp_path / "report")
    content = (tmp_path / "report" / "bench-report.json").read_bytes()
    signers = tmp_path / "signers"
    key = (house.box / "ssh_ed25519.pub").read_text()
    signers.write_text(f'BOX-00019 namespaces="fieldrec-bench" {key}')
    assert stock_verify(
        content,
        tmp_path / "report" / "bench-report.json.sig",
        signers=signers,
        principal="BOX-00019",
        namespace="fieldrec-bench",
    )
    page = (tmp_path / "report" / "bench-report.html").read_text()
    assert "Сторожевой таймер" in page
    assert "Hardware watchdog" in page
    assert ("Сторожевой таймер" in report.text()) == (language == "ru")
    assert json.loads(content)["device"] == "BOX-00019"
    for one in json.loads(content)["findings"]:
        assert one["grade"] == "pass" or has_cyrillic(one["todo"]["ru"]), one
        assert has_cyrillic(one["title"]["ru"]), one
    with pytest.raises(ProvisionError, match=r"checks failed: .*recorder"):
        report.check()  # none runs here
