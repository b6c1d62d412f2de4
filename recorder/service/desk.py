"""What is asked of the box rather than of a session: clients, papers, devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder import paired
from recorder.audio.choose import check_microphone
from recorder.eeg.choose import check_headset
from recorder.errors import BoxError, FormatError
from recorder.papers import codebook_text, load_codebook, load_study, study_text
from recorder.protocol import calls, replies

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import msgspec

    from recorder.clients import Listed
    from recorder.errors import FieldrecError
    from recorder.service.devices import Devices
    from recorder.service.place import Place


class Desk:
    """Answers from the box folder. Owned by the engine's thread."""

    def __init__(self, place: Place, devices: Devices) -> None:
        self._place = place
        self._devices = devices
        self.acts: Mapping[type[msgspec.Struct], Callable[..., msgspec.Struct | None]] = {
            calls.ListClients: self._list_clients,
            calls.ReadPapers: self._read_papers,
            calls.Pair: self._pair,
            calls.Forget: self._forget,
            calls.Use: self._use,
            calls.Provoke: self._provoke,
        }

    def find_problems(self) -> tuple[FieldrecError, ...]:
        """Return what keeps a session from being begun, apart from space."""
        problems: list[FieldrecError] = []
        for check in (
            self._place.reload,
            self._place.clients.listed,
            lambda: load_codebook(self._place.box),
            lambda: load_study(self._place.box),
        ):
            try:
                check()
            except (BoxError, FormatError) as error:
                problems.append(error)
        return tuple(problems)

    def _list_clients(self, _: calls.ListClients) -> replies.ClientList:
        listed, pool = self._place.clients.listed()
        return replies.ClientList(tuple(map(_client, listed)), tuple(pool))

    def _read_papers(self, _: calls.ReadPapers) -> replies.Papers:
        box = self._place.box
        return replies.Papers(codebook_text(box), study_text(box))

    def _pair(self, call: calls.Pair) -> None:
        check_headset(call.spec)
        paired.pair(self._place.box.root, call.name, call.spec)
        self._use_devices()

    def _forget(self, call: calls.Forget) -> None:
        if call.name not in self._place.box.paired:
            raise BoxError("no headset of that name is paired")
        paired.forget(self._place.box.root, call.name)
        self._use_devices()

    def _use(self, call: calls.Use) -> None:
        if call.headset and call.headset not in self._place.box.paired:
            check_headset(call.headset)
        if call.microphone:
            check_microphone(call.microphone)
        paired.choose(
            self._place.box.root, headset=call.headset, microphone=call.microphone
        )
        self._use_devices()

    def _use_devices(self) -> None:
        self._devices.use(self._place.reload())

    def _provoke(self, call: calls.Provoke) -> None:
        self._devices.provoke(call.fault)


def _client(listed: Listed) -> replies.Client:
    consent = listed.consent
    return replies.Client(
        code=consent.code,
        sessions=consent.sessions,
        scopes=tuple(sorted(consent.scopes)),
        form=consent.form,
        is_new=listed.is_new,
        signed_on=consent.signed_on,
    )
