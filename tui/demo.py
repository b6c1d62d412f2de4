"""A throw-away box for demonstrations: own lab, own keys, simulated devices, no set-up.

Everything lies in one temporary folder and goes with it. The lab's and the technician's
part is done by their own commands: the screen knows neither of them.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from recorder.errors import SetupError
from recorder.files import PRIVATE, write_atomic
from recorder.format.registers import (
    BoxClient,
    BoxRegister,
    decode_register,
    encode_register,
)
from recorder.paired import choose

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRAMS = Path(sys.executable).parent
_CODE = re.compile(r"\b[0-9A-Z]{5}\b")
_PATIENCE_S = 30.0
_AGAIN_S = 1.0
SOCKET = "recorder.sock"


@contextlib.contextmanager
def demo_box() -> Iterator[Path]:
    """Make a box, serve it, yield its folder; end the recorder and remove it all.

    Raises SetupError where a command of ours is missing or fails.
    """
    with tempfile.TemporaryDirectory(prefix="fieldrec-demo-") as folder:
        box = make_box(Path(folder))
        with serving(box):
            yield box


def make_box(folder: Path) -> Path:
    """Make lab, fleet and box in ``folder``; return the box's folder.

    It knows one client with two sessions behind him, and has three free codes.
    """
    lab, fleet, box = folder / "lab", folder / "fleet", folder / "box"
    public = (str(lab / "public"), str(fleet / "public"))
    _run("fieldrec-lab", "init", str(lab), "--recovery-out", str(folder / "recovery.txt"))
    _run("fieldrec-provision", "init", str(fleet), "--lab", public[0])
    _run("fieldrec-provision", *_words("device new --fleet", fleet, "--box", box))
    printed = _run("fieldrec-lab", *_words("client new --lab", lab, "--count 4"))
    _run("fieldrec-lab", *_words("publish --lab", lab, "--fleet", public[1], "--box", box))
    _know_client(box, _CODE.findall(printed)[0])
    choose(box, headset="simulated", microphone="simulated")
    return box


@contextlib.contextmanager
def serving(box: Path) -> Iterator[None]:
    """Run the recorder on ``box``; where it dies, start it again, as systemd does."""
    recorder = _Recorder(box)
    thread = threading.Thread(target=recorder.keep, name="demo-recorder")
    thread.start()
    try:
        yield
    finally:
        recorder.end()
        thread.join()


class _Recorder:
    """The recorder of a demonstration. ``keep`` runs in a thread of its own."""

    def __init__(self, box: Path) -> None:
        words = ("serve", "--box", str(box), "--socket", str(box / SOCKET))
        self._command = (_program("fieldrec"), *words)
        self._ending = threading.Event()
        self._lock = threading.Lock()  # nothing is started once it is ending
        self._process = self._start()

    def keep(self) -> None:
        """Start it again whenever it dies, until `end`."""
        while True:
            self._process.wait()
            self._ending.wait(_AGAIN_S)
            with self._lock:
                if self._ending.is_set():
                    return
                self._process = self._start()

    def end(self) -> None:
        """Stop it, in order where it lets us."""
        with self._lock:
            self._ending.set()
            process = self._process
        process.terminate()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own program
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the screen
        )


def _know_client(box: Path, code: str) -> None:
    path = box / "clients.json"
    register = decode_register(path.read_bytes(), BoxRegister)
    client = BoxClient(frozenset({"eeg", "audio"}), "2026-1", sessions=2)
    known = msgspec.structs.replace(register, clients={code: client})
    write_atomic(path, encode_register(known), mode=PRIVATE)


def _words(*parts: object) -> list[str]:
    """Return words: a path is one, a text is split."""
    return [
        word
        for part in parts
        for word in (part.split() if isinstance(part, str) else [str(part)])
    ]


def _program(name: str) -> str:
    path = _PROGRAMS / name
    if not path.exists():
        raise SetupError(
            f"{name} is not installed beside this program",
            hint="demonstrations need the lab's and the technician's commands too",
        )
    return str(path)


def _run(name: str, *words: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own programs
        [_program(name), *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SetupError(f"{name} {words[0]} failed: {done.stderr.strip()}")
    return done.stdout
