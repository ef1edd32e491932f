"""The asyncio end of a session, on a transport that remembers."""

from __future__ import annotations

import asyncio
import time

from sms_gateway.connection import MAX_UNREAD, Connection
from sms_gateway.session import Session
from sms_gateway.session_states import Bound, Closing, Ending, Event
from sms_gateway.settings import RouteSettings
from tests.fakes import smsc
from tests.fakes.transport import Remembering


def bound() -> tuple[Connection[str], Remembering, list[Event[str]], list[None]]:
    events: list[Event[str]] = []
    writable: list[None] = []
    settings = RouteSettings(name="test", host="h", system_id="acme")
    connection = Connection(
        Session[str](settings, "transceiver"),
        steady=time.monotonic,
        on_event=events.append,
        on_writable=lambda: writable.append(None),
    )
    transport = Remembering()
    connection.connection_made(transport)
    connection.start()
    connection.data_received(smsc.bind_resp(1))
    assert events == [Bound("evil")]
    events.clear()
    transport.writes.clear()
    return connection, transport, events, writable


async def test_everything_of_one_turn_leaves_in_one_write() -> None:
    connection, transport, _, _ = bound()
    for number in range(5):
        connection.session.submit(f"{number}", 0.0, (), {"destination_addr": "1"})
    connection.flush()
    assert [len(smsc.unpack(data)) for data in transport.writes] == [5]
    connection.abort()


async def test_answers_to_deliveries_of_one_turn_leave_in_one_write() -> None:
    connection, transport, events, _ = bound()
    connection.data_received(b"".join(smsc.deliver(n, b"x") for n in (1, 2, 3)))
    for event in events:
        connection.respond(event.pdu, 0)  # type: ignore[union-attr]
    assert transport.writes == []
    await asyncio.sleep(0)
    assert [len(smsc.unpack(data)) for data in transport.writes] == [3]
    connection.abort()


async def test_a_peer_that_does_not_read_stops_the_window_and_then_the_connection() -> None:
    connection, transport, events, writable = bound()
    assert connection.window == 10
    connection.pause_writing()
    assert connection.window == 0
    connection.resume_writing()
    assert (connection.window, writable) == (10, [None])
    transport.unread = MAX_UNREAD + 1
    connection.data_received(smsc.pack(smsc.ENQUIRE_LINK, 7))
    (end,) = events
    assert isinstance(end, Closing)
    assert end.ending is Ending.BROKEN
    assert transport.closed
    connection.connection_lost(None)
    assert connection.closed.result() is end


async def test_nothing_is_written_to_a_connection_that_closes() -> None:
    connection, transport, _, _ = bound()
    transport.close()
    assert connection.window == 0
    connection.data_received(smsc.pack(smsc.ENQUIRE_LINK, 7))
    assert transport.writes == []
    connection.abort()


async def test_the_end_is_told_once_whoever_ends_it() -> None:
    connection, transport, events, _ = bound()
    connection.close(Ending.STOPPED, "stopped")
    connection.connection_lost(ConnectionResetError("reset"))
    connection.abort()
    assert events == [Closing(Ending.STOPPED, "stopped")]
    assert connection.closed.result() == Closing(Ending.STOPPED, "stopped")
    assert transport.aborted is False, "the transport was gone already"
