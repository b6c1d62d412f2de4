"""One sentence about the electrode that needs help most, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.eeg.quality import Reason, Verdict

if TYPE_CHECKING:
    from recorder.protocol.state import Electrode, Headset, State
    from tui.texts import Texts


def worst(electrodes: tuple[Electrode, ...]) -> Electrode | None:
    """Return the electrode that needs help most, None where all are fine."""
    found = min(electrodes, key=lambda each: each.verdict, default=None)
    return None if found is None or found.verdict >= Verdict.GOOD else found


def fit_advice(texts: Texts, state: State) -> str:
    """Return what to do about the contact now."""
    if state.headset.link != "connected":
        return _about_link(texts, state.headset)
    if not state.electrodes:
        return texts("advice-wait")
    if _reference_is_loose(state.electrodes):
        return texts("advice-reference")
    needy = worst(state.electrodes)
    return texts("advice-fine") if needy is None else about(texts, needy)


def about(texts: Texts, electrode: Electrode) -> str:
    """Return what is wrong with ``electrode`` and what to do."""
    return texts.of(
        "advice", electrode.reason, label=electrode.label, place=place(texts, electrode)
    )


def place(texts: Texts, electrode: Electrode) -> str:
    """Return where the electrode sits, in words."""
    label = electrode.label
    return texts.of("place", label) if texts.has("place", label) else ""


def _about_link(texts: Texts, headset: Headset) -> str:
    return texts.of("advice-headset", headset.link)


def _reference_is_loose(electrodes: tuple[Electrode, ...]) -> bool:
    """Tell whether all are bad at once: then it is the one they share."""
    several = len(electrodes) > 1
    return several and all(
        each.verdict <= Verdict.BAD and each.reason != Reason.NO_DATA for each in electrodes
    )
