"""What the report shows of an opened session, measured once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from scipy.signal import welch

from lab.contact import channel_contacts
from lab.dataset.speech import listen
from lab.dataset.time_base import make_time_base, unmeasured
from lab.mark_spans import mark_spans
from lab.quality import Level, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from lab.contact import ChannelContact
    from lab.dataset.speech import Heard
    from lab.dataset.time_base import TimeBase, Unmeasured
    from lab.mark_spans import MarkSpan
    from lab.opened_session import OpenedSession

_SPECTRUM_S: Final = 4.0
_HIGHEST_HZ: Final = 60.0
_ALPHA_HZ: Final = (8.0, 13.0)
_EEG_HZ: Final = (1.0, 40.0)
_BACK: Final = ("O1", "O2", "Oz", "P7", "P8", "TP9", "TP10", "T5", "T6")
_LEAST_BASELINE_S: Final = 15.0
_ALPHA_RISES: Final = 1.1
_CLIPPED: Final = 0.98
_SILENT_DB: Final = -60.0
_VAGUE_MS: Final = 4.0
_USELESS_MS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Power by frequency of each channel, uV^2/Hz, shape ``(n_channels, n_bins)``."""

    hz: NDArray[np.float64]
    power: NDArray[np.float64]

    def band(self, low_hz: float, high_hz: float) -> NDArray[np.float64]:
        """Return each channel's power in a band."""
        inside = (self.hz >= low_hz) & (self.hz <= high_hz)
        return np.asarray(self.power[:, inside].sum(axis=1))


@dataclass(frozen=True, slots=True)
class Baseline:
    """Eyes open against closed: spectra of both, and how alpha rises at the back."""

    opened: Spectrum
    closed: Spectrum
    channels: tuple[str, ...]
    rise: float


@dataclass(frozen=True, slots=True)
class SoundLevel:
    """One microphone: dB of full scale that were exceeded 90, 50 and 5 % of the time."""

    quiet_db: float
    middle_db: float
    loud_db: float
    clipped_share: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything about one session that its report draws or says."""

    session: OpenedSession
    base: TimeBase
    gaps: tuple[Unmeasured, ...]
    spans: tuple[MarkSpan, ...]
    contacts: tuple[ChannelContact, ...]
    heard: Heard
    levels: tuple[SoundLevel, ...]
    spectrum: Spectrum | None
    baseline: Baseline | None
    alignment: dict[str, Any]

    @property
    def measured_share(self) -> float:
        """Share of the run's samples that an electrode gave."""
        missing = sum(gap.end - gap.start for gap in self.gaps)
        return 1 - missing / self.base.n_samples


def measure(session: OpenedSession) -> Measured:
    """Measure an opened session; the sound is read once."""
    lost = np.asarray(np.isnan(session.eeg_uv).all(axis=1))
    base = make_time_base(session.eeg_s, session.rate_hz)
    spans = mark_spans(session.marks)
    heard = listen(session, base)
    return Measured(
        session=session,
        base=base,
        gaps=unmeasured(base, lost=lost, spans=spans),
        spans=spans,
        contacts=channel_contacts(session.device, end_s=float(session.eeg_s[-1])),
        heard=heard,
        levels=tuple(_levels(heard)),
        spectrum=_spectrum(session, base, ~lost),
        baseline=_baseline(session, base, spans, ~lost),
        alignment=msgspec.json.decode((session.folder / "alignment.json").read_bytes()),
    )


def more_reasons(measured: Measured) -> tuple[Reason, ...]:
    """Return what only the opened session tells against itself."""
    return tuple(_reasons(measured))


def _reasons(measured: Measured) -> Iterator[Reason]:
    harmful = [p for p in measured.session.integrity.problems if not p.is_harmless]
    if harmful:
        yield Reason("damaged", Level.RED, {"n": str(len(harmful))})
    eeg = measured.alignment.get("streams", {}).get("EEG")
    vague_ms = None if eeg is None else eeg.get("uncertainty_ms")
    if vague_ms is None:
        yield Reason("clock_unknown", Level.YELLOW)
    elif vague_ms > _VAGUE_MS:
        level = Level.RED if vague_ms > _USELESS_MS else Level.YELLOW
        yield Reason("clock", level, {"ms": f"{vague_ms:.1f}"})
    if measured.baseline is not None and measured.baseline.rise < _ALPHA_RISES:
        rise = f"{measured.baseline.rise:.2f}"
        yield Reason("no_alpha", Level.YELLOW, {"times": rise})
    yield from _sound_reasons(measured)


def _sound_reasons(measured: Measured) -> Iterator[Reason]:
    for n, level_db in enumerate(measured.levels, start=1):
        if level_db.clipped_share > 0.001:  # noqa: PLR2004 - a tenth of a percent is heard
            percent = f"{100 * level_db.clipped_share:.1f}"
            yield Reason("clipped", Level.YELLOW, {"n": str(n), "percent": percent})
        if level_db.loud_db < _SILENT_DB:
            yield Reason("silent", Level.RED, {"n": str(n)})


def _levels(heard: Heard) -> Iterator[SoundLevel]:
    if heard.loudness is None:
        return
    for column in heard.loudness.rms.T:
        known = column[np.isfinite(column)]
        if not known.size:
            continue
        percentiles = np.percentile(known, [10, 50, 95])
        quiet, middle, loud = (20 * np.log10(np.maximum(percentiles, 1e-6))).tolist()
        yield SoundLevel(quiet, middle, loud, float(np.mean(known > _CLIPPED)))


def _spectrum(
    session: OpenedSession, base: TimeBase, measured: NDArray[np.bool_]
) -> Spectrum | None:
    """Return the mean spectrum over stretches without a gap; None where all are short."""
    length = round(_SPECTRUM_S * session.rate_hz)
    rows = np.flatnonzero(measured)
    pieces = np.split(rows, np.flatnonzero(np.diff(base.index[rows]) > 1) + 1)
    whole = [piece for piece in pieces if piece.size >= length]
    if not whole:
        return None
    hz = np.fft.rfftfreq(length, 1 / base.rate_hz)
    total = np.zeros((session.eeg_uv.shape[1], hz.size))
    for piece in whole:
        values = session.eeg_uv[piece].T
        _, power = welch(values, base.rate_hz, nperseg=length, axis=1)
        total += power * piece.size
    shown = hz <= _HIGHEST_HZ
    mean = total[:, shown] / sum(piece.size for piece in whole)
    return Spectrum(hz[shown].astype(np.float64), mean)


def _baseline(
    session: OpenedSession,
    base: TimeBase,
    spans: tuple[MarkSpan, ...],
    measured: NDArray[np.bool_],
) -> Baseline | None:
    spectra = {}
    for kind in ("eyes_open", "eyes_closed"):
        inside = np.zeros(session.eeg_s.size, np.bool_)
        for span in spans:
            if span.text == kind:
                inside |= (session.eeg_s >= span.start_s) & (session.eeg_s < span.end_s)
        inside &= measured
        if inside.sum() < _LEAST_BASELINE_S * session.rate_hz:
            return None
        found = _spectrum(session, base, inside)
        if found is None:
            return None
        spectra[kind] = found
    opened, closed = spectra["eyes_open"], spectra["eyes_closed"]
    back = [n for n, label in enumerate(session.labels) if label in _BACK]
    back = back or list(range(len(session.labels)))
    share = [s.band(*_ALPHA_HZ)[back] / s.band(*_EEG_HZ)[back] for s in (opened, closed)]
    rise = float(np.median(share[1] / np.maximum(share[0], 1e-12)))
    return Baseline(opened, closed, tuple(session.labels[n] for n in back), rise)
