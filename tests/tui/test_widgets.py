"""What the screens are made of draws what it is told, small or large."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.events import Key
from textual.geometry import Size

from recorder.protocol.state import Trace
from tests.tui.staged import electrodes
from tui.screens.new_client import signed_on
from tui.themes import default_variables
from tui.widgets import letters
from tui.widgets.big_text import fit
from tui.widgets.canvas import Canvas
from tui.widgets.contact import contact_says
from tui.widgets.entry import DateEntry
from tui.widgets.glyphs import BARE, RICH, glyphs
from tui.widgets.head import draw_head
from tui.widgets.hold import HoldBar
from tui.widgets.number import NumberRow
from tui.widgets.traces import Traces, draw_wave

if TYPE_CHECKING:
    from textual import events

STATES = ("ИДЁТ ЗАПИСЬ", "ПАУЗА", "НЕ ПИШЕТСЯ", "RECORDING", "PAUSED", "NOT SAVING")


@given(st.text(alphabet="АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯABCXYZ0189 :", min_size=1))
def test_huge_letters_have_the_size_they_say(text: str) -> None:
    rows = letters.draw((text,))
    assert {len(row) for row in rows} == {letters.width_of(text)}
    assert len(rows) == letters.height_of(1) == 4


@pytest.mark.parametrize("text", STATES)
def test_states_are_huge_on_the_smallest_screen(text: str) -> None:
    rows = fit(text, Size(80, 4))
    assert len(rows) == 4
    assert max(map(len, rows)) > 25


def test_a_larger_place_gets_larger_letters() -> None:
    heights = [len(fit("ИДЁТ ЗАПИСЬ", Size(*size))) for size in ((80, 4), (120, 16))]
    assert heights == [4, 15]


def test_what_does_not_fit_is_plain_and_never_cut() -> None:
    assert fit("ИДЁТ ЗАПИСЬ", Size(40, 4)) == ["ИДЁТ ЗАПИСЬ"]


@given(x=st.floats(-5, 45), y=st.floats(-5, 45))
def test_a_canvas_takes_dots_anywhere(x: float, y: float) -> None:
    canvas = Canvas(10, 5, braille=True)
    canvas.dot(x, y)
    inside = -0.5 <= x < 19.5 and -0.5 <= y < 19.5
    lit = sum((ord(c) - 0x2800).bit_count() for c in "".join(canvas.rows()) if c != " ")
    assert lit == (1 if inside else 0) or min(abs(x % 1 - 0.5), abs(y % 1 - 0.5)) < 1e-6


def test_without_braille_lines_are_blocks() -> None:
    canvas = Canvas(4, 1, braille=False)
    canvas.line(0, 0, 7, 0)
    assert canvas.rows() == ["▀▀▀▀"]


def test_waves_leave_a_hole_where_samples_were_lost() -> None:
    canvas = Canvas(10, 1, braille=False)
    samples = [0.0] * 5 + [float("nan")] * 10 + [0.0] * 5
    draw_wave(canvas, samples, middle=2, reach=2)
    (row,) = canvas.rows()
    assert " " in row.strip()


@pytest.mark.parametrize("name", ["MUSE_2_BOARD", "CYTON_BOARD", "CYTON_DAISY_BOARD"])
def test_every_electrode_is_on_the_head_by_name_and_sign(name: str) -> None:
    shown = electrodes(name)
    picture = draw_head(shown, Size(32, 14)).plain
    assert picture.count(RICH.electrode[3]) == len(shown)
    assert [each.label for each in shown if each.label not in picture] == []


def test_an_electrode_is_told_by_its_sign_too() -> None:
    signs = {
        verdict: contact_says(electrodes("MUSE_2_BOARD", verdict)).plain
        for verdict in range(4)
    }
    assert [text[0] for text in signs.values()] == ["✕", "○", "◐", "●"]


def test_electrodes_that_need_help_are_named_in_the_strip() -> None:
    one, *others = electrodes("MUSE_2_BOARD")
    bad = electrodes("MUSE_2_BOARD", 1)[0]
    assert contact_says((bad, *others)).plain == f"○●●● {one.label}"


def test_the_bare_console_gets_signs_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    assert glyphs() is BARE
    picture = draw_head(electrodes("CYTON_BOARD"), Size(32, 14)).plain
    assert not [c for c in picture if c in "●◐○✕" or 0x2800 <= ord(c) < 0x2900]


class Bench(App[None]):
    """One widget of each kind that takes keys or time."""

    def __init__(self, widget: NumberRow | HoldBar | Traces | DateEntry) -> None:
        super().__init__()
        self.widget = widget
        self.held = 0

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return default_variables()

    def compose(self) -> ComposeResult:
        yield self.widget

    def on_key(self, event: events.Key) -> None:
        if isinstance(self.widget, HoldBar):
            self.widget.press()
        elif isinstance(self.widget, NumberRow) and event.key in self.widget.acts():
            self.widget.acts()[event.key](event)

    def on_hold_bar_held(self) -> None:
        self.held += 1


@pytest.mark.parametrize(
    ("low", "high", "keys", "value"),
    [
        (0, 10, "7", 7),
        (0, 10, "10", 10),
        (0, 10, "0", 0),
        (0, 10, "15", 5),
        (1, 7, "8", None),
        (1, 7, "08", None),
        (1, 7, "45", 5),
    ],
)
def test_digits_choose_a_number(low: int, high: int, keys: str, value: int | None) -> None:
    async def story() -> None:
        row = NumberRow(low, high)
        async with Bench(row).run_test() as pilot:
            await pilot.press(*keys)
            assert row.value == value

    asyncio.run(story())


@pytest.mark.parametrize(
    ("keys", "date"),
    [
        ("3", "3"),
        ("31", "31"),
        ("310", "31.0"),
        ("31012026", "31.01.2026"),
        ("31.01.2026", "31.01.2026"),
        ("31,01,2026", "31.01.2026"),
        ("310120267", "31.01.2026"),
        ("31012026<<<<<", "31.0"),
        ("<", "25.11.202"),
        ("x", "25.11.2026"),
    ],
)
def test_a_date_is_typed_as_digits_over_the_one_suggested(keys: str, date: str) -> None:
    async def story() -> None:
        entry = DateEntry("25.11.2026")
        async with Bench(entry).run_test():
            entry.begin(fresh=True)
            for key in keys:
                entry.type(Key("backspace", None) if key == "<" else Key(key, key))
            assert entry.value == date

    asyncio.run(story())


@pytest.mark.parametrize(
    ("date", "clock_holds", "signed"),
    [
        ("31.01.2026", True, "2026-01-31"),
        ("01.02.2026", True, ""),
        ("01.02.2026", False, "2026-02-01"),
        ("31.01.2062", False, ""),
        ("31.02.2026", False, ""),
        ("31.12.2019", True, ""),
    ],
)
def test_a_form_is_of_the_past_unless_the_box_itself_is_behind(
    date: str, *, clock_holds: bool, signed: str
) -> None:
    assert signed_on(date, today="31.01.2026", clock_holds=clock_holds) == signed


def test_a_number_can_be_touched() -> None:
    async def story() -> None:
        row = NumberRow(1, 7)
        async with Bench(row).run_test() as pilot:
            await pilot.click(NumberRow, offset=(9, 0))
            assert row.value == 3

    asyncio.run(story())


@pytest.mark.parametrize(("apart_s", "presses"), [(1.0, 3), (0.5, 7)])
def test_a_key_pressed_again_and_again_is_not_held(apart_s: float, presses: int) -> None:
    async def story() -> None:
        app = Bench(HoldBar())
        async with app.run_test() as pilot:
            for _ in range(presses):
                await pilot.press("enter")
                await asyncio.sleep(apart_s)
            assert app.held == 0

    asyncio.run(story())


def test_a_key_that_repeats_is_held() -> None:
    async def story() -> None:
        app = Bench(HoldBar())
        async with app.run_test() as pilot:
            for _ in range(100):
                await pilot.press("enter")
                await asyncio.sleep(0.1)
                if app.held:
                    break
            assert app.held == 1

    asyncio.run(story())


def test_many_waves_stand_in_two_columns() -> None:
    async def story() -> None:
        traces = Traces()
        async with Bench(traces).run_test(size=(60, 10)) as pilot:
            shown = electrodes("CYTON_DAISY_BOARD")
            traces.show(Trace(50.0, ((0.0, 10.0),) * 16), shown)
            await pilot.pause()
            said = traces.render().plain
            assert [each.label for each in shown if each.label not in said] == []
            assert len(said.splitlines()) == 10

    asyncio.run(story())
