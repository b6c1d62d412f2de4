"""All boxes of a fleet at a glance."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from provisioning.registry import utc_text
from provisioning.renew import RENEW_DAYS, valid_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.fleet import Fleet

Row = dict[str, str | int]


def list_devices(fleet: Fleet) -> list[Row]:
    """Return one row per box, by number; times are ISO 8601 in UTC, "" for none."""
    rows: list[Row] = []
    for device in fleet.devices():
        until = valid_until(fleet, device)
        rows.append(
            {
                "device": device.id,
                "made_utc": utc_text(device.made),
                "certificate_until_utc": utc_text(until) if until else "",
                "lost_since_utc": utc_text(device.lost_since) if device.lost_since else "",
                "fleet_serial": device.fleet_serial,
            }
        )
    return rows


def table(rows: Sequence[Row], *, now: datetime) -> str:
    """Return ``rows`` for a person, with a word about each box at ``now``."""
    lines = [f"{'box':10} {'made':10} {'certificate':11} state"]
    lines += [
        f"{row['device']:10} {str(row['made_utc'])[:10]:10}"
        f" {str(row['certificate_until_utc'])[:10]:11} {_state(row, now)}"
        for row in rows
    ]
    return "\n".join(lines)


def _state(row: Row, now: datetime) -> str:
    if row["lost_since_utc"]:
        return f"lost since {row['lost_since_utc']}"
    until = str(row["certificate_until_utc"])
    if not until or datetime.fromisoformat(until) <= now:
        return "expired: publish, and bring it to the box"
    if datetime.fromisoformat(until) - now < timedelta(days=RENEW_DAYS):
        return "expires soon: publish"
    return "fine"
