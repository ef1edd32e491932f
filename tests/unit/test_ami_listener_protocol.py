"""The read path: bytes in, whole messages out, whatever the bytes."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener.actions import AmiAction, NotConnected
from ami_listener.protocol import MAX_BANNER, LinkProtocol
from tests.fakes.asterisk import channel, event, message

BANNER = b"Asterisk Call Manager/11.0.0\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closing = False

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True


def connected() -> tuple[LinkProtocol, list[bytes], Wire]:
    seen: list[bytes] = []
    protocol, wire = LinkProtocol(seen.append), Wire()
    protocol.connection_made(wire)
    return protocol, seen, wire


def born(name: str = "Zoë", uniqueid: str = "1.1") -> bytes:
    return event("Newchannel", channel(uniqueid, caller_name=name)).encode()


async def test_a_character_split_between_chunks_at_any_byte_arrives_whole() -> None:
    """panoramisk 1.4 decoded each chunk by itself: "Zoë" became "Zo"."""
    data = BANNER + born()
    for cut in range(len(data)):
        protocol, seen, _ = connected()
        protocol.data_received(data[:cut])
        protocol.data_received(data[cut:])
        assert seen == [data[len(BANNER) : -4]]
        assert "Zoë".encode() in seen[0]
        assert protocol.banner.result() == "11.0.0"


async def test_a_duplicate_event_header_breaks_nothing_and_is_handed_on() -> None:
    """With panoramisk 1.4 it raised AttributeError and closed the connection."""
    protocol, seen, wire = connected()
    forged = born().replace(b"Uniqueid: 1.1\r\n", b"Uniqueid: 1.1\r\nEvent: Hangup\r\n", 1)
    protocol.data_received(BANNER + forged + born(uniqueid="1.2"))
    assert [b"Uniqueid: 1.2" in raw for raw in seen] == [False, True]
    assert not wire.closing


async def test_a_duplicate_actionid_reaches_its_action_and_breaks_nothing() -> None:
    protocol, _, _ = connected()
    protocol.data_received(BANNER)
    future = protocol.send(AmiAction({"Action": "Ping", "ActionID": "7"}))
    protocol.data_received(
        message(
            "Response: Success", "ActionID: 7", "ActionID: 8", "Message: a", "Message: b"
        ).encode()
    )
    assert future.result()[0]["message"] == "a\nb"


async def test_an_event_of_no_use_costs_no_place_in_the_queue() -> None:
    protocol, seen, _ = connected()
    protocol.data_received(BANNER + event("RTCPSent", channel("1.1")).encode() * 3)
    assert seen == []
    assert protocol.events_unused == 3


async def test_an_endless_message_takes_bounded_memory_and_the_next_one_arrives() -> None:
    protocol, seen, _ = connected()
    protocol.data_received(BANNER)
    tracemalloc.start()
    try:
        for _ in range(200):
            protocol.data_received(b"x" * 65536)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20
    protocol.data_received(b"\r\n\r\n" + born())
    assert len(seen) == 1
    assert protocol.oversized == 1


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"x" * MAX_BANNER])
async def test_a_peer_that_is_no_asterisk_is_left_at_once(greeting: bytes) -> None:
    protocol, seen, wire = connected()
    protocol.data_received(greeting)
    with pytest.raises(NotConnected, match=r"does not speak AMI; it said '(SSH|xxx)"):
        protocol.banner.result()
    assert wire.closing
    assert seen == []


async def test_a_response_nobody_asked_for_is_counted() -> None:
    protocol, seen, _ = connected()
    forged = message("Response: Success", "ActionID: textback-pres-1.1", "Value: allowed")
    protocol.data_received(BANNER + forged.encode())
    assert protocol.responses_stray == 1
    assert seen == []


async def test_answers_the_stream_needs_are_handed_on_in_order_with_the_events() -> None:
    protocol, seen, _ = connected()
    protocol.data_received(BANNER)
    protocol.send(AmiAction({"Action": "Getvar", "ActionID": "textback-pres-1.1"}))
    answer = message("Response: Success", "ActionID: textback-pres-1.1", "Value: prohib").encode()
    protocol.data_received(born() + answer + born(uniqueid="1.2"))
    assert [raw[:9] for raw in seen] == [b"Event: Ne", b"Response:", b"Event: Ne"]


async def test_the_rest_of_a_torn_event_is_handed_on() -> None:
    protocol, seen, _ = connected()
    protocol.data_received(BANNER + b"Exten: 100\r\nUniqueid: 1.1\r\n\r\n")
    assert seen == [b"Exten: 100\r\nUniqueid: 1.1"]


async def test_an_action_on_a_closed_connection_fails_at_once() -> None:
    """panoramisk 1.4 gave a future that never resolved."""
    protocol, _, _ = connected()
    protocol.close()
    with pytest.raises(NotConnected):
        protocol.send(AmiAction({"Action": "Ping"}))


async def test_an_action_without_an_answer_fails_when_the_connection_ends() -> None:
    protocol, _, _ = connected()
    protocol.data_received(BANNER)
    future = protocol.send(AmiAction({"Action": "Ping"}))
    protocol.connection_lost(None)
    with pytest.raises(NotConnected, match="went down"):
        future.result()
    assert protocol.gone.done()
    assert protocol.responses == {}


async def test_closing_twice_is_fine() -> None:
    protocol, _, wire = connected()
    protocol.close()
    protocol.close()
    assert wire.closing


@given(st.lists(st.binary(max_size=200), max_size=20), st.booleans())
@settings(max_examples=200, deadline=None)
def test_no_bytes_at_all_raise_or_close_a_connection_to_an_asterisk(
    chunks: list[bytes], events: bool
) -> None:
    async def feed() -> None:
        protocol, seen, wire = connected()
        protocol.data_received(BANNER)
        for chunk in chunks:
            protocol.data_received((b"Event: Newchannel\r\n" if events else b"") + chunk)
            protocol.data_received(b"Response: Success\r\nActionID: x\r\n\r\n")
        protocol.data_received(b"\r\n\r\n" + born())
        assert not wire.closing
        assert b"Uniqueid: 1.1" in seen[-1]

    asyncio.run(feed())
