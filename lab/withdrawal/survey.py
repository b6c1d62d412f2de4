"""Everything the lab has or made of one client, before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lab.archive import Archive
from lab.clients import read_register
from recorder.errors import ClientCodeError
from recorder.files import read_private
from recorder.identifiers import parse_client_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.catalogue import Catalogue
    from lab.catalogue_rows import SessionRow
    from lab.copies_tables import CopyRow, GrantRow
    from lab.settings import Lab


@dataclass(frozen=True, slots=True)
class Holdings:
    """What there is of a client: sessions, folders of them, copies, grants.

    ``label`` is the client's name in datasets, empty where there never was one;
    ``elsewhere`` are copies whose path is not there any more: somebody moved them;
    ``certified`` are sessions that an earlier certificate names: what could not be reached
    then is looked for again.
    """

    client: str
    label: str
    sessions: tuple[SessionRow, ...]
    folders: tuple[Path, ...]
    copies: tuple[CopyRow, ...]
    elsewhere: tuple[CopyRow, ...]
    grants: tuple[GrantRow, ...]
    certified: frozenset[str] = frozenset()

    @property
    def uuids(self) -> frozenset[str]:
        """The sessions' names, those of earlier certificates among them."""
        return self.certified | {row.session for row in self.sessions}


class _Certified(msgspec.Struct, frozen=True):
    """What of a certificate is looked for again."""

    sessions: tuple[dict[str, str], ...]


def certificates(lab: Lab, code: str) -> list[Path]:
    """Return the certificates of a client's withdrawals; the first one first."""
    folder = lab.root / "withdrawals"
    return sorted(folder.glob(f"{code}-*.json"), key=lambda path: (len(path.name), path))


def find_holdings(lab: Lab, catalogue: Catalogue, client: str) -> Holdings:
    """Return what there is of ``client``; ClientCodeError for a code nobody was given."""
    code = parse_client_code(client)
    facts = [row for row in catalogue.study.facts() if row.facts.client == code]
    register = read_register(lab)
    known = {*register.pool, *register.clients, *register.blocked}
    if not facts and code not in known:
        raise ClientCodeError(
            "this client code was never given out by this lab",
            hint="read it again from the client's card",
        )
    sessions = {row.session for row in facts}
    certified = frozenset(_certified(lab, code))
    uuids = sessions | certified
    copies = [row for row in catalogue.whereabouts.copies() if row.sessions & uuids]
    subject = catalogue.study.subjects().get(code)
    return Holdings(
        client=code,
        label=subject.label if subject else "",
        sessions=tuple(row for row in catalogue.sessions() if row.session in sessions),
        folders=tuple(_folders(Archive(lab.root), uuids)),
        copies=tuple(row for row in copies if Path(row.path).exists()),
        elsewhere=tuple(row for row in copies if not Path(row.path).exists()),
        grants=tuple(g for g in catalogue.whereabouts.grants() if g.sessions & uuids),
        certified=certified,
    )


def _certified(lab: Lab, code: str) -> Iterator[str]:
    """Yield the sessions in the certificates of earlier withdrawals of this client."""
    for path in certificates(lab, code):
        told = msgspec.json.decode(read_private(path), type=_Certified)
        yield from (session["session"] for session in told.sessions)


def _folders(archive: Archive, uuids: set[str]) -> list[Path]:
    """Return every file and folder in the lab that is named after one of the sessions."""
    places = (archive.sessions, archive.quarantine, archive.incoming)
    return sorted(
        path for place in places for uuid in uuids for path in place.glob(f"*/*{uuid}*")
    )
