"""A box as a virtual machine: QEMU without acceleration or rights, and a root shell in it.

The machine starts the very image that `fieldrec-provision image` made; the shell comes
from systemd itself, asked for on the kernel's command line (systemd.debug_shell).
"""

from __future__ import annotations

import contextlib
import re
import shlex
import socket
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from recorder.clock import NS_PER_S, read_host_ns

if TYPE_CHECKING:
    from pathlib import Path

_COMMON = (
    *("-accel", "tcg,thread=multi", "-smp", "2", "-m", "1024"),
    *("-nodefaults", "-display", "none", "-no-reboot"),
)
_MACHINES = {
    "amd64": ("qemu-system-x86_64", "-M", "q35", "-cpu", "max", "-device", "i6300esb"),
    "arm64": ("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72"),
}
_CONSOLES = {"amd64": ("ttyS0", "ttyS1"), "arm64": ("ttyAMA0", "hvc0")}
_KERNEL_WORDS = "loglevel=4 panic=10 net.ifnames=0 systemd.show_status=0"


@dataclass(slots=True)
class Machine:
    """One start of a card; as a context manager it ends like a pulled plug.

    QEMU's user network shows this computer to the guest as 10.0.2.2. The services
    ``masked`` do not start.
    """

    arch: str
    image: Path
    card: Path
    work: Path
    extra: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    began_ns: int = field(default_factory=read_host_ns)
    process: subprocess.Popen[bytes] | None = None
    shell: socket.socket | None = None
    unread: bytes = b""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        self.began_ns = read_host_ns()
        (self.work / "shell.sock").unlink(missing_ok=True)
        words = self.words()
        with (self.work / "qemu.log").open("wb") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=log)

    def words(self) -> list[str]:
        """Return QEMU's command line."""
        program, *machine = _MACHINES[self.arch]
        console, shell = _CONSOLES[self.arch]
        link = f"socket,id=sh,path={self.work / 'shell.sock'},server=on,wait=off"
        device = (
            ("-device", "virtio-serial-pci", "-device", "virtconsole,chardev=sh")
            if self.arch == "arm64"
            else ("-serial", "chardev:sh")
        )
        masks = " ".join(f"systemd.mask={name}.service" for name in self.masked)
        kernel_words = (
            f"console={console} systemd.debug_shell={shell} {_KERNEL_WORDS} {masks}"
        )
        return [
            *(program, *machine, *_COMMON, *self.extra),
            *("-kernel", str(self.image / "vmlinuz")),
            *("-initrd", str(self.image / "initrd.img"), "-append", kernel_words),
            *("-drive", f"file={self.card},format=raw,if=virtio,cache=writethrough"),
            *("-serial", f"file:{self.work / 'console.log'}", "-chardev", link, *device),
            *("-netdev", "user,id=n0", "-device", "virtio-net-pci,netdev=n0,romfile="),
            *("-device", "virtio-rng-pci"),
        ]

    def open_shell(self, patience_s: float = 300) -> None:
        """Wait for the shell and silence its echo."""
        place = self.work / "shell.sock"
        until_ns = read_host_ns() + round(patience_s * NS_PER_S)
        while not place.exists():
            self.check(until_ns)
        self.shell = socket.socket(socket.AF_UNIX)
        self.shell.connect(str(place))
        self.shell.settimeout(1)
        while True:
            self.shell.sendall(
                b"stty -echo -icanon; export PS1= PS2= TERM=dumb; echo REA''DY\n"
            )
            if self._wait_for(rb"READY\r?\n", 5) is not None:
                return
            self.check(until_ns)

    def run(self, command: str, *, patience_s: float = 120, check: bool = True) -> str:
        """Run ``command`` as root; return what it said."""
        assert self.shell is not None
        mark = f"{read_host_ns():x}"
        self.unread = b""
        self.shell.sendall(f"{{ {command}\n}} 2>&1; echo DO''NE-{mark}-$?\n".encode())
        found = self._wait_for(rb"DONE-%s-(\d+)\r?\n" % mark.encode(), patience_s)
        assert found is not None, f"no end of: {command}; so far: {self.unread[-2000:]!r}"
        said = found[0].decode("utf-8", "replace").replace("\r\n", "\n")
        assert not check or found[1] == 0, f"{command}: {found[1]}: {said}"
        return said

    def wait_until(self, command: str, *, patience_s: float = 300) -> float:
        """Wait until ``command`` succeeds; return how many seconds after the start."""
        until_ns = read_host_ns() + round(patience_s * NS_PER_S)
        quiet = f"if {command} >/dev/null 2>&1; then echo y; else echo n; fi"
        while self.run(quiet).strip() != "y":
            self.check(until_ns)
        return self.seconds

    @property
    def seconds(self) -> float:
        return (read_host_ns() - self.began_ns) / NS_PER_S

    def put(self, path: str, content: str) -> None:
        """Write a small text file in the machine."""
        self.run(f"printf %s {shlex.quote(content)} > {path}")

    def kill(self) -> None:
        """Pull the plug."""
        if self.shell is not None:
            self.shell.close()
            self.shell = None
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def kill_while(self, command: str, *, after_s: float) -> str:
        """Run a ``command`` that never ends, and pull the plug; return its last line.

        What was said last is as old as the line is apart from the next.
        """
        assert self.shell is not None
        self.unread = b""
        self.shell.sendall(f"{command}\n".encode())
        self._wait_for(rb"(?!)", after_s)
        self.kill()
        return self.unread.decode("utf-8", "replace").splitlines()[-2]

    def wait_end(self, patience_s: float = 120) -> None:
        """Wait until the machine ended by itself (a restart ends it: -no-reboot)."""
        assert self.process is not None
        self.process.wait(patience_s)
        self.kill()

    def check(self, until_ns: int) -> None:
        assert self.process is not None
        console = self.work / "console.log"
        said = console.read_bytes()[-3000:] if console.exists() else b""
        assert self.process.poll() is None, f"the machine ended: {said!r}"
        assert read_host_ns() < until_ns, f"too slow; console: {said!r}"
        time.sleep(0.5)

    def _wait_for(self, pattern: bytes, patience_s: float) -> tuple[bytes, int] | None:
        assert self.shell is not None
        until_ns = read_host_ns() + round(patience_s * NS_PER_S)
        while read_host_ns() < until_ns:
            found = re.search(pattern, self.unread)
            if found is not None:
                said = self.unread[: found.start()]
                code = int(found[1]) if found.re.groups else 0
                self.unread = self.unread[found.end() :]
                return said, code
            with contextlib.suppress(TimeoutError):
                self.unread += self.shell.recv(65536)
        return None
