"""The command `fieldrec-lab withdraw`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lab.intake_commands import JsonOption, LabOption, known_place, opened_catalogue
from lab.intake_output import say
from lab.settings import Lab
from lab.withdrawal.survey import find_holdings
from lab.withdrawal.withdraw import confirm_item, withdraw
from recorder.cli_errors import examples
from recorder.errors import LabError

if TYPE_CHECKING:
    from lab.withdrawal.survey import Holdings


def add_to(app: typer.Typer) -> None:
    """Add this command to the lab's command line."""
    app.command(
        "withdraw",
        epilog=examples(
            "fieldrec-lab withdraw K7QX3 --lab LAB --dry-run",
            "fieldrec-lab withdraw K7QX3 --lab LAB --by 'A. Manager'",
            "fieldrec-lab withdraw K7QX3 --lab LAB --confirm 1",
        ),
    )(withdraw_)


def withdraw_(
    *,
    client: Annotated[str, typer.Argument(help="The client's code.")],
    lab: LabOption,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what there is.")
    ] = False,
    by: Annotated[str, typer.Option(help="Who; else whoever runs this.")] = "",
    reason: Annotated[str, typer.Option(help="Why; it need not be said.")] = "",
    confirm: Annotated[
        int, typer.Option(min=0, help="Note that a person did item N of what is left.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Destroy everything of a client who takes the consent back, and certify it.

    Deletes sessions, datasets' parts, reports and bundles, blocks the code on all boxes,
    and lists what a person still has to do within 30 days. It can't be undone.
    """
    settings = Lab.load(lab)
    with opened_catalogue(settings) as (_, catalogue):
        if confirm:
            row = confirm_item(catalogue, client, confirm, who=by)
            if row is None:
                raise LabError(
                    f"there is no item {confirm} of that withdrawal",
                    hint="run it without --confirm to see what is left",
                )
            items = row.open_items
            facts = {"left": list(items), "done": row.done_utc is not None}
            say(facts, _items(items), as_json=as_json)
            return
        if dry_run:
            _show(find_holdings(settings, catalogue, client), as_json=as_json)
            return
        place = known_place(catalogue)
        done = withdraw(settings, catalogue, client, place=place, who=by, reason=reason)
    facts = {
        "certificate": str(done.certificate),
        "destroyed": list(done.destroyed),
        "left": list(done.row.open_items),
        "due_utc": done.row.due_utc.isoformat(),
    }
    lines = [f"destroyed: {one}" for one in done.destroyed]
    lines += [f"certificate: {done.certificate}", _items(done.row.open_items)]
    say(facts, "\n".join(lines), as_json=as_json)


def _items(items: tuple[str, ...]) -> str:
    if not items:
        return "nothing is left to do"
    lines = [f"left to do {n}: {item}" for n, item in enumerate(items, start=1)]
    return "\n".join(lines)


def _show(holdings: Holdings, *, as_json: bool) -> None:
    copies = [{"kind": c.kind, "path": c.path} for c in holdings.copies]
    moved = [{"kind": c.kind, "path": c.path} for c in holdings.elsewhere]
    facts = {
        "sessions": [row.session for row in holdings.sessions],
        "folders": [str(path) for path in holdings.folders],
        "copies": copies,
        "moved": moved,
        "grantees": sorted({grant.recipient for grant in holdings.grants}),
    }
    lines = [f"session {row.device} {row.session}" for row in holdings.sessions]
    lines += [f"in the lab: {path}" for path in holdings.folders]
    lines += [f"{c.kind}: {c.path}" for c in holdings.copies]
    lines += [f"{c.kind}, not there any more: {c.path}" for c in holdings.elsewhere]
    lines += [f"to be told: {g.recipient}, release {g.release}" for g in holdings.grants]
    say(facts, "\n".join(lines) or "there is nothing of this client", as_json=as_json)
