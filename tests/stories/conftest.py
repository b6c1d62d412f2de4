"""What the stories share: a lab and a box, made once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pulse import pulse_server
from tests.story import Place, make_place
from tests.testcard import TestCards, build_testcard

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["pulse_server"]


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Make a lab with post-quantum keys, and a box."""
    return make_place(tmp_path_factory.mktemp("place"), n_clients=300)


@pytest.fixture(scope="session")
def stock_place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Make a lab with X25519 keys, which stock age 1.1 understands, and a box."""
    return make_place(tmp_path_factory.mktemp("stock"), x25519=True)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return where sessions are opened."""
    return tmp_path / "out"


@pytest.fixture(scope="session")
def testcard_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the sound card that does what it is told."""
    return build_testcard(tmp_path_factory.mktemp("testcard"))


@pytest.fixture
def cards(
    tmp_path: Path, testcard_library: Path, monkeypatch: pytest.MonkeyPatch
) -> TestCards:
    """Put an empty ALSA configuration in force, to add sound cards to."""
    cards = TestCards(tmp_path, testcard_library)
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(cards.config))
    return cards
