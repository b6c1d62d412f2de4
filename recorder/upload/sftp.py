"""The only door to paramiko: a link to the lab's server, and little more than it needs.

The account there may only add files. Writes carry their offsets and the file is opened
with WRITE and CREAT alone: a half-dead earlier connection that still writes puts the
same bytes in the same places, where appending would double them. paramiko has neither
that open mode nor fsync, so both are sent here; at most a window of writes goes
unanswered, so a full disk is known within two MiB and memory stays flat.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import socket
from base64 import b64encode
from collections import deque
from typing import TYPE_CHECKING, Any

import paramiko
from paramiko.sftp import (
    CMD_ATTRS,
    CMD_CLOSE,
    CMD_EXTENDED,
    CMD_HANDLE,
    CMD_OPEN,
    CMD_READ,
    CMD_RENAME,
    CMD_STAT,
    CMD_WRITE,
    SFTP_EOF,
    SFTP_NO_SUCH_FILE,
    SFTP_OK,
    SFTP_OP_UNSUPPORTED,
    SFTP_PERMISSION_DENIED,
    int64,
)

from recorder.errors import (
    AccessError,
    HostKeyError,
    LinkError,
    ServerDiskError,
    UploadError,
)
from recorder.files import read_private
from recorder.upload.certificates import (
    CERTIFICATE_TYPE,
    check_own,
    explain_refusal,
    read_own,
)
from recorder.upload.hostkeys import check_host, read_pins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from paramiko.message import Message

    from recorder.box import Box, Server

_READ_FLAG, _WRITE_FLAG, _CREATE_FLAG, _TRUNCATE_FLAG = 0x01, 0x02, 0x08, 0x10
_KEEPALIVE_S = 15
_CONNECT_S = 20.0
_REPLY_S = 60.0
_LOOK_AT_ONCE = 16
_READ_BYTES = 32 * 1024
# What a cut loses is what is on its way: a new link begins with little and doubles it.
_FIRST_ROOM_BYTES = 16 * 1024
_LARGEST_CHUNK_BYTES = 32 * 1024
_SMALLEST_CHUNK_BYTES = 1024
_KEY_TYPE = "ssh-ed25519"
# One pass over the bytes instead of two (cipher, MAC): a third less CPU.
_CHEAPEST_CIPHER = "aes128-gcm@openssh.com"
# The transport's thread logs tracebacks of its own; what went wrong is told as our error.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)


class _Refusal(Exception):  # noqa: N818 - an answer of the server, turned into our errors
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class _Transport(paramiko.Transport):  # type: ignore[misc] # paramiko has no types
    """A transport that asks for host keys we can judge, and for the cheapest cipher."""

    def __init__(self, sock: socket.socket, key_types: tuple[str, ...]) -> None:
        super().__init__(sock)
        self._key_types = key_types

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        return self._key_types

    @property
    def preferred_ciphers(self) -> tuple[str, ...]:
        others = (name for name in super().preferred_ciphers if name != _CHEAPEST_CIPHER)
        return _CHEAPEST_CIPHER, *others


class _Client(paramiko.SFTPClient):  # type: ignore[misc] # paramiko has no types
    """paramiko's SFTP client with bare requests and the server's own status codes."""

    def ask(self, command: int, *fields: object) -> Any:  # noqa: ANN401 - paramiko's message
        return self.answer(self.post(command, *fields))

    def post(self, command: int, *fields: object) -> int:
        number: int = self._async_request(type(None), command, *fields)
        return number

    def answer(self, number: int) -> Any:  # noqa: ANN401 - paramiko's message
        return self._read_response(number)

    def _convert_status(self, message: Message) -> None:
        code, text = message.get_int(), message.get_text()
        if code != SFTP_OK:
            raise _Refusal(code, text)


class Link:
    """An open SFTP session. Every failure is an UploadError. Use it in ``with``."""

    def __init__(self, transport: paramiko.Transport, client: _Client, host: str) -> None:
        self._transport = transport
        self._client = client
        self._host = host
        self._confirmed_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; closing twice is harmless."""
        self._transport.close()

    def sizes_bytes(self, names: Sequence[str]) -> list[int | None]:
        """Return the sizes of files on the server, None for each that is not there."""
        sizes: list[int | None] = []
        with self._errors("look"):
            for start in range(0, len(names), _LOOK_AT_ONCE):
                some = names[start : start + _LOOK_AT_ONCE]
                posted = [self._client.post(CMD_STAT, name.encode()) for name in some]
                sizes += [self._size_bytes(number) for number in posted]
        return sizes

    def read(self, name: str, *, limit_bytes: int) -> bytes | None:
        """Return a whole small file, None where there is none; UploadError beyond limit."""
        with self._errors(f"read {name}"):
            try:
                handle = self._open(name, _READ_FLAG)
            except _Refusal as refusal:
                if refusal.code == SFTP_NO_SUCH_FILE:
                    return None
                raise
            content = b"".join(self._read_pieces(handle, limit_bytes))
            self._client.ask(CMD_CLOSE, handle)
        if len(content) > limit_bytes:
            raise UploadError(f"{name} on the server is larger than {limit_bytes} bytes")
        return content

    def write(
        self,
        name: str,
        read: Callable[[int], bytes],
        *,
        start: int,
        requests: int,
        confirmed: Callable[[int], None],
        truncate: bool = False,
    ) -> None:
        """Write what ``read`` gives from offset ``start`` on, durably.

        At most ``requests`` full writes go unanswered; ``truncate`` empties the file first.
        ``confirmed`` hears the offset up to which the server has everything. A server
        that could not write raises ServerDiskError, an OSError of ``read`` passes.
        """
        flags = _WRITE_FLAG | _CREATE_FLAG | (_TRUNCATE_FLAG if truncate else 0)
        with self._errors(f"open {name}", disk=True):
            handle = self._open(name, flags)
        offset = start
        waiting: deque[tuple[int, int, int]] = deque()
        unanswered = 0
        # Reading fails outside of `_errors`: that is the box's own disk.
        while chunk := read(self._chunk_bytes(requests)):
            with self._errors(f"write {name}", disk=True):
                while waiting and unanswered + len(chunk) > self._room_bytes(requests):
                    unanswered -= self._settle(waiting, confirmed)
                number = self._client.post(CMD_WRITE, handle, int64(offset), chunk)
            offset += len(chunk)
            unanswered += len(chunk)
            waiting.append((number, offset, len(chunk)))
        with self._errors(f"write {name}", disk=True):
            while waiting:
                self._settle(waiting, confirmed)
            self._finish(handle)

    def rename(self, old: str, new: str) -> None:
        """Rename a file; one that exists already is never replaced."""
        with self._errors(f"rename {old}"):
            self._client.ask(CMD_RENAME, old.encode(), new.encode())

    def _open(self, name: str, flags: int) -> bytes:
        kind, message = self._client.ask(
            CMD_OPEN, name.encode(), flags, paramiko.SFTPAttributes()
        )
        if kind != CMD_HANDLE:
            raise paramiko.SSHException("no handle for an open file")
        handle: bytes = message.get_binary()
        return handle

    def _size_bytes(self, number: int) -> int | None:
        try:
            kind, message = self._client.answer(number)
        except _Refusal as refusal:
            if refusal.code == SFTP_NO_SUCH_FILE:
                return None
            raise
        if kind != CMD_ATTRS:
            raise paramiko.SSHException("no attributes of a file")
        size: int | None = paramiko.SFTPAttributes._from_msg(message).st_size  # noqa: SLF001 - no public reader
        return size or 0

    def _read_pieces(self, handle: bytes, limit_bytes: int) -> Iterator[bytes]:
        offset = 0
        while offset <= limit_bytes:
            try:
                _, message = self._client.ask(CMD_READ, handle, int64(offset), _READ_BYTES)
            except _Refusal as refusal:
                if refusal.code == SFTP_EOF:
                    return
                raise
            piece = message.get_binary()
            if not piece:
                return
            offset += len(piece)
            yield piece

    def _room_bytes(self, requests: int) -> int:
        """Return how much may be on its way: at most what this link brought already."""
        grown = _FIRST_ROOM_BYTES + self._confirmed_bytes
        return min(requests * _LARGEST_CHUNK_BYTES, grown)

    def _chunk_bytes(self, requests: int) -> int:
        quarter = self._room_bytes(requests) // 4
        return max(_SMALLEST_CHUNK_BYTES, min(_LARGEST_CHUNK_BYTES, quarter))

    def _settle(
        self, waiting: deque[tuple[int, int, int]], confirmed: Callable[[int], None]
    ) -> int:
        """Await the oldest answer; return how many bytes it was about."""
        number, end, length = waiting.popleft()
        self._client.answer(number)
        self._confirmed_bytes += length
        confirmed(end)
        return length

    def _finish(self, handle: bytes) -> None:
        synced = self._client.post(CMD_EXTENDED, b"fsync@openssh.com", handle)
        closed = self._client.post(CMD_CLOSE, handle)
        try:
            self._client.answer(synced)
        except _Refusal as refusal:
            if refusal.code != SFTP_OP_UNSUPPORTED:  # not OpenSSH: nothing better is left
                raise
        self._client.answer(closed)

    @contextlib.contextmanager
    def _errors(self, what: str, *, disk: bool = False) -> Iterator[None]:
        try:
            yield
        except _Refusal as refusal:
            raise self._refused(refusal, what, disk=disk) from refusal
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise LinkError(
                f"the link to {self._host} was cut: {_reason(error)}"
            ) from error

    def _refused(self, refusal: _Refusal, what: str, *, disk: bool) -> UploadError:
        text = f"{self._host} refused to {what}: {refusal}"
        if refusal.code in (SFTP_PERMISSION_DENIED, SFTP_NO_SUCH_FILE):
            return UploadError(text, hint="the server's folders need a look by the lab")
        if disk:
            # SFTP version 3 has one word for every failure; a full disk is the usual one.
            return ServerDiskError(text, hint="its disk may be full; the box tries again")
        return UploadError(text)


