"""The commands `fieldrec-lab consent ...` and `fieldrec-lab marks`."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from lab.clients import set_consent
from lab.consents import Consents
from lab.intake_commands import JsonOption, LabOption, opened_catalogue
from lab.intake_output import say
from lab.settings import Lab
from recorder.cli_errors import examples
from recorder.errors import LabError
from recorder.format.registers import list_scopes, parse_scopes

if TYPE_CHECKING:
    from datetime import tzinfo


def add_to(app: typer.Typer) -> None:
    """Add these commands to the lab's command line."""
    consent = typer.Typer(
        help="What clients agreed to: forms, register, changes.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    consent.command(
        "forms",
        epilog=examples(
            "fieldrec-lab consent forms --lab LAB --version 2026-1 --out forms"
        ),
    )(forms)
    consent.command("list", epilog=examples("fieldrec-lab consent list --lab LAB --json"))(
        list_consents
    )
    consent.command(
        "set",
        epilog=examples(
            "fieldrec-lab consent set K7QX3 --scopes eeg --form 2026-1 --lab LAB"
        ),
    )(set_)
    app.add_typer(consent, name="consent")
    app.command(
        epilog=examples(
            "fieldrec-lab marks UUID marks.tsv --lab LAB --by 'the therapist of box 7'",
            "fieldrec-lab marks UUID marks.csv --lab LAB --zone Europe/Moscow",
        )
    )(marks)


def forms(
    lab: LabOption,
    version: Annotated[str, typer.Option(help="The forms' version, such as 2026-1.")],
    out: Annotated[Path, typer.Option(help="The folder the forms go to.")],
    as_json: JsonOption = False,  # noqa: FBT002 - typer reads options from defaults
) -> None:
    """Write the printable consent forms in Russian: processing, recording, sharing.

    LAB/consent.toml says who the lab is. A version, once printed, never changes.
    """
    from lab.consent_forms import print_forms  # noqa: PLC0415 - loads slowly

    settings = Lab.load(lab, needs_secret=False)
    with opened_catalogue(settings) as (_, catalogue):
        paths, digest = print_forms(settings, catalogue, out, version=version)
    facts = {"version": version, "sha256": digest, "files": [str(path) for path in paths]}
    say(facts, "\n".join(map(str, paths)), as_json=as_json)


def list_consents(
    lab: LabOption,
    as_json: JsonOption = False,  # noqa: FBT002 - typer reads options from defaults
) -> None:
    """List every consent noted: client, scopes, form, since when, and by whose word."""
    settings = Lab.load(lab, needs_secret=False)
    with opened_catalogue(settings) as (_, catalogue):
        rows = catalogue.study.consents()
        known_forms = catalogue.study.forms()
        consents = Consents.of(settings, catalogue)
    for row in rows:
        stopped = row.client in consents.blocked | consents.withdrawn
        facts = {
            "client": row.client,
            "scopes": sorted(row.scopes),
            "form": row.form,
            "form_printed_here": row.form in known_forms,
            "signed_on": row.signed_on,
            "noted_utc": row.at_utc.isoformat(),
            "source": row.source,
            "stopped": stopped,
        }
        text = f"{row.client}  {list_scopes(row.scopes):<32} {row.form:<12} {row.source}"
        say(facts, text + ("  STOPPED" if stopped else ""), as_json=as_json)


def set_(
    client: Annotated[str, typer.Argument(help="The client's code.")],
    lab: LabOption,
    scopes: Annotated[str, typer.Option(help="What the client agrees to from now on.")],
    form: Annotated[str, typer.Option(help="The version of the form that says so.")],
    signed_on: Annotated[str, typer.Option(help="Its date, such as 2026-01-31.")] = "",
    as_json: JsonOption = False,  # noqa: FBT002 - typer reads options from defaults
) -> None:
    """Note what a client agrees to from now on.

    What was recorded before can only be narrowed by it, never widened. To take back
    everything: fieldrec-lab withdraw.
    """
    settings = Lab.load(lab)
    chosen = parse_scopes(scopes)
    code = set_consent(settings, client, chosen, form)
    with opened_catalogue(settings) as (_, catalogue), catalogue.transaction():
        catalogue.study.put_consent(code, chosen, form, signed_on, source="lab")
    facts = {"client": code, "scopes": sorted(chosen), "form": form}
    say(facts, "Noted. Now run: fieldrec-lab publish", as_json=as_json)


def marks(
    session: Annotated[str, typer.Argument(help="The session's uuid.")],
    file: Annotated[Path, typer.Argument(help="TSV or CSV with the marks.")],
    lab: LabOption,
    by: Annotated[str, typer.Option(help="Who delivered it; no name of a client.")] = "",
    zone: Annotated[
        str, typer.Option(help="Time zone of wall times, such as Europe/Moscow; else here.")
    ] = "",
    as_json: JsonOption = False,  # noqa: FBT002 - typer reads options from defaults
) -> None:
    """Take in a therapist's marks that were written down after the session.

    Columns: time (since the start: seconds, mm:ss or h:mm:ss) or wall_time, id of the
    codebook; where wanted end, value, uncertainty in seconds. They are kept sealed beside
    the session and shown as delivered later.
    """
    from lab.deliver import deliver_marks  # noqa: PLC0415 - loads numpy

    settings = Lab.load(lab)
    with opened_catalogue(settings) as (_, catalogue):
        delivery = deliver_marks(
            settings, catalogue, session, file, who=by, zone=_zone(zone)
        )
    facts = {"session": session, "marks": len(delivery.marks), "who": delivery.who}
    say(facts, f"{len(delivery.marks)} mark(s) are kept with {session}", as_json=as_json)


def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise LabError(
            f"there is no time zone {name[:40]!r}", hint="such as Europe/Moscow"
        ) from error
