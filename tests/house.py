"""A lab, its fleet and one box, made by the product itself."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from lab.init import init_lab
from lab.settings import Lab
from provisioning.device import make_device
from provisioning.fleet import Fleet, init_fleet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class House:
    """Folders of one lab with one box."""

    lab: Path
    fleet: Path
    box: Path
    recovery: Path

    def load_lab(self) -> Lab:
        return Lab.load(self.lab)

    def load_fleet(self) -> Fleet:
        return Fleet.load(self.fleet)


def make_house(root: Path) -> House:
    """Make everything new in ``root``."""
    house = House(root / "lab", root / "fleet", root / "box", root / "recovery.txt")
    init_lab(house.lab, recovery_out=house.recovery)
    init_fleet(house.fleet, lab_public=house.lab / "public")
    make_device(house.load_fleet(), house.box)
    return house


def exit_code(main: Callable[[], None], *arguments: str | Path) -> int:
    """Run a program's ``main`` in this process, as its command line would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["program", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
    code = stopped.value.code
    assert isinstance(code, int)
    return code


def stock_verify(
    message: bytes, signature: Path, *, signers: Path, principal: str, namespace: str
) -> bool:
    """Tell whether OpenSSH itself accepts ``signature``."""
    checked = subprocess.run(
        [
            *("ssh-keygen", "-Y", "verify", "-I", principal, "-n", namespace),
            *("-f", str(signers), "-s", str(signature)),
        ],
        input=message,
        capture_output=True,
        check=False,
    )
    return checked.returncode == 0


def mode(path: Path) -> int:
    """Return the permission bits of ``path``."""
    return path.stat().st_mode & 0o777
