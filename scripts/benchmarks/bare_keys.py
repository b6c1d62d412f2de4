"""How late a bare program reads a key from its terminal: what the machine itself costs."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tty
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from recorder.clock import read_host_ns

if TYPE_CHECKING:
    from collections.abc import Iterator

_READER = """
import os
from recorder.clock import read_host_ns
print(0, flush=True)
while os.read(0, 1):
    print(read_host_ns(), flush=True)
"""


@dataclass
class BareReader:
    """A program that does nothing but read keys and say when."""

    descriptor: int
    said: IO[bytes]
    late_ms: list[float] = field(default_factory=list)

    def press(self) -> None:
        """Write a key, and note how late it was read."""
        key_ns = read_host_ns()
        os.write(self.descriptor, b"0")
        self.late_ms.append((int(self.said.readline()) - key_ns) / 1e6)


@contextmanager
def bare_reader() -> Iterator[BareReader]:
    """Run one."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    with subprocess.Popen(
        [sys.executable, "-c", _READER], stdin=slave, stdout=subprocess.PIPE
    ) as reader:
        os.close(slave)
        if reader.stdout is None:
            raise ChildProcessError("the reader has no output")
        reader.stdout.readline()  # it has started
        yield BareReader(master, reader.stdout)
        reader.kill()
        os.close(master)
