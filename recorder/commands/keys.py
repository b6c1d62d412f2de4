"""Keys of a terminal while recording: space pauses, digits mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.clock import read_host_ns
from recorder.format.marks import MarkRecord

if TYPE_CHECKING:
    from recorder.format.codebook import Codebook, Mark
    from recorder.format.marks import Act
    from recorder.session import Session


class KeyMarks:
    """Turns keys into marks of the codebook; ``note`` tells what the last key did."""

    def __init__(self, session: Session, codebook: Codebook) -> None:
        self._session = session
        self._marks = {mark.key: mark for mark in codebook.visible}
        self._on: set[str] = set()
        self._waiting: Mark | None = None
        self._waiting_ns = 0
        self.note = ""

    def press(self, key: str) -> None:
        """Obey ``key``; the moment of the press is the mark's stamp."""
        now_ns = read_host_ns()
        if key == " ":
            self._toggle_pause()
        elif self._session.paused:
            self.note = "paused: no marks"
        elif self._waiting is not None:
            self._give_value(key)
        elif key in self._marks:
            self._mark(self._marks[key], now_ns)

    def _toggle_pause(self) -> None:
        if self._session.paused:
            self._session.resume()
            self.note = ""
        else:
            self._session.pause()
            self.note = "space to go on"

    def _mark(self, mark: Mark, now_ns: int) -> None:
        if mark.kind == "value":
            self._waiting, self._waiting_ns = mark, now_ns
            self.note = f"{mark.id}: press a digit"
        elif mark.kind == "on_off":
            act: Act = "off" if mark.id in self._on else "on"
            self._on ^= {mark.id}
            self._write(mark.id, act, now_ns)
        else:
            self._write(mark.id, "point", now_ns)

    def _give_value(self, key: str) -> None:
        mark, self._waiting = self._waiting, None
        if mark is None or not key.isdigit():
            self.note = "no value, no mark"
            return
        if not (mark.low or 0) <= int(key) <= (mark.high or 0):
            self.note = f"{mark.id}: {key} is not {mark.low} to {mark.high}, no mark"
            return
        self._write(mark.id, "value", self._waiting_ns, value=int(key))

    def _write(self, name: str, act: Act, stamp_ns: int, value: int | None = None) -> None:
        record = MarkRecord(n=0, id=name, act=act, stamp_ns=stamp_ns, value=value)
        written = self._session.mark(record)
        kind = "" if act == "point" else f":{act if value is None else value}"
        unsaved = "" if written.saved else " NOT SAVED YET"
        self.note = f"{name}{kind} #{written.record.n}{unsaved}"
