"""The one door to hedtools: whether HED strings are valid, judged offline."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from recorder.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Mapping


def check_hed(strings: Mapping[str, str], *, version: str) -> None:
    """Raise FormatError naming the first of ``strings`` (by what it annotates) not valid.

    ``#`` may stand for a value.
    """
    for name, text in strings.items():
        fault = _fault(text, version)
        if fault:
            raise FormatError(
                f"the HED string of {name!r} is not valid under HED {version}: {fault}",
                hint="correct it in the codebook, under a new version of the codebook",
            )


@functools.cache
def _fault(text: str, version: str) -> str:
    from hed import HedString  # noqa: PLC0415 - takes seconds to load

    schema, validator = _tools(version)
    issues = validator.validate(HedString(text, schema), allow_placeholders=True)
    return str(issues[0].get("message", issues[0]["code"])) if issues else ""


@functools.cache
def _tools(version: str) -> tuple[Any, Any]:
    """Return schema and validator; FormatError for a version that is not on board."""
    from hed import load_schema_version  # noqa: PLC0415 - takes seconds to load
    from hed.errors import HedFileError  # noqa: PLC0415 - see above
    from hed.validator import HedValidator  # noqa: PLC0415 - see above

    try:
        schema = load_schema_version(version)
    except HedFileError as error:
        raise FormatError(
            f"HED {version} is not among the schemas at hand", hint="use HED 8.3.0"
        ) from error
    return schema, HedValidator(schema)
