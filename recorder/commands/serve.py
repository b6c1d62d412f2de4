"""fieldrec serve: the recorder as a service, until it is told to end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from recorder.commands.outlet import Outlet
from recorder.commands.terminal import StopRequest
from recorder.no_core import forbid_core_dumps
from recorder.service.serve import Service

if TYPE_CHECKING:
    from recorder.service.serve import ServeOptions


def serve_box(options: ServeOptions) -> None:
    """Serve a box; what happens is told on stderr, a line each, without client data."""
    forbid_core_dumps()
    stop = StopRequest()
    with Outlet(sys.stderr) as err, stop.listening():
        service = Service(options, log=lambda text: err.offer(f"fieldrec: {text}\n"))
        service.run(lambda: stop.asked)
