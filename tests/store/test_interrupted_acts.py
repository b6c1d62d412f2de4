"""Killed at any step of closing, erasing, discarding or signing, the next start mends it.

Every step the disk is asked for is tried as the last one, and every crash state is taken
twice: as the process left it (a kill) and as the medium may have it (a power cut).
"""

from __future__ import annotations

import errno
import uuid
from typing import TYPE_CHECKING

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recorder.clock import NS_PER_S
from recorder.errors import StoreWriteError
from recorder.format import manifest as manifests
from recorder.store.disk import empty_folder
from recorder.store.erase import discard
from recorder.store.layout import (
    DISCARDED,
    FREE_JOURNALS,
    JOURNAL_FILE,
    MANIFEST_FILE,
    SIGNATURE_FILE,
    part_name,
)
from recorder.store.sessions import scan
from recorder.store.signing import Signer, sign_session
from tests.power_cut_disk import PowerCutDisk, PowerCutError
from tests.recording_rig import FOLDER, RECIPIENTS, SESSION, SESSIONS, Rig, read_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from recorder.format.manifest import Manifest

SIGNER = Signer("BOX-00019", uuid.UUID(int=7), Ed25519PrivateKey.generate(), RECIPIENTS)


KINDS = ("kill", "power cut")


def recorded(disk: PowerCutDisk) -> Rig:
    disk.make_base(SESSIONS)
    rig = Rig(disk, part_length_s=1.0)
    rig.begin()
    rig.run(1.8)
    rig.mark()
    return rig


def close(rig: Rig) -> None:
    rig.stop()


def erase(rig: Rig) -> None:
    rig.recording.erase(back_ns=700_000_000, now_ns=rig.now_ns)
    rig.stop()


def throw_away(rig: Rig) -> None:
    rig.recording.let_go()
    gone = FOLDER.with_name(FOLDER.name + DISCARDED)
    discard(rig.disk, rig.journals, FOLDER, gone)
    sign_session(rig.disk, SIGNER, gone, clean=True, discarded=True)


def sign(rig: Rig) -> None:
    rig.stop()
    sign_session(rig.disk, SIGNER, FOLDER, clean=True)


def steps_of(act: Callable[[Rig], None]) -> list[int]:
    """Return the steps to be cut at: all but the middle of pre-writing a journal."""
    disk = PowerCutDisk()
    rig = recorded(disk)
    names: list[str] = []
    disk.before = names.append
    act(rig)
    busy = [name in ("write", "datasync") for name in names]
    return [n for n in range(len(names)) if not (n > 3 and all(busy[n - 4 : n + 5]))]


def cut_at(act: Callable[[Rig], None], step: int) -> Rig:
    """Do ``act`` and pull the plug before its step number ``step``."""
    disk = PowerCutDisk()
    rig = recorded(disk)
    last = disk.n_steps + step

    def before(_name: str) -> None:
        if disk.n_steps >= last:
            raise PowerCutError

    disk.before = before
    with pytest.raises(PowerCutError):
        act(rig)
    disk.before = lambda _name: None
    return rig


def state_after(rig: Rig, seed: int, kind: str) -> PowerCutDisk:
    disk = rig.disk
    assert isinstance(disk, PowerCutDisk)
    return disk if kind == "kill" else disk.after_cut(np.random.default_rng(seed))


def states_after(rig: Rig, seed: int) -> Iterator[PowerCutDisk]:
    return (state_after(rig, seed, kind) for kind in KINDS)


def signed(disk: PowerCutDisk) -> list[tuple[Path, Manifest]]:
    files = disk.files()
    return [
        (path.parent, manifests.parse(files[path.parent / MANIFEST_FILE]))
        for path in files
        if path.name == SIGNATURE_FILE
    ]


def each_step(act: Callable[[Rig], None]) -> Iterator[PowerCutDisk]:
    # Killed at one step, cut off from power at the next: each kind at every other step.
    # One after the other: the journals of all these disks would be gigabytes.
    for step in steps_of(act):
        yield state_after(cut_at(act, step), step, KINDS[step % 2])


