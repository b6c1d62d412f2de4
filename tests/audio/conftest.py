"""What the microphone tests share: a sound server and a sound card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pulse import pulse_server
from tests.testcard import TestCards, build_testcard

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["pulse_server"]


@pytest.fixture(scope="session")
def testcard_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the test card."""
    return build_testcard(tmp_path_factory.mktemp("testcard"))


@pytest.fixture
def cards(
    tmp_path: Path, testcard_library: Path, monkeypatch: pytest.MonkeyPatch
) -> TestCards:
    """Put an empty ALSA configuration in force, to add test cards to."""
    cards = TestCards(tmp_path, testcard_library)
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(cards.config))
    return cards
