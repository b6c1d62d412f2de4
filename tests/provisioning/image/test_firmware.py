"""The card's first partition holds what it was given, and nothing of when it was made."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from provisioning.image.firmware import pack_firmware

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"vmlinuz": b"kernel" * 999, "config.txt": b"arm_64bit=1\n", "fixup4.dat": b"\0"}
PROGRAMS = ("mkfs.vfat", "mcopy", "fsck.vfat")
NEW_YEAR_2025_S = 1_735_689_600


def packed(folder: Path, *, made_s: int) -> bytes:
    files = folder / "files"
    files.mkdir(parents=True)
    for name, content in FILES.items():
        (files / name).write_bytes(content)
        os.utime(files / name, (made_s, made_s))
    pack_firmware(files, folder / "firm.img", epoch_s=NEW_YEAR_2025_S)
    return (folder / "firm.img").read_bytes()


@pytest.mark.skipif(
    not all(shutil.which(name, path=f"{os.defpath}:/sbin:/usr/sbin") for name in PROGRAMS),
    reason="needs dosfstools and mtools (scripts/setup --system)",
)
def test_equal_files_make_equal_partitions_whenever_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = packed(tmp_path / "a", made_s=1_600_000_000)
    monkeypatch.setenv("TZ", "Asia/Vladivostok")
    second = packed(tmp_path / "b", made_s=1_700_000_000)
    assert first == second
    image = tmp_path / "b" / "firm.img"
    subprocess.run(["/usr/sbin/fsck.vfat", "-n", image], check=True, capture_output=True)
    for name, content in FILES.items():
        subprocess.run(["mcopy", "-i", image, f"::{name}", tmp_path / name], check=True)
        assert (tmp_path / name).read_bytes() == content
