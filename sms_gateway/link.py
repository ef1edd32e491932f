"""A route to the carrier: submits messages, hands up receipts and replies, and stays bound.

delivery --Message--> Sender --segments, as window and pace allow--> Bind (transmitter)
inbox <--Receipt, Reply-- Inbound <--deliver_sm-- Bind (receiver; or the same: transceiver)
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from sms_gateway.assembly import Segment
from sms_gateway.bind import Bind
from sms_gateway.connection import Connection
from sms_gateway.inbound import Inbound
from sms_gateway.sender import Sender
from sms_gateway.session_states import Answered, Closing, Event, Incoming, Role, Unanswered
from sms_gateway.settings import RouteSettings, RouteState, RouteStatus, client_context
from textback.model import Message, Moment, Receipt, Reply, Submission

__all__ = ["COUNTERS", "Route", "RouteSettings", "RouteState", "RouteStatus", "client_context"]

log = structlog.get_logger()

#: Of the time a stop may take, kept for unbind and its answer.
UNBIND_SHARE = 0.25

#: Every counter there is, so that a metric exists before the first event.
COUNTERS = (
    *("segments_submitted", "segments_accepted", "segments_refused", "segments_later"),
    *("segments_throttled", "segments_unsure", "late_responses", "response_timeouts"),
    *("unmatched_responses", "receipts", "replies", "deliver_errors", "deliver_overflows"),
    *("connects", "binds", "binds_refused", "disconnects", "unbinds_received"),
    *("enquire_links_sent", "enquire_links_missed", "nacks_sent", "nacks_received"),
    *("bad_pdus", "frame_errors", "unknown_requests", "alert_notifications", "outbinds"),
)

#: From best to worst; a route with two binds is as well as the worse one.
_RANK = (
    RouteState.BOUND,
    RouteState.BINDING,
    RouteState.CONNECTING,
    RouteState.WAITING,
    RouteState.REFUSED,
    RouteState.STOPPED,
)


class Route:
    """One SMPP account; a `delivery.Gateway`. `run` must be running for anything to happen."""

    def __init__(
        self,
        settings: RouteSettings,
        *,
        on_receipt: Callable[[Receipt], Awaitable[None]],
        on_reply: Callable[[Reply], Awaitable[int | None]],
        on_answered: Callable[[list[int]], None] | None = None,
        on_late: Callable[[int, Submission], Awaitable[None]] | None = None,
        on_state: Callable[[RouteState, str], None] | None = None,
        clock: Callable[[], Moment] = Moment.now,
        dice: Callable[[], float] = random.random,
    ) -> None:
        """`on_receipt` and `on_reply` return when it is on disk, and raise when it could not be
        put there: the carrier is then asked to send it again. What `on_reply` returns is told to
        `on_answered` once the carrier is known to have our answer. `on_late(row_id, submission)`
        tells what became of a message that was `Unsure`. `dice` is uniform in [0, 1)."""
        self.name = settings.name
        self.settings = settings
        self._clock = clock
        self._on_state = on_state
        self._told: tuple[RouteState, str] | None = None
        self._counted: Counter[str] = Counter()
        self._running = False
        self._ended = asyncio.Event()
        roles: tuple[Role, ...] = ("transceiver",)
        if settings.bind == "transmitter+receiver":
            roles = ("transmitter", "receiver")
        self._binds: list[Bind[Segment]] = [
            Bind(
                settings,
                role,
                clock=clock,
                dice=dice,
                on_event=self._event,
                on_state=self._state_changed,
                on_writable=self._writable,
            )
            for role in roles
        ]
        self._inbound = Inbound(
            settings,
            on_receipt=on_receipt,
            on_reply=on_reply,
            on_answered=on_answered,
            on_late=on_late,
            counters=self._counted,
        )
        self._sender = Sender(
            settings,
            self._binds[0],
            clock=clock,
            counters=self._counted,
            on_late=self._inbound.late,
        )

    # --- life ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep bound and work, until `stop` or until cancelled; no message stays unanswered."""
        self._running = True
        try:
            async with asyncio.TaskGroup() as group:
                inbound = group.create_task(self._inbound.run(), name=f"smpp-{self.name}-inbound")
                binds = [
                    group.create_task(bind.run(), name=f"smpp-{self.name}-{bind.role}")
                    for bind in self._binds
                ]
                await asyncio.wait(binds)
                inbound.cancel()
        finally:
            self._running = False
            self._sender.close("the gateway stopped")
            self._ended.set()

    async def stop(self, timeout: float = 30.0) -> None:  # noqa: ASYNC109 (it is no mere deadline)
        """Take nothing new, wait for open answers, unbind, close; `run` then returns.

        At most `timeout` seconds: what is then still open is answered `Unsure`.
        """
        self._sender.close("the gateway is stopping")
        if not self._running:
            return
        try:
            async with asyncio.timeout(timeout * (1 - UNBIND_SHARE)):
                await self._sender.drained()
                await self._inbound.drained()
        except TimeoutError:
            log.warning("smpp_not_drained", route=self.name, in_flight=self._sender.in_flight)
        for bind in self._binds:
            bind.stop()
        try:
            async with asyncio.timeout(timeout * UNBIND_SHARE):
                await self._ended.wait()
        except TimeoutError:
            for bind in self._binds:
                if bind.connection is not None:
                    bind.connection.abort()
            await self._ended.wait()

    def retry_now(self) -> None:
        """End a wait between two attempts, after a refusal too: the operator has changed
        something."""
        for bind in self._binds:
            bind.retry_now()

    # --- what delivery asks -------------------------------------------------------------------

    def submit(self, message: Message) -> Coroutine[Any, Any, Submission]:
        """Send `message`; exactly one answer, in bounded time.

        Its segments count against `room` from this call on, before the first await, so that
        several may be claimed and submitted at once. When the caller is cancelled, segments not
        yet written are withdrawn, and what became of the others goes to `on_late`.
        """
        return self._sender.submit(message)

    @property
    def window(self) -> int:
        """Most segments that may be unanswered."""
        return self.settings.window

    def room(self) -> int:
        """Segments that may be submitted now; 0 when not bound, paused, or the pace is used up."""
        return self._sender.room()

    async def wait_room(self) -> None:
        """Return when `room` is above 0; never, once stopped."""
        await self._sender.wait_room()

    # --- health -------------------------------------------------------------------------------

    @property
    def state(self) -> RouteState:
        return max((bind.state for bind in self._binds), key=_RANK.index)

    @property
    def detail(self) -> str:
        if len(self._binds) == 1:
            return self._binds[0].detail
        return "; ".join(f"{bind.role}: {bind.detail}" for bind in self._binds)

    @property
    def counters(self) -> dict[str, int]:
        """Everything counted since the start, by the names in `COUNTERS`."""
        total = Counter(self._counted)
        for bind in self._binds:
            total += bind.counted
        return {name: total[name] for name in COUNTERS}

    def status(self) -> RouteStatus:
        """How the route stands now."""
        now = self._clock()
        sender, first = self._sender, self._binds[0]
        heard = [
            bind.connection.session.heard_at
            for bind in self._binds
            if bind.connection is not None and bind.connection.session.heard_at is not None
        ]
        return RouteStatus(
            name=self.name,
            peer=self.settings.peer,
            state=self.state,
            detail=self.detail,
            binds=tuple((bind.role, bind.state, bind.detail) for bind in self._binds),
            smsc=first.smsc,
            bound_since=first.bound_since,
            last_heard=now.plus(max(heard) - now.steady).utc if heard else None,
            window=self.settings.window,
            in_flight=sender.in_flight,
            waiting=sender.waiting,
            rate=round(sender.pace.limit(now.steady), 3),
            paused=round(sender.pace.paused(now.steady), 3),
        )

    def _state_changed(self) -> None:
        told = (self.state, self.detail)
        if told != self._told:
            self._told = told
            if self._on_state is not None:
                self._on_state(*told)

    # --- what the sessions report -------------------------------------------------------------

    def _event(self, connection: Connection[Segment], event: Event[Segment]) -> None:
        if isinstance(event, Answered):
            self._sender.answered(connection, event)
        elif isinstance(event, Unanswered):
            self._sender.unanswered(event)
        elif isinstance(event, Incoming):
            self._inbound.take(connection, event.pdu, self._clock().utc)
        elif isinstance(event, Closing) and connection is self._binds[0].connection:
            self._sender.give_back(event.detail)
        self._sender.pump_soon()

    def _writable(self) -> None:
        self._sender.pump_soon()
