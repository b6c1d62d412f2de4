"""OpenSSH's text forms of Ed25519 keys, and its ``allowed_signers`` file.

What ssh-keygen(1) says under ALLOWED SIGNERS, for Ed25519 keys only. Stricter in two
ways: no certificate authorities, and times are UTC (they end in Z), since a stamp in
local time means something else on every computer.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import translate
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from recorder.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY_TYPE = "ssh-ed25519"
_KEY_BYTES = 32
_BLOB_HEAD = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"
_NAME = re.compile(r"[A-Za-z0-9@._+-]+")
_OPTION = re.compile(r'([A-Za-z-]+)(?:="((?:[^"\\]|\\.)*)")?(,|$)')
_OPTIONS_WORD = re.compile(r'((?:[^\s"]|"(?:[^"\\]|\\.)*")+)\s+(\S.*)')
_PRINCIPALS_WORD = re.compile(r'(?:"([^"]*)"|([^\s"]+))\s+(\S.*)')
_TIME = re.compile(r"(\d{8})(\d{4}|\d{6})?Z")
_TIME_FORMAT = "%Y%m%d%H%M%S"


def public_blob(key: Ed25519PrivateKey | Ed25519PublicKey) -> bytes:
    """Return the public key in SSH wire format (RFC 8709 section 4)."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return _BLOB_HEAD + public.public_bytes_raw()


def parse_public_blob(blob: bytes) -> Ed25519PublicKey:
    """Return the Ed25519 key in SSH wire format or raise FormatError."""
    head, raw = blob[: len(_BLOB_HEAD)], blob[len(_BLOB_HEAD) :]
    if head != _BLOB_HEAD or len(raw) != _KEY_BYTES:
        raise FormatError("the public key is not an ssh-ed25519 key")
    return Ed25519PublicKey.from_public_bytes(raw)


def public_line(key: Ed25519PrivateKey | Ed25519PublicKey, comment: str) -> str:
    """Return the OpenSSH public key line of ``key``, without a newline."""
    if not comment.isprintable():
        raise FormatError("the comment of a public key must be one printable line")
    return f"{_key_text(key)} {comment}".rstrip()


def parse_public_line(line: str) -> Ed25519PublicKey:
    """Return the key of an OpenSSH public key line or raise FormatError."""
    words = line.split(maxsplit=2)
    if len(words) < 2 or words[0] != KEY_TYPE:  # noqa: PLR2004 - type and key
        raise FormatError(f"not a public key line of type {KEY_TYPE}")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError("the public key is not base64") from error
    return parse_public_blob(blob)


def key_fingerprint(key: Ed25519PrivateKey | Ed25519PublicKey) -> str:
    """Return ``SHA256:...`` as ``ssh-keygen -l`` prints it."""
    digest = hashlib.sha256(public_blob(key)).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


@dataclass(frozen=True, slots=True)
class AllowedSigner:
    """One line: who may sign with which key, in which namespaces, from when to when.

    Empty ``namespaces`` allow all. Both ends of the time are included, as in OpenSSH.
    """

    principals: tuple[str, ...]
    key_blob: bytes
    namespaces: tuple[str, ...] = ()
    valid_after: datetime | None = None
    valid_before: datetime | None = None

    def is_principal(self, principal: str) -> bool:
        """Tell whether this line speaks of ``principal``."""
        return _matches(principal, self.principals)

    def allows_namespace(self, namespace: str) -> bool:
        """Tell whether the key may sign in ``namespace``."""
        return not self.namespaces or _matches(namespace, self.namespaces)

    def is_valid(self, at: datetime | None) -> bool:
        """Tell whether the key is valid at ``at``; a bounded key never is at None."""
        if at is None:
            return self.valid_after is None and self.valid_before is None
        if self.valid_after is not None and at < self.valid_after:
            return False
        return self.valid_before is None or at <= self.valid_before


