"""Commands for single boxes: device new, list, revoke."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from provisioning.cli_options import (
    DryOption,
    FleetOption,
    JsonOption,
    LogOption,
    quiet_steps,
)
from provisioning.device import has_pool, make_device, plan_device, read_choices
from provisioning.fleet import Fleet
from provisioning.listing import list_devices, table
from provisioning.registry import read_utc, utc_text
from provisioning.revoke import check_revoke, parse_lost_since, revoke
from provisioning.server import parse_server
from recorder.cli_errors import examples


def add_to(app: typer.Typer) -> None:
    """Add the group ``device`` to ``app``."""
    device = typer.Typer(help="The boxes.", no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(device, name="device")
    device.command(
        "new",
        epilog=examples(
            "fieldrec-provision device new --fleet FLEET --box BOX",
            "fieldrec-provision device new --fleet FLEET --box BOX --locale en"
            " --wifi NETWORKS",
            "fieldrec-provision device new --fleet FLEET --box BOX --lab LAB/public --json",
            "fieldrec-provision device new --fleet FLEET --box BOX"
            " --server intake.example.org --host-key host_key.pub",
        ),
    )(device_new)
    device.command("list", epilog=examples("fieldrec-provision device list --fleet FLEET"))(
        device_list
    )
    device.command(
        "revoke",
        epilog=examples(
            "fieldrec-provision device revoke BOX-00019 --lost-since 2026-01-31T18:00Z"
            " --fleet FLEET"
        ),
    )(device_revoke)


def device_new(
    fleet: FleetOption,
    box: Annotated[Path, typer.Option(help="The new box folder.")],
    lab: Annotated[
        Path | None,
        typer.Option(help="Public folder of another lab than the fleet's."),
    ] = None,
    server_address: Annotated[
        str | None,
        typer.Option("--server", metavar="HOST[:PORT]", help="The intake server."),
    ] = None,
    host_key: Annotated[
        Path | None, typer.Option(help="The server's public host key, with --server.")
    ] = None,
    locale: Annotated[str, typer.Option(help="Language of its screen: ru or en.")] = "ru",
    headset: Annotated[
        str, typer.Option(help="Such as serial:/dev/box/eeg:CYTON_BOARD; empty: ask.")
    ] = "",
    microphone: Annotated[
        str, typer.Option(help="Such as alsa:plughw:CARD=BoxMic; empty: ask.")
    ] = "",
    wifi: Annotated[
        Path | None,
        typer.Option(help="Folder of NetworkManager's files for known networks."),
    ] = None,
    timezone: Annotated[
        str, typer.Option(help="Time zone of its screen, such as Europe/Moscow.")
    ] = "",
    dry_run: DryOption = False,
    log: LogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a box folder with a fresh identity and print the device id."""
    choices = read_choices(
        locale=locale, headset=headset, microphone=microphone, wifi=wifi, timezone=timezone
    )
    if dry_run:
        print(plan_device(Fleet.load(fleet), box, lab_public=lab))
        return
    made = make_device(
        Fleet.load(fleet),
        box,
        choices=choices,
        lab_public=lab,
        server=parse_server(server_address) if server_address is not None else None,
        host_key=host_key,
        steps=quiet_steps(log),
    )
    if as_json:
        print(json.dumps({"device": made.id, "box": str(box), "pool": has_pool(box)}))
        return
    print(made.id)
    if not has_pool(box):
        typer.echo(
            "It has no client codes yet. The lab gives them to all boxes, or to this one:"
            " fieldrec-lab publish --lab LAB --fleet FLEET/public --box BOX",
            err=True,
        )


def device_list(fleet: FleetOption, as_json: JsonOption = False) -> None:
    """Show every box: since when, certificate until when, lost since when."""
    rows = list_devices(Fleet.load(fleet))
    if as_json:
        print(json.dumps({"devices": rows}))
    else:
        print(table(rows, now=read_utc()))


def device_revoke(
    name: Annotated[str, typer.Argument(metavar="DEVICE", help="The lost box.")],
    fleet: FleetOption,
    lost_since: Annotated[
        str, typer.Option(metavar="UTC", help="When it was last in good hands.")
    ],
    dry_run: DryOption = False,
    log: LogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Shut a lost box out: no login any more, and what it sends later is quarantined."""
    loaded = Fleet.load(fleet)
    moment, now = parse_lost_since(lost_since), read_utc()
    since = utc_text(moment)
    if dry_run:
        device = check_revoke(loaded, name, lost_since=moment, now=now)
        print(f"would revoke {device.id}, lost since {since}")
        return
    with quiet_steps(log).step(f"revoking {name[:40]}"):
        revoked = revoke(loaded, name, lost_since=moment, now=now)
    if as_json:
        print(json.dumps({"device": revoked.id, "lost_since": since}))
        return
    print(f"{revoked.id} is revoked, lost since {since}. Now:")
    print(f"1. Copy {loaded.public / 'krl'} to the server's folder: it logs in no more.")
    print(f"2. Give {loaded.public} to the lab: later sessions go to quarantine.")
