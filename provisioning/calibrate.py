"""Measure a headset's constant latency from opened sessions of calibration pulses."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from provisioning.headset_class import headset_class
from provisioning.opened_folder import OpenedFolder, read_opened_folder
from recorder.box import CALIBRATION_FOLDER
from recorder.calibration import Latency, measure_latency, summarise
from recorder.calibration.latency import TARGETS_MS, is_periodic
from recorder.errors import ProvisionError
from recorder.files import PUBLIC, create
from recorder.format.calibration import (
    Calibration,
    encode_calibration,
    link_facts,
    sound_facts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from recorder.format.sheet import SessionSheet

_SIMULATED = "simulated devices: holds for simulated sessions only"
_PERIODIC = "pulses come evenly, so they lock to the phase of the samples"


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The calibration and each pulse's own latency in milliseconds, shape ``(n,)``."""

    calibration: Calibration
    pulses_ms: NDArray[np.float64]


def calibrate(
    folders: Sequence[Path], *, at: datetime, class_name: str | None = None
) -> Calibrated:
    """Measure over all connections in ``folders``, made by ``fieldrec-lab open``.

    ``class_name`` names the class of headset where it is not to be taken from the board.
    Raises ProvisionError where the folders differ in equipment, show too few pulses, or
    where connections differ by more than the class allows.
    """
    sessions = [read_opened_folder(folder) for folder in folders]
    if not sessions:
        raise ProvisionError(
            "there is no session to calibrate from",
            hint="name the folders that fieldrec-lab open wrote",
        )
    sheet = _common_sheet(sessions, folders)
    measured = [one for session in sessions for one in _measure(session)]
    spacings = [one.comb_spacing_ms for one in sessions if one.comb_spacing_ms is not None]
    known = headset_class(sheet.headset.board, max(spacings, default=None))
    class_name = class_name or known.name
    if class_name not in TARGETS_MS:
        raise ProvisionError(
            f"headset class {class_name!r} is unknown", hint=f"use {', '.join(TARGETS_MS)}"
        )
    target_ms = TARGETS_MS[class_name]
    figures = summarise(measured, target_ms=target_ms)
    simulated = sheet.headset.simulated or sheet.microphone.simulated
    periodic = any(is_periodic(one.clicks_s) for one in sessions)
    warnings = [*figures.warnings, *[_SIMULATED] * simulated, *[_PERIODIC] * periodic]
    calibration = Calibration(
        id="unnamed",
        date=at.date().isoformat(),
        simulated=simulated,
        board=sheet.headset.board,
        model=known.model,
        headset=link_facts(sheet.headset),
        microphone=sound_facts(sheet.microphone),
        audio_rate_hz=sessions[0].audio_rate_hz,
        headset_class=class_name,
        target_ms=target_ms,
        n_connections=figures.n_connections,
        n_pulses=figures.n_pulses,
        constant_ms=round(figures.constant_ms, 4),
        spread_ms=round(figures.spread_ms, 4),
        standard_error_ms=round(figures.standard_error_ms, 4),
        sessions=tuple(sorted(str(one.sheet.session) for one in sessions)),
        warnings=tuple(warnings),
    )
    pulses_s = np.concatenate([one.pulses_s for one in measured])
    return Calibrated(_named(calibration), pulses_s * 1e3)


def _named(calibration: Calibration) -> Calibration:
    """Name it after board, day and content, so that equal names mean equal figures."""
    digest = hashlib.sha256(encode_calibration(calibration)).hexdigest()[:8]
    name = f"{calibration.board}-{calibration.date}-{digest}"
    return msgspec.structs.replace(calibration, id=name)


def _measure(session: OpenedFolder) -> list[Latency]:
    measured = measure_latency(
        at_s=session.at_s,
        uv=session.uv,
        clicks_s=session.clicks_s,
        connections=session.connections,
    )
    # What `open` took off already is part of the latency.
    applied_s = session.applied_ms / 1e3
    return [
        replace(
            one,
            latency_s=one.latency_s + applied_s,
            pulses_s=one.pulses_s + applied_s,
        )
        for one in measured
    ]


def _common_sheet(
    sessions: Sequence[OpenedFolder], folders: Sequence[Path]
) -> SessionSheet:
    """Return the first sheet; ProvisionError where another one's equipment differs."""
    first = sessions[0]
    names = [str(one.sheet.session) for one in sessions]
    if len(set(names)) < len(names):
        raise ProvisionError(
            "a session is given twice", hint="each connection counts once: leave one out"
        )
    for session, folder in zip(sessions, folders, strict=True):
        for what, here, there in zip(
            ("headset", "its firmware or link", "microphone", "frame rate", "simulation"),
            _equipment(session),
            _equipment(first),
            strict=True,
        ):
            if here != there:
                raise ProvisionError(
                    f"{folder}: {what} is {here}, but {there} in {folders[0]}",
                    hint="calibrate each combination by itself",
                )
    return first.sheet


def _equipment(session: OpenedFolder) -> tuple[object, ...]:
    headset, microphone = session.sheet.headset, session.sheet.microphone
    return (
        headset.board,
        link_facts(headset),
        sound_facts(microphone),
        session.audio_rate_hz,
        headset.simulated or microphone.simulated,
    )


def write_calibration(
    calibration: Calibration,
    *,
    out: Path | None,
    box: Path | None,
    dry_run: bool = False,
) -> tuple[Path, ...]:
    """Write it to ``out`` and into the folder ``box``; return where it went, or would.

    Raises ProvisionError before anything is written where neither is given, ``out``
    exists, or ``box`` is no box folder.
    """
    targets = _targets(calibration, out, box)
    if dry_run:
        return targets
    if box is not None:
        (box / CALIBRATION_FOLDER).mkdir(mode=0o700, exist_ok=True)
    for target in targets:
        create(target, encode_calibration(calibration), mode=PUBLIC)
    return targets


def _targets(
    calibration: Calibration, out: Path | None, box: Path | None
) -> tuple[Path, ...]:
    if out is None and box is None:
        raise ProvisionError("nowhere to write to", hint="say --out FILE or --box BOX")
    if box is not None and not (box / "box.toml").is_file():
        raise ProvisionError(f"{box} is no box folder", hint="give the right --box")
    targets = [] if out is None else [out]
    if box is not None:
        targets.append(box / CALIBRATION_FOLDER / f"{calibration.id}.toml")
    for target in targets:
        if target.exists():
            raise ProvisionError(
                f"{target} exists already", hint="a calibration is never overwritten"
            )
    return tuple(targets)
