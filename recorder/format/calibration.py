"""A calibration: how late one kind of headset's samples arrive, measured on the bench.

A file ``<id>.toml`` in the box's folder ``calibration``. It holds for a board with this
firmware and this setting of its link, beside this microphone at this rate.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from recorder.errors import FormatError
from recorder.format.sheet import AppliedCalibration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recorder.format.sheet import Equipment

_LINK_FACTS = ("firmware", "ftdi_latency_ms", "ble_interval_ms")
_SOUND_FACTS = ("kind", "hardware")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

_Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,80}$")]
_Ms = Annotated[float, msgspec.Meta(ge=-1000, le=1000)]
_SpreadMs = Annotated[float, msgspec.Meta(ge=0, le=1000)]


class Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was measured, on what.

    ``headset`` holds what the session sheets told of firmware and link, ``microphone`` its
    kind and hardware. ``simulated`` where any of the devices was. ``constant_ms`` is the
    median over connections, ``spread_ms`` their SD, never above ``target_ms``, the figure
    of ``headset_class``.
    """

    version: Literal[1] = 1
    id: _Id
    date: str
    simulated: bool
    board: str
    model: str
    headset: dict[str, str]
    microphone: dict[str, str]
    audio_rate_hz: int
    headset_class: str
    target_ms: float
    n_connections: int
    n_pulses: int
    constant_ms: _Ms
    spread_ms: _SpreadMs
    standard_error_ms: _SpreadMs
    sessions: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def fits(self, headset: Equipment, microphone: Equipment, audio_rate_hz: int) -> bool:
        """Tell whether it holds for a session; ``audio_rate_hz`` is 0 without sound.

        A setting that could not be read then or now is only equal to one that could not
        be read either.
        """
        same_headset = (
            self.board == headset.board
            and self.headset == link_facts(headset)
            and self.simulated == (headset.simulated or microphone.simulated)
        )
        same_sound = (
            self.microphone == sound_facts(microphone)
            and self.audio_rate_hz == audio_rate_hz
        )
        return same_headset and (same_sound or not audio_rate_hz)


def link_facts(headset: Equipment) -> dict[str, str]:
    """Return what the sheet tells of a headset's firmware and link."""
    return {k: v for k, v in headset.description.items() if k in _LINK_FACTS}


def sound_facts(microphone: Equipment) -> dict[str, str]:
    """Return which kind of microphone it was, and which hardware."""
    return {k: v for k, v in microphone.description.items() if k in _SOUND_FACTS}


def choose_calibration(
    known: Iterable[Calibration],
    *,
    headset: Equipment,
    microphone: Equipment,
    audio_rate_hz: int,
) -> AppliedCalibration | None:
    """Return the newest calibration that fits, as the sheet names it, or None."""
    fitting = [one for one in known if one.fits(headset, microphone, audio_rate_hz)]
    if not fitting:
        return None
    newest = max(fitting, key=lambda one: (one.date, one.id))
    return AppliedCalibration(newest.id, newest.constant_ms, newest.spread_ms)


def encode_calibration(calibration: Calibration) -> bytes:
    """Return the calibration as TOML."""
    fields: dict[str, Any] = msgspec.to_builtins(calibration)
    tables = {name: value for name, value in fields.items() if isinstance(value, dict)}
    lines = [_line(name, fields[name]) for name in fields if name not in tables]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(_line(key, table[key]) for key in table)]
    return ("\n".join(lines) + "\n").encode()


def _line(key: str, value: object) -> str:
    name = key if _BARE_KEY.fullmatch(key) else _toml(key)
    return f"{name} = {_toml(value)}"


def _toml(value: object) -> str:
    # JSON's strings, numbers, truth values and lists are TOML's too, but for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def parse_calibration(content: bytes, *, place: str) -> Calibration:
    """Read a calibration; FormatError, which names ``place``, where it is none."""
    try:
        return msgspec.convert(tomllib.loads(content.decode()), type=Calibration)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FormatError(f"{place} is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise FormatError(
            f"{place} is no calibration: {error}",
            hint="copy it again, or calibrate again",
        ) from error
