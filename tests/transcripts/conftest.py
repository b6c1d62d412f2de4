"""A lab with spoken sessions, made once a process; whoever changes it takes a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.spoken import SpokenBench

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def first_bench(tmp_path_factory: pytest.TempPathFactory) -> SpokenBench:
    return SpokenBench(tmp_path_factory.mktemp("spoken") / "bench", sessions=2)


@pytest.fixture
def bench(first_bench: SpokenBench, tmp_path: Path) -> SpokenBench:
    """Return a lab of its own with two sessions and no transcript."""
    return first_bench.copy(tmp_path / "bench")


@pytest.fixture(scope="session")
def first_taken(
    first_bench: SpokenBench, tmp_path_factory: pytest.TempPathFactory
) -> SpokenBench:
    bench = first_bench.copy(tmp_path_factory.mktemp("taken") / "bench")
    for number in (1, 2):
        done = bench.take_in(number)
        assert done.error is None
    bench.add_reviewer()
    return bench


@pytest.fixture
def taken(first_taken: SpokenBench, tmp_path: Path) -> SpokenBench:
    """Return a lab of its own with two transcripts and the reviewer anna."""
    return first_taken.copy(tmp_path / "bench")
