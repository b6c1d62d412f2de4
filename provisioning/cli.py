"""The command line of the technician: fieldrec-provision.

Each command only reads its options, calls one function and prints what it returned.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import msgspec
import typer

from provisioning import cli_box, cli_card, cli_device
from provisioning.cli_options import (
    DryOption,
    FleetOption,
    JsonOption,
    LogOption,
    quiet_steps,
)
from provisioning.fleet import Fleet, init_fleet, plan_fleet
from provisioning.publish import (
    PlannedPublication,
    Publication,
    plan_publications,
    publish_to_box,
    publish_to_server,
)
from provisioning.registry import read_utc
from provisioning.server import host_keys_text, parse_server, set_server
from recorder.box import Box
from recorder.cli_errors import examples, run
from recorder.errors import ProvisionError

app = typer.Typer(
    name="fieldrec-provision",
    help="Make boxes and keep the list of them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
cli_device.add_to(app)
cli_card.add_to(app)
cli_box.add_to(app)


def main() -> None:
    """Run fieldrec-provision."""
    os.umask(os.umask(0o022) | 0o022)  # other programs' files too are the owner's to write
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: nothing half-made stays
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)
    run(app, name="fieldrec-provision")


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


@app.command(epilog=examples("fieldrec-provision init FLEET --lab LAB/public"))
def init(
    fleet: Annotated[Path, typer.Argument(help="The new folder of the fleet.")],
    lab: Annotated[Path, typer.Option(help="The lab's public folder: LAB/public.")],
    dry_run: DryOption = False,
    log: LogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a fleet: the authority that certifies boxes, and the list of them."""
    if dry_run:
        print(plan_fleet(fleet, lab_public=lab))
        return
    with quiet_steps(log).step("making the fleet"):
        made = init_fleet(fleet, lab_public=lab)
    if as_json:
        print(json.dumps({"fleet": str(made.root), "public": str(made.public)}))
        return
    print(f"The fleet is in {made.root}. Give {made.public} to the lab.")
    print(f"Keep {made.root / 'ca'} to yourself: its keys make boxes genuine.")


@app.command(
    epilog=examples(
        "fieldrec-provision server intake.example.org --fleet FLEET --host-key host_key.pub"
    )
)
def server(
    address: Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="Its address.")],
    fleet: FleetOption,
    host_key: Annotated[Path, typer.Option(help="Its public host key, as a file.")],
    next_host_key: Annotated[
        Path | None, typer.Option(help="The public host key it will have next.")
    ] = None,
    dry_run: DryOption = False,
    log: LogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell the fleet its intake server; `publish` then tells the boxes in the field."""
    loaded, told = Fleet.load(fleet), parse_server(address)
    keys = (host_key,) if next_host_key is None else (host_key, next_host_key)
    if dry_run:
        print(f"would name the server by\n{host_keys_text(told, keys)}", end="")
        return
    with quiet_steps(log).step("naming the server"):
        changed = set_server(loaded, told, host_keys=keys).server
    if as_json:
        facts = {"host": changed.host, "port": changed.port, "user": changed.user}
        print(json.dumps(facts))
        return
    print(f"The fleet's server is {changed.host}, port {changed.port}.")
    print("New boxes know it; for the others run: fieldrec-provision publish")


@app.command(
    epilog=examples(
        "fieldrec-provision publish --fleet FLEET --to /srv/fieldrec",
        "fieldrec-provision publish --fleet FLEET --to OUT BOX-00019",
        "fieldrec-provision publish --fleet FLEET --box /mnt/card/box",
    )
)
def publish(
    fleet: FleetOption,
    devices: Annotated[
        list[str] | None, typer.Argument(metavar="DEVICE", help="Only these boxes.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="The server's folder, or one to be copied to it.")
    ] = None,
    box: Annotated[Path | None, typer.Option(help="A box folder, renewed at once.")] = None,
    dry_run: DryOption = False,
    log: LogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Renew boxes in the field: certificate, recipients, trusted keys, server."""
    if (to is None) == (box is None) or (box is not None and devices):
        raise ProvisionError(
            "either a server's folder or one box folder is needed",
            hint="give --to DIR [DEVICE...], or --box BOX alone",
        )
    loaded, now = Fleet.load(fleet), read_utc()
    published: tuple[Publication | PlannedPublication, ...] = ()
    if dry_run:
        names = [Box.load(box).device] if box is not None else devices or []
        published = plan_publications(loaded, names, now=now)
    else:
        with quiet_steps(log).step("publishing"):
            if to is not None:
                published = publish_to_server(loaded, to, devices=devices or (), now=now)
            elif box is not None:
                published = (publish_to_box(loaded, box, now=now),)
    _tell_published(published, would="would get " if dry_run else "", as_json=as_json)


def _tell_published(
    published: tuple[Publication | PlannedPublication, ...], *, would: str, as_json: bool
) -> None:
    for each in published:
        facts = {"device": each.device, "serial": each.serial, "renewed": each.is_renewed}
        if as_json:
            print(json.dumps(facts))
            continue
        renewed = ", with a new certificate" if each.is_renewed else ""
        print(f"{each.device}: {would}serial {each.serial}{renewed}")


@app.command(
    "calibrate",
    epilog=examples(
        "fieldrec-provision calibrate opened/UUID opened/UUID --box BOX",
        "fieldrec-provision calibrate opened/* --out muse.toml --json",
    ),
)
def calibrate_(
    folders: Annotated[
        list[Path], typer.Argument(help="Opened sessions of calibration pulses.")
    ],
    out: Annotated[Path | None, typer.Option(help="A new file for the result.")] = None,
    box: Annotated[
        Path | None, typer.Option(help="A box folder that is to use the result.")
    ] = None,
    headset_class: Annotated[
        str | None,
        typer.Option(help="Class whose target holds, where it is not the board's."),
    ] = None,
    dry_run: DryOption = False,
    log: LogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how late a headset's samples arrive, from pulses beside the same sound.

    Record 8 connections of 2 minutes with 20 ms pulses, 0.7 to 1.3 s apart at random, on
    one electrode and on the microphone; have the lab open them. Refused where connections
    differ by more than the class of headset allows.
    """
    # Numerical code that a box's other commands need not wait for.
    from provisioning.calibrate import (  # noqa: PLC0415 - see above
        calibrate,
        write_calibration,
    )

    steps = quiet_steps(log)
    with steps.step(f"measuring {len(folders)} session(s)"):
        done = calibrate(folders, at=read_utc(), class_name=headset_class)
    calibration = done.calibration
    paths = write_calibration(calibration, out=out, box=box, dry_run=dry_run)
    if as_json:
        shown = msgspec.to_builtins(calibration)
        print(json.dumps({**shown, "written": [str(path) for path in paths]}))
        return
    for warning in calibration.warnings:
        print(f"fieldrec-provision: {warning}", file=sys.stderr)
    print(
        f"{calibration.model}: {calibration.constant_ms:.3f} ms,"
        f" spread {calibration.spread_ms:.3f} ms over {calibration.n_connections}"
        f" connections, {calibration.n_pulses} pulses"
    )
    would = "would write " if dry_run else ""
    print("\n".join(f"{would}{path}" for path in paths))
