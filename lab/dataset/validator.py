"""The one door to the BIDS validator, which judges a tree offline, HED included."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from recorder.errors import LabError, SetupError

if TYPE_CHECKING:
    from collections.abc import Iterable

_TIMEOUT_S: Final = 3600
# Said of what nobody can know or what does not apply: nothing is presented to a client,
# and no head is measured.
EXPLAINED: Final = frozenset(
    {
        ("SIDECAR_KEY_RECOMMENDED", "CogAtlasID"),
        ("SIDECAR_KEY_RECOMMENDED", "CogPOID"),
        ("SIDECAR_KEY_RECOMMENDED", "HeadCircumference"),
        ("SIDECAR_KEY_RECOMMENDED", "SubjectArtefactDescription"),
        ("SIDECAR_KEY_RECOMMENDED", "StimulusPresentation"),
        ("JSON_KEY_RECOMMENDED", "SourceDatasets"),
    }
)


class _Issue(msgspec.Struct, frozen=True):
    code: str
    severity: str
    location: str = ""
    subCode: str = ""  # noqa: N815 - the validator's name
    issueMessage: str = ""  # noqa: N815 - the validator's name


class _Issues(msgspec.Struct, frozen=True):
    issues: tuple[_Issue, ...] = ()


class _Answer(msgspec.Struct, frozen=True):
    issues: _Issues


@dataclass(frozen=True, slots=True)
class Validation:
    """What the validator said: errors, and warnings that nothing explains."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]

    def check(self) -> None:
        """Raise LabError where there is an error."""
        if self.errors:
            raise LabError(
                f"the BIDS validator finds {len(self.errors)} kind(s) of errors, such as"
                f" {self.errors[0]}",
                hint="nothing was released; report this line",
            )


def validate(tree: Path) -> Validation:
    """Judge the dataset in ``tree``; SetupError where there is no validator."""
    program = Path(sys.executable).with_name("bids-validator-deno")
    if not program.is_file():
        raise SetupError(
            "the BIDS validator is not installed", hint="pip install bids-validator-deno"
        )
    done = subprocess.run(  # noqa: S603 - a fixed program, arguments as a list, no shell
        [program, tree, "--format", "json", "--max-rows", "-1"],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=_TIMEOUT_S,
    )
    try:
        answer = msgspec.json.decode(done.stdout, type=_Answer)
    except msgspec.MsgspecError as error:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["nothing"]
        raise LabError(f"the BIDS validator failed: {said[-1][:200]}") from error
    issues = answer.issues.issues
    errors = [issue for issue in issues if issue.severity == "error"]
    warnings = [
        issue
        for issue in issues
        if issue.severity == "warning" and (issue.code, issue.subCode) not in EXPLAINED
    ]
    return Validation(_told(errors), _told(warnings))


def _told(issues: Iterable[_Issue]) -> tuple[str, ...]:
    """Return each kind of issue once, with how often and where first."""
    found = list(issues)
    counts = Counter((issue.code, issue.subCode) for issue in found)
    first = {(issue.code, issue.subCode): issue for issue in reversed(found)}
    return tuple(
        f"{code}{f' {sub}' if sub else ''} ({n} times, first {first[code, sub].location})"
        f" {first[code, sub].issueMessage}".rstrip()
        for (code, sub), n in sorted(counts.items())
    )
