"""Whether the other end of a session lives: when to ask it, and when to give it up; sans-IO.

TCP alone does not notice a peer that is gone: a firewall that forgot the connection says nothing.
So after `idle` seconds without any PDU an enquire_link is due (SMPP 3.4 section 7.2), and its
answer within `timeout` seconds; any PDU will do for an answer. The second miss in a row is death.
"""

from __future__ import annotations

MISSES = 2


class Pulse:
    """Tell `heard`; at `due()` call `ask`."""

    def __init__(self, *, idle: float, timeout: float) -> None:
        """Both in seconds."""
        self._idle = idle
        self._timeout = timeout
        self._heard_at = 0.0
        self._asked_at: float | None = None
        self.missed = 0  #: questions in a row without an answer

    def heard(self, now: float) -> None:
        """A whole PDU came."""
        self._heard_at = now
        self._asked_at, self.missed = None, 0

    def due(self) -> float:
        """Steady seconds of the next `ask`."""
        if self._asked_at is not None:
            return self._asked_at + self._timeout
        return self._heard_at + self._idle

    def ask(self, now: float) -> bool:
        """Whether to send enquire_link now; False: the other end is dead."""
        if self._asked_at is not None:
            self.missed += 1
        self._asked_at = now
        return self.missed < MISSES
