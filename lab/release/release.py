"""Make a release: an immutable, numbered version of the dataset for others.

The open tree becomes a folder; the restricted one is sealed to one authorised researcher's
key and written down as a grant. Sound is in neither.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from lab.act_signers import NAMESPACE_ACT
from lab.catalogue import Act
from lab.consents import Consents
from lab.dataset.export import TreeOptions, export_tree
from lab.dataset.settings import read_dataset_settings
from lab.dataset.validator import validate
from lab.release.bundle import seal_folder
from lab.release.papers import Papers, papers
from lab.review.signing import transcript_states
from lab.withdrawal.trees import write_sums
from recorder.errors import FormatError, LabError, ReviewError
from recorder.files import PUBLIC, create, new_folder
from recorder.format.age import fingerprint, parse_recipient
from recorder.format.sshsig import sign

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.catalogue import Catalogue
    from lab.copies_tables import CopyKind, TreeName
    from lab.dataset.export import TreeReport
    from lab.settings import Lab
    from lab.workers import Workers
    from recorder.format.age import Recipient

_NAME: Final = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_WHO: Final = re.compile(r"[^\W_][\w .,'()-]{0,99}")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be released: ``to`` is the recipient's age key, ``who`` the recipient."""

    name: str
    tree: TreeName = "open"
    to: str = ""
    who: str = ""
    until: str = ""
    changes: tuple[str, ...] = ()
    simulated: bool = False


class Released(NamedTuple):
    """Where a release is, and the digest of its list of checksums."""

    path: Path
    sha256: str
    report: TreeReport
    warnings: tuple[str, ...]


def make_release(
    lab: Lab,
    catalogue: Catalogue,
    order: Order,
    *,
    workers: Workers,
    tell: Callable[[str], None],
) -> Released:
    """Make the release; LabError or ConsentError where it must not be, then nothing is.

    It is built and judged in a private folder first and appears whole.
    """
    recipient = _check(catalogue, order)
    _check_transcripts(lab, catalogue, order)
    home = lab.root / "releases" / order.name
    home.mkdir(mode=0o755, parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".making-", dir=home))
    try:
        options = TreeOptions(
            order.tree, simulated=order.simulated, sound=False, note=False
        )
        report = export_tree(
            lab, catalogue, scratch / "dataset", options, workers=workers, tell=tell
        )
        changed = _write_changes(lab, scratch / "dataset", order)
        tell("asking the BIDS validator")
        judged = validate(scratch / "dataset")
        judged.check()
        _write_papers(lab, scratch, order, report, changed)
        sha256 = write_sums(scratch)
        path = _deliver(scratch, home, order, recipient)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if not any(home.iterdir()):
            home.rmdir()
    _note(catalogue, order, path=path, sha256=sha256, report=report)
    return Released(path, sha256, report, judged.warnings)


def _check(catalogue: Catalogue, order: Order) -> Recipient | None:
    """Refuse what can't be released under that name; return for whom it is sealed."""
    if not _NAME.fullmatch(order.name):
        raise FormatError(
            f"release {order.name[:40]!r} is no version", hint="such as 1.0.0"
        )
    same = [r for r in catalogue.whereabouts.releases() if r.name == order.name]
    if order.tree == "open":
        if order.to or order.who:
            raise LabError("the open tree is for everybody: it has no recipient")
        if any(row.tree == "open" for row in same):
            raise LabError(
                f"release {order.name} exists and never changes", hint="take a new version"
            )
        return None
    if not order.to or not _WHO.fullmatch(order.who):
        raise LabError(
            "the restricted tree is for one authorised researcher",
            hint="give --to with the age key and --who with name and institution",
        )
    _check_until(order.until)
    return parse_recipient(order.to)


def _check_until(until: str) -> None:
    try:
        last = date.fromisoformat(until)
    except ValueError:
        raise LabError(
            f"a grant needs its last day, {until[:20]!r} is none",
            hint="--until 2028-12-31",
        ) from None
    if last < datetime.now(UTC).date():
        raise LabError(f"the grant would have ended on {until}")


