"""What the kernel tells of the board: model, heat, power, clock, watchdog, dongles."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.bench.finding import Finding, Grade, Words
from recorder.service.health import read_health

if TYPE_CHECKING:
    from collections.abc import Iterator

_WARM_C, _HOT_C = 70.0, 80.0
_FTDI_LATENCY_MS = 1
_DONGLES = {("0403", "6015"), ("0403", "6001"), ("2458", "0001")}
_BOARD = Words("Плата", "Board")


@dataclass(frozen=True, slots=True)
class Kernel:
    """Where the kernel tells what it knows; tests bring their own folders."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    etc: Path = Path("/etc")

    def text(self, path: Path) -> str:
        """Return what a file says, "" where it can't be read."""
        try:
            return path.read_text("utf-8", "replace").strip("\0\n ")
        except OSError:
            return ""


def check_hardware(kernel: Kernel) -> Iterator[Finding]:
    """Look at everything that needs no time."""
    yield _image(kernel)
    yield _model(kernel)
    yield _heat(kernel)
    yield _power(kernel)
    yield _clock_chip(kernel)
    yield _watchdog(kernel)
    yield _dongle(kernel)
    yield _sound_card(kernel)
    yield _closed(kernel)


def _image(kernel: Kernel) -> Finding:
    title = Words("Система на карте", "System on the card")
    try:
        about = json.loads(kernel.text(kernel.etc / "fieldrec-image.json"))
        complete = bool(about["eeg_library"]["complete"])
        value = str(about["label"])
    except (ValueError, KeyError, TypeError):
        todo = Words(
            "Запишите карту заново: fieldrec-provision flash",
            "flash the card: fieldrec-provision flash",
        )
        return Finding(id="image", title=title, grade="fail", value="?", todo=todo)
    if not complete:
        todo = Words(
            "В образе нет библиотеки BrainFlow: соберите её (docs/wheelhouse.md) и образ",
            "no BrainFlow library: build it (docs/wheelhouse.md) and the image",
        )
        return Finding(id="image", title=title, grade="fail", value=value, todo=todo)
    return Finding(id="image", title=title, grade="pass", value=value)


def _model(kernel: Kernel) -> Finding:
    model = kernel.text(kernel.sys / "firmware/devicetree/base/model")
    if "Raspberry Pi 4" in model:
        return Finding(id="board", title=_BOARD, grade="pass", value=model)
    todo = Words("Проверена только Raspberry Pi 4", "only the Raspberry Pi 4 is proven")
    return Finding(id="board", title=_BOARD, grade="warn", value=model or "?", todo=todo)


def _heat(kernel: Kernel) -> Finding:
    title = Words("Температура", "Temperature")
    found = read_health(kernel.sys).temperature_c
    if found is None:
        todo = Words("Датчик не найден", "no sensor was found")
        return Finding(id="heat", title=title, grade="warn", todo=todo)
    grade: Grade = "pass" if found <= _WARM_C else "warn" if found <= _HOT_C else "fail"
    todo = Words(
        "Откройте вентиляцию, проверьте радиатор", "give it air; look at the heat sink"
    )
    return Finding(
        id="heat", title=title, grade=grade, value=found, unit="C", limit="<= 70", todo=todo
    )


def _power(kernel: Kernel) -> Finding:
    title = Words("Напряжение питания", "Supply voltage")
    if read_health(kernel.sys).undervoltage:
        todo = Words(
            "Возьмите штатный блок питания и короткий кабель",
            "use the box's own supply and a short cable",
        )
        return Finding(id="power", title=title, grade="fail", value="low", todo=todo)
    known = any(
        (one / "in0_lcrit_alarm").exists()
        for one in (kernel.sys / "class/hwmon").glob("hwmon*")
    )
    if known:
        return Finding(id="power", title=title, grade="pass", value="ok")
    todo = Words(
        "Ядро не сообщает о питании; измерьте: 5,1 В под нагрузкой",
        "the kernel tells nothing of it; measure: 5.1 V under load",
    )
    return Finding(id="power", title=title, grade="warn", value="?", todo=todo)


