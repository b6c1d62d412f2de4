"""Take a lost box out of the fleet: no login any more, and no belief in what comes later.

The registry is changed first and the public files are made from it, so that doing it
again finishes what was interrupted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from provisioning.openssh import revoke_key
from provisioning.registry import utc_text
from recorder.errors import ProvisionError
from recorder.files import locked

if TYPE_CHECKING:
    from provisioning.fleet import Fleet
    from provisioning.registry import Device

_HOW = "write UTC, such as 2026-01-31T18:00Z"


def parse_lost_since(text: str) -> datetime:
    """Return the moment in ``text``, ISO 8601 with its zone, or raise ProvisionError."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ProvisionError(f"lost since {text[:40]!r} is no time", hint=_HOW) from error
    if moment.tzinfo is None:
        raise ProvisionError(f"lost since {text[:40]!r} has no time zone", hint=_HOW)
    return moment.astimezone(UTC).replace(microsecond=0)


def revoke(fleet: Fleet, text: str, *, lost_since: datetime, now: datetime) -> Device:
    """Revoke the box with the id ``text``; return it as the registry has it now.

    Revoked again with an earlier time, it is lost since then. Raises ProvisionError for an
    unknown box and for a time that can't be.
    """
    with locked(fleet.root):
        device = check_revoke(fleet, text, lost_since=lost_since, now=now)
        device = msgspec.structs.replace(device, lost_since=lost_since)
        fleet.update(device)
        fleet.write_lost()
        revoke_key(
            fleet.public / "krl",
            authority=fleet.authority_path.with_suffix(".pub"),
            public_key=device.public_key,
            name=device.name,
            serial=device.number,
        )
    return device


def check_revoke(fleet: Fleet, text: str, *, lost_since: datetime, now: datetime) -> Device:
    """Return the box with the id ``text`` as it is; ProvisionError as in `revoke`."""
    device = fleet.device(text)
    _check_time(device, lost_since, now)
    return device


def _check_time(device: Device, lost_since: datetime, now: datetime) -> None:
    since = utc_text(lost_since)
    if lost_since > now:
        raise ProvisionError(
            f"lost since {since} lies in the future; now it is {utc_text(now)}", hint=_HOW
        )
    if lost_since < device.made.replace(microsecond=0):
        raise ProvisionError(
            f"lost since {since}, but {device.id} was made only at {utc_text(device.made)}",
            hint="look at the id again; else give the time when it was made",
        )
    if device.lost_since is not None and lost_since > device.lost_since:
        raise ProvisionError(
            f"{device.id} is lost since {utc_text(device.lost_since)} already, which is"
            f" earlier than {since}",
            hint="what was not believed once is not believed by a later word",
        )
