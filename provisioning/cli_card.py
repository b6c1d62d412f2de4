"""Commands of the technician's computer: image, flash, label, bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from provisioning.cli_options import (
    DryOption,
    FleetOption,
    JsonOption,
    LogOption,
    quiet_steps,
)
from provisioning.steps import Steps
from recorder.cli_errors import examples

_CACHE = Path("~/.cache/fieldrec")
_MOST_GIB = 238  # as the largest card: 256 GB


def add_to(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.command(
        "image",
        epilog=examples(
            "fieldrec-provision image IMAGE",
            "fieldrec-provision image IMAGE --wheelhouse WHEELHOUSE --cache CACHE",
        ),
    )(image)
    app.command(
        "flash",
        epilog=examples(
            "fieldrec-provision flash IMAGE /dev/sdX --box BOX",
            "fieldrec-provision flash IMAGE card.img --box BOX --size 4",
        ),
    )(flash_)
    app.command(
        "bundle", epilog=examples("fieldrec-provision bundle IMAGE UPDATE --fleet FLEET")
    )(bundle)
    app.command(
        "label",
        epilog=examples("fieldrec-provision label BOX-00019 --fleet FLEET --out LABELS"),
    )(label)


def image(
    out: Annotated[Path, typer.Argument(help="The new folder of the image.")],
    arch: Annotated[
        str, typer.Option(help="arm64 is the box; amd64 a test machine.")
    ] = "arm64",
    wheelhouse: Annotated[
        Path | None, typer.Option(help="Folder of BrainFlow's libraries for the box.")
    ] = None,
    cache: Annotated[
        Path,
        typer.Option(help="Where what was built before is kept.", envvar="FIELDREC_CACHE"),
    ] = _CACHE,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Fetch all Debian packages anew.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Pack less tightly, for trials.")
    ] = False,
    dry_run: DryOption = False,
    log: LogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the box's system from Debian packages and this project.

    Needs root for the owners of files; no loop device. The first time takes minutes.
    """
    from provisioning.image.build import ImagePlan, make_image, plan_image
    from provisioning.image.packages import parse_arch

    plan = ImagePlan(
        arch=parse_arch(arch),
        out=out,
        cache=cache.expanduser(),
        wheelhouse=wheelhouse,
        fresh=fresh,
        quick=quick,
    )
    if dry_run:
        for line in plan_image(plan):
            print(line)
        return
    steps = Steps(log=log)
    made = make_image(plan, steps)
    if as_json:
        print(json.dumps({"image": str(out), "seconds": round(steps.seconds, 1), **made}))
        return
    print(f"{out}: ready after {steps.seconds:.0f} s. {made['label']}")


def flash_(
    image_folder: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="The image's folder.")
    ],
    target: Annotated[
        Path, typer.Argument(help="The card, such as /dev/sdX; or a new file.")
    ],
    box: Annotated[Path, typer.Option(help="The box folder that the card shall have.")],
    size: Annotated[
        float | None,
        typer.Option(
            help="Write a new file of so many GiB, not a card.", min=2, max=_MOST_GIB
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite-card", help="Also a card that is a box's already.")
    ] = False,
    dry_run: DryOption = False,
    log: LogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write system and identity onto a card, and read all of it back.

    Refused: disks that are built in, in use, too large, too small, or a box's already.
    """
    from provisioning.flash.target import check_old_content, check_target
    from provisioning.flash.write import check_flash, flash

    file_bytes = None if size is None else round(size * (1 << 30))
    checked = check_target(target, file_bytes=file_bytes)
    check_old_content(checked, overwrite=overwrite)
    if dry_run:
        device = check_flash(image_folder, box, checked)
        print(f"would write {device} to {target} ({checked.size_bytes / 1e9:.1f} GB)")
        return
    steps = Steps(log=log)
    done = flash(image_folder, box, checked, steps=steps)
    if as_json:
        facts = {
            "device": done.device,
            "target": str(target),
            "seconds": round(steps.seconds, 1),
        }
        print(json.dumps(facts))
        return
    print(f"{target} is {done.device} now; written and read back in {steps.seconds:.0f} s.")


def bundle(
    image_folder: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="The image's folder.")
    ],
    out: Annotated[Path, typer.Argument(help="The new folder of the update.")],
    fleet: FleetOption,
    dry_run: DryOption = False,
    log: LogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign an image's system as an update for boxes in the field."""
    from provisioning.fleet import Fleet
    from provisioning.update import describe_bundle, make_bundle

    loaded = Fleet.load(fleet)
    if dry_run:
        planned = describe_bundle(image_folder, out)
        print(f"would sign Fieldrec {planned.fieldrec}, kernel {planned.kernel}, as {out}")
        return
    steps = Steps(log=log)
    with steps.step("checking, signing and copying the system"):
        made = make_bundle(loaded, image_folder, out)
    if as_json:
        print(json.dumps({"update": str(out), "size": made.size, "sha256": made.sha256}))
        return
    print(
        f"{out}: Fieldrec {made.fieldrec}, kernel {made.kernel}, {made.size / 1e6:.0f} MB."
    )


def label(
    name: Annotated[str, typer.Argument(metavar="DEVICE", help="The box.")],
    fleet: FleetOption,
    out: Annotated[Path, typer.Option(help="Folder for DEVICE.pdf and DEVICE.png.")],
    dry_run: DryOption = False,
    log: LogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw the label of a box, 62 x 29 mm: its id and a QR code, nothing secret."""
    from provisioning.fleet import Fleet
    from provisioning.label import make_label

    device = Fleet.load(fleet).device(name)
    paths = [out / f"{device.id}{end}" for end in (".pdf", ".png")]
    if not dry_run:
        with quiet_steps(log).step(f"drawing the label of {device.id}"):
            made = make_label(device)
            out.mkdir(parents=True, exist_ok=True)
            for path, content in zip(paths, (made.pdf, made.png), strict=True):
                path.write_bytes(content)
    if as_json:
        print(json.dumps({"device": device.id, "files": [str(path) for path in paths]}))
        return
    would = "would draw " if dry_run else ""
    print("\n".join(f"{would}{path}" for path in paths))
