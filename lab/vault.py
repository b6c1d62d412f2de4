"""Open a session's sealed files one by one, as far as each is sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.journal_reader import Journal, read_journal, sealed_key
from lab.pieces import Piece
from lab.unseal import unseal, unseal_sound
from recorder.errors import FormatError, IdentityError, ManifestError, OpenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.identity import Identity
    from lab.verify import Checked


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound bytes of one sealed file; ``problem`` is empty where it is whole."""

    pieces: tuple[Piece, ...] = ()
    problem: str = ""


class Vault:
    """Opens files of one checked session with the identities at hand."""

    def __init__(self, checked: Checked, identities: Sequence[Identity]) -> None:
        self._checked = checked
        self._identities = identities

    def check_identity(self) -> None:
        """Raise IdentityError unless at least one file opens with these identities.

        A single file that no identity opens may be damaged; all of them can't be.
        """
        refused: IdentityError | None = None
        for path in self._checked.sealed:
            try:
                if self._has_key_to(path):
                    return
            except IdentityError as error:
                refused = error
            except FormatError:
                continue
        if refused is not None:
            raise refused
        raise OpenError("none of the session's files can be opened: all are damaged")

    def _has_key_to(self, path: str) -> bool:
        content = self._read(path)
        sealed = sealed_key(content) if path.endswith("/journal") else content
        if sealed is None:
            return False
        unseal_sound(sealed, self._identities)
        return True

    def open_file(self, path: str) -> Sound:
        """Return what is sound of a sealed file.

        Raises ManifestError for one that opens whole but was not signed so: damage can't
        do that, somebody replaced it.
        """
        try:
            unsealed = unseal_sound(self._read(path), self._identities)
        except (FormatError, IdentityError) as error:
            return Sound(problem=error.message)
        if unsealed.complete and path in self._checked.differing:
            raise ManifestError(
                f"{path} was replaced: it opens whole, but is not what the box signed",
                hint="fetch the session from the box again, and look into who changed it",
            )
        pieces = tuple(Piece(offset, content) for offset, content in unsealed.pieces)
        return Sound(pieces, unsealed.problem)

    def open_journal(self, path: str, *, session: str, part: int) -> Journal:
        """Read a part's journal; raises FormatError or IdentityError for a lost key."""
        return read_journal(
            self._read(path),
            session=session,
            part=part,
            unseal=lambda sealed: unseal(sealed, self._identities),
        )

    def _read(self, path: str) -> bytes:
        try:
            return (self._checked.folder / path).read_bytes()
        except OSError as error:
            raise FormatError(f"{path} can't be read: {error.strerror}") from error
