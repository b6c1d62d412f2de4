"""Marks that a therapist writes down later are kept, and shown as what they are."""

from __future__ import annotations

import csv
import io
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

import lab.cli
from lab.dataset.export import TreeOptions
from lab.later_marks import deliveries_path
from lab.marks_file import Frame, parse_marks
from lab.opened_session import read_opened
from recorder.errors import FormatError
from recorder.format.codebook import default_codebook_text, parse_codebook
from tests.compressed import Who, recording
from tests.dataset_world import World, make_world
from tests.house import exit_code

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FRAME = Frame(
    started=datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC),
    length_s=3000.0,
    zone=ZoneInfo("Europe/Moscow"),
    codebook=parse_codebook(default_codebook_text()),
)


@pytest.mark.parametrize(
    ("text", "at_s"),
    [("90", 90), ("1:30", 90), ("0:01:30,5", 90.5), ("12.25", 12.25), ("0", 0)],
)
def test_time_since_the_start_comes_in_several_forms(text: str, at_s: float) -> None:
    (mark,) = parse_marks(f"time\tid\n{text}\tinsight\n".encode(), FRAME)
    assert mark.since_start_s == at_s
    assert (mark.act, mark.uncertainty_s) == ("point", 2.0)


@pytest.mark.parametrize(
    "text", ["13:10", "13:10:00", "2026-11-23 13:10", "2026-11-23T10:10:00+00:00"]
)
def test_wall_time_is_that_of_the_zone_unless_it_has_its_own(text: str) -> None:
    (mark,) = parse_marks(f"wall_time;id\n{text};insight\n".encode(), FRAME)
    expected = datetime(2026, 11, 23, 10, 10, tzinfo=UTC)
    assert mark.wall_ns == int(expected.timestamp()) * 10**9


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this computer stand where summer time is kept."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(("month", "hour"), [(1, 11), (7, 12)])
@pytest.mark.parametrize("day", ["", "2026-{month:02}-05 "])
def test_wall_time_here_is_that_of_the_sessions_season(
    month: int, hour: int, day: str
) -> None:
    began = datetime(2026, month, 5, 10, 0, 0, tzinfo=UTC)
    text = f"{day.format(month=month)}{hour}:10"
    (mark,) = parse_marks(
        f"wall_time;id\n{text};insight\n".encode(), replace(FRAME, started=began, zone=None)
    )
    assert mark.wall_ns == (int(began.timestamp()) + 600) * 10**9


def test_a_russian_spreadsheets_file_is_read() -> None:
    content = 'time;id;end;value;uncertainty\n"10,5";emotion;20;6;0,5\n'.encode("cp1251")
    begin, end = parse_marks(content, FRAME)
    assert (begin.act, begin.since_start_s, begin.value) == ("on", 10.5, 6)
    assert (end.act, end.since_start_s, end.value) == ("off", 20, None)
    assert begin.uncertainty_s == 0.5


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("time\tid\n5\tjoy\n", "line 2.*no mark 'joy'"),
        ("time\tid\n3001\tinsight\n", "lasted 3000 s"),
        ("time\tid\n-1\tinsight\n", "after the session's start"),
        ("time\tid\nsoon\tinsight\n", "no time"),
        ("wall_time\tid\n25:61\tinsight\n", "no wall time"),
        ("time\tid\tvalue\n5\tsuds\t11\n", "0 to 10"),
        ("time\tid\n5\tsuds\n", "needs a value"),
        ("time\tid\tvalue\n5\tinsight\t3\n", "takes no value"),
        ("time\tid\tend\n5\tinsight\t6\n", "has no end"),
        ("time\tid\tend\n9\ttears\t6\n", "ends before"),
        ("time\tid\tuncertainty\n5\tinsight\t0\n", "above 0"),
        ("time\tid\tname\n5\tinsight\tA\n", "columns"),
        ("time\tid\n", "holds no mark"),
        ("time\tid\nnan\tinsight\n", "no time"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(rows: str, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        parse_marks(rows.encode(), FRAME)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str]:
    """Record, take in, and deliver marks by the lab's own command."""
    root = tmp_path_factory.mktemp("later")
    world, codes = make_world(root / "w", n_boxes=1, n_clients=1)
    with recording(world.box(1), Who(codes[0]), channels=1) as session:
        session.go(2)
        session.mark("insight")
        session.go(6)
    world.pull()
    file = root / "marks.tsv"
    file.write_text("time\tid\tend\tuncertainty\n3\tinsight\t\t1.5\n4\ttears\t6\t\n")
    name = str(session.session)
    words = ("marks", name, file, "--lab", world.lab.root, "--by", "therapist 7")
    assert exit_code(lab.cli.main, *words) == 0
    assert exit_code(lab.cli.main, *words) == 85, "one file is taken once"
    return world, name


def test_they_are_kept_sealed_beside_the_session(delivered: tuple[World, str]) -> None:
    world, name = delivered
    with world.catalogue() as catalogue:
        row = catalogue.find(name)
        (act,) = catalogue.actions("marks")
    folder = world.archive.session(row.device, name)
    content = deliveries_path(folder).read_bytes()
    assert content.startswith(b"age-encryption.org/v1")
    assert b"tears" not in content
    assert (act.who, act.session) == ("therapist 7", name)


def test_open_shows_them_as_delivered_later(
    delivered: tuple[World, str], tmp_path: Path
) -> None:
    world, name = delivered
    words = ("open", name, "--lab", world.lab.root, "--out", tmp_path)
    assert exit_code(lab.cli.main, *words) == 0
    session = read_opened(tmp_path / name)
    later = [mark for mark in session.marks if mark.source == "later"]
    assert [(mark.id, mark.act) for mark in later] == [
        ("insight", "point"),
        ("tears", "on"),
        ("tears", "off"),
    ]
    assert later[0].stamp_ns / 1e9 - session.start_s == pytest.approx(3, abs=0.001)
    assert session.stated_uncertainty_s[later[0].n] == 1.5
    table = (tmp_path / name / "marks_later.tsv").read_text()
    assert "therapist 7" in table


def test_the_dataset_tells_their_source_and_uncertainty(
    delivered: tuple[World, str], tmp_path: Path
) -> None:
    world, _ = delivered
    report = world.export(tmp_path / "tree", TreeOptions(simulated=True))
    (path,) = report.path.rglob("*_events.tsv")
    rows = list(csv.DictReader(io.StringIO(path.read_text()), delimiter="\t"))
    later = [row for row in rows if row["source"] == "later"]
    assert [row["trial_type"] for row in later] == ["insight", "tears"]
    assert float(later[0]["onset_uncertainty"]) == pytest.approx(1.5, abs=0.01)
    assert float(later[1]["duration"]) == pytest.approx(2, abs=0.01)
    assert "therapist 7" not in path.read_text()
