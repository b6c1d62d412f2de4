"""The engine begins only what may be recorded, and ends what nobody finishes."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from lab.clients import block_client
from lab.publish import publish_to_box
from recorder import paired
from recorder.audio.source import AudioFormat
from recorder.box import Box
from recorder.clock import NS_PER_S, read_host_ns
from recorder.errors import (
    ClientCodeError,
    ConsentError,
    FieldrecError,
    FitError,
    FormatError,
    HeadsetError,
    MicrophoneError,
    PhaseError,
    ServiceError,
    StoreError,
    StoreSpaceError,
    UnknownHeadsetError,
)
from recorder.protocol import calls, replies
from recorder.store.disk import RealDisk
from recorder.store.receipts import signed_sessions
from tests.service_rig import HASTY, Rig, preparation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recorder.format.manifest import Manifest
    from tests.house import House


@pytest.fixture
def rig(own_house: House) -> Iterator[Rig]:
    with Rig(own_house.box) as rig:
        yield rig


def manifests(box: Path) -> list[Manifest]:
    found, _ = signed_sessions(RealDisk(), box / "sessions")
    return [session.manifest for session in found]


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"only_consented": False}, ConsentError, "in the room"),
        ({"confirmed": ("adult",)}, ConsentError, "consent_signed"),
        ({"confirmed": ("blue",)}, ConsentError, "not confirmed"),
        ({"mode": "online"}, ConsentError, "remote_audible"),
        ({"scopes": None, "form": None}, ConsentError, "no consent on file"),
        ({"scopes": ("audio",)}, ConsentError, "no consent to eeg"),
        ({"form": None}, ConsentError, "both its scopes"),
        ({"form": "Ivanova"}, ConsentError, "form's version"),
        ({"form": "1" * 33}, ConsentError, "form's version"),
        ({"signed_on": "31.01.2026"}, ConsentError, "date"),
        ({"signed_on": "2026-02-30"}, ConsentError, "date"),
        ({"client": "K7QX4"}, ClientCodeError, "check character"),
        ({"continues": True}, FieldrecError, "cut off"),
    ],
)
def test_what_may_not_be_recorded_is_refused_and_nothing_is_remembered(
    rig: Rig, changes: dict[str, object], kind: type[FieldrecError], words: str
) -> None:
    code = rig.new_code()
    with pytest.raises(kind, match=words) as caught:
        rig.do(preparation(code, **changes))
    assert rig.phase == "home"
    assert rig.ask(calls.ListClients(), replies.ClientList).clients == ()
    for value in ("Ivanova", code):
        assert value not in str(caught.value)


def test_who_is_blocked_during_the_fit_is_not_recorded(rig: Rig, own_house: House) -> None:
    rig.wait_until(lambda: rig.connected)
    code = rig.ask(calls.ListClients(), replies.ClientList).pool[-1]
    rig.prepare(code)
    block_client(own_house.load_lab(), code)
    publish_to_box(own_house.load_lab(), own_house.box)
    with pytest.raises(ClientCodeError, match="blocked"):
        rig.do(calls.Record(override=True))
    assert rig.phase == "fit"
    rig.do(calls.Cancel())
    assert manifests(own_house.box) == []


def test_a_question_that_the_study_does_not_ask_is_refused(rig: Rig) -> None:
    with pytest.raises(FormatError, match="no such question"):
        rig.prepare(confirmed=(*preparation("").confirmed, "blue"))


def test_a_known_client_confirms_with_one_key(rig: Rig) -> None:
    code = rig.begin()
    rig.do(calls.Stop())
    rig.do(calls.Finish("complete"))
    rig.prepare(code, scopes=None, form=None, confirmed=(), signed_on="")
    prepared = rig.engine.view.prepared
    assert prepared is not None
    assert (prepared.number, prepared.consent.form) == (2, "2026-1")
    assert prepared.consent.signed_on == "2026-01-31"


def test_the_gate_opens_when_the_electrodes_are_fine_for_long_enough(
    own_house: House,
) -> None:
    with Rig(own_house.box, replace(HASTY, override_after_s=60)) as rig:
        rig.prepare()
        with pytest.raises(FitError, match="80"):
            rig.do(calls.Record())
        with pytest.raises(FitError, match=r"in \d+ s"):
            rig.do(calls.Record(override=True))
        rig.wait_until(lambda: rig.engine.view.gate.open)
        rig.do(calls.Record())
        preparation = rig.running.session._sheet.preparation
        assert preparation is not None
        assert not preparation.fit_overridden
        assert preparation.good_share == 0.875
        # What the fit knew of the electrodes, the recording knows at once.
        rig.wait_until(lambda: rig.running.session.writer.contacts_ns > 0)
        assert rig.running.session.writer.contacts_ns < rig.running.session.start_ns


def test_who_records_before_the_gate_opens_has_that_in_the_sheet(own_house: House) -> None:
    with Rig(own_house.box, replace(HASTY, gate_hold_s=3600)) as rig:
        rig.wait_until(lambda: rig.connected)
        rig.prepare()
        rig.do(calls.Record(override=True))
        preparation = rig.running.session._sheet.preparation
        assert preparation is not None
        assert preparation.fit_overridden


def test_nothing_begins_without_the_devices(own_house: House) -> None:
    paired.choose(own_house.box, headset="serial:/dev/nothing:CYTON_BOARD")
    with Rig(own_house.box) as rig:
        rig.prepare()
        with pytest.raises(HeadsetError, match="not connected: port /dev/nothing"):
            rig.do(calls.Record(override=True))
        rig.do(calls.Use(headset="simulated", microphone="file:/nothing.wav"))
        rig.wait_until(lambda: rig.devices.headset.look(read_host_ns()).link == "connected")
        with pytest.raises(MicrophoneError, match="not connected"):
            rig.do(calls.Record(override=True))
        rig.do(calls.Use(microphone="none"))
        rig.do(calls.Record(override=True))
        assert rig.running.sound == "no_microphone"
        with pytest.raises(PhaseError):
            rig.do(calls.Use(microphone="simulated"))
    assert Box.load(own_house.box).default_microphone == "none"


def test_a_microphone_with_one_channel_gives_one(own_house: House, tmp_path: Path) -> None:
    for n_channels in (1, 2):
        wav = tmp_path / f"{n_channels}.wav"
        soundfile.write(wav, np.zeros((48_000 * 30, n_channels), np.int16), 48_000)
    paired.choose(own_house.box, microphone=f"file:{tmp_path}/1.wav")
    with Rig(own_house.box) as rig:
        rig.wait_until(lambda: rig.connected)
        microphone = rig.devices.microphone
        assert microphone.look(read_host_ns()).format == AudioFormat(n_channels=1)
        rig.do(calls.Use(microphone=f"file:{tmp_path}/2.wav"))
        rig.wait_until(lambda: rig.connected)
        assert microphone.look(read_host_ns()).format == AudioFormat(n_channels=2)


@pytest.mark.parametrize(
    "call",
    [
        calls.Use(headset="teapot"),
        calls.Use(headset="serial:/dev/ttyUSB0:MUSE_2_BOARD"),
        calls.Use(microphone="teapot"),
        calls.Pair("teapot", "muse"),
        calls.Pair("simulated", ""),
        calls.Pair("simulated", "a:b"),
        calls.Pair("simulated", "x" * 25),
        calls.Forget("muse"),
    ],
    ids=lambda call: str(call)[:40],
)
def test_devices_that_there_can_not_be_are_refused(rig: Rig, call: calls.Call) -> None:
    before = Box.load(rig.box).default_headset
    with pytest.raises(FieldrecError):
        rig.do(call)
    assert Box.load(rig.box).default_headset == before


def test_a_paired_headset_is_used_at_the_next_start_until_it_is_forgotten(
    own_house: House,
) -> None:
    with Rig(own_house.box) as rig:
        rig.do(calls.Pair("synthetic", "шлем"))
        assert rig.devices.in_use.headset == "шлем"
    with Rig(own_house.box) as rig:
        assert rig.devices.in_use.headset == "шлем"
        assert rig.devices.headset.look(0).name == "шлем"
        rig.do(calls.Forget("шлем"))
        assert rig.devices.in_use.headset == ""
        assert rig.devices.headset.look(0).link == "none"
        with pytest.raises(UnknownHeadsetError):
            rig.do(calls.Use(headset="шлем"))


def test_a_session_nobody_finishes_is_signed_by_itself(own_house: House) -> None:
    with Rig(own_house.box, replace(HASTY, sign_after_s=0.3)) as rig:
        rig.begin()
        rig.wait_s(0.3)
        rig.do(calls.Stop())
        assert rig.engine.view.signs_at_ns is not None
        assert not manifests(own_house.box)
        rig.wait_until(lambda: rig.phase == "home")
    (manifest,) = manifests(own_house.box)
    assert manifest.clean


@pytest.mark.parametrize(
    "call",
    [
        calls.Finish("partial"),
        calls.Finish("skipped"),
        calls.Finish("partial", "bored"),
        calls.Finish("complete", "", {"session": {"depth": 8}}),
        calls.Finish("complete", "", {"mood": {"x": 1}}),
    ],
    ids=lambda call: str(call)[:60],
)
def test_an_ending_that_the_study_does_not_know_is_refused(
    rig: Rig, call: calls.Finish
) -> None:
    rig.begin()
    rig.do(calls.Stop())
    with pytest.raises(FormatError):
        rig.do(call)
    assert rig.phase == "finish"


def test_a_discarded_session_does_not_count(rig: Rig) -> None:
    code = rig.begin()
    rig.mark()
    rig.do(calls.Discard())
    assert rig.phase == "home"
    (listed,) = rig.ask(calls.ListClients(), replies.ClientList).clients
    assert (listed.code, listed.sessions, listed.is_new) == (code, 0, True)
    (manifest,) = manifests(rig.box)
    assert manifest.discarded
    assert manifest.files == {}
    assert rig.engine.view.offer is None


def test_a_stopped_session_can_still_be_discarded(rig: Rig) -> None:
    rig.begin()
    rig.do(calls.Stop())
    rig.do(calls.Discard())
    (manifest,) = manifests(rig.box)
    assert manifest.discarded


def test_only_simulated_devices_fail_on_demand(own_house: House) -> None:
    paired.choose(own_house.box, headset="synthetic", microphone="none")
    with Rig(own_house.box) as rig:
        for fault in ("electrodes", "headset", "microphone"):
            with pytest.raises(ServiceError):
                rig.do(calls.Provoke(fault))


class ShrinkingDisk(RealDisk):
    """A disk that somebody else fills."""

    free = 10**12

    def free_bytes(self, folder: Path) -> int:
        return min(self.free, super().free_bytes(folder))


def test_a_full_disk_closes_the_session_in_time_and_says_so(own_house: House) -> None:
    disk = ShrinkingDisk()
    with Rig(own_house.box, disk=disk) as rig:
        rig.begin()
        disk.free = 75_000_000
        rig.wait_until(lambda: rig.phase == "finish")
        assert "no space" in rig.running.trouble
        assert rig.ask(calls.Finish("complete"), replies.Finished).clean
        with pytest.raises(StoreSpaceError):
            rig.prepare()


class RefusingDisk(RealDisk):
    """A disk on which manifests can't be written for a while."""

    refuses = False

    def rename(self, old: Path, new: Path) -> None:
        if self.refuses and new.name == "manifest.json":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().rename(old, new)


