"""The reader agrees with the age community's test vectors (C2SP/CCTV, age/testdata).

Armor and passphrases are left out: Fieldrec uses neither, so its reader has neither.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.identity import Identity, parse_identity
from lab.unseal import unseal, unseal_sound
from recorder.errors import FormatError, IdentityError

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "age-vectors"
NAMES = (
    sorted(
        path.name
        for path in FOLDER.iterdir()
        if not path.name.startswith("armor") and "scrypt" not in path.name
    )
    if FOLDER.is_dir()
    else [pytest.param("", marks=pytest.mark.skip(reason="needs ../shared/data"))]
)


@dataclass(frozen=True, slots=True)
class Vector:
    expect: str
    payload_sha256: str
    identities: tuple[Identity, ...]
    sealed: bytes


def read(name: str) -> Vector:
    head, _, sealed = (FOLDER / name).read_bytes().partition(b"\n\n")
    lines = [line.partition(": ") for line in head.decode().splitlines()]
    fields = {key: value for key, _, value in lines}
    return Vector(
        expect=fields["expect"],
        payload_sha256=fields.get("payload", ""),
        identities=tuple(
            parse_identity(text) for key, _, text in lines if key == "identity"
        ),
        sealed=zlib.decompress(sealed) if "compressed" in fields else sealed,
    )


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def first_run(pieces: tuple[tuple[int, bytes], ...]) -> bytes:
    """Return the bytes from the start up to the first gap, as a streaming reader would."""
    run = b""
    for offset, piece in pieces:
        if offset == len(run):
            run += piece
    return run


@pytest.mark.parametrize("name", NAMES)
def test_the_vector_has_its_expected_outcome(name: str) -> None:
    vector = read(name)
    CHECKS[vector.expect](vector)


def check_success(vector: Vector) -> None:
    assert sha256(unseal(vector.sealed, vector.identities)) == vector.payload_sha256
    sound = unseal_sound(vector.sealed, vector.identities)
    assert sound.complete
    assert sha256(first_run(sound.pieces)) == vector.payload_sha256


def check_no_match(vector: Vector) -> None:
    for reader in (unseal, unseal_sound):
        with pytest.raises(IdentityError):
            reader(vector.sealed, vector.identities)


def check_header_failure(vector: Vector) -> None:
    for reader in (unseal, unseal_sound):
        with pytest.raises(FormatError, match=r"^age header: "):
            reader(vector.sealed, vector.identities)


def check_mac_failure(vector: Vector) -> None:
    with pytest.raises(FormatError, match="MAC is wrong"):
        unseal(vector.sealed, vector.identities)
    assert not unseal_sound(vector.sealed, vector.identities).complete


def check_payload_failure(vector: Vector) -> None:
    with pytest.raises(FormatError, match=r"^age payload: "):
        unseal(vector.sealed, vector.identities)
    sound = unseal_sound(vector.sealed, vector.identities)
    assert not sound.complete
    assert sound.problem.startswith("age payload: ")
    assert sha256(first_run(sound.pieces)) == vector.payload_sha256


CHECKS = {
    "success": check_success,
    "no match": check_no_match,
    "header failure": check_header_failure,
    "HMAC failure": check_mac_failure,
    "payload failure": check_payload_failure,
}
