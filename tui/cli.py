"""The command line of the therapist's screen: fieldrec-tui."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from recorder.cli_errors import examples, run
from recorder.runtime import socket_path

app = typer.Typer(
    help="The therapist's screen.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command(
    epilog=examples(
        "fieldrec-tui --demo",
        "fieldrec-tui --box BOX",
        "fieldrec-tui --box BOX --socket /run/fieldrec/recorder.sock --language en",
    )
)
def show(
    box: Annotated[
        Path | None, typer.Option(help="The box folder.", show_default=False)
    ] = None,
    socket: Annotated[
        Path | None,
        typer.Option(help="Where the recorder listens; default: where it does for BOX."),
    ] = None,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="Make a throw-away box with simulated devices and show that."
        ),
    ] = False,
    language: Annotated[
        str | None, typer.Option(help="ru or en; default: as chosen last, or the box's.")
    ] = None,
) -> None:
    """Show the recorder that ``fieldrec serve`` runs. It may be closed at any time.

    F1 is help, F2 the other language. Ctrl-Q leaves the screen; recording goes on.
    """
    chosen = _language(language)
    if demo:
        _show_demo(chosen)
    elif box is None:
        raise typer.BadParameter("name the box, or ask for --demo", param_hint="--box")
    else:
        _show(socket or socket_path(box), box=box, language=chosen)


def _show_demo(language: Literal["ru", "en"] | None) -> None:
    from tui.demo import SOCKET, demo_box  # noqa: PLC0415 - only a demonstration needs it

    print("Preparing a throw-away box, a few seconds ...", file=sys.stderr)
    with demo_box() as box:
        _show(box / SOCKET, box=box, language=language)


def _show(socket: Path, *, box: Path | None, language: Literal["ru", "en"] | None) -> None:
    from tui.app import FieldrecApp  # noqa: PLC0415 - --help need not wait for Textual

    app = FieldrecApp(socket, box=box, language=language)
    for number in (signal.SIGTERM, signal.SIGHUP):  # leave the terminal, and no demo behind
        signal.signal(number, lambda *_: app.exit())
    app.run()
    if app.fault is not None:
        raise app.fault


def _language(text: str | None) -> Literal["ru", "en"] | None:
    if text not in (None, "ru", "en"):
        raise typer.BadParameter(f"{text!r} is neither ru nor en", param_hint="--language")
    return None if text is None else ("ru" if text == "ru" else "en")


def main() -> None:
    """Run the command line."""
    run(app, name="fieldrec-tui")
