"""fieldrec logs: a bundle for the lab's technician: how the box is, nothing of any client.

Everything in it is chosen: no file of the box is copied. Codes of clients that a log may
hold all the same are blotted out, and a bundle that would hold a key is not written.
"""

from __future__ import annotations

import io
import json
import platform
import re
import shutil
import subprocess
import zipfile
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING

from recorder import __version__
from recorder.box import Box
from recorder.checkup.doctor import examine
from recorder.checkup.running import ask_recorder
from recorder.clients import Clients
from recorder.clock import read_host_clock
from recorder.commands.sessions import list_sessions
from recorder.commands.status import redacted
from recorder.errors import BoxError, FieldrecError, ServiceError
from recorder.files import PRIVATE, create
from recorder.store.disk import RealDisk
from recorder.store.receipts import Lab

if TYPE_CHECKING:
    from pathlib import Path

_JOURNAL_LINES = "5000"
_KERNEL_LINES = "2000"
_KERNEL_WORDS = re.compile(
    r"usb|mmc|ext4|bluetooth|hci|tty|snd|voltage|thermal|out of memory", re.IGNORECASE
)
_SECRETS = re.compile(r"AGE-SECRET-KEY|PRIVATE KEY")
_PATIENCE_S = 30
_PACKAGES = ("brainflow", "bleak", "cryptography", "paramiko", "pyalsaaudio", "soundfile")


def write_bundle(box_root: Path, socket: Path, sysfs: Path, out: Path) -> None:
    """Write the bundle to ``out``, a new zip file. Raises BoxError, StoreError."""
    box = Box.load(box_root)
    answer = ask_recorder(socket)
    checks = [asdict(check) for check in examine(box_root, socket, sysfs)]
    state = (
        {"recorder": str(answer)} if isinstance(answer, ServiceError) else redacted(answer)
    )
    files = {
        "about.json": _json(_about(box)),
        "doctor.json": _json(checks),
        "state.json": _json(state),
        "sessions.json": _json(_sessions(box)),
        "journal.txt": _journal("-u", "fieldrec*", "-n", _JOURNAL_LINES),
        "kernel.txt": _kernel(),
    }
    codes = _client_codes(box)
    content = _zip({name: _blotted(text, codes) for name, text in files.items()})
    try:
        create(out, content, mode=PRIVATE)
    except FileExistsError:
        raise BoxError(f"{out} exists already", hint="give another name") from None
    except OSError as error:
        raise BoxError(f"{out} can't be written: {error.strerror}") from error
    print(f"{out}: {', '.join(files)}")


def _about(box: Box) -> dict[str, object]:
    return {
        "device": box.device,
        "wall_ns": read_host_clock().wall_ns,
        "fieldrec": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "system": _system(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "locale": box.locale,
        "headset": box.default_headset,
        "microphone": box.default_microphone,
        "paired": dict(box.paired),
        "recipients": len(box.recipients),
        "calibrations": [calibration.id for calibration in box.calibrations],
        "server": None if box.server is None else f"{box.server.host}:{box.server.port}",
    }


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


def _sessions(box: Box) -> list[dict[str, object]] | str:
    try:
        lab = Lab.read(box.device, box.signers_path)
        return [asdict(row) for row in list_sessions(RealDisk(), box.sessions, lab)]
    except (OSError, FieldrecError) as error:
        return f"can't be listed: {error}"


def _kernel() -> str:
    lines = _journal("-k", "-n", _KERNEL_LINES).splitlines(keepends=True)
    return "".join(line for line in lines if _KERNEL_WORDS.search(line))


def _journal(*options: str) -> str:
    """Return lines of systemd's journal; a sentence where there is none."""
    program = shutil.which("journalctl")
    if program is None:
        return "this machine has no journal\n"
    try:
        done = subprocess.run(  # noqa: S603 - found in PATH, fixed options
            [program, "--no-pager", "-o", "short-iso", *options],
            capture_output=True,
            check=False,
            timeout=_PATIENCE_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the journal can't be read: {type(error).__name__}\n"
    return done.stdout.decode("utf-8", "replace")


def _client_codes(box: Box) -> list[str]:
    clients = Clients.of(box)
    try:
        listed, pool = clients.listed()
        last = clients.interrupted()
    except FieldrecError:
        return []
    codes = [one.consent.code for one in listed] + pool
    return codes if last is None else [*codes, last.code]


def _blotted(text: str, codes: list[str]) -> str:
    """Blot out codes; refuse what holds a key, which nothing here ever should."""
    if _SECRETS.search(text):
        raise BoxError("the bundle would hold a key: not written", hint="report this")
    if not codes:
        return text
    return re.sub(rf"\b({'|'.join(map(re.escape, codes))})\b", "[client]", text)


def _json(content: object) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _zip(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()
