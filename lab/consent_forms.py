"""The consent forms: three separate documents in Russian, printed from a template.

Each version of them is noted with the digest of what was printed, and never changes: a
client's consent names the version that was signed.
"""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from typing import TYPE_CHECKING, Final

import msgspec

from lab.catalogue import Act
from lab.pages.render import render
from recorder.errors import FormatError, LabError
from recorder.files import PUBLIC, create

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lab.catalogue import Catalogue
    from lab.settings import Lab

_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,31}")


class FormFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of ``LAB/consent.toml``."""

    study: str
    operator: str = ""
    operator_address: str = ""
    contact: str = ""
    server_location: str = ""
    keep_years: int = 10
    committee: str = ""


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    opening: str
    points: tuple[str, ...]
    choices: tuple[tuple[str, str], ...] = ()


def default_consent_text() -> str:
    """Return the ``consent.toml`` a new lab starts with."""
    return resources.files("lab").joinpath("consent.toml").read_text("utf-8")


def print_forms(
    lab: Lab, catalogue: Catalogue, out: Path, *, version: str
) -> tuple[tuple[Path, ...], str]:
    """Write the forms of ``version`` into ``out``; return the files and their digest.

    The same version may be printed again as long as its words are the same. Raises
    LabError where they are not, FormatError for a version that can't be one.
    """
    if not _VERSION.fullmatch(version):
        raise FormatError(
            f"version {version[:40]!r} has other characters than letters, digits, . and -"
        )
    pages = form_pages(read_form_facts(lab), version=version)
    digest = _digest(pages)
    known = catalogue.study.forms().get(version)
    if known is not None and known != digest:
        raise LabError(
            f"version {version} of the forms was printed before with other words",
            hint="give the changed forms a new version",
        )
    out.mkdir(parents=True, exist_ok=True)
    paths = tuple(out / name for name in pages)
    for path in paths:
        if path.exists():
            raise LabError(f"{path} exists already", hint="give another --out")
    for path in paths:
        create(path, pages[path.name], mode=PUBLIC)
    if known is None:
        with catalogue.transaction():
            catalogue.study.put_form(version, digest)
            catalogue.log(
                Act("forms", details=msgspec.json.encode({version: digest}).decode())
            )
    return paths, digest


def form_pages(facts: FormFacts, *, version: str) -> dict[str, bytes]:
    """Return each form's page by its file's name."""
    text = resources.files("lab").joinpath("consent_words.toml").read_text("utf-8")
    documents = msgspec.toml.decode(text, type=dict[str, _Document])
    figures = {
        "keep_years": str(facts.keep_years),
        "server_location": facts.server_location or "________________",
    }
    return {
        f"consent-{version}-{name}.html": render(
            "consent.html",
            language="ru",
            document=name,
            version=version,
            facts=facts,
            title=document.title,
            opening=document.opening,
            points=[point.format(**figures) for point in document.points],
            choices=document.choices,
        )
        for name, document in documents.items()
    }


def read_form_facts(lab: Lab) -> FormFacts:
    """Return what the lab says of itself; FormatError with the place of what is wrong."""
    path = lab.root / "consent.toml"
    text = path.read_text("utf-8") if path.is_file() else default_consent_text()
    try:
        return msgspec.toml.decode(text, type=FormFacts)
    except msgspec.MsgspecError as error:
        raise FormatError(f"consent.toml: {str(error).replace('$.', '')}") from error


def _digest(pages: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(pages):
        digest.update(hashlib.sha256(pages[name]).digest())
    return digest.hexdigest()
