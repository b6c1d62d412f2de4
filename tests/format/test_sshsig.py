"""Signatures are OpenSSH's: ssh-keygen checks ours, and we check ssh-keygen's."""

from __future__ import annotations

import base64
import shutil
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import FormatError, KeyFileError, SignatureError
from recorder.format import sshsig

if TYPE_CHECKING:
    from pathlib import Path

MESSAGE = b'{"version":1}\n'
SPACE = "fieldrec-manifest"
BOX = "BOX-0007Y"
KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x08" * 32)
START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2027, 3, 1, 12, 30, 15, tzinfo=UTC)

needs_ssh_keygen = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="needs ssh-keygen"
)


def key_file(
    key: Ed25519PrivateKey | rsa.RSAPrivateKey = KEY,
    form: PrivateFormat = PrivateFormat.OpenSSH,
) -> bytes:
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


def line(**options: object) -> str:
    given_options = {"namespaces": [SPACE], **options}
    return sshsig.allowed_signers_line(
        BOX,
        sshsig.public_line(KEY, BOX),
        **given_options,  # type: ignore[arg-type] # the tests vary every option
    )


def signers(*lines: str) -> sshsig.AllowedSigners:
    return sshsig.AllowedSigners.parse("\n".join(lines))


def check(
    signature: str,
    allowed: sshsig.AllowedSigners,
    *,
    message: bytes = MESSAGE,
    namespace: str = SPACE,
    principal: str = BOX,
    at: datetime | None = None,
) -> None:
    sshsig.verify(
        message, signature, namespace=namespace, principal=principal, signers=allowed, at=at
    )


def keygen(
    *words: str | Path, stdin: bytes = MESSAGE
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["ssh-keygen", *words], input=stdin, capture_output=True, check=False
    )


def keygen_verify(
    folder: Path, allowed: str, *, namespace: str = SPACE, at: datetime | None = None
) -> bool:
    (folder / "allowed").write_text(allowed + "\n")
    (folder / "sig").write_text(sshsig.sign(MESSAGE, KEY, namespace=SPACE))
    words: list[str | Path] = ["-Y", "verify", "-f", folder / "allowed", "-I", BOX]
    words += ["-n", namespace, "-s", folder / "sig"]
    if at is not None:
        words.append(f"-Overify-time={at.astimezone(UTC):%Y%m%d%H%M%S}Z")
    return keygen(*words).returncode == 0


def ours_verifies(allowed: str, *, namespace: str = SPACE, at: datetime | None) -> bool:
    signature = sshsig.sign(MESSAGE, KEY, namespace=SPACE)
    try:
        check(signature, signers(allowed), namespace=namespace, at=at)
    except SignatureError:
        return False
    return True


@settings(deadline=None)
@given(st.binary(max_size=5000))
def test_a_signed_message_verifies_and_a_changed_one_does_not(message: bytes) -> None:
    signature = sshsig.sign(message, KEY, namespace=SPACE)
    check(signature, signers(line()), message=message)
    with pytest.raises(SignatureError, match="bad signature"):
        check(signature, signers(line()), message=message + b"\n")


def test_a_signature_in_another_namespace_is_refused() -> None:
    signature = sshsig.sign(MESSAGE, KEY, namespace="fieldrec-receipt")
    with pytest.raises(SignatureError, match="'fieldrec-receipt', not for 'fieldrec-man"):
        check(signature, signers(line()))


def test_a_strangers_key_is_refused() -> None:
    signature = sshsig.sign(MESSAGE, STRANGER, namespace=SPACE)
    with pytest.raises(SignatureError, match="unknown key: SHA256:") as caught:
        check(signature, signers(line()))
    assert sshsig.key_fingerprint(STRANGER) in str(caught.value)


def test_a_key_of_another_principal_is_refused() -> None:
    signature = sshsig.sign(MESSAGE, KEY, namespace=SPACE)
    with pytest.raises(SignatureError, match="is no key of BOX-0008W"):
        check(signature, signers(line()), principal="BOX-0008W")


def test_a_key_may_sign_only_in_its_namespaces() -> None:
    signature = sshsig.sign(MESSAGE, KEY, namespace=SPACE)
    with pytest.raises(SignatureError, match="may not sign"):
        check(signature, signers(line(namespaces=["fieldrec-receipt"])))
    check(signature, signers(line(namespaces=[])))