def test_a_session_that_can_not_be_signed_is_tried_again(own_house: House) -> None:
    disk = RefusingDisk()
    with Rig(own_house.box, disk=disk) as rig:
        rig.begin()
        rig.do(calls.Stop())
        disk.refuses = True
        with pytest.raises(StoreError, match="could not be signed"):
            rig.do(calls.Finish("complete"))
        assert rig.phase == "finish"
        assert "could not be signed" in rig.running.trouble
        disk.refuses = False
        assert rig.ask(calls.Finish("complete"), replies.Finished).clean


def test_a_discard_that_the_disk_cut_short_is_finished_at_home(own_house: House) -> None:
    disk = RefusingDisk()
    with Rig(own_house.box, disk=disk) as rig:
        rig.begin()
        disk.refuses = True
        with pytest.raises(StoreError, match="could not be erased"):
            rig.do(calls.Discard())
        assert rig.phase == "home"
        assert not manifests(rig.box)
        disk.refuses = False
        rig.engine.tick(read_host_ns() + 31 * NS_PER_S)
        (manifest,) = manifests(rig.box)
        assert manifest.discarded


def test_the_baseline_marks_itself(rig: Rig) -> None:
    rig.begin(baseline=True)
    rest = rig.running.rest
    assert rest is not None
    assert 0 < rest.look(rest.began_ns + NS_PER_S // 2).left_s <= 1
    rig.wait_until(lambda: rest.stage == "eyes_closed")
    rig.wait_until(lambda: rest.stage == "done")
    marks = [(one.id, one.act) for one in rig.running.marks.newest]
    assert marks == [
        ("eyes_open", "on"),
        ("eyes_open", "off"),
        ("eyes_closed", "on"),
        ("eyes_closed", "off"),
    ]
    assert rest.alpha_ratio is None  # a second of each is too little
    shown = rest.look(read_host_ns())
    assert (shown.stage, shown.left_s) == ("done", 0)


@pytest.mark.parametrize("act", ["skip", "pause", "erase", "stop"])
def test_a_baseline_that_is_interrupted_leaves_no_stage_open(
    own_house: House, act: str
) -> None:
    with Rig(own_house.box, replace(HASTY, baseline_s=600)) as rig:
        rig.begin(baseline=True)
        rig.wait_s(0.2)
        interrupt(rig, act)


def interrupt(rig: Rig, act: str) -> None:
    running = rig.running
    requests: dict[str, calls.Call] = {
        "skip": calls.SkipBaseline(),
        "pause": calls.Pause(),
        "erase": calls.Erase(1),
        "stop": calls.Stop(),
    }
    rig.do(requests[act])
    assert running.rest is not None
    assert running.rest.stage == "done"
    assert running.rest.alpha_ratio is None
    assert running.marks.running == ()
    kept = [] if act == "erase" else [("eyes_open", "on"), ("eyes_open", "off")]
    assert [(one.id, one.act) for one in running.marks.newest] == kept


def test_erasing_takes_the_marks_along_and_counts_what_is_left(rig: Rig) -> None:
    rig.begin()
    rig.mark("emotion", "on")
    rig.wait_s(1.0)
    erased = rig.ask(calls.Erase(5), replies.Erased)
    assert erased.parts == (1,)
    assert 0.9 < erased.seconds < 30
    assert rig.running.marks.newest == ()
    assert rig.running.marks.running == ()
    rig.mark("emotion", "on")  # not running any more
    rig.do(calls.Pause())
    erased = rig.ask(calls.Erase(1), replies.Erased)
    assert erased.parts == (2,)
    assert rig.phase == "paused"
    assert rig.running.marks.running == ()


def test_a_lost_headset_counts_as_lost_time(own_house: House) -> None:
    with Rig(own_house.box) as rig:
        rig.begin()
        rig.do(calls.Provoke("headset"))
        rig.wait_until(lambda: rig.running.session.writer.headset_lost)
        rig.wait_until(lambda: rig.running.session.writer.lost_ns > 2 * NS_PER_S)
        assert rig.devices.headset.look(read_host_ns()).link == "lost"
        rig.wait_until(lambda: not rig.running.session.writer.headset_lost)
        assert 7 * NS_PER_S < rig.running.session.writer.lost_ns < 20 * NS_PER_S
        assert rig.running.session.writer.lost_samples == 0


def test_a_session_after_another_has_its_own_count_of_overruns(own_house: House) -> None:
    # The microphone may take seconds to start, and one that starts later has no overrun.
    options = replace(Rig(own_house.box).simulation, xrun_at_s=8.0)
    with Rig(own_house.box, simulation=options) as rig:
        rig.wait_until(lambda: rig.devices.microphone.look(read_host_ns()).xruns == 1)
        rig.begin()
        rig.wait_s(1.0)
        assert rig.running.session.writer.xruns == 0
