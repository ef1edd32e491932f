"""What the parts of the service tell the console's feed: an observer, and what it hangs on.

An observer only says words (`Feed.say` costs nothing and never raises): it stands beside those
that count and raise alarms, on paths where nothing may wait.
"""

from __future__ import annotations

from textback.console.feed import Feed
from textback.model import Call, Direction, OutboxState, Reason, ReceiptState
from textback.observer import Observer


class FeedObserver(Observer):
    """Turns what the parts report into topics."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def call(self, call: Call) -> None:
        # What the house dials changes a list of calls only when it is over.
        if call.direction is Direction.INBOUND or call.final:
            self._feed.say("calls")

    def verdict(self, reason: Reason) -> None:
        self._feed.say("calls")

    def state(self, state: OutboxState) -> None:
        self._feed.say("calls", "inbox")

    def held(self, reason: str) -> None:
        self._feed.say("calls", "health")

    def submission(self, route: str, result: str) -> None:
        self._feed.say("calls", "inbox")

    def receipt(self, state: ReceiptState, matched: bool) -> None:
        if matched:
            self._feed.say("calls", "inbox")

    def reply(self) -> None:
        self._feed.say("inbox", "cases", "calls")

    def reply_incomplete(self) -> None:
        self._feed.say("inbox")

    def reply_repeated(self) -> None:
        self._feed.say("inbox")
