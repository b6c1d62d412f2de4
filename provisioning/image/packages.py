"""Which Debian packages an image is made of, for which machine."""

from __future__ import annotations

import hashlib
import json
import platform
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from recorder.errors import ProvisionError

Arch = Literal["arm64", "amd64"]
_MACHINES: dict[str, Arch] = {"aarch64": "arm64", "x86_64": "amd64"}


@dataclass(frozen=True, slots=True)
class PackageList:
    """The packages of one kind of machine; ``unpacked`` are not configured."""

    arch: Arch
    suite: str
    installed: tuple[str, ...]
    unpacked: tuple[str, ...]

    def digest(self) -> str:
        """Return a name for this list: equal lists, equal names."""
        content = [self.arch, self.suite, self.installed, self.unpacked]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]


def package_list(arch: Arch) -> PackageList:
    """Return the list for ``arch``."""
    text = resources.files("provisioning.image").joinpath("packages.toml").read_text()
    content = tomllib.loads(text)
    groups = content["unpacked"]
    unpacked = [*groups["all"].values(), *groups[arch].values()]
    return PackageList(
        arch=arch,
        suite=content["suite"],
        installed=_flat(content["installed"].values()),
        unpacked=_flat(unpacked),
    )


def parse_arch(text: str) -> Arch:
    """Return the architecture called ``text``; ProvisionError for an unknown one."""
    if text not in ("arm64", "amd64"):
        raise ProvisionError(
            f"machine {text!r} is unknown", hint="arm64 is the box, amd64 the test's"
        )
    return "arm64" if text == "arm64" else "amd64"


def host_arch() -> Arch | None:
    """Return what this computer is; None where no image can run on it."""
    return _MACHINES.get(platform.machine())


def _flat(lists: object) -> tuple[str, ...]:
    return tuple(name for names in lists for name in names)  # type: ignore[attr-defined]
