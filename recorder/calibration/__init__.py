"""The constant latency of a headset, from pulses that it and a microphone both recorded.

Pure numbers: arrays in, figures out. Used on the bench and by tests, not while recording.
"""

from recorder.calibration.clicks import find_clicks
from recorder.calibration.latency import Figures, Latency, measure_latency, summarise
from recorder.calibration.pulses import find_pulses

__all__ = [
    "Figures",
    "Latency",
    "find_clicks",
    "find_pulses",
    "measure_latency",
    "summarise",
]
