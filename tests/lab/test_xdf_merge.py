"""Merged XDF has one header a stream and stamps that never go back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import pyxdf

from lab.pieces import Piece
from lab.xdf_merge import XdfMerger, merged_headers
from lab.xdf_reader import XdfFile, read_xdf
from recorder.errors import FormatError
from recorder.format import xdf

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CHANNEL = xdf.Channel(label="C", unit="uV", type="EEG")


def header(stream: int, channel_format: xdf.ChannelFormat, n_channels: int = 1) -> bytes:
    return xdf.stream_header(
        stream,
        name=f"S{stream}",
        type="EEG",
        channel_format=channel_format,
        nominal_srate_hz=0,
        channels=[CHANNEL] * n_channels,
    )


def part(stamps_s: list[float], marks_s: list[float]) -> XdfFile:
    content = xdf.file_header({}) + header(1, "float32") + header(2, "string")
    if stamps_s:
        values = np.array([stamps_s], np.float32)
        content += xdf.numeric_samples(1, np.array(stamps_s), values)
    if marks_s:
        content += xdf.string_samples(2, marks_s, [f"m{s}" for s in marks_s])
    return read_xdf((Piece(0, content),))


def same(_: int, stamps_s: NDArray[np.float64]) -> NDArray[np.float64]:
    return stamps_s


def merge(path: Path, parts: list[XdfFile]) -> list[dict[str, Any]]:
    merger = XdfMerger(path, parts[0].headers, fields={"session": "x"})
    for file in parts:
        merger.add(file, same)
    merger.close()
    return list(pyxdf.load_xdf(str(path))[0])


def test_parts_follow_one_another_under_one_header(tmp_path: Path) -> None:
    path = tmp_path / "merged.xdf"
    eeg, marks = merge(path, [part([1, 2], [1.5]), part([], []), part([3], [2.5])])
    assert np.array_equal(eeg["time_stamps"], [1, 2, 3])
    assert np.array_equal(np.ravel(eeg["time_series"]), [1, 2, 3])
    assert marks["time_series"] == [["m1.5"], ["m2.5"]]
    assert path.read_bytes().count(b"<channel_format>float32") == 1
    assert path.stat().st_mode & 0o777 == 0o600


def test_marks_come_in_the_order_of_their_stamps(tmp_path: Path) -> None:
    parts = [part([1], [5.0, 1.0, 3.0]), part([2], [2.0, 3.0])]
    _, marks = merge(tmp_path / "merged.xdf", parts)
    assert marks["time_series"] == [["m1.0"], ["m2.0"], ["m3.0"], ["m3.0"], ["m5.0"]]
    assert np.array_equal(marks["time_stamps"], [1, 2, 3, 3, 5])


def test_stamps_that_tie_or_go_back_are_moved_as_little_as_possible(
    tmp_path: Path,
) -> None:
    parts = [part([1, 2, 2, 2], []), part([1.5, 3], [])]
    eeg = merge(tmp_path / "merged.xdf", parts)[0]
    stamps = np.asarray(eeg["time_stamps"])
    assert np.all(np.diff(stamps) > 0)
    assert np.abs(stamps - [1, 2, 2, 2, 2, 3]).max() < 1e-5
    assert np.array_equal(np.ravel(eeg["time_series"]), [1, 2, 2, 2, 1.5, 3])


def test_footers_count_exactly_what_was_written(tmp_path: Path) -> None:
    eeg = merge(tmp_path / "merged.xdf", [part([1, 2], []), part([3], [])])[0]
    footer = eeg["footer"]["info"]
    assert footer["sample_count"] == ["3"]
    assert footer["last_timestamp"] == ["3"]


def test_a_stream_that_changes_its_shape_is_refused() -> None:
    one = part([1], []).headers
    other = {1: replace(one[1], n_channels=2)}
    with pytest.raises(FormatError, match="stream 1 changes"):
        merged_headers(one, other)
    assert merged_headers(one, {}) == one
