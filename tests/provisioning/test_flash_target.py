"""Only a removable disk of the right size that nobody uses is ever written to."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.flash.target import check_disk, check_target
from provisioning.image.layout import SECTOR_BYTES
from recorder.errors import ProvisionError

SIZE = 2700 << 20


def fake_disk(root: Path, **facts: int) -> Path:
    """Make a kernel's folder of one disk, sdz."""
    folder = root / "sys" / "block" / "sdz"
    folder.mkdir(parents=True)
    known = {"removable": 1, "ro": 0, "size": SIZE // SECTOR_BYTES, **facts}
    for name, value in known.items():
        (folder / name).write_text(f"{value}\n")
    return root / "sys"


def test_what_lies_on_a_disk_beside_mounts_keeps_it_too(tmp_path: Path) -> None:
    sysfs = fake_disk(tmp_path)
    holders = sysfs / "block/sdz/sdz2/holders"
    (holders / "dm-0").mkdir(parents=True)
    mounts, swaps = tmp_path / "mounts", tmp_path / "swaps"
    mounts.touch()
    swaps.write_text("Filename Type Size Used Priority\n/dev/sdz3 partition 9 0 -2\n")
    with pytest.raises(ProvisionError, match="in use: /dev/dm-0"):
        check_disk(Path("/dev/sdz"), "sdz", sysfs=sysfs, mounts=mounts)
    (holders / "dm-0").rmdir()
    with pytest.raises(ProvisionError, match="in use: /dev/sdz3"):
        check_disk(Path("/dev/sdz"), "sdz", sysfs=sysfs, mounts=mounts, swaps=swaps)
    swaps.write_text("Filename Type Size Used Priority\n/dev/sdza3 partition 9 0 -2\n")
    check_disk(Path("/dev/sdz"), "sdz", sysfs=sysfs, mounts=mounts, swaps=swaps)


@pytest.mark.parametrize("kind", ["MMC", "SD"])
def test_a_memory_chip_of_the_computer_is_no_card(tmp_path: Path, kind: str) -> None:
    sysfs = fake_disk(tmp_path, removable=0)
    (sysfs / "block/sdz").rename(sysfs / "block/mmcblk0")
    (sysfs / "block/mmcblk0/device").mkdir()
    (sysfs / "block/mmcblk0/device/type").write_text(f"{kind}\n")
    disk, mounts = Path("/dev/mmcblk0"), Path("/dev/null")
    if kind == "SD":
        assert check_disk(disk, disk.name, sysfs=sysfs, mounts=mounts).size_bytes == SIZE
        return
    with pytest.raises(ProvisionError, match="is built in, not removable"):
        check_disk(disk, disk.name, sysfs=sysfs, mounts=mounts)


@pytest.mark.parametrize(
    ("facts", "mounted", "said"),
    [
        ({"removable": 0}, "", "is built in, not removable"),
        ({"ro": 1}, "", "is write-protected"),
        ({}, "/dev/sdz1 /media/x vfat rw 0 0\n", "in use: /dev/sdz1 mounted"),
        ({"size": 10**9}, "", "holds 512 GB, allowed are 256 GB"),
    ],
)
def test_a_disk_that_is_no_free_card_is_refused(
    tmp_path: Path, facts: dict[str, int], mounted: str, said: str
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(mounted)
    with pytest.raises(ProvisionError, match=said):
        check_disk(
            Path("/dev/sdz"), "sdz", sysfs=fake_disk(tmp_path, **facts), mounts=mounts
        )


def test_a_partition_a_file_and_nothing_are_no_disks(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="a part of a disk"):
        check_disk(
            Path("/dev/sdz1"), "sdz1", sysfs=fake_disk(tmp_path), mounts=Path("/dev/null")
        )
    (tmp_path / "file").touch()
    with pytest.raises(ProvisionError, match="is no disk"):
        check_target(tmp_path / "file")
    with pytest.raises(ProvisionError, match="No such file"):
        check_target(tmp_path / "nothing")
    with pytest.raises(ProvisionError, match="exists already"):
        check_target(tmp_path / "file", file_bytes=SIZE)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ProvisionError, match="exists already"):
        check_target(tmp_path / "link", file_bytes=SIZE)
