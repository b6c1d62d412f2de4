"""fleet.json: how the technicians reach a box in the field.

Signed by the fleet's key in NAMESPACE_FLEET (principal ``fleet``), read by the box it
names. An empty text leaves what the box holds unchanged; the serial only grows.
Canonical JSON (keys sorted, UTF-8, no spaces, a newline at the end).
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from recorder.errors import FieldrecError, FormatError
from recorder.format.age import check_recipients, parse_recipients
from recorder.format.manifest import (
    NAMESPACE_CLIENTS,
    NAMESPACE_FLEET,
    NAMESPACE_RECEIPT,
)
from recorder.format.signers import AllowedSigners

FLEET_PRINCIPAL = "fleet"
LAB_PRINCIPAL = "lab"
MAX_FLEET_BYTES = 1 << 20

_DEVICE = re.compile(r"BOX-[0-9]{4}[0-9A-Z]")
# A name or an IPv4 or IPv6 address (RFC 952, 4291) without brackets or zone.
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_LAST_PORT = 65535
_CERTIFICATE = re.compile(r"ssh-ed25519-cert-v01@openssh\.com [A-Za-z0-9+/]+=* ?[^\n]*\n?")
_NEEDED = (
    (LAB_PRINCIPAL, NAMESPACE_RECEIPT),
    (LAB_PRINCIPAL, NAMESPACE_CLIENTS),
    (FLEET_PRINCIPAL, NAMESPACE_FLEET),
)


class FleetServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The intake server; an empty host leaves it unchanged, an empty user is the device."""

    host: str = ""
    port: int = 22
    user: str = ""


class FleetUpdate(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    omit_defaults=False,
):
    """What one box shall hold: the text of each file, or ``""`` for what it has."""

    version: Literal[1] = 1
    serial: int
    device: str
    certificate: str = ""
    recipients: str = ""
    known_hosts: str = ""
    allowed_signers: str = ""
    server: FleetServer = FleetServer()


class _Version(msgspec.Struct):
    version: int


_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder(FleetUpdate)


def encode_fleet(update: FleetUpdate) -> bytes:
    """Return the one byte form of ``update``; FormatError on what no box would take."""
    _check(update)
    content = _ENCODER.encode(update) + b"\n"
    if len(content) > MAX_FLEET_BYTES:
        raise FormatError(
            f"fleet.json of {len(content)} bytes; a box reads at most {MAX_FLEET_BYTES}"
        )
    return content


def parse_fleet(content: bytes) -> FleetUpdate:
    """Read fleet.json strictly; FormatError on anything `encode_fleet` would not write."""
    if len(content) > MAX_FLEET_BYTES:
        raise FormatError(f"fleet.json of more than {MAX_FLEET_BYTES} bytes")
    try:
        version = msgspec.json.decode(content, type=_Version).version
        if version != 1:
            raise FormatError(
                f"fleet.json of version {version}; this program reads version 1",
                hint="update this program",
            )
        update = _DECODER.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"fleet.json: {error}") from error
    if encode_fleet(update) != content:
        raise FormatError("fleet.json: not in canonical form (sorted keys, no spaces)")
    return update


def check_server(host: str, port: int, user: str) -> None:
    """Refuse a server that can't be one; an empty host or user is fine."""
    if host and not _HOST.fullmatch(host):
        raise FormatError(f"server host {host[:80]!r} is no name and no address")
    if not 1 <= port <= _LAST_PORT:
        raise FormatError(f"server port {port}: allowed are 1 to {_LAST_PORT}")
    if user and not _USER.fullmatch(user):
        raise FormatError(f"server user {user[:80]!r} is no user name")


def _check(update: FleetUpdate) -> None:
    if update.serial < 1:
        raise FormatError(f"fleet.json: serial is {update.serial}, the first is 1")
    if not _DEVICE.fullmatch(update.device):
        raise FormatError(f"fleet.json: device {update.device[:80]!r} is no device id")
    check_server(update.server.host, update.server.port, update.server.user)
    if update.certificate and not _CERTIFICATE.fullmatch(update.certificate):
        raise FormatError("fleet.json: certificate is no ssh-ed25519 certificate line")
    if update.known_hosts and not update.known_hosts.strip():
        raise FormatError("fleet.json: known_hosts is blank")
    if update.recipients:
        _check_recipients(update.recipients)
    if update.allowed_signers:
        _check_signers(update.allowed_signers)


def _check_recipients(text: str) -> None:
    try:
        check_recipients(parse_recipients(text))
    except FieldrecError as error:
        raise FormatError(f"fleet.json: recipients: {error.message}") from error


def _check_signers(text: str) -> None:
    """Refuse signers after which the box could hear neither the lab nor the fleet."""
    signers = AllowedSigners.parse(text).signers
    for principal, namespace in _NEEDED:
        if not any(
            line.is_principal(principal)
            and line.allows_namespace(namespace)
            and line.is_valid(None)
            for line in signers
        ):
            raise FormatError(
                f"fleet.json: allowed_signers names no key of {principal!r} that may"
                f" sign {namespace!r} at any time"
            )
