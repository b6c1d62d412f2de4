"""The keys that work now, on the bottom line; each can be touched too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.content import Content

from tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class KeyOffer:
    """One key: its name for the program, its name for people, and what it does."""

    key: str
    cap: str
    says: str

    def content(self) -> Content:
        """Return it as it looks."""
        return Content.assemble(
            (f" {self.cap} ", "bold $key-fg on $key-bg"), f" {self.says}"
        )


class KeyTouch(Words):
    """A key as it is drawn; touching it is pressing it."""

    SCOPED_CSS = False  # the size of the screen counts
    DEFAULT_CSS = """
    KeyTouch { width: auto; height: 1; }
    .-tall KeyBar KeyTouch { height: 3; content-align: left middle; }
    """

    def __init__(self, offer: KeyOffer, *, id: str | None = None) -> None:
        super().__init__(offer.content(), id=id)
        self.offer = offer

    def on_click(self) -> None:
        """Press the key."""
        self.app.simulate_key(self.offer.key)


class KeyBar(Horizontal):
    """The bottom line."""

    SCOPED_CSS = False  # the size of the screen counts
    DEFAULT_CSS = """
    KeyBar { dock: bottom; height: 1; width: 1fr; background: $panel; padding: 0 1; }
    KeyBar KeyTouch { margin: 0 2 0 0; }
    .-tall KeyBar { height: 3; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._offers: tuple[KeyOffer, ...] = ()

    def offer(self, offers: Sequence[KeyOffer]) -> None:
        """Name the keys that work from now on."""
        if tuple(offers) == self._offers:
            return
        self._offers = tuple(offers)
        with self.app.batch_update():
            self.remove_children()
            self.mount_all(KeyTouch(offer) for offer in self._offers)