@pytest.mark.parametrize(
    ("at", "valid"),
    [
        (START - timedelta(seconds=1), False),
        (START, True),
        (END, True),
        (END + timedelta(seconds=1), False),
        (START.astimezone(timezone(timedelta(hours=5))), True),
        (None, False),
    ],
)
def test_a_key_is_valid_only_in_its_time(at: datetime | None, *, valid: bool) -> None:
    signature = sshsig.sign(MESSAGE, KEY, namespace=SPACE)
    allowed = signers(line(valid_after=START, valid_before=END))
    if valid:
        check(signature, allowed, at=at)
        return
    with pytest.raises(SignatureError, match="is not valid"):
        check(signature, allowed, at=at)


def test_one_of_several_lines_is_enough() -> None:
    old, new = line(valid_before=START), line(valid_after=END)
    signature = sshsig.sign(MESSAGE, KEY, namespace=SPACE)
    check(signature, signers("# history", "", old, new), at=END)
    check(signature, signers(old, new), at=START)
    with pytest.raises(SignatureError):
        check(signature, signers(old, new), at=START + timedelta(days=1))


def test_a_time_without_zone_is_refused() -> None:
    naive = START.replace(tzinfo=None)
    with pytest.raises(FormatError, match="no time zone"):
        line(valid_after=naive)
    with pytest.raises(FormatError, match="no time zone"):
        check(sshsig.sign(MESSAGE, KEY, namespace=SPACE), signers(line()), at=naive)


@settings(deadline=None)
@given(st.data())
def test_no_changed_byte_of_a_signature_verifies(data: st.DataObject) -> None:
    blob = bytearray(dearmor(sshsig.sign(MESSAGE, KEY, namespace=SPACE)))
    at = data.draw(st.integers(0, len(blob) - 1))
    blob[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SignatureError):
        check(armor(bytes(blob)), signers(line()))


@settings(deadline=None)
@given(st.integers(0, 180), st.binary(max_size=3))
def test_no_cut_or_lengthened_signature_verifies(n_kept: int, tail: bytes) -> None:
    blob = dearmor(sshsig.sign(MESSAGE, KEY, namespace=SPACE))
    changed = blob[:n_kept] + tail
    if changed != blob:
        with pytest.raises(SignatureError):
            check(armor(changed), signers(line()))


@pytest.mark.parametrize("tail", [b"\0", b"\0\0\0\0", b"x" * 9])
def test_sshsig_nothing_may_follow_the_last_field(tail: bytes) -> None:
    blob = dearmor(sshsig.sign(MESSAGE, KEY, namespace=SPACE))
    with pytest.raises(SignatureError, match="after its end"):
        check(armor(blob + tail), signers(line()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
        "-----BEGIN SSH SIGNATURE-----\n!!!!\n-----END SSH SIGNATURE-----\n",
        "-----BEGIN SSH SIGNATURE-----\nU1NI\u0434\n-----END SSH SIGNATURE-----\n",
        "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAg==\n-----END SSH SIGNATURE-----\n",
        " " + sshsig.sign(MESSAGE, KEY, namespace=SPACE),
    ],
)
def test_what_is_no_sshsig_is_said_to_be_none(text: str) -> None:
    with pytest.raises(SignatureError, match="not an SSHSIG"):
        check(text, signers(line()))


def test_sshsig_a_reserved_field_with_content_is_ignored() -> None:
    blob = dearmor(sshsig.sign(MESSAGE, KEY, namespace=SPACE))
    empty = b"\0\0\0\0\0\0\0\x06sha512"
    filled = blob.replace(empty, b"\0\0\0\x03new\0\0\0\x06sha512")
    assert filled != blob
    check(armor(filled), signers(line()))


def test_sshsig_an_unknown_hash_or_key_type_is_refused() -> None:
    blob = dearmor(sshsig.sign(MESSAGE, KEY, namespace=SPACE))
    with pytest.raises(SignatureError, match="SHA-512 or SHA-256"):
        check(armor(blob.replace(b"sha512", b"sha513")), signers(line()))
    with pytest.raises(SignatureError, match="made with ssh-ed25519"):
        check(armor(blob.replace(b"ssh-ed25519", b"ssh-ed25510")), signers(line()))


def test_a_namespace_is_never_empty() -> None:
    with pytest.raises(FormatError, match="namespace"):
        sshsig.sign(MESSAGE, KEY, namespace="")


