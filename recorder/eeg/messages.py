"""What the recorder and a board's process say to each other.

The task goes in once, as JSON on the command line; answers come back on its stdout as
MessagePack with four bytes of length before each. Arrays travel as the bytes they are.
"""

from __future__ import annotations

import msgspec

BAD_FILE = 0  # found before BrainFlow was asked
NO_DRIVER = -1  # BrainFlow's library does not load on this machine
_LENGTH_BYTES = 4


class Task(msgspec.Struct, frozen=True):
    """Which board to read, and how to reach it; empty = BrainFlow's own choice."""

    board: str
    serial_port: str = ""
    mac_address: str = ""
    serial_number: str = ""
    file: str = ""  # played back as ``board`` recorded it

    @property
    def address(self) -> str:
        """Where the headset is, in one word."""
        return self.file or self.serial_port or self.mac_address or self.serial_number


class Started(msgspec.Struct, frozen=True, tag=True):
    """The board is prepared and streams; ``firmware`` is empty where it doesn't tell."""

    driver: str
    firmware: str = ""


class Rows(msgspec.Struct, frozen=True, tag=True):
    """Rows of one poll: int64 counters, float64 stamps, float32 microvolts."""

    polled_ns: int
    host_ns: int  # with wall_ns: the pair these rows' stamps are to be read with
    wall_ns: int
    counter: bytes
    stamp_s: bytes
    samples_uv: bytes  # channel after channel
    battery_percent: float | None


class Refused(msgspec.Struct, frozen=True, tag=True):
    """BrainFlow's exit code (or one of ours, not above 0) and what it says."""

    code: int
    text: str


class Ended(msgspec.Struct, frozen=True, tag=True):
    """Nothing more will come: a played back file is over."""

    reason: str


Message = Started | Rows | Refused | Ended
_decoder = msgspec.msgpack.Decoder(Message)


def to_frame(message: Message) -> bytes:
    """Return ``message`` with its length before it."""
    packed = msgspec.msgpack.encode(message)
    return len(packed).to_bytes(_LENGTH_BYTES, "big") + packed


class FrameReader:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, new: bytes) -> list[Message]:
        """Take ``new`` bytes; return the messages they complete."""
        self._rest += new
        messages: list[Message] = []
        while len(self._rest) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(self._rest[:_LENGTH_BYTES], "big")
            if len(self._rest) < end:
                break
            messages.append(_decoder.decode(self._rest[_LENGTH_BYTES:end]))
            self._rest = self._rest[end:]
        return messages