@pytest.mark.parametrize("act", [close, erase, throw_away, sign])
def test_the_next_start_signs_once_and_changes_nothing_signed(
    act: Callable[[Rig], None],
) -> None:
    for disk in each_step(act):
        scan(disk, SIGNER, SESSIONS)
        once = signed(disk)
        files = disk.files()
        assert len(once) == 1
        folder, manifest = once[0]
        assert manifest.session == str(SESSION)
        assert (manifest.sequence, manifest.previous) == (1, "")
        listed = {folder / path for path in manifest.files}
        there = {p for p in files if folder in p.parents and "manifest" not in p.name}
        assert listed == there
        assert scan(disk, SIGNER, SESSIONS).crashed == ()
        assert disk.files() == files


def test_a_kill_while_closing_loses_nothing_saved() -> None:
    for step in steps_of(close):
        rig = cut_at(close, step)
        for disk in states_after(rig, seed=step):
            scan(disk, SIGNER, SESSIONS)
            found = read_parts(disk.files())
            for number, lengths in rig.saved.items():
                assert (len(found[number].eeg), len(found[number].audio)) >= lengths


def test_an_erase_is_either_decided_and_done_or_never_began() -> None:
    for step in steps_of(erase):
        rig = cut_at(erase, step)
        for disk in states_after(rig, seed=step):
            scan(disk, SIGNER, SESSIONS)
            _, manifest = signed(disk)[0]
            found = read_parts(disk.files())
            if manifest.erased:
                assert not set(manifest.erased) & set(found)
                assert not any(
                    (part := part_name(path.split("/")[0]))
                    and part.number in manifest.erased
                    for path in manifest.files
                )
            else:
                assert set(rig.saved) <= set(found)


def test_what_was_erased_is_in_no_journal_either() -> None:
    rig = recorded(PowerCutDisk())
    assert isinstance(rig.disk, PowerCutDisk)
    while rig.recording.work():
        pass  # so that a closed part has given its journal back
    before = rig.disk.files()
    erased = rig.recording.erase(back_ns=60_000_000_000, now_ns=rig.now_ns)
    free = {path for path in before if path.name in FREE_JOURNALS}
    sealed = {path for path in before if _is_of(path, erased)}
    # The end of each: what is written over later, if anything, is its beginning.
    remains = {path: before[path].rstrip(b"\0")[-64:] for path in free | sealed}
    left = {path for path, piece in remains.items() if piece}
    assert left & sealed
    assert left & free, "no journal of an earlier part lay free"
    for path, content in rig.disk.files().items():
        assert not any(remains[old] in content for old in left), path


def _is_of(path: Path, numbers: tuple[int, ...]) -> bool:
    part = part_name(path.parent.name)
    return part is not None and part.number in numbers


def test_a_discarded_session_leaves_a_tombstone_without_content() -> None:
    for disk in each_step(throw_away):
        scan(disk, SIGNER, SESSIONS)
        folder, manifest = signed(disk)[0]
        if manifest.discarded:
            assert folder.name.endswith(DISCARDED)
            assert manifest.files == {}
            assert not any(FOLDER in path.parents for path in disk.files())


def test_the_chain_goes_on_and_never_forks() -> None:
    disk = PowerCutDisk()
    disk.make_base(SESSIONS)
    previous = ""
    for number in range(1, 5):
        folder = SESSIONS / str(uuid.UUID(int=number))
        disk.make_folder(folder)
        sign_session(disk, SIGNER, folder, clean=True)
        content = disk.files()[folder / MANIFEST_FILE]
        manifest = manifests.parse(content)
        assert (manifest.sequence, manifest.previous) == (number, previous)
        previous = manifests.digest(content)
    other = Signer(SIGNER.device, uuid.UUID(int=8), SIGNER.key, SIGNER.recipients)
    folder = SESSIONS / str(uuid.UUID(int=9))
    disk.make_folder(folder)
    assert sign_session(disk, other, folder, clean=True).sequence == 1


