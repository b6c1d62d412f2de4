"""The command line of the lab: fieldrec-lab.

Each command only reads its options, calls one function and prints what it returned.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from lab import (
    consent_commands,
    dataset_commands,
    intake_commands,
    page_commands,
    publish_commands,
    release_commands,
    transcript_commands,
    withdraw_commands,
)
from lab.clients import new_clients
from lab.identity import read_identities
from lab.init import init_lab
from lab.integrity import to_json
from lab.open import open_session
from lab.server import commands as server_commands
from lab.settings import Lab
from lab.verifying import locate, note_opened, taken_of
from recorder.cli_errors import examples, run
from recorder.format.registers import parse_scopes
from recorder.format.signers import AllowedSigners

app = typer.Typer(
    name="fieldrec-lab",
    help="What a lab does with its boxes' recordings.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
client = typer.Typer(
    help="Client codes and consents.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(client, name="client")
server_commands.add_to(app)
intake_commands.add_to(app)
publish_commands.add_to(app, client)
dataset_commands.add_to(app)
page_commands.add_to(app)
consent_commands.add_to(app)
withdraw_commands.add_to(app)
release_commands.add_to(app)
transcript_commands.add_to(app)

LabOption = Annotated[Path, typer.Option("--lab", help="The lab's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run fieldrec-lab."""
    run(app, name="fieldrec-lab")


@app.command(
    epilog=examples("fieldrec-lab init LAB --recovery-out /media/stick/recovery.txt")
)
def init(
    lab: Annotated[Path, typer.Argument(help="The new folder of the lab.")],
    recovery_out: Annotated[
        Path, typer.Option(help="Where the recovery key goes: a new file outside LAB.")
    ],
    x25519: Annotated[
        bool, typer.Option("--x25519", help="Keys for older age tools, not post-quantum.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a lab: its keys, and the public folder for the technician."""
    made = init_lab(lab, recovery_out=recovery_out, post_quantum=not x25519)
    if as_json:
        paths = {"lab": lab, "recovery": made.recovery, "sheet": made.sheet}
        print(json.dumps({name: str(path) for name, path in paths.items()}))
        return
    print(f"The lab is in {lab}. Give {lab / 'public'} to the technician.")
    print(f"Print {made.sheet} twice, lock it away, then delete it and {made.recovery}.")


@client.command(
    "new",
    epilog=examples(
        "fieldrec-lab client new --lab LAB --count 5",
        "fieldrec-lab client new --lab LAB --scopes eeg,audio --form 2026-1",
    ),
)
def client_new(
    lab: LabOption,
    count: Annotated[int, typer.Option(help="How many codes.")] = 1,
    scopes: Annotated[
        str | None,
        typer.Option(help="Consent the lab holds: eeg,audio,transcript,sharing."),
    ] = None,
    form: Annotated[
        str | None, typer.Option(help="Version of the signed consent form.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make new client codes; `publish` then brings them to the boxes.

    Without --scopes and --form the codes join the pool: the therapist gives the consent at
    the client's first session.
    """
    codes = new_clients(
        Lab.load(lab),
        count=count,
        scopes=parse_scopes(scopes) if scopes is not None else None,
        form=form,
    )
    print(json.dumps({"codes": codes}) if as_json else "\n".join(codes))


@app.command(
    "open",
    epilog=examples(
        "fieldrec-lab open BOX/sessions/UUID --lab LAB --out opened",
        "fieldrec-lab open UUID --lab LAB --out opened --identity recovery.txt",
    ),
)
def open_(
    session: Annotated[Path, typer.Argument(help="The session's folder, or its uuid.")],
    lab: LabOption,
    out: Annotated[Path, typer.Option(help="Where the session's new folder goes.")],
    identity: Annotated[
        Path | None,
        typer.Option(help="Use this identity, such as the recovery key, and no other."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Decrypt a session, recover what its journal holds, and merge it into plain files.

    Exit code 0: every signed byte opened. 73: nobody signed it. 74: some of it is lost.
    """
    settings = Lab.load(lab, needs_secret=identity is None)
    signers = None
    if settings.fleet is not None:
        text = settings.device_signers_path.read_text("utf-8")
        signers = AllowedSigners.parse(text)
    folder = locate(settings, session)
    opened = open_session(
        folder,
        out=out,
        identities=read_identities(identity or settings.identity_path),
        signers=signers,
        at=taken_of(folder),
        progress=_tell,
    )
    note_opened(settings, opened.folder, opened.integrity.session)
    if as_json:
        print(to_json(opened.integrity).decode(), end="")
    else:
        print(opened.folder)
    outcome = opened.outcome()
    if outcome is not None:
        raise outcome


@app.command(epilog=examples("fieldrec-lab overview opened/UUID"))
def overview(
    folder: Annotated[Path, typer.Argument(help="An opened session's folder.")],
    as_json: JsonOption = False,
) -> None:
    """Draw an opened session into its overview.png: EEG, sound, marks on one time axis."""
    from lab.overview import draw_overview  # noqa: PLC0415 - matplotlib loads slowly

    picture = draw_overview(folder)
    print(json.dumps({"overview": str(picture)}) if as_json else picture)


def _tell(text: str) -> None:
    print(f"fieldrec-lab: {text}", file=sys.stderr)
