"""Births and hangups a caller tore apart with a blank line in the number, put together again.

Only to show the attempt as a call that cannot be trusted, and to free its channels: everything
mended here is tainted before it is used. The pieces come one after the other: the genuine head
without a Uniqueid, what the caller wrote, and the tail without an Event header.
"""

from __future__ import annotations

from .event_types import Hangup, NewChannel, Tainted


class Torn:
    """Remembers the head until its tail comes, or an event that is whole."""

    def __init__(self) -> None:
        self._head: Tainted | None = None

    def clear(self) -> None:
        self._head = None

    def mend(self, part: Tainted) -> NewChannel | Hangup | None:
        """The whole event when `part` is the tail that was waited for, else None."""
        if part.name:
            if part.name in ("Newchannel", "Hangup") and not part.uniqueids:
                self._head = part
            return None
        head, self._head = self._head, None
        if head is None or head.piece is None or part.piece is None or not part.piece.uniqueid:
            return None
        tail = part.piece
        chan = head.piece._replace(
            uniqueid=tail.uniqueid,
            linkedid=tail.linkedid or tail.uniqueid,
            context=tail.context or head.piece.context,
            exten=tail.exten or head.piece.exten,
        )
        if head.name == "Hangup":
            return Hangup(head.at, chan, 0)
        return NewChannel(head.at, chan)
