"""The report's page: facts, verdict and pictures put together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from lab.pages.render import Words, reason_text, render
from lab.quality import Reason, worst
from lab.report import pictures
from lab.report.bars import rows_of, ticks
from lab.report.measure import more_reasons

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.pages.render import Language
    from lab.quality import Level
    from lab.report.measure import Measured
    from lab.session_facts import SessionFacts
    from recorder.format.codebook import Codebook

_CONTACT: Final = {
    "good": "#58a884",
    "warn": "#e8c15b",
    "bad": "#e08a5b",
    "dead": "#b9382b",
}
_COLOURS: Final[Mapping[str, str]] = {
    **_CONTACT,
    "paused": "#aab3bb",
    "erased": "#1d2733",
    "lost": "#a52a1e",
    "disconnected": "#7b4aa0",
    "mark": "#b4480f",
    "later": "#c98a5f",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """Which session a report is on, beyond what lies in its folder.

    ``number`` counts the client's sessions, ``planned`` is the study's least number.
    """

    facts: SessionFacts | None
    number: int
    planned: int
    reasons: tuple[Reason, ...]
    codebook: Codebook | None


def report_page(
    measured: Measured, subject: Subject, *, language: Language
) -> tuple[bytes, Level, tuple[Reason, ...]]:
    """Return the page, the verdict and its reasons, gravest first."""
    reasons = sorted(
        (*subject.reasons, *more_reasons(measured)), key=lambda reason: -reason.level
    )
    level = worst(reasons)
    session, heard = measured.session, measured.heard
    marks = {} if subject.codebook is None else {m.id: m for m in subject.codebook.mark}
    share = heard.speech_share
    baseline = measured.baseline
    page = render(
        "report.html",
        language=language,
        session=session.integrity.session,
        level=level,
        reasons=reasons,
        reason_text=reason_text,
        simulated=session.is_simulated,
        facts=tuple(_facts(measured, subject, Words())),
        rows=rows_of(measured),
        ticks=ticks(measured),
        mark_names=marks,
        legend=_legend(measured),
        colours=_COLOURS,
        step_uv=f"{pictures.step_between_uv(session):g}",
        traces=pictures.traces(measured),
        spectra=pictures.spectra(measured),
        alpha="" if baseline is None else pictures.alpha(baseline, session),
        alpha_channels="" if baseline is None else ", ".join(baseline.channels),
        alpha_times="" if baseline is None else f"{baseline.rise:.2f}",
        loudness=pictures.loudness(measured),
        levels=measured.levels,
        speech_percent="-" if share is None else f"{100 * share:.0f}",
        n_turns=len(heard.turns),
        streams=tuple(_streams(measured.alignment)),
        constant_ms=measured.alignment.get("constant_ms"),
        integrity=tuple(_integrity(measured, Words())),
        problems=[p for p in session.integrity.problems if not p.is_harmless],
    )
    return page, level, tuple(reasons)


def _facts(
    measured: Measured, subject: Subject, words: Words
) -> Iterator[tuple[str, object]]:
    session, facts = measured.session, subject.facts
    if facts is not None:
        n_of = words("session_n", n=subject.number, planned=subject.planned)
        yield "client", Markup("{} · {}").format(facts.client, n_of)
        yield "started", facts.started_utc.strftime("%Y-%m-%d %H:%M UTC")
    yield "length", Markup("{:.1f} {}").format(measured.base.duration_s / 60, words("min"))
    yield "measured", f"{100 * measured.measured_share:.2f} %"
    yield "box", session.integrity.device or "-"
    yield "headset", session.model or "-"
    if facts is not None:
        yield "microphone", facts.microphone
        yield "mode", words(f"mode_{facts.mode}")
        outcome = words(f"outcome_{facts.outcome.replace(' ', '_')}")
        reason = f" ({facts.reason})" if facts.reason else ""
        yield "outcome", Markup("{}{}").format(outcome, reason)


def _legend(measured: Measured) -> list[str]:
    kinds = list(_CONTACT) if measured.session.device.host_s.size else []
    whys = {gap.why for gap in measured.gaps}
    kinds += [why for why in ("paused", "erased", "disconnected", "lost") if why in whys]
    sources = {span.record.source for span in measured.spans if span.record}
    kinds += ["mark"] if sources & {"key", "machine"} else []
    return [*kinds, "later"] if "later" in sources else kinds


def _streams(alignment: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, str]]:
    for name in ("EEG", "Audio"):
        stream = alignment.get("streams", {}).get(name)
        if stream is not None:
            lost = stream.get("lost_exact", 0) + stream.get("lost_inferred", 0)
            yield (
                name,
                _shown(stream.get("rate_hz"), 3),
                _shown(stream.get("drift_ppm"), 1),
                _shown(stream.get("uncertainty_ms"), 2),
                str(lost),
            )


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def _integrity(measured: Measured, words: Words) -> Iterator[tuple[str, object]]:
    integrity = measured.session.integrity
    yield "signed", words("yes" if integrity.signed else "no")
    yield "clean", words("yes" if integrity.clean else "no")
    yield "parts", f"{integrity.parts} / {len(integrity.erased)}"
    yield "recovered", f"{integrity.recovered_from_journal_s:.1f} s"
    yield "lost_samples", str(integrity.lost_samples)
    yield "overruns", str(integrity.xruns)
