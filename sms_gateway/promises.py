"""Which texts the SMSC may not know that we have: those answered on a connection that died.

An answer that was written is not one that arrived. It is taken to have arrived when its connection
outlived it for long enough (a connection that does not carry what we write is found dead before, by
enquire_link), or when the SMSC answered our unbind, which it read after it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any
from uuid import uuid4

from sms_gateway.connection import Connection
from sms_gateway.session_states import Closing, Ending

#: Seconds at least; the route's own time to find a dead connection comes on top.
SETTLED = 30.0
#: How a session says that its unbind was answered.
UNBOUND = "unbound"
#: An answer that took longer may be too late for the SMSC: seconds.
OVERDUE = 5.0
#: Late answers remembered.
_MOST = 256


class Promises:
    """Tells `on_known` the numbers of texts whose answers have arrived."""

    def __init__(self, on_known: Callable[[list[int]], None], settled: float) -> None:
        """`settled`: seconds by which a connection has to outlive an answer."""
        self._on_known = on_known
        self._settled = settled
        self._names: dict[Connection[Any], str] = {}
        self._open: dict[Connection[Any], dict[int, asyncio.TimerHandle]] = {}

    def name(self, connection: Connection[Any]) -> str:
        """By which deliveries on the same connection know each other, over restarts too."""
        if connection not in self._names:
            self._names[connection] = uuid4().hex
            self._open[connection] = {}
            connection.closed.add_done_callback(lambda done: self._closed(connection, done))
        return self._names[connection]

    def gave(self, connection: Connection[Any], number: int) -> None:
        """The answer to text `number` was written on this connection."""
        if connection.closed.done():
            return
        self.name(connection)
        loop = asyncio.get_running_loop()
        handle = loop.call_later(self._settled, self._outlived, connection, number)
        self._open[connection][number] = handle

    def _outlived(self, connection: Connection[Any], number: int) -> None:
        self._open[connection].pop(number, None)
        self._on_known([number])

    def _closed(self, connection: Connection[Any], done: asyncio.Future[Closing]) -> None:
        self._names.pop(connection, None)
        left = self._open.pop(connection, {})
        for handle in left.values():
            handle.cancel()
        if not left or done.cancelled():
            return
        closing = done.result()
        if closing.ending is Ending.STOPPED and closing.detail == UNBOUND:
            self._on_known(list(left))


class Overdue:
    """Deliveries on one connection that are the like of one we were slow to answer."""

    def __init__(self) -> None:
        self._slow: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def answered(self, like: Hashable, came: float, answered: float) -> None:
        """A delivery that came at `came` was answered; loop time."""
        if answered - came >= OVERDUE:
            self._slow[like] = (came, answered)
            if len(self._slow) > _MOST:
                self._slow.popitem(last=False)

    def repeats(self, like: Hashable, came: float) -> bool:
        """Whether a delivery came while its like was overdue: the SMSC had lost patience."""
        found = self._slow.get(like)
        return found is not None and found[0] + OVERDUE <= came <= found[1]
