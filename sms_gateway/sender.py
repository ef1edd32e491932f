"""The way out of a route: messages in, segments written as window and pace allow, answers back.

What `submit` promises: exactly one answer for each message, in bounded time. `Later` and `Refused`
mean that no unanswered segment was written; as soon as the octets of one were handed to the
transport and no answer came (a drop, a timeout, the end of a stop), the answer is `Unsure`.

Nothing waits here that could wait in the outbox: when the link is lost, or the carrier throttles,
unwritten segments go back at once, so that a crash finds only the window uncertain.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import structlog

from sms_gateway import outcomes
from sms_gateway.assembly import Assembly, End, Segment, assemble
from sms_gateway.bind import Bind
from sms_gateway.connection import MIN_DELAY, Connection
from sms_gateway.outcomes import Kind
from sms_gateway.pace import Pace
from sms_gateway.pdu import PduError
from sms_gateway.session_states import Answered, Ending, Unanswered
from sms_gateway.settings import RouteSettings, RouteState
from textback.model import Accepted, Later, Message, Moment, PartId, Refused, Submission, Unsure

log = structlog.get_logger()

#: Seconds after which a text is worth claiming again when the link, not the carrier, is to blame;
#: `room` then says when it really can go.
LINK_RETRY = 1.0
#: Seconds after which a fault of the carrier's own may have passed.
RETRY = 30.0


class Sender:
    """Feeds one transmitting bind; keeps its pace across reconnects."""

    def __init__(
        self,
        settings: RouteSettings,
        bind: Bind[Segment],
        *,
        clock: Callable[[], Moment],
        counters: Counter[str],
        on_late: Callable[[int, Submission], None],
    ) -> None:
        """`on_late(row_id, submission)`: what became of a message whose caller no longer waits."""
        self.pace = Pace(settings.rate)
        self._settings = settings
        self._bind = bind
        self._clock = clock
        self._counted = counters
        self._on_late = on_late
        self._waiting: deque[Segment] = deque()
        self._waiters: set[asyncio.Future[None]] = set()
        self._pumping: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = ""
        self._leaving: Connection[Segment] | None = None  # of no more use, once it has drained
        self._progress = asyncio.Event()

    # --- what delivery asks -------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Segments written and not answered."""
        connection = self._bind.connection
        return connection.session.in_flight if connection else 0

    @property
    def waiting(self) -> int:
        """Segments taken and not written."""
        return len(self._waiting)

    def room(self) -> int:
        """Segments that may be submitted now; 0 when not bound, paused, or the pace is used up."""
        free = self._window(self._bind.connection)
        if free <= 0:
            return 0
        free = min(free, self.pace.room(self._clock().steady))
        return max(0, free - len(self._waiting))

    def _window(self, connection: Connection[Segment] | None) -> int:
        if connection is None or connection is self._leaving or self._closed:
            return 0
        return connection.window

    async def wait_room(self) -> None:
        """Return when `room` is above 0; never, once closed."""
        loop = asyncio.get_running_loop()
        while self.room() <= 0:
            waiter = loop.create_future()
            self._waiters.add(waiter)
            self._arm()
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)

    def submit(self, message: Message) -> Coroutine[Any, Any, Submission]:
        """See `Route.submit`."""
        answer: asyncio.Future[Submission] = asyncio.get_running_loop().create_future()
        return self._answer(self._take(message, answer), answer)

    def _take(self, message: Message, answer: asyncio.Future[Submission]) -> Assembly | None:
        now = self._clock()
        if self._closed or self._bind.state is not RouteState.BOUND:
            detail = self._closed or self._bind.detail
            answer.set_result(Later(after=LINK_RETRY, detail=detail, counts=False))
            return None
        paused = self.pace.paused(now.steady)
        if paused:
            detail = "the carrier throttles this route"
            answer.set_result(Later(after=paused, detail=detail, counts=False))
            return None
        try:
            settle = partial(self._settle, message.row_id, answer)
            assembly = assemble(message, self._settings, settle, now.utc)
        except ValueError as error:
            answer.set_result(Refused(status=0, name="", detail=str(error)))
            return None
        if not assembly.segments:
            answer.set_result(Accepted(parts=(), at=now.utc))
            return None
        self._waiting.extend(assembly.segments)
        self.pump_soon()
        return assembly

    async def _answer(
        self, assembly: Assembly | None, answer: asyncio.Future[Submission]
    ) -> Submission:
        try:
            return await answer
        except asyncio.CancelledError:
            if assembly is not None:
                self._withdraw(assembly, "the caller gave up")
            raise

    def _settle(
        self, row_id: int, answer: asyncio.Future[Submission], submission: Submission
    ) -> None:
        if answer.cancelled():
            self._on_late(row_id, submission)
        else:
            answer.set_result(submission)

    # --- writing ------------------------------------------------------------------------------

    def pump_soon(self) -> None:
        """Write what may be written, once in this turn of the loop."""
        if self._pumping is None:
            self._pumping = asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = None
        connection = self._bind.connection
        if connection is not None and self._waiting:
            self._write(connection)
        if connection is not None and connection is self._leaving and not self.in_flight:
            connection.close(Ending.LOST, "the SMSC no longer takes us for bound")
        if self._waiters and self.room() > 0:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
        self._arm()

    def _write(self, connection: Connection[Segment]) -> None:
        now = self._clock()
        steady, submit, sent = now.steady, connection.session.submit, self.pace.sent
        room = min(self._window(connection), self.pace.room(steady))
        while room > 0 and self._waiting:
            segment = self._waiting.popleft()
            if segment.assembly.message.expires <= now.utc:
                stale = Later(after=0.0, detail="it expired while it waited", counts=False)
                self._end(segment, stale, now)
                continue
            try:
                submit(segment, steady, segment.tlvs, segment.fields)
            except PduError as error:
                self._end(segment, Refused(status=0, name="", detail=str(error)), now)
                continue
            sent(steady, segment.weight)
            self._counted["segments_submitted"] += 1
            room -= segment.weight
        connection.flush()

    def _arm(self) -> None:
        """Set the timer when time is all that is missing; an answer or a bind pumps anyway."""
        if self._timer is not None or not (self._waiting or self._waiters):
            return
        if self._window(self._bind.connection) <= 0:
            return
        now = self._clock().steady
        delay = self.pace.ready_at(now) - now
        if delay > 0:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(MIN_DELAY, delay), self._time_came)

    def _time_came(self) -> None:
        self._timer = None
        self._pump()

    # --- what the session reports -------------------------------------------------------------

    def answered(self, connection: Connection[Segment], event: Answered[Segment]) -> None:
        """A submit_sm_resp came, in time or late."""
        now = self._clock()
        segment = event.key
        end = self._judge(connection, event, now)
        if event.late:
            row_id = segment.assembly.message.row_id
            log.info("smpp_late_answer", route=self._settings.name, row_id=row_id)
            self._on_late(row_id, segment.assembly.amend(segment, end, now.utc))
        else:
            self._end(segment, end, now)
        self._progress.set()

    def unanswered(self, event: Unanswered[Segment]) -> None:
        """A segment was written, and the answer did not come."""
        self._counted["segments_unsure"] += 1
        self._end(event.key, Unsure(detail=event.detail), self._clock())
        self._progress.set()

    def _judge(self, connection: Connection[Segment], event: Answered[Segment], now: Moment) -> End:
        """What a submit_sm_resp means for its segment, and for the route."""
        segment, status = event.key, event.status
        if status == 0:
            self._counted["segments_accepted"] += 1
            self.pace.eased(event.sent_at)
            return PartId(segment.number, segment.total, event.message_id)
        verdict = outcomes.judge(status)
        name, detail = verdict.name, verdict.comment
        if verdict.kind is Kind.REFUSED:
            self._counted["segments_refused"] += 1
            return Refused(status=status, name=name, detail=detail)
        if verdict.kind is Kind.THROTTLE:
            self._counted["segments_throttled"] += 1
            after = self.pace.throttled(event.sent_at, now.steady)
            self.give_back(f"the carrier throttles this route ({name})", after)
        elif verdict.kind is Kind.LATER:
            self._counted["segments_later"] += 1
            after = RETRY
        else:
            self._counted["segments_later"] += 1
            after = LINK_RETRY
            self._leaving = connection
        return Later(after=after, detail=detail, status=status, name=name, counts=verdict.counts)

    def _end(self, segment: Segment, end: End, now: Moment) -> None:
        assembly = segment.assembly
        assembly.end(segment, end, now.utc)
        if assembly.doomed and not assembly.settled:
            self._withdraw(assembly, "another segment of it was not taken")

    # --- taking back --------------------------------------------------------------------------

    def give_back(self, why: str, after: float = LINK_RETRY) -> None:
        """Every unwritten segment goes back to the outbox."""
        mine, self._waiting = list(self._waiting), deque()
        self._put_off(mine, why, after)

    def close(self, why: str) -> None:
        """Take nothing from here on, and give back what is unwritten."""
        self._closed = why
        self.give_back(why)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def drained(self) -> None:
        """Return when every written segment was answered, or given up."""
        while self.in_flight:
            self._progress.clear()
            await self._progress.wait()

    def _withdraw(self, assembly: Assembly, why: str) -> None:
        """The unwritten segments of one message do not go out."""
        mine = [segment for segment in self._waiting if segment.assembly is assembly]
        if mine:
            self._waiting = deque(s for s in self._waiting if s.assembly is not assembly)
            self._put_off(mine, why, LINK_RETRY)

    def _put_off(self, segments: list[Segment], why: str, after: float) -> None:
        at = self._clock().utc
        for segment in segments:
            segment.assembly.end(segment, Later(after=after, detail=why, counts=False), at)
