"""The display's brightness, where the kernel lets one set it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path("/sys/class/backlight")
STEPS = 10


@dataclass(frozen=True, slots=True)
class Backlight:
    """One backlight; steps are tenths of its range, the lowest is never dark."""

    folder: Path

    @classmethod
    def find(cls, folder: Path = _FOLDER) -> Backlight | None:
        """Return the first backlight there is."""
        try:
            found = sorted(folder.iterdir())
        except OSError:
            return None
        return cls(found[0]) if found else None

    def step(self) -> int:
        """Return the step it stands at, 1 to `STEPS`. Raises OSError."""
        now, most = self._read("brightness"), self._read("max_brightness")
        return max(1, min(STEPS, round(STEPS * now / most)))

    def set_step(self, step: int) -> None:
        """Set it. Raises OSError, PermissionError where this user may not."""
        most = self._read("max_brightness")
        value = max(1, round(most * max(1, min(step, STEPS)) / STEPS))
        (self.folder / "brightness").write_text(str(value), "ascii")

    def _read(self, name: str) -> int:
        try:
            return max(1, int((self.folder / name).read_text("ascii")))
        except ValueError as error:
            raise OSError(f"{self.folder / name} holds no number") from error


class Dimmer:
    """Turns the light down for a while; where there is none it does nothing."""

    def __init__(self, light: Backlight | None) -> None:
        self._light = light
        self._before = STEPS

    def dim(self, *, dark: bool) -> None:
        """Turn it down, or up again to where it was."""
        if self._light is None:
            return
        try:
            if dark:
                self._before = self._light.step()
            self._light.set_step(1 if dark else self._before)
        except OSError:
            self._light = None  # this user may not