def test_emptying_a_folder_empties_the_folders_in_it() -> None:
    rig = recorded(PowerCutDisk())
    assert isinstance(rig.disk, PowerCutDisk)
    empty_folder(rig.disk, FOLDER)
    assert rig.disk.names(FOLDER) == []


class RefusingDisk(PowerCutDisk):
    """Refuses one call of a kind, after some that go well."""

    def __init__(self) -> None:
        super().__init__(self._refuse)
        self._refused_name = ""
        self._going_well = 0

    def refuse(self, name: str, *, after: int = 0) -> None:
        self._refused_name, self._going_well = name, after

    def _refuse(self, name: str) -> None:
        if name != self._refused_name:
            return
        if self._going_well == 0:
            self._refused_name = ""
            raise OSError(errno.EIO, "Input/output error")
        self._going_well -= 1


def parts_left(rig: Rig) -> set[str]:
    return {name for name in rig.disk.names(FOLDER) if part_name(name)}


def test_an_erase_the_disk_interrupted_is_carried_out_by_the_next_one() -> None:
    disk = RefusingDisk()
    rig = recorded(disk)
    disk.refuse("rename")  # of the decision's file: nothing is decided
    with pytest.raises(StoreWriteError, match="nothing was erased"):
        rig.recording.erase(back_ns=60 * NS_PER_S, now_ns=rig.now_ns)
    disk.refuse("rename", after=1)  # the decision stands, the parts do not go
    with pytest.raises(StoreWriteError, match="the next start finishes it"):
        rig.recording.erase(back_ns=60 * NS_PER_S, now_ns=rig.now_ns)
    first = rig.recording.erased
    assert first
    rig.run(1.2)
    rig.recording.erase(back_ns=NS_PER_S, now_ns=rig.now_ns)
    rig.stop()
    assert set(first) < set(rig.recording.erased)
    for number in rig.recording.erased:
        assert f"{number:04d}" not in parts_left(rig)
        assert disk.names(FOLDER / f"{number:04d}.erased") == []


def test_a_decision_that_is_on_the_disk_holds_although_its_sync_failed() -> None:
    disk = RefusingDisk()
    rig = recorded(disk)
    disk.refuse("sync_folder")
    erased = rig.recording.erase(back_ns=60 * NS_PER_S, now_ns=rig.now_ns)
    rig.run(1.2)
    rig.stop()
    sign_session(disk, SIGNER, FOLDER, clean=True)
    _, manifest = signed(disk)[0]
    assert manifest.erased == erased
    assert manifest.parts  # what came after the erase is kept


def test_after_an_erase_no_tick_waits_for_a_whole_journal_to_be_written() -> None:
    disk = PowerCutDisk()
    rig = recorded(disk)
    rig.recording.work()
    written = 0

    def count(name: str) -> None:
        nonlocal written
        written += name == "datasync"

    disk.before = count
    rig.recording.erase(back_ns=60 * NS_PER_S, now_ns=rig.now_ns)
    assert written < 10
    while rig.recording.work():
        pass
    assert disk.is_file(SESSIONS / "journal-1")


def test_a_part_being_closed_during_an_erase_gives_its_journal_back() -> None:
    rig = recorded(PowerCutDisk())
    rig.recording.pause(rig.now_ns)
    rig.recording.work()
    rig.recording.resume(rig.now_ns)
    first_open = rig.recording.n_parts
    rig.run(0.6)
    rig.recording.erase(back_ns=1, now_ns=rig.now_ns)
    rig.stop()
    assert isinstance(rig.disk, PowerCutDisk)
    assert [path for path in rig.disk.files() if path.name == JOURNAL_FILE] == []
    assert first_open in rig.recording.erased


def test_a_session_that_lacks_a_part_is_not_clean() -> None:
    disk = PowerCutDisk()
    rig = recorded(disk)
    rig.stop()
    empty_folder(disk, FOLDER / "0001")
    disk.remove_folder(FOLDER / "0001")
    assert not sign_session(disk, SIGNER, FOLDER, clean=True).clean
