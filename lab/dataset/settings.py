"""What the lab decides about its dataset: ``LAB/dataset.toml`` and ``LAB/codebooks``."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import msgspec

from lab.dataset.sidecar import Site
from recorder.errors import FormatError, LabError
from recorder.format.codebook import default_codebook_text, parse_codebook
from recorder.format.study import parse_study

if TYPE_CHECKING:
    from pathlib import Path

    from lab.settings import Lab
    from recorder.format.codebook import Codebook
    from recorder.format.study import Study


class DatasetSettings(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True
):
    """The content of ``dataset.toml``."""

    name: str
    authors: tuple[str, ...]
    license: str
    contact: str
    how_to_cite: str = ""
    acknowledgements: str = ""
    funding: tuple[str, ...] = ()
    ethics: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    restricted_license: str
    institution: str = ""
    institution_department: str = ""
    institution_address: str = ""
    power_line_hz: int = 50
    smallest_group: int = 5

    @property
    def site(self) -> Site:
        """Where the lab is."""
        return Site(
            self.power_line_hz,
            self.institution,
            self.institution_department,
            self.institution_address,
        )


def default_dataset_text() -> str:
    """Return the ``dataset.toml`` a new lab starts with."""
    return resources.files("lab").joinpath("dataset.toml").read_text("utf-8")


def read_dataset_settings(lab: Lab) -> DatasetSettings:
    """Return what the lab decided; FormatError with the place of what is wrong."""
    path = lab.root / "dataset.toml"
    text = path.read_text("utf-8") if path.is_file() else default_dataset_text()
    try:
        settings = msgspec.toml.decode(text, type=DatasetSettings)
    except msgspec.MsgspecError as error:
        raise FormatError(f"dataset.toml: {str(error).replace('$.', '')}") from error
    if not settings.name.strip() or not settings.authors:
        raise FormatError("dataset.toml: name and authors must not be empty")
    if settings.power_line_hz not in (50, 60):
        raise FormatError(
            f"dataset.toml: power_line_hz is {settings.power_line_hz}, not 50 or 60"
        )
    if settings.smallest_group < 1:
        raise FormatError(
            f"dataset.toml: smallest_group is {settings.smallest_group}, at least 1"
        )
    return settings


def read_codebooks(lab: Lab) -> dict[str, Codebook]:
    """Return every codebook the lab knows, by version; the newest file of one counts.

    ``LAB/public/codebook.toml`` is the one boxes get, ``LAB/codebooks/*.toml`` are those
    before it.
    """
    default = parse_codebook(default_codebook_text())
    found = {default.version: default}
    paths = [*sorted((lab.root / "codebooks").glob("*.toml")), lab.public / "codebook.toml"]
    for path in filter(_is_there, paths):
        codebook = parse_codebook(path.read_text("utf-8"), place=str(path))
        found[codebook.version] = codebook
    return found


def read_study(lab: Lab) -> Study:
    """Return the lab's study; LabError where its file is gone."""
    path = lab.public / "study.toml"
    if not path.is_file():
        raise LabError(f"{path} is missing", hint="bring it back from a backup")
    return parse_study(path.read_text("utf-8"), place=str(path))


def _is_there(path: Path) -> bool:
    return path.is_file()
