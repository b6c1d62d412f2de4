"""The command `fieldrec-lab bids`."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from lab.intake_commands import JsonOption, LabOption, opened_catalogue
from lab.intake_output import say, tell
from lab.settings import Lab
from lab.workers import Workers
from recorder.cli_errors import examples
from recorder.errors import LabError

if TYPE_CHECKING:
    from lab.dataset.export import TreeReport

JobsOption = Annotated[
    int, typer.Option(min=1, max=64, help="Sessions worked on at a time, here.")
]
SchedulerOption = Annotated[
    str,
    typer.Option(help="A Dask scheduler that does the work, such as tcp://10.0.0.5:8786."),
]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the lab's command line."""
    app.command(
        epilog=examples(
            "fieldrec-lab bids --lab LAB --out dataset",
            "fieldrec-lab bids --lab LAB --out restricted --tree restricted",
        )
    )(bids)


def bids(
    *,
    lab: LabOption,
    out: Annotated[Path, typer.Option(help="The new folder of the dataset.")],
    sessions: Annotated[
        list[str] | None, typer.Argument(help="Sessions' uuids; else all.")
    ] = None,
    tree: Annotated[str, typer.Option(help="open, or restricted: with sound.")] = "open",
    without_sound: Annotated[
        bool, typer.Option("--without-sound", help="Restricted, but no sound.")
    ] = False,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="For a trial: simulated sessions too.")
    ] = False,
    opened: Annotated[
        Path | None, typer.Option(help="A folder of sessions opened before: it is quicker.")
    ] = None,
    jobs: JobsOption = 1,
    scheduler: SchedulerOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write the lab's verified sessions as a BIDS dataset.

    Only sessions whose clients agreed to sharing. The open tree has no voice and no words.
    What is left out is named, with the reason.
    """
    from lab.dataset.export import TreeOptions, export_tree  # noqa: PLC0415 - loads slowly

    if tree not in ("open", "restricted"):
        raise LabError(f"there is no tree {tree!r}", hint="say open or restricted")
    settings = Lab.load(lab)
    options = TreeOptions(
        tree="open" if tree == "open" else "restricted",
        simulated=simulated,
        sound=not without_sound,
        only=tuple(sessions or ()),
        opened=opened,
    )
    with opened_catalogue(settings) as (_, catalogue):
        report = export_tree(
            settings,
            catalogue,
            out,
            options,
            workers=Workers(jobs, scheduler),
            tell=tell,
        )
    print_tree(report, as_json=as_json)


def print_tree(report: TreeReport, *, as_json: bool) -> None:
    """Print what a tree holds and what it does not."""
    left_out = [
        {"device": one.device, "session": one.session, "reason": one.reason}
        for one in report.left_out
    ]
    facts = {
        "path": str(report.path),
        "tree": report.tree,
        "subjects": len(report.subjects),
        "sessions": len(report.sessions),
        "left_out": left_out,
        "notes": report.notes,
        "values_taken_away": dict(report.assessment.suppressed),
    }
    n_taken = sum(report.assessment.suppressed.values())
    lines = [
        f"{report.path}: {len(report.subjects)} subject(s), {len(report.sessions)} run(s)",
        *(f"left out {one['session']}: {one['reason']}" for one in left_out),
        *(f"note {name}: {note}" for name, notes in report.notes.items() for note in notes),
    ]
    if n_taken:
        lines.append(
            f"{n_taken} value(s) were taken away: fewer than {report.assessment.k} clients"
            " shared them"
        )
    say(facts, "\n".join(lines), as_json=as_json)