def test_only_an_open_ed25519_key_file_is_loaded() -> None:
    assert sshsig.key_fingerprint(sshsig.load_private_key(key_file())) == (
        sshsig.key_fingerprint(KEY.public_key())
    )
    other = rsa.generate_private_key(65537, 2048)
    with pytest.raises(KeyFileError, match="not of type Ed25519"):
        sshsig.load_private_key(key_file(other))
    with pytest.raises(KeyFileError, match="not an OpenSSH private key"):
        sshsig.load_private_key(key_file(form=PrivateFormat.PKCS8))
    for broken in (b"", b"hello", key_file()[:100], sshsig.public_line(KEY, "").encode()):
        with pytest.raises(KeyFileError, match="not an OpenSSH private key"):
            sshsig.load_private_key(broken)


@needs_ssh_keygen
def test_a_key_behind_a_passphrase_is_refused(tmp_path: Path) -> None:
    keygen("-q", "-t", "ed25519", "-N", "secret words", "-f", tmp_path / "key")
    with pytest.raises(KeyFileError, match="passphrase"):
        sshsig.load_private_key((tmp_path / "key").read_bytes())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("BOX-1", "expected: principals"),
        ("BOX-1 nonsense", "options without a key"),
        ('BOX-1 namespaces="a ssh-ed25519 AAAA', "options without a key"),
        ("BOX-1 ssh-rsa AAAAB3NzaC1yc2E=", "type ssh-ed25519"),
        ("BOX-1 ssh-ed25519 AAAA", "not an ssh-ed25519 key"),
        ("BOX-1 ssh-ed25519 !!!!", "not base64"),
        ("BOX-1 ssh-ed25519 \u0434", "not base64"),
        ("BOX-1 cert-authority {key}", "cert-authority"),
        ('BOX-1 namespaces="a",CERT-AUTHORITY {key}', "cert-authority"),
        ('BOX-1 colour="red" {key}', "'colour' is unknown"),
        ("BOX-1 namespaces {key}", "no value"),
        ('BOX-1 namespaces="" {key}', "no value"),
        ('BOX-1 namespaces="a",namespaces="b" {key}', "stands twice"),
        ('BOX-1 namespaces="a"x {key}', "can't be read"),
        ('BOX-1 valid-after="20260301" {key}', "valid-after is '20260301'"),
        ('BOX-1 valid-after="20261301Z" {key}', "no such time"),
        ('BOX-1 valid-before="2026030112Z" {key}', "valid-before"),
    ],
)
def test_a_wrong_line_of_allowed_signers_is_named(text: str, message: str) -> None:
    key = sshsig.public_line(KEY, "")
    with pytest.raises(FormatError, match=f"line 3: .*{message}"):
        signers("# boxes", "", text.replace("{key}", key))


@pytest.mark.parametrize(
    ("patterns", "principal", "speaks"),
    [
        ("BOX-1", "BOX-1", True),
        ("BOX-1", "BOX-12", False),
        ("BOX-1,BOX-2", "BOX-2", True),
        ("BOX-*", "BOX-2", True),
        ("BOX-?", "BOX-22", False),
        ("BOX-*,!BOX-2", "BOX-2", False),
        ("!BOX-2,*", "BOX-2", False),
        ("!BOX-2", "BOX-1", False),
        ("BOX-[12]", "BOX-1", False),
        ("box-1", "BOX-1", False),
    ],
)
@needs_ssh_keygen
def test_principal_patterns_mean_what_they_mean_to_openssh(
    tmp_path: Path, patterns: str, principal: str, *, speaks: bool
) -> None:
    text = f"{patterns} {sshsig.public_line(KEY, 'comment')}\n"
    assert signers(text).signers[0].is_principal(principal) is speaks
    (tmp_path / "allowed").write_text(text)
    (tmp_path / "sig").write_text(sshsig.sign(MESSAGE, KEY, namespace=SPACE))
    done = keygen(
        *("-Y", "verify", "-f", tmp_path / "allowed", "-I", principal, "-n", SPACE),
        *("-s", tmp_path / "sig"),
    )
    assert (done.returncode == 0) is speaks


def test_quoted_principals_and_key_comments_are_read() -> None:
    parsed = signers(f'"BOX-1,BOX-2"  {sshsig.public_line(KEY, "a comment")}').signers[0]
    assert parsed.principals == ("BOX-1", "BOX-2")


