"""The commands about transcripts: transcribe, protect, reviewer and review."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from lab.clients import check_client
from lab.dataset_commands import JobsOption  # noqa: TC001 - typer reads the annotations
from lab.intake_commands import JsonOption, LabOption, opened_catalogue
from lab.intake_output import say, tell
from lab.settings import Lab
from lab.transcripts.reviewers import add_reviewer, read_reviewer_key
from lab.transcripts.scratch import sweep
from lab.workers import Workers
from recorder.cli_errors import examples
from recorder.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.transcripts.taking_in import TakeDone, TakeJob

LanguageOption = Annotated[str, typer.Option(help="What is spoken: ru or en.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the lab's command line."""
    app.command(
        epilog=examples(
            "fieldrec-lab transcribe UUID --lab LAB --model models/ru",
            "fieldrec-lab transcribe UUID --lab LAB --import session.vtt",
            "fieldrec-lab transcribe --all --lab LAB --model models/ru --jobs 2",
        )
    )(transcribe)
    app.command(epilog=examples("fieldrec-lab protect K7QX3 --lab LAB --import words.txt"))(
        protect
    )
    app.command(epilog=examples("fieldrec-lab reviewer anna --lab LAB --key anna.pub"))(
        reviewer
    )
    app.command(
        epilog=examples(
            "fieldrec-lab review --lab LAB",
            "fieldrec-lab review --lab LAB --serve --as anna --key ~/.ssh/id_ed25519",
        )
    )(review)


def transcribe(
    *,
    lab: LabOption,
    sessions: Annotated[list[str] | None, typer.Argument(help="Sessions' uuids.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All sessions that have no transcript yet.")
    ] = False,
    brought: Annotated[
        Path | None,
        typer.Option(
            "--import", help="A transcript: .vtt .srt .json (whisper) .TextGrid .txt"
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="The folder of a recogniser's model.")
    ] = None,
    language: LanguageOption = "ru",
    times: Annotated[
        str, typer.Option(help="What times in the file count: sound, or eeg time.")
    ] = "sound",
    anew: Annotated[
        bool,
        typer.Option("--replace", help="Drop the transcript there is, and its review."),
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Even if the text does not fit the sound.")
    ] = False,
    jobs: JobsOption = 1,
    as_json: JsonOption = False,
) -> None:
    """Write down what was said, here and nowhere else, or take a transcript in.

    Then names, places, dates and numbers are proposed to be taken out; a person decides:
    fieldrec-lab review. Sessions that have a transcript are skipped with --all, so a run
    that was interrupted goes on where it was.
    """
    from lab.transcripts.ordering import take_jobs  # noqa: PLC0415 - loads slowly
    from lab.transcripts.taking_in import take_in  # noqa: PLC0415 - loads slowly

    settings = Lab.load(lab)
    _tidy(settings)
    with opened_catalogue(settings) as (_, catalogue):
        work = take_jobs(
            settings,
            catalogue,
            sessions=sessions or [],
            everything=everything,
            brought=brought,
            model=model,
            language=language,
            times=times,
            anew=anew,
            anyway=anyway,
        )
    _take_all(work, Workers(jobs), take_in, as_json=as_json)


def _tidy(lab: Lab) -> None:
    """Remove or finish what a run that was killed left behind."""
    from lab.transcripts.keeping import Keeping  # noqa: PLC0415 - loads slowly

    sweep(lab.root)
    Keeping(lab).finish_all()


def _take_all(
    work: tuple[TakeJob, ...],
    workers: Workers,
    take: Callable[[TakeJob], TakeDone],
    *,
    as_json: bool,
) -> None:
    failed: list[TakeDone] = []
    for number, done in enumerate(workers.run(take, work), start=1):
        facts = {
            "session": done.session,
            "turns": done.turns,
            "words": done.words,
            "guessed": done.guessed,
            "refusal": str(done.error or ""),
        }
        text = f"{number} of {len(work)}: {done.session}  "
        text += str(done.error or f"{done.turns} turns, {done.words} words")
        say(facts, text, as_json=as_json)
        if done.error is not None:
            failed.append(done)
    if failed and failed[0].error is not None:
        raise failed[0].error


