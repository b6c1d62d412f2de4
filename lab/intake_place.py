"""The server's folder as the lab reaches it: what it took in, and where receipts go.

Two kinds of place keep this protocol: a folder of this computer, and one behind SFTP.
Nothing but receipts is written there, and nothing deleted but what a client withdrew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lab.verify import MANIFEST_FILE, SIGNATURE_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TAKEN_FILE = "intake.json"
_DEVICE = re.compile(r"BOX-[0-9]{4}[0-9A-Z]")
_COPY = re.compile(
    r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(\.attempt-[1-9][0-9]{0,3})?"
)
MAX_RECEIPT_BYTES = 2 << 20
_RECEIPT = re.compile(
    r"([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9a-f]{16}|fleet|clients)\.json(\.sig)?"
)


@dataclass(frozen=True, slots=True)
class Copy:
    """A session as the server took it in once; ``name`` tells which time."""

    device: str
    session: str
    name: str

    @property
    def word(self) -> dict[str, str]:
        """What is fetched first: the path below the intake by the lab's own name."""
        folder = f"{self.device}/{self.name}"
        return {
            TAKEN_FILE: f"{folder}.intake.json",
            MANIFEST_FILE: f"{folder}/{MANIFEST_FILE}",
            SIGNATURE_FILE: f"{folder}/{SIGNATURE_FILE}",
        }


def parse_copy(device: str, name: str) -> Copy | None:
    """Return the copy of that name; None for what the server's mover writes besides."""
    match = _COPY.fullmatch(name)
    if not match or not is_device(device):
        return None
    return Copy(device, match[1], name)


def is_device(name: str) -> bool:
    """Tell whether ``name`` is of the form of a device id."""
    return bool(_DEVICE.fullmatch(name))


def is_receipt(name: str) -> bool:
    """Tell whether a file of that name belongs among a box's receipts."""
    return bool(_RECEIPT.fullmatch(name))


class Place(Protocol):
    """A server's folder; ``name`` tells one from another in the catalogue."""

    @property
    def name(self) -> str:
        """What it is called, as typed after ``--from``."""

    def copies(self) -> tuple[Copy, ...]:
        """Return everything the server took in, sorted; UploadError or LabError if not."""

    def fetch_word(self, copy: Copy, into: Path, *, limits: Mapping[str, int]) -> None:
        """Fetch a copy's files of `Copy.word`, but none of more bytes than its limit."""

    def fetch_files(self, copy: Copy, into: Path, *, sizes: Mapping[str, int]) -> None:
        """Fetch the files of these paths, durably and whole.

        One that is not there, or not of that size, is left out. What lies in ``into``
        from an earlier call that was cut off is used.
        """

    def receipts(self, device: str) -> Mapping[str, bytes] | None:
        """Return the receipts of a box by name; None where it has no folder."""

    def put_receipts(self, device: str, files: Mapping[str, bytes]) -> None:
        """Write these files in their order, each in one step, over what is there."""

    def delete(self, copy: Copy) -> None:
        """Delete a copy whose client took the consent back; UploadError or LabError."""
