"""Bytes of small files: TSV, JSON and packed TSV, the same for the same content."""

from __future__ import annotations

import gzip
import math
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Cell = str | int | float | None
NOT_KNOWN = "n/a"


def tsv(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return a BIDS table; None and NaN become ``n/a``."""
    lines = ["\t".join(columns)]
    lines += ("\t".join(map(cell, row)) for row in rows)
    return ("\n".join(lines) + "\n").encode()


def cell(value: Cell) -> str:
    """Return one cell's text."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NOT_KNOWN
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    # A tab or a line's end would begin another cell.
    return " ".join(str(value).split()) or NOT_KNOWN


def json_bytes(content: Mapping[str, object]) -> bytes:
    """Return ``content`` as JSON for people, in the order given."""
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def packed(content: bytes) -> bytes:
    """Return ``content`` in gzip, without name or time."""
    return gzip.compress(content, compresslevel=6, mtime=0)
