"""What the box seals is age v1: every size, every split, stock readers open it."""

from __future__ import annotations

import hashlib
import itertools
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.identity import HybridIdentity, Identity, X25519Identity
from lab.unseal import unseal
from recorder.errors import FormatError, RecipientsError
from recorder.format import age, bech32

INTEROP = Path(__file__).resolve().parents[1] / "interop"
EDGE_SIZES = [0, 1, 65535, 65536, 65537, 131071, 131072, 131073, 300000]
X25519 = (X25519Identity(b"\x01" * 32), X25519Identity(b"\x02" * 32))
HYBRID = (HybridIdentity(b"\x01" * 32), HybridIdentity(b"\x02" * 32))
RECIPIENT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
SECRET = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"  # noqa: S105 - the standard's example

needs_age = pytest.mark.skipif(shutil.which("age") is None, reason="needs age")
needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (INTEROP / "node_modules").is_dir(),
    reason="needs node and tests/interop/node_modules (scripts/setup)",
)


def recipients(identities: tuple[Identity, ...]) -> tuple[age.Recipient, ...]:
    return tuple(identity.recipient for identity in identities)


def some_bytes(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def split(data: bytes, seed: int) -> list[bytes]:
    """Cut ``data`` into pieces of random length, empty ones among them."""
    chance = random.Random(seed)
    pieces = []
    while data:
        length = chance.choice([0, 1, 500, 4096, 65536, 100_000])
        pieces.append(data[:length])
        data = data[length:]
    return pieces


@pytest.mark.parametrize("size", EDGE_SIZES)
@pytest.mark.parametrize("identities", [X25519, HYBRID], ids=["x25519", "hybrid"])
def test_each_identity_opens_what_was_written_in_any_pieces(
    identities: tuple[Identity, ...], size: int
) -> None:
    plain = some_bytes(size)
    pieces = split(plain, seed=size)
    sealed = b"".join(age.seal_chunks(pieces, recipients(identities)))
    for identity in identities:
        assert unseal(sealed, [identity]) == plain


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=40_000), max_size=8))
def test_pieces_only_matter_as_one_stream(pieces: list[bytes]) -> None:
    sealed = b"".join(age.seal_chunks(pieces, recipients(X25519)))
    assert unseal(sealed, X25519[:1]) == b"".join(pieces)


@pytest.mark.parametrize("size", EDGE_SIZES)
def test_the_payload_is_as_long_as_the_standard_says(size: int) -> None:
    head, *chunks = age.seal_chunks([bytes(size)], recipients(X25519))
    n_chunks = max(1, -(-size // 65536))
    assert [len(chunk) for chunk in chunks[:-1]] == [65536 + 16] * (n_chunks - 1)
    assert sum(map(len, chunks)) == size + 16 * n_chunks
    assert head.startswith(b"age-encryption.org/v1\n-> X25519 ")


def test_the_same_randomness_gives_the_same_file() -> None:
    def seal() -> bytes:
        return age.seal(
            b"x" * 70_000, recipients(X25519), random_bytes=random.Random(5).randbytes
        )

    assert seal() == seal()
    assert unseal(seal(), X25519) == b"x" * 70_000


def test_no_two_files_share_key_nonce_or_shares() -> None:
    seen = [age.seal(bytes(100), recipients(X25519)) for _ in range(20)]
    assert len({sealed[-116:] for sealed in seen}) == 20
    # Only the header is lines: the payload is any bytes, "\n", "->" and "---" among them.
    headers = [sealed.partition(b"\n--- ")[0] for sealed in seen]
    shares = [
        line for header in headers for line in header.split(b"\n") if line[:3] == b"-> "
    ]
    assert len(set(shares)) == len(shares) == 40


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_every_buffer_can_be_sealed(kind: type) -> None:
    plain = some_bytes(70_000)
    sealed = b"".join(age.seal_chunks([kind(plain)], recipients(X25519)))
    assert unseal(sealed, X25519) == plain


def test_a_buffer_is_free_again_when_the_next_piece_is_asked_for() -> None:
    buffer = bytearray()

    def reuse() -> itertools.chain[bytearray]:
        def fill(number: int) -> bytearray:
            buffer.clear()
            buffer.extend(bytes([number]) * 50_000)
            return buffer

        return itertools.chain.from_iterable([fill(n)] for n in range(4))

    sealed = b"".join(age.seal_chunks(reuse(), recipients(X25519)))
    assert unseal(sealed, X25519) == b"".join(bytes([n]) * 50_000 for n in range(4))


def test_sealing_holds_no_more_than_one_chunk_behind_its_input() -> None:
    taken = 0

    def pieces() -> itertools.chain[bytes]:
        def take(_number: int) -> bytes:
            nonlocal taken
            taken += 10_000
            return bytes(10_000)

        return itertools.chain.from_iterable([take(n)] for n in range(200))

    given_back = 0
    stream = age.seal_chunks(pieces(), recipients(X25519))
    next(stream)
    for chunk in stream:
        given_back += len(chunk) - 16
        assert taken - given_back <= 65536 + 10_000
    assert given_back == taken


def test_a_file_cut_before_its_final_chunk_never_opens() -> None:
    chunks = list(age.seal_chunks([bytes(200_000)], recipients(X25519)))
    for n_kept in range(1, len(chunks)):
        with pytest.raises(FormatError):
            unseal(b"".join(chunks[:n_kept]), X25519)


def test_nothing_is_sealed_for_nobody_or_for_mixed_types() -> None:
    with pytest.raises(RecipientsError, match="no recipients"):
        age.seal_chunks([b""], ())
    mixed = (X25519[0].recipient, HYBRID[0].recipient)
    with pytest.raises(RecipientsError, match="mixed"):
        age.seal_chunks([b""], mixed)


def test_the_box_needs_two_different_recipients_of_one_type() -> None:
    one, two = recipients(HYBRID)
    age.check_recipients((one, two))
    with pytest.raises(RecipientsError, match="no recipients"):
        age.check_recipients(())
    with pytest.raises(RecipientsError, match="only one"):
        age.check_recipients((one,))
    with pytest.raises(RecipientsError, match="only one"):
        age.check_recipients((one, HybridIdentity(b"\x01" * 32).recipient))
    with pytest.raises(RecipientsError, match="mixed"):
        age.check_recipients((one, X25519[0].recipient))


def test_a_recipients_file_may_hold_comments_and_empty_lines() -> None:
    one, two = recipients(HYBRID)
    text = f"# lab, 2026\n\n{age.recipient_text(one)}\r\n  {age.recipient_text(two)} \n"
    assert age.parse_recipients(text) == (one, two)
    assert age.parse_recipients("# nobody yet\n") == ()


def test_the_standards_example_recipient_reads_and_writes() -> None:
    recipient = age.parse_recipient(RECIPIENT)
    assert isinstance(recipient, age.X25519Recipient)
    assert age.recipient_text(recipient) == RECIPIENT


def test_a_fingerprint_is_the_hash_of_the_public_text() -> None:
    fingerprint = age.fingerprint(age.parse_recipient(RECIPIENT))
    assert fingerprint.startswith("SHA256:")
    encoded = fingerprint.removeprefix("SHA256:")
    assert age.decode_base64(encoded) == hashlib.sha256(RECIPIENT.encode()).digest()


def test_a_private_key_among_recipients_is_refused_without_an_echo() -> None:
    pq = HYBRID[0].to_text()
    for secret in (SECRET, SECRET.lower(), SECRET[:-1] + "Q", pq):
        with pytest.raises(RecipientsError, match="line 2: a private key") as caught:
            age.parse_recipients(f"{RECIPIENT}\n{secret}\n")
        assert secret[20:40] not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (RECIPIENT[:-1] + "q", "line 1: .*checksum"),
        (RECIPIENT[:-3], "line 1: .*checksum"),
        ("hello", "line 1: "),
        ("ssh-ed25519 AAAA", "line 1: "),
        (RECIPIENT.upper(), "'AGE' are unknown"),
        (bech32.encode("age1tag", bytes(33)), "'age1tag' are unknown"),
        (bech32.encode("age", bytes(31)), "31 bytes, its type has 32"),
        (bech32.encode("age1pq", bytes(1215)), "1215 bytes, its type has 1216"),
        (bech32.encode("age", bytes(32)), "usable X25519"),
        (
            bech32.encode("age1pq", b"\xff" * 1184 + X25519[0].recipient.public_key),
            "ML-KEM-768",
        ),
    ],
)
def test_a_line_that_is_no_recipient_is_named(line: str, message: str) -> None:
    with pytest.raises(RecipientsError, match=message):
        age.parse_recipients(line)


