"""Make of overlapping findings one proposal each, so that a person decides once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lab.deidentify.kinds import Found

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.deidentify.kinds import Kind

_JOINED: Final[frozenset[Kind]] = frozenset({"name"})
_EDGES: Final = ' ,.;:!?…"«»()'


def merge(text: str, found: Iterable[Found]) -> tuple[Found, ...]:
    """Return findings that don't overlap, in order; each covers all it is made of."""
    merged: list[Found] = []
    for one in sorted(found, key=lambda f: (f.start, -f.end)):
        last = merged[-1] if merged else None
        if last is not None and one.start < last.end:
            merged[-1] = _union(last, one, text)
        elif last is not None and _belongs(last, one, text):
            merged[-1] = Found(
                last.start,
                one.end,
                last.kind,
                f"{last.key} {one.key}",
                last.source,
                max(last.confidence, one.confidence),
            )
        else:
            merged.append(one)
    return tuple(_trimmed(one, text) for one in merged)


def _union(one: Found, other: Found, text: str) -> Found:
    """Return both as one: what is surer gives the kind, the wider one the place."""
    better, worse = _ranked(one, other)
    start, end = min(one.start, other.start), max(one.end, other.end)
    inside = (better.start, better.end) == (start, end)
    wider = one if (one.start, one.end) == (start, end) else other
    whole = (wider.start, wider.end) == (start, end)
    key = better.key if inside else wider.key if whole else _key(text[start:end])
    kind = better.kind if inside or better.kind == worse.kind else _kind(better, worse)
    return Found(start, end, kind, key, better.source, better.confidence)


def _ranked(one: Found, other: Found) -> Sequence[Found]:
    return sorted((one, other), key=lambda f: (f.confidence, f.end - f.start), reverse=True)


def _kind(better: Found, worse: Found) -> Kind:
    """Return the kind of a union: a street or a school with a name in it is no name."""
    for kind in ("place", "org", "date", "id", "phone", "mail", "link"):
        if kind in (better.kind, worse.kind) and better.end - better.start:
            return kind
    return better.kind


def _belongs(last: Found, one: Found, text: str) -> bool:
    """Tell whether two names stand side by side: first name and surname."""
    return (
        last.kind == one.kind
        and last.kind in _JOINED
        and text[last.end : one.start] in (" ", ". ", "\u00a0")
    )


def _trimmed(one: Found, text: str) -> Found:
    start, end = one.start, one.end
    while start < end and text[start] in _EDGES:
        start += 1
    while end > start and text[end - 1] in _EDGES:
        end -= 1
    return Found(start, end, one.kind, one.key, one.source, one.confidence)


def _key(text: str) -> str:
    return " ".join(text.lower().split()).strip(_EDGES)
