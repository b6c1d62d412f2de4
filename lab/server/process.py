"""What an sshd can do, and how to stop one with every connection it serves.

Ending the listener alone leaves its connections to run on: each is a process of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

_STOP_S = 5


def knows_penalties(sshd: str) -> bool:
    """Tell whether ``sshd`` shuts out addresses whose logins fail: OpenSSH 9.8 and later.

    An older one refuses the very word, and `-G`, too.
    """
    command = [sshd, "-G", "-f", os.devnull, "-o", "PerSourcePenalties=no"]
    try:
        asked = subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - a fixed program, no shell
    except OSError:
        return False
    return asked.returncode == 0


def stop_sshd(process: subprocess.Popen[bytes]) -> None:
    """End ``process`` and its descendants; return when the listener is gone."""
    if process.poll() is None:
        # Stopped first, so that it accepts nobody while its connections are counted.
        process.send_signal(signal.SIGSTOP)
        serving = _descendants(process.pid)
        process.terminate()
        process.send_signal(signal.SIGCONT)
        for pid in serving:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    try:
        process.wait(timeout=_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _descendants(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    except OSError:
        return []
    children = [int(word) for word in text.split()]
    return children + [inner for child in children for inner in _descendants(child)]
