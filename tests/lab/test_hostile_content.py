"""What a stolen box signs costs the lab that session, never the pull, and no memory."""

from __future__ import annotations

import base64
import json
import os
import struct
from typing import TYPE_CHECKING, Final

import pytest

from lab.boxmade import NOT_BOXMADE, boxmade
from lab.flac_frames import _code_number, _crc8, _crc16_each
from lab.judge import judge_session
from lab.open import open_session
from lab.pull import pull
from lab.registry import Registry
from recorder.errors import DamagedError, FieldrecError, FormatError, ManifestError
from recorder.format import xdf
from recorder.format.age import seal
from recorder.format.manifest import FileEntry, digest, parse
from recorder.format.signers import AllowedSigners
from tests.intake_bench import (
    DEVICE,
    TAKEN,
    IntakeBench,
    box_key,
    edit,
    nothing,
    resign,
    session_uuid,
)

if TYPE_CHECKING:
    from pathlib import Path

    from lab.judge import Verdict
    from lab.judging import Judging

ROWS: Final = struct.pack("<BQ", 8, 1)
STAMP: Final = b"\x08" + struct.pack("<d", 1.0)
EEG: Final = (
    "<info><name>EEG</name><channel_count>{}</channel_count>"
    "<nominal_srate>250</nominal_srate><channel_format>{}</channel_format></info>"
)


def chunk(tag: int, content: bytes) -> bytes:
    return struct.pack("<BQH", 8, len(content) + 2, tag) + content


def header(stream: int, xml: bytes) -> bytes:
    return chunk(2, struct.pack("<I", stream) + xml)


def stream(number: int, n_channels: int, channel_format: str = "float32") -> bytes:
    return header(number, EEG.format(n_channels, channel_format).encode())


def samples(number: int, content: bytes) -> bytes:
    return chunk(3, struct.pack("<I", number) + content)


def row(n_channels: int, stamp: bytes = STAMP) -> bytes:
    return stamp + bytes(4 * n_channels)


def encoded(declared: str, encoding: str = "utf-8") -> bytes:
    text = f'<?xml version="1.0" encoding="{declared}"?>' + EEG.format(4, "float32")
    return text.encode(encoding)


def entities(encoding: str) -> bytes:
    declared = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE l [<!ENTITY a "4">]>'
    return (declared + EEG.format("&a;", "float32")).encode(encoding)


NO_ROWS: Final = struct.pack("<BQ", 8, 0)
XDF: Final = {
    "an EEG chunk of no rows": stream(1, 4) + samples(1, NO_ROWS),
    "an AudioClock chunk of no rows": stream(6, 4, "double64") + samples(6, NO_ROWS),
    "a thousand million channels": stream(1, 10**9) + samples(1, ROWS),
    "1025 channels": stream(1, 1025),
    "two shapes of one stream": b"".join(
        [stream(n, c) + samples(n, ROWS + row(c)) for n, c in ((1, 4), (1, 2))]
    ),
    "an unknown encoding": header(1, encoded("nope")),
    "UTF-16": header(1, encoded("utf-16", "utf-16")),
    "entities": header(1, entities("utf-8")),
    "entities in UTF-16": header(1, entities("utf-16")),
    "2 MB of XML": header(1, EEG.format(4, "float32").encode() + b" " * (2 << 20)),
    "a stamp beyond any clock": stream(1, 4)
    + samples(1, ROWS + row(4, b"\x08" + struct.pack("<d", 1e308))),
    "a text's stamp that is no number": stream(2, 1, "string")
    + samples(2, ROWS + b"\x08" + struct.pack("<d", float("nan")) + b"\x01\x00"),
}


def file_header(session: str) -> bytes:
    fields = {"device": DEVICE, "session": session, "part": "1", "first_frame": "0"}
    return xdf.file_header(fields)


def flac_head(
    folder: Path, *, block: int = 4096, channels: int = 1, bits: int = 16
) -> bytes:
    packed = 48_000 << 44 | (channels - 1) << 41 | (bits - 1) << 36
    info = block.to_bytes(2) * 2 + bytes(6) + packed.to_bytes(8) + bytes(16)
    tag = f"FIELDREC=device={DEVICE} session={folder.name} part=1 first_frame=0".encode()
    comments = struct.pack("<III", 0, 1, len(tag)) + tag
    return (
        b"fLaC\x00"
        + (len(info).to_bytes(3) + info)
        + (b"\x84" + len(comments).to_bytes(3) + comments)
    )


