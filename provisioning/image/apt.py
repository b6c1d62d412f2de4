"""Debian's archives as this computer uses them: the image comes from the same mirrors.

No address stands in Fieldrec: it is read from the host's own configuration of apt, in
both of its notations (sources.list(5)).
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recorder.errors import ProvisionError

if TYPE_CHECKING:
    from collections.abc import Iterator

_APT = Path("/etc/apt")
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_COMPONENTS = "main non-free-firmware"


@dataclass(frozen=True, slots=True)
class Archive:
    """Where packages come from: Debian itself, and its security updates ("" if unknown)."""

    main: str
    security: str

    def sources(self, suite: str) -> str:
        """Return the sources.list for ``suite``."""
        lines = [(self.main, suite), (self.main, f"{suite}-updates")]
        if self.security:
            lines.append((self.security, f"{suite}-security"))
        signed = f"[signed-by={_KEYRING}]"
        return "".join(f"deb {signed} {uri} {name} {_COMPONENTS}\n" for uri, name in lines)


def host_codename() -> str:
    """Return the Debian release this computer runs, such as ``bookworm``."""
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "")


def find_archive(apt: Path = _APT, *, codename: str) -> Archive:
    """Return the mirrors of Debian ``codename`` that this computer uses."""
    found = dict(_entries(apt))
    main = found.get(codename, "")
    if not main:
        raise ProvisionError(
            f"no Debian mirror for {codename or 'this system'} in {apt}",
            hint="build the image on a Debian computer whose apt works",
        )
    return Archive(main.rstrip("/"), found.get(f"{codename}-security", "").rstrip("/"))


def _entries(apt: Path) -> Iterator[tuple[str, str]]:
    """Yield (suite, URI) of every binary source."""
    lists = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))]
    for path in lists:
        if path.is_file():
            yield from _one_line_entries(path.read_text("utf-8"))
    for path in sorted((apt / "sources.list.d").glob("*.sources")):
        for stanza in path.read_text("utf-8").split("\n\n"):
            yield from _stanza_entries(stanza)


def _one_line_entries(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words[:1] != ["deb"]:
            continue
        rest = words[1:]
        if rest and rest[0].startswith("["):
            end = next((n for n, word in enumerate(rest) if word.endswith("]")), 0)
            rest = rest[end + 1 :]
        if len(rest) > 1:
            yield rest[1], rest[0]


def _stanza_entries(stanza: str) -> Iterator[tuple[str, str]]:
    fields = {}
    for line in stanza.splitlines():
        name, colon, value = line.partition(":")
        if colon and not line.startswith(("#", " ")):
            fields[name.lower()] = value.split()
    if "deb" not in fields.get("types", []) or fields.get("enabled") == ["no"]:
        return
    for uri in fields.get("uris", [])[:1]:
        for suite in fields.get("suites", []):
            yield suite, uri
