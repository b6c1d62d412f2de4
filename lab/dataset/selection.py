"""Which sessions go into a tree, and why the others don't."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.acceptance import acceptances
from lab.chain import check_chains
from lab.consents import Consents
from recorder.errors import ConsentError, FieldrecError, FormatError, LabError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.catalogue import Catalogue
    from lab.catalogue_rows import SessionRow
    from lab.settings import Lab
    from lab.study_tables import FactsRow
    from recorder.format.codebook import Codebook


@dataclass(frozen=True, slots=True)
class Chosen:
    """A session that may be exported, and what its client agreed to by now."""

    row: FactsRow
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A session that may not, and why."""

    device: str
    session: str
    error: FieldrecError

    @property
    def reason(self) -> str:
        """Why, in one line."""
        return str(self.error)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a tree is made of; ``attrition`` are sessions of which nothing was recorded."""

    chosen: tuple[Chosen, ...]
    attrition: tuple[FactsRow, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class _Rules:
    """What decides about each session."""

    consents: Consents
    rows: Mapping[tuple[str, str], SessionRow]
    accepted: frozenset[tuple[str, str]]
    forked: frozenset[str]
    codebooks: Mapping[str, Codebook]
    simulated: bool

    def refusal(self, row: FactsRow) -> FieldrecError | None:
        """Return why ``row`` must not be exported; None where it may."""
        return self._of_state(row) or self._of_consent(row) or self._of_content(row)

    def _of_state(self, row: FactsRow) -> FieldrecError | None:
        key = (row.device, row.session)
        session = self.rows.get(key)
        if session is None or session.discarded:
            return LabError("it was discarded, or the lab has it no more")
        if session.status != "verified" and key not in self.accepted:
            return LabError(
                f"it is {session.status}, not verified",
                hint="fetch it again, or accept it: fieldrec-lab accept",
            )
        if row.session in self.forked:
            return LabError(
                "another session has its number in the box's chain",
                hint="find out which one is genuine: fieldrec-lab sessions",
            )
        return None

    def _of_consent(self, row: FactsRow) -> FieldrecError | None:
        missing = {"eeg", "sharing"} - self.consents.scopes(row.facts)
        if missing:
            return ConsentError(
                f"no consent to {', '.join(sorted(missing))}",
                hint="it stays in the lab until the client agrees to that",
            )
        return None

    def _of_content(self, row: FactsRow) -> FieldrecError | None:
        if row.facts.simulated and not self.simulated:
            return LabError(
                "its devices were simulated", hint="for a trial, give --simulated"
            )
        if row.facts.codebook not in self.codebooks:
            return FormatError(
                f"nobody knows its codebook, version {row.facts.codebook[:40]!r}",
                hint="put that codebook.toml into LAB/codebooks",
            )
        return None


def select(
    lab: Lab,
    catalogue: Catalogue,
    *,
    codebooks: Mapping[str, Codebook],
    simulated: bool,
    only: Sequence[str] = (),
) -> Selection:
    """Choose among all sessions, or ``only`` those of these uuids.

    Raises the refusal of a session that was named and must not be exported.
    """
    rules = _rules(lab, catalogue, codebooks, simulated=simulated)
    chosen, attrition, left_out = [], [], []
    facts = catalogue.study.facts()
    _check_named(only, {row.session for row in facts})
    for row in facts:
        refusal = rules.refusal(row)
        if refusal is None and not row.facts.has_eeg:
            attrition.append(row)
        elif only and row.session not in only:
            continue
        elif refusal is None:
            chosen.append(Chosen(row, rules.consents.scopes(row.facts)))
        elif only:
            raise _named(row, refusal)
        else:
            left_out.append(LeftOut(row.device, row.session, refusal))
    known = {(row.device, row.session) for row in facts}
    left_out += [
        LeftOut(row.device, row.session, LabError("nothing is known of it but its files"))
        for row in catalogue.sessions()
        if (row.device, row.session) not in known and not row.discarded
    ]
    return Selection(tuple(chosen), tuple(attrition), tuple(left_out))


def _rules(
    lab: Lab, catalogue: Catalogue, codebooks: Mapping[str, Codebook], *, simulated: bool
) -> _Rules:
    rows = {(row.device, row.session): row for row in catalogue.sessions()}
    acts = acceptances(lab, catalogue)
    accepted = {key for key, row in rows.items() if any(a.covers(row) for a in acts)}
    links = catalogue.links()
    forks = [f for f in check_chains(links) if f.kind == "fork"]
    forked = {
        link.session
        for link in links
        for fork in forks
        if (link.device, link.chain, link.sequence) == (fork.device, fork.chain, fork.first)
    }
    return _Rules(
        consents=Consents.of(lab, catalogue),
        rows=rows,
        accepted=frozenset(accepted),
        forked=frozenset(forked),
        codebooks=codebooks,
        simulated=simulated,
    )


def _check_named(only: Sequence[str], known: set[str]) -> None:
    for session in only:
        if session not in known:
            raise LabError(
                f"the lab has no verified session {session[:80]}",
                hint="unsigned and quarantined sessions are never exported; all others:"
                " fieldrec-lab sessions",
            )


def _named(row: FactsRow, refusal: FieldrecError) -> FieldrecError:
    return type(refusal)(f"session {row.session}: {refusal.message}", hint=refusal.hint)
