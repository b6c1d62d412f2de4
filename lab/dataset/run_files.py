"""Write the files of one run into a tree: the EEG, its neighbours, voice, clock, quality.

A pure function of the opened session and the plan: the same session gives the same bytes,
on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from lab.contact import channel_contacts, mean_fine_share
from lab.dataset.bdf import bdf_bytes
from lab.dataset.counts import digitise
from lab.dataset.event_words import published_marks
from lab.dataset.events import collect_events, events_table
from lab.dataset.loudness import RATE_HZ
from lab.dataset.sidecar import (
    TASK,
    Site,
    channels_table,
    eeg_sidecar,
    quality_sidecar,
    sync_sidecar,
    sync_table,
)
from lab.dataset.sound import write_wav
from lab.dataset.speech import Heard, listen
from lab.dataset.tables import cell, json_bytes, packed
from lab.dataset.time_base import filled, make_time_base, unmeasured
from lab.mark_spans import mark_spans
from lab.transcripts.exporting import (
    pairs_jsonl,
    provenance_json,
    spoken_rows,
    turns_jsonl,
)
from lab.transcripts.sound_clock import sound_clock
from recorder.errors import OpenError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from lab.dataset.counts import Digitised
    from lab.dataset.loudness import Loudness
    from lab.dataset.sound import WavFacts
    from lab.dataset.time_base import TimeBase
    from lab.opened_session import OpenedSession
    from lab.review.signing import SignedText
    from lab.transcripts.exporting import SpokenRow
    from recorder.format.codebook import Codebook

DERIVATIVES: Final = "derivatives/fieldrec"
_DEFAULT_UNCERTAINTY_S: Final = 0.05  # of an EEG clock that no fit could better


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Whose run it is in the tree, and what may be in it."""

    subject: str
    session: str
    run: int
    codebook: Codebook
    restricted: bool
    sound: bool  # the restricted tree holds it, with consent
    voice: bool  # its loudness and turns may be told
    box_alias: str
    headset_alias: str
    site: Site
    words: bool = False  # the restricted tree holds them, signed off, with consent

    @property
    def folder(self) -> str:
        """Where the run's session lies in the tree."""
        return f"sub-{self.subject}/ses-{self.session}"

    def name(self, *entities: str) -> str:
        """Return a file's name with ``entities`` and its suffix behind the usual ones."""
        usual = (f"sub-{self.subject}", f"ses-{self.session}", f"task-{TASK}")
        return "_".join((*usual, f"run-{self.run}", *entities))


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What the tree's tables say of a run; ``notes`` name what was left out."""

    file: str  # of the EEG, from the session's folder on
    seconds: float
    n_channels: int
    proved_counts: bool
    fine_share: float | None
    n_events: int
    speech_share: float | None
    notes: tuple[str, ...]


def write_run(
    session: OpenedSession, plan: RunPlan, tree: Path, signed: SignedText | None = None
) -> RunSummary:
    """Write one run below ``tree``, with the words of ``signed`` where there are any.

    Raises OpenError for a session without a single measured sample.
    """
    lost = np.asarray(np.isnan(session.eeg_uv).all(axis=1))
    if lost.all():
        raise OpenError("the session holds no measured EEG sample")
    base = make_time_base(session.eeg_s, session.rate_hz)
    spans = mark_spans(session.marks)
    gaps = unmeasured(base, lost=lost, spans=spans)
    alignment = _alignment(session)
    uncertainty_s = _uncertainty_s(alignment)
    heard = listen(session, base) if plan.voice else Heard(None, ())
    marks = published_marks(plan.codebook, restricted=plan.restricted)
    spoken = spoken_rows(signed, sound_clock(session, base)) if signed else ()
    events = collect_events(
        session,
        base,
        spans=spans,
        marks=marks,
        known=frozenset(mark.id for mark in plan.codebook.mark),
        gaps=gaps,
        turns=heard.turns,
        spoken=spoken,
        clock_uncertainty_s=uncertainty_s,
    )
    contacts = channel_contacts(session.device, end_s=float(session.eeg_s[-1]))
    channels = _digitised(session, base, lost)
    sidecar = eeg_sidecar(
        session,
        base,
        channels,
        gaps=gaps,
        aliases=(plan.box_alias, plan.headset_alias),
        site=plan.site,
    )
    transducer = "dry or wet electrodes, see README"
    bdf = bdf_bytes(session.labels, channels, base, transducer=transducer)
    files = {
        f"eeg/{plan.name('eeg.bdf')}": bdf,
        f"eeg/{plan.name('eeg.json')}": json_bytes(sidecar),
        f"eeg/{plan.name('channels.tsv')}": channels_table(session, base, contacts),
        f"eeg/{plan.name('events.tsv')}": events_table(
            events.rows, base, marks, words=plan.restricted
        ),
    }
    if heard.loudness is not None:
        files |= _voice_files(heard.loudness, plan)
    _write(tree / plan.folder, files)
    quality = quality_sidecar(session, base, contacts=contacts, gaps=gaps)
    derived = {
        f"eeg/{plan.name('desc-sync', 'eeg.json')}": json_bytes(
            sync_sidecar(base, alignment, uncertainty_s)
        ),
        f"eeg/{plan.name('desc-sync', 'eeg.tsv')}": sync_table(base),
        f"eeg/{plan.name('desc-quality', 'eeg.json')}": json_bytes(quality),
    }
    if signed is not None:
        derived |= _transcript_files(signed, spoken, plan)
    _write(tree / DERIVATIVES / plan.folder, derived)
    if plan.sound and session.audio_clock is not None:
        _write_sound(session, plan, base, tree)
    return RunSummary(
        file=f"eeg/{plan.name('eeg.bdf')}",
        seconds=base.duration_s,
        n_channels=len(channels),
        proved_counts=all(channel.proved for channel in channels),
        fine_share=mean_fine_share(contacts),
        n_events=len(events.rows),
        speech_share=heard.speech_share,
        notes=_notes(session, channels, events.unknown),
    )


