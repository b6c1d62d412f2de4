"""Open a session: check it, decrypt it, recover it, merge it, and name what is lost.

The result is one folder, readable only by its owner; it appears whole or not at all.
Nothing of the session's folder is changed. docs/opening.md says what each file holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lab.alignment_report import alignment_json
from lab.audio_merge import AudioMerger
from lab.audio_timeline import clock_rows
from lab.boxmade import boxmade
from lab.integrity import Integrity, Problem, to_json
from lab.later_marks import OPENED_NAME, opened_text, read_deliveries
from lab.losses import find_problems, recovered_from_journal_s
from lab.parts import Part
from lab.realign import AudioClock, EegClock
from lab.sealed_sheet import owner_of, read_sheet
from lab.survey import Survey
from lab.vault import Vault
from lab.verify import Checked, check_session
from lab.xdf_merge import XdfMerger
from recorder.clock import NS_PER_S
from recorder.errors import (
    DamagedError,
    FieldrecError,
    OpenError,
    UnsignedError,
)
from recorder.files import PRIVATE, check_new, create, new_folder
from recorder.format.sheet import SessionSheet, encode_sheet
from recorder.format.streams import StreamId

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from lab.audio_fit import AudioFit
    from lab.identity import Identity
    from lab.later_marks import Deliveries
    from lab.ownership import Owner
    from recorder.format.signers import AllowedSigners


@dataclass(frozen=True, slots=True)
class Opened:
    """Where the opened session is, and how whole it is."""

    folder: Path
    integrity: Integrity

    def outcome(self) -> FieldrecError | None:
        """Return what the caller should end with; None where every signed byte opened."""
        integrity = self.integrity
        if integrity.is_damaged:
            worst = next(p for p in integrity.problems if not p.is_harmless)
            n = sum(not problem.is_harmless for problem in integrity.problems)
            unsigned = "" if integrity.signed else ", and nobody signed it"
            return DamagedError(
                f"opened into {self.folder}, but {n} of its files are not sound{unsigned};"
                f" {worst.path}: {worst.text}",
                hint="integrity.json lists every loss",
            )
        if not integrity.signed:
            return UnsignedError(
                f"opened into {self.folder}, but no box ever signed this session",
                hint="nobody vouches that it is whole or genuine",
            )
        return None


def open_session(
    folder: Path,
    *,
    out: Path,
    identities: Sequence[Identity],
    signers: AllowedSigners | None,
    at: datetime,
    progress: Callable[[str], None],
) -> Opened:
    """Open the session in ``folder`` into ``out/<session>``.

    Raises SignatureError or ManifestError for a session that is not what a box signed,
    IdentityError where no identity opens it; then nothing is written. What is damaged is
    opened as far as it is sound: see `Opened.outcome`.
    """
    progress("checking the signature and every file")
    checked = check_session(folder, signers=signers, at=at)
    vault = Vault(checked, identities)
    vault.check_identity()
    with boxmade():
        sheet, sheet_problems = read_sheet(checked, vault)
    if sheet is not None and not checked.parts:
        outcome = f"{sheet.ending.outcome} {sheet.ending.reason}".strip()
        progress(f"nothing was recorded ({outcome}): there is only the sheet")
    owner = owner_of(checked, sheet)
    target = out / owner.session
    check_new(target, OpenError, hint="delete it, or give another --out")
    delivered = read_deliveries(folder, identities)
    with new_folder(target, mode=0o700) as temporary, boxmade():
        opening = _Opening(temporary, checked, vault, owner, progress)
        integrity = opening.run(sheet, sheet_problems)
        if delivered.deliveries and sheet is not None:
            opening.write_later_marks(delivered, sheet)
    return Opened(target, integrity)


class _Opening:
    """The walk from sealed parts to the files of the opened session."""

    def __init__(
        self,
        folder: Path,
        checked: Checked,
        vault: Vault,
        owner: Owner,
        progress: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._checked = checked
        self._progress = progress
        self._audio = AudioMerger(folder / "audio.flac")
        self._survey = Survey(owner, self._audio)
        self._parts = [Part(files, vault, owner.session) for files in checked.parts]

    def run(self, sheet: SessionSheet | None, problems: list[Problem]) -> Integrity:
        """Write every file and return what integrity.json says."""
        for part in self._parts:
            self._progress(f"part {part.number} of {self._parts[-1].number}: sound, clocks")
            self._survey.add(part)
        self._audio.close()
        audio_fit = self._write_audio_clock()
        clock = EegClock(self._survey, sheet)
        self._write_eeg(clock)
        applied = clock.calibration
        content = alignment_json(
            clock.fit,
            audio_fit,
            constant_ms=applied.constant_ms if applied else None,
            calibration=applied.id if applied else None,
        )
        self._write("alignment.json", to_json(content))
        self._write_sheet(sheet)
        integrity = self._integrity(problems)
        self._write("integrity.json", to_json(integrity))
        return integrity

    def write_later_marks(self, delivered: Deliveries, sheet: SessionSheet) -> None:
        """Write what the therapist delivered after the session."""
        clock = self._survey.clock(StreamId.HOST_CLOCK, 4)[:, 1:3]
        started_s = sheet.started_host_ns / NS_PER_S
        text = opened_text(delivered, started_host_s=started_s, clock=clock)
        self._write(OPENED_NAME, text)

    def _write_audio_clock(self) -> AudioFit | None:
        stream = self._audio.stream
        if stream is None:
            return None
        clock = AudioClock(self._survey, stream.rate_hz)
        rows = clock_rows(self._audio.delivered, clock.segments, stream.rate_hz)
        lines = ["frame\thost_s"]
        lines += (f"{frame}\t{host_s:.9f}" for frame, host_s in zip(*rows, strict=True))
        self._write("audio_clock.tsv", "\n".join([*lines, ""]).encode())
        return clock.fit

    def _write_eeg(self, clock: EegClock) -> None:
        if not self._survey.headers:
            return
        owner = self._survey.owner
        fields = {"device": owner.device, "session": owner.session}
        path, headers = self._folder / "eeg.xdf", self._survey.headers
        with XdfMerger(path, headers, fields=fields) as merger:
            for index, part in enumerate(self._parts):
                self._progress(
                    f"part {part.number} of {self._parts[-1].number}: EEG, marks"
                )
                file, _ = self._survey.read_eeg(part)
                merger.add(file, partial(clock.restamp, index))
                part.forget()
            merger.close()

    def _write_sheet(self, sheet: SessionSheet | None) -> None:
        owner = self._survey.owner
        known = {"device": owner.device, "session": owner.session}
        content = encode_sheet(sheet) + b"\n" if sheet else to_json(known)
        self._write("session.json", content)

    def _integrity(self, problems: list[Problem]) -> Integrity:
        survey, manifest = self._survey, self._checked.manifest
        stream = self._audio.stream
        found = find_problems(
            [*self._checked.problems, *problems],
            survey.parts,
            stream.rate_hz if stream else 0,
        )
        return Integrity(
            session=survey.owner.session,
            device=survey.owner.device or None,
            signed=manifest is not None,
            clean=manifest.clean if manifest else False,
            parts=manifest.parts if manifest else len(self._parts),
            erased=self._checked.erased,
            recovered_from_journal_s=round(recovered_from_journal_s(survey.parts), 3),
            lost_samples=survey.lost_samples,
            xruns=survey.xruns,
            problems=found,
        )

    def _write(self, name: str, content: bytes) -> None:
        create(self._folder / name, content, mode=PRIVATE)
