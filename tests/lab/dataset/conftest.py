"""What the dataset's tests share: a lab with sessions, and its trees, each made once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from lab.dataset.export import TreeOptions, TreeReport
from tests.conftest import ROOT
from tests.dataset_world import World, fill, make_world

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from _pytest.tmpdir import TempPathFactory


@dataclass(frozen=True)
class Dataset:
    """A world, what happened in each session, and its two trees."""

    world: World
    codes: tuple[str, ...]
    sessions: dict[str, UUID]
    open: TreeReport
    restricted: TreeReport


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: TempPathFactory) -> Dataset:
    """Record, take in and export; nobody changes what comes out."""
    root = tmp_path_factory.mktemp("dataset")
    world, codes = make_world(root / "world")
    playback = ROOT.parent / "shared" / "data" / "eeg" / "cyton-blinks-jaw-alpha.csv"
    made = fill(world, codes, playback if playback.is_file() else None)
    report = world.pull()
    assert not report.failures
    assert {verdict.status for verdict in report.judged} == {"verified"}
    simulated = TreeOptions(simulated=True)
    return Dataset(
        world=world,
        codes=tuple(codes),
        sessions=made,
        open=world.export(root / "open", simulated, jobs=2),
        restricted=world.export(
            root / "restricted", TreeOptions("restricted", simulated=True), jobs=2
        ),
    )


@pytest.fixture
def own_world(dataset: Dataset, tmp_path: Path) -> World:
    """Return a copy of the world that a test may change."""
    return dataset.world.copy(tmp_path / "world")
