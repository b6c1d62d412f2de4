"""The microphone, open all day: its meter is shown, its frames are lent to a session.

Two channels are asked for; a microphone that has one gives one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from recorder.audio.source import AudioBlock, AudioConnected, AudioFormat, AudioLost
from recorder.audio.watch import SoundWatch
from recorder.errors import FieldrecError, MicrophoneError, MicrophoneFormatError
from recorder.service.keeper import Keeper

if TYPE_CHECKING:
    from collections.abc import Callable

    from recorder.audio.source import AudioEvent, AudioSource
    from recorder.audio.watch import Sound
    from recorder.protocol.state import Link

NO_MICROPHONE = "none"
_MOST_CHANNELS = 2
_LARGEST = AudioFormat(bits=24, n_channels=_MOST_CHANNELS)


@dataclass(frozen=True, slots=True)
class MicrophoneLook:
    """The microphone at one moment. ``sound`` is the preview's."""

    name: str
    link: Link
    simulated: bool
    problem: str
    format: AudioFormat | None
    sound: tuple[Sound, ...]
    xruns: int

    @property
    def largest_format(self) -> AudioFormat | None:
        """Its format; the one that takes most room until that is known."""
        return None if self.link == "none" else self.format or _LARGEST


class LiveMicrophone:
    """The microphone in use. Its events come from its own thread; any thread may ask."""

    def __init__(
        self,
        open_source: Callable[[str, AudioFormat], AudioSource],
        *,
        changed: Callable[[], None],
        log: Callable[[str], None],
    ) -> None:
        self._lock = threading.RLock()
        self._open_source = open_source
        self._changed = changed
        self._log = log
        self._name = ""
        self._channels = _MOST_CHANNELS
        self._link: Link = "none"
        self._problem = ""
        self._source: AudioSource | None = None
        self._watch: SoundWatch | None = None
        self._session: Callable[[AudioEvent], None] | None = None
        self._xruns = 0
        self._xruns_before = 0  # those that happened before the session
        self._keeper: Keeper[AudioSource] = Keeper(
            "microphone",
            self._lock,
            open_device=self._open,
            opened=self._opened,
            deliver=self._deliver,
            failed=self._failed,
        )

    def use(self, spec: str) -> None:
        """Use microphone ``spec``; ``none`` or empty for none."""
        wanted = "" if spec == NO_MICROPHONE else spec
        with self._lock:
            self._name = spec
            self._channels = _MOST_CHANNELS
            self._link = "connecting" if wanted else "none"
            self._problem = ""
            self._source = self._watch = None
            self._keeper.use(wanted)
        self._changed()

    def close(self) -> None:
        """Close the microphone."""
        self._keeper.close()

    def look(self, now_ns: int) -> MicrophoneLook:
        """Return how it is now."""
        with self._lock:
            return MicrophoneLook(
                name=self._name,
                link=self._link,
                simulated=self._source is not None and self._source.simulated,
                problem=self._problem,
                format=None if self._source is None else self._source.format,
                sound=() if self._watch is None else self._watch.read(now_ns),
                xruns=self._xruns,
            )

    def lend(self) -> LentMicrophone | None:
        """Return the microphone for one session, None where ``none`` was chosen.

        Raises MicrophoneError where it is not connected.
        """
        with self._lock:
            if self._name == NO_MICROPHONE:
                return None
            if self._source is None or self._link != "connected":
                raise MicrophoneError(
                    f"the microphone is not connected: {self._problem or 'none is chosen'}",
                    hint="plug it in, choose another one, or choose to record no sound",
                )
            return LentMicrophone(self, self._source)

    def attach(self, deliver: Callable[[AudioEvent], None]) -> None:
        """Give everything to ``deliver`` from now on."""
        with self._lock:
            self._session = deliver
            self._xruns_before = self._xruns

    def detach(self) -> None:
        """Give it to nobody."""
        with self._lock:
            self._session = None

    def provoke(self, fault: str) -> bool:
        """Let a simulated microphone fail; tell whether it is one that can."""
        with self._lock:
            act = getattr(self._source, "provoke", None)
            if act is None:
                return False
            act(fault)
            return True

    def _open(self, spec: str) -> AudioSource:
        with self._lock:
            fmt = AudioFormat(n_channels=self._channels)
        return self._open_source(spec, fmt)

    def _opened(self, source: AudioSource) -> None:
        self._source = source
        self._watch = SoundWatch(source.format)
        self._xruns = self._xruns_before = 0

    def _failed(self, error: FieldrecError) -> None:
        self._source = self._watch = None
        if isinstance(error, MicrophoneFormatError) and self._channels > 1:
            self._channels = 1
        if error.message != self._problem:
            self._problem = error.message
            self._log(f"microphone: {error}")
        self._link = "connecting"
        self._changed()

    def _deliver(self, event: object) -> None:
        if isinstance(event, AudioBlock):
            self._take_block(event)
        elif isinstance(event, AudioConnected | AudioLost):
            self._note_link(event)
            if self._session is not None:
                self._session(event)

    def _take_block(self, block: AudioBlock) -> None:
        self._xruns = block.xruns
        if self._watch is not None:
            self._watch.observe(block)
        if self._session is None:
            return
        if self._xruns_before:
            block = replace(block, xruns=block.xruns - self._xruns_before)
        self._session(block)

    def _note_link(self, event: AudioConnected | AudioLost) -> None:
        if isinstance(event, AudioLost):
            self._link, self._problem = "lost", event.reason
            self._log(f"microphone lost: {event.reason}")
        else:
            self._link, self._problem = "connected", ""
            if self._watch is not None:
                self._watch.restart()
            self._log("microphone connected")
        self._changed()


class LentMicrophone:
    """The live microphone as an `AudioSource` of one session: it is open already."""

    def __init__(self, microphone: LiveMicrophone, source: AudioSource) -> None:
        self._microphone = microphone
        self._source = source

    @property
    def format(self) -> AudioFormat:
        """What it delivers."""
        return self._source.format

    @property
    def simulated(self) -> bool:
        """Whether no living voice is heard."""
        return self._source.simulated

    @property
    def description(self) -> dict[str, str]:
        """What identifies this microphone."""
        return self._source.description

    def start(self, deliver: Callable[[AudioEvent], None]) -> None:
        """Take its frames from now on."""
        self._microphone.attach(deliver)

    def stop(self) -> None:
        """Give it back."""
        self._microphone.detach()
