"""Which sessions are to be taken in, and from what, checked before anything long begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lab.consents import Consents
from lab.transcripts.keeping import Keeping
from lab.transcripts.model_folder import read_model_folder
from lab.transcripts.reading import read_file
from lab.transcripts.taking_in import TakeJob
from recorder.errors import ConsentError, LabError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lab.catalogue import Catalogue
    from lab.settings import Lab
    from lab.study_tables import FactsRow


def take_jobs(
    lab: Lab,
    catalogue: Catalogue,
    *,
    sessions: Sequence[str],
    everything: bool,
    brought: Path | None,
    model: Path | None,
    language: str,
    times: str,
    anew: bool,
    anyway: bool,
) -> tuple[TakeJob, ...]:
    """Return the jobs; LabError or ConsentError where something is asked that can't be."""
    _check_wishes(sessions, everything=everything, brought=brought, model=model)
    chosen_language, chosen_times = _language(language), _times(times)
    checked = read_model_folder(model) if model else None
    if brought is not None:
        read_file(brought)
    consents = Consents.of(lab, catalogue)
    known = {row.session: row for row in catalogue.study.facts()}
    if everything:
        done = set(Keeping(lab).sessions())
        rows = [
            row
            for row in known.values()
            if row.session not in done and _agreed(consents, row)
        ]
    else:
        rows = [_named(known, name) for name in sessions]
        for row in rows:
            if not _agreed(consents, row):
                raise ConsentError(
                    f"session {row.session}: its client did not agree to a transcript",
                    hint="a transcript needs the scopes audio and transcript",
                )
    return tuple(
        TakeJob(
            lab=lab.root.resolve(),
            device=row.device,
            session=row.session,
            language=chosen_language,
            file=brought,
            model=checked,
            times=chosen_times,
            replace=anew,
            anyway=anyway,
        )
        for row in rows
    )


def _check_wishes(
    sessions: Sequence[str], *, everything: bool, brought: Path | None, model: Path | None
) -> None:
    if bool(sessions) == everything:
        raise LabError("which sessions?", hint="name some, or say --all")
    if (brought is None) == (model is None):
        raise LabError(
            "nothing says what it is to be written down from",
            hint="give a model's folder with --model, or a transcript with --import",
        )
    if brought is not None and len(sessions) != 1:
        raise LabError("one file is of one session", hint="name that session")


def _named(known: dict[str, FactsRow], session: str) -> FactsRow:
    if session not in known:
        raise LabError(
            f"the lab has no verified session {session[:80]}",
            hint="all others: fieldrec-lab sessions",
        )
    return known[session]


def _agreed(consents: Consents, row: FactsRow) -> bool:
    return {"audio", "transcript"} <= consents.scopes(row.facts)


def _language(text: str) -> Literal["ru", "en"]:
    if text not in ("ru", "en"):
        raise LabError(f"there is no language {text[:20]!r}", hint="say ru or en")
    return "ru" if text == "ru" else "en"


def _times(text: str) -> Literal["sound", "eeg"]:
    if text not in ("sound", "eeg"):
        raise LabError(f"there are no times {text[:20]!r}", hint="say sound or eeg")
    return "sound" if text == "sound" else "eeg"
