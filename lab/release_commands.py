"""The commands `fieldrec-lab release` and `fieldrec-lab grants`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from lab.dataset_commands import (  # noqa: TC001 - typer reads the annotations
    JobsOption,
    SchedulerOption,
)
from lab.intake_commands import JsonOption, LabOption, opened_catalogue
from lab.intake_output import say, tell
from lab.settings import Lab
from lab.workers import Workers
from recorder.cli_errors import examples
from recorder.errors import LabError


def add_to(app: typer.Typer) -> None:
    """Add these commands to the lab's command line."""
    app.command(
        epilog=examples(
            "fieldrec-lab release 1.0.0 --lab LAB --changes 'first release'",
            "fieldrec-lab release 1.0.0 --lab LAB --tree restricted --to age1...ql3z7"
            " --who 'A. Researcher, University' --until 2028-12-31",
        )
    )(release)
    app.command(epilog=examples("fieldrec-lab grants --lab LAB --json"))(grants)


def release(
    *,
    name: Annotated[str, typer.Argument(help="The version, such as 1.0.0.")],
    lab: LabOption,
    tree: Annotated[str, typer.Option(help="open or restricted.")] = "open",
    to: Annotated[str, typer.Option(help="Restricted: the recipient's age key.")] = "",
    who: Annotated[str, typer.Option(help="Restricted: name and institution.")] = "",
    until: Annotated[str, typer.Option(help="Restricted: the grant's last day.")] = "",
    changes: Annotated[
        list[str] | None, typer.Option(help="What changed; may be given several times.")
    ] = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="For a trial: simulated sessions too.")
    ] = False,
    jobs: JobsOption = 1,
    scheduler: SchedulerOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make a release of the dataset that never changes, for everybody or for one.

    Refused without consent, with an error of the BIDS validator, or while a transcript
    waits for its review. A restricted one is sealed to its recipient and written down.
    """
    from lab.release.release import Order, make_release  # noqa: PLC0415 - loads slowly

    if tree not in ("open", "restricted"):
        raise LabError(f"there is no tree {tree[:20]!r}", hint="say open or restricted")
    order = Order(
        name=name,
        tree="open" if tree == "open" else "restricted",
        to=to,
        who=who,
        until=until,
        changes=tuple(changes or ()),
        simulated=simulated,
    )
    settings = Lab.load(lab)
    with opened_catalogue(settings) as (_, catalogue):
        made = make_release(
            settings, catalogue, order, workers=Workers(jobs, scheduler), tell=tell
        )
    facts = {
        "release": name,
        "tree": tree,
        "path": str(made.path),
        "sha256": made.sha256,
        "subjects": len(made.report.subjects),
        "runs": len(made.report.sessions),
        "left_out": len(made.report.left_out),
        "warnings": list(made.warnings),
    }
    lines = [
        (
            f"{made.path}: {len(made.report.subjects)} subject(s),"
            f" {len(made.report.sessions)} run(s), {len(made.report.left_out)} left out"
        ),
        *(f"the BIDS validator warns: {warning}" for warning in made.warnings),
    ]
    say(facts, "\n".join(lines), as_json=as_json)


def grants(
    lab: LabOption,
    as_json: JsonOption = False,  # noqa: FBT002 - typer reads options from defaults
) -> None:
    """List who was given which release, until when, under which key."""
    settings = Lab.load(lab, needs_secret=False)
    with opened_catalogue(settings) as (_, catalogue):
        rows = catalogue.whereabouts.grants()
        acts = [json.loads(act.details) for act in catalogue.actions("release")]
    transcripts = {act["sha256"]: len(act.get("transcripts", ())) for act in acts}
    for row in rows:
        n_transcripts = transcripts.get(row.bundle_sha256, 0)
        facts = {
            "at_utc": row.at_utc.isoformat(),
            "release": row.release,
            "recipient": row.recipient,
            "key": row.fingerprint,
            "until": row.until,
            "sha256": row.bundle_sha256,
            "runs": len(row.sessions),
            "transcripts": n_transcripts,
        }
        text = f"{row.release}  until {row.until}  {row.recipient}"
        text += f"  {len(row.sessions)} run(s), {n_transcripts} transcript(s)"
        say(facts, text, as_json=as_json)
