"""Merge the parts' XDF into one file: one header a stream, stamps that never go back.

Numeric rows are written part by part, so a long session needs no more memory than a
part. Markers are few; they wait for the end to be put in the order of their stamps.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np

from recorder.errors import FormatError
from recorder.format import xdf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from lab.xdf_reader import Rows, StreamHeader, XdfFile

_PRIVATE = 0o600
_TAG_STREAM_HEADER = 2  # XDF 1.0
# Stamps that tie or go back are moved by this much: well above float64's step at any
# uptime, well below any sampling period.
_NUDGE_S = 1e-6


@dataclass(slots=True)
class _Stream:
    header: StreamHeader
    first_s: float = 0.0
    last_s: float = -np.inf
    n_rows: int = 0
    waiting: list[Rows] = field(default_factory=list)

    def note(self, stamps_s: NDArray[np.float64]) -> None:
        """Count rows that were written."""
        if not self.n_rows:
            self.first_s = float(stamps_s[0])
        self.last_s = float(stamps_s[-1])
        self.n_rows += len(stamps_s)


class XdfMerger:
    """Writes the merged ``eeg.xdf``."""

    def __init__(
        self, path: Path, headers: Mapping[int, StreamHeader], *, fields: Mapping[str, str]
    ) -> None:
        """Write the file header with ``fields`` and all stream ``headers``."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.fdopen(os.open(path, flags, _PRIVATE), "wb")
        self._streams = {stream: _Stream(headers[stream]) for stream in sorted(headers)}
        self._file.write(xdf.file_header(fields))
        for stream, state in self._streams.items():
            self._file.write(_header_chunk(stream, state.header.xml))
        self._file.write(xdf.boundary())

    def add(
        self,
        file: XdfFile,
        restamp: Callable[[int, NDArray[np.float64]], NDArray[np.float64]],
    ) -> None:
        """Append a part's rows; ``restamp`` gives a stream's final stamps."""
        for stream, rows in sorted(file.rows.items()):
            state = self._streams[stream]
            if not len(rows.stamps_s):
                continue
            if state.header.channel_format == "string":
                state.waiting.append(rows)
                continue
            stamps_s = _increasing(restamp(stream, rows.stamps_s), state.last_s)
            values = np.ascontiguousarray(rows.values.T)
            self._file.write(xdf.numeric_samples(stream, stamps_s, values))
            state.note(stamps_s)
        self._file.write(xdf.boundary())

    def __enter__(self) -> Self:
        """Close the file at the end of the block, whatever ends it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file as it is."""
        self._file.close()

    def close(self) -> None:
        """Write the markers and the footers, and close the file."""
        for stream, state in self._streams.items():
            if state.waiting:
                self._write_texts(stream, state)
        for stream, state in self._streams.items():
            if state.n_rows:
                footer = xdf.stream_footer(
                    stream,
                    first_stamp_s=state.first_s,
                    last_stamp_s=state.last_s,
                    n_samples=state.n_rows,
                )
                self._file.write(footer)
        self._file.close()

    def _write_texts(self, stream: int, state: _Stream) -> None:
        stamps_s = np.concatenate([rows.stamps_s for rows in state.waiting])
        texts = np.concatenate([rows.values[:, 0] for rows in state.waiting])
        order = np.argsort(stamps_s, kind="stable")
        stamps_s = stamps_s[order]
        self._file.write(xdf.string_samples(stream, stamps_s, list(texts[order])))
        state.note(stamps_s)


def merged_headers(
    known: Mapping[int, StreamHeader], more: Mapping[int, StreamHeader]
) -> dict[int, StreamHeader]:
    """Return both parts' headers; FormatError where one stream has two shapes."""
    for stream in known.keys() & more.keys():
        if known[stream].shape != more[stream].shape:
            raise FormatError(
                f"stream {stream} changes from {known[stream].shape}"
                f" to {more[stream].shape} within the session"
            )
    return {**more, **known}


def _header_chunk(stream: int, header_xml: bytes) -> bytes:
    """Return a StreamHeader chunk around XML taken over unchanged."""
    length = 2 + 4 + len(header_xml)  # tag and stream id count (XDF 1.0)
    return struct.pack("<BIHI", 4, length, _TAG_STREAM_HEADER, stream) + header_xml


def _increasing(stamps_s: NDArray[np.float64], last_s: float) -> NDArray[np.float64]:
    """Return ``stamps_s`` so that each is greater than the one before and ``last_s``."""
    if np.all(np.diff(stamps_s, prepend=last_s) > 0):
        return stamps_s
    steps = np.arange(1, stamps_s.size + 1) * _NUDGE_S
    lifted = np.maximum.accumulate(np.maximum(stamps_s - steps, last_s))
    return np.asarray(lifted + steps)
