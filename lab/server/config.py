"""What OpenSSH is told, so that a box can upload and nothing else.

Found by attacking Debian's sshd (OpenSSH 9.2) with its own clients; each line says what
it is for. The allow-list can't see open flags: TRUNC still empties a finished upload,
which the mover cures by taking sessions away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lab.server.folder import ServerFolder

# Uploads get mode 0240: their box can't read them back, the mover's group can.
UPLOAD_UMASK = "0537"
# No remove, no list, no setstat, no link; rename (without posix-) never replaces.
ALLOWED_REQUESTS = (
    "open,close,write,stat,lstat,fstat,realpath,fsync,rename,read"  # read: receipts
)

_COMMON = """\
# Who may log in: only a certificate of the fleet's authority, never a bare key, never a
# password. sshd refuses everybody where the revocation list is missing or broken.
AuthenticationMethods publickey
PubkeyAcceptedAlgorithms ssh-ed25519-cert-v01@openssh.com
CASignatureAlgorithms ssh-ed25519
PasswordAuthentication no
KbdInteractiveAuthentication no
RevokedKeys {revoked}
# PAM would only add ways in; logins by key need none of it.
UsePAM no

# What a box may do: SFTP, and nothing through or around it.
DisableForwarding yes
PermitTTY no
PermitUserRC no
PermitUserEnvironment no
Subsystem sftp internal-sftp

# Limits. A box needs one connection. Dead ones (a cut link) end after two minutes, so
# that a half-dead upload does not linger beside the one that took over.
MaxAuthTries 3
LoginGraceTime 20
MaxSessions 2
MaxStartups 10:30:60
ClientAliveInterval 30
ClientAliveCountMax 4
TCPKeepAlive yes
UseDNS no
LogLevel VERBOSE
{penalties}"""

# Boxes of one clinic share one address, and a box whose certificate has expired goes on
# asking: that must not keep the others from sending. There is no password to guess.
_NO_PENALTIES = """\

# Failed logins of one box shut nobody else out behind the same address.
PerSourcePenalties no
"""

_PRODUCTION = """\
# The intake of Fieldrec: an sshd of its own, beside the one you administer the server
# with. Written by `fieldrec-lab server`; check changes with: sshd -t -f {config}

Port {port}
HostKey {host_key}
PidFile none
StrictModes yes

{common}
# The authority that certifies boxes, and the one principal each user answers to.
TrustedUserCAKeys {user_ca}
AuthorizedPrincipalsFile {principals}/%u
AuthorizedKeysFile none
PermitRootLogin no
AllowUsers box-*
# At most so many logins under way from one address.
PerSourceMaxStartups 5

# Each box is locked into its folder, whose ways up must belong to root. There it sees
#   /up        write and search, no list; uploads get mode 0240 (-u): no reading back
#   /receipts  read by exact name, no list
# -p is the list of allowed requests. Left out on purpose: remove, rmdir, mkdir, setstat,
# fsetstat, opendir, readdir, readlink, symlink, hardlink, statvfs, posix-rename (it would
# replace a finished upload), copy-data, expand-path, limits.
Match User box-*
    ChrootDirectory {boxes}/%u
    ForceCommand {sftp}
    DisableForwarding yes
    PermitTTY no
"""

_LOCAL = """\
# A trial on this computer alone. There are no Unix users here and no chroot: every box
# logs in as {user}, and only sftp's start folder tells them apart. Not for real boxes.

Port {port}
ListenAddress 127.0.0.1
HostKey {host_key}
PidFile none
# The folder may lie below one that others can write to, such as /tmp.
StrictModes no

{common}
AuthorizedKeysFile {authorized}
AuthorizedPrincipalsFile none
PermitRootLogin forced-commands-only
AllowUsers {user}
"""


def sftp_command(start: Path | None = None) -> str:
    """Return the forced command of a box; ``start`` is where it begins, else its home."""
    folder = f"-d {start} " if start else ""
    return f"internal-sftp {folder}-u {UPLOAD_UMASK} -p {ALLOWED_REQUESTS}"


def production_config(server: ServerFolder, *, port: int, penalties: bool) -> str:
    """Return the sshd_config of a real server; boxes are Unix users, each in a chroot.

    ``penalties``: whether this sshd has any, see `process.knows_penalties`.
    """
    return _PRODUCTION.format(
        config=server.sshd_config,
        port=port,
        host_key=server.host_key,
        common=_common(server, penalties=penalties),
        user_ca=server.user_ca,
        principals=server.principals,
        boxes=server.boxes,
        sftp=sftp_command(),
    )


def local_config(
    server: ServerFolder, *, port: int, user: str, authorized: Path, penalties: bool
) -> str:
    """Return the sshd_config of a trial on loopback as the Unix user ``user``."""
    return _LOCAL.format(
        port=port,
        host_key=server.host_key,
        common=_common(server, penalties=penalties),
        authorized=authorized,
        user=user,
    )


def _common(server: ServerFolder, *, penalties: bool) -> str:
    without = _NO_PENALTIES if penalties else ""
    return _COMMON.format(revoked=server.revoked, penalties=without)


def authorized_keys(server: ServerFolder, users: Iterable[str], user_ca: str) -> str:
    """Return the lines that let each box in ``users`` into its own folder."""
    return "".join(
        f'restrict,cert-authority,principals="{user}",'
        f'command="{sftp_command(server.boxes / user)}" {user_ca}\n'
        for user in users
    )
