"""The commands of the lab's intake: pull, verify, receipts, accept, drill, sessions."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.acceptance import accept as accept_session
from lab.archive import Archive
from lab.catalogue import Catalogue
from lab.drill import drill as run_drill
from lab.drill import last_drill
from lab.intake_folder import FolderPlace
from lab.intake_listing import list_intake, show_intake
from lab.intake_output import print_pull, print_verdict, progress, say, tell
from lab.intake_sftp import SftpPlace
from lab.judging import Judging
from lab.pull import pull as pull_sessions
from lab.receipting import ReceiptReport, hand_out, sign_receipts
from lab.settings import Lab
from lab.sftp_batch import SftpAddress, SftpBatch
from lab.verifying import find_folders, locate, note_verified, run_verify, verify_job
from lab.withdrawal.withdraw import withdraw_late
from lab.workers import Workers
from recorder.cli_errors import examples
from recorder.errors import DamagedError, FieldrecError, LabError, ManifestError
from recorder.files import locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lab.intake_place import Place
    from lab.judge import Verdict

_PLACE, _KEY, _HOSTS = "place", "key", "known_hosts"
_SFTP = "sftp://"

LabOption = Annotated[Path, typer.Option("--lab", help="The lab's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
KeyOption = Annotated[
    Path | None, typer.Option(help="The lab's SSH key for the server, with sftp://.")
]
HostsOption = Annotated[
    Path | None, typer.Option(help="The server's host key, as in known_hosts.")
]
_WHERE = "The server's folder: DIR, or sftp://user@host:port/DIR. Remembered."


def add_to(app: typer.Typer) -> None:
    """Add these commands to the lab's command line."""
    app.command(
        epilog=examples(
            "fieldrec-lab pull --lab LAB --from /srv/fieldrec",
            "fieldrec-lab pull --lab LAB --from sftp://lab@intake.example:22/srv/fieldrec"
            " --key lab_ed25519 --known-hosts known_hosts",
        )
    )(pull)
    app.command(epilog=examples("fieldrec-lab verify LAB/sessions --lab LAB"))(verify)
    app.command(epilog=examples("fieldrec-lab receipts --lab LAB"))(receipts)
    app.command(
        epilog=examples('fieldrec-lab accept UUID --lab LAB --reason "card was worn out"')
    )(accept)
    app.command(epilog=examples("fieldrec-lab drill --lab LAB --identity recovery.txt"))(
        drill
    )
    app.command(epilog=examples("fieldrec-lab sessions --lab LAB --json"))(sessions)


def pull(
    lab: LabOption,
    source: Annotated[str, typer.Option("--from", help=_WHERE)] = "",
    key: KeyOption = None,
    known_hosts: HostsOption = None,
    jobs: Annotated[
        int, typer.Option(min=1, max=64, help="Sessions fetched and judged at a time.")
    ] = 2,
    as_json: JsonOption = False,  # noqa: FBT002 - typer reads options from defaults
) -> None:
    """Fetch what the server took in, and verify every session completely.

    Nothing is deleted on the server. What nobody of the fleet vouches for is kept apart in
    LAB/quarantine for a person to look at.
    """
    settings = Lab.load(lab)
    with opened_catalogue(settings) as (archive, catalogue):
        place = _place(catalogue, source, key, known_hosts)
        with progress(as_json=as_json) as tell_step:
            report = pull_sessions(
                place,
                judging=Judging.of(settings, catalogue),
                catalogue=catalogue,
                jobs=jobs,
                tell=tell_step,
            )
        late = withdraw_late(settings, catalogue, place)
        findings = list_intake(archive, catalogue).findings
        _remember(catalogue, source, key, known_hosts)
    print_pull(report, as_json=as_json)
    for session in late:
        tell(f"{session} is of a client who withdrew: it was destroyed")
    for finding in findings:
        tell(f"{finding.device}, numbers {finding.first}-{finding.last}: {finding.text}")
    if report.failures:
        raise report.failures[0][1]


def verify(
    paths: Annotated[
        list[Path], typer.Argument(help="Session folders, folders of them, or uuids.")
    ],
    lab: LabOption,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Sessions at a time.")] = 1,
    scheduler: Annotated[
        str, typer.Option(help="A Dask scheduler that does the work.")
    ] = "",
    as_json: JsonOption = False,  # noqa: FBT002 - typer reads options from defaults
) -> None:
    """Verify sessions: signature, every byte, and that everything opens.

    Exit code 0: all verified. 72: bytes are not those signed. 74: not everything opens.
    For what nobody of the fleet vouches for, the code of the reason, such as 62.
    """
    settings = Lab.load(lab)
    verdicts = []
    with opened_catalogue(settings) as (_, catalogue):
        judging = Judging.of(settings, catalogue)
        work = [verify_job(settings, f, judging) for f in find_folders(paths, settings)]
        for verdict in Workers(jobs, scheduler).run(run_verify, work):
            note_verified(verdict, judging=judging, catalogue=catalogue)
            print_verdict(verdict, as_json=as_json)
            verdicts.append(verdict)
    worst = _worst(verdicts)
    if worst is not None:
        raise worst


