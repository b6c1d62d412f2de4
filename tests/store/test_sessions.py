"""The store's owner: one at a time, and every session ends signed or as a tombstone."""

from __future__ import annotations

import errno
import os
import stat
import uuid
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lab.unseal import unseal
from recorder.audio.source import AudioFormat
from recorder.clock import NS_PER_S, read_wall_pair
from recorder.commands.sessions import list_sessions
from recorder.eeg.montage import board
from recorder.errors import StoreBusyError, StoreError, StoreSpaceError, StoreWriteError
from recorder.format import manifest as manifests
from recorder.format.sheet import Consent, Equipment, SessionSheet, parse_sheet
from recorder.format.sshsig import AllowedSigners, allowed_signers_line, public_line, verify
from recorder.store.disk import RealDisk, RealFile
from recorder.store.erase import decide_erase
from recorder.store.interrupted import interrupted_session
from recorder.store.layout import DISCARDED, MANIFEST_FILE, SHEET_FILE, SIGNATURE_FILE
from recorder.store.receipts import Lab
from recorder.store.sessions import Sessions
from recorder.store.signing import Signer
from recorder.store.space import bytes_per_minute, check_fits, free_minutes
from tests.recording_rig import IDENTITIES, RECIPIENTS, SESSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIGNER = Signer("BOX-00019", uuid.UUID(int=7), Ed25519PrivateKey.generate(), RECIPIENTS)

LAB = Lab("BOX-00019", AllowedSigners.parse(""))


def a_sheet(session: uuid.UUID = SESSION) -> SessionSheet:
    nothing = Equipment(spec="none", description={}, simulated=False)
    return SessionSheet(
        device="BOX-00019",
        session=session,
        client="K7QX3",
        consent=Consent(scopes=("eeg",), form="v1"),
        mode="in-person",
        headset=nothing,
        microphone=nothing,
        codebook="1",
        software={},
        started_wall_ns=0,
        clock_state="unknown",
        started_host_ns=0,
    )


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[Sessions]:
    with Sessions(tmp_path, disk=RealDisk(), signer=SIGNER) as opened:
        yield opened


@pytest.mark.usefixtures("sessions")
def test_a_second_recorder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreBusyError, match="another program is recording"):
        Sessions(tmp_path, disk=RealDisk(), signer=SIGNER)


def test_the_lock_is_given_back(tmp_path: Path) -> None:
    for _ in range(2):
        with Sessions(tmp_path, disk=RealDisk(), signer=SIGNER):
            pass


def test_a_session_begins_with_a_sealed_sheet_only_its_owner_can_touch(
    sessions: Sessions, tmp_path: Path
) -> None:
    folder = sessions.begin(a_sheet())
    sealed = (folder / SHEET_FILE).read_bytes()
    assert b"K7QX3" not in sealed
    assert parse_sheet(unseal(sealed, IDENTITIES)).client == "K7QX3"
    for path in (folder, *folder.iterdir(), *tmp_path.glob("journal-*")):
        assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0, path  # noqa: PTH116 - mode


def test_a_finished_session_is_signed_for_the_registry(sessions: Sessions) -> None:
    folder = sessions.begin(a_sheet())
    manifest = sessions.finish(SESSION)
    assert manifest.clean
    key = public_line(SIGNER.key.public_key(), "box")
    line = allowed_signers_line("BOX-00019", key, namespaces=[manifests.NAMESPACE_MANIFEST])
    verify(
        (folder / MANIFEST_FILE).read_bytes(),
        (folder / SIGNATURE_FILE).read_text(),
        namespace=manifests.NAMESPACE_MANIFEST,
        principal="BOX-00019",
        signers=AllowedSigners.parse(line),
    )


class FullDisk(RealDisk):
    """Has room for nothing while the two free journals take it."""

    def create(self, path: Path) -> RealFile:
        if (path.parent.parent / "journal-1").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().create(path)


def test_a_full_disk_gives_up_its_free_journals_for_the_signature(tmp_path: Path) -> None:
    with Sessions(tmp_path, disk=RealDisk(), signer=SIGNER) as sessions:
        folder = sessions.begin(a_sheet())
    with Sessions(tmp_path, disk=FullDisk(), signer=SIGNER) as sessions:
        assert sessions.finish(SESSION).clean
    assert (folder / SIGNATURE_FILE).is_file()


