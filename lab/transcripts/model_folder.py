"""A recogniser's model as the lab supplies it: a folder with its files and SHA256SUMS.

``SHA256SUMS`` is what ``sha256sum FILES > SHA256SUMS`` writes. Every file is checked
before it is loaded, and the list's own digest goes into the transcript's provenance.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from recorder.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

SUMS_FILE: Final = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^/\\\0]{1,120})")
_MOST_FILES: Final = 40
_MOST_SUMS_BYTES: Final = 16_384
ModelKind = Literal["transducer", "whisper", "nemo_ctc", "zipformer_ctc"]


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A checked model: its kind, its files by role, and the digest of its list."""

    name: str
    kind: ModelKind
    sha256: str
    files: dict[str, Path]


def read_model_folder(folder: Path) -> ModelFolder:
    """Return the model in ``folder``; ModelError where a file is missing or another one."""
    sums = folder / SUMS_FILE
    if not sums.is_file():
        raise ModelError(
            f"{folder} is no model's folder: {SUMS_FILE} is missing",
            hint="see docs/transcripts.md: where models come from, and how to list them",
        )
    content = sums.read_bytes()
    listed = _listed(content, sums)
    for name, digest in listed.items():
        _check(folder / name, digest)
    kind, files = _files(folder, sorted(listed))
    return ModelFolder(folder.name, kind, hashlib.sha256(content).hexdigest(), files)


def _listed(content: bytes, sums: Path) -> dict[str, str]:
    try:
        lines = content[:_MOST_SUMS_BYTES].decode().splitlines()
    except UnicodeDecodeError:
        raise ModelError(f"{sums} is not a list of checksums") from None
    found = {}
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ModelError(
                f"{sums}, line {number} is not a checksum and a file's name",
                hint=f"write it with: sha256sum *.onnx tokens.txt > {SUMS_FILE}",
            )
        found[match[2]] = match[1]
    if not 0 < len(found) <= _MOST_FILES:
        raise ModelError(f"{sums} lists {len(found)} files, allowed are 1 to {_MOST_FILES}")
    return found


def _check(path: Path, digest: str) -> None:
    if path.is_symlink() or not path.is_file():
        raise ModelError(f"the model lacks {path}", hint="copy the whole model again")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != digest:
        raise ModelError(
            f"{path} is not the file that {SUMS_FILE} lists: {found[:16]}..., listed is"
            f" {digest[:16]}...",
            hint="it is broken or was changed: copy the whole model again",
        )


def _files(folder: Path, names: list[str]) -> tuple[ModelKind, dict[str, Path]]:
    """Tell the kind of a model by which files it has."""
    files = {}
    for role in ("encoder", "decoder", "joiner", "model", "tokens"):
        suffix = ".txt" if role == "tokens" else ".onnx"
        fitting = [name for name in names if role in name and name.endswith(suffix)]
        if len(fitting) > 1:
            raise ModelError(
                f"{folder} has {len(fitting)} files for {role}: {', '.join(fitting)}",
                hint=f"list one of them in {SUMS_FILE}, best the int8 one",
            )
        if fitting:
            files[role] = folder / fitting[0]
    return _kind(folder, files), files


def _kind(folder: Path, files: dict[str, Path]) -> ModelKind:
    if "tokens" in files and {"encoder", "decoder", "joiner"} <= set(files):
        return "transducer"
    if "tokens" in files and {"encoder", "decoder"} <= set(files):
        return "whisper"
    if "tokens" in files and "model" in files:
        return "zipformer_ctc" if "zipformer" in folder.name.lower() else "nemo_ctc"
    raise ModelError(
        f"{folder} is no model we know: it has {', '.join(sorted(files)) or 'nothing'}",
        hint="needed: tokens.txt, and encoder, decoder and joiner, or encoder and decoder,"
        " or model, as .onnx",
    )
