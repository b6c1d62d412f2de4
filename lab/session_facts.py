"""What the catalogue knows of a session beyond its manifest: who, when, how, how long.

Taken from the sealed sheet and from what opened when the session was judged; no sample,
no mark and no word is in it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from recorder.clock import NS_PER_S
from recorder.format.sheet import (  # noqa: TC001 - msgspec reads the annotations
    ClockState,
    Mode,
    Outcome,
    Scope,
)
from recorder.format.streams import StreamId

if TYPE_CHECKING:
    from lab.survey import Survey
    from recorder.format.sheet import SessionSheet

_FINE_SCORE = 2  # recorder/eeg/quality.py: a warning, or good


class SessionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a session was.

    ``length_s`` is from its start to its last EEG sample, pauses too; the other seconds
    are what could be opened.

    ``fine_share`` is the share of electrodes' scores that were fine, None where the box
    wrote none. ``battery_percent`` is the lowest seen.
    """

    client: str
    started_utc: datetime
    clock_state: ClockState
    mode: Mode
    outcome: Outcome
    reason: str
    scopes: tuple[Scope, ...]
    form: str
    signed_on: str
    codebook: str
    software: str
    board: str
    microphone: str
    simulated: bool
    continues: str
    length_s: float
    eeg_s: float
    audio_s: float
    lost_samples: int
    xruns: int
    erased_parts: int
    fine_share: float | None
    good_at_start: float | None
    fit_overridden: bool
    battery_percent: float | None

    @property
    def has_eeg(self) -> bool:
        """Whether there is anything to export."""
        return self.eeg_s > 0


def session_facts(
    sheet: SessionSheet, survey: Survey, *, erased_parts: int
) -> SessionFacts:
    """Return the facts of a session that was just walked through."""
    quality, battery = _device(survey)
    preparation = sheet.preparation
    return SessionFacts(
        client=sheet.client,
        started_utc=datetime.fromtimestamp(sheet.started_wall_ns // NS_PER_S, UTC),
        clock_state=sheet.clock_state,
        mode=sheet.mode,
        outcome=sheet.ending.outcome,
        reason=sheet.ending.reason,
        scopes=sheet.consent.scopes,
        form=sheet.consent.form,
        signed_on=sheet.consent.signed_on,
        codebook=sheet.codebook,
        software=sheet.software.get("fieldrec", ""),
        board=sheet.headset.board,
        microphone=sheet.microphone.spec.partition(":")[0],
        simulated=sheet.headset.simulated or sheet.microphone.simulated,
        continues=str(sheet.continues or ""),
        length_s=round(_length_s(sheet, survey), 3),
        eeg_s=round(sum(part.eeg.seconds for part in survey.parts), 3),
        audio_s=round(sum(part.audio.seconds for part in survey.parts), 3),
        lost_samples=survey.lost_samples,
        xruns=survey.xruns,
        erased_parts=erased_parts,
        fine_share=quality,
        good_at_start=preparation.good_share if preparation else None,
        fit_overridden=preparation.fit_overridden if preparation else False,
        battery_percent=battery,
    )


def _length_s(sheet: SessionSheet, survey: Survey) -> float:
    ends_s = [part.eeg.last_s for part in survey.parts if part.eeg.last_s is not None]
    return max(0.0, max(ends_s) - sheet.started_host_ns / NS_PER_S) if ends_s else 0.0


def _device(survey: Survey) -> tuple[float | None, float | None]:
    """Return the share of fine scores and the lowest battery; None for not known."""
    eeg = survey.headers.get(StreamId.EEG)
    n_channels = eeg.n_channels if eeg else 0
    rows = survey.device_rows(1 + n_channels)
    scores, battery = rows[:, 2:], rows[:, 1]
    scores, battery = scores[np.isfinite(scores)], battery[np.isfinite(battery)]
    share = float(np.mean(scores >= _FINE_SCORE)) if scores.size else None
    lowest = float(battery.min()) if battery.size else None
    return (None if share is None else round(share, 4)), lowest
