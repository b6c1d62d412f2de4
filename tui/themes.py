"""Colours: dark, high contrast, and quiet (towards a client who sees the screen).

Besides Textual's own names each theme says how the states of a recording and of an
electrode look. States differ in brightness too, not in hue alone.
"""

from __future__ import annotations

from textual.theme import Theme

DARK = "fieldrec-dark"
CONTRAST = "fieldrec-contrast"
QUIET = "fieldrec-quiet"

_DARK = {
    "recording-bg": "#0b6b34",
    "recording-fg": "#ffffff",
    "paused-bg": "#f4b400",
    "paused-fg": "#1c1400",
    "stopped-bg": "#c8102e",
    "stopped-fg": "#ffffff",
    "idle-bg": "#22303b",
    "idle-fg": "#dce6ee",
    "alarm-bg": "#ffcf33",
    "alarm-fg": "#1c1400",
    "good": "#57d98a",
    "warn": "#f4c542",
    "bad": "#ff9a4d",
    "dead": "#ff6b72",
    "hint": "#93a4b3",
    "key-bg": "#33424f",
    "key-fg": "#ffffff",
    "running-bg": "#7b3fa0",
    "running-fg": "#ffffff",
    "go-bg": "#1668a8",
    "go-fg": "#ffffff",
}
_CONTRAST = _DARK | {
    "recording-bg": "#00d25b",
    "recording-fg": "#000000",
    "paused-bg": "#ffd000",
    "stopped-bg": "#e60022",
    "idle-bg": "#3a3a3a",
    "idle-fg": "#ffffff",
    "alarm-bg": "#ffff00",
    "alarm-fg": "#000000",
    "good": "#00ff77",
    "warn": "#ffe000",
    "bad": "#ffa040",
    "dead": "#ff7070",
    "hint": "#d0d0d0",
    "key-bg": "#ffffff",
    "key-fg": "#000000",
    "running-bg": "#ff80ff",
    "running-fg": "#000000",
    "go-bg": "#00b4ff",
    "go-fg": "#000000",
}
_QUIET = _DARK | {
    "recording-bg": "#03100a",
    "recording-fg": "#3c8a58",
    "paused-bg": "#171100",
    "paused-fg": "#b08d1e",
    "stopped-bg": "#3a0509",
    "stopped-fg": "#ff8a8a",
    "idle-bg": "#0a0d10",
    "idle-fg": "#66727c",
    "alarm-bg": "#2a2105",
    "alarm-fg": "#d0a93a",
    "good": "#3c7a55",
    "warn": "#8a7430",
    "bad": "#96602f",
    "dead": "#a04a4e",
    "hint": "#4f5962",
    "key-bg": "#12171b",
    "key-fg": "#7d8892",
    "running-bg": "#2a1a35",
    "running-fg": "#a38bb5",
    "go-bg": "#0c1b27",
    "go-fg": "#6f93ad",
}


def themes() -> tuple[Theme, ...]:
    """Return all themes."""
    return (
        Theme(
            DARK,
            primary="#1668a8",
            foreground="#e9eef2",
            background="#0c1115",
            surface="#141b21",
            panel="#1c252d",
            variables=_DARK,
        ),
        Theme(
            CONTRAST,
            primary="#00b4ff",
            foreground="#ffffff",
            background="#000000",
            surface="#000000",
            panel="#161616",
            variables=_CONTRAST,
        ),
        Theme(
            QUIET,
            primary="#0c1b27",
            foreground="#77828b",
            background="#000000",
            surface="#000000",
            panel="#07090b",
            variables=_QUIET,
        ),
    )


def default_variables() -> dict[str, str]:
    """Return the variables every theme has, for the moment before one is set."""
    return dict(_DARK)
