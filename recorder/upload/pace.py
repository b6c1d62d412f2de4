"""How fast: the limit on bandwidth, the measured rate, what to learn from cut links."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

_RATE_OVER_NS = 10 * NS_PER_S
_REQUESTS = 64
_FEWER_REQUESTS = 16
_QUICK_BYTES = 8 << 20
_QUICK_FAILURES = 2
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 300.0


@dataclass(slots=True)
class Limit:
    """Lets bytes through at ``bytes_per_s``; 0 does not limit."""

    bytes_per_s: float
    clock_ns: Callable[[], int]
    sleep: Callable[[float], None]

    def paced(self, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
        """Return ``read``, made to bring no more than allowed."""
        if not self.bytes_per_s:
            return read
        due_ns = self.clock_ns()

        def paced_read(n_bytes: int) -> bytes:
            nonlocal due_ns
            now_ns = self.clock_ns()
            if now_ns < due_ns:
                self.sleep((due_ns - now_ns) / NS_PER_S)
            chunk = read(n_bytes)
            due_ns = max(due_ns, now_ns) + round(len(chunk) / self.bytes_per_s * NS_PER_S)
            return chunk

        return paced_read


@dataclass(slots=True)
class Meter:
    """The rate of the last ten seconds."""

    clock_ns: Callable[[], int]
    _marks: deque[tuple[int, int]] = field(default_factory=deque)
    _total_bytes: int = 0

    def add(self, n_bytes: int) -> None:
        """Count ``n_bytes`` now."""
        now_ns = self.clock_ns()
        self._total_bytes += n_bytes
        self._marks.append((now_ns, self._total_bytes))
        while len(self._marks) > 1 and now_ns - self._marks[0][0] > _RATE_OVER_NS:
            self._marks.popleft()

    @property
    def rate_bytes_s(self) -> float:
        """Bytes per second, 0 while unknown."""
        if not self._marks:
            return 0.0
        (first_ns, first), (last_ns, last) = self._marks[0], self._marks[-1]
        if last_ns == first_ns:
            return 0.0
        return (last - first) * NS_PER_S / (last_ns - first_ns)


@dataclass(slots=True)
class Patience:
    """Learns from cut links: how much to put on the way and how long to wait.

    ``uniform`` draws between two numbers, so that boxes don't all come back at once.
    """

    uniform: Callable[[float, float], float]
    _failures: int = 0
    _quick: int = 0

    @property
    def requests(self) -> int:
        """How many writes may be without an answer on the next link."""
        return _FEWER_REQUESTS if self._quick >= _QUICK_FAILURES else _REQUESTS

    @property
    def failures(self) -> int:
        """How many links in a row brought nothing."""
        return self._failures

    def cut(self, confirmed_bytes: int, *, advanced: bool) -> float:
        """Learn from a link that was cut; return how many seconds to wait.

        ``advanced`` says that the server has more than ever before, be it only found out.
        """
        self._failures = 0 if advanced else self._failures + 1
        if confirmed_bytes:
            # What never carried anything says nothing about how long links live.
            self._quick = self._quick + 1 if confirmed_bytes < _QUICK_BYTES else 0
        longest_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(self._failures, 16))
        return self.uniform(longest_s / 2, longest_s)

    def worked(self) -> None:
        """Learn that everything went well."""
        self._failures = self._quick = 0
