"""Take one subject out of a BIDS tree: the files, and every line that tells of it."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

from recorder.files import PUBLIC, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

SUMS = "SHA256SUMS"


def holds_subject(tree: Path, label: str) -> bool:
    """Tell whether a tree has anything of a subject."""
    return any(True for _ in tree.rglob(f"sub-{label}"))


def remove_subject(tree: Path, label: str) -> None:
    """Remove a subject from ``tree``; a dataset without any subject goes whole.

    Names of other subjects and all their files stay as they are.
    """
    for folder in sorted(tree.rglob(f"sub-{label}"), reverse=True):
        shutil.rmtree(folder)
    for table in (*tree.rglob("participants.tsv"), *tree.rglob("phenotype/*.tsv")):
        _remove_rows(table, f"sub-{label}")
    if not any(True for _ in tree.rglob("sub-*")):
        shutil.rmtree(tree)
    elif (tree / SUMS).is_file():
        write_sums(tree)


def write_sums(folder: Path) -> str:
    """Write the checksums of everything in ``folder``; return the list's own digest."""
    lines = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != SUMS:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            lines.append(f"{digest}  {path.relative_to(folder).as_posix()}\n")
    content = "".join(lines).encode()
    write_atomic(folder / SUMS, content, mode=PUBLIC)
    return hashlib.sha256(content).hexdigest()


def _remove_rows(table: Path, participant: str) -> None:
    lines = table.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.split("\t", 1)[0].strip() != participant]
    if len(kept) < len(lines):
        write_atomic(table, "".join(kept).encode(), mode=PUBLIC)
