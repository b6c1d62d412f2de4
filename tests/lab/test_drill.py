"""A drill proves the recovery key alone, and the log says when it did last."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from lab.drill import drill, last_drill
from lab.init import init_lab
from lab.settings import Lab
from recorder.errors import DamagedError, IdentityError, LabError, SignatureError
from tests.intake_bench import DEVICE, IntakeBench, edit, flip, session_uuid

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> IntakeBench:
    bench = IntakeBench(tmp_path)
    bench.take_in()
    bench.pull()
    return bench


def test_the_recovery_key_opens_a_whole_session_without_the_working_one(
    bench: IntakeBench,
) -> None:
    shutil.rmtree(bench.root / "lab" / "secret")
    lab = Lab.load(bench.root / "lab", needs_secret=False)
    with bench.catalogue() as catalogue:
        assert last_drill(catalogue) is None
        first = drill(lab, catalogue, identity=bench.recovery)
        assert (first.device, first.session, first.last_utc) == (
            DEVICE,
            str(session_uuid(1)),
            None,
        )
        assert first.n_files == 5
        second = drill(lab, catalogue, identity=bench.recovery, session=bench.home())
        assert second.last_utc is not None
        first_row, second_row = catalogue.actions("drill")
    assert second.last_utc == first_row.at_utc
    assert first.recipient in second_row.details


def test_the_working_key_proves_nothing(bench: IntakeBench) -> None:
    with bench.catalogue() as catalogue:
        with pytest.raises(IdentityError, match="working key"):
            drill(bench.lab, catalogue, identity=bench.lab.identity_path)
        assert last_drill(catalogue) is None


def test_a_key_that_opens_nothing_fails_and_is_not_logged(bench: IntakeBench) -> None:
    other = bench.root / "other.txt"
    init_lab(bench.root / "other", recovery_out=other, post_quantum=False)
    with bench.catalogue() as catalogue:
        with pytest.raises(DamagedError, match="drill failed"):
            drill(bench.lab, catalogue, identity=other)
        assert last_drill(catalogue) is None


def test_a_forged_session_is_no_drill(bench: IntakeBench) -> None:
    flip("manifest.json.sig", at=250)(bench.home())
    with bench.catalogue() as catalogue, pytest.raises(SignatureError):
        drill(bench.lab, catalogue, identity=bench.recovery)


def test_without_a_verified_session_there_is_nothing_to_drill_with(tmp_path: Path) -> None:
    empty = IntakeBench(tmp_path / "empty")
    with empty.catalogue() as catalogue, pytest.raises(LabError, match="no verified"):
        drill(empty.lab, catalogue, identity=empty.recovery)


def test_a_session_that_holds_nothing_is_no_drill(bench: IntakeBench) -> None:
    bench.take_in(2, change=edit(clean=False, parts=0, files={}))
    bench.pull()
    assert bench.status(2) == "verified"
    with bench.catalogue() as catalogue:
        with pytest.raises(LabError, match="holds nothing"):
            drill(bench.lab, catalogue, identity=bench.recovery, session=bench.home(2))
        drilled = drill(bench.lab, catalogue, identity=bench.recovery)
    assert drilled.session == str(session_uuid(1)), "the last one that holds something"
