"""Take in a session's words: from a file somebody brings, or from a recogniser here.

The session is opened in a private folder that is gone afterwards; what stays is sealed.
"""

from __future__ import annotations

import getpass
import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import numpy as np

from lab.archive import Archive
from lab.catalogue import Act
from lab.dataset.job import open_here
from lab.dataset.speech import listen
from lab.deidentify.leaks import words_of
from lab.deidentify.propose import finders, propose
from lab.opened_session import read_opened
from lab.review.acts import Proposals
from lab.review.cases import Cases
from lab.review.signing import Lemmas
from lab.settings import Lab
from lab.transcripts.heard import HeardTurn, Sound
from lab.transcripts.keeping import LEMMAS, PROPOSALS, SOUND, TRANSCRIPT, Keeping
from lab.transcripts.model import Provenance, SpokenTurn, Transcript
from lab.transcripts.placing import (
    check_overlap,
    has_guessed_speakers,
    join_turns,
    overlap,
    place_speakers,
    place_times,
)
from lab.transcripts.reading import parse_file, read_file
from lab.transcripts.scratch import scratch_folder
from lab.transcripts.sound_clock import sound_clock
from lab.transcripts.speech_sound import speech_sound
from lab.transcripts.spoken_language import check_language
from lab.verify import MANIFEST_FILE
from recorder import __version__
from recorder.errors import ConsentError, FieldrecError, OpenError, TranscriptError
from recorder.format.manifest import digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.opened_session import OpenedSession
    from lab.transcripts.cues import Cue
    from lab.transcripts.model import Language
    from lab.transcripts.recogniser import ModelFolder
    from lab.transcripts.sound_clock import SoundClock

Times = Literal["sound", "eeg"]
REPLACE_ACT: Final = "replace transcript"


@dataclass(frozen=True, slots=True)
class TakeJob:
    """A session whose words are to be taken in, from ``file`` or with ``model``."""

    lab: Path
    device: str
    session: str
    language: Language
    file: Path | None = None
    model: ModelFolder | None = None
    times: Times = "sound"
    replace: bool = False
    anyway: bool = False


@dataclass(frozen=True, slots=True)
class TakeDone:
    """What became of a job; ``error`` says why there is no transcript."""

    session: str
    turns: int = 0
    words: int = 0
    guessed: tuple[str, ...] = ()
    error: FieldrecError | None = None


def take_in(job: TakeJob) -> TakeDone:
    """Take in one session's words; what is wrong comes back as the error."""
    try:
        transcript = _take_in(job)
    except FieldrecError as error:
        return TakeDone(job.session, error=error)
    return TakeDone(
        job.session,
        turns=len(transcript.turns),
        words=sum(len(turn.text.split()) for turn in transcript.turns),
        guessed=transcript.provenance.guessed,
    )


def _take_in(job: TakeJob) -> Transcript:
    keeping = Keeping(Lab.load(job.lab))
    if not job.replace:
        keeping.check_free(job.session)
    # A wrong file is told before minutes of opening and listening.
    brought = None
    if job.file is not None:
        content = read_file(job.file)
        if not job.anyway:
            _check_unused(keeping, job.session, content)
        brought = (content, parse_file(content, job.file))
        check_language((cue.text for cue in brought[1]), job.language)
    with _opened(job) as session:
        clock = sound_clock(session)
        heard = _heard(session, clock)
        if brought is not None:
            found = _imported(job, brought, heard, clock)
        else:
            found = _recognised(job, session, heard)
            check_language((turn.text for turn in found[0]), job.language)
        transcript = _transcript(job, session, clock, *found)
        sound = speech_sound(session.audio_path)
    files = {
        TRANSCRIPT: msgspec.json.encode(transcript),
        SOUND: sound,
        **_prepared(keeping, transcript),
    }
    if keeping.begin(job.session, files, replace=job.replace):
        facts = {"transcript_sha256": transcript.digest()}
        details = msgspec.json.encode(facts).decode()
        keeping.log(Act(REPLACE_ACT, job.device, job.session, details))
    return transcript


@contextmanager
def _opened(job: TakeJob) -> Iterator[OpenedSession]:
    """Yield the session, opened in a folder that is gone afterwards."""
    with scratch_folder(job.lab) as scratch:
        folder = Archive(job.lab).session(job.device, job.session)
        session = read_opened(open_here(job.lab, folder, scratch / "opened"))
        sheet = session.sheet
        if sheet is None:
            raise OpenError("its sheet is lost: nobody knows whose words these are")
        if not {"audio", "transcript"} <= set(sheet.consent.scopes):
            raise ConsentError(
                "its client did not agree to a transcript",
                hint="a transcript needs the scopes audio and transcript",
            )
        yield session


