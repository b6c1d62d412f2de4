"""A receipt has one byte form and speaks of exactly one manifest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import FormatError
from recorder.format.receipt import (
    MAX_RECEIPT_BYTES,
    Receipt,
    Status,
    encode_receipt,
    parse_receipt,
    receipt_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SESSION = "7f0c0c53-7f6e-4f3c-9a52-0d6a4c6f3b11"
DIGEST = "0123456789abcdef" * 4
RECEIPT = Receipt(
    device="BOX-00019",
    session=SESSION,
    manifest_sha256=DIGEST,
    status="resend",
    files=("0001/eeg.xdf.age",),
    lab_sequence=3,
)

names = st.from_regex(r"\A[A-Za-z0-9_-][A-Za-z0-9._-]{0,8}\Z")
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
receipts = st.builds(
    Receipt,
    device=st.from_regex(r"\ABOX-[0-9]{4}[A-Z0-9]\Z"),
    session=st.uuids().map(str),
    manifest_sha256=st.from_regex(r"\A[0-9a-f]{64}\Z"),
    status=st.sampled_from(get_args(Status)),
    files=st.sets(paths, min_size=1, max_size=4).map(sorted).map(tuple),
    lab_sequence=st.integers(1, 2**63 - 1),
)


@given(receipts)
def test_what_is_encoded_is_read_back_the_same(receipt: Receipt) -> None:
    assert parse_receipt(encode_receipt(receipt)) == receipt


def test_the_bytes_are_canonical_json_with_a_newline() -> None:
    expected = (
        '{"device":"BOX-00019","files":["0001/eeg.xdf.age"],"lab_sequence":3,'
        f'"manifest_sha256":"{DIGEST}","session":"{SESSION}","status":"resend","version":1}}\n'
    )
    assert encode_receipt(RECEIPT) == expected.encode()


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_and_never_crash(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_receipt(data)


@pytest.mark.parametrize(
    "change",
    [
        {"device": "box-00019"},
        {"device": "BOX-00019\n"},
        {"session": SESSION.upper()},
        {"session": "../../etc"},
        {"manifest_sha256": DIGEST[:-1]},
        {"manifest_sha256": DIGEST.upper()},
        {"lab_sequence": 0},
        {"files": ("/etc/passwd",)},
        {"files": ("../x",)},
        {"files": ("a//b",)},
        {"files": ("b", "a")},
        {"files": ("a", "a")},
        {"files": ()},
    ],
)
def test_impossible_values_are_neither_written_nor_read(change: dict[str, Any]) -> None:
    wrong = msgspec.structs.replace(RECEIPT, **change)
    with pytest.raises(FormatError, match="receipt"):
        encode_receipt(wrong)
    raw = msgspec.json.Encoder(order="sorted").encode(wrong) + b"\n"
    with pytest.raises(FormatError, match="receipt"):
        parse_receipt(raw)


def test_only_a_resend_must_name_files() -> None:
    for status in ("verified", "damaged", "withdrawn"):
        receipt = msgspec.structs.replace(RECEIPT, status=status, files=())
        assert parse_receipt(encode_receipt(receipt)).status == status


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: b" " + data,
        lambda data: data.replace(b",", b", ", 1),
        lambda data: json.dumps(json.loads(data)).encode() + b"\n",
        lambda data: data.replace(b'"resend"', b'"delete"'),
        lambda data: data.replace(b'"version":1', b'"version":2'),
        lambda data: data.replace(b'"version":1', b'"version":1,"more":0'),
        lambda data: data.replace(b'"version":1', b'"version":1,"version":1'),
        lambda data: data.replace(b'"lab_sequence":3', b'"lab_sequence":3.0'),
        lambda data: b"[" * 100_000 + data,
        lambda data: data.replace(b'"version":1', b'"x":' + b"[" * 100_000),
    ],
)
def test_other_bytes_for_the_same_receipt_are_refused(
    spoil: Callable[[bytes], bytes],
) -> None:
    with pytest.raises(FormatError, match="receipt"):
        parse_receipt(spoil(encode_receipt(RECEIPT)))


def test_a_huge_receipt_is_refused_by_its_length() -> None:
    with pytest.raises(FormatError, match=f"more than {MAX_RECEIPT_BYTES} bytes"):
        parse_receipt(bytes(MAX_RECEIPT_BYTES + 1))


def test_the_name_holds_the_session_and_16_digits_of_the_digest() -> None:
    assert receipt_name(SESSION, DIGEST) == f"{SESSION}.0123456789abcdef.json"


@pytest.mark.parametrize(("session", "digest"), [("../x", DIGEST), (SESSION, "0123")])
def test_a_name_is_never_made_of_something_else(session: str, digest: str) -> None:
    with pytest.raises(FormatError):
        receipt_name(session, digest)
