"""What is told is told whole and in order, and nobody waits for who doesn't listen."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING, TextIO

import pytest

from recorder.clock import NS_PER_S, read_host_ns
from recorder.commands.outlet import Outlet

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE = "x" * 300
PAGE_BYTES = 4096


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """Return the reader's descriptor and the writer of a pipe that holds one page."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PAGE_BYTES)
    with open(writer, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
        yield reader, stream
    if not _is_closed(reader):
        os.close(reader)


def _is_closed(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return True
    return False


def read_until(reader: int, end: bytes) -> list[str]:
    content = b""
    while not content.endswith(end):
        content += os.read(reader, PAGE_BYTES)
    return content.decode().splitlines()


def seconds_of(outlet: Outlet, last: str) -> float:
    start_ns = read_host_ns()
    outlet.close(last)
    return (read_host_ns() - start_ns) / NS_PER_S


def test_all_is_written_in_order(pipe: tuple[int, TextIO]) -> None:
    reader, stream = pipe
    with Outlet(stream) as outlet:
        for n in range(5):
            outlet.offer(f"{n}\n")
        outlet.close("last\n")
    assert read_until(reader, b"last\n") == ["0", "1", "2", "3", "4", "last"]


def test_a_reader_that_pauses_misses_lines_but_gets_no_half_ones(
    pipe: tuple[int, TextIO],
) -> None:
    reader, stream = pipe
    outlet = Outlet(stream)
    start_ns = read_host_ns()
    for n in range(200):
        outlet.offer(f"{n} {LINE}\n")
        time.sleep(0.001)
    assert read_host_ns() - start_ns < 30 * NS_PER_S, "it waited for the reader"
    heard = read_until(reader, b"\n")
    while len(heard) < PAGE_BYTES // len(LINE) + 5:
        heard += read_until(reader, b"\n")
    outlet.close("last\n")
    heard += read_until(reader, b"last\n")
    *lines, last = heard
    assert last == "last"
    numbers = [int(line.removesuffix(f" {LINE}")) for line in lines]
    assert numbers == sorted(set(numbers))
    assert len(numbers) < 200


def test_a_reader_that_is_gone_ends_the_telling_at_once(pipe: tuple[int, TextIO]) -> None:
    reader, stream = pipe
    os.close(reader)
    outlet = Outlet(stream)
    for n in range(50):
        outlet.offer(f"{n}\n")
    assert seconds_of(outlet, "last\n") < 1.9  # it would be waited for for two seconds


def test_a_reader_that_never_reads_again_is_waited_for_two_seconds(
    pipe: tuple[int, TextIO],
) -> None:
    _, stream = pipe
    with Outlet(stream) as outlet:
        for n in range(50):
            outlet.offer(f"{n} {LINE}\n")
        assert 1.9 < seconds_of(outlet, "last\n") < 10
        assert seconds_of(outlet, "more\n") < 1.9, "it was given up already"


def test_a_descriptor_made_non_blocking_loses_nothing_that_is_read(
    pipe: tuple[int, TextIO],
) -> None:
    reader, stream = pipe
    os.set_blocking(stream.fileno(), False)
    outlet = Outlet(stream)
    outlet.offer("x" * 3 * PAGE_BYTES + "\n")
    assert read_until(reader, b"\n") == ["x" * 3 * PAGE_BYTES]
    outlet.close("last\n")
    assert read_until(reader, b"\n") == ["last"]


def test_a_stream_that_was_closed_before_the_start_takes_nothing() -> None:
    with Outlet(None) as outlet:
        outlet.offer("never\n")
        assert seconds_of(outlet, "last\n") < 1.9
