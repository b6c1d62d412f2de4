"""From messages to lines and back, strictly."""

from __future__ import annotations

import msgspec

from recorder.errors import FieldrecError, FormatError, ServiceError
from recorder.protocol.calls import Call, Whole  # noqa: TC001 - msgspec reads them
from recorder.protocol.replies import Fault
from recorder.protocol.state import State  # noqa: TC001 - msgspec reads them

VERSION = 1
MAX_LINE_BYTES = 1 << 20
KEY_OLDEST_S = 2.0  # a key press older than this is not a press of now


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line from a client."""

    id: Whole
    call: Call


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line to a client: ``ok`` holds the result, ``fault`` why there is none."""

    id: int
    ok: msgspec.Raw = msgspec.Raw(b"{}")
    fault: Fault | None = None


class News(msgspec.Struct, frozen=True):
    """One line to a subscriber."""

    state: State


_REQUESTS = msgspec.json.Decoder(Request)
_LINES = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANSWERS = msgspec.json.Decoder(Answer)
_NEWS = msgspec.json.Decoder(News)


def encode_line(message: Request | Answer | News) -> bytes:
    """Return ``message`` as one line."""
    return msgspec.json.encode(message) + b"\n"


def decode_request(line: bytes) -> Request:
    """Read a client's line; FormatError says what is wrong, never what it held."""
    try:
        return _REQUESTS.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"a request can't be read: {_place_only(error)}") from None


def decode_reply(line: bytes) -> Answer | News:
    """Read the recorder's line; FormatError where it is neither answer nor news."""
    try:
        return (
            _NEWS.decode(line) if "state" in _LINES.decode(line) else _ANSWERS.decode(line)
        )
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"the recorder's line can't be read: {error}") from error


def fault_of(error: FieldrecError) -> Fault:
    """Return ``error`` as a client gets it."""
    return Fault(error.code, error.message, error.hint)


def error_of(fault: Fault) -> FieldrecError:
    """Return the error that a fault tells of; ServiceError for one of a later version."""
    kinds: list[type[FieldrecError]] = [FieldrecError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    kind = next((one for one in kinds if one.code == fault.code), ServiceError)
    return kind(fault.message, hint=fault.hint)


def _place_only(error: Exception) -> str:
    """Name the field but never its value: a client's name may have been typed there."""
    _, at, place = str(error).rpartition(" - at ")
    return f"a wrong value{at}{place}" if at else "not JSON of a request"
