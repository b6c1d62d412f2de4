"""fleet.json has one byte form, and holds nothing that would cut a box off."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import FormatError
from recorder.format.fleet import (
    MAX_FLEET_BYTES,
    FleetServer,
    FleetUpdate,
    encode_fleet,
    parse_fleet,
)
from recorder.format.manifest import (
    NAMESPACE_CLIENTS,
    NAMESPACE_FLEET,
    NAMESPACE_RECEIPT,
)
from recorder.format.signers import allowed_signers_line, public_line

if TYPE_CHECKING:
    from collections.abc import Mapping

DEVICE = "BOX-0007Y"
CERTIFICATE = "ssh-ed25519-cert-v01@openssh.com AAAAC3Nz BOX-0007Y\n"


def signer(principal: str, *namespaces: str) -> str:
    line = public_line(Ed25519PrivateKey.generate(), "")
    return allowed_signers_line(principal, line, namespaces=namespaces)


LAB = signer("lab", NAMESPACE_RECEIPT, NAMESPACE_CLIENTS)
FLEET = signer("fleet", NAMESPACE_FLEET)


def update(**fields: object) -> FleetUpdate:
    return FleetUpdate(**{"serial": 1, "device": DEVICE, **fields})  # type: ignore[arg-type] # a test's choice


servers = st.builds(
    FleetServer,
    host=st.sampled_from(["", "lab.example", "192.0.2.1", "2001:db8::1"]),
    port=st.integers(1, 65535),
    user=st.sampled_from(["", "box-0007y"]),
)
updates = st.builds(
    FleetUpdate,
    serial=st.integers(1, 2**53),
    device=st.just(DEVICE),
    certificate=st.sampled_from(["", CERTIFICATE]),
    known_hosts=st.text(max_size=200).filter(lambda text: not text or bool(text.strip())),
    allowed_signers=st.sampled_from(["", f"{LAB}\n{FLEET}\n"]),
    server=servers,
)


@given(updates)
def test_what_was_written_is_read(sent: FleetUpdate) -> None:
    content = encode_fleet(sent)
    assert parse_fleet(content) == sent
    assert content.endswith(b"}\n")
    assert json.loads(content)["version"] == 1


@given(updates, st.integers(0, 400), st.integers(1, 255))
def test_a_changed_byte_never_reads_as_the_same(
    sent: FleetUpdate, at: int, mask: int
) -> None:
    content = bytearray(encode_fleet(sent))
    content[at % len(content)] ^= mask
    try:
        assert parse_fleet(bytes(content)) != sent
    except FormatError:
        return


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"version":2}',
        b'{"version":1}',
        json.dumps({"version": 1, "serial": 1, "device": DEVICE}).encode(),
        encode_fleet(update()) + b" ",
        encode_fleet(update()).replace(b"}\n", b',"more":1}\n'),
    ],
)
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(FormatError):
        parse_fleet(content)


def test_more_than_a_mib_is_not_even_parsed() -> None:
    with pytest.raises(FormatError, match="more than 1048576 bytes"):
        parse_fleet(b" " * (MAX_FLEET_BYTES + 1))
    with pytest.raises(FormatError, match="at most 1048576"):
        encode_fleet(update(known_hosts="a" * MAX_FLEET_BYTES))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"serial": 0}, "serial is 0"),
        ({"device": "BOX-7"}, "no device id"),
        ({"certificate": "ssh-ed25519 AAAA"}, "no ssh-ed25519 certificate"),
        ({"certificate": CERTIFICATE + "second line\n"}, "no ssh-ed25519 certificate"),
        ({"known_hosts": " \n"}, "blank"),
        ({"recipients": "nonsense"}, "recipients"),
        ({"recipients": "# nobody\n"}, "recipients"),
        ({"allowed_signers": LAB}, "no key of 'fleet'"),
        ({"allowed_signers": FLEET}, "no key of 'lab'"),
        ({"allowed_signers": f"{FLEET}\n{signer('lab', NAMESPACE_CLIENTS)}"}, "receipt"),
        ({"server": FleetServer(host="a b")}, "no name and no address"),
        ({"server": FleetServer(host="-oProxyCommand=x")}, "no name and no address"),
        ({"server": FleetServer(port=0)}, "port 0"),
        ({"server": FleetServer(port=65_536)}, "port 65536"),
        ({"server": FleetServer(user="Root")}, "no user name"),
    ],
)
def test_what_would_cut_a_box_off_is_never_made(
    fields: Mapping[str, object], why: str
) -> None:
    with pytest.raises(FormatError, match=why):
        encode_fleet(update(**fields))
