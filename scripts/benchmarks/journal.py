"""Journal ticks per second on a real disk, beside a bare write and fdatasync.

The product's own `OpenPart.tick` runs, fed with 0.5 s of simulated devices each time; the
bare loop then writes blocks of the same sizes over a file of zeros that was written
beforehand. Both take turns, so that a busy disk slows both.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from pathlib import Path
from statistics import median, quantiles

import numpy as np

from lab.identity import HybridIdentity
from recorder.audio.source import AudioFormat
from recorder.clock import NS_PER_S, read_host_ns
from recorder.eeg.montage import board
from recorder.format.journal import JOURNAL_BYTES
from recorder.format.streams import EegStream, PartIdentity
from recorder.store.disk import RealDisk, RealFile
from recorder.store.encoder import Packets, PartEncoder
from recorder.store.journals import Journals
from recorder.store.part import OpenPart
from scripts.benchmarks.figures import Figure, Result

_ROWS, _FRAMES, _CHANNELS = 125, 24_000, 8  # of half a second
_FORMAT = AudioFormat(bits=16, n_channels=2)
_ROUNDS = 5


class _NotingFile(RealFile):
    """Remembers the size of every block."""

    def __init__(self, descriptor: int, sizes: list[int]) -> None:
        super().__init__(descriptor)
        self._sizes = sizes

    def write_at(self, position: int, data: bytes) -> None:
        """See `OpenFile.write_at`."""
        self._sizes.append(len(data))
        super().write_at(position, data)


class _NotingDisk(RealDisk):
    """The real disk; ``sizes`` are those of blocks written into opened files."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def open(self, path: Path) -> RealFile:
        """See `Disk.open`."""
        return _NotingFile(os.open(path, os.O_RDWR | os.O_CLOEXEC), self.sizes)


def run(*, scratch: Path, ticks: int) -> Result:
    """Time ``ticks`` of each in several rounds."""
    disk = _NotingDisk()
    ours_ns: list[int] = []
    ours_cpu_ns: list[int] = []
    bare_ns: list[int] = []
    with tempfile.TemporaryDirectory(prefix="run-", dir=scratch) as name:
        folder = Path(name).resolve()
        journals = Journals(disk, folder)
        journals.prepare()
        bare = folder / "bare"
        bare.write_bytes(bytes(JOURNAL_BYTES))
        for number in range(1, _ROUNDS + 1):
            disk.sizes.clear()
            took_ns, cpu_ns = _ticks(disk, journals, folder, number, ticks // _ROUNDS)
            ours_ns += took_ns
            ours_cpu_ns += cpu_ns
            bare_ns += _bare(bare, disk.sizes[1:])  # the first is the journal's header
    return Result(
        "journal",
        (
            _per_s(ours_ns, bare_ns),
            _percentile("tick, p50", ours_ns, bare_ns, 50),
            _percentile("tick, p99", ours_ns, bare_ns, 99),
            Figure("tick, CPU time, median", median(ours_cpu_ns) / 1e6, "ms"),
        ),
        {"ticks": len(ours_ns), "block_bytes": median(disk.sizes[1:])},
    )


def _per_s(ours_ns: list[int], bare_ns: list[int]) -> Figure:
    ours, bare = (NS_PER_S * len(each) / sum(each) for each in (ours_ns, bare_ns))
    # A tick is due twice a second, and at every mark.
    return Figure("ticks", ours, "per s", bare, "bare", at_least=4.0)


def _percentile(name: str, ours_ns: list[int], bare_ns: list[int], percent: int) -> Figure:
    ours, bare = (quantiles(each, n=100)[percent - 1] / 1e6 for each in (ours_ns, bare_ns))
    # Beyond 300 ms the second promised for a power cut no longer holds.
    return Figure(name, ours, "ms", bare, "bare", at_most=300.0)


def _ticks(
    disk: _NotingDisk, journals: Journals, folder: Path, number: int, ticks: int
) -> tuple[list[int], list[int]]:
    """Return how long each tick took and what CPU time it used, in ns."""
    rng = np.random.default_rng(number)
    session = folder / f"session{number}"
    encoder = _encoder(number)
    recipients = [HybridIdentity.generate().recipient for _ in range(2)]
    part = OpenPart(
        encoder, disk=disk, journals=journals, session_path=session, recipients=recipients
    )
    part.open()
    took_ns, cpu_ns = [], []
    for tick in range(ticks):
        _feed(encoder, rng, tick)
        began_ns, began_cpu_ns = read_host_ns(), time.thread_time_ns()
        part.tick()
        cpu_ns.append(time.thread_time_ns() - began_cpu_ns)
        took_ns.append(read_host_ns() - began_ns)
    for _ in part.closing():
        pass
    return took_ns, cpu_ns


def _encoder(number: int) -> PartEncoder:
    facts = board("simulated")
    stream = EegStream(
        model=facts.model,
        labels=tuple(channel.label for channel in facts.channels),
        uv_per_count=tuple(channel.uv_per_count for channel in facts.channels),
        offset_counts=tuple(channel.offset_counts for channel in facts.channels),
        rate_hz=facts.rate_hz,
    )
    identity = PartIdentity(
        device="BOX-00019", session=uuid.uuid4(), part=number, first_frame=0
    )
    return PartEncoder(identity, eeg=stream, audio=_FORMAT)


def _feed(encoder: PartEncoder, rng: np.random.Generator, tick: int) -> None:
    """Add half a second of noise as loud as a quiet room and a relaxed head."""
    stamps_ns = (tick * _ROWS + np.arange(_ROWS, dtype=np.int64)) * 4_000_000
    packets = Packets(
        stamps_ns=stamps_ns,
        counter=np.arange(_ROWS, dtype=np.int64),
        stamp_s=stamps_ns / 1e9,
        polled_ns=int(stamps_ns[-1]),
        rows_in_poll=_ROWS,
        connection=1,
    )
    rows_uv = rng.normal(0, 20, (_CHANNELS, _ROWS)).astype(np.float32)
    encoder.add_eeg(stamps_ns, rows_uv, packets)
    encoder.add_audio(rng.normal(0, 100, (_FRAMES, 2)).astype(np.int16))


def _bare(file: Path, sizes: list[int]) -> list[int]:
    """Return how long each write and fdatasync took, in ns."""
    took_ns = []
    data = os.urandom(max(sizes))
    descriptor = os.open(file, os.O_RDWR)
    position = 0
    try:
        os.fsync(descriptor)
        for size in sizes:
            began_ns = read_host_ns()
            os.pwrite(descriptor, data[:size], position)
            os.fdatasync(descriptor)
            took_ns.append(read_host_ns() - began_ns)
            position += size
    finally:
        os.close(descriptor)
    return took_ns
