"""The commands whose result is a page: `fieldrec-lab report` and `board`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.dataset_commands import (  # noqa: TC001 - typer reads the annotations
    JobsOption,
    SchedulerOption,
)
from lab.intake_commands import JsonOption, LabOption, opened_catalogue
from lab.intake_output import say, tell
from lab.settings import Lab
from lab.verifying import is_uuid
from lab.workers import Workers
from recorder.cli_errors import examples
from recorder.errors import LabError

if TYPE_CHECKING:
    from lab.pages.render import Language
    from lab.report.make import ReportDone, ReportJob

LanguageOption = Annotated[
    str, typer.Option("--lang", help="ru or en: what a page opens in.")
]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the lab's command line."""
    app.command(
        epilog=examples(
            "fieldrec-lab report UUID --lab LAB --out report.html",
            "fieldrec-lab report opened/UUID --lab LAB --out report.html",
            "fieldrec-lab report --all --lab LAB --out reports",
        )
    )(report)
    app.command(
        epilog=examples(
            "fieldrec-lab board --lab LAB --out board",
            "fieldrec-lab board --lab LAB --out board --serve",
        )
    )(board)


def report(
    *,
    lab: LabOption,
    session: Annotated[
        str, typer.Argument(help="A session's uuid, or the folder of an opened one.")
    ] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="A report on each session of the lab.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="The page to write; with --all a folder.")
    ] = None,
    language: LanguageOption = "ru",
    jobs: JobsOption = 1,
    scheduler: SchedulerOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write a page that says whether a session is good, and why.

    One file that needs nothing else, in Russian and English. It is for the lab's eyes: it
    names the client's code.
    """
    settings = Lab.load(lab)
    chosen = _language(language)
    if bool(session) == everything:
        raise LabError("a report on what?", hint="name one session, or say --all")
    work = _jobs(settings, session, out, chosen)
    done = _make(settings, work, Workers(jobs, scheduler), as_json=as_json)
    if everything and out is not None:
        tell(f"{len(done)} report(s) in {out}")


def board(
    *,
    lab: LabOption,
    out: Annotated[Path, typer.Option(help="The folder of the site.")] = Path("board"),
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve it to this computer until Ctrl-C.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="With --serve.")] = 8420,
    language: LanguageOption = "ru",
    as_json: JsonOption = False,
) -> None:
    """Write a page with every box, every client's sessions, and what needs a person.

    Reports in DIR/reports are linked from it: fieldrec-lab report --all --out DIR/reports.
    """
    from lab.board.page import now, serve_board, write_board  # noqa: PLC0415 - loads slowly

    settings = Lab.load(lab, needs_secret=False)
    chosen = _language(language)

    def make() -> bytes:
        with opened_catalogue(settings) as (_, catalogue):
            write_board(settings, catalogue, out, language=chosen, at=now())
        return (out / "index.html").read_bytes()

    with opened_catalogue(settings) as (_, catalogue):
        made = write_board(settings, catalogue, out, language=chosen, at=now())
    facts = {
        "board": str(out / "index.html"),
        "boxes": len(made.boxes),
        "clients": len(made.clients),
        "alarms": [
            {"code": alarm.code, "level": alarm.level.word, **alarm.figures}
            for alarm in made.alarms
        ],
    }
    n_alarms = len(made.alarms)
    say(facts, f"{out / 'index.html'}: {n_alarms} thing(s) need a look", as_json=as_json)
    if serve:
        serve_board(out, make, port=port, ready=tell)


def _jobs(
    lab: Lab, session: str, out: Path | None, language: Language
) -> tuple[ReportJob, ...]:
    from lab.report.make import opened_job, report_jobs  # noqa: PLC0415 - loads slowly

    if session and not is_uuid(session):
        folder = Path(session)
        page = out or folder / "report.html"
        return (opened_job(lab, folder, page, language),)
    target = out or Path(f"{session}.html" if session else "reports")
    with opened_catalogue(lab) as (_, catalogue):
        only = (session,) if session else ()
        return report_jobs(lab, catalogue, out=target, language=language, only=only)


def _make(
    lab: Lab, jobs: tuple[ReportJob, ...], workers: Workers, *, as_json: bool
) -> list[ReportDone]:
    from lab.report.make import make_reports  # noqa: PLC0415 - loads slowly

    finished = []
    for done in make_reports(jobs, workers):
        facts = {
            "session": done.session,
            "report": "" if done.refusal else str(done.out),
            "level": done.level.word,
            "reasons": [reason.code for reason in done.reasons],
            "refusal": done.refusal,
        }
        text = f"{done.session}  {done.level.word:<6}  {done.refusal or done.out}"
        say(facts, text, as_json=as_json)
        finished.append(done)
    with opened_catalogue(lab) as (_, catalogue), catalogue.transaction():
        for done in finished:
            if not done.refusal:
                catalogue.whereabouts.put_copy("report", done.out, [done.session])
    if len(finished) == 1 and finished[0].refusal:
        raise LabError(f"no report on {finished[0].session}: {finished[0].refusal}")
    return finished


def _language(text: str) -> Language:
    if text not in ("ru", "en"):
        raise LabError(f"there is no language {text[:20]!r}", hint="say ru or en")
    return "ru" if text == "ru" else "en"
