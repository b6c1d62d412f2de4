"""Kill the mover before each thing it does to the disk, once each.

    python killed_mover.py FOLDER

FOLDER/0, FOLDER/1, ... become servers whose mover was killed at its first, second, ...
act; in the last one it came to its end. FOLDER/writing was killed in the middle of a
file. A program of its own, since it forks.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from lab.server.folder import ServerFolder
from lab.server.mover import Mover
from tests.uploaded import DEVICE, FILES, Uploaded

if TYPE_CHECKING:
    from collections.abc import Callable

ACTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod")
KILLED = 9
BIG = FILES | {"0001/eeg.xdf.age": b"x" * (2 << 20)}


def make(root: Path, session: Uploaded) -> ServerFolder:
    """Make a server with an upload, and an earlier copy of it that differs."""
    server = ServerFolder(root)
    up = server.up(DEVICE.lower())
    for path in (server.intake, server.staging, up):
        path.mkdir(parents=True)
    Uploaded(signature=b"the first copy").upload(up)
    Mover(server).take_all()
    session.upload(up)
    return server


def run(server: ServerFolder, limit: Callable[[], None]) -> int:
    """Let a process of its own move under ``limit``; return how it ended."""
    pid = os.fork()
    if not pid:
        limit()
        Mover(server).take_all()
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def kill_at(act: int) -> None:
    """Let this process die at its ``act``-th act from now."""
    seen = count()

    def watch(event: str, _: tuple[object, ...]) -> None:
        if event in ACTS and next(seen) == act:
            os._exit(KILLED)

    sys.addaudithook(watch)


def kill_while_writing() -> None:
    """Let this process die when it writes beyond the first MiB of a file."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


def main() -> None:
    root = Path(sys.argv[1])
    for act in count():
        server = make(root / str(act), Uploaded())
        if run(server, lambda act=act: kill_at(act)) == 0:  # type: ignore[misc]
            break
    status = run(make(root / "writing", Uploaded(files=BIG)), kill_while_writing)
    if os.WTERMSIG(status) != signal.SIGXFSZ:
        sys.exit("the mover was not killed while it wrote")


if __name__ == "__main__":
    main()
