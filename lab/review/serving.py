"""Run the review's server on this computer's own loopback, and tell where to open it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from recorder.errors import LabError, SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from lab.settings import Lab

_LOOPBACK: Final = "127.0.0.1"


def serve_review(
    lab: Lab,
    *,
    who: str,
    key: Ed25519PrivateKey,
    port: int,
    language: str,
    tell: Callable[[str], None],
) -> None:
    """Serve until interrupted; ``tell`` is given the address, which works once."""
    try:
        import uvicorn  # noqa: PLC0415 - an extra of its own

        from lab.review.server import ReviewServer  # noqa: PLC0415 - an extra of its own
    except ImportError as error:
        raise SetupError(
            f"{error.name} is not installed",
            hint="install fieldrec with the extra [transcripts]",
        ) from error
    server = ReviewServer(lab, who, key, language)
    with _listening(port) as listening:
        server.guard.host = f"{_LOOPBACK}:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            server.app(),
            access_log=False,  # the token stands in an address
            log_level="error",
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        tell(server.guard.entrance())
        uvicorn.Server(config).run(sockets=[listening])


def _listening(port: int) -> socket.socket:
    # asyncio sends at once only on sockets that say they are TCP; else each answer waits
    # for the browser's delayed acknowledgement, 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((_LOOPBACK, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise LabError(
            f"port {port} can't be used: {error.strerror}", hint="leave --port away"
        ) from error
    return listening