def _check_transcripts(lab: Lab, catalogue: Catalogue, order: Order) -> None:
    """Refuse a restricted release while a transcript of it waits for its review."""
    if order.tree == "open":
        return
    consents = Consents.of(lab, catalogue)
    sessions = [
        row.session
        for row in catalogue.study.facts()
        if {"audio", "transcript", "sharing"} <= consents.scopes(row.facts)
    ]
    states = transcript_states(lab, sessions)
    waiting = sorted(name for name, state in states.items() if state == "unreviewed")
    if waiting:
        raise ReviewError(
            f"{len(waiting)} transcript(s) are not reviewed and signed as they are now,"
            f" such as that of {waiting[0]}",
            hint="have each reviewed and signed off first: fieldrec-lab review --serve",
        )


def _write_changes(lab: Lab, dataset: Path, order: Order) -> bytes:
    """Write CHANGES: this release, then those before it."""
    today = datetime.now(UTC).date().isoformat()
    said = order.changes or ("As described in README",)
    text = f"{order.name} {today}\n" + "".join(f"  - {line}\n" for line in said)
    # Each holds those before it.
    before = sorted((lab.root / "releases").glob("*/open/CHANGES"), key=_version)
    text += before[-1].read_text("utf-8") if before else ""
    content = text.encode()
    (dataset / "CHANGES").write_bytes(content)
    return content


def _version(changes: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in changes.parent.parent.name.split("."))


def _write_papers(
    lab: Lab, scratch: Path, order: Order, report: TreeReport, changes: bytes
) -> None:
    settings = read_dataset_settings(lab)
    files = papers(
        Papers(
            settings=settings,
            name=order.name,
            tree=order.tree,
            who=order.who,
            until=order.until,
            n_subjects=len(report.subjects),
            n_sessions=len(report.sessions),
            made=datetime.now(UTC).date().isoformat(),
        ),
        scratch / "dataset",
    )
    for name, content in {**files, "CHANGES": changes}.items():
        create(scratch / name, content, mode=PUBLIC)
    facts = files["RELEASE.json"]
    signature = sign(facts, lab.receipt_key(), namespace=NAMESPACE_ACT)
    create(scratch / "RELEASE.json.sig", signature.encode(), mode=PUBLIC)


def _deliver(scratch: Path, home: Path, order: Order, recipient: Recipient | None) -> Path:
    if recipient is None:
        target = home / "open"
        with new_folder(target, mode=0o755) as folder:
            for path in sorted(scratch.iterdir()):
                path.rename(folder / path.name)
        return target
    short = fingerprint(recipient).rpartition(":")[2][:12]
    target = home / f"restricted-{re.sub('[^0-9A-Za-z]', '', short)}.tar.age"
    if target.exists():
        raise LabError(f"{order.who} has release {order.name} already: {target}")
    named = scratch.with_name(f"{scratch.name}.named") / f"release-{order.name}"
    named.parent.mkdir(mode=0o700)
    try:
        scratch.rename(named)
        seal_folder(named, recipient, target)
    finally:
        shutil.rmtree(named.parent, ignore_errors=True)
    return target


def _note(
    catalogue: Catalogue,
    order: Order,
    *,
    path: Path,
    sha256: str,
    report: TreeReport,
) -> None:
    """Write the release, the grant and the access into the catalogue and its log."""
    kind: CopyKind = "release" if order.tree == "open" else "bundle"
    sessions = report.sessions
    facts = {
        "name": order.name,
        "tree": order.tree,
        "sha256": sha256,
        "who": order.who,
        "transcripts": dict(report.words),
    }
    with catalogue.transaction():
        whereabouts = catalogue.whereabouts
        copy = whereabouts.put_copy(kind, path, sessions)
        known = {(row.name, row.tree) for row in whereabouts.releases()}
        if (order.name, order.tree) not in known:
            whereabouts.put_release(order.name, order.tree, sha256, copy)
        if order.to:
            whereabouts.put_grant(
                order.name,
                order.who,
                fingerprint=fingerprint(parse_recipient(order.to)),
                until=order.until,
                bundle_sha256=sha256,
                sessions=sessions,
            )
        catalogue.log(Act("release", details=msgspec.json.encode(facts).decode()))
