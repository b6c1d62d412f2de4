"""The session's clocks, fitted once all its parts are known.

Where the EEG can't be fitted (a headset this version does not know, a lost sheet), its
stamps stay as the box recorded them, and ``alignment.json`` has no stream EEG.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from lab.audio_fit import AudioRows, fit_audio
from lab.audio_timeline import Segment, begin_with_parts
from lab.calibrated import calibrated
from lab.headset_facts import headset_facts
from lab.offline_fit import EegFit, HostRows, PacketRows, fit_eeg
from recorder.errors import FormatError
from recorder.format.streams import StreamId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lab.survey import Survey
    from recorder.format.sheet import AppliedCalibration, SessionSheet

_RESTAMPED = (StreamId.EEG, StreamId.PACKET_CLOCK)


class EegClock:
    """Final stamps for everything that the headset sent.

    ``calibration`` is the sheet's, None where nothing could be taken off by it.
    """

    def __init__(self, survey: Survey, sheet: SessionSheet | None) -> None:
        self.fit: EegFit | None = None
        self.calibration: AppliedCalibration | None = None
        self._starts = np.cumsum([0, *(len(stamps) for stamps in survey.eeg_stamps)])
        live_s = np.concatenate([np.empty(0), *survey.eeg_stamps])
        self._fitted_s = live_s
        try:
            facts = headset_facts(sheet.headset.board if sheet else "")
        except FormatError:
            return
        self.fit = fit_eeg(
            _packets(survey),
            _host(survey),
            facts.clock,
            link=facts.link,
            forced_breaks_s=survey.breaks_s,
        )
        if sheet and self.fit.packet_fit_s.size:
            self.calibration = sheet.calibration
        if self.calibration is not None:
            self.fit = calibrated(self.fit, self.calibration)
        self._fitted_s = _fitted(self.fit, live_s, survey.breaks_s)

    def restamp(
        self, part: int, stream: int, stamps_s: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the final stamps of a stream's rows in the ``part``-th part read."""
        if self.fit is None or stream not in _RESTAMPED:
            return stamps_s
        if stream == StreamId.EEG:
            return self._fitted_s[self._starts[part] : self._starts[part + 1]]
        if not self.fit.packet_live_s.size:  # not one of them had a sane time
            return stamps_s
        # A packet has the stamp of its last row, before and after.
        return np.interp(stamps_s, self.fit.packet_live_s, self.fit.packet_fit_s)


def _fitted(
    fit: EegFit, live_s: NDArray[np.float64], breaks_s: Sequence[float]
) -> NDArray[np.float64]:
    """Return the final stamps of all EEG rows, shape ``(n,)``.

    Each stretch between breaks is fitted by its own packets: at a hole a row may be there
    whose packet is lost, and the next packet behind the hole tells nothing about it.
    """
    edges = np.unique([0, *np.searchsorted(live_s, breaks_s), len(live_s)])
    slack_s = 0.5 / fit.nominal_hz
    stretches = []
    for start, end in pairwise(edges.tolist()):
        stretch = live_s[start:end]
        inside = fit.packet_live_s > stretch[0] - slack_s
        inside &= fit.packet_live_s < stretch[-1] + slack_s
        own = replace(
            fit,
            packet_live_s=fit.packet_live_s[inside],
            packet_fit_s=fit.packet_fit_s[inside],
        )
        stretches.append(own.stamps_s(stretch))
    return np.concatenate([np.empty(0), *stretches])


class AudioClock:
    """When each frame of the session's sound was heard."""

    def __init__(self, survey: Survey, rate_hz: int) -> None:
        _, frame, host_s, xrun, segment = survey.clock(StreamId.AUDIO_CLOCK, 4).T
        rows = AudioRows(frame, host_s, _whole(xrun), _whole(segment))
        self.fit = fit_audio(rows, rate_hz)
        fitted = [Segment(s.first, s.frame, s.host_s) for s in self.fit.segments]
        self.segments = begin_with_parts(fitted, survey.audio_readings, rate_hz)


def _packets(survey: Survey) -> PacketRows:
    stamp_s, counter, wall_s, polled_s, _, connection = survey.clock(
        StreamId.PACKET_CLOCK, 5
    ).T
    return PacketRows(
        stamp_s=stamp_s,
        counter=_whole(counter),
        wall_s=wall_s,
        polled_s=polled_s,
        connection=_whole(connection),
    )


def _host(survey: Survey) -> HostRows:
    _, host_s, wall_s, _, _ = survey.clock(StreamId.HOST_CLOCK, 4).T
    return HostRows(host_s=host_s, wall_s=wall_s)


def _whole(column: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return a column of counts; what is no number becomes 0."""
    return np.nan_to_num(column).astype(np.int64)
