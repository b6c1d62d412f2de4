"""Take what the technicians and the lab send to a box in the field.

``fleet.json`` (the fleet's key) renews certificate, recipients, known hosts, signers and
server; ``clients.json`` (the lab's key) brings codes and consents. Both come through the
receipts folder or from a card; an older one than the box holds is refused. A renewal is
written down whole before the first file changes, so that an interruption is finished by
the next start.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from recorder.clients import LAB_PRINCIPAL
from recorder.errors import CertificateError, FieldrecError, FormatError, RegisterError
from recorder.files import (
    PUBLIC,
    read_private,
    read_signed,
    sync_folder,
    write_atomic,
    write_signed,
)
from recorder.format.fleet import (
    FLEET_PRINCIPAL,
    MAX_FLEET_BYTES,
    FleetServer,
    FleetUpdate,
    parse_fleet,
)
from recorder.format.manifest import NAMESPACE_CLIENTS, NAMESPACE_FLEET
from recorder.format.registers import BoxRegister, LabRegister, decode_register
from recorder.format.signers import AllowedSigners
from recorder.format.sshsig import verify
from recorder.upload.certificates import check_own, parse_certificate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from recorder.box import Box

FLEET_FILE = "fleet.json"
CLIENTS_FILE = "clients.json"
_APPLYING = ".fleet.json.applying"
_MAX_CLIENTS_BYTES = 16 << 20
_MAX_SIGNATURE_BYTES = 1 << 14
_AGAIN = "have the lab publish again"
_SERVER = re.compile(r"^\[server\][^\n]*\n", re.MULTILINE)
_HEADSETS = re.compile(r"^(?:#[^\n]*\n)*\[headsets\]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Renewal:
    """What the lab sends to ``box`` and how much of it is new."""

    box: Box

    def take(self, read: Callable[[str, int], bytes | None]) -> list[str]:
        """Take over what ``read`` brings; return the names of what was new.

        Raises RegisterError where something can't be believed; what else was sent is
        taken over all the same.
        """
        new: list[str] = []
        refused: RegisterError | None = None
        for name, limit_bytes, accept in (
            (FLEET_FILE, MAX_FLEET_BYTES, self._accept_fleet),
            (CLIENTS_FILE, _MAX_CLIENTS_BYTES, self._accept_clients),
        ):
            try:
                content = read(name, limit_bytes)
                signature = read(f"{name}.sig", _MAX_SIGNATURE_BYTES) if content else None
                if content and signature and accept(content, signature):
                    new.append(name)
            except RegisterError as error:
                refused = error
        if refused is not None:
            raise refused
        return new

    def finish(self) -> None:
        """Finish a renewal that was interrupted; without one, do nothing."""
        path = self.box.lab / _APPLYING
        if path.exists():
            self._apply(path)

    def _accept_fleet(self, content: bytes, signature: bytes) -> bool:
        self._check(content, signature, NAMESPACE_FLEET, FLEET_PRINCIPAL, FLEET_FILE)
        try:
            update = parse_fleet(content)
        except FormatError as error:
            raise RegisterError(error.message, hint=_AGAIN) from error
        if update.device != self.box.device:
            raise RegisterError(
                f"fleet.json is for {update.device}, this is {self.box.device}"
            )
        held = self._held(FLEET_FILE)
        held_serial = 0 if held is None else parse_fleet(held).serial
        if not _is_newer(FLEET_FILE, content, update.serial, held, held_serial):
            return False
        if update.certificate:
            self._check_certificate(update.certificate)
        with_server(self._settings(), update.server)
        path = self.box.lab / _APPLYING
        staged = len(signature).to_bytes(4) + signature + content
        write_atomic(path, staged, mode=PUBLIC)
        self._apply(path)
        return True

    def _apply(self, path: Path) -> None:
        staged = path.read_bytes()
        end = 4 + int.from_bytes(staged[:4])
        signature, content = staged[4:end], staged[end:]
        update = parse_fleet(content)
        for target, text in self._targets(update):
            if text:
                write_atomic(target, text.encode(), mode=PUBLIC)
        write_signed(self.box.lab / FLEET_FILE, content, signature)
        path.unlink()
        sync_folder(path.parent)

    def _targets(self, update: FleetUpdate) -> list[tuple[Path, str]]:
        # The server comes last: who it is must be known before the box turns to it.
        box = self.box
        settings = with_server(self._settings(), update.server)
        return [
            (box.certificate_path, update.certificate),
            (box.lab / "recipients.txt", update.recipients),
            (box.signers_path, update.allowed_signers),
            (box.known_hosts_path, update.known_hosts),
            (box.root / "box.toml", settings),
        ]

    def _accept_clients(self, content: bytes, signature: bytes) -> bool:
        self._check(content, signature, NAMESPACE_CLIENTS, LAB_PRINCIPAL, CLIENTS_FILE)
        serial = decode_register(content, LabRegister).serial
        own = decode_register(read_private(self.box.root / CLIENTS_FILE), BoxRegister)
        held = self._held(CLIENTS_FILE)
        held_serial = own.lab_serial
        if held is not None:
            held_serial = max(held_serial, decode_register(held, LabRegister).serial)
        if held is None and serial == held_serial:
            held_serial -= 1  # what was lost here may come again
        if not _is_newer(CLIENTS_FILE, content, serial, held, held_serial):
            return False
        write_signed(self.box.lab / CLIENTS_FILE, content, signature)
        return True

    def _held(self, name: str) -> bytes | None:
        try:
            return read_signed(self.box.lab / name)[0]
        except FileNotFoundError:
            return None

    def _settings(self) -> str:
        return (self.box.root / "box.toml").read_text("utf-8")

    def _check(
        self, content: bytes, signature: bytes, namespace: str, principal: str, name: str
    ) -> None:
        try:
            signers = AllowedSigners.parse(self.box.signers_path.read_text("utf-8"))
            verify(
                content,
                signature.decode("ascii"),
                namespace=namespace,
                principal=principal,
                signers=signers,
            )
        except (FormatError, UnicodeDecodeError) as error:
            why = error.message if isinstance(error, FieldrecError) else str(error)
            raise RegisterError(f"{name}: {why}", hint=_AGAIN) from error

    def _check_certificate(self, line: str) -> None:
        try:
            certificate = parse_certificate(line.encode())
            check_own(certificate, self.box.signing_key(), self.box.device.lower())
        except CertificateError as error:
            raise RegisterError(f"fleet.json: {error.message}", hint=_AGAIN) from error


def _is_newer(
    name: str, content: bytes, serial: int, held: bytes | None, held_serial: int
) -> bool:
    """Tell whether to take ``content``; RegisterError for an older or a second one."""
    if serial > held_serial:
        return True
    if serial == held_serial and content == held:
        return False
    which = "older than" if serial < held_serial else "another one than"
    raise RegisterError(
        f"{name} has serial {serial}: {which} serial {held_serial}, which this box holds",
        hint=_AGAIN,
    )


def with_server(text: str, server: FleetServer) -> str:
    """Return box.toml with ``server`` in it; comments and all other lines stay."""
    if not server.host:
        return ""
    before = tomllib.loads(text)
    found = before.get("server", {})
    wanted = {**found, "host": server.host, "port": server.port, "user": server.user}
    if found == wanted:
        return ""
    lines = {
        key: f"{key} = {msgspec.json.encode(value).decode()}\n"
        for key, value in wanted.items()
    }
    if match := _SERVER.search(text):
        changed = text[: match.end()] + _with_lines(text[match.end() :], lines)
    else:
        headsets = _HEADSETS.search(text)
        at = headsets.start() if headsets else len(text)
        changed = f"{text[:at]}\n[server]\n{''.join(lines.values())}\n{text[at:]}"
    if tomllib.loads(changed) != {**before, "server": wanted}:
        raise RegisterError("fleet.json: its server can't be entered into box.toml")
    return changed


def _with_lines(text: str, lines: dict[str, str]) -> str:
    """Return the rest of box.toml after ``[server]`` with the section's keys replaced."""
    rest = dict(lines)
    out: list[str] = []
    inside = True
    for line in text.splitlines(keepends=True):
        inside = inside and not line.startswith("[")
        key = line.partition("=")[0].strip()
        out.append(rest.pop(key, line) if inside and key in lines else line)
    return "".join([*rest.values(), *out])
