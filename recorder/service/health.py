"""The box's own health, as the kernel tells it: temperature, supply voltage, battery."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys")
_MILLI = 1000


@dataclass(frozen=True, slots=True)
class Health:
    """None where the kernel tells nothing."""

    temperature_c: float | None = None
    undervoltage: bool = False
    battery_percent: float | None = None
    on_battery: bool = False


def read_health(sysfs: Path = SYSFS) -> Health:
    """Read what there is under ``sysfs``; what can't be read counts as not there."""
    zones = [
        number / _MILLI
        for path in sorted(sysfs.glob("class/thermal/thermal_zone*/temp"))
        if (number := _number(path)) is not None
    ]
    percent, discharging = _battery(sysfs)
    return Health(
        temperature_c=max(zones, default=None),
        undervoltage=_undervoltage(sysfs),
        battery_percent=percent,
        on_battery=discharging,
    )


def _undervoltage(sysfs: Path) -> bool:
    """Ask the Raspberry Pi's firmware, as its kernel driver rpi_volt shows it."""
    for chip in sorted(sysfs.glob("class/hwmon/hwmon*")):
        if _text(chip / "name") == "rpi_volt":
            return _number(chip / "in0_lcrit_alarm") == 1
    return False


def _battery(sysfs: Path) -> tuple[float | None, bool]:
    """Return the box's battery; one of a device beside it (scope Device) is not its own."""
    for supply in sorted(sysfs.glob("class/power_supply/*")):
        if _text(supply / "type") == "Battery" and _text(supply / "scope") != "Device":
            return _number(supply / "capacity"), _text(supply / "status") == "Discharging"
    return None, False


def _number(path: Path) -> float | None:
    try:
        return float(_text(path))
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
