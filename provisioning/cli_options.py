"""Options that several commands of fieldrec-provision share, with the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from provisioning.steps import Steps

FleetOption = Annotated[Path, typer.Option("--fleet", help="The fleet's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryOption = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Check everything, say what would be done, write nothing."
    ),
]
LogOption = Annotated[
    Path | None, typer.Option("--log", help="Keep every step with its time here.")
]


def quiet_steps(log: Path | None) -> Steps:
    """Return the steps of a command that takes a second: told to the log alone."""
    return Steps(tell=_nobody, log=log)


def _nobody(_text: str) -> None:
    """Say nothing: the result is there before a person could read it."""
