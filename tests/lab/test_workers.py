"""The same work is done here, in processes, or on a cluster, with the same bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from distributed import LocalCluster

import lab.cli
from lab.workers import Workers
from recorder.errors import LabError
from tests.compressed import Who, recording
from tests.dataset_world import World, make_world
from tests.house import exit_code
from tests.lab.dataset.test_tree import tree_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def double(number: int) -> int:
    return 2 * number


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made, codes = make_world(tmp_path_factory.mktemp("work") / "w", n_boxes=1, n_clients=2)
    for code in codes:
        with recording(made.box(1), Who(code), channels=1) as session:
            session.go(2)
    made.pull()
    return made


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Run a scheduler with two worker processes."""
    cluster = LocalCluster(  # type: ignore[no-untyped-call]  # it has no types
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    )
    with cluster:
        yield str(cluster.scheduler_address)


def test_results_come_from_here_and_from_processes() -> None:
    jobs = [1, 2, 3, 4]
    assert sorted(Workers().run(double, jobs)) == [2, 4, 6, 8]
    assert sorted(Workers(jobs=2).run(double, jobs)) == [2, 4, 6, 8]


def test_a_cluster_makes_the_same_tree_and_reports(
    world: World, scheduler: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ("--lab", world.lab.root, "--simulated")
    assert exit_code(lab.cli.main, "bids", *base, "--out", tmp_path / "here") == 0
    there = ("--scheduler", scheduler)
    assert exit_code(lab.cli.main, "bids", *base, "--out", tmp_path / "there", *there) == 0
    assert tree_bytes(tmp_path / "there") == tree_bytes(tmp_path / "here")
    capsys.readouterr()
    words = ("report", "--all", "--lab", world.lab.root, "--out", tmp_path / "r", "--json")
    assert exit_code(lab.cli.main, *words, *there) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 2
    assert all(not line["refusal"] for line in lines)
    verify = ("verify", world.archive.sessions, "--lab", world.lab.root, "--json")
    assert exit_code(lab.cli.main, *verify, *there) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["status"] for line in lines] == ["verified", "verified"]


def test_a_scheduler_that_is_not_there_is_an_error_of_ours() -> None:
    with pytest.raises(LabError, match="no Dask scheduler"):
        list(Workers(scheduler="tcp://127.0.0.1:9", patience_s=1).run(double, [1]))
