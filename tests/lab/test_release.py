"""A release is checked, numbered, never changed, and leaves the lab only as it may."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.act_signers import NAMESPACE_ACT, read_act_signers
from lab.clients import set_consent
from lab.identity import HybridIdentity, X25519Identity
from lab.release.release import Order, Released, make_release
from lab.unseal import unseal
from lab.workers import Workers
from recorder.errors import ConsentError, FieldrecError, FormatError, LabError
from recorder.format.age import recipient_text
from recorder.format.sshsig import verify
from tests.compressed import Who, recording
from tests.dataset_world import World, make_world

if TYPE_CHECKING:
    from pathlib import Path

KEY = HybridIdentity.generate()
OPEN = Order("1.0.0", changes=("first release",), simulated=True)
CLOSED = Order(
    name="1.0.0",
    tree="restricted",
    to=recipient_text(KEY.recipient),
    who="A. Researcher, University",
    until="2099-12-31",
    simulated=True,
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str, str]:
    world, codes = make_world(tmp_path_factory.mktemp("rel") / "w", n_boxes=1, n_clients=1)
    with recording(world.box(1), Who(codes[0]), channels=2) as session:
        session.go(2)
        session.mark("risk")
        session.go(2)
    world.pull()
    return world, codes[0], str(session.session)


@pytest.fixture
def world(prepared: tuple[World, str, str], tmp_path: Path) -> World:
    return prepared[0].copy(tmp_path / "world")


def release(world: World, order: Order) -> Released:
    with world.catalogue() as catalogue:
        return make_release(
            world.lab, catalogue, order, workers=Workers(), tell=lambda _: None
        )


def test_an_open_release_holds_all_that_its_users_need(world: World) -> None:
    made = release(world, OPEN)
    names = {path.name for path in made.path.iterdir()}
    assert names == {
        *("dataset", "SHA256SUMS", "CHANGES", "LICENSE", "CITATION.cff"),
        *("DATA_DICTIONARY.md", "RELEASE.json", "RELEASE.json.sig", "load_example.py"),
    }
    checked = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS", "--quiet"], cwd=made.path, check=False
    )
    assert checked.returncode == 0
    content = (made.path / "RELEASE.json").read_bytes()
    signature = (made.path / "RELEASE.json.sig").read_text()
    signers = read_act_signers(world.lab)
    verify(content, signature, namespace=NAMESPACE_ACT, principal="lab", signers=signers)
    assert json.loads(content)["subjects"] == 1
    assert "first release" in (made.path / "dataset" / "CHANGES").read_text()
    dictionary = (made.path / "DATA_DICTIONARY.md").read_text()
    assert "| `onset_uncertainty` |" in dictionary
    assert "`risk`" not in dictionary
    shown = subprocess.run(
        [sys.executable, "load_example.py"],
        cwd=made.path,
        capture_output=True,
        text=True,
        check=True,
    )
    rate_hz = float(shown.stdout.split("min at ")[1].split()[0])
    assert rate_hz == pytest.approx(250, rel=1e-4)


def test_a_restricted_release_opens_with_its_recipients_key_alone(world: World) -> None:
    made = release(world, CLOSED)
    content = made.path.read_bytes()
    plain = unseal(content, [KEY])
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        names = archive.getnames()
        assert {name.split("/")[0] for name in names} == {"release-1.0.0"}
        events = archive.extractfile(next(n for n in names if n.endswith("events.tsv")))
        assert events is not None
        assert b"risk" in events.read()
    assert not [name for name in names if name.endswith((".wav", ".flac"))]
    with pytest.raises(FieldrecError):
        unseal(content, [X25519Identity.generate()])
    left = [path.name for path in made.path.parent.iterdir()]
    assert left == [made.path.name], "nothing readable is kept"


def test_a_grant_and_an_access_are_written_down(world: World) -> None:
    made = release(world, CLOSED)
    with world.catalogue() as catalogue:
        (grant,) = catalogue.whereabouts.grants()
        (act,) = catalogue.actions("release")
    assert (grant.recipient, grant.until) == (CLOSED.who, CLOSED.until)
    assert grant.bundle_sha256 == made.sha256
    assert json.loads(act.details)["who"] == CLOSED.who
    with pytest.raises(LabError, match="already"):
        release(world, CLOSED)
    other = recipient_text(X25519Identity.generate().recipient)
    release(world, replace(CLOSED, to=other, who="B. Reader, Institute"))


def test_a_release_never_changes(world: World) -> None:
    release(world, OPEN)
    with pytest.raises(LabError, match="never changes"):
        release(world, OPEN)


@pytest.mark.parametrize(
    ("order", "error", "said"),
    [
        (replace(OPEN, name="first"), FormatError, "no version"),
        (replace(OPEN, to=CLOSED.to), LabError, "no recipient"),
        (replace(CLOSED, to=""), LabError, "--to"),
        (replace(CLOSED, who=""), LabError, "researcher"),
        (replace(CLOSED, until=""), LabError, "last day"),
        (replace(CLOSED, until="2020-01-01"), LabError, "ended"),
        (replace(OPEN, simulated=False), LabError, "simulated"),
    ],
)
def test_what_must_not_be_released_is_not(
    world: World, order: Order, error: type[FieldrecError], said: str
) -> None:
    with pytest.raises(error, match=said):
        release(world, order)
    assert not list((world.lab.root / "releases").glob("*/*"))


def test_nothing_is_released_without_consent(
    prepared: tuple[World, str, str], world: World
) -> None:
    set_consent(world.lab, prepared[1], frozenset({"eeg", "audio"}), "2026-2")
    with pytest.raises(ConsentError, match="sharing"):
        release(world, CLOSED)


def test_a_tree_that_the_validator_refuses_is_not_released(world: World) -> None:
    # A label with a dash, which no lab gives, makes names that BIDS does not know.
    with world.catalogue() as catalogue, catalogue.transaction():
        database = catalogue._database
        database.execute("DELETE FROM subjects")
        client = catalogue.study.facts()[0].facts.client
        database.execute("INSERT INTO subjects VALUES (?, ?, ?)", (client, "not-bids", -7))
    with pytest.raises(LabError, match="validator finds"):
        release(world, OPEN)
    assert not list((world.lab.root / "releases").glob("*/*"))
