"""A fault of the screen's own ends it without a word of what it held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tui.staged import SESSION
from tui.app import FieldrecApp

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tui.messages import LookAgain


class Failing(FieldrecApp):
    """A screen that fails while it holds a client's code."""

    async def on_look_again(self, _message: LookAgain) -> None:
        """Fail."""
        client = SESSION.client
        raise ValueError(client)


def test_a_fault_shows_no_values_and_is_told_at_the_edge(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    app = Failing(tmp_path / "recorder.sock")
    app.run(headless=True)
    assert isinstance(app.fault, ValueError)
    told = capfd.readouterr()
    assert SESSION.client not in told.out + told.err
    assert "Traceback" not in told.out + told.err
