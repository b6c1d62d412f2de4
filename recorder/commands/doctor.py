"""fieldrec doctor: is this box fit to record, and what to do where it is not."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from recorder.checkup.doctor import examine
from recorder.errors import BoxError

if TYPE_CHECKING:
    from pathlib import Path


def show_health(box: Path, socket: Path, sysfs: Path, *, as_json: bool) -> None:
    """Print each check; raise BoxError at the end where one failed."""
    checks = examine(box, socket, sysfs)
    if as_json:
        print(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        for check in checks:
            print(f"{check.grade:<5} {check.what:<19} {check.text}")
            if check.hint and check.grade != "pass":
                print(f"{'':<25} -> {check.hint}")
    failed = [check.what for check in checks if check.grade == "fail"]
    if failed:
        raise BoxError(
            f"{len(failed)} check(s) failed: {', '.join(failed)}",
            hint="do what stands beside them",
        )
