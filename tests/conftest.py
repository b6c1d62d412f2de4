"""What all tests share."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]
ENDING = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)


def pytest_configure() -> None:
    """Let signals reach what tests start, also where this run itself ignores them.

    Jobs in a shell's background and under nohup do. A child inherits that, but no handler.
    """
    for number in ENDING:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recordings and test vectors beside the checkout, where they exist."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data")
    return folder


# As hypothesis itself does it in CI: a busy machine is no fault, so no example is timed;
# and the examples are the same each time, so that a change is judged by what it changed.
# New ones are looked for on purpose: scripts/test --hypothesis-profile search
settings.register_profile(
    "landing",
    settings(),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "search", settings.get_profile("landing"), derandomize=False, max_examples=2000
)
settings.load_profile("landing")
