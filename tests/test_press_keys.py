"""The demo's fingers: keys reach a program's terminal in order, signals and endings too."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

_PRESS_KEYS = Path(__file__).parents[1] / "scripts" / "press_keys.py"
_ECHO = "import sys; print('ready', flush=True); print('got', input(), sys.stdin.isatty())"


def _press(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, _PRESS_KEYS, *arguments],
        stderr=subprocess.PIPE,
        text=True,
    )


def test_keys_arrive_in_order_in_a_terminal() -> None:
    process = _press("0.5:\n", "0:12", "0.15:3", "--", sys.executable, "-c", _ECHO)
    assert "got 132 True" in process.communicate(timeout=60)[1]
    assert process.returncode == 0


def test_the_programs_exit_code_is_handed_on() -> None:
    process = _press("--", sys.executable, "-c", "raise SystemExit(53)")
    process.communicate(timeout=60)
    assert process.returncode == 53


def test_an_interrupt_reaches_the_program() -> None:
    waiting = (
        "import time\n"
        "try: print('ready', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt: raise SystemExit(130)"
    )
    process = _press("--", sys.executable, "-c", waiting)
    assert process.stderr is not None
    assert process.stderr.readline().strip() == "ready"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
