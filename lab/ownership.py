"""Whose part it is: what stands inside each sealed file, against folder and manifest.

Anybody can seal something for the lab, and another box can sign what it found. So each
file says inside which device, session and part it belongs to; one that says otherwise,
or nothing, was swapped in and refuses the whole session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from lab.plain_xml import parse_xml
from recorder.errors import FormatError, ManifestError
from recorder.format.streams import PartIdentity

if TYPE_CHECKING:
    from lab.flac_reader import FlacFile
    from lab.xdf_reader import XdfFile

_HINT = "somebody put another file in its place: look into who could"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose session it is; ``device`` is empty where nothing told it yet."""

    device: str
    session: str

    def check(self, identity: PartIdentity, *, part: int, path: str) -> None:
        """Raise ManifestError unless ``identity`` is this owner's ``part``."""
        pairs = (
            ("session", str(identity.session), self.session),
            ("device", identity.device, self.device or identity.device),
            ("part", identity.part, part),
        )
        for name, inside, expected in pairs:
            if inside != expected:
                raise ManifestError(
                    f"{path} belongs to {name} {inside}, not to {expected}", hint=_HINT
                )


def identity_of_xdf(file: XdfFile, path: str) -> PartIdentity:
    """Return whose an XDF file is, by its FileHeader; ManifestError where it is silent."""
    try:
        info = parse_xml(file.file_header or b"")
        return PartIdentity(
            device=info.findtext("device", ""),
            session=UUID(info.findtext("session", "")),
            part=int(info.findtext("part", "")),
            first_frame=int(info.findtext("first_frame", "")),
        )
    except (ValueError, FormatError):
        raise ManifestError(f"{path} does not say whose it is", hint=_HINT) from None


def identity_of_flac(file: FlacFile, path: str) -> PartIdentity:
    """Return whose a FLAC file is, by its FIELDREC tag; ManifestError where silent."""
    try:
        return PartIdentity.from_text(file.head.tag or "")
    except FormatError:
        raise ManifestError(f"{path} does not say whose it is", hint=_HINT) from None
