"""The session sheet as it lies sealed, and whose session it says this is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.integrity import Problem, ProblemCode
from lab.ownership import Owner
from lab.verify import SHEET_FILE, Checked
from recorder.errors import FormatError, ManifestError, OpenError
from recorder.format.sheet import SessionSheet, parse_sheet

if TYPE_CHECKING:
    from lab.vault import Vault


def read_sheet(checked: Checked, vault: Vault) -> tuple[SessionSheet | None, list[Problem]]:
    """Return the session sheet, or what is wrong with it."""
    if SHEET_FILE not in checked.sealed:
        if checked.manifest is not None and SHEET_FILE in checked.manifest.files:
            return None, []  # named as missing already
        text = "the session has no sheet"
        return None, [Problem(code="missing", path=SHEET_FILE, text=text)]
    sound = vault.open_file(SHEET_FILE)
    code: ProblemCode = "unsound"
    problem = sound.problem
    if not problem:
        try:
            return parse_sheet(b"".join(piece.content for piece in sound.pieces)), []
        except FormatError as error:
            code, problem = "unreadable", error.message
    return None, [Problem(code=code, path=SHEET_FILE, text=problem)]


def owner_of(checked: Checked, sheet: SessionSheet | None) -> Owner:
    """Return whose session it is by manifest, folder name and sheet, which must agree."""
    if sheet is None:
        if not checked.session:
            raise OpenError(
                f"{checked.folder}: nothing tells which session this is",
                hint="give the folder the session's uuid as its name",
            )
        return Owner(checked.device, checked.session)
    owner = Owner(sheet.device, str(sheet.session))
    if owner.session != (checked.session or owner.session):
        raise ManifestError(
            f"{SHEET_FILE} belongs to session {owner.session}, not to {checked.session}"
        )
    if owner.device != (checked.device or owner.device):
        raise ManifestError(
            f"{SHEET_FILE} belongs to {owner.device}, not to {checked.device}"
        )
    return owner