def connect(box: Box, server: Server, *, wall_s: int, reply_s: float = _REPLY_S) -> Link:
    """Log in to ``server``; ``reply_s`` is how long it may stay silent.

    Raises HostKeyError before anything but our version is sent, AccessError or
    CertificateError where it does not let us in, LinkError where it can't be reached.
    """
    try:
        known_hosts = box.known_hosts_path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HostKeyError(
            f"{box.known_hosts_path} can't be read",
            hint="without it the server can't be told from a stranger",
        ) from error
    pins = read_pins(known_hosts, server.host, server.port)
    certificate = read_own(box.certificate_path)
    check_own(certificate, box.signing_key(), box.device.lower())
    types = (CERTIFICATE_TYPE, _KEY_TYPE) if pins.authorities else (_KEY_TYPE,)
    transport = _Transport(_dial(server, reply_s), types)
    try:
        with _connecting(server):
            transport.banner_timeout = transport.auth_timeout = reply_s
            transport.handshake_timeout = reply_s
            transport.start_client(timeout=reply_s)
            key = transport.get_remote_server_key()
            blob, line = _shown(key)
            check_host(pins, blob, line, wall_s)
            transport.set_keepalive(_KEEPALIVE_S)
            _log_in(transport, box, server.user)
            return Link(transport, _open_sftp(transport, reply_s), server.host)
    except AccessError as error:
        transport.close()
        raise (explain_refusal(certificate, wall_s) or error) from error
    except BaseException:
        transport.close()
        raise


