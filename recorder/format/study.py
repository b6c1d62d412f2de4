"""The study: what a lab asks of every session, as the screens show it.

It is a TOML file that the lab may edit; each box gets a copy. Answers are kept by ids, so
an id is never used again for another meaning. Of scales with protected wording only item
ids need to stand here: a text may be empty.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from recorder.errors import FormatError

_ID = re.compile(r"[a-z][a-z0-9_]{0,31}")
_MOST_ANSWERS = 11  # one digit each, or 0 to 10


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person reads, in both languages; lines are kept as written."""

    ru: str
    en: str


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement to be confirmed."""

    id: str
    ru: str
    en: str


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a session was recorded only in part, or not at all."""

    id: str
    ru: str
    en: str


class ScaleItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item, answered by a whole number from ``low`` to ``high``."""

    id: str
    low: int
    high: int
    ru: str = ""
    en: str = ""


class Scale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A short questionnaire, filled in before or after the session."""

    id: str
    when: Literal["before", "after"]
    ru: str
    en: str
    item: tuple[ScaleItem, ...]


class Study(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the lab's ``study.toml`` says."""

    name: str
    sessions_per_client: int
    eligibility: tuple[Question, ...] = ()
    online_check: tuple[Question, ...] = ()
    reason: tuple[Reason, ...] = ()
    scale: tuple[Scale, ...] = ()
    risk_card: Text = Text("", "")

    def scales(self, when: Literal["before", "after"]) -> tuple[Scale, ...]:
        """Return the scales of that moment, in the order of the file."""
        return tuple(scale for scale in self.scale if scale.when == when)


def parse_study(text: str, *, place: str = "study.toml") -> Study:
    """Return the study written in ``text``; ``place`` names it in errors.

    Raises FormatError with the place of what is wrong, such as ``scale[0].item[2]``.
    """
    try:
        study = msgspec.toml.decode(text, type=Study)
    except msgspec.MsgspecError as error:
        raise FormatError(f"{place}: {str(error).replace('$.', '')}") from error
    if not study.name.strip():
        raise FormatError(f"{place}: name is empty")
    if study.sessions_per_client < 1:
        raise FormatError(
            f"{place}: sessions_per_client is {study.sessions_per_client}, at least 1"
        )
    for name in ("eligibility", "online_check", "reason", "scale"):
        _check_ids(f"{place}: {name}", getattr(study, name))
    for index, scale in enumerate(study.scale):
        _check_scale(f"{place}: scale[{index}] ({scale.id!r})", scale)
    return study


def check_scale_answers(study: Study, answers: dict[str, dict[str, int]]) -> None:
    """Refuse answers to unknown scales or items, or outside an item's range."""
    scales = {scale.id: {item.id: item for item in scale.item} for scale in study.scale}
    for scale_id, values in answers.items():
        items = scales.get(scale_id, {})
        for item_id, value in values.items():
            item = items.get(item_id)
            if item is None:
                raise FormatError(
                    f"the study has no item {item_id!r} in scale {scale_id!r}"
                )
            if not item.low <= value <= item.high:
                raise FormatError(
                    f"{scale_id}.{item_id}: {value}, allowed are {item.low} to {item.high}"
                )


def _check_scale(place: str, scale: Scale) -> None:
    if not scale.item:
        raise FormatError(f"{place} has no item")
    _check_ids(f"{place}: item", scale.item)
    for item in scale.item:
        if not item.low < item.high < item.low + _MOST_ANSWERS:
            raise FormatError(
                f"{place}: item {item.id!r} runs from {item.low} to {item.high};"
                f" allowed are 2 to {_MOST_ANSWERS} answers"
            )


def _check_ids(
    place: str, entries: tuple[Question | Reason | Scale | ScaleItem, ...]
) -> None:
    ids = [entry.id for entry in entries]
    for index, entry_id in enumerate(ids):
        if not _ID.fullmatch(entry_id):
            raise FormatError(
                f"{place}[{index}]: id {entry_id!r} has other than 1 to 32 small letters,"
                " digits or _, beginning with a letter"
            )
        if ids.index(entry_id) != index:
            raise FormatError(f"{place}: id {entry_id!r} is used twice")
