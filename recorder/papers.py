"""What the lab gave a box to work by: its codebook and its study.

They are read anew before each session, since a renewal may have brought others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.errors import BoxError, FormatError
from recorder.format.codebook import default_codebook_text, parse_codebook
from recorder.format.study import Study, parse_study

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.box import Box
    from recorder.format.codebook import Codebook

CODEBOOK_FILE = "codebook.toml"
STUDY_FILE = "study.toml"
# Boxes made before labs had studies have no such file.
_PLAIN_STUDY = Study(name="study", sessions_per_client=5)


def codebook_text(box: Box) -> str:
    """Return the box's codebook as TOML, the product's own where the lab gave none."""
    return _read(box.lab / CODEBOOK_FILE) or default_codebook_text()


def study_text(box: Box) -> str:
    """Return the box's study as TOML; empty where the lab gave none."""
    return _read(box.lab / STUDY_FILE)


def load_codebook(box: Box) -> Codebook:
    """Return the box's codebook. Raises FormatError, BoxError."""
    return parse_codebook(codebook_text(box), place=f"lab/{CODEBOOK_FILE}")


def load_study(box: Box) -> Study:
    """Return the box's study. Raises FormatError, BoxError."""
    text = study_text(box)
    return parse_study(text, place=f"lab/{STUDY_FILE}") if text else _PLAIN_STUDY


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise BoxError(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is not UTF-8 text") from error
