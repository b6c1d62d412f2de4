"""The commands `fieldrec-lab publish`, `client block` and `rotate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lab.clients import block_client
from lab.publish import publish_to_box, publish_to_server
from lab.rotate import rotate_receipt_key
from lab.rotate_identity import rotate_identity
from lab.settings import Lab
from recorder.cli_errors import examples
from recorder.errors import LabError

LabOption = Annotated[Path, typer.Option("--lab", help="The lab's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer, client: typer.Typer) -> None:
    """Add these commands to the lab's command line and to its ``client`` group."""
    app.command(
        epilog=examples(
            "fieldrec-lab publish --lab LAB --fleet FLEET/public --to /srv/fieldrec",
            "fieldrec-lab publish --lab LAB --fleet FLEET/public --box BOX",
        )
    )(publish)
    client.command("block", epilog=examples("fieldrec-lab client block K7QX3 --lab LAB"))(
        client_block
    )
    rotate = typer.Typer(
        help="Change a key while boxes are in the field.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    rotate.callback()(lambda: None)
    rotate.command(
        "receipt-key", epilog=examples("fieldrec-lab rotate receipt-key --lab LAB")
    )(rotate_receipt)
    rotate.command("identity", epilog=examples("fieldrec-lab rotate identity --lab LAB"))(
        rotate_working_identity
    )
    app.add_typer(rotate, name="rotate")


def publish(
    *,
    lab: LabOption,
    fleet: Annotated[Path, typer.Option(help="The fleet's public folder: FLEET/public.")],
    to: Annotated[
        Path | None, typer.Option(help="The server's folder, or one to be copied to it.")
    ] = None,
    box: Annotated[
        Path | None, typer.Option(help="The box folder to publish into.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Sign the register of client codes afresh and hand it to all boxes or to one.

    The lab remembers the fleet's public folder: it tells whose sessions are genuine.
    """
    settings = Lab.load(lab).remember_fleet(fleet)
    facts: dict[str, object]
    if box is not None and to is None:
        signed = publish_to_box(settings, box)
        facts, where = {"box": str(box)}, f"in {box}"
    elif to is not None and box is None:
        signed, devices = publish_to_server(settings, to)
        facts = {"to": str(to), "devices": devices}
        where = f"on its way to {len(devices)} boxes through {to}"
    else:
        raise LabError(
            f"the fleet {fleet} is remembered; nothing is published",
            hint="give --to with the server's folder, or --box with one box folder",
        )
    if as_json:
        typer.echo(json.dumps({"serial": signed.serial, **facts}))
    else:
        typer.echo(f"Register of clients, serial {signed.serial}, is {where}.")


def client_block(
    *,
    code: Annotated[str, typer.Argument(help="The client's code.")],
    lab: LabOption,
    as_json: JsonOption = False,
) -> None:
    """Block a client code for good; `publish` then brings it to the boxes."""
    is_new = block_client(Lab.load(lab), code)
    if as_json:
        typer.echo(json.dumps({"blocked": True, "new": is_new}))
    else:
        typer.echo("Blocked. Now run: fieldrec-lab publish")


def rotate_receipt(*, lab: LabOption, as_json: JsonOption = False) -> None:
    """Prepare a new key for receipts and registers; called again, change to it."""
    step = rotate_receipt_key(Lab.load(lab))
    if as_json:
        typer.echo(json.dumps({"step": step}))
    elif step == "prepared":
        typer.echo(
            "A next key is made. The technician now runs: fieldrec-provision publish"
        )
        typer.echo("When every box has synced since, run this again to change to it.")
    else:
        typer.echo("The next key signs from now on; the former is still believed.")
        typer.echo("Sign afresh with it: fieldrec-lab publish, fieldrec-lab receipts")


def rotate_working_identity(*, lab: LabOption, as_json: JsonOption = False) -> None:
    """Seal new recordings for a new working key; old ones stay, and so does recovery."""
    public_key = rotate_identity(Lab.load(lab))
    if as_json:
        typer.echo(json.dumps({"public_key": public_key}))
        return
    typer.echo("A new working key is made. Back up the lab's secret folder now.")
    typer.echo("Give the lab's public folder to the technician, who copies it over the")
    typer.echo("old one and runs: fieldrec-provision publish")
