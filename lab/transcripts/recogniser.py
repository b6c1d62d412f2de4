"""The one door to sherpa-onnx: write down what is said, turn by turn, on this machine.

Each heard turn is recognised by itself, on the channel of who was heard, so the speaker
needs no voice model. Nothing is ever sent anywhere.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import soundfile

from lab.transcripts.model import TimedWord
from lab.transcripts.model_folder import ModelFolder
from lab.transcripts.placing import PlacedCue
from recorder.errors import ModelError, SetupError, TranscriptError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from lab.transcripts.heard import HeardTurn, Sound

__all__ = ["ModelFolder", "recognise", "recognise_apart"]

_RATE_HZ: Final = 16_000
_LONGEST_S: Final = 25.0  # whisper hears 30 s at once
_MARGIN_S: Final = 0.2  # a word's edge is quieter than its middle
_WORD_STARTS: Final = ("\u2581", " ")
_LAST_TOKEN_S: Final = 0.2


def recognise_apart(model: ModelFolder, path: Path, heard: Sound) -> tuple[PlacedCue, ...]:
    """Do as `recognise`, in a process of its own: sherpa-onnx ends it for some models."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(recognise, model, path, heard).result()
        except BrokenProcessPool:
            raise ModelError(
                f"the recogniser broke down over the model {model.name}",
                hint="its files lack what sherpa-onnx needs, or the memory was too small",
            ) from None


def recognise(model: ModelFolder, path: Path, heard: Sound) -> tuple[PlacedCue, ...]:
    """Return what was said in each heard turn of the sound in ``path``.

    Raises ModelError for a model that does not load, TranscriptError where nothing is said.
    """
    recogniser = _load(model)
    cues = []
    with soundfile.SoundFile(path) as file:
        for turn in _short_turns(heard.turns):
            start_s = max(0.0, turn.start_s - _MARGIN_S)
            samples = _samples(file, turn, start_s)
            stream = recogniser.create_stream()
            stream.accept_waveform(_RATE_HZ, samples)
            recogniser.decode_stream(stream)
            cue = _cue(stream.result, turn, start_s)
            if cue is not None:
                cues.append(cue)
    if not cues:
        raise TranscriptError(
            f"the model {model.name} heard no words in {len(heard.turns)} turns",
            hint="is it a model of the language that is spoken?",
        )
    return tuple(cues)


def _load(model: ModelFolder) -> Any:  # noqa: ANN401 - sherpa-onnx has no types
    try:
        import sherpa_onnx  # noqa: PLC0415 - an extra of its own
    except ImportError as error:
        raise SetupError(
            "sherpa-onnx is not installed",
            hint="install fieldrec with the extra [transcripts], or bring a file: --import",
        ) from error
    files = {role: str(path) for role, path in model.files.items()}
    recognisers = sherpa_onnx.OfflineRecognizer
    makers = {
        "transducer": lambda: recognisers.from_transducer(**files),
        "whisper": lambda: recognisers.from_whisper(**files),
        "nemo_ctc": lambda: recognisers.from_nemo_ctc(**files),
        "zipformer_ctc": lambda: recognisers.from_zipformer_ctc(**files),
    }
    try:
        return makers[model.kind]()
    except (RuntimeError, ValueError, TypeError) as error:
        raise ModelError(
            f"the model {model.name} does not load as {model.kind}: {error}",
            hint="its files are of another kind or another version of sherpa-onnx",
        ) from error


def _short_turns(turns: tuple[HeardTurn, ...]) -> Iterator[HeardTurn]:
    """Yield turns, long ones in equal pieces."""
    for turn in turns:
        n_pieces = max(1, int(np.ceil((turn.end_s - turn.start_s) / _LONGEST_S)))
        edges_s = np.linspace(turn.start_s, turn.end_s, n_pieces + 1).tolist()
        for start_s, end_s in pairwise(edges_s):
            yield type(turn)(start_s, end_s, turn.speaker)


def _samples(
    file: soundfile.SoundFile, turn: HeardTurn, start_s: float
) -> NDArray[np.float32]:
    import soxr  # noqa: PLC0415 - loads slowly

    rate_hz = file.samplerate
    file.seek(round(start_s * rate_hz))
    n_frames = round((turn.end_s + _MARGIN_S - start_s) * rate_hz)
    frames = file.read(n_frames, np.float32, always_2d=True)
    channel = 1 if turn.speaker == "therapist" and frames.shape[1] > 1 else 0
    heard = soxr.resample(frames[:, channel], rate_hz, _RATE_HZ)
    return np.ascontiguousarray(heard, np.float32)


def _cue(result: Any, turn: HeardTurn, start_s: float) -> PlacedCue | None:  # noqa: ANN401 - sherpa-onnx has no types
    text = " ".join(str(result.text).split())
    if not any(character.isalnum() for character in text):
        return None
    words = _words(list(result.tokens), list(result.timestamps), text, start_s, turn.end_s)
    pieces = words or (TimedWord(0, len(text), turn.start_s, turn.end_s),)
    return PlacedCue(text, turn.start_s, turn.end_s, turn.speaker, pieces)


def _words(
    tokens: list[str], stamps_s: list[float], text: str, start_s: float, end_s: float
) -> tuple[TimedWord, ...]:
    """Return each word's place in ``text`` and time; nothing where tokens don't make it."""
    if len(tokens) != len(stamps_s) or not tokens:
        return ()
    spelt: list[tuple[str, float]] = []
    for token, stamp_s in zip(tokens, stamps_s, strict=True):
        begins = token.startswith(_WORD_STARTS) or not spelt
        letters = token.strip("\u2581 ")
        if begins:
            spelt.append((letters, stamp_s))
        else:
            spelt[-1] = (spelt[-1][0] + letters, spelt[-1][1])
    spelt = [word for word in spelt if word[0]]
    if [word for word, _ in spelt] != text.split():
        return ()
    words, at = [], 0
    for n, (word, stamp_s) in enumerate(spelt):
        begin = text.find(word, at)
        at = begin + len(word)
        following_s = spelt[n + 1][1] if n + 1 < len(spelt) else end_s - start_s
        until_s = start_s + max(following_s, stamp_s + _LAST_TOKEN_S)
        words.append(TimedWord(begin, at, start_s + stamp_s, until_s))
    return tuple(words)
