"""A session to be opened, and where it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.opened_made import IDENTITIES
from tests.session_maker import (
    SessionMaker,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def made(tmp_path: Path) -> SessionMaker:
    maker = SessionMaker(tmp_path, IDENTITIES)
    maker.write_sheet()
    return maker


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"
