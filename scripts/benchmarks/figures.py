"""What a benchmark found, beside its peer and its promise; printed and kept as JSON."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

_CPU_NAME = "model name"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; the peer's is of the same run. A promise is a limit."""

    name: str
    ours: float
    unit: str
    peer: float | None = None
    peer_name: str = ""
    at_most: float | None = None
    at_least: float | None = None
    below_peer: bool = False
    least_of_peer: float | None = None  # a limit of the ratio

    @property
    def missed(self) -> bool:
        """Whether a promise is broken."""
        return (
            (self.at_most is not None and self.ours > self.at_most)
            or (self.at_least is not None and self.ours < self.at_least)
            or (self.below_peer and self.peer is not None and self.ours >= self.peer)
            or self._is_far_behind
        )

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's."""
        return self.ours / self.peer if self.peer else None

    def line(self) -> str:
        """Return the figure as one line for a terminal."""
        words = [f"{self.name:<52} {self.ours:10.3f} {self.unit:<12}"]
        if self.peer is not None:
            words.append(f"{self.peer_name} {self.peer:.3f}")
        if self.ratio is not None:
            words.append(f"ratio {self.ratio:.3f}")
        promise = self._promise()
        if promise:
            words.append(f"promise {promise}: {'MISSED' if self.missed else 'kept'}")
        return "  ".join(words)

    @property
    def _is_far_behind(self) -> bool:
        least, ratio = self.least_of_peer, self.ratio
        return least is not None and ratio is not None and ratio < least

    def _promise(self) -> str:
        limits = (
            f"<= {self.at_most:g}" if self.at_most is not None else "",
            f">= {self.at_least:g}" if self.at_least is not None else "",
            "< peer" if self.below_peer and self.peer is not None else "",
            f"ratio >= {self.least_of_peer:g}" if self.least_of_peer is not None else "",
        )
        return ", ".join(filter(None, limits))


@dataclass(frozen=True, slots=True)
class Result:
    """All figures of one benchmark; ``details`` explain them and are not judged."""

    benchmark: str
    figures: tuple[Figure, ...]
    details: dict[str, object] = field(default_factory=dict)

    def report(self, folder: Path) -> bool:
        """Print the figures, write them as JSON, and tell whether promises were kept."""
        print(f"\n{self.benchmark}")
        for figure in self.figures:
            print(f"  {figure.line()}")
        figures = [
            {**asdict(figure), "ratio": figure.ratio, "missed": figure.missed}
            for figure in self.figures
        ]
        content = {
            "benchmark": self.benchmark,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": _machine(),
            "figures": figures,
            "details": self.details,
        }
        text = json.dumps(content, indent=1) + "\n"
        (folder / f"{self.benchmark}.json").write_text(text, "utf-8")
        return not any(figure.missed for figure in self.figures)


def _machine() -> dict[str, object]:
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if line.startswith(_CPU_NAME)
        ),
        platform.machine(),
    )
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
    }
