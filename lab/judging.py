"""With what a lab judges, and how a verdict is written down."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.acceptance import Acceptance, acceptances
from lab.archive import Archive
from lab.identity import Identity, read_identities
from lab.judge import judge_session, refused
from lab.registry import Registry
from recorder.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from lab.catalogue import Catalogue
    from lab.judge import Verdict
    from lab.settings import Lab
    from recorder.format.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Judging:
    """The lab's folders, the fleet's registry, identities, and what was accepted."""

    archive: Archive
    registry: Registry
    identities: Sequence[Identity]
    accepted: tuple[Acceptance, ...] = ()

    @classmethod
    def of(cls, lab: Lab, catalogue: Catalogue) -> Judging:
        """Return what ``lab`` judges with."""
        return cls(
            archive=Archive(lab.root),
            registry=Registry.load(lab),
            identities=read_identities(lab.identity_path),
            accepted=acceptances(lab, catalogue),
        )

    @property
    def fingerprint(self) -> str:
        """Return a digest of whom the lab believes: quarantine is looked at anew by it."""
        registry = self.registry
        facts = (registry.signers, sorted(registry.lost_since.items()))
        text = repr((facts, sorted(registry.revoked), self.accepted))
        return hashlib.sha256(text.encode()).hexdigest()

    def judge(self, folder: Path, device: str, *, taken: datetime) -> Verdict:
        """Judge the session in ``folder``, which came through ``device``'s account."""
        verdict = judge_session(
            folder,
            registry=self.registry,
            taken=taken,
            identities=self.identities,
            accepted=self.vouched(device, folder.name),
        )
        if verdict.manifest is not None and verdict.manifest.device != device:
            return refused(folder, of_another(verdict.manifest, device))
        return verdict

    def vouched(self, device: str, session: str) -> frozenset[str]:
        """Return the manifests of a session that the data manager accepted."""
        return frozenset(
            act.manifest_sha256
            for act in self.accepted
            if (act.device, act.session) == (device, session)
        )


def of_another(manifest: Manifest, device: str) -> ManifestError:
    """Return why a manifest that came through another box's account is refused."""
    return ManifestError(
        f"the manifest is of {manifest.device}, session {manifest.session}, but came"
        f" through the account of {device}"
    )


def note_verdict(
    catalogue: Catalogue, verdict: Verdict, key: tuple[str, str], *, taken: datetime
) -> None:
    """Write the verdict on the session ``key`` (device, uuid) into the catalogue."""
    if verdict.status == "quarantined":
        catalogue.remove_session(*key)
        catalogue.study.forget_facts(*key)
    else:
        catalogue.put_session(verdict, taken=taken)
        if verdict.facts is not None:
            catalogue.study.put_facts(*key, verdict.facts)
