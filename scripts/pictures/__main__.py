"""Pictures of every screen, made by walking through a session as a therapist does."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from recorder.clock import NS_PER_S, read_host_ns
from recorder.paired import change_choice
from recorder.protocol import calls
from recorder.protocol.replies import Fault
from scripts.pictures.staged import NETWORKS, insisting, sending, stuck
from scripts.pictures.terminal import draw_svg
from tui.app import FieldrecApp
from tui.demo import SOCKET, make_box
from tui.screens.clients import ClientsScreen
from tui.screens.help import TOPICS, HelpScreen
from tui.screens.wifi import WifiScreen
from tui.texts import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from textual.pilot import Pilot

    from recorder.protocol.state import State

_OUT = Path("docs/screens")
_SMALL, _LARGE = (80, 24), (120, 40)
_TIMING = ("gate_hold_s=2", "override_after_s=5", "baseline_s=8")
_PATIENCE_S = 30.0
_INDEX = """# Pictures of the screen

Made by `scripts/screens` from the real program, on simulated devices, at 80 x 24. Some
exist at 120 x 40 too: the files named `-large`. What the screens are for and how they hang
together: [the therapist's screen](../screens.md).
"""


@dataclass
class Walk:
    """The running screen, and the pictures taken so far."""

    app: FieldrecApp
    pilot: Pilot[None]
    taken: list[tuple[str, str]] = field(default_factory=list)

    async def press(self, *keys: str) -> None:
        """Press keys, a moment apart."""
        for key in keys:
            await self.pilot.press(key)
            await asyncio.sleep(0.3)

    async def until(self, holds: Callable[[State], object]) -> None:
        """Wait until the recorder's state is so."""
        end_ns = read_host_ns() + round(_PATIENCE_S * NS_PER_S)
        while self.app.state is None or not holds(self.app.state):
            if read_host_ns() > end_ns:
                raise TimeoutError("the recorder never came to that")
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.7)

    async def look(self, name: str, caption: str, *, large: bool = False) -> None:
        """Take a picture in each language; ``large`` ones on a large screen too."""
        self.taken.append((name, caption))
        for size in (_SMALL, _LARGE) if large else (_SMALL,):
            await self.pilot.resize_terminal(*size)
            for _ in LANGUAGES:
                await asyncio.sleep(0.6)
                suffix = "-large" if size == _LARGE else ""
                language = self.app.texts.language
                picture = draw_svg(
                    self.app.screen._compositor.render_strips(),  # noqa: SLF001 - the cells
                    title=caption,
                )
                path = _OUT / f"{name}{suffix}-{language}.svg"
                path.write_text(picture, "utf-8")
                await self.press("f2")
        await self.pilot.resize_terminal(*_SMALL)
        print(f"  {name}", file=sys.stderr)


def main() -> None:
    """Make all pictures and their index."""
    _OUT.mkdir(exist_ok=True)
    for old in _OUT.glob("*.svg"):
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="fieldrec-screens-") as folder:
        box = make_box(Path(folder))
        change_choice(box, lambda old: msgspec.structs.replace(old, headset=""))
        taken = asyncio.run(_walk(box))
    rows = [
        f"| {caption} | ![{caption}]({name}-ru.svg) | ![{caption}]({name}-en.svg) |"
        for name, caption in taken
    ]
    table = "\n".join(["| screen | Russian | English |", "|---|---|---|", *rows])
    (_OUT / "README.md").write_text(f"{_INDEX}\n{table}\n", "utf-8")


async def _walk(box: Path) -> list[tuple[str, str]]:
    app = FieldrecApp(box / SOCKET, language="ru")
    async with app.run_test(size=_SMALL) as pilot:
        walk = Walk(app, pilot)
        await walk.look("starting", "The box is starting")
        with _serving(box) as recorder:
            await _at_home(walk)
            await _new_client(walk)
            await _to_the_fit(walk)
            await _recording(walk)
            await _erase_and_pause(walk)
            await _to_the_end(walk)
            await _help(walk)
            await _online(walk)
            recorder.kill()
            await asyncio.sleep(1)
            await walk.look("away", "No contact with the recorder", large=True)
        with _serving(box):
            await walk.until(lambda state: state.interrupted and state.ready)
            await walk.look("interrupted", "A session was cut off")
        return walk.taken


