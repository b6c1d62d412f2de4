"""What may be claimed about the recording: from what reached the medium, nothing else."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from recorder.clock import NS_PER_S

if TYPE_CHECKING:
    from recorder.protocol.state import State

SAVED_LIMIT_S = 2.0
NEWS_LIMIT_S = 2.0


class Claim(StrEnum):
    """The recording, as a person may rely on it."""

    UNKNOWN = "unknown"  # the recorder is away, or tells nothing
    IDLE = "idle"  # nothing is to be recorded now
    STARTING = "starting"  # begun, nothing on the medium yet, and none due yet
    RECORDING = "recording"
    PAUSED = "paused"
    NOT_SAVING = "not_saving"  # it should record, and nothing reaches the medium


def judge(state: State | None, *, news_age_ns: int) -> Claim:
    """Return what is known to be so, given that ``state`` came ``news_age_ns`` ago."""
    news_age_s = news_age_ns / NS_PER_S
    if state is None or news_age_s > NEWS_LIMIT_S:
        return Claim.UNKNOWN
    if state.phase == "paused":
        return Claim.PAUSED
    if state.phase != "recording" or state.session is None:
        return Claim.IDLE
    return _judge_saving(state, news_age_s)


def _judge_saving(state: State, news_age_s: float) -> Claim:
    session = state.session
    refused = any(alarm.id == "not_saved" and alarm.lasting for alarm in state.alarms)
    if session is None or refused:
        return Claim.NOT_SAVING
    if session.saved_ago_s is None:
        young = session.elapsed_s + news_age_s < SAVED_LIMIT_S
        return Claim.STARTING if young else Claim.NOT_SAVING
    fresh = session.saved_ago_s + news_age_s < SAVED_LIMIT_S
    return Claim.RECORDING if fresh else Claim.NOT_SAVING
