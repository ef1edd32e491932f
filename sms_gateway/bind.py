"""One bind kept up: connect, bind, and again after every end, for as long as the route runs.

How long to wait depends on how it ended. A connection that dropped is tried again soon, with full
jitter, so that a carrier that comes back is not met by all its customers in one second. A carrier
that refused our name or password is left alone for minutes: carriers lock accounts that knock too
often. A carrier that still holds our old connection needs time to miss it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Generic

import structlog

from sms_gateway import outcomes
from sms_gateway.connection import CLOSE_TIMEOUT, Connection
from sms_gateway.pdu import PduError
from sms_gateway.session import Session
from sms_gateway.session_states import (
    Answered,
    Bound,
    Closing,
    Ending,
    Event,
    Incoming,
    KeyT,
    Role,
)
from sms_gateway.settings import RouteSettings, RouteState
from textback.model import Moment

log = structlog.get_logger()

#: A bind this old was a good one, even if nothing was sent over it.
STEADY_AFTER = 10.0
#: 2**30 times any first delay is beyond every cap.
_MAX_EXPONENT = 30

RALYBND = 0x05


class Bind(Generic[KeyT]):
    """Supervises the connection of one role; `connection` is None unless there is one."""

    def __init__(
        self,
        settings: RouteSettings,
        role: Role,
        *,
        clock: Callable[[], Moment],
        dice: Callable[[], float],
        on_event: Callable[[Connection[KeyT], Event[KeyT]], None],
        on_state: Callable[[], None],
        on_writable: Callable[[], None],
    ) -> None:
        self.role = role
        self.state = RouteState.STOPPED
        self.detail = "not started"
        self.connection: Connection[KeyT] | None = None
        self.smsc = ""
        self.bound_since: datetime | None = None
        self.counters: Counter[str] = Counter()
        self._settings = settings
        self._clock = clock
        self._dice = dice
        self._on_event = on_event
        self._on_state = on_state
        self._on_writable = on_writable
        self._stopping = asyncio.Event()
        self._nudge = asyncio.Event()  #: ends a wait between two attempts
        self._alarmed: set[RouteState] = set()  #: told as an alarm since the last good bind
        self._connecting: asyncio.Timeout | None = None
        self._failures = 0
        self._bound_at: float | None = None

    async def run(self) -> None:
        """Keep it bound until `stop`, or until cancelled."""
        try:
            while not self._stopping.is_set():
                closing = await self._once()
                if self._stopping.is_set():
                    break
                await self._wait(self._delay(closing))
        finally:
            if self.connection is not None:
                self.connection.abort()
                self.connection = None
            self._set(RouteState.STOPPED, "stopped")

    def stop(self) -> None:
        """Unbind, and do not come back: `run` returns."""
        self._stopping.set()
        self._nudge.set()
        if self.connection is not None:
            self.connection.unbind()
        elif self._connecting is not None:
            self._connecting.reschedule(asyncio.get_running_loop().time())

    def retry_now(self) -> None:
        """End a wait between two attempts: the operator has changed something."""
        if self.state in (RouteState.WAITING, RouteState.REFUSED):
            self._nudge.set()

    @property
    def counted(self) -> Counter[str]:
        """The counters of all connections so far, this one's included."""
        live = self.connection.session.counters if self.connection else Counter[str]()
        return self.counters + live

    async def _once(self) -> Closing:
        """One connection from its first octet to its last."""
        settings = self._settings
        connection: Connection[KeyT] = Connection(
            Session(settings, self.role),
            steady=lambda: self._clock().steady,
            on_event=self._event,
            on_writable=self._on_writable,
        )
        self._set(RouteState.CONNECTING, f"connecting to {settings.peer}")
        self.counters["connects"] += 1
        try:
            async with asyncio.timeout(settings.connect_timeout) as self._connecting:
                await self._connect(connection)
        except TimeoutError:
            return Closing(Ending.LOST, f"{settings.peer} did not answer")
        # UnicodeError: a host name that is none.
        except (OSError, UnicodeError) as error:
            return Closing(Ending.LOST, f"cannot connect to {settings.peer}: {error}")
        finally:
            self._connecting = None
        self.connection = connection
        try:
            self._set(RouteState.BINDING, f"binding as {settings.system_id}")
            connection.start()
            if self._stopping.is_set():
                connection.unbind()
            # Shielded: a cancelled wait must not take the connection's own end away.
            return await asyncio.shield(connection.closed)
        except PduError as error:
            connection.abort()
            return Closing(Ending.UNSENDABLE, f"the bind cannot be sent: {error}")
        finally:
            self.counters += connection.session.counters
            if connection.closed.done():
                self.connection = None

    async def _connect(self, connection: Connection[KeyT]) -> None:
        settings = self._settings
        loop = asyncio.get_running_loop()
        if settings.tls is None:
            await loop.create_connection(lambda: connection, settings.host, settings.port)
        else:
            await loop.create_connection(
                lambda: connection,
                settings.host,
                settings.port,
                ssl=settings.tls,
                server_hostname=settings.server_hostname or settings.host,
                ssl_shutdown_timeout=CLOSE_TIMEOUT,
            )

    def _event(self, event: Event[KeyT]) -> None:
        connection = self.connection
        assert connection is not None
        if isinstance(event, Bound):
            now = self._clock()
            self.smsc, self.bound_since, self._bound_at = event.smsc, now.utc, now.steady
            self.counters["binds"] += 1
            self._set(RouteState.BOUND, f"bound to {event.smsc or self._settings.peer}")
        elif isinstance(event, Answered | Incoming):
            self._failures = 0
        elif isinstance(event, Closing):
            self._closed(event)
        self._on_event(connection, event)

    def _closed(self, closing: Closing) -> None:
        bound_at, self._bound_at, self.bound_since = self._bound_at, None, None
        if bound_at is not None:
            self.counters["disconnects"] += 1
            if self._clock().steady - bound_at >= STEADY_AFTER:
                self._failures = 0
        stopping = self._stopping.is_set()
        self._set(RouteState.STOPPED if stopping else RouteState.WAITING, closing.detail)

    def _delay(self, closing: Closing) -> float:
        """Seconds to wait after `closing`; says so."""
        settings = self._settings
        state, detail, status = RouteState.WAITING, closing.detail, closing.status
        if closing.ending in (Ending.REFUSED, Ending.UNSENDABLE):
            self.counters["binds_refused"] += 1
        if closing.ending is Ending.UNSENDABLE:
            state, delay = RouteState.REFUSED, self._around(settings.refused_delay)
        elif closing.ending is Ending.REFUSED:
            verdict = outcomes.judge_bind(status)
            detail = f"the carrier refuses our bind ({verdict.name}): {verdict.comment}"
            if verdict.kind is outcomes.Kind.BIND_REFUSED:
                state, delay = RouteState.REFUSED, self._around(settings.refused_delay)
            elif status == RALYBND:
                delay = self._around(settings.already_bound_delay)
            else:
                delay = self._backoff()
        else:
            delay = self._backoff()
        self._set(state, f"{detail}; next attempt in {delay:.0f} s", alarm=True)
        return delay

    def _backoff(self) -> float:
        settings = self._settings
        ceiling = settings.backoff_first * 2 ** min(self._failures, _MAX_EXPONENT)
        self._failures += 1
        return float(self._dice() * min(settings.backoff_max, ceiling))

    def _around(self, seconds: float) -> float:
        return seconds * (0.9 + 0.2 * self._dice())

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._nudge.wait()
        except TimeoutError:
            return
        finally:
            self._nudge.clear()

    def _set(self, state: RouteState, detail: str, *, alarm: bool = False) -> None:
        if (state, detail) == (self.state, self.detail):
            return
        self.state, self.detail = state, detail
        if state is RouteState.BOUND:
            self._alarmed.clear()
        # Once an outage, however often it is tried; a refusal needs a person.
        new = alarm and state not in self._alarmed
        if new:
            self._alarmed.add(state)
        refused = state is RouteState.REFUSED
        say = log.error if new and refused else log.warning if new else log.info
        say("smpp_state", route=self._settings.name, role=self.role, state=state, detail=detail)
        self._on_state()
