"""The card's partitions lie where every tool finds them, and never over one another."""

from __future__ import annotations

import itertools
import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.image.layout import DISK_ID, MIN_DATA_BYTES, is_ours, plan_layout
from recorder.errors import ProvisionError

if TYPE_CHECKING:
    from pathlib import Path

SMALLEST = (4 + 124 + 1024 + 1024 + 256 + 1) << 20


@given(st.integers(SMALLEST, 2**41))
def test_partitions_follow_one_another_and_end_on_the_card(disk_bytes: int) -> None:
    layout = plan_layout(disk_bytes)
    parts = (layout.firm, layout.root_a, layout.root_b, layout.data)
    assert parts[0].start_bytes > 2 << 20  # the slot records lie before it
    for one, following in itertools.pairwise(parts):
        assert one.start_bytes + one.size_bytes <= following.start_bytes
    assert parts[-1].start_bytes + parts[-1].size_bytes <= disk_bytes
    assert parts[-1].size_bytes >= MIN_DATA_BYTES
    assert len(layout.table()) == 512
    assert is_ours(layout.table())


def test_a_card_too_small_is_refused_with_both_sizes() -> None:
    with pytest.raises(ProvisionError, match=r"holds 2\.0 GB, needed are 2\.6 GB"):
        plan_layout(2 * 10**9)


def test_sfdisk_reads_the_table_as_it_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "card"
    layout = plan_layout(32 * 10**9)
    with path.open("wb") as file:
        file.write(layout.table())
        file.truncate(32 * 10**9)
    done = subprocess.run(
        ["/usr/sbin/sfdisk", "--json", path], capture_output=True, check=True
    )
    table = json.loads(done.stdout)["partitiontable"]
    assert (table["label"], int(table["id"], 16)) == ("dos", DISK_ID)
    found = [
        (one["start"] * 512, one["size"] * 512, one["type"]) for one in table["partitions"]
    ]
    parts = (layout.firm, layout.root_a, layout.root_b, layout.data)
    assert found == [(p.start_bytes, p.size_bytes, f"{p.kind:x}") for p in parts]


def test_another_disk_is_not_taken_for_ours() -> None:
    assert not is_ours(bytes(512))
    assert not is_ours(b"")
