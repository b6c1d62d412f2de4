"""Through alsa-lib itself: exact formats, losses that are told, overruns that are counted.

The sound card is a plugin of alsa-lib (testcard.c): what it can do and when it breaks is
the test's to say; everything between it and us is real.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recorder.audio.microphone import AlsaMicrophone
from recorder.audio.source import AudioBlock, AudioConnected, AudioFormat, AudioLost
from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import (
    MicrophoneBusyError,
    MicrophoneError,
    MicrophoneFormatError,
    NoSuchMicrophoneError,
)
from tests.heard import Heard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from recorder.audio.source import AudioEvent
    from tests.testcard import TestCards

MONO = AudioFormat()
MONO_24 = AudioFormat(bits=24)


@pytest.fixture
def heard() -> Iterator[Heard]:
    """Give a callee whose microphones are stopped in the end."""
    heard = Heard()
    yield heard
    for microphone in _started:
        microphone.stop()
    _started.clear()


_started: list[AlsaMicrophone] = []


def start(pcm: str, heard: Heard, fmt: AudioFormat = MONO) -> AlsaMicrophone:
    microphone = AlsaMicrophone(pcm, fmt)
    _started.append(microphone)
    microphone.start(heard)
    return microphone


def hardware_frames(heard: Heard) -> NDArray[np.int64]:
    """Return the test card's frame counts from its samples, made to grow without end."""
    counts = heard.frames[:, 0].astype(np.int64)
    steps = np.diff(counts) % 2**15
    return np.concatenate([[0], np.cumsum(steps)])


@pytest.mark.parametrize("layout", ["S24_3LE", "S24_LE", "S32_LE"])
def test_24_bit_is_read_in_whichever_layout_the_card_has(
    cards: TestCards, heard: Heard, layout: str
) -> None:
    microphone = start(
        cards.add("wide", format=layout, channels=2),
        heard,
        AudioFormat(bits=24, n_channels=2),
    )
    heard.wait_for_frames(9600)
    assert microphone.description["layout"] == layout
    frames = heard.frames
    assert frames.dtype == np.int32
    assert not np.any(frames & 0xFF)
    assert set((np.diff(frames[:, 0] >> 8) % 2**15).tolist()) == {1}
    assert np.array_equal(frames[:, 0], -frames[:, 1])


def test_16_bit_frames_come_in_order_without_a_gap(cards: TestCards, heard: Heard) -> None:
    start(cards.add("narrow"), heard)
    heard.wait_for_frames(24_000)
    assert set(np.diff(hardware_frames(heard)).tolist()) == {1}
    assert heard.blocks[-1].xruns == 0


def test_the_buffer_is_2_seconds_of_20_ms_periods_where_the_card_allows(
    cards: TestCards, heard: Heard
) -> None:
    microphone = start(cards.add("roomy"), heard)
    heard.wait_for_frames(24_000)
    assert microphone.description == {
        "kind": "alsa",
        "pcm": "roomy",
        "layout": "S16_LE",
        "significant_bits": "16",
        "period_frames": "960",
        "buffer_frames": "96000",
        "stamps": "CLOCK_MONOTONIC_RAW",
    }


def test_stamps_belong_to_the_frame_after_those_read_and_waiting(
    cards: TestCards, heard: Heard
) -> None:
    start(cards.add("stamped"), heard)
    heard.wait_for_frames(48_000)
    stamped = [block for block in heard.blocks if block.stamp_ns is not None]
    assert len(stamped) > 30
    late = []
    for block in stamped:
        assert block.stamp_ns is not None
        # The card counts the host clock's own nanoseconds: the next count is known.
        due = block.stamp_ns * 48_000 / NS_PER_S
        count = int(block.frames[-1, 0]) + 1 + block.avail_frames
        late.append((due - count + 2**14) % 2**15 - 2**14)
    assert min(late) >= -1
    # A busy machine may interrupt the card between its pointer and its stamp.
    assert np.median(late) <= 480


@pytest.mark.parametrize(
    ("card", "fmt", "offer"),
    [
        ({"rate": 44_100}, MONO, "44100 Hz"),
        ({"rate": 16_000}, MONO_24, "16000 Hz"),
        ({"format": "S16_LE"}, MONO_24, "S16_LE with 16 significant bits"),
        ({"format": "S32_LE"}, MONO, "S32_LE"),
        ({"channels": 1}, AudioFormat(n_channels=2), "1 channels"),
        ({"channels": 2}, MONO, "2 channels"),
    ],
)
def test_a_format_not_granted_exactly_is_refused_with_what_the_card_offers(
    cards: TestCards,
    heard: Heard,
    card: dict[str, str | int],
    fmt: AudioFormat,
    offer: str,
) -> None:
    with pytest.raises(MicrophoneFormatError, match=f"it offers .*{offer}") as caught:
        start(cards.add("other", **card), heard, fmt)
    assert f"{fmt.rate_hz} Hz, {fmt.bits} bit, {fmt.n_channels} channels" in str(
        caught.value
    )
    assert heard.events == []


