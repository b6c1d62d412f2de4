"""The command line of the box: fieldrec.

Commands only parse and print; what they do stands in the modules they call.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recorder.audio.source import AudioFormat
from recorder.cli_errors import examples, run
from recorder.commands.record import RecordOptions, record_session
from recorder.commands.sessions import show_sessions
from recorder.errors import FormatError
from recorder.runtime import socket_path
from recorder.service.timing import Timing
from recorder.simulation import SimulationOptions

app = typer.Typer(
    help="Record therapy sessions: EEG and audio, one clock, sealed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

BoxOption = Annotated[Path, typer.Option(help="The box folder.", show_default=False)]
OptionalBox = Annotated[Path | None, typer.Option(help="The box folder.")]
SysfsOption = Annotated[
    Path, typer.Option(help="Where the kernel tells of the box.", hidden=True)
]
SocketOption = Annotated[
    Path | None,
    typer.Option(help="The recorder's socket; default: in /run/fieldrec, or the box."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(
    epilog=examples(
        "fieldrec record --box BOX --client K7QX3 --headset simulated"
        " --microphone simulated",
        "fieldrec record --box BOX --client K7QX3 --headset serial:/dev/ttyUSB0:CYTON_BOARD"
        " --microphone alsa:hw:CARD=MIC",
    )
)
def record(
    box: BoxOption,
    client: Annotated[str, typer.Option(help="The client's code.", show_default=False)],
    headset: Annotated[
        str,
        typer.Option(
            help="simulated, synthetic, playback:FILE:BOARD, serial:PATH:BOARD,"
            " ble:ADDRESS:BOARD or a paired name; default: the box's own."
        ),
    ] = "",
    microphone: Annotated[
        str,
        typer.Option(help="simulated, alsa:PCM, file:WAV or none; default: the box's own."),
    ] = "",
    consent: Annotated[
        str,
        typer.Option(help="Scopes a new client agreed to: eeg,audio,transcript,sharing."),
    ] = "",
    form: Annotated[str, typer.Option(help="Version of the form they signed.")] = "",
    duration: Annotated[
        float, typer.Option(help="Seconds; 0 records until Ctrl-C.", min=0)
    ] = 0,
    mode: Annotated[str, typer.Option(help="in-person or online.")] = "in-person",
    part_length: Annotated[
        float, typer.Option(help="Seconds a part holds at most.", min=1, max=60)
    ] = 60,
    bits: Annotated[int, typer.Option(help="Width of an audio sample: 16 or 24.")] = 16,
    channels: Annotated[int, typer.Option(help="Audio channels.", min=1, max=2)] = 1,
    sim: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE for simulated devices, several times if need be."),
    ] = None,
    continue_last: Annotated[
        bool,
        typer.Option(
            "--continue",
            help="Go on with the session that was cut off less than two hours ago.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Record a session until --duration, Ctrl-C or SIGTERM; all three close it cleanly.

    In a terminal: space pauses and resumes, digits mark. A second Ctrl-C within two
    seconds leaves at once; everything up to the last saved moment is kept.
    """
    if mode not in ("in-person", "online"):
        raise typer.BadParameter(
            f"{mode!r} is neither in-person nor online", param_hint="--mode"
        )
    record_session(
        RecordOptions(
            box=box,
            client=client,
            headset=headset,
            microphone=microphone,
            scopes=frozenset(consent.replace(" ", "").split(",")) if consent else None,
            form=form or None,
            duration_s=duration or None,
            mode="online" if mode == "online" else "in-person",
            part_length_s=part_length,
            audio=AudioFormat(bits=bits, n_channels=channels),
            simulation=_simulation(sim),
            json_lines=as_json,
            continue_last=continue_last,
        )
    )


@app.command(
    epilog=examples("fieldrec sessions --box BOX", "fieldrec sessions --box BOX --json")
)
def sessions(box: BoxOption, as_json: JsonOption = False) -> None:
    """List the sessions on the box."""
    show_sessions(box, as_json=as_json)


