"""A recogniser's model small enough to read: it hears each loud stretch as one word.

ONNX is a protocol buffer; the few messages this graph needs are written here field by
field. sherpa-onnx loads it as any CTC model, computes its features and decodes it.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FLOAT, _INT64 = 1, 7
_LOUD = -9.0  # mean of the logarithms of 80 mel bands; a quiet room lies below


def write_tiny_model(folder: Path, *, with_facts: bool = True) -> None:
    """Write the model's folder as a lab would: model, tokens and checksums."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(tiny_model(with_facts=with_facts))
    (folder / "tokens.txt").write_text("\u2581yes 0\n<blk> 1\n", "utf-8")
    write_sums(folder)


def write_sums(folder: Path) -> None:
    """List the checksums of what lies in ``folder``."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.iterdir())
        if path.name != "SHA256SUMS"
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))


def tiny_model(*, with_facts: bool = True) -> bytes:
    """Return the model; without its facts sherpa-onnx does not know how to run it."""
    nodes = [
        _node(
            "ReduceMean", ["audio_signal"], "mean", _ints("axes", 1), _int("keepdims", 1)
        ),
        _node("Transpose", ["mean"], "time_last", _ints("perm", 0, 2, 1)),
        _node("Sub", ["time_last", "loud"], "above"),
        _node("Mul", ["above", "gain"], "word"),
        _node("Sub", ["word", "word"], "blank"),
        _node("Concat", ["word", "blank"], "logprobs", _int("axis", 2)),
    ]
    graph = b"".join(_message(1, node) for node in nodes)
    graph += _message(2, b"tiny")
    graph += _message(5, _scalar("loud", _LOUD)) + _message(5, _scalar("gain", 10.0))
    graph += _message(11, _value("audio_signal", _FLOAT, ["N", 80, "T"]))
    graph += _message(11, _value("length", _INT64, ["N"]))
    graph += _message(12, _value("logprobs", _FLOAT, ["N", "T", 2]))
    model = _number(1, 8) + _message(7, graph) + _message(8, _number(2, 11))
    facts = {
        "vocab_size": "1",
        "subsampling_factor": "1",
        "normalize_type": "",
        "model_type": "EncDecCTCModelBPE",
    }
    for name, value in facts.items() if with_facts else ():
        model += _message(14, _message(1, name.encode()) + _message(2, value.encode()))
    return model


def _node(kind: str, inputs: list[str], output: str, *attributes: bytes) -> bytes:
    fields = b"".join(_message(1, name.encode()) for name in inputs)
    fields += _message(2, output.encode()) + _message(4, kind.encode())
    return fields + b"".join(_message(5, attribute) for attribute in attributes)


def _int(name: str, value: int) -> bytes:
    return _message(1, name.encode()) + _number(3, value) + _number(20, 2)


def _ints(name: str, *values: int) -> bytes:
    packed = b"".join(_number(8, value) for value in values)
    return _message(1, name.encode()) + packed + _number(20, 7)


def _scalar(name: str, value: float) -> bytes:
    raw = _message(9, struct.pack("<f", value))
    return _number(2, _FLOAT) + _message(8, name.encode()) + raw


def _value(name: str, kind: int, shape: list[str | int]) -> bytes:
    sizes = b"".join(
        _message(1, _message(2, d.encode()) if isinstance(d, str) else _number(1, d))
        for d in shape
    )
    tensor = _number(1, kind) + _message(2, sizes)
    return _message(1, name.encode()) + _message(2, _message(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
