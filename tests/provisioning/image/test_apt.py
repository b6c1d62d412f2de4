"""Mirrors come from the host's own apt, in both notations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.image.apt import find_archive
from recorder.errors import ProvisionError

if TYPE_CHECKING:
    from pathlib import Path

ONE_LINE = """\
# deb http://old.example bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib
deb-src http://source.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main
"""
STANZAS = """\
Types: deb deb-src
# a comment
URIs: http://mirror.example/debian http://second.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://security.example/debian-security/
Suites: bookworm-security

Enabled: no
Types: deb
URIs: http://off.example
Suites: bookworm
"""


@pytest.mark.parametrize("name", ["sources.list", "sources.list.d/x.sources"])
def test_both_notations_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / name).write_text(ONE_LINE if name == "sources.list" else STANZAS)
    found = find_archive(tmp_path, codename="bookworm")
    assert found.main == "http://mirror.example/debian"
    assert found.security == "http://security.example/debian-security"


def test_the_image_gets_updates_and_security(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text(ONE_LINE)
    text = find_archive(tmp_path, codename="bookworm").sources("trixie")
    assert [line.split()[3] for line in text.splitlines()] == [
        "trixie",
        "trixie-updates",
        "trixie-security",
    ]


def test_a_computer_without_a_debian_mirror_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="no Debian mirror for sid"):
        find_archive(tmp_path, codename="sid")
