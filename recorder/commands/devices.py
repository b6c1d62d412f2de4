"""fieldrec devices: what can be recorded with, here and now; names for headsets."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import msgspec

from recorder import paired
from recorder.box import Box
from recorder.eeg.choose import check_headset
from recorder.errors import BoxError, ServiceError
from recorder.protocol import calls
from recorder.protocol.client import RecorderClient
from recorder.service.scanner import find_devices

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.protocol.replies import FoundDevice


def show_devices(box_root: Path | None, *, as_json: bool) -> None:
    """Print headsets and microphones, each as the record command takes it."""
    names = {} if box_root is None else dict(Box.load(box_root).paired)
    if not as_json:
        print("listening for Bluetooth headsets for a few seconds ...", file=sys.stderr)
    found = find_devices(names)
    if as_json:
        content = {
            "paired": [{"name": name, "spec": spec} for name, spec in names.items()],
            "headsets": msgspec.to_builtins(found.headsets),
            "bluetooth_problem": found.problem,
            "microphones": msgspec.to_builtins(found.microphones),
        }
        print(json.dumps(content, indent=2, ensure_ascii=False))
        return
    print("headsets (--headset)")
    for name, spec in names.items():
        print(f"  {name}  (paired: {spec})")
    for headset in (one for one in found.headsets if one.in_reach):
        print(f"  {headset.spec}  ({_words(headset)})")
    if found.problem:
        print(f"  no Bluetooth: {found.problem}")
    print("microphones (--microphone)")
    for microphone in found.microphones:
        print(f"  {microphone.spec}  ({microphone.name})")


def pair_headset(box_root: Path, socket: Path, spec: str, name: str) -> None:
    """Remember headset ``spec`` as ``name``; a recorder that runs uses it at once."""
    check_headset(spec)
    if not _ask(socket, calls.Pair(spec, name)):
        Box.load(box_root)
        paired.pair(box_root, name, spec)
    print(f"{name}: {spec}")


def forget_headset(box_root: Path, socket: Path, name: str) -> None:
    """Forget headset ``name``."""
    if not _ask(socket, calls.Forget(name)):
        if name not in Box.load(box_root).paired:
            raise BoxError(f"no headset is paired as {name!r}")
        paired.forget(box_root, name)
    print(f"{name}: forgotten")


def _ask(socket: Path, call: calls.Pair | calls.Forget) -> bool:
    """Have a recorder that runs do it; tell whether one runs."""
    if not socket.exists():
        return False
    try:
        recorder = RecorderClient(socket)
    except ServiceError:
        return False  # left by one that crashed
    with recorder:
        recorder.do(call)
    return True


def _words(headset: FoundDevice) -> str:
    words = [headset.name]
    if headset.model and headset.model != headset.name:
        words.append(headset.model)
    if headset.signal_dbm is not None:
        words.append(f"{headset.signal_dbm} dBm")
    if headset.paired_as:
        words.append(f"paired as {headset.paired_as}")
    return ", ".join(words)