@dataclass(frozen=True, slots=True)
class AllowedSigners:
    """An ``allowed_signers`` file: later lines add, none takes away."""

    signers: tuple[AllowedSigner, ...]

    @classmethod
    def parse(cls, text: str) -> AllowedSigners:
        """Read the whole file; raise FormatError naming the first line that is wrong."""
        signers = []
        for number, line in enumerate(text.splitlines(), start=1):
            stripped = line.strip()
            if not stripped or stripped.startswith("#"):
                continue
            try:
                signers.append(_parse_line(stripped))
            except FormatError as error:
                message = f"allowed_signers, line {number}: {error.message}"
                raise FormatError(message, hint=error.hint) from error
        return cls(tuple(signers))


def allowed_signers_line(
    principal: str,
    public_key_line: str,
    *,
    namespaces: Sequence[str],
    valid_after: datetime | None = None,
    valid_before: datetime | None = None,
) -> str:
    """Return one ``allowed_signers`` line without a newline; times are cut to seconds."""
    for name in (principal, *namespaces):
        if not _NAME.fullmatch(name):
            raise FormatError(
                f"{name[:80]!r} can't be a principal or namespace: letters,"
                " digits and @ . _ + - only"
            )
    options = [f'namespaces="{",".join(namespaces)}"'] if namespaces else []
    for option, moment in (("valid-after", valid_after), ("valid-before", valid_before)):
        if moment is not None:
            options.append(f'{option}="{_format_time(moment)}"')
    key = _key_text(parse_public_line(public_key_line))
    return " ".join(word for word in (principal, ",".join(options), key) if word)


def _key_text(key: Ed25519PrivateKey | Ed25519PublicKey) -> str:
    return f"{KEY_TYPE} {base64.b64encode(public_blob(key)).decode('ascii')}"


def _matches(name: str, patterns: Sequence[str]) -> bool:
    """Match as OpenSSH's match_pattern_list: ``*``, ``?``; ``!`` refuses for good."""
    matched = False
    for pattern in patterns:
        refuses = pattern.startswith("!")
        # OpenSSH knows no character classes, so brackets are literal.
        glob = pattern.removeprefix("!").replace("[", "[[]")
        if re.match(translate(glob), name):
            if refuses:
                return False
            matched = True
    return matched


def _parse_line(line: str) -> AllowedSigner:
    principals_word = _PRINCIPALS_WORD.fullmatch(line)
    if not principals_word:
        raise FormatError("expected: principals, options, key type, key")
    quoted, plain, rest = principals_word.groups()
    options: dict[str, str] = {}
    if not re.match(r"(ssh|ecdsa|sk)-\S+\s", rest):
        options_word = _OPTIONS_WORD.fullmatch(rest)
        if not options_word:
            raise FormatError("options without a key after them")
        options = _parse_options(options_word[1])
        rest = options_word[2]
    return AllowedSigner(
        principals=tuple((quoted or plain).split(",")),
        key_blob=public_blob(parse_public_line(rest)),
        namespaces=tuple(filter(None, options.get("namespaces", "").split(","))),
        valid_after=_option_time(options, "valid-after"),
        valid_before=_option_time(options, "valid-before"),
    )


def _parse_options(text: str) -> dict[str, str]:
    options: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _OPTION.match(text, at)
        if not match:
            raise FormatError(f"options can't be read: {text[at : at + 40]!r}")
        name, value, at = match[1].lower(), match[2], match.end()
        if name == "cert-authority":
            raise FormatError(
                "cert-authority is not accepted", hint="list every signing key itself"
            )
        if name not in {"namespaces", "valid-after", "valid-before"} or not value:
            raise FormatError(f"option {name!r} is unknown or has no value")
        if name in options:
            raise FormatError(f"option {name!r} stands twice")
        options[name] = value
    return options


def _option_time(options: dict[str, str], name: str) -> datetime | None:
    if name not in options:
        return None
    match = _TIME.fullmatch(options[name])
    if not match:
        raise FormatError(
            f"{name} is {options[name]!r}", hint="write UTC as YYYYMMDDHHMMSSZ"
        )
    digits = (match[1] + (match[2] or "")).ljust(14, "0")
    try:
        return datetime.strptime(digits, _TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise FormatError(f"{name} is {options[name]!r}, no such time") from error


def _format_time(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise FormatError("a time of validity has no time zone")
    return moment.astimezone(UTC).strftime(_TIME_FORMAT) + "Z"