class BrokenDisk(RealDisk):
    def create(self, path: Path) -> RealFile:
        raise OSError(errno.EROFS, "Read-only file system", str(path))


def test_a_session_that_cannot_be_signed_says_what_becomes_of_it(tmp_path: Path) -> None:
    with Sessions(tmp_path, disk=RealDisk(), signer=SIGNER) as sessions:
        sessions.begin(a_sheet())
    with (
        Sessions(tmp_path, disk=BrokenDisk(), signer=SIGNER) as sessions,
        pytest.raises(StoreWriteError, match="the next start of the box signs it"),
    ):
        sessions.finish(SESSION)


def test_a_session_is_never_signed_twice(sessions: Sessions) -> None:
    sessions.begin(a_sheet())
    sessions.finish(SESSION)
    with pytest.raises(StoreError, match="signed already"):
        sessions.finish(SESSION)
    with pytest.raises(StoreError, match="may be at the lab already"):
        sessions.discard(SESSION)


def test_what_is_decided_to_be_erased_is_gone_before_a_session_is_signed(
    sessions: Sessions,
) -> None:
    folder = sessions.begin(a_sheet())
    for part in ("0001", "0002"):
        (folder / part).mkdir()
        (folder / part / "eeg.xdf.age").write_bytes(b"sealed")
    decide_erase(RealDisk(), folder, [2])  # and the disk refused the rest
    manifest = sessions.finish(SESSION)
    assert manifest.erased == (2,)
    assert set(manifest.files) == {SHEET_FILE, "0001/eeg.xdf.age"}
    assert list((folder / "0002.erased").iterdir()) == []


def test_a_discarded_session_keeps_nothing_but_its_tombstone(
    sessions: Sessions, tmp_path: Path
) -> None:
    sessions.begin(a_sheet())
    manifest = sessions.discard(SESSION)
    assert (manifest.discarded, manifest.files) == (True, {})
    gone = tmp_path / f"{SESSION}{DISCARDED}"
    assert sorted(path.name for path in gone.iterdir()) == [MANIFEST_FILE, SIGNATURE_FILE]


def test_the_list_shows_every_state(sessions: Sessions, tmp_path: Path) -> None:
    waiting, gone, running = (uuid.UUID(int=number) for number in (21, 22, 23))
    for session in (waiting, gone, running):
        sessions.begin(a_sheet(session))
    sessions.finish(waiting)
    sessions.discard(gone)
    rows = {row.session: row.state for row in list_sessions(RealDisk(), tmp_path, LAB)}
    assert rows == {
        str(waiting): "waiting",
        str(gone): "discarded",
        str(running): "recording",
    }


def test_an_unsigned_session_of_a_free_store_was_cut_off(tmp_path: Path) -> None:
    with Sessions(tmp_path, disk=RealDisk(), signer=SIGNER) as sessions:
        sessions.begin(a_sheet())
    assert [row.state for row in list_sessions(RealDisk(), tmp_path, LAB)] == ["cut off"]
    with Sessions(tmp_path, disk=RealDisk(), signer=SIGNER) as sessions:
        assert sessions.scan().crashed == (str(SESSION),)
    assert [row.state for row in list_sessions(RealDisk(), tmp_path, LAB)] == ["waiting"]


def test_strange_files_in_the_store_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / f"{SESSION}.trash").mkdir()
    with Sessions(tmp_path, disk=RealDisk(), signer=SIGNER) as sessions:
        assert sessions.scan().crashed == ()
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(("free", "needed", "fits"), [(90, 90, True), (89.9, 90, False)])
def test_a_session_that_would_not_fit_is_not_started(
    free: float, needed: float, *, fits: bool
) -> None:
    if fits:
        check_fits(free, needed)
    else:
        with pytest.raises(StoreSpaceError, match="room for 89 minutes, 90 are needed"):
            check_fits(free, needed)


def test_minutes_are_counted_for_a_loud_session(tmp_path: Path) -> None:
    facts = board("CYTON_BOARD")
    stereo = AudioFormat(bits=24, n_channels=2)
    assert bytes_per_minute(facts, stereo) > 60 * 48_000 * 2 * 3 * 0.85
    assert bytes_per_minute(facts, None) > 60 * 250 * 41
    assert free_minutes(RealDisk(), tmp_path, board=facts, audio=stereo) > 0


