"""How the console calls somebody by a click: what it asks of the service for that."""

from __future__ import annotations

from typing import Protocol

from textback.console.who import Who
from textback.model import Dialled, DialRefusal, DialRefusedError


class Dialler(Protocol):
    """Rings the phone of whoever clicked, and dials a number from it."""

    def refusal(self, who: Who) -> DialRefusal | None:
        """Why this user's clicks call nobody; None: as far as is known, they do. Never waits."""
        ...

    async def dial(self, who: Who, number: str, *, name: str, ours: str) -> Dialled:
        """Call `number` (E.164) for `who`, and wait a moment for how it begins.

        The phone shows `name`; `ours` is the number of the business that the caller had called.
        Raises DialRefusedError.
        """
        ...

    def last(self, who: Who) -> Dialled | None:
        """How this user's last call stands, for as long as it is remembered."""
        ...


class NoDialler:
    """Calls nobody: where there is no PBX, and in tests."""

    def refusal(self, who: Who) -> DialRefusal | None:
        return DialRefusal.OFF

    async def dial(self, who: Who, number: str, *, name: str, ours: str) -> Dialled:
        raise DialRefusedError(DialRefusal.OFF)

    def last(self, who: Who) -> Dialled | None:
        return None
