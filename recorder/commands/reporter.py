"""What fieldrec record shows while it runs: each second, and at once what matters."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S, read_host_ns

if TYPE_CHECKING:
    from recorder.commands.outlet import Outlet
    from recorder.session import SessionStatus

_EVERY_NS = NS_PER_S


class Reporter:
    """Prints the state of a session: a line of JSON each, or one line that changes.

    An alarm, its end and the answer to a key don't wait for the second to end.
    """

    def __init__(self, outlet: Outlet, *, json_lines: bool) -> None:
        self._outlet = outlet
        self._json_lines = json_lines
        self._next_ns = read_host_ns() + _EVERY_NS
        self._news: tuple[object, ...] | None = None

    def look(self, status: SessionStatus, *, note: str) -> None:
        """Print ``status`` if it is time or if there is news; ``note`` answers a key."""
        writer = status.writer
        news = (
            *(writer.headset_lost, writer.microphone_lost, writer.slow_disk),
            *(writer.trouble, writer.paused, note),
        )
        known, self._news = self._news, news
        due = read_host_ns() >= self._next_ns
        if due:
            self._next_ns += _EVERY_NS
        if due or known not in (None, news):
            self._print(status, note)

    def _print(self, status: SessionStatus, note: str) -> None:
        if self._json_lines:
            self._outlet.offer(json.dumps(_fields(status, note)) + "\n")
        else:
            width = shutil.get_terminal_size().columns - 1  # a wrapped line stays behind
            self._outlet.offer(f"\r\x1b[K{_status_line(status, note, width)}")


def clock_text(seconds: float) -> str:
    """Return ``seconds`` as hh:mm:ss."""
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _fields(status: SessionStatus, note: str) -> dict[str, object]:
    writer = status.writer
    silent_s = writer.eeg_silent_s
    return {
        "elapsed_s": round(status.elapsed_s, 3),
        "saved_s": round(status.saved_s, 3),
        "eeg_rate_hz": round(writer.eeg_rate_hz, 3),
        "eeg_drift_ppm": round(writer.eeg_drift_ppm, 1),
        "eeg_jitter_ms": round(writer.eeg_jitter_ms, 3),
        "eeg_silent_s": None if silent_s is None else round(silent_s, 3),
        "lost_samples": writer.lost_samples,
        "xruns": writer.xruns,
        "levels_db": [round(max(level, -120.0), 1) for level in writer.levels_db],
        "free_min": round(status.free_min, 1),
        "phase": "paused" if writer.paused else "recording",
        "overflowed_blocks": writer.overflowed,
        "headset_lost": writer.headset_lost,
        "microphone_lost": writer.microphone_lost,
        "slow_disk": writer.slow_disk,
        "trouble": writer.trouble,
        "note": note,
    }


def _status_line(status: SessionStatus, note: str, width: int) -> str:
    """Return what fits into ``width``: alarms before figures, and no half of a figure."""
    writer = status.writer
    levels = " ".join(f"{max(level, -99.0):.0f}" for level in writer.levels_db) or "-"
    alarms = [
        text
        for text, raised in (
            ("HEADSET LOST", writer.headset_lost),
            ("MICROPHONE LOST", writer.microphone_lost),
            (f"QUEUE FULL {writer.overflowed}", writer.overflowed > 0),
            ("SLOW DISK", writer.slow_disk),
            (writer.trouble.upper(), bool(writer.trouble)),
            (note, bool(note)),
        )
        if raised
    ]
    clocks = [
        f"{'paused' if writer.paused else 'rec'} {clock_text(status.elapsed_s)}",
        f"saved {clock_text(status.saved_s)}",
    ]
    figures = [
        f"EEG {writer.eeg_rate_hz:.1f} Hz",
        f"lost {writer.lost_samples}",
        f"{levels} dB",
        f"{status.free_min:.0f} min free",
        f"xruns {writer.xruns}",
    ]
    line = "  ".join([*clocks, *alarms])[:width]
    for figure in figures:
        if len(line) + len(figure) + 2 <= width:
            line += f"  {figure}"
    return line
