"""The commands `fieldrec-lab server` and `fieldrec-lab mover`."""

from __future__ import annotations

import json
import signal
import threading
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from lab.server.deploy import (
    ADD_DEVICE,
    MOVER_UNIT,
    SSHD_UNIT,
    check_port,
    write_server,
)
from lab.server.folder import ServerFolder
from lab.server.local import HOST, LocalServer, LocalSettings
from lab.server.mover import Mover, move_until, tell_news
from lab.settings import Lab
from recorder.cli_errors import examples
from recorder.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PORT = 2222
_LOOK_S = 0.5

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the lab's command line."""
    app.command(
        epilog=examples(
            "sudo fieldrec-lab server /srv/fieldrec --fleet FLEET/public",
            "fieldrec-lab server --local trial --port 2222 --lab LAB",
        )
    )(server)
    app.command(epilog=examples("fieldrec-lab mover /srv/fieldrec --once"))(mover)


def server(
    *,
    out: Annotated[
        Path | None, typer.Argument(help="The server's folder, such as /srv/fieldrec.")
    ] = None,
    local: Annotated[
        Path | None, typer.Option(help="Run a trial server on loopback in this folder.")
    ] = None,
    port: Annotated[int, typer.Option(help="The TCP port.")] = _PORT,
    fleet: Annotated[
        Path | None, typer.Option(help="The fleet's public folder: FLEET/public.")
    ] = None,
    lab: Annotated[
        Path | None, typer.Option(help="A lab's folder, which remembers its fleet.")
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option(help="With --local: only this device.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the configuration of an intake server, or run one on loopback for a trial."""
    check_port(port)
    public = _fleet(fleet, lab)
    if (out is None) == (local is None):
        raise LabError(
            "either a server's folder or --local DIR is needed",
            hint="fieldrec-lab server /srv/fieldrec, or fieldrec-lab server --local DIR",
        )
    if local is not None:
        settings = LocalSettings(local, public, port, tuple(box or ()))
        _run_trial(LocalServer(settings), as_json=as_json)
    elif out is not None:
        _write(out, public, port, as_json=as_json)


def mover(
    *,
    folder: Annotated[Path, typer.Argument(help="The server's folder.")],
    once: Annotated[bool, typer.Option("--once", help="Look once, then end.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take finished sessions out of the boxes' reach, into the intake."""
    server_folder = ServerFolder(folder)
    for path in (server_folder.boxes, server_folder.intake, server_folder.staging):
        if not path.is_dir():
            raise LabError(
                f"{folder} is no server's folder: no {path.name} in it",
                hint="make it with: fieldrec-lab server, then run its add-device",
            )
    if not once:
        with _until_stopped() as stop:
            move_until(server_folder, stop, tell=_tell)
        return
    report = Mover(server_folder).take_all()
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    else:
        tell_news(report, set(), _tell)


def _fleet(fleet: Path | None, lab: Path | None) -> Path:
    if fleet is None and lab is not None:
        fleet = Lab.load(lab, needs_secret=False).fleet
    if fleet is None:
        raise LabError(
            "no fleet is known: the server must know whose certificates to accept",
            hint="name it: --fleet FLEET/public",
        )
    return fleet


def _write(out: Path, fleet: Path, port: int, *, as_json: bool) -> None:
    written = write_server(out, fleet=fleet, port=port)
    root = written.folder.root
    changed = [str(path) for path in written.changed]
    if as_json:
        facts = {"folder": str(root), "devices": written.devices, "changed": changed}
        typer.echo(json.dumps(facts))
        return
    typer.echo(f"The server's folder is {root}, for {len(written.devices)} boxes.")
    typer.echo(f"Now, as root: {root / ADD_DEVICE}")
    typer.echo(f"The first time also: cp {root}/*.service /etc/systemd/system/")
    names = " ".join(name.removesuffix(".service") for name in (SSHD_UNIT, MOVER_UNIT))
    typer.echo(f"                and: systemctl enable --now {names}")
    for path in changed:
        typer.echo(f"You changed {path}; today's version is beside it, ending in .new")


def _run_trial(local: LocalServer, *, as_json: bool) -> None:
    local.prepare()
    local.start()
    try:
        _tell_trial(local, as_json=as_json)
        with _until_stopped() as stop:
            _serve(local, stop)
    finally:
        local.stop()


def _serve(local: LocalServer, stop: threading.Event) -> None:
    """Move sessions and follow the fleet's changes until ``stop``."""
    told: set[str] = set()
    while not stop.wait(_LOOK_S):
        local.check()
        local.refresh()
        report = Mover(local.folder).take_all()
        told = tell_news(report, told, lambda text: typer.echo(text, err=True))


def _tell_trial(local: LocalServer, *, as_json: bool) -> None:
    facts = {
        "host": HOST,
        "port": local.port,
        "user": local.user,
        "known_hosts": local.known_hosts_line,
        "folder": str(local.folder.root),
        "devices": local.refresh(),
    }
    if as_json:
        _tell(json.dumps(facts))
        return
    _tell(f"A server for trials on this computer: {HOST}, port {local.port}.")
    _tell(f"Boxes log in as {local.user} and are not locked in: not for real boxes.")
    _tell(f"Its line for a box's lab/known_hosts: {local.known_hosts_line}")
    _tell("Ctrl-C ends it.")


def _tell(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a long job's output, read while it runs


@contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """Yield what Ctrl-C and SIGTERM set."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
