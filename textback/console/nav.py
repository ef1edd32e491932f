"""The console's main pages, in the order in which they are listed."""

from __future__ import annotations

from dataclasses import dataclass

from textback.console.i18n import N_
from textback.console.who import Role


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the navigation."""

    path: str
    label: str
    icon: str
    need: Role = Role.VIEWER
    tab: bool = True  #: has a place in the bar of a telephone; else it is under "More"


ENTRIES: tuple[Entry, ...] = (
    Entry("/inbox", N_("Inbox"), "inbox"),
    Entry("/calls", N_("Calls"), "calls"),
    Entry("/callbacks", N_("Callbacks"), "callbacks"),
    Entry("/figures", N_("Figures"), "figures"),
    Entry("/numbers", N_("Numbers"), "numbers", tab=False),
    Entry("/health", N_("Health"), "health", tab=False),
)
