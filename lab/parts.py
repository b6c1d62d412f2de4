"""One part of a session: its two files as far as they can be had.

A sealed file that is whole is enough. Otherwise what is sound of it is joined with what
the part's journal holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from lab.journal_reader import Journal
from lab.pieces import Piece, holes, join
from lab.vault import Sound, Vault
from recorder.errors import FormatError, IdentityError
from recorder.format.age import CHUNK_BYTES

if TYPE_CHECKING:
    from lab.integrity import ProblemCode
    from lab.verify import PartFiles

_NOT_THERE = "the part has no such file"


@dataclass(frozen=True, slots=True)
class Recovered:
    """The runs of one file of a part.

    ``is_whole``: nothing up to the last tick is missing. ``has_end``: if anything is
    missing, then not at the end. ``problem`` says what is wrong with a file not whole.
    """

    path: str
    runs: tuple[Piece, ...]
    is_whole: bool
    has_end: bool
    from_journal: bool = False
    problem: str = ""
    code: ProblemCode = "unsound"


class Part:
    """One part; its files are opened when asked for and not kept."""

    def __init__(self, files: PartFiles, vault: Vault, session: str) -> None:
        self.number = files.number
        self.files = files
        self._vault = vault
        self._session = session

    def recover(self, stream: Literal["eeg", "audio"]) -> Recovered:
        """Return the runs of ``eeg.xdf`` or ``audio.flac``."""
        path = self.files.eeg if stream == "eeg" else self.files.audio
        sound = self._vault.open_file(path) if path else Sound(problem=_NOT_THERE)
        if not sound.problem:
            return Recovered(path, join(sound.pieces), is_whole=True, has_end=True)
        journal = self._journal
        if not isinstance(journal, Journal):
            return self._without_journal(path, sound, journal)
        pieces = journal.eeg if stream == "eeg" else journal.audio
        runs = join((*sound.pieces, *pieces))
        return Recovered(
            path=path or self.files.journal,
            runs=runs,
            is_whole=self._is_whole(path, runs, pieces),
            has_end=_has_final_chunk(sound) or self.files.is_open,
            from_journal=bool(pieces),
            problem=sound.problem,
        )

    def forget(self) -> None:
        """Let go of the journal's bytes."""
        self.__dict__.pop("_journal", None)

    def _is_whole(
        self, path: str, runs: tuple[Piece, ...], journal: tuple[Piece, ...]
    ) -> bool:
        """Tell whether ``runs`` are all that was ever on the medium of a file not sound.

        Without any byte there was no such file: no microphone, or the power went before
        the first tick. Closing begins long after it, so a half-written file without
        records is a loss. A part never closed ends with its last tick.
        """
        if not runs:
            return not path
        return self.files.is_open and bool(journal) and not holes(runs)

    @cached_property
    def _journal(self) -> Journal | FormatError | IdentityError:
        if not self.files.journal:
            return Journal()
        try:
            return self._vault.open_journal(
                self.files.journal, session=self._session, part=self.number
            )
        except (FormatError, IdentityError) as error:
            return error

    def _without_journal(
        self, path: str, sound: Sound, why: FormatError | IdentityError
    ) -> Recovered:
        return Recovered(
            path=self.files.journal,
            runs=join(sound.pieces),
            is_whole=False,
            has_end=_has_final_chunk(sound),
            problem=f"{path or 'the part'}: {sound.problem}; its journal: {why.message}",
            code="journal",
        )


def _has_final_chunk(sound: Sound) -> bool:
    """Tell whether the end of a file is there: only the final age chunk may be short."""
    return bool(sound.pieces) and len(sound.pieces[-1].content) < CHUNK_BYTES