def receipts(
    lab: LabOption,
    to: Annotated[str, typer.Option(help=_WHERE)] = "",
    key: KeyOption = None,
    known_hosts: HostsOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - typer reads options from defaults
) -> None:
    """Sign a receipt for every session judged, and write them where boxes fetch them.

    What was signed before is written again, byte for byte, where it is missing.
    """
    settings = Lab.load(lab)
    report = ReceiptReport()
    with opened_catalogue(settings) as (archive, catalogue):
        place = _place(catalogue, to, key, known_hosts)
        sign_receipts(settings, archive, catalogue, report)
        hand_out(place, catalogue, report)
        if not report.failures:
            _remember(catalogue, to, key, known_hosts)
    for row in report.written:
        facts = {"device": row.device, "session": row.session, "status": row.status}
        say(facts, f"{row.device}  {row.session}  {row.status}", as_json=as_json)
    summary = {"signed": len(report.signed), "written": len(report.written)}
    text = f"{len(report.signed)} signed, {len(report.written)} written"
    say(summary | {"failed": len(report.failures)}, text, as_json=as_json)
    for name, error in report.failures:
        tell(f"{name}: {error}")
    if report.failures:
        raise report.failures[0][1]


def accept(
    session: Annotated[str, typer.Argument(help="The session's uuid.")],
    lab: LabOption,
    reason: Annotated[str, typer.Option(help="Why; it is signed and kept.")],
    by: Annotated[str, typer.Option(help="Who; else whoever runs this.")] = "",
    as_json: JsonOption = False,  # noqa: FBT002 - typer reads options from defaults
) -> None:
    """Accept a damaged session as it is, or believe one of a lost box after all.

    The act is signed with the lab's key and logged. The next `receipts` then tells the box
    that it may delete a damaged one; the next `pull` takes in one of a lost box.
    """
    settings = Lab.load(lab)
    with opened_catalogue(settings) as (archive, catalogue):
        act = accept_session(settings, archive, catalogue, session, reason=reason, who=by)
    facts = {"device": act.device, "session": act.session, "files": act.files}
    text = f"accepted: {act.device} {act.session}, {len(act.files)} damaged file(s)"
    say(facts, text, as_json=as_json)


def drill(
    lab: LabOption,
    identity: Annotated[Path, typer.Option(help="The recovery key's file.")],
    session: Annotated[
        Path | None, typer.Argument(help="A session; else the one verified last.")
    ] = None,
    as_json: JsonOption = False,  # noqa: FBT002 - typer reads options from defaults
) -> None:
    """Prove that the recovery key alone opens a whole session, and log it."""
    settings = Lab.load(lab, needs_secret=False)
    with opened_catalogue(settings) as (_, catalogue):
        before = last_drill(catalogue)
        last = before.isoformat() if before else None
        if not as_json:
            typer.echo(f"The last drill was {last or 'never'}.")
        folder = None if session is None else locate(settings, session)
        done = run_drill(settings, catalogue, identity=identity, session=folder)
    facts = {"device": done.device, "session": done.session, "files": done.n_files}
    text = f"The recovery key opened all {done.n_files} files of {done.session}."
    say(facts | {"last_utc": last}, text, as_json=as_json)


def sessions(
    lab: LabOption,
    as_json: JsonOption = False,  # noqa: FBT002 - typer reads options from defaults
) -> None:
    """List what the lab has of every box, what is in quarantine, and gaps in chains."""
    settings = Lab.load(lab, needs_secret=False)
    with opened_catalogue(settings) as (archive, catalogue):
        listing = list_intake(archive, catalogue)
    show_intake(listing, as_json=as_json)


@contextmanager
def opened_catalogue(lab: Lab) -> Iterator[tuple[Archive, Catalogue]]:
    """Yield the lab's folders and catalogue; one program works on them at a time."""
    archive = Archive(lab.root)
    archive.make()
    with locked(archive.incoming), Catalogue(archive.catalogue_path) as catalogue:
        yield archive, catalogue


def known_place(catalogue: Catalogue) -> Place | None:
    """Return the server's folder as it was named last; None where none ever was."""
    if not catalogue.setting(_PLACE):
        return None
    return _place(catalogue, "", None, None)


def _place(
    catalogue: Catalogue, text: str, key: Path | None, known_hosts: Path | None
) -> Place:
    """Return the server's folder: as named now, or as named last."""
    named = _named(catalogue, text, key, known_hosts)
    if not named[_PLACE]:
        raise LabError(
            "this lab does not know its server's folder yet", hint="name it with --from"
        )
    if not named[_PLACE].startswith(_SFTP):
        return FolderPlace(Path(named[_PLACE]))
    address = SftpAddress.parse(named[_PLACE])
    batch = SftpBatch(
        host=address.host,
        port=address.port,
        user=address.user,
        key=Path(named[_KEY]),
        known_hosts=Path(named[_HOSTS]),
    )
    return SftpPlace(address.folder, batch)


def _named(
    catalogue: Catalogue, text: str, key: Path | None, known_hosts: Path | None
) -> Mapping[str, str]:
    """Return the server's folder and the files to reach it: named now, or named last."""
    given = {
        _PLACE: text if text.startswith(_SFTP) or not text else str(Path(text).absolute()),
        _KEY: str(key.absolute()) if key else "",
        _HOSTS: str(known_hosts.absolute()) if known_hosts else "",
    }
    return {name: value or catalogue.setting(name) for name, value in given.items()}


def _remember(
    catalogue: Catalogue, text: str, key: Path | None, known_hosts: Path | None
) -> None:
    """Keep what worked for the next time; what was mistyped never gets here."""
    for name, value in _named(catalogue, text, key, known_hosts).items():
        catalogue.remember(name, value)


def _worst(verdicts: Sequence[Verdict]) -> FieldrecError | None:
    """Return what `verify` should end with; None where all are verified."""
    kinds = {"resend": ManifestError, "damaged": DamagedError}
    for status in ("quarantined", "damaged", "resend"):
        of_it = [verdict for verdict in verdicts if verdict.status == status]
        if of_it and of_it[0].refusal is not None:
            return of_it[0].refusal
        if of_it:
            n = len(of_it)
            return kinds[status](f"{n} session(s) {status}; {of_it[0].reason}")
    return None
