"""How long the service waits for what; shorter only in trials."""

from __future__ import annotations

from dataclasses import dataclass, fields

from recorder.errors import FormatError


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. The defaults are those of the study."""

    gate_hold_s: float = 10.0  # so long the electrodes must have been fine
    override_after_s: float = 180.0
    baseline_s: float = 60.0  # with eyes open, and again with eyes closed
    sign_after_s: float = 600.0  # a session nobody finishes is signed then
    contact_alarm_s: float = 30.0

    @classmethod
    def parse(cls, pairs: list[str]) -> Timing:
        """Read ``KEY=SECONDS`` pairs; FormatError where one is unknown or no number."""
        known = {field.name for field in fields(cls)}
        values: dict[str, float] = {}
        for pair in pairs:
            key, _, text = pair.partition("=")
            try:
                values[key] = float(text)
            except ValueError:
                raise FormatError(f"timing {pair!r}: use KEY=SECONDS") from None
            if key not in known or not values[key] >= 0:
                raise FormatError(f"timing {pair!r}: there are {', '.join(sorted(known))}")
        return cls(**values)
