"""The box folder: who this box is, for whom it seals, what it is connected to.

Everything a recording needs is checked when the folder is loaded, so that a box that is
not fit to record says so before the first sample. The folder holds no key that opens a
recording; its one private key signs manifests and logs in to the server.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID  # noqa: TC003 - msgspec reads the annotations

import msgspec

from recorder.errors import BoxError, FormatError, KeyFileError
from recorder.files import read_private
from recorder.format.age import check_recipients, parse_recipients
from recorder.format.calibration import parse_calibration
from recorder.format.fleet import check_server
from recorder.format.sshsig import load_private_key
from recorder.identifiers import has_right_check
from recorder.paired import read_choice

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from recorder.format.age import Recipient
    from recorder.format.calibration import Calibration

Locale = Literal["ru", "en"]
_DEVICE_ID = re.compile(r"BOX-[0-9]{4}[0-9A-Z]")
_MAKE_ONE = "make a box folder with: fieldrec-provision device new --fleet FLEET --box BOX"
CALIBRATION_FOLDER = "calibration"
_Spec = Annotated[str, msgspec.Meta(max_length=1000)]


class _Defaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    headset: _Spec = ""
    microphone: _Spec = ""


class _ServerSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str = ""
    port: int = 22
    user: str = ""
    while_recording: bool = False


class _BoxFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    device: str
    chain: UUID
    locale: Locale = "ru"
    default: _Defaults = _Defaults()
    server: _ServerSection = _ServerSection()
    headsets: dict[str, _Spec] = {}


@dataclass(frozen=True, slots=True)
class Server:
    """The lab's intake server and this box's account there.

    ``while_recording`` allows sending during a session, over a cable only.
    """

    host: str
    port: int
    user: str
    while_recording: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """A box folder that was found fit to record.

    ``calibrations`` are those of its folder ``calibration``, which may be missing.
    ``paired`` maps the names of paired headsets to their specifications, such as
    ``ble:00:55:DA:B0:12:34:MUSE_2_BOARD``; an empty default means "ask". Without a
    ``server`` the box sends nothing by itself.
    """

    root: Path
    device: str
    chain: UUID
    locale: Locale
    default_headset: str
    default_microphone: str
    paired: Mapping[str, str]
    recipients: tuple[Recipient, ...]
    calibrations: tuple[Calibration, ...]
    server: Server | None = None

    @property
    def sessions(self) -> Path:
        """The folder that holds the sessions."""
        return self.root / "sessions"

    @property
    def lab(self) -> Path:
        """The folder of what the lab gave this box: recipients, registers, codebook."""
        return self.root / "lab"

    @property
    def key_path(self) -> Path:
        """The box's private Ed25519 key, in OpenSSH's format."""
        return self.root / "ssh_ed25519"

    @property
    def certificate_path(self) -> Path:
        """The certificate with which the box logs in to the server."""
        return self.root / "ssh_ed25519-cert.pub"

    @property
    def known_hosts_path(self) -> Path:
        """The host keys, or the authority for them, of the server."""
        return self.lab / "known_hosts"

    @property
    def signers_path(self) -> Path:
        """Whom the box believes: the lab and the fleet, in OpenSSH's format."""
        return self.lab / "allowed_signers"

    def signing_key(self) -> Ed25519PrivateKey:
        """Read the key that signs manifests; KeyFileError where that isn't safe."""
        content = read_private(self.key_path)
        try:
            return load_private_key(content)
        except KeyFileError as error:
            message = f"{self.key_path}: {error.message}"
            raise KeyFileError(message, hint=error.hint) from error

    @classmethod
    def load(cls, root: Path) -> Box:
        """Read and check the box folder ``root``.

        Raises BoxError where something is missing or wrong in it, KeyFileError where its
        key is not private, RecipientsError where a recording could not be sealed safely.
        """
        _check_complete(root)
        settings = _read_settings(root / "box.toml")
        choice = read_choice(root)
        names = {**settings.headsets, **choice.headsets}
        paired = {name: spec for name, spec in names.items() if spec is not None}
        forgotten = settings.default.headset in names.keys() - paired.keys()
        default = "" if forgotten else settings.default.headset
        box = cls(
            root=root,
            device=_check_device(settings.device),
            chain=settings.chain,
            locale=settings.locale,
            default_headset=choice.headset or default,
            default_microphone=choice.microphone or settings.default.microphone,
            paired=MappingProxyType(paired),
            recipients=_read_recipients(root / "lab" / "recipients.txt"),
            server=_server(settings.server, settings.device),
            calibrations=_read_calibrations(root / CALIBRATION_FOLDER),
        )
        box.signing_key()
        return box


def _check_complete(root: Path) -> None:
    if not root.is_dir():
        raise BoxError(f"there is no box folder {root}", hint=_MAKE_ONE)
    for folder in ("sessions", "lab"):
        if not (root / folder).is_dir():
            raise BoxError(f"box folder {root} has no folder {folder}", hint=_MAKE_ONE)
    for name in ("box.toml", "clients.json", "lab/recipients.txt", "lab/allowed_signers"):
        if not (root / name).is_file():
            raise BoxError(f"box folder {root} has no file {name}", hint=_MAKE_ONE)


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise BoxError(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BoxError(f"{path} is not UTF-8 text") from error


def _read_settings(path: Path) -> _BoxFile:
    try:
        return msgspec.convert(tomllib.loads(_read_text(path)), type=_BoxFile)
    except tomllib.TOMLDecodeError as error:
        raise BoxError(f"{path} is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise BoxError(f"{path}: {error}", hint="see the comments in that file") from error


def _check_device(device: str) -> str:
    if not _DEVICE_ID.fullmatch(device) or not has_right_check(device):
        raise BoxError(
            f"device id {device!r} in box.toml is wrong: a digit or its check character",
            hint="compare it with the label on the box",
        )
    return device


def _server(section: _ServerSection, device: str) -> Server | None:
    try:
        check_server(section.host, section.port, section.user)
    except FormatError as error:
        raise BoxError(f"box.toml: {error.message}") from error
    if not section.host:
        return None
    return Server(
        host=section.host,
        port=section.port,
        user=section.user or device.lower(),
        while_recording=section.while_recording,
    )


def _read_recipients(path: Path) -> tuple[Recipient, ...]:
    recipients = parse_recipients(_read_text(path))
    check_recipients(recipients)
    return recipients


def _read_calibrations(folder: Path) -> tuple[Calibration, ...]:
    found = []
    for path in sorted(folder.glob("*.toml")):
        try:
            found.append(parse_calibration(path.read_bytes(), place=path.name))
        except OSError as error:
            raise BoxError(f"{path} can't be read: {error.strerror}") from error
        except FormatError as error:
            raise BoxError(error.message, hint=error.hint or f"remove {path}") from error
    return tuple(found)
