"""How quickly a reviewer clears a 50-minute transcript of 600 turns in Chromium.

Every key goes through the page and the real server to the disk and back: the page shows
nothing that is not saved. A reaction is from the key to the next frame that shows it.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import soundfile

from lab.deidentify.leaks import words_of
from lab.deidentify.propose import propose
from lab.review.acts import Proposals
from lab.review.cases import Cases
from lab.review.signing import Lemmas
from lab.transcripts.keeping import LEMMAS, PROPOSALS, SOUND, TRANSCRIPT
from lab.transcripts.model import SpokenTurn, Transcript
from lab.transcripts.speech_sound import SPEECH_RATE_HZ
from scripts.benchmarks.deidentify import labelled
from scripts.benchmarks.figures import Figure, Result
from tests.browser import running_browser
from tests.review_server import RunningReview
from tests.spoken import SpokenBench

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

_TURNS = 600
_TURN_S = 5.0
_MOST_MS = 100.0
# Presses a key and waits until the page shows the answer; gives back milliseconds, and by
# how many pixels the turn in hand moved from its place.
_PRESS = """
const [code, done] = arguments;
const seen = () => document.querySelector("#progress").innerText
  + (document.querySelector(".turn.here")?.id ?? "")
  + document.querySelectorAll(".m.open").length;
const before = seen();
const began = performance.now();
document.body.dispatchEvent(new KeyboardEvent("keydown",
  {code, key: code, bubbles: true, cancelable: true}));
const look = () => {
  if (seen() !== before) {
    const top = document.querySelector(".turn.here").getBoundingClientRect().top;
    requestAnimationFrame(() => done([performance.now() - began, top]));
  } else if (performance.now() - began > 5000) done([5000, 0]);
  else setTimeout(look, 1);
};
look();
"""


def run() -> Result | None:
    """Clear the transcript by the Enter key; None where there is no Chromium."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        print("review: skipped, it needs Debian's chromium and chromium-driver")
        return None
    with TemporaryDirectory(prefix="fieldrec-review-") as folder:
        bench = SpokenBench(Path(folder) / "bench")
        bench.add_reviewer()
        n_proposed = _keep_long(bench)
        with RunningReview.of(bench) as server, running_browser() as browser:
            browser.set_window_size(1360, 860)
            opened_ms = _open(browser, server.address)
            reactions_ms, tops = _clear(browser)
    median_ms, worst_ms = np.percentile(reactions_ms, [50, 99]).tolist()
    moved_px = float(np.ptp(tops[40:-40]))  # at both ends the text itself ends
    reaction = "600 turns: reaction to a key"
    figures = (
        Figure(f"{reaction}, 99th percentile", worst_ms, "ms", at_most=_MOST_MS),
        Figure(f"{reaction}, median", median_ms, "ms"),
        Figure(f"{reaction}, slowest", max(reactions_ms), "ms"),
        Figure("600 turns: keys to clear it all", len(reactions_ms), ""),
        Figure("600 turns: time to show it first", opened_ms, "ms"),
        Figure("600 turns: how far the turn in hand moves", moved_px, "px", at_most=2.0),
    )
    return Result("review", figures, {"proposals": n_proposed, "turns": _TURNS})


def _keep_long(bench: SpokenBench) -> int:
    """Keep a transcript of 600 turns for the session; return how many proposals it has."""
    examples = [one.text for one in labelled("ru", "tuned")]
    texts = [f"{examples[n % len(examples)]}" for n in range(_TURNS)]
    turns = tuple(
        SpokenTurn(
            "client" if n % 2 else "therapist", n * _TURN_S, (n + 1) * _TURN_S - 0.5, text
        )
        for n, text in enumerate(texts)
    )
    done = bench.take_in()
    if done.error is not None:
        raise done.error
    keeping = bench.cases().keeping
    session = bench.session()
    short = keeping.read(session, TRANSCRIPT, Transcript)
    long = msgspec.structs.replace(short, turns=turns, sound_s=_TURNS * _TURN_S)
    found = propose(texts, "ru", Cases(keeping).words(long.client).words)
    proposals = Proposals(long.digest(), "", tuple(found))
    keeping.put(session, TRANSCRIPT, msgspec.json.encode(long))
    keeping.put(session, PROPOSALS, msgspec.json.encode(proposals))
    lemmas = Lemmas(long.client, words_of(texts, "ru"))
    keeping.put(session, LEMMAS, msgspec.json.encode(lemmas))
    keeping.put(session, SOUND, _noise())
    return sum(map(len, found))


def _noise() -> bytes:
    """Return 50 minutes of two channels, for the waveform to be drawn of."""
    frames = np.random.default_rng(0).normal(
        0, 900, (round(_TURNS * _TURN_S) * SPEECH_RATE_HZ, 2)
    )
    packed = io.BytesIO()
    soundfile.write(packed, frames.astype(np.int16), SPEECH_RATE_HZ, format="FLAC")
    return packed.getvalue()


def _open(browser: WebDriver, address: str) -> float:
    browser.get(address)
    script: Any = browser.execute_async_script  # type: ignore[no-untyped-call]  # selenium's
    browser.set_script_timeout(60)
    return float(
        script("""
const done = arguments[0];
const wait = (css, then) =>
  document.querySelector(css) ? then() : setTimeout(wait, 5, css, then);
wait("#list tbody tr", () => {
  const began = performance.now();
  document.querySelector("#list tbody tr").click();
  wait(".turn.here", () => requestAnimationFrame(() => done(performance.now() - began)));
});
""")
    )


def _clear(browser: WebDriver) -> tuple[list[float], list[float]]:
    """Press Enter until all is read; return reactions and where the turn in hand stood."""
    script: Any = browser.execute_async_script
    reactions_ms: list[float] = []
    tops: list[float] = []
    progress = "return document.querySelector('#progress').innerText"
    while not str(browser.execute_script(progress)).startswith(f"{_TURNS} "):  # type: ignore[no-untyped-call]  # selenium's
        took_ms, top = script(_PRESS, "Enter")
        reactions_ms.append(float(took_ms))
        tops.append(float(top))
        if len(reactions_ms) > 5 * _TURNS:
            sys.exit("review: the page does not come to an end")
    return reactions_ms, tops
