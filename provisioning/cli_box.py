"""Commands that run on the box itself: slot, update, bench, reset."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Annotated

import typer

from provisioning.cli_options import DryOption, JsonOption, LogOption, quiet_steps
from provisioning.steps import Steps
from recorder.cli_errors import examples
from recorder.errors import ProvisionError
from recorder.files import check_new

_BOX = Path("/data/box")
_SOCKET = Path("/run/fieldrec/recorder.sock")
_MACHINES = {"aarch64": "arm64", "x86_64": "amd64"}
BoxOption = Annotated[Path, typer.Option("--box", help="The box folder.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.command(
        "slot",
        epilog=examples("fieldrec-provision slot", "fieldrec-provision slot --json"),
    )(slot)
    app.command(
        "update",
        epilog=examples("fieldrec-provision update /media/sda1/UPDATE --dry-run"),
    )(update)
    app.command(
        "bench",
        epilog=examples(
            "fieldrec-provision bench --box BOX",
            "fieldrec-provision bench --box BOX --out REPORT --language ru --json",
        ),
    )(bench)
    app.command(
        "reset",
        epilog=examples(
            "fieldrec-provision reset --box BOX",
            "fieldrec-provision reset --box BOX --destroy-unsynced BOX-00019",
        ),
    )(reset)


def slot(
    do_settle: Annotated[
        bool,
        typer.Option(
            "--settle", help="Say that the running one is good, if its recorder answers."
        ),
    ] = False,
    patience: Annotated[
        float, typer.Option(help="Seconds to wait for the recorder.", hidden=True)
    ] = 180,
    as_json: JsonOption = False,
) -> None:
    """Show which of the card's two systems runs, and whether one is on trial."""
    from provisioning.slots import read_slots
    from provisioning.trial import read_running, settle_or_restart

    running = read_running()
    if do_settle:
        print(settle_or_restart(running, patience_s=patience))
        return
    record = read_slots(running.disk)
    facts = {
        "running": running.slot,
        "good": record.good,
        "trying": record.trying,
        "tries": record.tries,
    }
    if as_json:
        print(json.dumps(facts))
        return
    trial = (
        f", {record.trying} is on trial ({record.tries} starts left)"
        if record.trying
        else ""
    )
    print(f"slot {running.slot} runs; {record.good} is the good one{trial}")


def update(
    bundle: Annotated[Path, typer.Argument(help="The update's folder, on a stick.")],
    box: BoxOption = _BOX,
    socket: Annotated[Path, typer.Option(help="The recorder's socket.")] = _SOCKET,
    dry_run: DryOption = False,
    log: LogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a signed update into the slot that does not run; it is tried at the next start.

    The running system is not touched: pulling the plug at any moment leaves it.
    """
    from provisioning.trial import read_running
    from provisioning.update import (
        Machine,
        apply_bundle,
        check_bundle,
        check_idle,
    )

    signers = box / "lab" / "allowed_signers"
    machine = Machine(
        _MACHINES.get(platform.machine(), platform.machine()), platform.release()
    )
    check_idle(socket)
    if dry_run:
        planned = check_bundle(bundle, read_running(), signers=signers, machine=machine)
        made = planned.update
        what = f"Fieldrec {made.fieldrec}, {made.size / 1e6:.0f} MB"
        print(f"would write {what} into slot {planned.slot}")
        return
    steps = Steps(log=log)
    done = apply_bundle(
        bundle, read_running(), signers=signers, machine=machine, steps=steps
    )
    if as_json:
        print(json.dumps({"slot": done.slot, "fieldrec": done.update.fieldrec}))
        return
    print(
        f"slot {done.slot} holds Fieldrec {done.update.fieldrec}; start the box to try it"
    )


def bench(
    box: BoxOption = _BOX,
    out: Annotated[
        Path | None,
        typer.Option(help="New folder for the signed report and its page to print."),
    ] = None,
    socket: Annotated[Path, typer.Option(help="The recorder's socket.")] = _SOCKET,
    sysfs: Annotated[
        Path, typer.Option(help="Where the kernel tells.", hidden=True)
    ] = Path("/sys"),
    proc: Annotated[Path, typer.Option(help="Where processes are.", hidden=True)] = Path(
        "/proc"
    ),
    seconds: Annotated[
        float,
        typer.Option(help="How long card, headset and microphone are measured.", min=1),
    ] = 60,
    language: Annotated[str, typer.Option(help="ru or en.")] = "en",
    log: LogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Test the box on the bench: pass, warn or fail for each part, and what to do.

    The report is signed with the box's key.
    """
    from provisioning.bench.report import BenchPlan, run_bench

    if language not in ("ru", "en"):
        raise typer.BadParameter(
            f"{language!r} is neither ru nor en", param_hint="--language"
        )
    if out is not None:
        check_new(out, ProvisionError, hint="name a new folder for the report")
    plan = BenchPlan(
        box=box, socket=socket, sysfs=sysfs, proc=proc, seconds=seconds, language=language
    )
    report = run_bench(plan, Steps(log=log))
    if out is not None:
        report.write(out)
    print(report.json_text() if as_json else report.text())
    report.check()


def reset(
    box: BoxOption = _BOX,
    destroy: Annotated[
        str,
        typer.Option(
            "--destroy-unsynced",
            metavar="DEVICE",
            help="Also what the lab has not verified.",
        ),
    ] = "",
    dry_run: DryOption = False,
    log: LogOption = None,
    as_json: JsonOption = False,
) -> None:
    """Empty a box before it changes hands; refused while a session lacks its receipt."""
    from provisioning.reset import reset_box

    with quiet_steps(log).step("emptying the box"):
        gone = reset_box(box, destroy=destroy, dry_run=dry_run)
    if as_json:
        print(json.dumps({"sessions": list(gone), "dry_run": dry_run}))
        return
    verb = "would be" if dry_run else "are"
    print(f"{len(gone)} session(s) {verb} gone; clients, headsets and networks too")
