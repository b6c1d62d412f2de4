"""What a box knows beside its box folder: networks it may join, and its time zone.

``device new`` puts both into the box folder; ``flash`` lays them beside it on the card,
where the system looks for them. A Wi-Fi key is readable by whoever has the card.
"""

from __future__ import annotations

import configparser
import zoneinfo
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.errors import ProvisionError
from recorder.files import PRIVATE, PUBLIC, create

if TYPE_CHECKING:
    from pathlib import Path

NETWORKS, TIMEZONE = "network", "timezone"
_END = ".nmconnection"
_MOST = 20
_MOST_BYTES = 1 << 14


@dataclass(frozen=True, slots=True)
class Extras:
    """``networks`` are NetworkManager's files for networks, which hold their keys."""

    networks: tuple[bytes, ...] = ()
    timezone: str = ""

    def __repr__(self) -> str:
        """Show no key."""
        return f"Extras({len(self.networks)} networks, {self.timezone!r})"


NO_EXTRAS = Extras()


def read_extras(*, wifi: Path | None, timezone: str) -> Extras:
    """Read the networks in the folder ``wifi``; ProvisionError for what is none."""
    if timezone:
        try:
            zoneinfo.ZoneInfo(timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ProvisionError(
                f"{timezone[:40]!r} is no time zone", hint="such as Europe/Moscow"
            ) from error
    networks = () if wifi is None else tuple(map(_read, _files(wifi)))
    return Extras(networks, timezone)


def put_extras(extras: Extras, box: Path) -> None:
    """Write ``extras`` into the new box folder ``box``, under names that tell nothing."""
    if extras.networks:
        (box / NETWORKS).mkdir(mode=0o700)
    for number, content in enumerate(extras.networks, start=1):
        create(box / NETWORKS / f"network-{number:02d}{_END}", content, mode=PRIVATE)
    if extras.timezone:
        create(box / TIMEZONE, f"{extras.timezone}\n".encode("ascii"), mode=PUBLIC)


def _files(folder: Path) -> list[Path]:
    paths = sorted(folder.glob(f"*{_END}"))
    if not 1 <= len(paths) <= _MOST:
        raise ProvisionError(
            f"{folder} holds {len(paths)} files *{_END}, needed are 1 to {_MOST}",
            hint="copy them from /etc/NetworkManager/system-connections",
        )
    return paths


def _read(path: Path) -> bytes:
    """Return a file whose format NetworkManager takes; its content is never shown."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ProvisionError(
            f"{path}: {error.strerror}", hint="copy it and make it readable for you"
        ) from error
    if len(content) > _MOST_BYTES or not _is_network(content):
        raise ProvisionError(
            f"{path} is no NetworkManager file: no type in [connection], or longer than"
            f" {_MOST_BYTES} bytes",
            hint="copy it from /etc/NetworkManager/system-connections",
        )
    return content


def _is_network(content: bytes) -> bool:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(content.decode())
    except (UnicodeDecodeError, configparser.Error):
        return False
    return parser.has_option("connection", "type")
