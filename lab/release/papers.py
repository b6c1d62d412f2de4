"""What lies beside a released dataset: licence, citation, dictionary, how to load it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

    from lab.copies_tables import TreeName
    from lab.dataset.settings import DatasetSettings


@dataclass(frozen=True, slots=True)
class Papers:
    """What a release's papers say."""

    settings: DatasetSettings
    name: str
    tree: TreeName
    who: str
    until: str
    n_subjects: int
    n_sessions: int
    made: str


def papers(facts: Papers, dataset: Path) -> dict[str, bytes]:
    """Return the papers by name; the dictionary is read off the dataset itself."""
    return {
        "RELEASE.json": _release(facts),
        "LICENSE": _licence(facts),
        "CITATION.cff": _citation(facts),
        "DATA_DICTIONARY.md": data_dictionary(dataset),
        "load_example.py": resources.files("lab.release")
        .joinpath("load_example.py.txt")
        .read_bytes(),
    }


def data_dictionary(dataset: Path) -> bytes:
    """Return every column and value that the dataset's JSON files describe, as a page."""
    lines = ["# Data dictionary", ""]
    for path in sorted(dataset.rglob("*.json")):
        name = path.relative_to(dataset).as_posix()
        if "/sub-" in f"/{name}" or name.endswith("dataset_description.json"):
            continue
        content = msgspec.json.decode(path.read_bytes())
        rows = [
            (column, facts) for column, facts in content.items() if isinstance(facts, dict)
        ]
        if not rows:
            continue
        lines += [f"## {name}", "", "| column | means | unit or values |", "|---|---|---|"]
        lines += (_row(column, facts) for column, facts in rows)
        lines.append("")
    return ("\n".join(lines)).encode()


def _row(column: str, facts: dict[str, Any]) -> str:
    levels = facts.get("Levels", {})
    values = "; ".join(f"`{level}`: {text}" for level, text in levels.items())
    if "Minimum" in facts:
        values = f"{facts['Minimum']} to {facts['Maximum']}"
    shown = values or facts.get("Units", "")
    return f"| `{column}` | {facts.get('Description', '')} | {shown} |"


def _release(facts: Papers) -> bytes:
    content = {
        "name": facts.settings.name,
        "release": facts.name,
        "tree": facts.tree,
        "made": facts.made,
        "subjects": facts.n_subjects,
        "runs": facts.n_sessions,
        "recipient": facts.who or "everybody",
        "until": facts.until or "for ever",
        "checksums": "SHA256SUMS; check them with: sha256sum -c SHA256SUMS",
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _licence(facts: Papers) -> bytes:
    settings = facts.settings
    if facts.tree == "open":
        return f"{settings.license}\n".encode()
    return (
        f"{settings.restricted_license}\n\n"
        f"Recipient: {facts.who}\nUntil: {facts.until}\n\n"
        "The recipient does not try to find out who anybody is, gives nothing on, keeps it"
        " encrypted, deletes it when the time is over or the lab asks for it, and names the"
        " dataset and its version in publications.\n"
    ).encode()


def _citation(facts: Papers) -> bytes:
    settings = facts.settings
    authors = "".join(f"  - name: {_quoted(author)}\n" for author in settings.authors)
    return (
        "cff-version: 1.2.0\n"
        "message: If you use this dataset, cite it as below.\n"
        "type: dataset\n"
        f"title: {_quoted(settings.name)}\n"
        f"version: {facts.name}\n"
        f"date-released: {facts.made}\n"
        f"authors:\n{authors}"
    ).encode()


def _quoted(text: str) -> str:
    """Return text as a YAML double-quoted scalar, which JSON strings are."""
    return msgspec.json.encode(text).decode()