@pytest.mark.parametrize("pcm", ["nosuch", "hw:9", "hw:CARD=Gone,DEV=0", "two words, one"])
def test_a_pcm_that_does_not_exist_is_named(
    cards: TestCards, heard: Heard, capfd: pytest.CaptureFixture[str], pcm: str
) -> None:
    assert cards.config.exists()
    with pytest.raises(NoSuchMicrophoneError) as caught:
        start(pcm, heard)
    assert pcm in caught.value.message
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")  # alsa-lib's own lines stay off the terminal


def test_an_unplugged_card_is_told_like_one_that_does_not_exist(
    cards: TestCards, heard: Heard
) -> None:
    cards.break_with("gone")
    with pytest.raises(NoSuchMicrophoneError):
        start(cards.add("unplugged"), heard)


def test_a_microphone_held_by_another_is_busy_until_it_is_stopped(
    cards: TestCards, heard: Heard
) -> None:
    pcm = cards.add_exclusive("only")
    first = start(pcm, heard)
    with pytest.raises(MicrophoneBusyError, match="only: another program holds it"):
        start(pcm, heard)
    first.stop()
    start(pcm, heard)


def test_a_pcm_that_is_faster_than_time_is_no_microphone(heard: Heard) -> None:
    with pytest.raises(MicrophoneError, match="faster than time"):
        start("null", heard)


def test_a_microphone_that_is_silent_from_the_start_is_refused(
    cards: TestCards, heard: Heard
) -> None:
    cards.break_with("mute")
    with pytest.raises(MicrophoneError, match="no frames for 3 s"):
        start(cards.add("dumb"), heard)


def test_an_overrun_is_counted_and_its_loss_can_be_fitted(
    cards: TestCards, heard: Heard
) -> None:
    slept: list[bool] = []

    def busy(event: AudioEvent) -> None:
        heard(event)
        if heard.n_frames > 14_400 and not slept:
            slept.append(True)
            time.sleep(0.3)  # the card's buffer holds 0.1 s

    microphone = AlsaMicrophone(cards.add("small", buffer=4800), MONO)
    _started.append(microphone)
    microphone.start(busy)
    heard.wait_for(lambda heard: any(b.xruns for b in heard.blocks[:-20]))
    microphone.stop()
    lost = np.diff(hardware_frames(heard)) - 1
    assert lost.max() > 4_000
    # xruns grows in the very block before which the frames are missing. A busy machine
    # may add overruns of its own, even two before the same block.
    sizes = [block.frames.shape[0] for block in heard.blocks]
    xruns = np.array([block.xruns for block in heard.blocks])
    assert np.diff(xruns).min() == 0
    grew = np.flatnonzero(np.diff(xruns)) + 1
    begins = np.cumsum([0, *sizes])[grew]
    assert np.flatnonzero(lost).tolist() == (begins - 1).tolist()


def test_frames_that_waited_while_we_were_busy_come_without_loss(
    cards: TestCards, heard: Heard
) -> None:
    slept: list[bool] = []

    def busy(event: AudioEvent) -> None:
        heard(event)
        if heard.n_frames > 9600 and not slept:
            slept.append(True)
            time.sleep(1.0)

    microphone = AlsaMicrophone(cards.add("big"), MONO)
    _started.append(microphone)
    microphone.start(busy)
    began_ns = read_host_ns()
    heard.wait_for_frames(72_000)
    assert read_host_ns() - began_ns < 5 * NS_PER_S
    assert set(np.diff(hardware_frames(heard)).tolist()) == {1}
    assert heard.blocks[-1].xruns == 0


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("gone", "No such device"), ("mute", "no frames"), ("hang", "hangs")],
)
def test_a_loss_is_told_once_and_the_return_too(
    cards: TestCards, heard: Heard, fault: str, reason: str
) -> None:
    start(cards.add("loose"), heard)
    heard.wait_for_frames(9600)
    broken_ns = read_host_ns()
    cards.break_with(fault)
    heard.wait_for_count(AudioLost, 1)
    (lost,) = heard.of(AudioLost)
    assert reason in lost.reason
    assert lost.host_ns - broken_ns < 3 * NS_PER_S
    time.sleep(0.7)  # attempts to open it again must stay silent
    assert isinstance(heard.events[-1], AudioLost)
    cards.break_with("")
    heard.wait_for_count(AudioConnected, 2)
    heard.wait_for_frames(9600)
    news = [type(event) for event in heard.events if not isinstance(event, AudioBlock)]
    assert news == [AudioConnected, AudioLost, AudioConnected]


def test_stop_returns_and_silences_even_a_driver_that_hangs(
    cards: TestCards, heard: Heard
) -> None:
    microphone = start(cards.add("stuck"), heard)
    cards.break_with("hang")
    time.sleep(0.3)
    asked_ns = read_host_ns()
    microphone.stop()
    assert read_host_ns() - asked_ns < 3 * NS_PER_S
    n_events = len(heard.events)
    cards.break_with("")
    time.sleep(0.3)
    assert len(heard.events) == n_events
