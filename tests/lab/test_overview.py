"""The overview shows what an opened session holds: signals, gaps, marks, each in place."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread
from msgspec.structs import replace

import lab.cli
import lab.overview
from lab.closer_look import pulse_moments_s
from lab.mark_spans import MarkSpan, mark_spans
from lab.open import open_session
from lab.opened_session import OpenedSession, read_opened
from lab.overview import draw_overview, envelope, label_rows
from recorder.errors import OpenError
from recorder.format.marks import Act, MarkRecord
from recorder.simulation import PULSE_UV
from tests.house import exit_code, mode
from tests.session_maker import AT, RATE_HZ, SESSION, START_NS, SessionMaker, new_identities

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

S = 10**9


@pytest.fixture
def made(tmp_path: Path) -> SessionMaker:
    maker = SessionMaker(tmp_path / "box", new_identities())
    maker.write_sheet()
    maker.add_part()
    return maker


def opened(made: SessionMaker) -> Path:
    made.sign()
    return open_session(
        made.folder,
        out=made.root.parent / "opened",
        identities=made.identities[:1],
        signers=made.signers,
        at=AT,
        progress=lambda _text: None,
    ).folder


def figure_of(folder: Path) -> Figure:
    return lab.overview._figure(read_opened(folder))


def texts(figure: Figure) -> str:
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [text.get_text() for text in axes.texts]
    return "\n".join(found)


def mark(n: int, name: str, act: Act, at_s: float) -> MarkRecord:
    return MarkRecord(n=n, id=name, act=act, stamp_ns=round(at_s * S))


# The picture


def test_the_picture_is_private_and_1600_by_900(made: SessionMaker) -> None:
    path = draw_overview(opened(made))
    assert path.name == "overview.png"
    assert mode(path) == 0o600
    assert imread(path).shape[:2] == (900, 1600)
    assert path.stat().st_size < 200_000


def test_the_command_draws_and_says_where(
    made: SessionMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = opened(made)
    assert exit_code(lab.cli.main, "overview", folder, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"overview": str(folder / "overview.png")}
    assert exit_code(lab.cli.main, "overview", folder) == 0
    assert capsys.readouterr().out.strip() == str(folder / "overview.png")


def test_a_folder_that_is_no_opened_session_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(lab.cli.main, "overview", tmp_path) == OpenError.code
    assert "fieldrec-lab open" in capsys.readouterr().err


def test_every_channel_the_box_and_the_marks_are_named(made: SessionMaker) -> None:
    shown = texts(figure_of(opened(made)))
    for word in ("C0", "C1", "C2", "C3", made.device, str(SESSION)[:8], "insight", "marks"):
        assert word in shown


def test_simulated_devices_are_called_so(made: SessionMaker) -> None:
    assert "simulated devices" in texts(figure_of(opened(made)))


def test_real_devices_are_not_called_simulated_and_have_no_pulses(
    made: SessionMaker,
) -> None:
    folder = opened(made)
    sheet = folder / "session.json"
    sheet.write_text(sheet.read_text().replace('"simulated": true', '"simulated": false'))
    shown = texts(figure_of(folder))
    assert "imulated" not in shown
    assert "pulses" not in shown


def test_a_session_without_its_sheet_is_drawn(made: SessionMaker) -> None:
    folder = opened(made)
    (folder / "session.json").write_text('{"device": "BOX-0007Y"}')
    assert read_opened(folder).sheet is None
    assert "BOX-0007Y" in texts(figure_of(folder))


def test_a_session_without_sound_says_so(tmp_path: Path) -> None:
    maker = SessionMaker(tmp_path / "box", new_identities(), audio=None)
    maker.write_sheet()
    maker.add_part()
    assert "no sound was recorded" in texts(figure_of(opened(maker)))


def test_an_unsigned_session_is_called_so(made: SessionMaker) -> None:
    folder = opened(made)
    path = folder / "integrity.json"
    path.write_text(path.read_text().replace('"signed": true', '"signed": false'))
    assert "NOT SIGNED" in texts(figure_of(folder))


def test_a_long_session_counts_minutes(made: SessionMaker) -> None:
    made.pause(600)
    made.n_rows += 600 * RATE_HZ
    made.add_part()
    label = figure_of(opened(made)).axes[2].get_xlabel()
    assert label == "Minutes since the session's start"


def test_nothing_is_drawn_where_nothing_was_recorded(made: SessionMaker) -> None:
    made.pause(10)
    made.n_rows += 10 * RATE_HZ  # the headset counts on
    made.add_part()
    figure = figure_of(opened(made))
    for axes in figure.axes[1:3]:
        at, values = axes.lines[0].get_data()
        inside = (np.asarray(at) > 2.1) & (np.asarray(at) < 11.9)
        assert inside.any()
        assert np.isnan(np.asarray(values)[inside]).all()
        assert np.isfinite(np.asarray(values)[~inside]).mean() > 0.9


def test_signals_are_read_back_as_they_were_recorded(made: SessionMaker) -> None:
    session: OpenedSession = read_opened(opened(made))
    assert session.start_s == START_NS / S
    assert np.array_equal(session.eeg_uv.T, np.concatenate(made.eeg_uv, axis=1))
    assert [record.n for record in session.marks] == [record.n for record in made.marks]
    assert session.audio_clock is not None
    assert session.audio_clock.frame(START_NS / S + 1) == pytest.approx(48_000, abs=1)


# Marks


def test_on_and_off_become_one_stretch() -> None:
    records = [
        mark(1, "emotion", "on", 1),
        mark(2, "insight", "point", 2),
        mark(3, "emotion", "off", 3),
        replace(mark(4, "suds", "value", 4), value=6),
        mark(5, "tears", "on", 5),
    ]
    assert mark_spans(records) == (
        MarkSpan(1, 3, "emotion"),
        MarkSpan(2, 2, "insight"),
        MarkSpan(4, 4, "suds:6"),
        MarkSpan(5, math.inf, "tears"),
    )


def test_pauses_and_losses_are_stretches_too() -> None:
    records = [
        mark(1, "pause", "pause", 1),
        mark(2, "resume", "resume", 2),
        mark(3, "headset", "lost", 3),
        mark(4, "headset", "back", 5),
        replace(mark(5, "erase", "erase", 7), back_s=60),
    ]
    assert mark_spans(records) == (
        MarkSpan(1, 2, "pause"),
        MarkSpan(3, 5, "headset lost"),
        MarkSpan(7, 7, "erase"),
    )


def test_undone_marks_are_gone_and_late_ones_go_back_to_the_event() -> None:
    records = [
        mark(1, "insight", "point", 10),
        replace(mark(2, "rupture", "point", 20), back_s=15),
        replace(mark(3, "insight", "undo", 21), of=1),
    ]
    assert mark_spans(records) == (MarkSpan(5, 5, "rupture"),)


def test_an_end_without_a_beginning_is_nothing() -> None:
    assert mark_spans([mark(1, "emotion", "off", 1)]) == ()


def test_labels_that_would_overlap_go_to_the_next_row() -> None:
    spans = tuple(MarkSpan(at_s, at_s, "insight") for at_s in (0.0, 0.1, 0.2, 50.0))
    assert label_rows(spans, lambda at_s: at_s, 100.0) == [0, 1, 2, 0]


# Signals


@given(
    values=st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(math.nan)), max_size=60),
    n_bins=st.integers(1, 20),
)
def test_no_peak_is_lost_in_the_envelope(values: list[float], n_bins: int) -> None:
    at_s = np.sort(np.random.default_rng(len(values)).uniform(-1, 11, len(values)))
    edges_s = np.linspace(0, 10, n_bins + 1)
    low, high = envelope(at_s, np.array(values), edges_s)
    for n in range(n_bins):
        inside = [
            value
            for at, value in zip(at_s, values, strict=True)
            if edges_s[n] <= at < edges_s[n + 1] and not math.isnan(value)
        ]
        if inside:
            assert (low[n], high[n]) == (min(inside), max(inside))
        else:
            assert np.isnan([low[n], high[n]]).all()


@pytest.mark.parametrize("moment", [0.0, 0.1, 0.4, 0.5, 0.6, 0.9, 1.0])
def test_a_simulated_pulse_is_read_off_exactly_between_two_samples(moment: float) -> None:
    at = np.arange(20.0)
    x = np.clip(at - 10 - moment, -1, 1)
    share = np.where(x < 0, (1 + x) ** 2 / 2, 1 - (1 - x) ** 2 / 2)
    found = pulse_moments_s(at / 250, share * PULSE_UV)
    assert found == pytest.approx([(10 + moment) / 250], abs=1e-9)
