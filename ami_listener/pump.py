"""The bounded queue between the read path and the tracker, and the task that empties it.

`put` is called by the read path: it appends and returns. `run` is one task: it feeds the stream in
order, fires the ring timers that are due once no message waits, and hands every fact on.

When the queue is full, everything up to the moment it is empty again is dropped and counted, the
tracker is told of the gap, and `on_overflow` asks for a resync: a gap that is known is harmless,
one that is not would text an answered caller.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from ami_listener.stream import Stream
from textback.model import Call, Moment

log = structlog.get_logger()

#: Messages handled before the event loop gets its turn: about 10 ms of work.
BATCH = 200

Control = Callable[[Moment], list[Call]]


class Pump:
    """Feeds one PBX's `Stream`; see the module's text."""

    def __init__(
        self,
        stream: Stream,
        *,
        pbx: str,
        size: int,
        clock: Callable[[], Moment],
        on_call: Callable[[Call], None],
        on_overflow: Callable[[], None],
    ) -> None:
        if size < 1:
            raise ValueError("the queue must hold at least one message")
        self._stream = stream
        self._pbx = pbx
        self._size = size
        self._clock = clock
        self._on_call = on_call
        self._on_overflow = on_overflow
        self._queue: deque[tuple[Moment, bytes | Control]] = deque()
        self._wake = asyncio.Event()
        self._overflowing = False
        #: Arrival of the newest message that was handed to the tracker.
        self.last_event: Moment | None = None
        self.dropped = 0  #: messages lost to a full queue
        self.overflows = 0  #: times the queue was full
        self.longest = 0  #: most messages ever waiting
        self.feed_errors = 0  #: messages the stream could not take (a bug of ours)
        self.call_errors = 0  #: facts `on_call` raised on (a bug of ours)

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, raw: bytes) -> None:
        """Take one message from the read path; never blocks, never raises."""
        if self._overflowing:
            self.dropped += 1
            return
        if len(self._queue) >= self._size:
            self.dropped += 1
            self.overflows += 1
            self._overflowing = True
            self.call(self._overflowed)
            return
        self._queue.append((self._clock(), raw))
        self._wake.set()

    def call(self, control: Control) -> None:
        """Have `control` called in order with the messages. Never dropped."""
        self._queue.append((self._clock(), control))
        self._wake.set()

    async def reached(self) -> None:
        """Wait until everything that is in the queue now has been handled."""
        here: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def mark(_now: Moment) -> list[Call]:
            if not here.done():
                here.set_result(None)
            return []

        self.call(mark)
        await here

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self.longest = max(self.longest, len(self._queue))
            self._wake.clear()
            for _ in range(min(BATCH, len(self._queue))):
                self._handle(*self._queue.popleft())
            if self._queue:
                await asyncio.sleep(0)
                continue
            now = self._clock()
            self._handle(now, self._stream.advance)
            deadline = self._stream.next_deadline()
            timer = None
            if deadline is not None:
                timer = loop.call_later(max(0.0, deadline - now.steady), self._wake.set)
            try:
                await self._wake.wait()
            finally:
                if timer is not None:
                    timer.cancel()

    def _handle(self, at: Moment, item: bytes | Control) -> None:
        try:
            if isinstance(item, bytes):
                self.last_event = at
                calls = self._stream.message(item, at)
            else:
                calls = item(at)
        except Exception:
            # A bug of ours, and the message that met it may come again at once: the link stays
            # up, what was open counts as not seen whole, and the traceback goes to the log.
            self.feed_errors += 1
            log.exception("ami_feed_failed", pbx=self._pbx)
            self._stream.lost(at)
            self._on_overflow()
            return
        for call in calls:
            try:
                self._on_call(call)
            except Exception:
                self.call_errors += 1
                log.exception("ami_call_handler_failed", pbx=self._pbx, phase=call.phase.value)

    def _overflowed(self, now: Moment) -> list[Call]:
        self._overflowing = False
        self._stream.lost(now)
        log.warning("ami_queue_overflow", pbx=self._pbx, dropped=self.dropped, size=self._size)
        self._on_overflow()
        return []
