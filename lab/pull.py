"""Pull: fetch what the server took in, judge it, and let it appear in the lab.

Killed at any step and run again, the result is the same: what is whole in LAB/incoming is
used, a session appears by one rename, and the catalogue is written last. The server's
folder is only read.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from lab.joining import Joining, Step
from lab.judging import note_verdict
from recorder.errors import FieldrecError, LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.catalogue import Catalogue
    from lab.catalogue_rows import AttemptRow
    from lab.intake_place import Copy, Place
    from lab.joining import TakenIn
    from lab.judge import Verdict
    from lab.judging import Judging


@dataclass(slots=True)
class PullReport:
    """What a pull did: how many sessions were known, what came, what failed."""

    known: int = 0
    judged: list[Verdict] = field(default_factory=list)
    quarantined: list[AttemptRow] = field(default_factory=list)
    failures: list[tuple[Copy, FieldrecError]] = field(default_factory=list)


def pull(
    place: Place,
    *,
    judging: Judging,
    catalogue: Catalogue,
    jobs: int,
    tell: Callable[[Step], None],
) -> PullReport:
    """Fetch and judge every session of ``place`` that the lab does not have yet.

    A session that fails is named in the report, and the others go on. Raises
    UploadError or LabError where the place can't be listed.
    """
    judging.archive.make()
    report = PullReport()
    known = _known_words(catalogue, judging)
    groups = _groups(place.copies(), judging, catalogue, report)
    with ThreadPoolExecutor(jobs, thread_name_prefix="pull") as pool:
        waiting = {
            pool.submit(Joining(place, judging, copies, known, tell).run): copies[0]
            for copies in groups
        }
        try:
            for done in as_completed(waiting):
                copy = waiting[done]
                try:
                    result = done.result()
                    tell(Step(copy.device, copy.session, "note"))
                    _note(catalogue, result, report)
                except (FieldrecError, OSError) as error:
                    report.failures.append((copy, _told(error)))
                    continue
                tell(Step(copy.device, copy.session, "done"))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if not report.failures:
        catalogue.remember("registry", judging.fingerprint)
    return report


def _told(error: FieldrecError | OSError) -> FieldrecError:
    """Return why one session failed as an error of ours."""
    if isinstance(error, FieldrecError):
        return error
    return LabError(f"{error.filename or 'a file'}: {error.strerror or error}")


def _known_words(catalogue: Catalogue, judging: Judging) -> Mapping[tuple[str, str], str]:
    """Return the word of each copy that was dealt with, by device and name."""
    # What was refused for its word or its lost box may be vouched for by now.
    same = catalogue.setting("registry") == judging.fingerprint
    again = () if same else ("word", "lost")
    return {
        (row.device, row.copy): row.word_sha256
        for row in catalogue.attempts()
        if row.cause not in again
    }


def _groups(
    copies: tuple[Copy, ...], judging: Judging, catalogue: Catalogue, report: PullReport
) -> list[list[Copy]]:
    """Return the copies to look at, by session: all but those the lab needs no more of."""
    kept = {(row.device, row.copy) for row in catalogue.attempts() if not row.cause}
    whole = {(r.device, r.session) for r in catalogue.sessions() if r.status != "resend"}
    # The lab destroyed these; a server that could not has them still.
    gone = {(r.device, r.session) for r in catalogue.receipts() if r.status == "withdrawn"}
    groups = []
    for key, group in groupby(copies, key=lambda copy: (copy.device, copy.session)):
        same = list(group)
        came = all((copy.device, copy.name) in kept for copy in same)
        here = came and key in whole and judging.archive.session(*key).is_dir()
        if here or key in gone:
            report.known += 1
        else:
            groups.append(same)
    return groups


def _note(catalogue: Catalogue, result: TakenIn, report: PullReport) -> None:
    if not result.attempts:
        report.known += 1
        return
    with catalogue.transaction():
        for row in result.attempts:
            catalogue.put_attempt(row)
        verdict = result.verdict
        if verdict is not None:
            device, session = result.attempts[0].device, result.attempts[0].session
            note_verdict(catalogue, verdict, (device, session), taken=result.taken)
    if verdict is not None and verdict.status != "quarantined":
        report.judged.append(verdict)
    report.quarantined += (row for row in result.attempts if row.cause)
