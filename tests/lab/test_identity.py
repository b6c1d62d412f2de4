"""Private keys: written once, readable by their owner only, never shown."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.identity import (
    HybridIdentity,
    Identity,
    X25519Identity,
    parse_identity,
    read_identities,
    write_identity,
)
from recorder.errors import IdentityError, KeyFileError
from recorder.format import age, bech32

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
EXAMPLE_RECIPIENT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
EXAMPLE_PQ = "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR"
TYPES = [X25519Identity, HybridIdentity]

needs_age = pytest.mark.skipif(shutil.which("age-keygen") is None, reason="needs age")


@pytest.fixture
def key_path(tmp_path: Path) -> Path:
    return tmp_path / "working.key"


@pytest.mark.parametrize("kind", TYPES)
@settings(deadline=None)
@given(seed=st.binary(min_size=32, max_size=32))
def test_an_identity_comes_back_from_its_text(kind: type[Identity], seed: bytes) -> None:
    assert parse_identity(kind(seed).to_text()) == kind(seed)


@pytest.mark.parametrize("kind", TYPES)
def test_two_new_identities_differ(kind: type[Identity]) -> None:
    assert kind.generate() != kind.generate()
    recipient = kind.generate().recipient
    assert age.parse_recipient(age.recipient_text(recipient)) == recipient


def test_the_standards_examples_read() -> None:
    identity = parse_identity(EXAMPLE)
    assert age.recipient_text(identity.recipient) == EXAMPLE_RECIPIENT
    hybrid = parse_identity(EXAMPLE_PQ)
    assert age.recipient_text(hybrid.recipient).startswith("age1pq1x34nzsvr0rxjsgdn8zgyh")


def test_a_representation_never_shows_the_key() -> None:
    for kind in TYPES:
        assert repr(kind(b"\x42" * 32)) == f"{kind.__name__}()"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "can't be read"),
        ("hello", "can't be read"),
        (EXAMPLE[:-1] + "Q", "checksum"),
        (EXAMPLE.lower(), "public key|unknown"),
        (EXAMPLE_RECIPIENT, "a public key stands where an identity belongs"),
        (bech32.encode("AGE-PLUGIN-X-", bytes(32)), "type of identity is unknown"),
        (bech32.encode("AGE-SECRET-KEY-", bytes(31)), "31 bytes, not 32"),
        (bech32.encode("AGE-SECRET-KEY-PQ-", bytes(64)), "64 bytes, not 32"),
    ],
)
def test_what_is_no_identity_is_refused_without_an_echo(text: str, message: str) -> None:
    with pytest.raises(IdentityError, match=message) as caught:
        parse_identity(text)
    assert "gfpyysjz" not in str(caught.value).lower()


@pytest.mark.parametrize("kind", TYPES)
def test_a_written_identity_is_its_owners_alone(
    key_path: Path, kind: type[Identity]
) -> None:
    identity = kind.generate()
    write_identity(key_path, identity, note="Working identity\nof the lab")
    assert key_path.stat().st_mode & 0o777 == 0o600
    assert read_identities(key_path) == (identity,)
    lines = key_path.read_text().splitlines()
    assert lines[:2] == ["# Working identity", "# of the lab"]
    assert lines[2] == f"# public key: {age.recipient_text(identity.recipient)}"


def test_an_identity_is_private_even_under_a_loose_umask(key_path: Path) -> None:
    before = os.umask(0)
    try:
        write_identity(key_path, X25519Identity.generate(), note="x")
    finally:
        os.umask(before)
    assert key_path.stat().st_mode & 0o777 == 0o600


def test_an_identity_is_never_overwritten(key_path: Path) -> None:
    write_identity(key_path, X25519Identity(b"\x01" * 32), note="first")
    with pytest.raises(KeyFileError, match="never overwritten"):
        write_identity(key_path, X25519Identity(b"\x02" * 32), note="second")
    assert read_identities(key_path) == (X25519Identity(b"\x01" * 32),)


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="can't be written: No such file"):
        write_identity(tmp_path / "no" / "key", X25519Identity.generate(), note="x")
    with pytest.raises(KeyFileError, match="can't be read: No such file"):
        read_identities(tmp_path / "key")
    with pytest.raises(KeyFileError, match="can't be read: Is a directory"):
        read_identities(tmp_path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o601, 0o644, 0o777])
def test_a_file_others_can_use_is_refused_with_its_mode(key_path: Path, mode: int) -> None:
    write_identity(key_path, X25519Identity.generate(), note="x")
    key_path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"mode {mode:04o}") as caught:
        read_identities(key_path)
    assert caught.value.hint == f"chmod 600 {key_path}"


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_the_owner_alone_is_read(key_path: Path, mode: int) -> None:
    write_identity(key_path, X25519Identity.generate(), note="x")
    key_path.chmod(mode)
    assert len(read_identities(key_path)) == 1


def test_a_file_may_hold_several_identities(key_path: Path) -> None:
    put(key_path, f"# old and new\n\n{EXAMPLE}\r\n  {EXAMPLE_PQ}\n".encode())
    identities = read_identities(key_path)
    assert [type(identity) for identity in identities] == TYPES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no identity"),
        (b"# only words\n\n", "holds no identity"),
        (b"\xff\xfe\x00", "not a text"),
        (f"{EXAMPLE}\n{EXAMPLE[:-2]}\n".encode(), "line 2: .*checksum"),
        (f"\n{EXAMPLE_RECIPIENT}\n".encode(), "line 2: a public key"),
    ],
)
def test_a_file_without_a_whole_identity_is_refused(
    key_path: Path, content: bytes, message: str
) -> None:
    put(key_path, content)
    with pytest.raises(IdentityError, match=message) as caught:
        read_identities(key_path)
    assert "GFPYYSJZ" not in str(caught.value)


@needs_age
def test_we_read_what_age_keygen_writes(key_path: Path) -> None:
    done = subprocess.run(
        ["age-keygen", "-o", key_path], capture_output=True, text=True, check=True
    )
    (identity,) = read_identities(key_path)
    assert age.recipient_text(identity.recipient) in done.stderr


@needs_age
def test_age_keygen_reads_what_we_write(key_path: Path) -> None:
    identity = X25519Identity.generate()
    write_identity(key_path, identity, note="x")
    done = subprocess.run(
        ["age-keygen", "-y", key_path], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == age.recipient_text(identity.recipient)


def put(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
