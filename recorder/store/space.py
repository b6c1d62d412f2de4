"""How many minutes still fit.

The estimate is what a loud session takes, not a quiet one: FLAC of noise does not get
smaller, so a therapist is never promised minutes that are not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.errors import StoreSpaceError
from recorder.format.journal import JOURNAL_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.audio.source import AudioFormat
    from recorder.eeg.montage import Board
    from recorder.store.disk import Disk

# Two journals, and one more that a failed part may keep.
_RESERVE_BYTES = 3 * JOURNAL_BYTES
_STAMP_AND_CLOCK_BYTES = 60  # a stamp and its packet's clock row, for each sample
_LOUD_SHARE = 0.9


def bytes_per_minute(board: Board, audio: AudioFormat | None) -> int:
    """Return what a minute of a loud session takes on the disk."""
    eeg = board.rate_hz * (4 * board.n_channels + _STAMP_AND_CLOCK_BYTES)
    sound = 0.0
    if audio is not None:
        sound = audio.rate_hz * audio.n_channels * audio.bits / 8 * _LOUD_SHARE
    return round((eeg + sound) * 60)


def free_minutes(
    disk: Disk,
    sessions: Path,
    *,
    board: Board,
    audio: AudioFormat | None,
    deletable_bytes: int = 0,
) -> float:
    """Return how many minutes fit beside the reserve. Raises OSError.

    ``deletable_bytes`` are those of sessions that the lab verified: they go when space is
    needed. Who counts on them must delete them; see `recorder.store.receipts`.
    """
    free = disk.free_bytes(sessions) + deletable_bytes - _RESERVE_BYTES
    return max(0.0, free / bytes_per_minute(board, audio))


def check_fits(free_min: float, needed_min: float) -> None:
    """Refuse a session that would not fit."""
    if free_min < needed_min:
        raise StoreSpaceError(
            f"the store has room for {int(free_min)} minutes, {needed_min:.0f} are needed",
            hint="connect the box to the internet so that it can send and delete sessions",
        )
