"""Whose part a file is: said inside the sealed XDF and FLAC alike.

So that signed ciphertext of one session can't be passed off as another's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from recorder.errors import FormatError

_DEVICE = re.compile(r"[A-Z0-9-]{1,32}")
_IDENTITY = re.compile(
    r"device=([A-Z0-9-]{1,32}) session=([0-9a-f-]{36}) part=([0-9]{1,9})"
    r" first_frame=([0-9]{1,18})"
)


@dataclass(frozen=True, slots=True)
class PartIdentity:
    """Whose part this is; stands inside the sealed XDF and FLAC alike.

    ``first_frame`` is the number of the part's first audio frame in the session.
    """

    device: str
    session: UUID
    part: int
    first_frame: int

    def __post_init__(self) -> None:
        """Refuse what `from_text` could not read back."""
        if not _DEVICE.fullmatch(self.device):
            raise FormatError(f"device id {self.device!r}: allowed are A-Z, 0-9 and -")
        if not (1 <= self.part < 10**9 and 0 <= self.first_frame < 10**18):
            raise FormatError(
                f"part {self.part} from frame {self.first_frame}: parts count from 1,"
                " frames from 0"
            )

    def to_text(self) -> str:
        """Return it as FLAC's Vorbis comment FIELDREC holds it."""
        return " ".join(f"{name}={value}" for name, value in self.to_fields().items())

    def to_fields(self) -> dict[str, str]:
        """Return it as the XDF FileHeader's elements."""
        return {
            "device": self.device,
            "session": str(self.session),
            "part": str(self.part),
            "first_frame": str(self.first_frame),
        }

    @classmethod
    def from_text(cls, text: str) -> PartIdentity:
        """Read what `to_text` wrote, or raise FormatError."""
        match = _IDENTITY.fullmatch(text)
        if not match:
            raise FormatError("the part's identity is not readable")
        device, session, part, first_frame = match.groups()
        try:
            uuid = UUID(session)
        except ValueError:
            raise FormatError("the part's identity names no session") from None
        return cls(device, uuid, int(part), int(first_frame))