def cut_off(sessions: Path, number: int) -> uuid.UUID:
    session = uuid.UUID(int=number)
    with Sessions(sessions, disk=RealDisk(), signer=SIGNER) as store:
        store.begin(a_sheet(session))
    with Sessions(sessions, disk=RealDisk(), signer=SIGNER) as store:
        store.scan()
    return session


def test_the_session_that_was_cut_off_last_can_be_continued(tmp_path: Path) -> None:
    cut_off(tmp_path, 31)
    last = cut_off(tmp_path, 32)
    now_ns = read_wall_pair().wall_ns
    chain = SIGNER.chain
    found = interrupted_session(RealDisk(), tmp_path, chain=chain, now_wall_ns=now_ns)
    assert found.session == last


def test_two_hours_later_it_cannot(tmp_path: Path) -> None:
    cut_off(tmp_path, 31)
    now_ns = read_wall_pair().wall_ns + 7_201 * NS_PER_S
    with pytest.raises(StoreError, match="cut off 120 minutes ago; it can be continued"):
        interrupted_session(RealDisk(), tmp_path, chain=SIGNER.chain, now_wall_ns=now_ns)


def test_a_session_that_ended_well_is_not_continued(tmp_path: Path) -> None:
    cut_off(tmp_path, 31)
    with Sessions(tmp_path, disk=RealDisk(), signer=SIGNER) as sessions:
        sessions.begin(a_sheet())
        sessions.finish(SESSION)
    with pytest.raises(StoreError, match="nothing to continue"):
        interrupted_session(RealDisk(), tmp_path, chain=SIGNER.chain, now_wall_ns=0)


def test_one_session_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    bad, good = cut_off_unsigned(tmp_path, 41), cut_off_unsigned(tmp_path, 42)

    class BadSector(RealDisk):
        def chunks(self, path: Path) -> Iterator[bytes]:
            if str(bad) in str(path):
                raise OSError(errno.EIO, "Input/output error")
            return super().chunks(path)

    with Sessions(tmp_path, disk=BadSector(), signer=SIGNER) as sessions:
        found = sessions.scan()
    assert found.crashed == (str(good),)
    assert found.refused == ((str(bad), "Input/output error"),)


def test_a_spoilt_manifest_leaves_the_next_unsigned_and_stops_nothing(
    tmp_path: Path,
) -> None:
    signed = cut_off_unsigned(tmp_path, 41)
    with Sessions(tmp_path, disk=RealDisk(), signer=SIGNER) as sessions:
        sessions.scan()
    (tmp_path / str(signed) / MANIFEST_FILE).write_bytes(b"{}")
    cut_off_unsigned(tmp_path, 42)
    with Sessions(tmp_path, disk=RealDisk(), signer=SIGNER) as sessions:
        ((name, why),) = sessions.scan().refused
        sessions.begin(a_sheet())
    assert name == str(uuid.UUID(int=42))
    assert f"the manifest of session {signed} can't be read" in why


def cut_off_unsigned(sessions: Path, number: int) -> uuid.UUID:
    session = uuid.UUID(int=number)
    with Sessions(sessions, disk=RealDisk(), signer=SIGNER) as store:
        store.begin(a_sheet(session))
    return session


def test_links_in_a_session_lead_nowhere(tmp_path: Path) -> None:
    store = tmp_path / "sessions"
    store.mkdir()
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("private")
    folder = store / str(cut_off_unsigned(store, 43))
    (folder / "0001").symlink_to(secret)
    (folder / "key").symlink_to(secret / "key")
    os.mkfifo(folder / "pipe")
    with Sessions(store, disk=RealDisk(), signer=SIGNER) as sessions:
        sessions.scan()
    manifest = manifests.parse((folder / MANIFEST_FILE).read_bytes())
    assert set(manifest.files) == {SHEET_FILE}
    with pytest.raises(OSError, match="symbolic links"):
        list(RealDisk().chunks(folder / "key"))
    with pytest.raises(OSError, match="Not a plain file"):
        list(RealDisk().chunks(folder / "pipe"))


def test_strange_folders_do_not_break_the_chain(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "lost+found" / SIGNATURE_FILE).write_text("not ours")
    with Sessions(tmp_path, disk=RealDisk(), signer=SIGNER) as sessions:
        sessions.begin(a_sheet())
        assert sessions.finish(SESSION).sequence == 1
