"""Cut, slow, silent and restarted links cost time and few bytes, never a session."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING

import pytest

from recorder.clock import read_host_ns
from recorder.errors import LinkError
from tests.flaky_proxy import FlakyProxy
from tests.held_port import hold_port
from tests.upload_rig import (
    World,
    add_session,
    assert_arrived,
    connect_box,
    seconds_since,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recorder.box import Box
    from tests.sftp_server import IntakeServer

MIB = 1 << 20


@contextlib.contextmanager
def through(proxy: FlakyProxy, box: Box, server: IntakeServer) -> Iterator[FlakyProxy]:
    """Let the box reach the server through ``proxy`` alone."""
    with proxy:
        connect_box(box.root, server, port=proxy.port)
        yield proxy


def test_ten_mib_over_links_cut_at_three_mb_cost_less_than_half_more(
    box: Box, server: IntakeServer, world: World
) -> None:
    folder = add_session(box, {"session.json.age": 10_000_000})
    with through(FlakyProxy(server.port, cut_after=lambda: 3_000_000), box, server) as link:
        world.sync(box.root)
    server.take()
    assert_arrived(server, folder)
    assert link.connections >= 4
    assert link.sent_bytes <= 1.5 * 10_000_000


def test_many_files_over_links_cut_at_any_moment(
    box: Box, server: IntakeServer, world: World
) -> None:
    files = {f"{n:04d}/audio.flac.age": 300_000 + n for n in range(1, 9)}
    folder = add_session(box, files)
    rng = random.Random(7)
    cuts = FlakyProxy(server.port, cut_after=lambda: rng.randrange(20_000, 700_000))
    with through(cuts, box, server) as link:
        world.sync(box.root)
    server.take()
    assert_arrived(server, folder)
    assert link.connections > 4


def test_links_that_carry_twenty_kb_each_are_enough(
    box: Box, server: IntakeServer, world: World
) -> None:
    folder = add_session(box, {"session.json.age": 60_000})
    with through(FlakyProxy(server.port, cut_after=lambda: 20_000), box, server) as link:
        world.sync(box.root)
    server.take()
    assert_arrived(server, folder)
    assert link.connections > 4


@pytest.mark.parametrize("cut_bytes", range(6_000, 15_000, 700))
def test_a_cut_while_the_manifest_goes_up(
    cut_bytes: int, box: Box, server: IntakeServer, world: World
) -> None:
    folder = add_session(box, {"session.json.age": 1})
    lengths = iter([cut_bytes])
    cuts = FlakyProxy(server.port, cut_after=lambda: next(lengths, None))
    with through(cuts, box, server), server.moving():
        world.sync(box.root)
    server.take()
    assert_arrived(server, folder)
    assert list(server.folder.up(box.device.lower()).iterdir()) == []


def test_a_restarted_server_gets_the_rest(
    box: Box, server: IntakeServer, world: World
) -> None:
    folder = add_session(box, {f"{n:04d}/audio.flac.age": 2 * MIB for n in range(1, 6)})
    world.longest_sleep_s = 60  # as long as it waits in the field: sshd may be slow

    def restart() -> None:
        server.stop()
        server.start()

    proxy = FlakyProxy(server.port, midway=(3 * MIB, restart))
    with through(proxy, box, server) as link:
        world.sync(box.root)
    assert link.connections >= 2
    server.take()
    assert_arrived(server, folder)


def test_a_dead_link_is_noticed(box: Box, server: IntakeServer, world: World) -> None:
    """The first link falls silent in the middle, and nobody hangs up."""
    folder = add_session(box, {"session.json.age": 3 * MIB})
    world.reply_s = 3

    def fall_silent() -> None:
        proxy.silent.set()

    def speak_again() -> None:  # asked at each new connection
        proxy.silent.clear()

    proxy = FlakyProxy(server.port, cut_after=speak_again, midway=(MIB, fall_silent))
    with through(proxy, box, server):
        start_ns = read_host_ns()
        outcome = world.sync(box.root)
    assert 3 <= seconds_since(start_ns) < 200
    assert any("no answer in time" in str(each.trouble) for each in outcome.statuses)
    server.take()
    assert_arrived(server, folder)


def test_without_a_server_it_gives_up_after_some_tries(
    box: Box, server: IntakeServer, world: World
) -> None:
    add_session(box)
    connect_box(box.root, server, port=hold_port())
    with pytest.raises(LinkError, match="can't be reached"):
        world.sync(box.root)
    assert len(world.slept_s) == 4
    assert world.slept_s == sorted(world.slept_s)


def test_a_slow_link_carries_everything(
    box: Box, server: IntakeServer, world: World
) -> None:
    folder = add_session(box, {"session.json.age": MIB})
    with through(FlakyProxy(server.port, delay_s=0.05), box, server):
        world.sync(box.root)
    server.take()
    assert_arrived(server, folder)


def test_progress_counts_to_the_end(box: Box, server: IntakeServer, world: World) -> None:
    add_session(box, {"session.json.age": 4 * MIB})
    lengths = iter([2 * MIB])
    cuts = FlakyProxy(server.port, cut_after=lambda: next(lengths, None))
    with through(cuts, box, server):
        outcome = world.sync(box.root)
    sending = [status for status in outcome.statuses if status.phase == "sending"]
    assert max(status.sent_bytes for status in sending) == 4 * MIB
    assert {status.total_bytes for status in sending} == {4 * MIB}
    assert all(status.sent_bytes <= status.total_bytes for status in sending)
    assert any(status.left_s for status in sending)
    assert "waiting" in {status.phase for status in outcome.statuses}
