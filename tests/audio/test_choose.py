"""One word chooses a microphone; any other word is refused with what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from recorder.audio.choose import FoundMicrophone, find_microphones, open_microphone
from recorder.audio.source import AudioFormat
from recorder.errors import MicrophoneError, MicrophoneFormatError, NoSuchMicrophoneError
from recorder.simulation import SimulationOptions, Truth

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.audio.source import AudioSource
    from tests.testcard import TestCards


def choose(spec: str, fmt: AudioFormat | None = None) -> AudioSource | None:
    return open_microphone(
        spec, fmt or AudioFormat(), options=SimulationOptions(), truth=Truth(origin_ns=0)
    )


def test_none_means_no_microphone() -> None:
    assert choose("none") is None


def test_only_a_real_pcm_may_hear_a_living_voice(tmp_path: Path) -> None:
    wav = tmp_path / "a:b.wav"
    soundfile.write(wav, np.zeros(10), 48_000, subtype="PCM_16")
    chosen = [choose("simulated"), choose("alsa:hw:1,0"), choose(f"file:{wav}")]
    assert [source is not None and source.simulated for source in chosen] == [
        True,
        False,
        True,
    ]


def test_a_pcm_name_may_hold_colons() -> None:
    source = choose("alsa:hw:CARD=Mic,DEV=0")
    assert source is not None
    assert source.description["pcm"] == "hw:CARD=Mic,DEV=0"


@pytest.mark.parametrize(
    "spec",
    ["", "Simulated", "simulated:", "none ", "alsa", "alsa:", "alsa: ", "file:", "hw:0"],
)
def test_other_words_are_refused_with_what_there_is(spec: str) -> None:
    with pytest.raises(
        NoSuchMicrophoneError, match="there are simulated, alsa:PCM"
    ) as caught:
        choose(spec)
    assert repr(spec) in caught.value.message


@pytest.mark.parametrize("spec", ["simulated", "alsa:hw:0", "none"])
def test_a_format_we_do_not_write_is_refused_at_once(spec: str) -> None:
    with pytest.raises(MicrophoneFormatError):
        choose(spec, AudioFormat(rate_hz=16_000))


def test_errors_are_one_line_and_have_a_hint() -> None:
    with pytest.raises(MicrophoneError) as caught:
        choose("karaoke")
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_the_simulated_microphone_is_always_found_and_last() -> None:
    assert find_microphones()[-1] == FoundMicrophone("simulated", "simulated microphone")


def test_configured_microphones_are_found_and_alsas_own_plugins_are_not(
    cards: TestCards,
) -> None:
    cards.add("couch")
    specs = [found.spec for found in find_microphones()]
    assert "alsa:couch" in specs
    assert not {"alsa:null", "alsa:pulse", "alsa:default", "alsa:jack"} & set(specs)
    assert all(choose(spec) is not None for spec in specs)