def _heard(session: OpenedSession, clock: SoundClock) -> Sound:
    turns = listen(session, clock.base).turns
    edges_s = np.array([[turn.start_s, turn.end_s] for turn in turns]).reshape(-1, 2)
    sound_s = clock.sound_s(edges_s)
    return Sound(
        clock.length_s,
        tuple(
            HeardTurn(start_s, end_s, turn.speaker)
            for turn, (start_s, end_s) in zip(turns, sound_s.tolist(), strict=True)
            if end_s > start_s
        ),
    )


def _check_unused(keeping: Keeping, session: str, content: bytes) -> None:
    """Raise TranscriptError for a file that was taken in for another session."""
    digest = hashlib.sha256(content).hexdigest()
    for other in keeping.sessions():
        if other != session:
            known = keeping.read(other, TRANSCRIPT, Transcript).provenance
            if known.sha256 == digest:
                raise TranscriptError(
                    f"this very file was taken in for session {other} already",
                    hint="it can't be what was said in both; if it is, say --anyway",
                )


def _imported(
    job: TakeJob, brought: tuple[bytes, tuple[Cue, ...]], heard: Sound, clock: SoundClock
) -> tuple[tuple[SpokenTurn, ...], Provenance]:
    content, cues = brought
    if job.times == "eeg":
        cues = tuple(_from_eeg(cue, clock) for cue in cues)
    timed = place_times(cues, heard)
    guessed: list[Literal["speakers", "times"]] = []
    fit = None
    if any(cue.start_s is None for cue in cues):
        guessed.append("times")
    else:
        fit = overlap(timed, heard)
        if not job.anyway:
            check_overlap(fit)
    if has_guessed_speakers(cues):
        guessed.append("speakers")
    suffix = job.file.suffix.lower() if job.file else ""
    provenance = Provenance(
        way="import",
        tool=suffix.removeprefix("."),
        sha256=hashlib.sha256(content).hexdigest(),
        guessed=tuple(guessed),
        speech_overlap=None if fit is None else round(fit, 3),
        made_utc=datetime.now(UTC),
        who=getpass.getuser(),
        software=__version__,
    )
    return join_turns(place_speakers(timed, heard)), provenance


def _recognised(
    job: TakeJob, session: OpenedSession, heard: Sound
) -> tuple[tuple[SpokenTurn, ...], Provenance]:
    from lab.transcripts.recogniser import recognise_apart  # noqa: PLC0415 - loads slowly

    if job.model is None:
        raise OpenError("neither a file nor a model was given")
    cues = recognise_apart(job.model, session.audio_path, heard)
    provenance = Provenance(
        way="recogniser",
        tool=f"sherpa-onnx {version('sherpa-onnx')}",
        model=job.model.name,
        sha256=job.model.sha256,
        made_utc=datetime.now(UTC),
        who=getpass.getuser(),
        software=__version__,
    )
    return join_turns(cues), provenance


def _from_eeg(cue: Cue, clock: SoundClock) -> Cue:
    def sound_s(moment_s: float | None) -> float | None:
        return None if moment_s is None else float(clock.sound_s(np.array(moment_s)))

    words = tuple(
        replace(w, start_s=sound_s(w.start_s) or 0.0, end_s=sound_s(w.end_s) or 0.0)
        for w in cue.words
    )
    return replace(cue, start_s=sound_s(cue.start_s), end_s=sound_s(cue.end_s), words=words)


def _transcript(
    job: TakeJob,
    session: OpenedSession,
    clock: SoundClock,
    turns: tuple[SpokenTurn, ...],
    provenance: Provenance,
) -> Transcript:
    folder = Archive(job.lab).session(job.device, job.session)
    return Transcript(
        device=job.device,
        session=job.session,
        client=session.sheet.client if session.sheet else "",
        manifest_sha256=digest((folder / MANIFEST_FILE).read_bytes()),
        language=job.language,
        sound_s=round(clock.length_s, 6),
        turns=turns,
        provenance=provenance,
    )


def _prepared(keeping: Keeping, transcript: Transcript) -> dict[str, bytes]:
    """Return what the review begins with: the machine's proposals, and all lemmas."""
    texts = [turn.text for turn in transcript.turns]
    protected = Cases(keeping).words(transcript.client).words
    found = propose(texts, transcript.language, protected)
    proposals = Proposals(
        transcript.digest(), __version__, tuple(found), finders(transcript.language)
    )
    lemmas = Lemmas(transcript.client, words_of(texts, transcript.language))
    return {
        PROPOSALS: msgspec.json.encode(proposals),
        LEMMAS: msgspec.json.encode(lemmas, order="sorted"),
    }
