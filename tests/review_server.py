"""The review's server as a person starts it: the real command, in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from tests.spoken import SpokenBench

_PROGRAM = Path(sys.executable).with_name("fieldrec-lab")
_PATIENCE_S = 100


@dataclass
class RunningReview:
    """A server that runs while the block does; ``address`` works once."""

    lab: Path
    key: Path
    language: str = "ru"
    address: str = ""

    @classmethod
    def of(cls, bench: SpokenBench, *, language: str = "ru") -> RunningReview:
        return cls(bench.lab, bench.root / "anna_ed25519", language)

    def __enter__(self) -> Self:
        self._log = (self.lab.parent / "server.log").open("w+b")
        self._process = subprocess.Popen(
            [
                *(str(_PROGRAM), "review", "--lab", str(self.lab), "--serve"),
                *("--as", "anna", "--key", str(self.key), "--lang", self.language),
            ],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(_PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()

    @property
    def base(self) -> str:
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def log(self) -> bytes:
        return (self.lab.parent / "server.log").read_bytes()

    def kill(self) -> None:
        """End the server as a power cut would."""
        self._process.kill()
        self._process.wait(_PATIENCE_S)
