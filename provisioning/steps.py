"""Long work in steps: each is told with the time it took, and kept in a log file."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S, read_host_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def tell_on_stderr(text: str) -> None:
    """Show a person how it goes; standard output is for the result."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - what a long job tells


@dataclass(slots=True)
class Steps:
    """Owned by the thread that works. ``log`` gets one JSON object a line, no secrets."""

    tell: Callable[[str], None] = tell_on_stderr
    log: Path | None = None
    began_ns: int = field(default_factory=read_host_ns)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Tell that ``text`` begins, and when it ended or failed."""
        start_ns = read_host_ns()
        self.tell(f"[{(start_ns - self.began_ns) / NS_PER_S:6.1f} s] {text}")
        state = "failed"
        try:
            yield
            state = "done"
        finally:
            self._keep(text, state, start_ns)

    def note(self, text: str) -> None:
        """Tell something that is no step."""
        now_ns = read_host_ns()
        self.tell(f"[{(now_ns - self.began_ns) / NS_PER_S:6.1f} s] {text}")
        self._keep(text, "note", now_ns)

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return (read_host_ns() - self.began_ns) / NS_PER_S

    def _keep(self, text: str, state: str, start_ns: int) -> None:
        if self.log is None:
            return
        now_ns = read_host_ns()
        line = {
            "at_s": round((start_ns - self.began_ns) / NS_PER_S, 3),
            "took_s": round((now_ns - start_ns) / NS_PER_S, 3),
            "step": text,
            "state": state,
        }
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
