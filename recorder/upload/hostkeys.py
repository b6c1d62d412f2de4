"""Which server this box may talk to: OpenSSH's ``known_hosts``, Ed25519 keys only.

Plain names, ``[name]:port``, patterns with ``*`` and ``?``, ``!``, ``@cert-authority`` and
``@revoked``, as sshd(8) describes the file. Nothing is ever added to it here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import translate
from typing import TYPE_CHECKING

from recorder.errors import CertificateError, FormatError, HostKeyError
from recorder.format.signers import (
    KEY_TYPE,
    key_fingerprint,
    parse_public_blob,
    parse_public_line,
    public_blob,
)
from recorder.upload.certificates import parse_certificate

if TYPE_CHECKING:
    from collections.abc import Iterable

_SSH_PORT = 22
_MARKERS = ("@cert-authority", "@revoked")
_ASK = "compare with the lab, then have the technician send a new known_hosts"


@dataclass(frozen=True, slots=True)
class Pins:
    """The keys and authorities that may vouch for one server."""

    host: str
    keys: frozenset[bytes]
    authorities: frozenset[bytes]
    revoked: frozenset[bytes]


def read_pins(text: str, host: str, port: int) -> Pins:
    """Return what ``known_hosts`` says of a server; HostKeyError where that is nothing."""
    name = host.lower() if port == _SSH_PORT else f"[{host.lower()}]:{port}"
    found: dict[str, set[bytes]] = {"": set(), "@cert-authority": set(), "@revoked": set()}
    for line in text.splitlines():
        words = line.split()
        marker = words.pop(0) if words and words[0] in _MARKERS else ""
        if len(words) < 3 or words[0].startswith("#") or words[1] != KEY_TYPE:  # noqa: PLR2004 - hosts, type, key
            continue
        if _matches(name, words[0].lower().split(",")):
            try:
                key = parse_public_line(" ".join(words[1:3]))
            except FormatError as error:
                raise HostKeyError(f"known_hosts: {error.message}", hint=_ASK) from error
            found[marker].add(public_blob(key))
    if not found[""] and not found["@cert-authority"]:
        raise HostKeyError(
            f"known_hosts names no {KEY_TYPE} key and no authority for {name}", hint=_ASK
        )
    return Pins(
        host=host.lower(),
        keys=frozenset(found[""]),
        authorities=frozenset(found["@cert-authority"]),
        revoked=frozenset(found["@revoked"]),
    )


def check_host(pins: Pins, key_blob: bytes, certificate_line: bytes, wall_s: int) -> None:
    """Raise HostKeyError unless the server that proved ``key_blob`` is the one we know.

    ``certificate_line`` is the server's certificate, empty where it showed a plain key.
    """
    if key_blob in pins.revoked:
        raise HostKeyError(f"the key of {pins.host} is revoked", hint=_ASK)
    if key_blob in pins.keys:
        return
    if not certificate_line:
        fingerprint = key_fingerprint(parse_public_blob(key_blob))
        raise HostKeyError(
            f"{pins.host} shows the key {fingerprint}, which is not the one this box knows",
            hint="somebody may be listening; nothing was sent. " + _ASK,
        )
    _check_certificate(pins, certificate_line, wall_s)


def _check_certificate(pins: Pins, line: bytes, wall_s: int) -> None:
    try:
        certificate = parse_certificate(line)
    except CertificateError as error:
        raise HostKeyError(f"{pins.host}: {error.message}", hint=_ASK) from error
    if not certificate.host:
        raise HostKeyError(f"{pins.host} shows a certificate that is not for hosts")
    revoked = certificate.authority_blob in pins.revoked
    if revoked or certificate.authority_blob not in pins.authorities:
        raise HostKeyError(
            f"{pins.host} shows a certificate by an authority this box does not know",
            hint="somebody may be listening; nothing was sent. " + _ASK,
        )
    # As ssh(1): a host certificate without names is good for no host.
    if not _matches(pins.host, [each.lower() for each in certificate.principals]):
        raise HostKeyError(f"the server's certificate is not for {pins.host}", hint=_ASK)
    if not certificate.is_valid(wall_s):
        raise HostKeyError(
            f"the certificate of {pins.host} is valid {certificate.validity()}",
            hint="is the box's clock right? if so, the server needs a new one",
        )


def _matches(name: str, patterns: Iterable[str]) -> bool:
    """Match as OpenSSH's match_pattern_list: ``!`` refuses for good."""
    matched = False
    for pattern in patterns:
        # OpenSSH knows no character classes, so brackets are literal.
        glob = pattern.removeprefix("!").replace("[", "[[]")
        if re.match(translate(glob), name):
            if pattern.startswith("!"):
                return False
            matched = True
    return matched
