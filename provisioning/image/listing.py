"""Every Debian package of a base, with its version and the hash of its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def installed_packages(notes: Path) -> list[dict[str, str]]:
    """Return what the base's hook wrote down, as rows sorted by name."""
    rows = {}
    for stanza in (notes / "shown").read_text("utf-8").split("\n\n"):
        fields = {}
        for line in stanza.splitlines():
            name, colon, value = line.partition(": ")
            if colon and not line.startswith(" "):
                fields[name] = value
        if "Package" in fields:
            rows[fields["Package"]] = {
                "package": fields["Package"],
                "version": fields.get("Version", ""),
                "sha256": fields.get("SHA256", ""),
            }
    return [rows[name] for name in sorted(rows)]
