"""Sends what a headset, a microphone and a therapist would, over the lab streaming layer.

Run as a program of its own; stops when its standard input closes. It does the least a
sender can do: chunks made beforehand, pushed at the right moments.
"""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pylsl

EEG, AUDIO, MARKERS = "fieldrec-bench-eeg", "fieldrec-bench-audio", "fieldrec-bench-marks"
_TURN_S = 0.01
_AUDIO_FRAMES, _EEG_ROWS = 480, 10
_TURNS_PER_EEG, _TURNS_PER_MARK = 4, 100
_CHUNKS = 64  # made beforehand and sent in turns


def main() -> None:
    """Send until standard input closes."""
    stop = threading.Event()
    threading.Thread(target=_wait_for_the_end, args=[stop], daemon=True).start()
    eeg = pylsl.StreamOutlet(
        pylsl.StreamInfo(EEG, "EEG", 8, 250, "float32", EEG), _EEG_ROWS
    )
    audio = pylsl.StreamOutlet(
        pylsl.StreamInfo(AUDIO, "Audio", 2, 48_000, "int16", AUDIO), _AUDIO_FRAMES
    )
    marks = pylsl.StreamOutlet(
        pylsl.StreamInfo(MARKERS, "Markers", 1, 0, "string", MARKERS)
    )
    rng = np.random.default_rng(1)
    rows_uv = rng.normal(0, 20, (_CHUNKS, _EEG_ROWS, 8)).astype(np.float32)
    frames = rng.normal(0, 300, (_CHUNKS, _AUDIO_FRAMES, 2)).astype(np.int16)
    print("sending", flush=True)
    start_s, turn = pylsl.local_clock(), 0
    while not stop.is_set():
        turn += 1
        time.sleep(max(0.0, start_s + turn * _TURN_S - pylsl.local_clock()))
        audio.push_chunk(frames[turn % _CHUNKS])
        if turn % _TURNS_PER_EEG == 0:
            eeg.push_chunk(rows_uv[turn % _CHUNKS])
        if turn % _TURNS_PER_MARK == 0:
            marks.push_sample(["insight"])


def _wait_for_the_end(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


if __name__ == "__main__":
    main()
