"""Running another machine's programs: qemu-user, registered with the kernel (binfmt_misc).

Debian's package registers it through systemd; where no systemd runs, as in many virtual
machines, the same line is handed to the kernel here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.image.packages import host_arch
from provisioning.programs import find_program, run_program
from recorder.errors import SetupError

if TYPE_CHECKING:
    from provisioning.image.packages import Arch

_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_NAMES: dict[Arch, str] = {"arm64": "qemu-aarch64", "amd64": "qemu-x86_64"}


def check_runs(arch: Arch) -> None:
    """See to it that this computer runs programs of ``arch``; SetupError if it can't."""
    if host_arch() == arch:
        return
    name = _NAMES[arch]
    find_program(f"{name}-static", package="qemu-user-static")
    if (_BINFMT / name).exists():
        return
    if not (_BINFMT / "register").exists():
        run_program(
            *("mount", "-t", "binfmt_misc", "binfmt_misc", _BINFMT), package="mount"
        )
    line = Path(f"/usr/lib/binfmt.d/{name}.conf")
    try:
        (_BINFMT / "register").write_bytes(line.read_bytes().strip())
    except OSError as error:
        raise SetupError(
            f"{arch} programs can't be run here: {error.strerror}",
            hint=f"as root: cat {line} > {_BINFMT}/register",
        ) from error
