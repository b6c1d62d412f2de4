"""A manifest has one byte form, and nothing else is read as one."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import FormatError
from recorder.format import manifest as m

HEX = "0123456789abcdef" * 4
SESSION = "6f6c1d0e-56f4-4c0b-8d52-5b0e3a0a5a11"
CHAIN = "0b5f4f5e-6e0f-4a59-9f0e-0a7c5d0f3f22"
FINGERPRINT = "SHA256:" + "A" * 43


def example() -> m.Manifest:
    return m.Manifest(
        device="BOX-0007Y",
        chain=CHAIN,
        sequence=2,
        previous=HEX,
        session=SESSION,
        clean=True,
        discarded=False,
        parts=3,
        erased=(2,),
        recipients=(FINGERPRINT,),
        files={
            "session.json.age": m.FileEntry(size=900, sha256=HEX),
            "0001/eeg.xdf.age": m.FileEntry(size=0, sha256=HEX),
            "0003.open/journal": m.FileEntry(size=2**40, sha256=HEX),
        },
    )


def document(**changes: object) -> dict[str, Any]:
    """Return the example as plain JSON data; a change to ... leaves the field out."""
    data = {**json.loads(m.encode(example())), **changes}
    return {key: value for key, value in data.items() if value is not ...}


def canonical(data: object) -> bytes:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode() + b"\n"


PATHS = st.lists(
    st.from_regex(r"[a-z0-9][a-z0-9._-]{0,9}", fullmatch=True), min_size=1, max_size=3
).map("/".join)
ENTRIES = st.builds(
    m.FileEntry,
    size=st.integers(0, 2**63 - 1),
    sha256=st.binary(min_size=32, max_size=32).map(bytes.hex),
)


@settings(deadline=None)
@given(
    files=st.dictionaries(PATHS, ENTRIES, max_size=6),
    erased=st.sets(st.integers(1, 9999), max_size=5),
    session=st.uuids(),
    clean=st.booleans(),
)
def test_what_is_written_is_read_back(
    files: dict[str, m.FileEntry], erased: set[int], session: object, *, clean: bool
) -> None:
    manifest = msgspec.structs.replace(
        example(),
        files=files,
        erased=tuple(sorted(erased)),
        session=str(session),
        clean=clean,
    )
    assert m.parse(m.encode(manifest)) == manifest


def test_the_bytes_are_those_of_any_canonical_json_writer() -> None:
    data = m.encode(example())
    assert data == canonical(json.loads(data))
    assert data.startswith(b'{"chain":"')
    assert data.endswith(b"}\n")
    assert json.loads(data)["files"]["0001/eeg.xdf.age"] == {"size": 0, "sha256": HEX}


def test_the_order_of_files_changes_nothing() -> None:
    manifest = example()
    backwards = dict(reversed(manifest.files.items()))
    assert m.encode(msgspec.structs.replace(manifest, files=backwards)) == m.encode(
        manifest
    )


def test_the_first_manifest_of_a_chain_has_no_previous() -> None:
    first = msgspec.structs.replace(example(), sequence=1, previous="")
    assert m.parse(m.encode(first)) == first


def test_the_digest_is_that_of_sha256sum() -> None:
    data = m.encode(example())
    assert m.digest(data) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("field", sorted(document()))
def test_every_field_is_needed(field: str) -> None:
    with pytest.raises(FormatError):
        m.parse(canonical(document(**{field: ...})))


@pytest.mark.parametrize(
    "changes",
    [
        {"comment": "more"},
        {"version": 2},
        {"version": 0},
        {"version": "1"},
        {"version": None},
        {"device": "box 7"},
        {"device": ""},
        {"chain": "x"},
        {"session": SESSION.upper()},
        {"session": SESSION.replace("-", "")},
        {"session": "../../etc"},
        {"sequence": 0},
        {"sequence": -1},
        {"sequence": 2.0},
        {"sequence": 2**53 + 1},
        {"sequence": 2**63},
        {"sequence": 1},
        {"previous": ""},
        {"previous": HEX.upper()},
        {"previous": HEX[:-1]},
        {"previous": HEX + "\n"},
        {"clean": 1},
        {"clean": None},
        {"parts": -1},
        {"parts": 10_000},
        {"parts": 2**63},
        {"erased": [10_000]},
        {"erased": [0]},
        {"erased": [2, 2]},
        {"erased": [3, 2]},
        {"erased": None},
        {"recipients": ["SHA256:abc"]},
        {"recipients": [7]},
        {"files": []},
    ],
    ids=str,
)
def test_a_manifest_with_an_impossible_field_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        m.parse(canonical(document(**changes)))


def test_a_newer_version_is_told_from_a_broken_manifest() -> None:
    with pytest.raises(FormatError, match=r"version 2.*update"):
        m.parse(canonical({"version": 2, "other": True}))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "..",
        "../x",
        "a/../b",
        "a/..",
        ".",
        "./a",
        "a//b",
        "a/",
        "a\\b",
        "..\\a",
        "C:\\a",
        "c:a",
        "a\0b",
        "a\nb",
        "a b",
        "a~b",
        ".hidden",
        "a/.ssh",
        "\u0430",
        "manifest.json",
        "manifest.json.sig",
        "receipt.json",
        "receipt.json.sig",
    ],
)
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    files = {path: {"size": 1, "sha256": HEX}}
    with pytest.raises(FormatError):
        m.parse(canonical(document(files=files)))
    entry = m.FileEntry(size=1, sha256=HEX)
    with pytest.raises(FormatError):
        m.encode(msgspec.structs.replace(example(), files={path: entry}))


@pytest.mark.parametrize(
    "entry",
    [
        {"size": -1, "sha256": HEX},
        {"size": 2**63, "sha256": HEX},
        {"size": 1.5, "sha256": HEX},
        {"size": "1", "sha256": HEX},
        {"size": 1, "sha256": HEX.upper()},
        {"size": 1, "sha256": "g" * 64},
        {"size": 1, "sha256": HEX[1:]},
        {"size": 1},
        {"sha256": HEX},
        {"size": 1, "sha256": HEX, "mode": 0},
        None,
    ],
    ids=str,
)
def test_a_file_entry_out_of_bounds_is_refused(entry: object) -> None:
    with pytest.raises(FormatError):
        m.parse(canonical(document(files={"a": entry})))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null\n",
        b"\xff\xfe",
        m.encode(example())[:-1],
        m.encode(example()) + b"\n",
        b" " + m.encode(example()),
        m.encode(example()).replace(b":", b": "),
        m.encode(example()).replace(b'"device"', b'"\\u0064evice"'),
        m.encode(example()).replace(b'"clean":true', b'"clean":false,"clean":true'),
        json.dumps(document()).encode() + b"\n",
        b'{"a":"\xff"}\n',
        b"[" * 100_000,
        b'{"version":1,"files":' + b"[" * 100_000,
        b'{"more":' + b"[" * 100_000,
        b'{"version":' + b"9" * 5000 + b"}",
    ],
    ids=range(17),
)
def test_only_the_canonical_form_is_read(data: bytes) -> None:
    with pytest.raises(FormatError):
        m.parse(data)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_stumble(data: bytes) -> None:
    with pytest.raises(FormatError):
        m.parse(data)
