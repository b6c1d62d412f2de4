"""A session as it is being put together, before the recorder hears of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recorder.protocol.calls import Prepare

if TYPE_CHECKING:
    from recorder.format.registers import Scope
    from recorder.protocol.calls import Mode
    from recorder.protocol.replies import Client

UNSAID = "unsaid"  # the reason where the study lists none
SCOPES: tuple[Scope, ...] = ("eeg", "audio", "transcript", "sharing")


@dataclass(frozen=True, slots=True)
class SessionDraft:
    """Whom, how, and under which consent.

    ``given`` says that scopes, form and date were signed just now; else they are what is
    on file and only shown.
    """

    client: str = ""
    number: int = 1
    mode: Mode = "in-person"
    is_new: bool = False
    given: bool = False
    scopes: tuple[Scope, ...] = ()
    form: str = ""
    signed_on: str = ""
    continues: bool = False

    def prepare(self, confirmed: tuple[str, ...]) -> Prepare:
        """Return the request, once all of ``confirmed`` and the room are confirmed."""
        return Prepare(
            client=self.client,
            mode=self.mode,
            only_consented=True,
            scopes=self.scopes if self.given else None,
            form=self.form if self.given else None,
            signed_on=self.signed_on if self.given else "",
            confirmed=confirmed,
            continues=self.continues,
        )


def draft_of(client: Client, mode: Mode) -> SessionDraft:
    """Return a session with ``client`` under the consent on file."""
    return SessionDraft(
        client=client.code,
        number=client.sessions + 1,
        mode=mode,
        is_new=client.is_new,
        scopes=tuple(scope for scope in SCOPES if scope in client.scopes),
        form=client.form,
        signed_on=client.signed_on,
    )
