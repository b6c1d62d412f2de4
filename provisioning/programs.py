"""The one door to other programs: arguments as a list, what they said in the error."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from recorder.errors import ProvisionError, SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SBIN = "/usr/sbin:/sbin"
_SAID = 300


def find_program(name: str, *, package: str) -> str:
    """Return the path of ``name``; SetupError that names its Debian package."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SBIN}")
    if found is None:
        raise SetupError(f"{name} is not installed", hint=f"apt install {package}")
    return found


def run_program(
    *words: str | int | Path,
    package: str,
    log: Path | None = None,
    stdin: bytes | None = None,
    extra: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Run ``words`` and return what was said on stdout; ProvisionError where it fails.

    ``log`` gets everything said. ``extra`` is added to the environment.
    """
    program = find_program(str(words[0]), package=package)
    try:
        done = subprocess.run(  # noqa: S603 - arguments as a list, no shell
            [program, *map(str, words[1:])],
            check=False,
            capture_output=True,
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(extra or {})},
            input=stdin,
        )
    except OSError as error:
        raise SetupError(
            f"{words[0]} can't be run: {error.strerror}",
            hint=f"look at the installation of the package {package}",
        ) from error
    said = done.stderr.decode("utf-8", "replace")
    out = done.stdout.decode("utf-8", "replace")
    if log is not None:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"$ {' '.join(map(str, words))}\n{out}{said}")
    if done.returncode:
        last = (said.strip() or out.strip()).splitlines() or ["it said nothing"]
        where = f"; all it said is in {log}" if log is not None else ""
        raise ProvisionError(
            f"{words[0]} failed ({done.returncode}): {last[-1][:_SAID]}{where}",
            hint="look at the room on the disk and the network, then try again",
        )
    return out
