"""Looking for devices takes seconds: a thread of its own, one search at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from recorder.audio.choose import find_microphones
from recorder.errors import FieldrecError, PhaseError, ServiceError
from recorder.protocol.replies import Found, FoundDevice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Scanner:
    """Searches when asked. Owned by the engine's thread."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def search(
        self, paired: Mapping[str, str], done: Callable[[Found | FieldrecError], None]
    ) -> None:
        """Search, and call ``done`` from another thread. PhaseError during a search."""
        if self._thread is not None and self._thread.is_alive():
            raise PhaseError("a search is going on", hint="wait a few seconds")
        self._thread = threading.Thread(
            target=lambda: done(_search(paired)), name="scan", daemon=True
        )
        self._thread.start()


def _search(paired: Mapping[str, str]) -> Found | FieldrecError:
    try:
        return find_devices(paired)
    except FieldrecError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a thread's outermost: somebody waits for it
        return ServiceError(f"the search failed: {type(error).__name__}")


def find_devices(paired: Mapping[str, str]) -> Found:
    """Return what is in reach, and every paired headset under its name."""
    # Bluetooth takes 20 MB that recording must not pay for.
    from recorder.eeg.nearby import find_headsets  # noqa: PLC0415 - see above

    nearby = find_headsets()
    names = {spec: name for name, spec in paired.items()}
    headsets = tuple(
        FoundDevice(
            spec=one.spec,
            name=one.name,
            model=one.model,
            signal_dbm=one.signal_dbm,
            paired_as=names.pop(one.spec, ""),
        )
        for one in nearby.headsets
    )
    missing = tuple(
        FoundDevice(spec=spec, name=name, paired_as=name, in_reach=False)
        for spec, name in names.items()
    )
    return Found(
        headsets=headsets + missing,
        microphones=tuple(
            FoundDevice(spec=one.spec, name=one.name) for one in find_microphones()
        ),
        problem=nearby.bluetooth_problem,
    )