def protect(
    client: Annotated[str, typer.Argument(help="The client's code.")],
    lab: LabOption,
    brought: Annotated[
        Path, typer.Option("--import", help="A text file, one word or name a line.")
    ],
    as_json: JsonOption = False,  # noqa: FBT002 - typer reads options from defaults
) -> None:
    """Keep words sealed that must never stand in a client's transcripts.

    A line may say what it is: "name: Марина", "city: Тверь", "org: ...". They are taken out
    in any form, in all of the client's sessions. Delete the file afterwards.
    """
    from lab.review.cases import Cases  # noqa: PLC0415 - loads slowly
    from lab.review.desk import Desk  # noqa: PLC0415 - loads slowly
    from lab.transcripts.keeping import Keeping  # noqa: PLC0415 - loads slowly
    from lab.transcripts.protected_file import read_words  # noqa: PLC0415 - loads slowly

    settings = Lab.load(lab)
    code = check_client(settings, client)
    words = read_words(brought)
    cases = Cases(Keeping(settings))
    done = Desk(cases).protect(code, words)
    n_words = len(cases.words(code).words)
    facts = {"words": n_words, "reviews": done.reviews, "signed": done.signed}
    text = f"{n_words} protected words; {done.reviews} open review(s) changed"
    say(facts, text, as_json=as_json)
    for session in done.signed:
        tell(f"{session} is signed and holds one of them: open it again in the review")
    tell(f"now delete {brought}")


def reviewer(
    name: Annotated[str, typer.Argument(help="The reviewer's name, such as anna.")],
    lab: LabOption,
    key: Annotated[Path, typer.Option(help="The reviewer's public SSH key, Ed25519.")],
    as_json: JsonOption = False,  # noqa: FBT002 - typer reads options from defaults
) -> None:
    """Let somebody sign reviews of transcripts with a key of their own."""
    add_reviewer(Lab.load(lab), name, key)
    say({"reviewer": name}, f"{name} may sign reviews now", as_json=as_json)


def review(
    *,
    lab: LabOption,
    serve: Annotated[
        bool, typer.Option("--serve", help="Open the review page on this computer.")
    ] = False,
    who: Annotated[str, typer.Option("--as", help="The reviewer's name.")] = "",
    key: Annotated[
        Path | None, typer.Option(help="The reviewer's private SSH key.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 0,
    language: Annotated[str, typer.Option("--lang", help="The page: ru or en.")] = "ru",
    as_json: JsonOption = False,
) -> None:
    """Show how far the reviews are, or serve the page on which they are done.

    The page is for one browser of this computer: its address works once. It sends nothing
    anywhere. Ctrl-C ends it; every decision is saved when it is made.
    """
    from lab.review.cases import Cases  # noqa: PLC0415 - loads slowly
    from lab.review.views import session_list  # noqa: PLC0415 - loads slowly
    from lab.transcripts.keeping import Keeping  # noqa: PLC0415 - loads slowly

    settings = Lab.load(lab)
    _tidy(settings)
    if serve:
        _serve(settings, who, key, port, language)
        return
    for row in session_list(Cases(Keeping(settings))):
        say(row, f"{row['session']}  {_state(row)}", as_json=as_json)


def _state(row: dict[str, object]) -> str:
    if row.get("problem"):
        return str(row["problem"])
    if row["found_since"]:
        return "signed, but it holds words protected since: open it again"
    return "signed" if row["signed"] else f"{row['read']}/{row['turns']} read"


def _serve(lab: Lab, who: str, key: Path | None, port: int, language: str) -> None:
    from lab.review.serving import serve_review  # noqa: PLC0415 - loads slowly

    if language not in ("ru", "en"):
        raise LabError(f"there is no language {language[:20]!r}", hint="say ru or en")
    if not who or key is None:
        raise LabError("who reviews?", hint="say --as NAME --key ~/.ssh/id_ed25519")
    private = read_reviewer_key(lab, who, key.expanduser())
    serve_review(lab, who=who, key=private, port=port, language=language, tell=typer.echo)