def flac_frames(n_frames: int, *, block: int = 4096) -> bytes:
    """Return frames of one constant sample each."""
    bodies = []
    for number in range(n_frames):
        head = b"\xff\xf8\x70\x08" + _code_number(number) + (block - 1).to_bytes(2)
        bodies.append(head + bytes([_crc8(head)]) + bytes(3))
    footers = _crc16_each(bodies)
    return b"".join(
        body + int(crc).to_bytes(2) for body, crc in zip(bodies, footers, strict=True)
    )


def journal(secret: bytes, recipients: list) -> bytes:  # type: ignore[type-arg]  # recipients of any kind
    sealed = seal(secret, recipients)
    start = b"FRECJNL1" + len(sealed).to_bytes(4, "little") + sealed
    return start.ljust(4096, b"\0") + b"FRJR" + bytes(100)


def poison(bench: IntakeBench, number: int, path: str, plain: bytes | None) -> Path:
    """Take in a session whose signed ``path`` holds ``plain``, sealed; None: a journal."""
    recipients = [identity.recipient for identity in bench.identities]

    def change(folder: Path) -> None:
        file = folder / path
        file.parent.mkdir(exist_ok=True)
        if plain is None:
            key = base64.b64encode(bytes(32)).decode()
            secret = {"version": 1, "journal_key": key, "session": "x", "part": 1e999}
            file.write_bytes(journal(json.dumps(secret).encode(), recipients))
        else:
            file.write_bytes(seal(plain, recipients))
        manifest = parse((folder / "manifest.json").read_bytes())
        content = file.read_bytes()
        entry = FileEntry(size=len(content), sha256=digest(content))
        edit(files={**manifest.files, path: entry})(folder)

    return bench.take_in(number, change=change)


def judge(bench: IntakeBench, folder: Path) -> Verdict:
    return judge_session(
        folder,
        registry=Registry.load(bench.lab),
        taken=TAKEN,
        identities=bench.identities,
    )


@pytest.fixture
def bench(tmp_path: Path) -> IntakeBench:
    return IntakeBench(tmp_path)


@pytest.mark.parametrize("name", XDF)
def test_an_xdf_no_box_writes_is_damaged(bench: IntakeBench, name: str) -> None:
    plain = file_header(str(session_uuid(1))) + XDF[name]
    folder = poison(bench, 1, "0001/eeg.xdf.age", plain)
    verdict = judge(bench, folder)
    assert verdict.status == "damaged"
    assert "0001/eeg.xdf.age" in verdict.files


@pytest.mark.parametrize("encoding", ["nope", "utf-16"])
def test_a_file_header_in_another_encoding_says_nothing(
    bench: IntakeBench, encoding: str
) -> None:
    xml = f'<?xml version="1.0" encoding="{encoding}"?><info/>'.encode()
    folder = poison(bench, 1, "0001/eeg.xdf.age", b"XDF:" + chunk(1, xml))
    verdict = judge(bench, folder)
    assert (verdict.status, verdict.cause) == ("quarantined", "content")


def test_a_journal_of_part_infinity_is_damaged(bench: IntakeBench) -> None:
    folder = poison(bench, 1, "0003.open/journal", None)
    assert judge(bench, folder).status == "damaged"


def test_a_sheet_nested_without_end_is_damaged(bench: IntakeBench) -> None:
    folder = poison(bench, 1, "session.json.age", b"[" * 100_000)
    assert judge(bench, folder).status == "damaged"


@pytest.mark.parametrize(
    ("block", "n_frames"), [(1, 100), (65_535, 100), (4096, 5000), (4096, 1500)]
)
def test_sound_of_another_shape_or_longer_than_a_part_is_damaged(
    bench: IntakeBench, block: int, n_frames: int
) -> None:
    folder = bench.intake(1)
    plain = flac_head(folder, block=block) + flac_frames(n_frames, block=block)
    verdict = judge(bench, poison(bench, 1, "0001/audio.flac.age", plain))
    assert (verdict.status, verdict.files) == ("damaged", ("0001/audio.flac.age",))