@pytest.mark.parametrize("principal", ["", "a b", "a,b", "*", "!a", '"', "#a"])
def test_a_line_is_never_written_with_a_pattern_for_a_name(principal: str) -> None:
    with pytest.raises(FormatError, match="can't be a principal"):
        sshsig.allowed_signers_line(principal, sshsig.public_line(KEY, ""), namespaces=[])


def test_a_public_line_has_one_line_and_comes_back() -> None:
    text = sshsig.public_line(KEY, "BOX-0007Y bench")
    assert text.endswith(" BOX-0007Y bench")
    assert sshsig.public_line(sshsig.parse_public_line(text), "BOX-0007Y bench") == text
    with pytest.raises(FormatError, match="one printable line"):
        sshsig.public_line(KEY, "a\nb")


@needs_ssh_keygen
def test_ssh_keygen_reads_our_key_and_prints_our_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text(sshsig.public_line(KEY, "box") + "\n")
    done = keygen("-l", "-f", tmp_path / "key.pub")
    assert done.stdout.split()[1].decode() == sshsig.key_fingerprint(KEY)


@needs_ssh_keygen
@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_ssh_keygen_verifies_our_signatures(tmp_path: Path, size: int) -> None:
    (tmp_path / "allowed").write_text(line() + "\n")
    (tmp_path / "sig").write_text(sshsig.sign(bytes(size), KEY, namespace=SPACE))
    words: list[str | Path] = ["-Y", "verify", "-f", tmp_path / "allowed", "-I", BOX]
    words += ["-n", SPACE, "-s", tmp_path / "sig"]
    assert keygen(*words, stdin=bytes(size)).returncode == 0
    assert keygen(*words, stdin=bytes(size + 1)).returncode != 0


@needs_ssh_keygen
@pytest.mark.parametrize("hash_name", ["sha512", "sha256"])
def test_we_verify_the_signatures_of_ssh_keygen(tmp_path: Path, hash_name: str) -> None:
    keygen("-q", "-t", "ed25519", "-N", "", "-C", BOX, "-f", tmp_path / "key")
    done = keygen(
        "-Y", "sign", "-f", tmp_path / "key", "-n", SPACE, f"-Ohashalg={hash_name}"
    )
    public = (tmp_path / "key.pub").read_text()
    allowed = sshsig.allowed_signers_line(BOX, public, namespaces=[SPACE])
    check(done.stdout.decode(), signers(allowed))
    loaded = sshsig.load_private_key((tmp_path / "key").read_bytes())
    assert sshsig.public_line(loaded, BOX) == public.rstrip("\n")


@needs_ssh_keygen
@pytest.mark.parametrize(
    "at", [START - timedelta(seconds=1), START, END, END + timedelta(seconds=1)]
)
@pytest.mark.parametrize("namespaces", [[SPACE], ["fieldrec-*"], ["other"], []])
def test_ssh_keygen_and_we_agree_on_times_and_namespaces(
    tmp_path: Path, namespaces: list[str], at: datetime
) -> None:
    allowed = line(namespaces=[], valid_after=START, valid_before=END)
    if namespaces:
        allowed = allowed.replace("valid-a", f'namespaces="{",".join(namespaces)}",valid-a')
    expected = START <= at <= END and namespaces != ["other"]
    assert ours_verifies(allowed, at=at) is expected
    assert keygen_verify(tmp_path, allowed, at=at) is expected


@pytest.mark.parametrize("n_bytes", range(9, 12))
def test_a_flipped_bit_anywhere_in_a_signature_is_refused(n_bytes: int) -> None:
    # Also in a line's end and in the bits that only fill up the last letter of base64.
    space = "s" * n_bytes
    signature = sshsig.sign(MESSAGE, KEY, namespace=space)
    allowed = signers(line(namespaces=[space]))
    check(signature, allowed, namespace=space)
    for at, letter in enumerate(signature):
        for bit in range(8):
            other = signature[:at] + chr(ord(letter) ^ 1 << bit) + signature[at + 1 :]
            with pytest.raises(SignatureError):
                check(other, allowed, namespace=space)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_may_end_as_on_any_computer(end: str) -> None:
    signature = sshsig.sign(MESSAGE, KEY, namespace=SPACE).replace("\n", end)
    check(signature, signers(line()))
    check(signature.removesuffix(end), signers(line()))


def dearmor(signature: str) -> bytes:
    return base64.b64decode("".join(signature.splitlines()[1:-1]))


def armor(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    return f"-----BEGIN SSH SIGNATURE-----\n{text}\n-----END SSH SIGNATURE-----\n"
