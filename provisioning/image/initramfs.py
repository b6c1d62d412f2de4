"""The initramfs: busybox, a few modules and our init, put together on the host in a second.

Debian's own takes minutes under emulation and knows no slots. The archive is written in
the kernel's format (newc cpio) with fixed times, so that equal inputs give equal bytes.
"""

from __future__ import annotations

import lzma
import subprocess
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from provisioning.programs import find_program, run_program
from recorder.errors import ProvisionError

# Root and card of a Raspberry Pi, and of the virtual machines of the tests.
_MODULES = (
    *("squashfs", "overlay"),
    *("mmc_block", "sdhci_iproc", "sdhci_brcmstb", "bcm2835_mmc", "bcm2835"),
    *("virtio_pci", "virtio_mmio", "virtio_blk", "sd_mod"),
    "i2c_bcm2835",  # behind it the clock with its battery: the right time from the start
)
_NEEDED = ("squashfs", "overlay")
_FOLDERS = (
    *("bin", "dev", "proc", "sys", "run", "modules", "lower", "upper", "root", "tmp"),
)
_DIRECTORY, _REGULAR, _DEVICE = 0o040755, 0o100644, 0o020600
_EXECUTABLE = 0o100755


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive; ``device`` is major and minor of a character device."""

    name: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def make_initramfs(tree: Path, kernel: str, out: Path) -> None:
    """Write the initramfs for ``kernel`` of the system in ``tree`` to ``out``."""
    files = resources.files("provisioning.image")
    modules = _modules(tree, kernel)
    busybox = tree / "usr/bin/busybox"
    entries = [Entry(name, _DIRECTORY) for name in _FOLDERS]
    entries += [
        Entry("bin/busybox", _EXECUTABLE, busybox.read_bytes()),
        Entry("init", _EXECUTABLE, files.joinpath("init").read_bytes()),
        Entry("slots.sh", _REGULAR, files.joinpath("slots.sh").read_bytes()),
        # The kernel opens it for init before init can mount /dev.
        Entry("dev/console", _DEVICE, device=(5, 1)),
        Entry("dev/null", _DEVICE, device=(1, 3)),
    ]
    order = "".join(f"{path.name.removesuffix('.xz')}\n" for path in modules)
    entries.append(Entry("modules/order", _REGULAR, order.encode()))
    for path in modules:
        content = path.read_bytes()
        if path.suffix == ".xz":  # busybox does not unpack them
            content = lzma.decompress(content)
        name = path.name.removesuffix(".xz")
        entries.append(Entry(f"modules/{name}", _REGULAR, content))
    out.write_bytes(_compressed(cpio(entries)))


def cpio(entries: list[Entry]) -> bytes:
    """Return ``entries`` as a newc archive."""
    parts = []
    for number, entry in enumerate([*entries, Entry("TRAILER!!!", 0)]):
        name = entry.name.encode() + b"\0"
        fields = (
            *(number + 1, entry.mode, 0, 0, 1, 0, len(entry.content)),
            *(0, 0, *entry.device, len(name), 0),
        )
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name
        parts += [_padded(head), _padded(entry.content)]
    return b"".join(parts)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)


def _compressed(content: bytes) -> bytes:
    program = find_program("zstd", package="zstd")
    done = subprocess.run(  # noqa: S603 - a fixed program
        [program, "-q", "-19", "-T1", "-c"], input=content, capture_output=True, check=True
    )
    return done.stdout


def _modules(tree: Path, kernel: str) -> list[Path]:
    """Return the module files to load, each after what it needs."""
    found: list[Path] = []
    for name in _MODULES:
        try:
            said = run_program(
                *("modprobe", "--dirname", tree, "--set-version", kernel),
                *("--show-depends", "--ignore-install", name),
                package="kmod",
            )
        except ProvisionError:
            if name in _NEEDED:
                raise
            continue  # another machine's driver
        for line in said.splitlines():
            words = line.split()
            if words[:1] == ["insmod"] and Path(words[1]) not in found:
                found.append(Path(words[1]))
    return found
