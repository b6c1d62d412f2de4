"""A mark: what the therapist, or the recorder itself, noted at a moment.

The log keeps every act as it happened, undo included; whoever reads it applies ``undo``
and ``back_s``. The plain text is what stock tools show.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from recorder.errors import FormatError

Act = Literal[
    "point", "on", "off", "value", "undo", "pause", "resume", "erase", "lost", "back"
]
Source = Literal["key", "later", "machine"]


class MarkRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One act: number ``n`` of the session, what it was, and when the key was pressed.

    ``back_s`` says how long before the key the event was; ``of`` is the number of the
    mark this one undoes or changes. ``stamp_ns`` is host time and stands in the XDF
    stamp, not in the JSON.
    """

    n: int
    id: str
    act: Act
    stamp_ns: int
    value: int | float | str | None = None
    back_s: float = 0
    of: int | None = None
    source: Source = "key"


def mark_json(record: MarkRecord) -> str:
    """Return the MarkerLog stream's JSON text of ``record``."""
    fields = {
        "n": record.n,
        "id": record.id,
        "act": record.act,
        "value": record.value,
        "back_s": record.back_s,
        "of": record.of,
        "source": record.source,
    }
    return msgspec.json.encode(fields).decode()


def parse_mark_json(text: str, *, stamp_ns: int) -> MarkRecord:
    """Read what `mark_json` wrote, with its stamp from the stream; or FormatError."""
    try:
        fields = msgspec.json.decode(text, type=dict[str, int | float | str | None])
        if set(fields) != set(MarkRecord.__struct_fields__) - {"stamp_ns"}:
            raise FormatError(f"a mark has the fields {sorted(fields)}")
        return msgspec.convert({**fields, "stamp_ns": stamp_ns}, MarkRecord)
    except msgspec.MsgspecError as error:
        raise FormatError(f"a mark can't be read: {error}") from error


def plain_text(record: MarkRecord) -> str:
    """Return ``record`` as the Markers stream shows it: ``emotion:on``, ``suds:7``."""
    if record.act == "point":
        return record.id
    if record.act == "value":
        return f"{record.id}:{record.value}"
    if record.act in ("on", "off", "undo") or record.id != record.act:
        return f"{record.id}:{record.act}"
    return record.id