def _dial(server: Server, reply_s: float) -> socket.socket:
    try:
        sock = socket.create_connection((server.host, server.port), timeout=_CONNECT_S)
    except (OSError, UnicodeError) as error:
        raise LinkError(
            f"{server.host}, port {server.port}, can't be reached: {_reason(error)}",
            hint="is the box online? it tries again by itself",
        ) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Bytes that nobody acknowledges for this long mean a dead link, keepalive or not.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(reply_s * 1000))
    return sock


@contextlib.contextmanager
def _connecting(server: Server) -> Iterator[None]:
    try:
        yield
    except (paramiko.BadAuthenticationType, paramiko.AuthenticationException) as error:
        raise AccessError(
            f"{server.host} does not let {server.user} in",
            hint="the box may be revoked or unknown there: ask the lab",
        ) from error
    except paramiko.IncompatiblePeer as error:
        raise HostKeyError(
            f"{server.host} has no key of the kinds this box accepts: {_reason(error)}",
            hint="the server needs an Ed25519 host key",
        ) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise LinkError(
            f"{server.host} did not finish the connection: {_reason(error)}"
        ) from error


def _shown(key: paramiko.PKey) -> tuple[bytes, bytes]:
    """Return the key a server proved, and its certificate line if it showed one."""
    blob = key.public_blob
    line = b"" if blob is None else b64encode(blob.key_blob)
    return key.asbytes(), f"{CERTIFICATE_TYPE} ".encode() + line if line else b""


def _log_in(transport: paramiko.Transport, box: Box, user: str) -> None:
    text = read_private(box.key_path).decode("utf-8", "replace")
    key = paramiko.Ed25519Key.from_private_key(io.StringIO(text))
    key.load_certificate(box.certificate_path.read_text("ascii"))
    transport.auth_publickey(user, key)


def _open_sftp(transport: paramiko.Transport, reply_s: float) -> _Client:
    channel = transport.open_session(timeout=reply_s)
    channel.settimeout(reply_s)
    channel.invoke_subsystem("sftp")
    return _Client(channel)


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.errno:
        return error.strerror or errno.errorcode.get(error.errno, "input or output")
    return str(error) or type(error).__name__
