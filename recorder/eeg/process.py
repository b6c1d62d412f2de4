"""A board's process, seen from the recorder: started, read, and certainly ended."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

import recorder
from recorder.eeg.messages import FrameReader
from recorder.errors import HeadsetError

if TYPE_CHECKING:
    from recorder.eeg.messages import Message, Task

GRACE_S = 2.9  # the process gives itself 2.7 s to release its board
_READ_BYTES = 1 << 16
_COMPLAINT_BYTES = 2000


class BoardProcess:
    """One run of ``python -m recorder.eeg.board``, owned by the thread that made it.

    As a context manager it closes itself. Raises HeadsetError where it can't be started.
    """

    def __init__(self, task: Task) -> None:
        root = Path(next(iter(recorder.__path__))).parent
        # One thread of linear algebra: a pool of them would only cost memory.
        settings = {"PYTHONPATH": str(root), "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "recorder.eeg.board"]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [*command, msgspec.json.encode(task).decode()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=os.environ | settings,
                start_new_session=True,  # the terminal's Ctrl-C is for the recorder
            )
        except OSError as error:
            raise HeadsetError(
                f"the headset's process can't be started: {error.strerror}"
            ) from error
        self._frames = FrameReader()
        self._complaint = b""
        self._poll = select.poll()
        self._answers = self._watch(self._process.stdout)
        self._complaints = self._watch(self._process.stderr)
        self.ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def complaint(self) -> str:
        """The last line it wrote to stderr."""
        lines = self._complaint.decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else "no message"

    def read(self, timeout_s: float) -> list[Message]:
        """Return messages, none after ``timeout_s``; ``ended`` once it closed its pipe."""
        messages: list[Message] = []
        for descriptor, _ in self._poll.poll(timeout_s * 1000):
            new = os.read(descriptor, _READ_BYTES)
            if not new:
                self._poll.unregister(descriptor)
            if descriptor == self._complaints:
                self._complaint = (self._complaint + new)[-_COMPLAINT_BYTES:]
            else:
                self.ended = not new
                messages += self._frames.feed(new)
        return messages

    def close(self) -> None:
        """Tell it to release the board; kill it after a grace. It is gone afterwards."""
        # communicate() closes stdin and keeps both pipes from filling up meanwhile. Its own
        # timeout would poll.
        killer = threading.Timer(GRACE_S, self._process.kill)
        killer.start()
        try:
            self._process.communicate()
        finally:
            killer.cancel()

    def _watch(self, stream: object) -> int:
        descriptor: int = stream.fileno()  # type: ignore[attr-defined]  # Popen types pipes as optional
        self._poll.register(descriptor, select.POLLIN)
        return descriptor
