"""The devices of the box: which ones are used, and what the simulated ones go by."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from recorder.audio.choose import open_microphone
from recorder.clock import read_host_ns
from recorder.eeg.choose import open_headset
from recorder.errors import NoSuchMicrophoneError, ServiceError
from recorder.service.headset import LiveHeadset
from recorder.service.microphone import NO_MICROPHONE, LiveMicrophone
from recorder.simulation import SimulationOptions, Truth

if TYPE_CHECKING:
    from collections.abc import Callable

    from recorder.audio.source import AudioFormat, AudioSource
    from recorder.box import Box
    from recorder.eeg.source import EegSource

_SIMULATED = frozenset({"simulated", "synthetic"})


@dataclass(frozen=True, slots=True)
class InUse:
    """The headset's name or spec and the microphone's spec, as the sheet has them."""

    headset: str
    microphone: str


class Devices:
    """Headset and microphone of one box, connected as long as the service runs."""

    def __init__(
        self,
        *,
        simulation: SimulationOptions,
        changed: Callable[[], None],
        log: Callable[[str], None],
    ) -> None:
        self._options = simulation
        self._truth = Truth(origin_ns=read_host_ns(), seed=simulation.seed)
        self.headset = LiveHeadset(self._open_headset, changed=changed, log=log)
        self.microphone = LiveMicrophone(self._open_microphone, changed=changed, log=log)
        self._specs = ("", "")
        self.in_use = InUse("", "")

    @property
    def simulation(self) -> dict[str, int | float] | None:
        """The options of the simulated devices, None where all devices are real."""
        return asdict(self._options) if _SIMULATED.intersection(self._specs) else None

    @property
    def all_simulated(self) -> bool:
        """Whether nothing that is used is real."""
        headset, microphone = self._specs
        return headset in _SIMULATED and microphone in (*_SIMULATED, NO_MICROPHONE)

    def use(self, box: Box) -> None:
        """Use what ``box`` says; a device that stays the same stays connected."""
        names = (box.default_headset, box.default_microphone)
        specs = (box.paired.get(names[0], names[0]), names[1])
        before, self._specs = self._specs, specs
        renamed = names[0] != self.in_use.headset
        self.in_use = InUse(*names)
        if specs[0] != before[0] or renamed:
            self.headset.use(*((names[0], specs[0]) if names[0] else ("", "")))
        if specs[1] != before[1]:
            self.microphone.use(specs[1])

    def provoke(self, fault: Literal["electrodes", "headset", "microphone"]) -> None:
        """Let a simulated device fail. Raises ServiceError for a real one."""
        device = self.microphone if fault == "microphone" else self.headset
        if not device.provoke(fault):
            raise ServiceError("only simulated devices fail on demand")

    def close(self) -> None:
        """Release everything."""
        self.headset.close()
        self.microphone.close()

    def _open_headset(self, spec: str) -> EegSource:
        return open_headset(spec, options=self._options, truth=self._truth)

    def _open_microphone(self, spec: str, fmt: AudioFormat) -> AudioSource:
        source = open_microphone(spec, fmt, options=self._options, truth=self._truth)
        if source is None:
            raise NoSuchMicrophoneError("no microphone is chosen")
        return source
