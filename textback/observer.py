"""What the parts tell about themselves as it happens; the daemon counts it for /metrics."""

from __future__ import annotations

from textback.model import Call, OutboxState, Reason, ReceiptState


class Observer:
    """Does nothing: the default, and the base of one that counts."""

    def call(self, call: Call) -> None:
        """A fact about a call is on the disk."""

    def verdict(self, reason: Reason) -> None:
        """A call was decided, and the verdict is on the disk."""

    def state(self, state: OutboxState) -> None:
        """A text has come into this state."""

    def held(self, reason: str) -> None:
        """A text was written and is held back by the service itself, not by an operator."""

    def submission(self, route: str, result: str) -> None:
        """A carrier answered: "accepted", "refused", "later" or "unsure"."""

    def decide_to_submit(self, seconds: float) -> None:
        """From the event that decided a call to its text being given to the gateway."""

    def receipt(self, state: ReceiptState, matched: bool) -> None:
        """A delivery receipt is on the disk."""

    def reply(self) -> None:
        """A text from a handset is on the disk, whole or taken with a gap."""

    def reply_incomplete(self) -> None:
        """It has a gap: parts of it did not come in time."""

    def reply_repeated(self) -> None:
        """The carrier delivered again what it had delivered before."""


class Both(Observer):
    """Tells two observers, the first first."""

    def __init__(self, first: Observer, second: Observer) -> None:
        self._all = (first, second)

    def call(self, call: Call) -> None:
        for one in self._all:
            one.call(call)

    def verdict(self, reason: Reason) -> None:
        for one in self._all:
            one.verdict(reason)

    def state(self, state: OutboxState) -> None:
        for one in self._all:
            one.state(state)

    def held(self, reason: str) -> None:
        for one in self._all:
            one.held(reason)

    def submission(self, route: str, result: str) -> None:
        for one in self._all:
            one.submission(route, result)

    def decide_to_submit(self, seconds: float) -> None:
        for one in self._all:
            one.decide_to_submit(seconds)

    def receipt(self, state: ReceiptState, matched: bool) -> None:
        for one in self._all:
            one.receipt(state, matched)

    def reply(self) -> None:
        for one in self._all:
            one.reply()

    def reply_incomplete(self) -> None:
        for one in self._all:
            one.reply_incomplete()

    def reply_repeated(self) -> None:
        for one in self._all:
            one.reply_repeated()
