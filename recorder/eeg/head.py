"""Where electrodes sit on the head, seen from above, nose up: for the picture of the fit.

Places follow the 10-20 and 10-10 systems. A label that is in neither (a board whose
electrodes are free) gets a place on a circle, in the order of the channels.
"""

from __future__ import annotations

import math

# Degrees clockwise from the nose, and the distance from the vertex (0.8: the ring of
# Fpz-T7-Oz; 1: the ears).
_POLAR = {
    "FPZ": (0, 0.8),
    "FP1": (-18, 0.8),
    "FP2": (18, 0.8),
    "AF7": (-36, 0.8),
    "AF8": (36, 0.8),
    "AF3": (-22, 0.64),
    "AF4": (22, 0.64),
    "AFZ": (0, 0.6),
    "F7": (-54, 0.8),
    "F8": (54, 0.8),
    "F5": (-48, 0.64),
    "F6": (48, 0.64),
    "F3": (-39, 0.52),
    "F4": (39, 0.52),
    "F1": (-22, 0.43),
    "F2": (22, 0.43),
    "FZ": (0, 0.4),
    "FT7": (-72, 0.8),
    "FT8": (72, 0.8),
    "FC5": (-69, 0.6),
    "FC6": (69, 0.6),
    "FC3": (-62, 0.43),
    "FC4": (62, 0.43),
    "FC1": (-45, 0.28),
    "FC2": (45, 0.28),
    "FCZ": (0, 0.2),
    "T7": (-90, 0.8),
    "T8": (90, 0.8),
    "C5": (-90, 0.6),
    "C6": (90, 0.6),
    "C3": (-90, 0.4),
    "C4": (90, 0.4),
    "C1": (-90, 0.2),
    "C2": (90, 0.2),
    "CZ": (0, 0.0),
    "TP7": (-108, 0.8),
    "TP8": (108, 0.8),
    "TP9": (-108, 1.0),
    "TP10": (108, 1.0),
    "CP5": (-111, 0.6),
    "CP6": (111, 0.6),
    "CP3": (-118, 0.43),
    "CP4": (118, 0.43),
    "CP1": (-135, 0.28),
    "CP2": (135, 0.28),
    "CPZ": (180, 0.2),
    "P7": (-126, 0.8),
    "P8": (126, 0.8),
    "P5": (-132, 0.64),
    "P6": (132, 0.64),
    "P3": (-141, 0.52),
    "P4": (141, 0.52),
    "P1": (-158, 0.43),
    "P2": (158, 0.43),
    "PZ": (180, 0.4),
    "PO7": (-144, 0.8),
    "PO8": (144, 0.8),
    "PO3": (-158, 0.64),
    "PO4": (158, 0.64),
    "POZ": (180, 0.6),
    "O1": (-162, 0.8),
    "O2": (162, 0.8),
    "OZ": (180, 0.8),
    "A1": (-90, 1.0),
    "A2": (90, 1.0),
}
_OLD_NAMES = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}
_FREE = 0.6  # distance of electrodes that have no place of their own


def places(labels: tuple[str, ...]) -> tuple[tuple[float, float], ...]:
    """Return x and y of each label, -1 to 1, nose up; where one is unknown, of none."""
    names = [_OLD_NAMES.get(label.upper(), label.upper()) for label in labels]
    if all(name in _POLAR for name in names):
        return tuple(_xy(*_POLAR[name]) for name in names)
    return tuple(_xy(360 * n / len(names), _FREE) for n in range(len(names)))


def _xy(degrees: float, distance: float) -> tuple[float, float]:
    angle = math.radians(degrees)
    return round(distance * math.sin(angle), 3), round(distance * math.cos(angle), 3)
