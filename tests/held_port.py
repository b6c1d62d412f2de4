"""A loopback port that stays this process's own from when it is chosen until it ends.

A port that is merely free when asked may be anybody's a moment later: another test's, or
the near end of any connection that is made. This one is kept by a socket that is bound
and never listens. A server that sets SO_REUSEADDR, as sshd does and every other, may
listen beside it; nobody is ever given it by chance, and while no server runs, who calls
it is refused.
"""

from __future__ import annotations

import socket

_HOST = "127.0.0.1"
_HELD: list[socket.socket] = []


def hold_port() -> int:
    """Return a loopback port that nobody else gets while this process lives."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((_HOST, 0))
    _HELD.append(holder)
    port = holder.getsockname()[1]
    assert isinstance(port, int)
    return port
