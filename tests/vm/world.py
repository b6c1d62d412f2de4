"""A lab, a fleet, cards and a server on loopback, made by the commands people use."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.vm.machine import Machine

if TYPE_CHECKING:
    from typing import Any

_BIN = Path(sys.executable).parent
_DRIVE = Path(__file__).with_name("drive.py")
CARD_GIB = 4
_BUILT: set[str] = set()
KEY_LINE = 40  # characters: shorter lines are titles
# No graphics here: the rescue screen would only take time from the emulated processor.
SCREENS = ("fieldrec-tui", "fieldrec-tui-console")
SLOW = "[Service]\nWatchdogSec=90\n"


def command(*words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run one of our programs as a person would."""
    done = subprocess.run(
        [str(_BIN / str(words[0])), *map(str, words[1:])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done


@dataclass
class World:
    """Everything lies in ``root``; the image is kept in the cache between runs."""

    root: Path
    arch: str
    image: Path
    server: subprocess.Popen[bytes] | None = None
    port: int = 0
    codes: list[str] = field(default_factory=list)

    def found(self) -> None:
        """Make lab, fleet and server."""
        command(
            "fieldrec-lab", "init", self.root / "lab", "--recovery-out", self.root / "rec"
        )
        command(
            *("fieldrec-provision", "init", self.root / "fleet"),
            *("--lab", self.root / "lab" / "public"),
        )
        self.start_server()
        made = command(
            *("fieldrec-lab", "client", "new", "--lab", self.root / "lab", "--count", "12")
        )
        # They are looked for in logs; figures there may be a code of digits alone.
        self.codes = [code for code in made.stdout.split() if not code.isdecimal()]

    def start_server(self) -> None:
        """Start the real sshd; the machine sees this computer as 10.0.2.2."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        with (self.root / "server.log").open("wb") as log:
            self.server = subprocess.Popen(
                [
                    str(_BIN / "fieldrec-lab"),
                    *("server", "--local", str(self.root / "server")),
                    *("--port", str(self.port)),
                    *("--fleet", str(self.root / "fleet" / "public")),
                ],
                stdout=log,
                stderr=log,
            )
        key = self.root / "server" / "host_key.pub"
        for _ in range(200):
            if key.exists() and (self.root / "server.log").stat().st_size:
                break
            time.sleep(0.1)
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True)
        command(
            *(
                "fieldrec-provision",
                "server",
                f"{user.stdout.strip()}@10.0.2.2:{self.port}",
            ),
            *("--fleet", self.root / "fleet", "--host-key", key),
        )

    def stop(self) -> None:
        if self.server is not None:
            self.server.terminate()
            self.server.wait()

    def new_box(self, name: str) -> str:
        """Make a box and its card; return its id."""
        box = self.root / name
        device = command(
            *("fieldrec-provision", "device", "new"),
            *("--fleet", self.root / "fleet", "--box", box),
            *("--headset", "simulated", "--microphone", "simulated"),
            *("--timezone", "Europe/Moscow"),
        ).stdout.strip()
        command(
            *("fieldrec-lab", "publish", "--lab", self.root / "lab"),
            *("--fleet", self.root / "fleet" / "public", "--box", box),
        )
        command(
            *("fieldrec-provision", "flash", self.image, self.card(name)),
            *("--box", box, "--size", str(CARD_GIB)),
        )
        return device

    def card(self, name: str) -> Path:
        return self.root / f"{name}.img"

    def machine(self, name: str, *extra: str, masked: tuple[str, ...] = SCREENS) -> Machine:
        work = self.root / f"{name}.vm"
        work.mkdir(exist_ok=True)
        return Machine(
            self.arch, self.image, self.card(name), work, extra=extra, masked=masked
        )

    def lab(
        self, *words: str | Path, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        return command(
            "fieldrec-lab", words[0], "--lab", self.root / "lab", *words[1:], check=check
        )

    def secrets(self) -> tuple[bytes, ...]:
        """Return lines of every private key, and the codes of clients."""
        paths = [
            *self.root.glob("*/ssh_ed25519"),
            *(self.root / "fleet" / "ca").glob("*_*[!b]"),
            *(path for path in (self.root / "lab" / "secret").iterdir() if path.is_file()),
            self.root / "rec",
        ]
        lines = (line for path in paths for line in path.read_bytes().splitlines())
        keys = [line for line in lines if len(line) >= KEY_LINE and b" " not in line]
        assert len(keys) > len(paths), "the keys were not found"
        return (*keys, *(code.encode() for code in self.codes))


def secrets_in(said: str, *places: Path, secrets: tuple[bytes, ...]) -> list[str]:
    """Return where one of ``secrets`` is: in ``said``, or in a file of ``places``."""
    found = ["said" for secret in secrets if secret in said.encode()]
    paths = (path for place in places for path in [place, *place.rglob("*")])
    contents = ((path, path.read_bytes()) for path in paths if path.is_file())
    return found + [
        str(path) for path, content in contents if any(one in content for one in secrets)
    ]


def cache_folder() -> Path:
    """Return where images are kept between runs."""
    return Path(os.environ.get("FIELDREC_CACHE", Path.home() / ".cache" / "fieldrec"))


def build_log(arch: str) -> Path:
    """Return where the steps of building are kept."""
    return cache_folder() / f"system-{arch}.log"


def image_words(arch: str, out: Path) -> list[str]:
    """Return the command line that makes the image ``out``."""
    words = (
        *(_BIN / "fieldrec-provision", "image", out, "--arch", arch),
        *("--cache", cache_folder(), "--log", build_log(arch)),
        *(("--quick",) if arch == "amd64" else ()),
    )
    return [str(word) for word in words]


def build_image(arch: str) -> Path:
    """Return the image for ``arch``; FIELDREC_SYSTEM_KEEP asks for the one made before.

    It is made once in a run, also where several files ask for it.
    """
    image = cache_folder() / f"system-{arch}"
    keep = os.environ.get("FIELDREC_SYSTEM_KEEP") or arch in _BUILT
    if image.exists() and not keep:
        shutil.rmtree(image)
    if not image.exists():
        done = subprocess.run(
            image_words(arch, image), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    _BUILT.add(arch)
    return image


def put_file(machine: Machine, source: Path, path: str) -> None:
    """Write the file ``source`` to ``path`` in the machine."""
    coded = base64.b64encode(source.read_bytes()).decode()
    lines = "\n".join(coded[n : n + 400] for n in range(0, len(coded), 400))
    machine.run(f"base64 -d > {path} <<'END'\n{lines}\nEND")


def prepare(machine: Machine) -> None:
    """Wait for the shell, put the driver in; give an emulated recorder more patience."""
    machine.open_shell()
    put_file(machine, _DRIVE, "/run/drive.py")
    folder = "/run/systemd/system/fieldrec-recorder.service.d"
    machine.run(f"mkdir -p {folder}")
    machine.put(f"{folder}/slow.conf", SLOW)
    machine.run("systemctl daemon-reload")
    machine.wait_until("systemctl is-active fieldrec-recorder")


DRIVE = "runuser -u fieldrec -- python3 -u /run/drive.py /run/fieldrec/recorder.sock"


def record(machine: Machine, code: str, seconds: float) -> dict[str, Any]:
    """Record a session and sign it; return what was said at the end."""
    machine.run(f"{DRIVE} begin {code} {seconds}", patience_s=400)
    said = machine.run(f"{DRIVE} end", patience_s=200)
    result: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    return result
