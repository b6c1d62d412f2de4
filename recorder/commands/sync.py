"""fieldrec sync: what the command prints while it sends, and when it is done."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from recorder.box import Box
from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import BoxError, FieldrecError
from recorder.runtime import SYNC_PROGRESS, runtime_folder
from recorder.upload.fleet import CLIENTS_FILE, FLEET_FILE, Renewal
from recorder.upload.published import Publisher
from recorder.upload.room import sync_lock
from recorder.upload.sync import Sync

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.upload.progress import SyncStatus, Tally
    from recorder.upload.visit import Wishes

_EVERY_NS = NS_PER_S // 2
_MB = 1e6
_SHORTEST_LEFT_S = 60


def sync_box(root: Path, wishes: Wishes, *, json_lines: bool) -> None:
    """Sync a box; raise at the end what kept something from being sent."""
    reporter = _Reporter(json_lines=json_lines)
    publisher = Publisher(runtime_folder(root) / SYNC_PROGRESS)

    def look(status: SyncStatus) -> None:
        reporter.look(status)
        publisher.take(status)

    sync = Sync(root, wishes, look)
    try:
        with publisher.running():
            sync.run()
    finally:
        reporter.end()
        if json_lines:
            print(json.dumps(asdict(sync.tally)), flush=True)
    if not json_lines:
        print(_summary(sync.tally))


def sync_from_card(root: Path, card: Path, *, json_lines: bool) -> None:
    """Take fleet.json and clients.json from a card; nothing is sent."""
    box = Box.load(root)
    found = [name for name in (FLEET_FILE, CLIENTS_FILE) if (card / name).is_file()]
    if not found:
        raise BoxError(
            f"{card} holds neither {FLEET_FILE} nor {CLIENTS_FILE}",
            hint="give the folder that the lab wrote them into",
        )
    with sync_lock(box.sessions):
        renewal = Renewal(box)
        renewal.finish()
        new = renewal.take(lambda name, limit: _read_card(card / name, limit))
    if json_lines:
        print(json.dumps({"renewed": new}))
    else:
        print(f"new: {', '.join(new)}" if new else "the box has all of it already")


def _read_card(path: Path, limit_bytes: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = file.read(limit_bytes + 1)
    except FileNotFoundError:
        return None
    if len(content) > limit_bytes:
        raise BoxError(f"{path} has more than {limit_bytes} bytes")
    return content


class _Reporter:
    """Prints news at once and figures twice a second: a line of JSON, or one line."""

    def __init__(self, *, json_lines: bool) -> None:
        self._json_lines = json_lines
        self._terminal = sys.stderr.isatty()
        self._next_ns = 0
        self._news: tuple[object, ...] = ()
        self._written = False

    def look(self, status: SyncStatus) -> None:
        """Print ``status`` if it is time or if there is news."""
        news = (status.phase, status.session, str(status.trouble or ""))
        now_ns = read_host_ns()
        if news == self._news and now_ns < self._next_ns:
            return
        fresh = news != self._news
        self._news, self._next_ns = news, now_ns + _EVERY_NS
        if self._json_lines:
            print(json.dumps(_fields(status)), flush=True)
        elif self._terminal:
            print(f"\r\x1b[K{_line(status)}", end="", file=sys.stderr, flush=True)
            self._written = True
        elif fresh:
            # In a log every line stays: only news is worth one.
            print(_line(status), file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line that changed."""
        if self._written:
            print(file=sys.stderr, flush=True)


def _fields(status: SyncStatus) -> dict[str, object]:
    left_s = status.left_s
    return {
        "phase": status.phase,
        "session": status.session,
        "sessions_left": status.sessions_left,
        "sent_bytes": status.sent_bytes,
        "total_bytes": status.total_bytes,
        "rate_bytes_s": round(status.rate_bytes_s),
        "left_s": None if left_s is None else round(left_s),
        "wait_s": round(status.wait_s, 1),
        "trouble": _trouble(status.trouble),
    }


def _trouble(error: FieldrecError | None) -> dict[str, object] | None:
    return None if error is None else {"code": error.code, "text": str(error)}


def _line(status: SyncStatus) -> str:
    words: list[str] = [status.phase]
    if status.phase == "sending":
        words += [
            status.session,
            f"{status.sent_bytes / _MB:.1f} of {status.total_bytes / _MB:.1f} MB",
            f"{status.rate_bytes_s / _MB:.2f} MB/s",
        ]
        if status.left_s is not None:
            words.append(_left(status.left_s))
    if status.phase == "waiting":
        words.append(f"{status.wait_s:.0f} s")
    if status.trouble is not None:
        words.append(str(status.trouble))
    return "  ".join(words)


def _left(seconds: float) -> str:
    if seconds < _SHORTEST_LEFT_S:
        return "less than a minute left"
    return f"{round(seconds / 60)} min left"


def _summary(tally: Tally) -> str:
    counts = [
        f"{len(names)} {what}"
        for what, names in (
            ("sent", tally.sent),
            ("verified", tally.verified),
            ("to be sent again", tally.resend),
            ("damaged", tally.damaged),
            ("withdrawn", tally.withdrawn),
            ("deleted", tally.deleted),
        )
        if names
    ]
    renewed = [f"new: {', '.join(tally.renewed)}"] if tally.renewed else []
    return ", ".join([*counts, *renewed]) or "nothing to send"
