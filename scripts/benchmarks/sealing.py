"""Megabytes sealed per CPU second, beside the stock `age` program on the same file."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from lab.identity import HybridIdentity, X25519Identity
from recorder.format.age import recipient_text, seal_chunks
from scripts.benchmarks.figures import Figure, Result

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from recorder.format.age import Recipient

_READ_BYTES = 1 << 20
_MB = 1_000_000


def run(*, scratch: Path, mebibytes: int, rounds: int) -> Result:
    """Seal a file of random bytes ``rounds`` times in each way, in turns."""
    x25519 = [X25519Identity.generate().recipient for _ in range(2)]
    hybrid = [HybridIdentity.generate().recipient for _ in range(2)]
    stock = shutil.which("age")
    ours: list[float] = []
    post_quantum: list[float] = []
    peer: list[float] = []
    with tempfile.TemporaryDirectory(prefix="run-", dir=scratch) as name:
        file = Path(name) / "plain"
        with file.open("wb") as out:
            for _ in range(mebibytes):
                out.write(os.urandom(_READ_BYTES))
        for _ in range(rounds):
            ours.append(_ours(file, x25519))
            post_quantum.append(_ours(file, hybrid))
            if stock:
                peer.append(_stock(stock, file, x25519))
    beside = median(peer) if peer else None
    return Result(
        "sealing",
        (
            Figure("sealing, X25519", median(ours), "MB/CPU-s", beside, "age"),
            Figure(
                "sealing, post-quantum", median(post_quantum), "MB/CPU-s", beside, "age"
            ),
        ),
        {"mebibytes": mebibytes, "x25519": ours, "post_quantum": post_quantum, "age": peer},
    )


def _ours(file: Path, recipients: Sequence[Recipient]) -> float:
    began_s = time.process_time()
    with file.open("rb") as plain, Path(os.devnull).open("wb") as out:
        out.writelines(seal_chunks(_pieces(plain), recipients))
    return file.stat().st_size / _MB / (time.process_time() - began_s)


def _pieces(plain: BinaryIO) -> Iterator[bytes]:
    while piece := plain.read(_READ_BYTES):
        yield piece


def _stock(program: str, file: Path, recipients: Sequence[Recipient]) -> float:
    options = [word for each in recipients for word in ("-r", recipient_text(each))]
    process = subprocess.Popen([program, *options, "-o", os.devnull, file])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"age ended with {process.returncode}")
    return file.stat().st_size / _MB / (used.ru_utime + used.ru_stime)
