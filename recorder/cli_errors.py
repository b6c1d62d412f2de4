"""The edge of every command line: errors become one line on stderr and an exit code.

A user never sees a traceback. Our own faults say where they happened, without values,
since values may be client data; FIELDREC_TRACEBACK=1 shows everything to a developer.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from recorder.errors import FieldrecError, StoreError, StoreRightsError

if TYPE_CHECKING:
    import typer

_INTERRUPTED = 130  # 128 + SIGINT, as shells say it


def run(app: typer.Typer, *, name: str) -> None:
    """Run the command line ``app`` as program ``name``; end with its exit code."""
    try:
        app(prog_name=name)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except FieldrecError as error:
        _stop(name, error)
    except OSError as error:
        _stop(name, _refusal_of_disk(error))
    except Exception as error:  # noqa: BLE001 - the outermost loop of a program
        _stop_for_fault(name, error)


def examples(*commands: str) -> str:
    """Return the end of a command's help: ``commands`` as they would be typed."""
    # click leaves a paragraph that begins with a backspace as it is.
    return "\n".join(["\b", "Examples:", *(f"  {command}" for command in commands)])


def _stop(name: str, error: FieldrecError) -> None:
    text = " ".join(f"{name}: {error}".split())
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - the command line's edge
    except OSError:
        # Nobody reads it. What stays unwritten would spoil the exit code at the very end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    sys.exit(error.code)


def _refusal_of_disk(error: OSError) -> FieldrecError:
    what = error.strerror or type(error).__name__
    text = f"{error.filename}: {what}" if error.filename else what
    if isinstance(error, PermissionError):
        return StoreRightsError(text, hint="run as the owner of that folder")
    return StoreError(text)


def _stop_for_fault(name: str, error: Exception) -> None:
    if os.environ.get("FIELDREC_TRACEBACK"):
        traceback.print_exception(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    fault = FieldrecError(
        f"a fault of ours: {type(error).__name__} at {where}",
        hint="please report this line; FIELDREC_TRACEBACK=1 shows more",
    )
    _stop(name, fault)
