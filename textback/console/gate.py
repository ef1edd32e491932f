"""What the door of the console remembers between requests: counts, and what was told lately."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from textback.console.passwords import Passwords


@dataclass
class Gate:
    """What the door remembers; one for each console."""

    passwords: Passwords = field(default_factory=Passwords)
    #: How sign-ins ended, for /metrics: "ok", "password", "locked", ...
    counts: Counter[str] = field(default_factory=Counter)
    _told: OrderedDict[tuple[str, str], datetime] = field(default_factory=OrderedDict)

    def once(self, what: str, address: str, now: datetime) -> bool:
        """Whether to tell of this again: once an hour for each address, of a thousand of them."""
        key = (what, address)
        before = self._told.get(key)
        if before is not None and timedelta(0) <= now - before < timedelta(hours=1):
            return False
        self._told[key] = now
        self._told.move_to_end(key)
        if len(self._told) > 1_000:
            self._told.popitem(last=False)
        return True