@app.command(
    epilog=examples(
        "fieldrec sync --box BOX",
        "fieldrec sync --once --delete-verified --box BOX",
        "fieldrec sync --from-card /media/card --box BOX",
    )
)
def sync(
    box: BoxOption,
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="End when everything possible is done; sign crashed sessions."
        ),
    ] = False,
    delete_verified: Annotated[
        bool,
        typer.Option(
            "--delete-verified",
            help="Delete all that the lab verified, not only when space is needed.",
        ),
    ] = False,
    bandwidth: Annotated[
        float, typer.Option(help="KiB per second at most; 0 does not limit.", min=0)
    ] = 0,
    from_card: Annotated[
        Path | None,
        typer.Option(help="Take fleet.json and clients.json from this folder, no more."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Send sessions to the lab, obey its receipts, take its renewals.

    Goes on until Ctrl-C; nothing is lost by it. While a session records it waits. Only
    what the lab verified is ever deleted.
    """
    # SFTP takes 9 MB that recording must not pay for.
    from recorder.commands.sync import sync_box, sync_from_card  # noqa: PLC0415 - see above
    from recorder.upload.visit import Wishes  # noqa: PLC0415 - see above

    if from_card is not None:
        sync_from_card(box, from_card, json_lines=as_json)
        return
    wishes = Wishes(
        once=once, delete_verified=delete_verified, bandwidth_bytes_s=bandwidth * 1024
    )
    sync_box(box, wishes, json_lines=as_json)


@app.command(
    epilog=examples(
        "fieldrec serve --box BOX",
        "fieldrec serve --box BOX --socket /run/fieldrec/recorder.sock",
    )
)
def serve(
    box: BoxOption,
    socket: SocketOption = None,
    sim: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE for simulated devices, several times if need be."),
    ] = None,
    timing: Annotated[
        list[str] | None,
        typer.Option(help="KEY=SECONDS: shorter waits, for trials only.", hidden=True),
    ] = None,
    sysfs: SysfsOption = Path("/sys"),
) -> None:
    """Run the recorder as a service that screens talk to, until SIGTERM or Ctrl-C.

    It connects the box's headset and microphone by itself and keeps them connected. Ending
    closes and signs the session that is being recorded.
    """
    from recorder.commands.serve import serve_box  # noqa: PLC0415 - others don't need it
    from recorder.service.serve import ServeOptions  # noqa: PLC0415 - likewise

    serve_box(
        ServeOptions(
            box=box,
            socket=socket or socket_path(box),
            simulation=_simulation(sim),
            timing=_timing(timing),
            sysfs=sysfs,
        )
    )


@app.command(
    epilog=examples(
        "fieldrec devices",
        "fieldrec devices --json",
        "fieldrec devices --box BOX --pair ble:00:55:DA:B0:12:34:MUSE_2_BOARD --name muse",
        "fieldrec devices --box BOX --forget muse",
    )
)
def devices(
    box: Annotated[
        Path | None, typer.Option(help="The box folder, for its paired names.")
    ] = None,
    pair: Annotated[
        str, typer.Option(help="Remember this headset under --name, and use it.")
    ] = "",
    name: Annotated[str, typer.Option(help="A short name for it.")] = "",
    forget: Annotated[str, typer.Option(help="Forget the headset of this name.")] = "",
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """List headsets in reach and microphones, as --headset and --microphone take them.

    Or give a headset a name, by which the box finds it again at every start.
    """
    # Bluetooth takes 20 MB that recording must not pay for.
    from recorder.commands import devices as act  # noqa: PLC0415 - see above

    if not pair and not forget:
        act.show_devices(box, as_json=as_json)
        return
    if box is None or (pair and not name):
        raise typer.BadParameter("pairing needs --box and --name")
    if pair:
        act.pair_headset(box, socket or socket_path(box), pair, name)
    else:
        act.forget_headset(box, socket or socket_path(box), forget)


@app.command(
    epilog=examples(
        "fieldrec status --box BOX",
        "fieldrec status --watch",
        "fieldrec status --box BOX --watch --json",
    )
)
def status(
    box: OptionalBox = None,
    socket: SocketOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on telling until Ctrl-C.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what the recorder does just now: phase, devices, space, sending, alarms.

    With --json the whole state, which names the client's code.
    """
    from recorder.commands.status import show_status  # noqa: PLC0415 - others don't need it

    show_status(socket or socket_path(box), watch=watch, as_json=as_json)


@app.command(
    epilog=examples("fieldrec doctor --box BOX", "fieldrec doctor --box BOX --json")
)
def doctor(
    box: BoxOption,
    socket: SocketOption = None,
    as_json: JsonOption = False,
    sysfs: SysfsOption = Path("/sys"),
) -> None:
    """Look whether the box is fit to record, and say what to do where it is not.

    Changes nothing and may run beside a recording. Ends with an error if a check failed.
    """
    from recorder.commands.doctor import show_health  # noqa: PLC0415 - others don't need it

    show_health(box, socket or socket_path(box), sysfs, as_json=as_json)


@app.command(epilog=examples("fieldrec logs --box BOX --bundle /media/stick/box.zip"))
def logs(
    box: BoxOption,
    bundle: Annotated[
        Path, typer.Option(help="The zip file to write.", show_default=False)
    ],
    socket: SocketOption = None,
    sysfs: SysfsOption = Path("/sys"),
) -> None:
    """Write a bundle for the lab's technician: no client, no recording, no key in it."""
    from recorder.commands.logs import write_bundle  # noqa: PLC0415 - others don't need it

    write_bundle(box, socket or socket_path(box), sysfs, bundle)


def _simulation(pairs: list[str] | None) -> SimulationOptions:
    try:
        return SimulationOptions.parse(pairs or [])
    except FormatError as error:
        raise typer.BadParameter(str(error), param_hint="--sim") from error


def _timing(pairs: list[str] | None) -> Timing:
    try:
        return Timing.parse(pairs or [])
    except FormatError as error:
        raise typer.BadParameter(str(error), param_hint="--timing") from error


def main() -> None:
    """Run the command line."""
    run(app, name="fieldrec")