@contextmanager
def _serving(box: Path) -> Iterator[subprocess.Popen[bytes]]:
    timing = [word for each in _TIMING for word in ("--timing", each)]
    program = Path(sys.executable).with_name("fieldrec")
    recorder = subprocess.Popen(
        [program, "serve", "--box", box, "--socket", box / SOCKET, *timing],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield recorder
    finally:
        recorder.terminate()
        recorder.wait()


async def _at_home(walk: Walk) -> None:
    await walk.until(lambda state: state.phase == "home")
    await walk.look("not-ready", "Home: not ready, and why")
    walk.app.ask(calls.Use(headset="simulated"))
    await walk.until(lambda state: state.ready)
    await walk.look("home", "Home", large=True)
    await _refusal(walk)
    await walk.press("f3")
    await walk.look("uploads", "Nothing to send yet")
    async with insisting(walk.app, sending):
        await walk.look("sending", "Sending")
    await walk.press("escape", "f4")
    await walk.look("settings", "Settings")
    for digit, name, caption in (
        ("2", "devices", "Headset and microphone"),
        ("3", "wifi", "Wi-Fi"),
        ("4", "brightness", "Brightness"),
        ("6", "logs", "The log for the lab"),
        ("7", "about", "About the box"),
    ):
        await walk.press(digit, "enter")
        await asyncio.sleep(3)
        if isinstance(walk.app.screen, WifiScreen):
            walk.app.screen.list_networks(NETWORKS)
        await walk.look(name, caption)
        await walk.press("escape")
    await walk.press("escape")


async def _refusal(walk: Walk) -> None:
    walk.app.tell(Fault(51, "31 minutes of recording fit, a session may take 120"))
    await walk.look("refusal", "A refusal says what to do")
    await walk.press("escape")


async def _help(walk: Walk) -> None:
    for topic in TOPICS:
        walk.app.push_screen(HelpScreen(topic))
        await walk.look(f"help-{topic}", f"Help: {topic}")
        await walk.press("escape")


async def _new_client(walk: Walk) -> None:
    await walk.press("enter")
    await walk.look("clients", "Whom to record")
    await walk.press("f7", *"ivanov")
    await walk.look("code", "The code from the card; a name is refused")
    await walk.press("escape", "f5", "enter", "1", "2")
    await walk.look("new-client", "A new client's consent")
    await walk.press("enter", "enter", "enter")
    await walk.look("eligibility", "Asked once of a new client")
    while not isinstance(walk.app.screen, ClientsScreen):
        await walk.press("escape")
    await walk.press("f8")
    await walk.look("skipped", "A session that did not happen")
    await walk.press("escape")


async def _to_the_fit(walk: Walk) -> None:
    await walk.press("enter", "enter")
    await walk.look("confirm", "Consent stands, nobody else is in the room")
    await walk.press("enter")
    await walk.until(lambda state: state.phase == "fit")
    await walk.press("f12")
    await walk.look("faults", "Rehearsal: what shall fail?")
    await walk.press("1")
    await asyncio.sleep(10)
    await walk.look("fit-bad", "Fit: what to adjust first", large=True)
    await walk.press("f12", "1")
    await walk.until(lambda state: state.gate.open)
    await walk.look("fit", "Fit: one may begin", large=True)


async def _recording(walk: Walk) -> None:
    await walk.press("f5")
    await walk.until(lambda state: state.phase == "recording")
    await walk.look("baseline", "Two minutes of rest")
    await walk.press("enter")
    await asyncio.sleep(1)
    await walk.press("2", "3", "up", "up", "6", "5")
    await walk.look("recording", "Recording", large=True)
    await walk.press("f7", "f7")
    await walk.look("moment-ago", "A moment ago")
    await walk.press("0", "9", "7")
    await walk.look("suds", "A value")
    await walk.press("enter")
    async with insisting(walk.app, stuck):
        await walk.look("not-saving", "Nothing is being saved", large=True)
    await asyncio.sleep(1)
    await walk.press("f12", "2")
    await walk.until(lambda state: state.alarms)
    await walk.look("alarm", "An alarm stays until it is seen")
    await walk.press("enter")
    await walk.until(lambda state: state.headset.link == "connected")
    await walk.press("f6")
    await walk.look("quiet", "Quiet, towards the client")
    await walk.press("f6", "f9")
    await walk.look("risk", "The risk card")
    await walk.press("escape")


async def _erase_and_pause(walk: Walk) -> None:
    await walk.press("f10", "2")
    await walk.look("erase", "Erase the last minutes")
    await walk.press("enter")
    await asyncio.sleep(1)
    await walk.look("erased", "Erased")
    await walk.press("enter", "space")
    await walk.until(lambda state: state.phase == "paused")
    await walk.look("paused", "Pause", large=True)
    await walk.press("space")


async def _to_the_end(walk: Walk) -> None:
    await walk.press("escape")
    await walk.look("stop", "The end, if it is meant")
    await walk.press("f8")
    await walk.look("discard", "Delete the session: the key has to be held")
    await walk.press("escape", "escape", "enter")
    await walk.until(lambda state: state.phase == "finish")
    await walk.look("finish", "Saved; how was it?", large=True)
    await walk.press("2", "enter")
    await walk.look("reason", "Why only a part")
    await walk.press("3", "enter", "6")
    await walk.look("scale", "After the session")
    await walk.press("enter", "5", "enter")
    await walk.look("sign", "The signature")
    await walk.press("enter")
    await walk.until(lambda state: state.phase == "home")
    await walk.look("signed", "Signed, and on its way")
    await walk.press("escape")


async def _online(walk: Walk) -> None:
    await walk.press("enter", "enter", "f6")
    await walk.look("online-check", "Online: can the other side be heard?")
    await walk.press(*["enter"] * 5)
    await walk.until(lambda state: state.gate.open)
    await walk.press("enter")
    await walk.until(lambda state: state.phase == "recording")
    await walk.look("online", "Recording online", large=True)


if __name__ == "__main__":
    main()
