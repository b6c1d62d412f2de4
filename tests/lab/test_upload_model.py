"""Whatever goes wrong between box, server and lab, no session is lost and none is forged.

Random histories on the product's own code: bits flip, uploads and receipts get lost,
receipts are replayed, swapped and forged, outsiders upload, boxes are stolen. After each
step both promises hold; when faults end, everything is delivered and deleted.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
)

from lab.catalogue_rows import ReceiptRow
from lab.receipting import ReceiptReport, hand_out
from recorder.format.manifest import NAMESPACE_RECEIPT
from recorder.format.receipt import Receipt, encode_receipt, parse_receipt
from recorder.format.sshsig import sign
from recorder.store.receipts import Lab
from tests.intake_bench import DEVICE, TAKEN
from tests.upload_world import DEVICES, World, overwrite

if TYPE_CHECKING:
    from recorder.store.receipts import Signed

BOXES = st.sampled_from(DEVICES)
SEEDS = st.integers(0, 2**32 - 1)
CUTS = st.one_of(st.just(1 << 30), st.integers(0, 30))
MAX_SESSIONS = 4


class History(RuleBasedStateMachine):
    """One history of a fleet."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="fieldrec-model-"))
        self.world = World(self.root / "world")

    @precondition(lambda self: len(self.world.truth) < MAX_SESSIONS)
    @rule(box=BOXES)
    def record(self, box: str) -> None:
        self.world.record(box)

    @rule(box=BOXES, requests=CUTS)
    def send(self, box: str, requests: int) -> None:
        self.world.send(box, requests)

    @rule()
    def take(self) -> None:
        self.world.take()

    @rule()
    def pull(self) -> None:
        self.world.pull()

    @rule()
    def sign(self) -> None:
        self.world.receipts()

    @rule(box=BOXES, requests=CUTS)
    def obey(self, box: str, requests: int) -> None:
        self.world.obey(box, requests)

    @rule(box=BOXES)
    def delete(self, box: str) -> None:
        self.world.delete(box)

    @rule()
    def wait(self) -> None:
        self.world.wall_s += 25 * 3600

    @rule(seed=SEEDS)
    def flip(self, seed: int) -> None:
        self.world.flip(random.Random(seed))

    @rule(seed=SEEDS)
    def drop(self, seed: int) -> None:
        self.world.drop(random.Random(seed))

    @rule(seed=SEEDS)
    def replay(self, seed: int) -> None:
        self.world.replay(random.Random(seed))

    @rule(seed=SEEDS)
    def forge_receipt(self, seed: int) -> None:
        self.world.forge_receipt(random.Random(seed))

    @rule(seed=SEEDS)
    def forge_session(self, seed: int) -> None:
        self.world.forge_session(random.Random(seed))

    @precondition(lambda self: not self.world.lost_since and len(self.world.truth) > 1)
    @rule(box=BOXES)
    def lose(self, box: str) -> None:
        self.world.lose(box)

    def teardown(self) -> None:
        try:
            self.world.settle()
        finally:
            shutil.rmtree(self.root)


CALM = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestHistory = History.TestCase
TestHistory.settings = CALM


class BelievesAnybody(Lab):
    """A box that does not check who signed a receipt."""

    def check(self, content: bytes, signature: bytes, session: Signed) -> Receipt:
        del signature, session
        return parse_receipt(content)


class GullibleWorld(World):
    def believed(self, device: str) -> Lab:
        honest = super().believed(device)
        return BelievesAnybody(honest.device, honest.signers)


class CarelessWorld(World):
    """Its lab signs `verified` for whatever came, without a look."""

    def receipts(self) -> None:
        key = self.bench.lab.receipt_key()
        with self.bench.catalogue() as catalogue:
            for row in catalogue.sessions():
                with catalogue.transaction():
                    receipt = Receipt(
                        device=row.device,
                        session=row.session,
                        manifest_sha256=row.manifest_sha256,
                        status="verified",
                        lab_sequence=catalogue.next_lab_sequence(),
                    )
                    content = encode_receipt(receipt)
                    signature = sign(content, key, namespace=NAMESPACE_RECEIPT)
                    catalogue.put_receipt(
                        ReceiptRow(
                            lab_sequence=receipt.lab_sequence,
                            device=row.device,
                            session=row.session,
                            manifest_sha256=row.manifest_sha256,
                            status="verified",
                            content=content,
                            signature=signature,
                            issued_utc=TAKEN,
                        )
                    )
            hand_out(self.bench.place, catalogue, ReceiptReport())


def go_wrong(world: World) -> None:
    """Let a bit flip on the way, and an outsider say `verified` before the lab can."""
    world.record(DEVICE)
    world.send(DEVICE)
    (upload,) = world.server.up(DEVICE.lower()).glob("*~0001~eeg.xdf.age")
    content = upload.read_bytes()
    overwrite(upload, content[:-1] + bytes([content[-1] ^ 1]))
    world.forge_receipt(random.Random(0))
    world.obey(DEVICE)
    world.delete(DEVICE)
    world.take()
    world.pull()
    world.receipts()
    world.obey(DEVICE)
    world.delete(DEVICE)


@pytest.mark.parametrize("mutant", [GullibleWorld, CarelessWorld])
def test_a_box_or_lab_that_does_not_check_is_caught(
    mutant: type[World], tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match="deleted without an equal copy"):
        go_wrong(mutant(tmp_path / "world"))


def test_a_box_and_a_lab_that_check_survive_the_same(tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    go_wrong(world)
    assert not any(world.is_deleted(*key) for key in world.truth)
    world.settle()


def test_a_signature_that_changed_only_in_a_lines_end_is_sent_again(tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    world.record(DEVICE)
    world.send(DEVICE)
    (upload,) = world.server.up(DEVICE.lower()).glob("*~manifest.json.sig")
    overwrite(upload, upload.read_bytes().replace(b"\n", b"\v", 1))
    world.take()
    world.pull()
    world.receipts()
    world.obey(DEVICE)
    world.delete(DEVICE)
    assert not any(world.is_deleted(*key) for key in world.truth)
    world.settle()


def test_without_faults_everything_is_delivered_the_same_day(tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    for device in DEVICES:
        world.record(device)
        world.send(device)
    world.take()
    world.pull()
    world.receipts()
    for device in DEVICES:
        world.obey(device)
        world.delete(device)
    assert all(world.is_deleted(*key) for key in world.truth)
