"""What could single a person out is told for groups only."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.dataset.anonymity import QUASI_IDENTIFIERS, Profile, assess
from lab.dataset.people import read_people
from lab.dataset.pseudonyms import Pseudonyms, shifted
from recorder.errors import FormatError, KeyFileError
from tests.dataset_world import World, make_world

if TYPE_CHECKING:
    from lab.settings import Lab

PROFILES = st.dictionaries(
    st.text("ABCDE", min_size=1, max_size=3),
    st.fixed_dictionaries(
        {key: st.sampled_from([None, "a", "b"]) for key in QUASI_IDENTIFIERS}
    ),
    max_size=25,
)


@given(profiles=PROFILES, k=st.integers(1, 6))
def test_whoever_is_told_of_shares_it_with_at_least_k(
    profiles: dict[str, Profile], k: int
) -> None:
    found = assess(profiles, k=k)
    assert set(found.profiles) == set(profiles)
    for name, told in found.profiles.items():
        for key in QUASI_IDENTIFIERS:
            assert told[key] in (None, profiles[name][key])
        kept = [key for key in QUASI_IDENTIFIERS if told[key] is not None]
        same = sum(
            all(other.get(key) == told[key] for key in kept) for other in profiles.values()
        )
        assert not kept or same >= k


def test_five_alike_are_told_and_a_sixth_is_not() -> None:
    alike: Profile = dict.fromkeys(QUASI_IDENTIFIERS, "x")
    profiles = {str(n): dict(alike) for n in range(5)} | {"odd": alike | {"sex": "y"}}
    found = assess(profiles, k=5)
    assert Counter(p["sex"] for p in found.profiles.values()) == {"x": 5, None: 1}
    assert found.suppressed["sex"] == 1
    assert found.smallest_group == 5


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made, _ = make_world(tmp_path_factory.mktemp("people") / "w", n_boxes=0, n_clients=1)
    return made


def write(lab: Lab, text: str, mode: int = 0o600) -> None:
    path = lab.root / "participants.tsv"
    path.write_text(text)
    path.chmod(mode)


def test_ages_become_bands_as_they_are_read(world: World) -> None:
    write(world.lab, "code\tage\tsex\nK7QX3\t34\tF\nYBJGR\t19\t\nAMBNA\t91\tM\n")
    people = read_people(world.lab)
    assert (people["K7QX3"].age_band, people["K7QX3"].age) == ("30-39", 35)
    assert people["YBJGR"].age_band == "18-19"
    assert people["AMBNA"].age_band == "80+"
    assert people["YBJGR"].sex is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("code\tname\nK7QX3\tA\n", "name"),
        ("code\tage\nK7QX4\t34\n", "line 2"),
        ("code\tage\nK7QX3\t17\n", "18 to 120"),
        ("code\tage\nK7QX3\t34\nK7QX3\t35\n", "line 3.*twice"),
        ("code\tsex\nK7QX3\tfemale\n", "sex"),
        ("age\n34\n", "columns"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(world: World, text: str, said: str) -> None:
    write(world.lab, text)
    with pytest.raises(FormatError, match=said):
        read_people(world.lab)


def test_a_table_that_others_can_read_is_refused(world: World) -> None:
    write(world.lab, "code\nK7QX3\n", mode=0o644)
    with pytest.raises(KeyFileError):
        read_people(world.lab)
    (world.lab.root / "participants.tsv").unlink()
    assert read_people(world.lab) == {}


def test_names_stay_once_they_are_given(world: World) -> None:
    first = datetime(2026, 11, 23, 10, 17, tzinfo=UTC)
    world.archive.make()
    with world.catalogue() as catalogue, catalogue.transaction():
        names = Pseudonyms(catalogue.study)
        one = names.subject("K7QX3", first)
        other = names.subject("YBJGR", first)
        box = names.alias("box", "BOX-0007Y")
        assert names.subject("K7QX3", datetime(2027, 1, 1, tzinfo=UTC)) == one
        assert names.alias("box", "BOX-0007Y") == box
    assert one.label != other.label
    assert one.shift_days % 7 == 0
    moved = shifted(first, one.shift_days)
    assert "1910" <= moved < "1920"
    assert moved.endswith("T10:00:00")
    assert "0007" not in box
