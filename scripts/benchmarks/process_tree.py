"""CPU time and memory of a process with all its children, from /proc."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S+ (\S+) (\S+) (\d+)")
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds so far (user + sys) and bytes of memory now."""

    cpu_s: float
    memory_bytes: int


def usage(root: int) -> Usage:
    """Measure ``root`` with everything below it; processes that just ended count 0."""
    pids = _tree(root)
    return Usage(sum(map(_cpu_s, pids)), _memory_bytes(pids))


def cpu_s(root: int) -> float:
    """Return the CPU seconds of ``root`` and everything below it, ended children too."""
    return sum(map(_cpu_s, _tree(root)))


def _tree(root: int) -> list[int]:
    pids = [root]
    for pid in pids:
        for children in (_PROC / str(pid) / "task").glob("*/children"):
            pids.extend(map(int, _read(children).split()))
    return pids


def _cpu_s(pid: int) -> float:
    text = _read(_PROC / str(pid) / "stat")
    # The name in brackets may hold anything; utime, stime, cutime, cstime follow it.
    fields = text.rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS_PER_S


def _memory_bytes(pids: list[int]) -> int:
    """Return the sum of PSS that these processes would have if nobody else ran.

    The kernel divides a library's pages among all who map them, which flatters a program
    that runs beside others; so a file's mapping counts whole, once in the tree.
    """
    anonymous_kib = 0
    files_kib: dict[tuple[str, ...], int] = {}
    for pid in pids:
        for key, sizes in _mappings(pid):
            rss_kib, private_kib = sizes.get("Rss", 0), sizes.get("Anonymous", 0)
            if key[-1] == "0":
                anonymous_kib += sizes.get("Pss", 0)
            else:
                anonymous_kib += private_kib
                files_kib[key] = max(files_kib.get(key, 0), rss_kib - private_kib)
    return (anonymous_kib + sum(files_kib.values())) * _KIB


def _mappings(pid: int) -> list[tuple[tuple[str, ...], dict[str, int]]]:
    found: list[tuple[tuple[str, ...], dict[str, int]]] = []
    for line in _read(_PROC / str(pid) / "smaps").splitlines():
        header = _MAPPING.match(line)
        if header:
            found.append((header.groups(), {}))
        elif found and line.endswith("kB"):
            name, _, size = line.partition(":")
            found[-1][1][name] = int(size.split()[0])
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
