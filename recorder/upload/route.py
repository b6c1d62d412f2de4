"""Whether the way to the server is a cable.

Radio is shared: uploads over Wi-Fi disturb a Bluetooth headset, a cable disturbs nobody.
What can't be told counts as radio; so do routes of IPv6 alone.
"""

from __future__ import annotations

import socket
from pathlib import Path

_ROUTES = Path("/proc/net/route")
_INTERFACES = Path("/sys/class/net")
_ETHERNET = "1"  # ARPHRD_ETHER, which Wi-Fi also claims
_COLUMNS = 8


def is_cable(host: str, *, routes: Path = _ROUTES, interfaces: Path = _INTERFACES) -> bool:
    """Tell whether packets to ``host`` leave by Ethernet."""
    try:
        found = socket.getaddrinfo(host, None, family=socket.AF_INET)
        address = int.from_bytes(socket.inet_aton(str(found[0][4][0])), "little")
        interface = interfaces / _interface(routes.read_text("ascii"), address)
        kind = (interface / "type").read_text("ascii").strip()
    except (OSError, ValueError, UnicodeError):
        return False
    radio = any((interface / name).exists() for name in ("wireless", "phy80211"))
    # Bridges, tunnels and the like have no device behind them.
    return kind == _ETHERNET and not radio and (interface / "device").exists()


def _interface(table: str, address: int) -> str:
    """Return the interface of the longest route to ``address``; ValueError without one."""
    best, interface = -1, ""
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) < _COLUMNS:
            continue
        destination, mask = int(words[1], 16), int(words[7], 16)
        length = mask.bit_count()
        if address & mask == destination and length > best:
            best, interface = length, words[0]
    if not interface:
        raise ValueError("no route")
    return interface
