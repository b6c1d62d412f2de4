"""The screen claims a recording only where something reached the medium a moment ago."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.clock import NS_PER_S
from recorder.protocol import state
from tests.tui.staged import HOME, LIVE, at, staged
from tui.claim import SAVED_LIMIT_S, Claim, judge

if TYPE_CHECKING:
    from pathlib import Path

NOT_SAVED = state.Alarm("not_saved", 1)
OVER = state.Alarm("not_saved", 1, lasting=False)  # but nobody has seen it yet


def saved(ago_s: float | None, *, elapsed_s: float = 100.0) -> state.State:
    session = msgspec.structs.replace(LIVE, saved_ago_s=ago_s, elapsed_s=elapsed_s)
    return at("recording", session)


@pytest.mark.parametrize(
    ("told", "news_age_s", "claim"),
    [
        (None, 0.0, Claim.UNKNOWN),
        (saved(0.0), 2.1, Claim.UNKNOWN),
        (HOME, 0.5, Claim.IDLE),
        (at("fit"), 0.5, Claim.IDLE),
        (at("finish"), 0.5, Claim.IDLE),
        (at("paused"), 0.5, Claim.PAUSED),
        (saved(0.4), 0.5, Claim.RECORDING),
        (saved(1.4), 0.5, Claim.RECORDING),
        (saved(1.6), 0.5, Claim.NOT_SAVING),  # what has passed since the news counts
        (saved(2.0), 0.0, Claim.NOT_SAVING),
        (saved(None, elapsed_s=0.3), 0.2, Claim.STARTING),
        (saved(None, elapsed_s=1.9), 0.2, Claim.NOT_SAVING),
        (msgspec.structs.replace(saved(0.1), alarms=(NOT_SAVED,)), 0.0, Claim.NOT_SAVING),
        (msgspec.structs.replace(saved(0.1), alarms=(OVER,)), 0.0, Claim.RECORDING),
    ],
)
def test_what_may_be_claimed(
    told: state.State | None, news_age_s: float, claim: Claim
) -> None:
    assert judge(told, news_age_ns=round(news_age_s * NS_PER_S)) is claim


@given(
    ago_s=st.none() | st.floats(0, 10),
    elapsed_s=st.floats(0, 100),
    news_age_s=st.floats(0, 10),
    phase=st.sampled_from(["home", "fit", "recording", "paused", "finish"]),
)
def test_a_recording_is_never_claimed_of_what_is_older_than_the_limit(
    ago_s: float | None, elapsed_s: float, news_age_s: float, phase: state.Phase
) -> None:
    told = msgspec.structs.replace(saved(ago_s, elapsed_s=elapsed_s), phase=phase)
    claim = judge(told, news_age_ns=round(news_age_s * NS_PER_S))
    if claim is Claim.RECORDING:
        assert phase == "recording"
        assert ago_s is not None
        assert ago_s + news_age_s < SAVED_LIMIT_S + 1e-6


@pytest.mark.parametrize(
    ("told", "sign"),
    [
        (saved(0.4), "-recording"),
        (saved(3.0), "-stopped"),
        (at("paused"), "-paused"),
    ],
)
def test_the_banner_looks_as_it_is(tmp_path: Path, told: state.State, sign: str) -> None:
    async def story() -> None:
        async with staged(tmp_path) as screen:
            await screen.tell(told)
            assert screen.app.screen.query_one("Banner").has_class(sign)

    asyncio.run(story())
