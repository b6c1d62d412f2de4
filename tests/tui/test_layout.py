"""Nothing is cut off: every screen, in both languages, at every size, in every state."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, get_args

import msgspec
import pytest
from textual.app import App, ComposeResult

from recorder.eeg.montage import boards
from recorder.eeg.quality import Reason
from recorder.format.codebook import default_codebook_text, parse_codebook
from recorder.protocol import replies, state
from tests.tui.clipping import clipped
from tests.tui.staged import (
    HOME,
    LIVE,
    SESSION,
    STUDY,
    WELCOME,
    Staged,
    at,
    electrodes,
    staged,
)
from tui.advice import about
from tui.messages import Disconnected
from tui.screens.about import AboutScreen
from tui.screens.before import BeforeScreen
from tui.screens.brightness import BrightnessScreen
from tui.screens.clients import ClientsScreen
from tui.screens.code import CodeScreen
from tui.screens.confirm import ConfirmScreen
from tui.screens.devices import DevicesScreen
from tui.screens.discard import DiscardScreen
from tui.screens.erase import EraseScreen
from tui.screens.faults import FaultsScreen
from tui.screens.help import TOPICS, HelpScreen
from tui.screens.logs import LogsScreen
from tui.screens.new_client import NewClientScreen
from tui.screens.notice import NoticeScreen, explain
from tui.screens.risk import RiskScreen
from tui.screens.settings import SettingsScreen
from tui.screens.skipped import SkippedScreen
from tui.screens.stop import StopScreen
from tui.screens.uploads import UploadsScreen
from tui.screens.value import ValueScreen
from tui.session_draft import SCOPES, SessionDraft
from tui.texts import Texts
from tui.widgets.button import BigButton
from tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tui.screens.base import FieldScreen

SIZES = ((80, 24), (100, 30), (120, 40))
LANGUAGES = ("ru", "en")
ALARMS = get_args(state.AlarmId)
FAULTS = [*range(2), *range(10, 14), 20, 21, *range(30, 34), *range(40, 44)]
FAULTS += [*range(50, 55), 60, 61, *range(75, 80), 83, 84, *range(90, 94), 99]
KNOWN = replies.ClientList(
    tuple(
        replies.Client(f"K7QX{n}", 9 + n, SCOPES, "2026-10", signed_on="2026-01-31")
        for n in range(9)
    ),
    ("M3PXA", "M3PXB"),
)
NEW = SessionDraft(
    client="M3PXA",
    mode="online",
    is_new=True,
    given=True,
    scopes=SCOPES,
    form="2026-10",
    signed_on="2026-01-31",
)
SENDING = state.Upload(
    waiting=12,
    verified=25,
    sent=2,
    percent=37.5,
    left_s=5400.0,
    trouble="x",
    trouble_code=76,
    last_verified_wall_ns=1_790_000_000_000_000_000,
)
SUDS = parse_codebook(default_codebook_text()).get("suds")


def alarm(name: state.AlarmId, *, seen: bool = False) -> state.Alarm:
    return state.Alarm(name, 1, seen=seen)


def marks() -> tuple[state.LoggedMark, ...]:
    return tuple(
        state.LoggedMark(n, "repair", "point", 1, back_s=60, undone=n == 3)
        for n in range(1, 9)
    )


def fault(code: int) -> replies.Fault:
    return replies.Fault(code, "x" * 70)


def live(**changes: object) -> state.Session:
    return msgspec.structs.replace(LIVE, **changes)


def bases() -> Iterator[tuple[str, state.State]]:
    """Yield the states that have a screen of their own."""
    cut_off = state.Interrupted("K7QX3", 5400)
    yield "home", HOME
    yield "cut off", msgspec.structs.replace(HOME, interrupted=cut_off)
    yield (
        "blocked",
        msgspec.structs.replace(
            HOME,
            ready=False,
            problems=(fault(13), fault(31)),
            box_battery_percent=12,
        ),
    )
    for name in ("MUSE_2_BOARD", "CYTON_DAISY_BOARD"):
        shown = (*electrodes(name, 0, "flat")[:4], *electrodes(name)[4:])
        yield f"fit {name}", at("fit", SESSION, electrodes=shown)
    wait = state.Gate(0.5, 3.0, open=False, override_in_s=0)
    yield "fit early", at("fit", SESSION, gate=wait)
    rest = state.Baseline("eyes_closed", 60)
    everything = live(marks=marks(), running=("emotion", "tears", "silence", "technique"))
    lost = tuple(alarm(name) for name in ALARMS)
    seen = tuple(alarm(name, seen=True) for name in ALARMS[:4])
    yield "recording", at("recording", everything)
    yield "alarms", at("recording", everything, alarms=lost, box_battery_percent=9.0)
    yield "seen", at("recording", everything, alarms=seen)
    yield "rest", at("recording", live(baseline=rest))
    yield "not saving", at("recording", live(saved_ago_s=125.0))
    yield "paused", at("paused", everything)
    yield "online", at("recording", live(mode="online"), alarms=lost[:1])
    yield "silent", at("recording", live(sound="no_consent"))
    yield "finish", at("finish", live(signs_in_s=595.0))
    yield "trouble", at("finish", live(signs_in_s=595.0, trouble="x"))


def overlays() -> Iterator[tuple[str, Callable[[], FieldScreen]]]:
    """Yield the screens that lie over others."""
    yield "about", AboutScreen
    yield "before", lambda: BeforeScreen({})
    yield "brightness", BrightnessScreen
    yield "code", lambda: CodeScreen(KNOWN)
    yield "confirm", lambda: ConfirmScreen(NEW)
    yield "known", lambda: ConfirmScreen(SessionDraft("K7QX3", scopes=("eeg",), form="1"))
    yield "discard", DiscardScreen
    yield "erase", EraseScreen
    yield "faults", FaultsScreen
    yield "logs", LogsScreen
    yield "new", lambda: NewClientScreen(KNOWN)
    yield "risk", lambda: RiskScreen(marked=True)
    yield "risk in a pause", lambda: RiskScreen(marked=False)
    yield "settings", SettingsScreen
    yield "skipped", lambda: SkippedScreen("K7QX3")
    yield "stop", StopScreen
    yield "uploads", UploadsScreen
    yield "signed", lambda: UploadsScreen(after_session=True)
    yield "value", lambda: ValueScreen(SUDS, 1, lambda *_: None)


def widest(texts: Texts, reason: Reason) -> state.Electrode:
    """Return the electrode whose advice is the longest."""
    everywhere = [one for each in boards() for one in electrodes(each.name, 1, reason)]
    return max(everywhere, key=lambda one: len(about(texts, one)))


async def resize(screen: Staged, size: tuple[int, int]) -> None:
    """Make the screen so large, and wait until it is."""
    await screen.pilot.resize_terminal(*size)
    await screen.until(lambda: screen.app.screen.size == size)


async def look(screen: Staged, told: state.State) -> list[str]:
    """Return what is cut off at every size."""
    missing = []
    for size in SIZES:
        await resize(screen, size)
        await screen.tell(told)
        missing += [f"{size}: {line}" for line in clipped(screen.app.screen)]
    return missing


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_state_of_a_session_cuts_anything_off(
    tmp_path: Path, language: Literal["ru", "en"]
) -> None:
    async def story() -> None:
        missing = {}
        async with staged(tmp_path, language=language) as screen:
            for size in SIZES:
                await resize(screen, size)
                for name, told in bases():
                    await screen.tell(told)
                    if found := clipped(screen.app.screen):
                        missing[name, size] = found
        assert not missing

    asyncio.run(story())


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_other_screen_cuts_anything_off(
    tmp_path: Path, language: Literal["ru", "en"]
) -> None:
    async def story() -> None:
        missing = {}
        async with staged(tmp_path, language=language) as screen:
            before = msgspec.structs.replace(STUDY.scale[0], when="before")
            screen.app.study = msgspec.structs.replace(STUDY, scale=(before,))
            for size in SIZES:
                await resize(screen, size)
                await screen.tell(HOME)
                for name, make in overlays():
                    await screen.app.push_screen(make())
                    await screen.tell(HOME)
                    if found := clipped(screen.app.screen):
                        missing[name, size] = found
                    await screen.app.pop_screen()
        assert not missing

    asyncio.run(story())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_step_of_the_end_fits(tmp_path: Path, language: Literal["ru", "en"]) -> None:
    ended = at("finish", live(signs_in_s=595.0))
    steps = {
        "outcome": (),
        "reason": ("2", "enter"),
        "first item": ("enter",),
        "last item": ("enter",),
        "sign": ("enter",),
    }

    async def story() -> None:
        missing = {}
        async with staged(tmp_path, language=language) as screen:
            for size in SIZES:
                await resize(screen, size)
                await screen.tell(HOME)
                for name, keys in steps.items():
                    await screen.tell(ended)
                    await screen.press(*keys)
                    await screen.tell(ended)
                    if found := clipped(screen.app.screen):
                        missing[name, size] = found
                assert screen.app.screen.query_one(BigButton).display
        assert not missing

    asyncio.run(story())


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_contact_is_told_in_full(tmp_path: Path, language: Literal["ru", "en"]) -> None:
    async def story() -> None:
        missing: list[str] = []
        async with staged(tmp_path, language=language) as screen:
            for welcome in (WELCOME, None):
                screen.app.welcome = welcome
                for size in SIZES:
                    await resize(screen, size)
                    screen.app.post_message(Disconnected())
                    await screen.pilot.pause()
                    assert screen.name == "AwayScreen"
                    missing += clipped(screen.app.screen)
        assert not missing

    asyncio.run(story())


@pytest.mark.parametrize("language", LANGUAGES)
def test_lists_show_what_they_hold(tmp_path: Path, language: Literal["ru", "en"]) -> None:
    found = replies.Found(
        headsets=(
            replies.FoundDevice("ble:1", "Muse-4A12", "Muse 2", -58, 80.0, "Muse-4A12"),
        ),
        microphones=(replies.FoundDevice("alsa:hw:CARD=BoxMic", "BoxMic"),),
        problem="no adapter",
    )

    async def story() -> None:
        async with staged(tmp_path, language=language) as screen:
            await screen.tell(HOME)
            for make, reply in ((ClientsScreen, KNOWN), (DevicesScreen, found)):
                await screen.app.push_screen(make())
                await screen.answer(reply)
                assert not await look(screen, HOME)
                await screen.app.pop_screen()

    asyncio.run(story())


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_alarm_advice_help_or_refusal_is_too_long(
    tmp_path: Path, language: Literal["ru", "en"]
) -> None:
    async def story() -> None:
        missing: list[str] = []
        texts = Texts(language)
        async with staged(tmp_path, language=language) as screen:
            for name in ALARMS:
                alarms = (state.Alarm(name, 1), alarm("contact", seen=True))
                await screen.tell(at("recording", alarms=alarms))
                missing += clipped(screen.app.screen)
            for reason in Reason:
                shown = (widest(texts, reason),)
                await screen.tell(at("fit", SESSION, electrodes=shown))
                missing += clipped(screen.app.screen)
            for topic in TOPICS:
                await screen.app.push_screen(HelpScreen(topic))
                await screen.tell(at("recording"))
                missing += clipped(screen.app.screen)
                await screen.app.pop_screen()
            by_length = sorted(FAULTS, key=lambda code: len(explain(texts, fault(code))))
            for code in by_length[-3:]:
                await screen.app.push_screen(NoticeScreen(fault(code)))
                await screen.tell(at("recording"))
                missing += clipped(screen.app.screen)
                await screen.app.pop_screen()
        assert not missing

    asyncio.run(story())


def test_every_phase_of_sending_fits(tmp_path: Path) -> None:
    async def story() -> None:
        missing: list[str] = []
        async with staged(tmp_path) as screen:
            await screen.tell(HOME)
            await screen.app.push_screen(UploadsScreen())
            for size in SIZES:
                await resize(screen, size)
                for phase in get_args(state.UploadPhase):
                    upload = msgspec.structs.replace(SENDING, phase=phase)
                    await screen.tell(msgspec.structs.replace(HOME, upload=upload))
                    missing += clipped(screen.app.screen)
        assert not missing

    asyncio.run(story())


class _Clipping(App[None]):
    """One label that fits, one that is too long for its place, one outside."""

    CSS = """
    #fits { width: 20; height: 1; }
    #long { width: 8; height: 1; }
    #covered { width: 20; height: 1; }
    #cover { width: 20; height: 1; offset: 0 -1; background: red; }
    #outside { width: 20; height: 1; margin: 40 0 0 0; }
    """

    def compose(self) -> ComposeResult:
        for which in ("fits", "long", "covered", "cover", "outside"):
            yield Words(f"a word {which}", id=which)


def test_a_label_that_is_cut_off_covered_or_outside_is_found() -> None:
    async def story() -> None:
        app = _Clipping()
        async with app.run_test(size=(40, 12)) as pilot:
            await pilot.pause()
            found = clipped(app.screen)
            names = sorted(line.split("#")[1].split(":")[0] for line in found)
            assert names == ["covered", "long", "outside"]

    asyncio.run(story())