@pytest.mark.parametrize("field", ["sequence", "parts"])
def test_a_count_no_catalogue_holds_is_refused_with_its_word(
    bench: IntakeBench, field: str
) -> None:
    folder = bench.take_in(1)
    raw = json.loads((folder / "manifest.json").read_bytes())
    raw |= {"previous": "0" * 64, "sequence": 2} | {field: 2**63}
    content = json.dumps(raw, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    resign(folder, content, box_key(DEVICE))
    bench.take_in(2)
    report = bench.pull(jobs=1)
    assert [row.cause for row in report.quarantined] == ["word"]
    assert bench.status(2) == "verified"


def test_a_pull_goes_on_behind_a_poisoned_session(bench: IntakeBench) -> None:
    bench.take_in(1)
    poison(
        bench,
        2,
        "0001/eeg.xdf.age",
        file_header(str(session_uuid(2))) + b"".join(XDF.values()),
    )
    bench.take_in(3)
    report = bench.pull(jobs=1)
    assert [bench.status(number) for number in (1, 2, 3)] == [
        "verified",
        "damaged",
        "verified",
    ]
    assert report.failures == []


@pytest.mark.parametrize(
    "error", [FormatError("x"), ManifestError("x"), OSError(5, "Input/output error")]
)
def test_a_session_whose_judging_fails_is_one_failure(
    bench: IntakeBench, error: Exception
) -> None:
    for number in (1, 2, 3):
        bench.take_in(number)
    judging = bench.judging()

    class Failing(type(judging)):  # type: ignore[misc]  # the class is final in name only
        def judge(self, folder: Path, device: str, **kept: object) -> Verdict:
            if folder.name == str(session_uuid(2)):
                raise error
            return super().judge(folder, device, **kept)  # type: ignore[no-any-return]

    fields = (judging.archive, judging.registry, judging.identities, judging.accepted)
    failing: Judging = Failing(*fields)
    with bench.catalogue() as catalogue:
        report = pull(
            bench.place, judging=failing, catalogue=catalogue, jobs=1, tell=nothing
        )
    assert [copy.session for copy, _ in report.failures] == [str(session_uuid(2))]
    assert len(report.judged) == 2


@pytest.mark.parametrize(
    "error", [IndexError, LookupError, OverflowError, MemoryError, RecursionError]
)
def test_pythons_own_errors_become_one_of_ours(error: type[Exception]) -> None:
    with pytest.raises(FormatError, match=NOT_BOXMADE), boxmade():
        raise error


@pytest.mark.parametrize("name", XDF)
def test_open_ends_with_an_error_of_ours_or_names_the_damage(
    bench: IntakeBench, tmp_path: Path, name: str
) -> None:
    plain = file_header(str(session_uuid(1))) + XDF[name]
    folder = poison(bench, 1, "0001/eeg.xdf.age", plain)
    signers = AllowedSigners.parse((bench.fleet / "allowed_signers").read_text())
    try:
        opened = open_session(
            folder,
            out=tmp_path / "out",
            identities=bench.identities,
            signers=signers,
            at=TAKEN,
            progress=lambda _: None,
        )
    except FieldrecError as error:
        code = error.code
    else:
        outcome = opened.outcome()
        code = outcome.code if outcome else 0
    assert code in (FormatError.code, ManifestError.code, DamagedError.code)


@pytest.mark.parametrize("name", ["manifest.json", "manifest.json.sig"])
@pytest.mark.parametrize("kind", ["pipe", "link", "huge"])
def test_a_word_that_is_no_plain_file_is_refused_at_once(
    bench: IntakeBench, tmp_path: Path, name: str, kind: str
) -> None:
    folder = bench.take_in(1)
    path = folder / name
    content = path.read_bytes()
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        (tmp_path / "elsewhere").write_bytes(content)
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.write_bytes(content)
        os.truncate(path, 1 << 33)
    signers = AllowedSigners.parse((bench.fleet / "allowed_signers").read_text())
    with pytest.raises((ManifestError, FormatError)):
        open_session(
            folder,
            out=tmp_path / "out",
            identities=bench.identities,
            signers=signers,
            at=TAKEN,
            progress=lambda _: None,
        )