def _clock_chip(kernel: Kernel) -> Finding:
    title = Words("Часы с батарейкой", "Clock with its battery")
    names = [kernel.text(path / "name") for path in (kernel.sys / "class/rtc").glob("rtc*")]
    chip = next((name for name in names if "ds3231" in name or "ds1307" in name), "")
    if chip:
        return Finding(id="rtc", title=title, grade="pass", value=chip)
    todo = Words(
        "Подключите DS3231 к I2C 1 (выводы 1, 3, 5, 9) и вставьте батарейку",
        "connect the DS3231 to I2C 1 (pins 1, 3, 5, 9); put the battery in",
    )
    return Finding(id="rtc", title=title, grade="fail", value=", ".join(names), todo=todo)


def _watchdog(kernel: Kernel) -> Finding:
    title = Words("Сторожевой таймер", "Hardware watchdog")
    folder = kernel.sys / "class/watchdog/watchdog0"
    name, state = kernel.text(folder / "identity"), kernel.text(folder / "state")
    if state == "active":
        return Finding(id="watchdog", title=title, grade="pass", value=name)
    todo = Words(
        "systemd не включил его: сообщите разработчикам",
        "systemd has not armed it: report this",
    )
    return Finding(id="watchdog", title=title, grade="fail", value=name or "?", todo=todo)


def _dongle(kernel: Kernel) -> Finding:
    title = Words("USB-приёмник гарнитуры", "The headset's USB dongle")
    for path in sorted((kernel.sys / "bus/usb/devices").glob("*")):
        ids = (kernel.text(path / "idVendor"), kernel.text(path / "idProduct"))
        if ids not in _DONGLES:
            continue
        timers = [kernel.text(one) for one in path.glob("**/latency_timer")]
        slow = [text for text in timers if text != str(_FTDI_LATENCY_MS)]
        if slow:
            todo = Words(
                "Правило udev не сработало: выньте и вставьте приёмник",
                "the udev rule did not work: unplug the dongle and plug it in again",
            )
            return Finding(
                id="dongle",
                title=title,
                grade="fail",
                value=float(slow[0]),
                unit="ms",
                limit="1",
                todo=todo,
            )
        return Finding(id="dongle", title=title, grade="pass", value=":".join(ids))
    todo = Words(
        "Не найден; для гарнитур Bluetooth он и не нужен",
        "none was found; a Bluetooth headset needs none",
    )
    return Finding(id="dongle", title=title, grade="warn", todo=todo)


def _sound_card(kernel: Kernel) -> Finding:
    title = Words("Звуковая карта", "Sound card")
    ids = [
        kernel.text(path / "id")
        for path in sorted((kernel.sys / "class/sound").glob("card*"))
    ]
    if "BoxMic" in ids:
        return Finding(id="card", title=title, grade="pass", value="BoxMic")
    todo = Words(
        "Подключите микрофон из списка деталей", "plug in a microphone of the parts list"
    )
    grade: Grade = "warn" if ids else "fail"
    return Finding(id="card", title=title, grade=grade, value=", ".join(ids), todo=todo)


def _closed(kernel: Kernel) -> Finding:
    """Look for anything that listens to the network."""
    title = Words("Открытые порты", "Listening to the network")
    count = 0
    for name, listening in (("tcp", "0A"), ("tcp6", "0A")):
        for line in kernel.text(kernel.proc / "net" / name).splitlines()[1:]:
            words = line.split()
            is_local = words[1].startswith(("0100007F", "0" * 24 + "01000000"))
            count += words[3] == listening and not is_local
    todo = Words(
        "Что-то слушает сеть: не выдавайте прибор, сообщите",
        "something listens: do not hand the box out, report this",
    )
    grade: Grade = "fail" if count else "pass"
    return Finding(
        id="ports", title=title, grade=grade, value=float(count), limit="0", todo=todo
    )
