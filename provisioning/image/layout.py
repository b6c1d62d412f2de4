"""The card's layout: a partition table of four, and what lies before the first of them.

An MBR, which every Raspberry Pi's firmware reads: FIRM (FAT32: firmware, kernel,
initramfs), two root slots (squashfs), DATA (ext4, all the rest). Between table and FIRM lie
the two copies of the slot record.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from recorder.errors import ProvisionError

SECTOR_BYTES = 512
DISK_ID = 0x46524543  # by it the initramfs knows the card; partition n is <id>-0n
_MIB = 1 << 20
FIRM_START_BYTES = 4 * _MIB
FIRM_BYTES = 124 * _MIB  # twice what firmware, kernel and initramfs take
SLOT_BYTES = 1024 * _MIB
MIN_DATA_BYTES = 256 * _MIB
DATA_LABEL = "FIELDREC"
_FAT32_LBA, _LINUX = 0x0C, 0x83
_TABLE_AT, _ID_AT = 446, 440
_MOST_SECTORS = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Partition:
    """Where one partition lies."""

    start_bytes: int
    size_bytes: int
    kind: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The four partitions of a card."""

    firm: Partition
    root_a: Partition
    root_b: Partition
    data: Partition

    def root(self, slot: str) -> Partition:
        """Return the partition of slot ``a`` or ``b``."""
        return self.root_b if slot == "b" else self.root_a

    def table(self) -> bytes:
        """Return the card's first sector."""
        sector = bytearray(SECTOR_BYTES)
        struct.pack_into("<I", sector, _ID_AT, DISK_ID)
        parts = (self.firm, self.root_a, self.root_b, self.data)
        for number, part in enumerate(parts):
            struct.pack_into(
                "<B3sB3sII",
                sector,
                _TABLE_AT + 16 * number,
                0x80 if number == 0 else 0,
                b"\xfe\xff\xff",  # no cylinders, heads and sectors: they count in LBA
                part.kind,
                b"\xfe\xff\xff",
                part.start_bytes // SECTOR_BYTES,
                part.size_bytes // SECTOR_BYTES,
            )
        sector[510:512] = b"\x55\xaa"
        return bytes(sector)


def plan_layout(disk_bytes: int) -> Layout:
    """Return the layout of a card of ``disk_bytes``; ProvisionError for a small one."""
    root_a = FIRM_START_BYTES + FIRM_BYTES
    root_b = root_a + SLOT_BYTES
    data = root_b + SLOT_BYTES
    # The last mebibyte stays free: some readers show a card a little larger than others.
    data_bytes = (disk_bytes - data - _MIB) // _MIB * _MIB
    if data_bytes < MIN_DATA_BYTES:
        needed = data + MIN_DATA_BYTES + _MIB
        raise ProvisionError(
            f"the card holds {disk_bytes / 1e9:.1f} GB, needed are {needed / 1e9:.1f} GB",
            hint="use a card of 32 GB or more",
        )
    data_bytes = min(data_bytes, _MOST_SECTORS * SECTOR_BYTES // _MIB * _MIB)
    return Layout(
        firm=Partition(FIRM_START_BYTES, FIRM_BYTES, _FAT32_LBA),
        root_a=Partition(root_a, SLOT_BYTES, _LINUX),
        root_b=Partition(root_b, SLOT_BYTES, _LINUX),
        data=Partition(data, data_bytes, _LINUX),
    )


def is_ours(first_sector: bytes) -> bool:
    """Tell whether a disk that begins with ``first_sector`` is a card of ours."""
    found = first_sector[_ID_AT : _ID_AT + 4]
    return len(first_sector) >= SECTOR_BYTES and found == struct.pack("<I", DISK_ID)
