"""fieldrec record: one session from the command line."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from recorder.audio.choose import open_microphone
from recorder.box import Box
from recorder.clients import Clients
from recorder.clock import read_host_ns
from recorder.commands.keys import KeyMarks
from recorder.commands.outlet import Outlet
from recorder.commands.reporter import Reporter, clock_text
from recorder.commands.terminal import StopRequest, single_keys
from recorder.continuing import continued
from recorder.eeg.choose import open_headset
from recorder.errors import BoxError, FieldrecError, StoreSpaceError
from recorder.no_core import forbid_core_dumps
from recorder.papers import load_codebook
from recorder.session import ALMOST_FULL_MIN, Session, SessionPlan
from recorder.simulation import Truth
from recorder.store.disk import RealDisk
from recorder.store.sessions import Sessions
from recorder.store.signing import Signer
from recorder.upload.room import make_room

if TYPE_CHECKING:
    from pathlib import Path

    from recorder.audio.source import AudioFormat
    from recorder.format.codebook import Codebook
    from recorder.format.sheet import Mode
    from recorder.session import SessionResult
    from recorder.simulation import SimulationOptions

_LOOK_S = 0.05  # how often keys and signals are looked at


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """What the command line asked for; ``None`` and ``""`` are "not said"."""

    box: Path
    client: str
    headset: str
    microphone: str
    scopes: frozenset[str] | None
    form: str | None
    duration_s: float | None
    mode: Mode
    part_length_s: float
    audio: AudioFormat
    simulation: SimulationOptions
    json_lines: bool
    continue_last: bool


def record_session(options: RecordOptions) -> None:
    """Record one session; print a status line a second and the result last."""
    forbid_core_dumps()
    with Outlet(sys.stdout) as out, Outlet(sys.stderr) as err:
        result, ended_by = _record(options, out, err)
        _print_result(result, out, err, json_lines=options.json_lines)
    if ended_by is not None:
        raise ended_by


def _record(
    options: RecordOptions, out: Outlet, err: Outlet
) -> tuple[SessionResult, FieldrecError | None]:
    """Record one session; return it, and what ended it too early."""
    box = Box.load(options.box)
    disk = RealDisk()
    signer = Signer(box.device, box.chain, box.signing_key(), box.recipients)
    stop = StopRequest()
    with stop.listening(), Sessions(box.sessions, disk=disk, signer=signer) as sessions:
        found = sessions.scan()
        for cut_off in found.crashed:
            err.offer(f"session {cut_off} was cut off; what was saved is signed now\n")
        for unreadable, why in found.refused:
            err.offer(
                f"session {unreadable} can't be signed: {why}; send the box to the lab\n"
            )
        _make_room(box, disk, err)
        codebook = load_codebook(box)
        session = _prepare(options, box, codebook, sessions, disk)
        session.start()
        ended_by: FieldrecError | None = None
        try:
            Clients.of(box).count_session(
                options.client, session.session, continues=options.continue_last
            )
            reporter = Reporter(
                out if options.json_lines else err, json_lines=options.json_lines
            )
            ended_by = _run(session, options, stop, KeyMarks(session, codebook), reporter)
        finally:
            result = session.stop()
        if result.manifest.clean:
            Clients.of(box).forget_session()
    return result, ended_by


def _prepare(
    options: RecordOptions, box: Box, codebook: Codebook, sessions: Sessions, disk: RealDisk
) -> Session:
    headset_spec = options.headset or box.default_headset
    microphone_spec = options.microphone or box.default_microphone
    if not headset_spec or not microphone_spec:
        raise BoxError(
            f"the box has no default {'microphone' if headset_spec else 'headset'}",
            hint="say --headset and --microphone, or set defaults in box.toml",
        )
    truth = Truth(origin_ns=read_host_ns(), seed=options.simulation.seed)
    microphone = open_microphone(
        microphone_spec, options.audio, options=options.simulation, truth=truth
    )
    needs = {"eeg"} if microphone is None else {"eeg", "audio"}
    consent = Clients.of(box).authorise(
        options.client, scopes=options.scopes, form=options.form, needs=frozenset(needs)
    )
    continues = continued(box, disk, consent.code) if options.continue_last else None
    headset = open_headset(
        box.paired.get(headset_spec, headset_spec), options=options.simulation, truth=truth
    )
    simulated = "simulated" in (headset_spec, microphone_spec)
    plan = SessionPlan(
        consent=consent,
        mode=options.mode,
        codebook=codebook.version,
        headset_spec=headset_spec,
        microphone_spec=microphone_spec,
        part_length_s=options.part_length_s,
        duration_s=options.duration_s,
        simulation=asdict(options.simulation) if simulated else None,
        continues=continues,
    )
    return Session(
        plan,
        box=box,
        sessions=sessions,
        disk=disk,
        headset=headset,
        microphone=microphone,
    )


def _make_room(box: Box, disk: RealDisk, err: Outlet) -> None:
    """Let verified sessions go where space is needed; if that suffices is asked later."""
    try:
        gone = make_room(box, disk)
    except (OSError, FieldrecError) as error:
        err.offer(f"verified sessions could not be deleted: {error}\n")
    else:
        if gone:
            err.offer(f"{gone} session(s) that the lab has were deleted to make room\n")


def _run(
    session: Session,
    options: RecordOptions,
    stop: StopRequest,
    marks: KeyMarks,
    reporter: Reporter,
) -> FieldrecError | None:
    """Report and obey keys until it is time to stop; return what ended it too early."""
    with single_keys() as keys:
        while not stop.asked:
            if key := keys.next(_LOOK_S):
                marks.press(key)
            status = session.status()
            if options.duration_s is not None and status.elapsed_s >= options.duration_s:
                break
            if status.free_min < ALMOST_FULL_MIN:
                return StoreSpaceError(
                    "no space is left on the box's disk: the session was closed early",
                    hint="what was recorded is kept; free space before the next session",
                )
            reporter.look(status, note=marks.note)
    return None


def _print_result(
    result: SessionResult, out: Outlet, err: Outlet, *, json_lines: bool
) -> None:
    summary = {
        "session": str(result.session),
        "path": str(result.path),
        "seconds": round(result.seconds, 3),
        "parts": result.manifest.parts,
        "lost_samples": result.writer.lost_samples,
        "xruns": result.writer.xruns,
        "clean": result.manifest.clean,
    }
    if json_lines:
        out.close(json.dumps(summary) + "\n")
        return
    err.close("\n")  # before the result: both may go to one terminal
    out.close(
        f"session {result.session}: {clock_text(result.seconds)},"
        f" {result.manifest.parts} part(s), {result.writer.lost_samples} samples lost,"
        f" {result.writer.xruns} xruns\n"
        f"in {result.path}\n"
    )
