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

    def submission(self, route: str, result: str) -> None:
        """A carrier answered: "accepted", "refused", "later" or "unsure"."""

    def decide_to_submit(self, seconds: float) -> None:
        """From the event that decided a call to its text being given to the gateway."""

    def receipt(self, state: ReceiptState, matched: bool) -> None:
        """A delivery receipt is on the disk."""

    def reply(self) -> None:
        """A text from a handset is on the disk."""
