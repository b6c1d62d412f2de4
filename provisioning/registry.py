"""One box in the technicians' registry: FLEET/devices/<id>.toml."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import msgspec

from recorder.clock import read_wall_pair
from recorder.errors import ProvisionError

if TYPE_CHECKING:
    from pathlib import Path

_Kind = TypeVar("_Kind", bound=msgspec.Struct)


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One box; ``public_key`` is its OpenSSH public key line.

    ``number`` is also the serial of all its certificates, so that one line of the
    revocation list hits them all. ``lab`` is the public folder of another lab than the
    fleet's; a box with ``own_server`` keeps the server it was made with. ``fleet_serial``
    is the newest serial of its fleet.json.
    """

    id: str
    number: int
    chain: str
    public_key: str
    made: datetime
    lab: str = ""
    own_server: bool = False
    fleet_serial: int = 0
    lost_since: datetime | None = None

    @property
    def name(self) -> str:
        """Its user name on the server and the principal of its certificates."""
        return self.id.lower()

    def to_toml(self) -> bytes:
        """Return the registry's file for this box."""
        fields: list[tuple[str, str | bool | int]] = [
            ("id", self.id),
            ("chain", self.chain),
            ("public_key", self.public_key),
            ("lab", self.lab),
            ("own_server", self.own_server),
            ("number", self.number),
            ("fleet_serial", self.fleet_serial),
        ]
        lines = [f"{name} = {toml_value(value)}" for name, value in fields]
        lines.append(f"made = {self.made.isoformat()}")
        if self.lost_since is not None:
            lines.append(f"lost_since = {self.lost_since.isoformat()}")
        return "\n".join([*lines, ""]).encode()


def toml_value(value: str | bool | int) -> str:  # noqa: FBT001 - a value, no switch
    """Return ``value`` as TOML writes it."""
    # JSON's strings, numbers and booleans are TOML's: the same quotes and escapes.
    return json.dumps(value, ensure_ascii=False)


def read_toml(path: Path, kind: type[_Kind]) -> _Kind:
    """Return what ``path`` holds as ``kind``; ProvisionError where it is not one."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), type=kind)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ProvisionError(
            f"{path} can't be read: {error}", hint="correct it, or take it from a backup"
        ) from error


def read_utc() -> datetime:
    """Return the time of day, for the dates of certificates and registry."""
    microseconds = read_wall_pair().wall_ns // 1000
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def utc_text(moment: datetime) -> str:
    """Return ``moment`` as ISO 8601 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
