"""Screens see what sync does while it runs, and nothing of one that ended or died."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import LinkError
from recorder.upload.progress import SyncStatus
from recorder.upload.published import FRESH_NS, Published, Publisher, read_published
from tests.service_process import until

if TYPE_CHECKING:
    from pathlib import Path

SENDING = SyncStatus(
    phase="sending",
    session="6b1f3c9e-0c1a-4a8e-9a51-3d5ce7a7f001",
    sessions_left=2,
    sent_bytes=250,
    total_bytes=1000,
    rate_bytes_s=75.0,
)


def seen(path: Path) -> Published | None:
    return read_published(path, read_host_ns())


def test_what_is_sent_is_seen_while_sync_runs_and_not_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    publisher = Publisher(path)
    with publisher.running():
        assert seen(path) is None
        publisher.take(SENDING)
        shown = until(lambda: seen(path), "never published")
        assert (shown.phase, shown.percent, shown.left_s) == ("sending", 25.0, 10.0)
        assert b"6b1f3c9e" not in path.read_bytes()
        trouble = LinkError("the server can't be reached", hint="wait")
        publisher.take(SyncStatus(phase="waiting", trouble=trouble))
        shown = until(
            lambda: (now := seen(path)) and (now if now.trouble else None), "no trouble"
        )
        assert (shown.trouble_code, shown.percent) == (76, None)
        assert list(tmp_path.iterdir()) == [path]
    assert not path.exists()


def test_a_sync_that_says_nothing_new_gives_signs_of_life(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    publisher = Publisher(path)
    with publisher.running():
        publisher.take(SyncStatus())
        first = until(lambda: seen(path), "never published")
        until(
            lambda: (now := seen(path)) and (now if now.at_ns > first.at_ns else None),
            "no sign of life",
        )


@pytest.mark.parametrize("age_ns", [-1, FRESH_NS + 1])
def test_what_a_dead_sync_or_another_boot_left_counts_for_nothing(
    tmp_path: Path, age_ns: int
) -> None:
    path = tmp_path / "progress.json"
    path.write_bytes(b'{"at_ns":%d,"phase":"sending"}' % (100 * NS_PER_S))
    assert read_published(path, 100 * NS_PER_S + age_ns) is None
    assert read_published(path, 100 * NS_PER_S) is not None


@pytest.mark.parametrize("content", [b"", b"{}", b'{"at_ns":1,"phase":"dancing"}', b"\xff"])
def test_a_broken_file_counts_for_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "progress.json"
    path.write_bytes(content)
    assert read_published(path, 1) is None


def test_a_second_sync_that_is_refused_leaves_the_first_ones_word(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    path.write_bytes(b"of the first")
    with Publisher(path).running():
        time.sleep(0.6)
    assert path.read_bytes() == b"of the first"


def test_a_folder_that_can_not_be_written_stops_nobody(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path / "missing" / "progress.json")
    with publisher.running():
        publisher.take(SENDING)
        time.sleep(0.6)
