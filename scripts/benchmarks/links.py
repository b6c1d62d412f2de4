"""A link on loopback that delays or cuts, in a process of its own.

Run as a program it prints its port, and once its standard input closes how many bytes
came from clients. In the process of a Python sender it would compete with it for the
interpreter, but not with a peer.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.flaky_proxy import FlakyProxy

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class BenchLink:
    """A link's port; ``sent_bytes`` of clients are known after its end."""

    port: int
    sent_bytes: int = 0


@contextmanager
def bench_link(
    target_port: int, *, delay_s: float = 0.0, cut_after_bytes: int = 0
) -> Iterator[BenchLink]:
    """Lead to ``target_port``: ``delay_s`` each way, connections cut where asked for."""
    module = "scripts.benchmarks.links"
    words = [sys.executable, "-m", module, target_port, delay_s, cut_after_bytes]
    with subprocess.Popen(
        list(map(str, words)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a link without pipes")
        link = BenchLink(int(process.stdout.readline()))
        try:
            yield link
        finally:
            process.stdin.close()
            link.sent_bytes = int(process.stdout.readline())


def main(target_port: int, delay_s: float, cut_after_bytes: int) -> None:
    """Carry bytes until standard input closes."""
    proxy = FlakyProxy(
        target_port, delay_s=delay_s, cut_after=lambda: cut_after_bytes or None
    )
    with proxy:
        print(proxy.port, flush=True)
        sys.stdin.read()
        print(proxy.sent_bytes, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
