"""Which consent counts: what was agreed for a session, narrowed by the lab's later word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.clients import read_register

if TYPE_CHECKING:
    from lab.catalogue import Catalogue
    from lab.session_facts import SessionFacts
    from lab.settings import Lab
    from recorder.format.registers import ConsentRecord


@dataclass(frozen=True, slots=True)
class Consents:
    """The lab's present word about its clients."""

    known: dict[str, ConsentRecord]
    blocked: frozenset[str]
    withdrawn: frozenset[str]

    @classmethod
    def of(cls, lab: Lab, catalogue: Catalogue) -> Consents:
        """Read the register and the withdrawals."""
        register = read_register(lab)
        withdrawn = {row.client for row in catalogue.whereabouts.withdrawals()}
        return cls(register.clients, frozenset(register.blocked), frozenset(withdrawn))

    def scopes(self, facts: SessionFacts) -> frozenset[str]:
        """Return what may be done with a session: the narrower word counts."""
        if facts.client in self.blocked or facts.client in self.withdrawn:
            return frozenset()
        scopes: frozenset[str] = frozenset(facts.scopes)
        record = self.known.get(facts.client)
        return scopes if record is None else scopes & record.scopes