@pytest.mark.parametrize("size", EDGE_SIZES)
@needs_age
def test_stock_age_opens_our_files(tmp_path: Path, size: int) -> None:
    plain = some_bytes(size)
    sealed = age.seal(plain, recipients(X25519))
    key = tmp_path / "key"
    key.write_text(X25519[size % 2].to_text() + "\n")
    done = subprocess.run(
        ["age", "-d", "-i", key], input=sealed, capture_output=True, check=True
    )
    assert done.stdout == plain


@needs_age
def test_we_open_the_files_of_stock_age() -> None:
    for size in EDGE_SIZES:
        texts = [age.recipient_text(recipient) for recipient in recipients(X25519)]
        plain = some_bytes(size)
        done = subprocess.run(
            ["age", "-r", texts[0], "-r", texts[1]],
            input=plain,
            capture_output=True,
            check=True,
        )
        assert unseal(done.stdout, X25519[1:]) == plain


@needs_node
@pytest.mark.parametrize("identities", [X25519, HYBRID], ids=["x25519", "hybrid"])
@pytest.mark.parametrize("size", [0, 65536, 131073])
def test_the_typescript_age_opens_our_files(
    tmp_path: Path, size: int, identities: tuple[Identity, ...]
) -> None:
    (tmp_path / "sealed").write_bytes(age.seal(some_bytes(size), recipients(identities)))
    run_node("decrypt", identities[1].to_text(), tmp_path / "sealed", tmp_path / "plain")
    assert (tmp_path / "plain").read_bytes() == some_bytes(size)


@needs_node
@pytest.mark.parametrize("identities", [X25519, HYBRID], ids=["x25519", "hybrid"])
def test_we_open_the_files_of_the_typescript_age(
    tmp_path: Path, identities: tuple[Identity, ...]
) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(some_bytes(131073))
    texts = [age.recipient_text(recipient) for recipient in recipients(identities)]
    run_node("encrypt", plain, tmp_path / "sealed", *texts)
    for identity in identities:
        assert unseal((tmp_path / "sealed").read_bytes(), [identity]) == some_bytes(131073)


@needs_node
@pytest.mark.parametrize("identity", [X25519[0], HYBRID[0]], ids=["x25519", "hybrid"])
def test_the_typescript_age_derives_the_same_public_key(identity: Identity) -> None:
    assert run_node("recipient", identity.to_text()) == age.recipient_text(
        identity.recipient
    )


def run_node(*words: str | Path) -> str:
    command = ["node", INTEROP / "age.mjs", *words]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout
