"""BrainFlow's exit codes in sentences that say what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.eeg.messages import NO_DRIVER
from recorder.errors import (
    FieldrecError,
    HeadsetError,
    PlaybackFileError,
    SetupError,
    UnknownHeadsetError,
)

if TYPE_CHECKING:
    from recorder.eeg.messages import Refused, Task
    from recorder.eeg.montage import Board

# brainflow/exit_codes.py, BrainFlowExitCodes
_PORT_TAKEN = 1
_NO_PORT = 2
_NOT_READY = 7
_BAD_ARGUMENTS = 13
_UNSUPPORTED = 14

_WIRED = {
    _PORT_TAKEN: ("port {where} is already open", "close the other program"),
    _NO_PORT: (
        "port {where} can't be opened",
        "plug the dongle in, close other programs, and add this user to group dialout",
    ),
    _NOT_READY: (
        "the dongle at {where} answers, the board does not",
        "switch the board on, bring it near the dongle, check its battery",
    ),
}
_WIRELESS = {
    _NO_PORT: ("no Bluetooth adapter", "plug one in or switch it on (rfkill)"),
    _NOT_READY: (
        "{where} was not found over Bluetooth",
        "switch the headset on, charge it, and disconnect it from the phone",
    ),
}
_EITHER = {
    _BAD_ARGUMENTS: ("the driver does not accept address {where}", "check the address"),
    _UNSUPPORTED: (
        "this build of BrainFlow has no driver for it",
        "build BrainFlow with BUILD_BLE, BUILD_BLUETOOTH and BUILD_PERIPHERY",
    ),
}


def refusal(board: Board, task: Task, refused: Refused) -> FieldrecError:
    """Turn a refusal of the board's process into our error."""
    if refused.code == NO_DRIVER:
        return SetupError(
            f"BrainFlow does not load: {refused.text}",
            hint="its wheel is for x86-64 only; on other machines build it from source",
        )
    if task.file:
        return PlaybackFileError(
            f"playback file {task.file} does not fit {board.name}: {refused.text}",
            hint="play it as the board that recorded it, in BrainFlow's format",
        )
    wireless = board.link in {"ble", "bluetooth"}
    known = _EITHER | (_WIRELESS if wireless else _WIRED)
    if refused.code not in known:
        return HeadsetError(
            f"{board.model}: {refused.text}", hint="switch it off and on, try again"
        )
    sentence, hint = known[refused.code]
    where = task.address or "any headset"
    missing = refused.code == _NOT_READY and wireless
    kind = UnknownHeadsetError if missing else HeadsetError
    return kind(f"{board.model}: {sentence.format(where=where)}", hint=hint)