def _transcript_files(
    signed: SignedText, spoken: tuple[SpokenRow, ...], plan: RunPlan
) -> dict[str, bytes]:
    names = (plan.subject, plan.session)
    stem = "beh/" + plan.name("desc-deidentified", "transcript")
    return {
        f"{stem}.jsonl": turns_jsonl(spoken, *names),
        f"{stem}.json": provenance_json(signed),
        f"beh/{plan.name('desc-pairs', 'transcript.jsonl')}": pairs_jsonl(spoken, *names),
    }


def _digitised(
    session: OpenedSession, base: TimeBase, lost: NDArray[np.bool_]
) -> list[Digitised]:
    values_uv = filled(session.eeg_uv, base, lost)
    measured = np.zeros(base.n_samples, np.bool_)
    measured[base.index[~lost]] = True
    return [
        digitise(np.nan_to_num(values_uv[:, n]), measured, channel)
        for n, channel in enumerate(session.channels)
    ]


def _voice_files(loudness: Loudness, plan: RunPlan) -> dict[str, bytes]:
    names = ("client", "therapist") if loudness.n_channels == 2 else ("room",)  # noqa: PLR2004 - a pair
    described = {
        name: {
            "Description": f"Loudness at the {name}'s microphone: root mean square over"
            " 10 ms, full scale 1; no word can be heard in it",
            "Units": "1",
        }
        for name in names
    }
    sidecar = {
        "TaskName": TASK,
        "PhysioType": "generic",
        "SamplingFrequency": RATE_HZ,
        "StartTime": round(loudness.start_s, 6),
        "Columns": list(names),
        **described,
    }
    rows = (
        "\t".join(cell(round(value, 6)) for value in row) for row in loudness.rms.tolist()
    )
    table = ("\n".join(rows) + "\n").encode()
    stem = f"eeg/{plan.name('recording-voice', 'physio')}"
    return {f"{stem}.json": json_bytes(sidecar), f"{stem}.tsv.gz": packed(table)}


def _write_sound(session: OpenedSession, plan: RunPlan, base: TimeBase, tree: Path) -> None:
    """Write the sound under the names of BIDS's proposal 47, which is not in force yet."""
    if session.audio_clock is None:
        return
    folder = tree / plan.folder / "beh"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / plan.name("recording-room", "audio.wav")
    facts = write_wav(session.audio_path, session.audio_clock, base, target)
    _write(
        folder,
        {
            plan.name("recording-room", "audio.json"): json_bytes(
                {
                    "TaskName": TASK,
                    "RecordingDuration": round(facts.duration_s, 6),
                    "AudioCodec": f"pcm_s{facts.bits}le",
                    "AudioSampleRate": facts.rate_hz,
                    "AudioChannelCount": facts.n_channels,
                    "StartTime": 0,
                    "ClockDescription": "Resampled onto EEG time: the first frame is the"
                    " EEG's first sample, and both run at their stated rates from there",
                    "Channels": _channel_names(facts),
                }
            )
        },
    )


def _channel_names(facts: WavFacts) -> list[str]:
    return ["client", "therapist"] if facts.n_channels == 2 else ["room"]  # noqa: PLR2004 - a pair


def _notes(
    session: OpenedSession, channels: list[Digitised], unknown: tuple[str, ...]
) -> tuple[str, ...]:
    notes = [
        f"{problem.path or 'a file'}: {problem.text}"
        for problem in session.integrity.problems
        if not problem.is_harmless
    ]
    if unknown:
        notes.append(f"marks the codebook does not know: {', '.join(unknown)}")
    if any(c.uv_per_count for c in session.channels) and not all(
        channel.proved for channel in channels
    ):
        notes.append("the ADC's counts could not be proved")
    return tuple(notes)


def _alignment(session: OpenedSession) -> dict[str, object]:
    content = (session.folder / "alignment.json").read_bytes()
    found: dict[str, object] = msgspec.json.decode(content)
    streams = found.get("streams")
    if isinstance(streams, dict):
        for stream in streams.values():
            # Moments of the box's uptime would tell sessions of one box apart.
            stream.pop("segments", None)
            stream.pop("unsure", None)
    found.pop("calibration", None)
    return found


def _uncertainty_s(alignment: dict[str, object]) -> float:
    streams = alignment.get("streams")
    eeg = streams.get("EEG", {}) if isinstance(streams, dict) else {}
    value = eeg.get("uncertainty_ms")
    return float(value) / 1000 if value is not None else _DEFAULT_UNCERTAINTY_S


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
