"""Asks Asterisk whether a caller allowed the number to be shown: one Getvar per inbound call.

No event tells it: a withheld number still stands in CallerIDNum when the trunk is trusted. The
question carries the call's Uniqueid in its ActionID, so the answer alone, in order with the
events, is enough, live as in a replay. Nothing waits for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from panoramisk.message import Message

from ami_listener.actions import ActionRefused, AmiAction, NotConnected, rows_of
from ami_listener.connection import Connection
from ami_listener.stream import PRESENTATION_ID
from textback.model import Call

VARIABLE = "CALLERID(num-pres)"
#: Questions that may be unanswered at once; a PBX answers one in about 1 ms.
MAX_OPEN = 500
#: Seconds after which an unanswered question is given up.
TIMEOUT = 30.0


class PresentationAsker:
    """The questions of one link; `on_denied` is called when the permission is missing."""

    def __init__(self, on_denied: Callable[[ActionRefused], None]) -> None:
        self._on_denied = on_denied
        self._open: dict[str, float] = {}  # ActionID: when asked, oldest first
        self.counters = {
            "presentation_asked": 0,
            "presentation_skipped": 0,  #: too many open questions, or a name that cannot be sent
            "presentation_unanswered": 0,
            "presentation_refused": 0,  #: mostly: the channel was gone already
        }

    def ask(self, connection: Connection, call: Call) -> None:
        """Ask for this call; never raises, never waits."""
        self.give_up(connection)
        # Without a channel Asterisk would answer, for nobody: "allowed".
        if len(self._open) >= MAX_OPEN or not call.channel:
            self.counters["presentation_skipped"] += 1
            return
        try:
            action = AmiAction(
                {
                    "Action": "Getvar",
                    "ActionID": PRESENTATION_ID + call.key.uniqueid,
                    "Channel": call.channel,
                    "Variable": VARIABLE,
                }
            )
            future = connection.send(action)
        except (ValueError, NotConnected):
            # ValueError: a hostile channel name with a line break in it.
            self.counters["presentation_skipped"] += 1
            return
        self.counters["presentation_asked"] += 1
        self._open[str(action.id)] = time.monotonic()
        future.add_done_callback(partial(self._answered, action))

    def give_up(self, connection: Connection) -> None:
        """Forget the questions that are older than `TIMEOUT`."""
        oldest = time.monotonic() - TIMEOUT
        for action_id in [i for i, asked in self._open.items() if asked < oldest]:
            connection.forget(action_id)
            del self._open[action_id]
            self.counters["presentation_unanswered"] += 1

    def clear(self) -> None:
        """The link is down: no answer will come."""
        self.counters["presentation_unanswered"] += len(self._open)
        self._open.clear()

    def _answered(self, action: AmiAction, future: asyncio.Future[list[Message]]) -> None:
        if self._open.pop(str(action.id), None) is None or future.cancelled():
            return
        if future.exception() is not None:
            self.counters["presentation_unanswered"] += 1
            return
        try:
            rows_of(action, future.result())
        except ActionRefused as refusal:
            self.counters["presentation_refused"] += 1
            if refusal.denied:
                self._on_denied(refusal)
