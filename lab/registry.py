"""The fleet's registry as the lab reads it: whose manifests are genuine, and until when.

FLEET/public holds ``allowed_signers`` (every box ever made), ``lost.json`` (since when a
box is in other hands) and ``krl`` (revoked keys). What the server took in before a box
was lost stays acceptable; what came later, a person must look at.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from lab.verify import (
    MANIFEST_FILE,
    MAX_MANIFEST_BYTES,
    MAX_SIGNATURE_BYTES,
    SIGNATURE_FILE,
    read_manifest,
)
from recorder.errors import (
    FormatError,
    LabError,
    ManifestError,
    SetupError,
    SignatureError,
)
from recorder.format.manifest import digest, encode
from recorder.format.signers import AllowedSigners, parse_public_blob, public_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.settings import Lab
    from recorder.format.manifest import Manifest

# A part of 60 s of 64 channels at 1 kHz and 24-bit stereo has 35 MB. Each file is opened
# whole in memory.
MAX_SEALED_BYTES = 256 << 20
_MAX_LOST_BYTES = 4 << 20
_TIMEOUT_S = 60


class LostBoxError(SignatureError):
    """A box that was lost signed it, or its key is revoked: a person must decide."""


class ForkError(ManifestError):
    """A box signed another manifest for a session it had signed before."""


class _Lost(msgspec.Struct, frozen=True):
    since_utc: datetime
    serials: tuple[int, ...] = ()


class _LostFile(msgspec.Struct, frozen=True):
    version: int = 1
    devices: dict[str, _Lost] = {}


@dataclass(frozen=True, slots=True)
class Registry:
    """Who may sign; ``lost_since`` by device, ``revoked`` are devices on the KRL."""

    signers: AllowedSigners
    lost_since: Mapping[str, datetime]
    revoked: frozenset[str] = frozenset()

    @classmethod
    def load(cls, lab: Lab) -> Registry:
        """Read the registry of the lab's fleet; LabError where it can't be read."""
        path = lab.device_signers_path
        try:
            signers = AllowedSigners.parse(path.read_text("utf-8"))
        except (FormatError, UnicodeDecodeError) as error:
            raise LabError(f"the fleet's list of boxes {path}: {error}") from error
        return cls(
            signers=signers,
            lost_since=_read_lost(path.with_name("lost.json")),
            revoked=_read_revoked(path.with_name("krl"), signers),
        )

    def vouch(
        self, folder: Path, *, taken: datetime, accepted: frozenset[str] = frozenset()
    ) -> Manifest:
        """Return the manifest in ``folder`` if a box of the fleet vouches for it.

        ``taken`` is when the server took it in; ``accepted`` are digests of manifests of
        lost boxes that the data manager vouches for. Raises ManifestError for what can't
        be a manifest, SignatureError for one that no box of the fleet signed and
        LostBoxError for one that a lost box signed.
        """
        check_word(folder)
        manifest = read_manifest(folder, signers=self.signers, at=taken)
        _check_tree(manifest)
        for path, entry in manifest.files.items():
            if entry.size > MAX_SEALED_BYTES:
                raise ManifestError(
                    f"{path} has {entry.size} bytes, a box writes at most"
                    f" {MAX_SEALED_BYTES}"
                )
        if digest_of(manifest) not in accepted:
            self._check_in_hand(manifest.device, taken)
        return manifest

    def _check_in_hand(self, device: str, taken: datetime) -> None:
        since = self.lost_since.get(device)
        if since is not None and taken >= since:
            raise LostBoxError(
                f"{device} is lost since {since.isoformat()}; the server took this in at"
                f" {taken.isoformat()}",
                hint="if it is genuine after all: fieldrec-lab accept SESSION",
            )
        if since is None and device in self.revoked:
            raise LostBoxError(
                f"the key of {device} is revoked, and nothing tells since when",
                hint="run: fieldrec-provision revoke, which writes since when it is lost",
            )


def digest_of(manifest: Manifest) -> str:
    """Return the digest of a manifest's one byte form."""
    return digest(encode(manifest))


def check_word(folder: Path) -> None:
    """Raise ManifestError unless manifest and signature are files of a sane size."""
    limits = {MANIFEST_FILE: MAX_MANIFEST_BYTES, SIGNATURE_FILE: MAX_SIGNATURE_BYTES}
    for name, limit in limits.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise ManifestError(f"there is no file {name}")
        size = path.stat().st_size
        if size > limit:
            raise ManifestError(f"{name} has {size} bytes, the limit is {limit}")


def _check_tree(manifest: Manifest) -> None:
    """Raise ManifestError where a path would have to be a file and a folder at once."""
    files = {*manifest.files, MANIFEST_FILE, SIGNATURE_FILE}
    for path in manifest.files:
        if any(str(parent) in files for parent in PurePosixPath(path).parents):
            raise ManifestError(f"the manifest's {path[:80]!r} lies inside a file")


def _read_lost(path: Path) -> dict[str, datetime]:
    if not path.exists():
        return {}
    try:
        if path.stat().st_size > _MAX_LOST_BYTES:
            raise LabError(f"{path} has more than {_MAX_LOST_BYTES} bytes")
        content = msgspec.json.decode(path.read_bytes(), type=_LostFile)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OSError) as error:
        raise LabError(
            f"the fleet's list of lost boxes {path} can't be read: {error}",
            hint="without it a lost box would be believed; have it made again",
        ) from error
    lost = {device: entry.since_utc for device, entry in content.devices.items()}
    for device, since in lost.items():
        if since.tzinfo is None:
            raise LabError(f"{path}: {device} is lost since a time without a zone")
    return lost


def _read_revoked(krl: Path, signers: AllowedSigners) -> frozenset[str]:
    """Return the devices whose signing key is on the revocation list."""
    if not krl.exists() or krl.stat().st_size == 0:
        return frozenset()
    program = shutil.which("ssh-keygen")
    if program is None:
        raise SetupError("ssh-keygen is not installed", hint="apt install openssh-client")
    revoked: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        names: list[str] = []
        for index, signer in enumerate(signers.signers):
            line = public_line(parse_public_blob(signer.key_blob), str(index))
            (Path(folder) / str(index)).write_text(f"{line}\n", "utf-8")
            names.append(str(index))
        listed = _ask(program, krl, names, folder)
    for index, signer in enumerate(signers.signers):
        if str(index) in listed:
            revoked.update(signer.principals)
    return frozenset(revoked)


def _ask(program: str, krl: Path, names: list[str], folder: str) -> frozenset[str]:
    """Return which key files in ``folder`` are revoked."""
    if not names:
        return frozenset()
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program, arguments as a list, no shell
            [program, "-Q", "-f", str(krl.resolve()), *names],
            cwd=folder,
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"ssh-keygen did not end within {_TIMEOUT_S} s") from error
    answers = {
        line.split(" ", 1)[0]: line.rsplit(" ", 1)[-1] for line in done.stdout.splitlines()
    }
    if set(answers) != set(names):
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise LabError(f"the revocation list {krl} can't be read: {said[-1]}")
    return frozenset(name for name, answer in answers.items() if answer == "REVOKED")
