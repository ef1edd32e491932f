"""The asyncio end of one session: octets in and out, its one timer, and its end.

Everything that happens in one turn of the event loop leaves in one write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic

from sms_gateway.pdu import Pdu
from sms_gateway.session import Session
from sms_gateway.session_states import Closing, Ending, Event, KeyT

#: Octets a peer may leave unread before it counts as broken; a window of texts is far less.
MAX_UNREAD = 1 << 20
#: Seconds for the last octets to leave before the connection is cut.
CLOSE_TIMEOUT = 5.0
#: The clock's grain: a timer that fires a hair early must not spin.
MIN_DELAY = 0.001


class Connection(asyncio.Protocol, Generic[KeyT]):
    """Carries one `Session` over one transport; `closed` gets its `Closing` when both are gone."""

    def __init__(
        self,
        session: Session[KeyT],
        *,
        steady: Callable[[], float],
        on_event: Callable[[Event[KeyT]], None],
        on_writable: Callable[[], None],
    ) -> None:
        """`steady` is the clock in seconds; `on_event` gets every fact in order, and must not
        block; `on_writable` is called when the peer reads again."""
        self.session = session
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[Closing] = self._loop.create_future()
        self._steady = steady
        self._made = steady()
        self._on_event = on_event
        self._on_writable = on_writable
        self._transport: asyncio.Transport | None = None
        self._closing: Closing | None = None
        self._full = False
        self._flushing: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def window(self) -> int:
        """How many submits may be written now: 0 too while the peer does not read."""
        if self._full or self._transport is None or self._transport.is_closing():
            return 0
        return self.session.window

    @property
    def age(self) -> float:
        """Seconds since it was made."""
        return self._steady() - self._made

    def start(self) -> None:
        """Bind. Raises PduError when the account's own data cannot be sent."""
        self.session.connection_made(self._steady())
        self.flush()

    def respond(self, request: Pdu, status: int) -> None:
        """Answer a deliver_sm or data_sm; nothing happens when the connection is gone."""
        self.session.respond(request, status)
        if self._flushing is None:
            self._flushing = self._loop.call_soon(self.flush)

    def unbind(self) -> None:
        """Take leave; `closed` tells when it is done."""
        self.session.unbind(self._steady())
        self.flush()

    def close(self, ending: Ending, detail: str) -> None:
        """End it without the peer's agreement."""
        self.session.close(ending, detail)
        self.flush()

    def abort(self) -> None:
        """End it now; octets not yet sent are lost."""
        self.close(Ending.STOPPED, "aborted")
        if self._transport is not None:
            self._transport.abort()

    def flush(self) -> None:
        """Send what the session has to send, then tell what happened, then set the timer."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        transport = self._transport
        data = self.session.data_to_send()
        if data and transport is not None and not transport.is_closing():
            transport.write(data)
            if transport.get_write_buffer_size() > MAX_UNREAD:
                self.session.close(Ending.BROKEN, "the SMSC does not read what we send")
        for event in self.session.events_received():
            if isinstance(event, Closing):
                self._end(event)
            self._on_event(event)
        self._arm()

    def _end(self, closing: Closing) -> None:
        self._closing = closing
        if self._transport is None:
            return
        self._transport.close()
        # A peer that does not read would keep the connection, and us, for ever.
        abort = self._loop.call_later(CLOSE_TIMEOUT, self._transport.abort)
        self.closed.add_done_callback(lambda _: abort.cancel())

    def _arm(self) -> None:
        deadline = self.session.next_deadline()
        if deadline is None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            return
        when = self._loop.time() + max(MIN_DELAY, deadline - self._steady())
        if self._timer is not None:
            if self._timer.when() <= when:
                return  # it fires early, finds nothing due, and is set anew: cheaper than now
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.session.tick(self._steady())
        self.flush()

    # --- asyncio.Protocol ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.session.receive_data(data, self._steady())
        self.flush()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._on_writable()

    def connection_lost(self, exc: Exception | None) -> None:
        self.session.connection_lost(str(exc) if exc else "the SMSC closed the connection")
        self.flush()
        self._transport = None
        if not self.closed.done():
            assert self._closing is not None
            self.closed.set_result(self._closing)
