"""The one door to ssh-keygen: keys, certificates and revocation lists.

OpenSSH makes the keys and signs the certificates that OpenSSH will check.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from recorder.errors import ProvisionError, SetupError
from recorder.files import PUBLIC, write_atomic

_TIMEOUT_S = 60


def make_key(path: Path, *, comment: str) -> None:
    """Make an Ed25519 key: ``path`` (0600) and ``path``.pub."""
    _ssh_keygen("-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path))


def certify(key: Path, *, authority: Path, name: str, serial: int, days: int) -> None:
    """Sign ``key``.pub as the user ``name``, valid for ``days``; write ``key``-cert.pub."""
    _ssh_keygen(
        *("-q", "-s", str(authority), "-I", name, "-n", name, "-z", str(serial)),
        # An hour back, for a server whose clock is a little behind.
        *("-V", f"-1h:+{days}d", "-O", "clear", f"{key}.pub"),
    )


def make_revocation_list(path: Path) -> None:
    """Make a revocation list (KRL) that revokes nothing yet."""
    _ssh_keygen("-q", "-k", "-f", str(path))


def revoke_key(
    path: Path, *, authority: Path, public_key: str, name: str, serial: int
) -> None:
    """Add a key, and every certificate with its serial or name, to the list ``path``.

    ``authority`` is the public key file of who signed the certificates. The list is
    replaced in one step: sshd may be reading it.
    """
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "lines"
        key = " ".join(public_key.split()[:2])
        lines.write_text(f"serial: {serial}\nid: {name}\nkey: {key}\n", "ascii")
        changed = Path(folder) / "krl"
        shutil.copyfile(path, changed)
        _ssh_keygen("-q", "-k", "-u", "-f", str(changed), "-s", str(authority), str(lines))
        write_atomic(path, changed.read_bytes(), mode=PUBLIC)


def _ssh_keygen(*arguments: str) -> None:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise SetupError("ssh-keygen is not installed", hint="apt install openssh-client")
    try:
        subprocess.run(  # noqa: S603 - a fixed program, arguments as a list, no shell
            [program, *arguments],
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired as error:
        raise ProvisionError(
            f"ssh-keygen did not end within {_TIMEOUT_S} s", hint="try again"
        ) from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or ["no reason given"]
        raise ProvisionError(
            f"ssh-keygen failed: {said[-1]}",
            hint="look at the rights of FLEET and at the room on the disk",
        ) from error
