"""What the screen showed as kept is at the lab, what it said is gone is nowhere."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S, read_host_ns
from tests.service_process import ServiceProcess, begin, subscribed, until
from tests.story import OpenedStory, Place, open_session, sessions_of
from tests.tui.conftest import QUICK
from tests.tui.pilot import Screen, screen_on

if TYPE_CHECKING:
    from pathlib import Path

    from tests.house import House


def signed_session(box: Path) -> Path:
    """Return the one session of ``box``, once it is signed."""
    (session,) = sessions_of(box)
    signature = session / "manifest.json.sig"
    return until(lambda: session if signature.exists() else None, "never signed")


def opened(house: House, box: Path, out: Path) -> OpenedStory:
    """Open the one session of ``box`` at the lab."""
    place = Place(house.lab, house.fleet, box, house.recovery, iter(()))
    return open_session(place, signed_session(box), out)


def marks(story: OpenedStory) -> dict[str, float]:
    """Return when each kind of mark was set, in host nanoseconds."""
    stamps_s = story.stamps_s("MarkerLog")
    ids = [json.loads(text)["id"] for text in story.texts("MarkerLog")]
    return {name: s * NS_PER_S for name, s in zip(ids, stamps_s, strict=True)}


async def recording(screen: Screen) -> None:
    """Wait until something is saved."""
    await screen.until_up("RecordingScreen")
    await screen.until_says("сохранено")


def test_a_mark_shown_with_its_tick_survives_the_recorders_death(
    house: House, box: Path, tmp_path: Path
) -> None:
    async def story(service: ServiceProcess) -> tuple[int, int]:
        async with screen_on(service.socket) as screen:
            await recording(screen)
            key_ns = read_host_ns()
            await screen.press("2")
            pressed_ns = read_host_ns()
            await screen.until_says("✓ Инсайт / новое")
            service.process.kill()
            return key_ns, pressed_ns

    with ServiceProcess(box, QUICK) as first:
        with subscribed(first) as client:
            begin(client)
        key_ns, pressed_ns = asyncio.run(story(first))
    with ServiceProcess(box, QUICK):
        at_lab = opened(house, box, tmp_path / "out")
    assert not at_lab.integrity["clean"]
    assert key_ns <= marks(at_lab)["insight"] <= pressed_ns


async def erase_and_pause(screen: Screen) -> dict[str, int]:
    """Mark, erase, mark, pause, go on; return when it was asked for, in host time."""
    at = {}
    await screen.press("6")
    await screen.until_says("✓ Разрыв контакта")
    at["erase"] = read_host_ns()
    await screen.press("f10", "2", "enter")
    await screen.until_says("Лаборатория этого никогда не получит")
    await screen.press("enter")
    await recording(screen)
    await screen.press("2")
    await screen.until_says("✓ Инсайт / новое")
    await screen.press("space")
    await screen.until_says("Ничего не пишется")
    at["pause"] = read_host_ns()
    await asyncio.sleep(1)
    at["resume"] = read_host_ns()
    await screen.press("space")
    await recording(screen)
    await asyncio.sleep(1)
    return at


async def end(screen: Screen) -> None:
    """Stop, answer nothing, sign."""
    await screen.press("escape", "enter")
    await screen.until_up("FinishScreen")
    for says in ("вопрос 1 из 2", "вопрос 2 из 2", "Осталось подписать"):
        await screen.press("enter")
        await screen.until_says(says)
    await screen.press("enter")
    await screen.until_up("UploadsScreen")


def test_what_was_erased_or_paused_at_the_screen_is_nowhere(
    house: House, box: Path, tmp_path: Path
) -> None:
    async def story(service: ServiceProcess) -> dict[str, int]:
        async with screen_on(service.socket) as screen:
            await recording(screen)
            at = await erase_and_pause(screen)
            await end(screen)
            return at

    with ServiceProcess(box, QUICK) as service:
        with subscribed(service) as client:
            code = begin(client)
        at = asyncio.run(story(service))
        at_lab = opened(house, box, tmp_path / "out")
    found = marks(at_lab)
    assert "insight" in found
    assert "rupture" not in found
    for stamps_s in (at_lab.stamps_s("EEG"), at_lab.heard_s()):
        ns = stamps_s * NS_PER_S
        assert (ns >= at["erase"]).all()
        assert not ((ns > at["pause"]) & (ns < at["resume"])).any()
        assert (ns > at["resume"]).any()
    erased = list(signed_session(box).glob("*.erased"))
    assert erased
    assert not [path for folder in erased for path in folder.iterdir()]
    assert code not in service.log
