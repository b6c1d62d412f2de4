"""What can't begin leaves nothing behind that would keep the program from ending."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from recorder.box import Box
from recorder.clients import Consent
from recorder.eeg.montage import board
from recorder.session import Session, SessionPlan
from recorder.store.disk import RealDisk
from recorder.store.sessions import Sessions
from recorder.store.signing import Signer
from tests.reopened import make_ready_house

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from recorder.eeg.source import EegEvent


class FaultyHeadset:
    """A headset whose start ends in a fault of ours."""

    board = board("simulated")
    simulated = True
    description: dict[str, str] = {}  # noqa: RUF012 - never written
    released = False

    def start(self, _deliver: Callable[[EegEvent], None]) -> None:
        raise ZeroDivisionError

    def stop(self) -> None:
        self.released = True


def test_a_fault_while_a_headset_connects_ends_every_thread(tmp_path: Path) -> None:
    _, (code,) = make_ready_house(tmp_path, [tmp_path / "box1"])
    box = Box.load(tmp_path / "box1")
    signer = Signer(box.device, box.chain, box.signing_key(), box.recipients)
    plan = SessionPlan(
        consent=Consent(code, frozenset({"eeg"}), form="1", sessions=0),
        mode="in-person",
        codebook="1",
        headset_spec="simulated",
        microphone_spec="none",
        duration_s=1.0,
    )
    headset, before = FaultyHeadset(), set(threading.enumerate())
    with Sessions(box.sessions, disk=RealDisk(), signer=signer) as sessions:
        session = Session(
            plan,
            box=box,
            sessions=sessions,
            disk=RealDisk(),
            headset=headset,
            microphone=None,
        )
        with pytest.raises(ZeroDivisionError):
            session.start()
    assert headset.released
    assert set(threading.enumerate()) <= before
    assert not session.path.exists()
