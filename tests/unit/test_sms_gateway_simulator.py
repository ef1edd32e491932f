"""The simulator, against raw octets for what it must survive, and against a route for the rest."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_gateway.link import RouteState
from sms_gateway.pdu import Pdu
from sms_gateway.reassembly import MAX_UNFINISHED, Reassembler
from sms_gateway.simulator import SimulatedText, Simulator, SimulatorSettings
from sms_gateway.simulator_peer import Peer
from tests.fakes import smsc
from tests.fakes.route import DID, HANDSET, THREE_PARTS, message, running_route
from tests.fakes.transport import Remembering
from textback.model import Accepted, Later, ReceiptState, Refused, Unsure

SETTINGS = SimulatorSettings(port=0, receipt_delay=0.0, retry_delay=0.01)


@asynccontextmanager
async def client(port: int) -> AsyncIterator[smsc.Peer]:
    """A raw connection to the simulator."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    peer = smsc.Peer(reader, writer)
    try:
        yield peer
    finally:
        writer.transport.abort()


def bind(sequence: int, command: int = smsc.BIND_TRANSCEIVER, password: bytes = b"pw") -> bytes:
    return smsc.pack(command, sequence, b"acme\0" + password + b"\0\0\x34\0\0\0")


def submit(sequence: int, text: bytes = b"Hi", registered: int = 0) -> bytes:
    head = b"\0\1\1" + b"12125550100\0" + b"\1\1" + b"12125550123\0" + b"\0\0\0\0\0"
    tail = bytes([registered, 0, 0, 0, len(text)]) + text
    return smsc.pack(smsc.SUBMIT_SM, sequence, head + tail)


# --- with a route -----------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["udh", "sar", "payload"])
@pytest.mark.parametrize(
    "text", ["Sorry we missed your call.", THREE_PARTS, "Пропущенный звонок 📞 " * 8]
)
async def test_a_text_is_shown_as_the_handset_would_and_its_receipts_follow(
    way: str, text: str
) -> None:
    shown: asyncio.Queue[SimulatedText] = asyncio.Queue()
    async with (
        Simulator(SETTINGS, on_message=shown.put_nowait) as carrier,
        running_route(carrier.port, long_messages=way) as bench,
    ):
        await bench.route.wait_room()
        answer = await bench.route.submit(message(text=text))
        assert isinstance(answer, Accepted)
        seen = await shown.get()
        assert (seen.sender, seen.to, seen.text) == (DID, HANDSET, text)
        assert seen.parts == len(answer.parts)
        assert seen.message_ids == tuple(part.message_id for part in answer.parts)
        for part in answer.parts:
            receipt = await bench.receipts.get()
            assert receipt.message_id == part.message_id
            assert receipt.state is ReceiptState.DELIVERED


async def test_a_reply_reaches_the_route_in_parts() -> None:
    async with Simulator(SETTINGS) as carrier, running_route(carrier.port) as bench:
        await bench.until_state(RouteState.BOUND)
        assert carrier.reply(HANDSET, DID, "Call me back, please. 📞") == 1
        reply = await bench.replies.get()
        assert (reply.sender, reply.recipient) == (HANDSET, DID)
        assert reply.text == "Call me back, please. 📞"
        assert carrier.reply(HANDSET, DID, THREE_PARTS) == 3
        parts = [await bench.replies.get() for _ in range(3)]
        assert [(part.part, part.parts) for part in parts] == [(1, 3), (2, 3), (3, 3)]
        assert len({part.reference for part in parts}) == 1
        assert "".join(part.text for part in parts) == THREE_PARTS


async def test_a_simulator_that_stopped_has_nothing_scheduled() -> None:
    async with Simulator(SETTINGS) as carrier, client(carrier.port) as peer:
        await peer.send(bind(1))
        await peer.read()
        carrier.reply(HANDSET, DID, "Never answered")
        await peer.expect(smsc.DELIVER_SM)
        await carrier.stop()
        with contextlib.suppress(ConnectionResetError):
            await peer.eof()
        assert not carrier.peers
        assert not carrier._timers


async def test_a_reply_waits_for_a_receiver() -> None:
    async with Simulator(SETTINGS) as carrier:
        carrier.reply(HANDSET, DID, "Anyone?")
        async with running_route(carrier.port) as bench:
            assert (await bench.replies.get()).text == "Anyone?"


async def test_what_the_route_could_not_store_comes_again() -> None:
    async with Simulator(SETTINGS) as carrier, running_route(carrier.port) as bench:
        await bench.until_state(RouteState.BOUND)
        bench.failures += [OSError("disk full"), OSError("disk full")]
        carrier.reply(HANDSET, DID, "Important")
        assert (await bench.replies.get()).text == "Important"
        assert bench.route.counters["deliver_errors"] == 2


async def test_options_throttle_refuse_and_choose_the_receipt() -> None:
    chosen = replace(
        SETTINGS,
        throttle_every=2,
        refuse=frozenset({"12125550199"}),
        receipt_state=ReceiptState.UNDELIVERABLE,
    )
    async with Simulator(chosen) as carrier, running_route(carrier.port) as bench:
        await bench.route.wait_room()
        refused = await bench.route.submit(message(to="+12125550199"))
        assert isinstance(refused, Refused)
        throttled = await bench.route.submit(message(2))
        assert isinstance(throttled, Later)
        await bench.route.wait_room()
        assert isinstance(await bench.route.submit(message(3)), Accepted)
        assert (await bench.receipts.get()).state is ReceiptState.UNDELIVERABLE


class Watched(Simulator):
    """Tells when a submit has arrived."""

    def __init__(self, settings: SimulatorSettings) -> None:
        super().__init__(settings)
        self.arrived = asyncio.Event()

    def submitted(self, peer: Peer, submit: Pdu) -> None:
        super().submitted(peer, submit)
        self.arrived.set()


async def test_a_slow_simulator_that_stops_leaves_the_window_unsure() -> None:
    async with (
        Watched(replace(SETTINGS, answer_delay=600.0)) as carrier,
        running_route(carrier.port) as bench,
    ):
        await bench.route.wait_room()
        (task,) = bench.submit(message())
        await carrier.arrived.wait()
        await carrier.stop()
        assert isinstance(await task, Unsure)


@pytest.mark.parametrize(
    ("account", "name"),
    [({"password": "right"}, "ESME_RINVPASWD"), ({"system_id": "other"}, "ESME_RINVSYSID")],
)
async def test_a_wrong_account_is_refused_when_one_is_set(
    account: dict[str, Any], name: str
) -> None:
    async with (
        Simulator(replace(SETTINGS, **account)) as carrier,
        running_route(carrier.port) as bench,
    ):
        await bench.until_state(RouteState.REFUSED)
        assert name in bench.route.detail


async def test_transmitter_and_receiver_share_an_account() -> None:
    async with (
        Simulator(SETTINGS) as carrier,
        running_route(carrier.port, bind="transmitter+receiver") as bench,
    ):
        await bench.until_state(RouteState.BOUND)
        assert isinstance(await bench.route.submit(message()), Accepted)
        assert (await bench.receipts.get()).state is ReceiptState.DELIVERED


async def test_an_onlooker_that_fails_changes_nothing_for_the_client() -> None:
    def fail(_: SimulatedText) -> None:
        raise RuntimeError("the terminal is gone")

    async with (
        Simulator(SETTINGS, on_message=fail) as carrier,
        running_route(carrier.port) as bench,
    ):
        await bench.route.wait_room()
        assert isinstance(await bench.route.submit(message(1)), Accepted)
        assert isinstance(await bench.route.submit(message(2)), Accepted)


# --- raw octets -------------------------------------------------------------------------------


async def test_a_submit_before_the_bind_or_from_a_receiver_is_refused() -> None:
    async with Simulator(SETTINGS) as carrier, client(carrier.port) as peer:
        await peer.send(submit(1))
        assert (await peer.expect(smsc.SUBMIT_SM_RESP)).status == 0x04
        await peer.send(bind(2, smsc.BIND_RECEIVER), submit(3))
        assert (await peer.read()).status == 0
        assert (await peer.expect(smsc.SUBMIT_SM_RESP)).status == 0x04


async def test_a_second_bind_on_one_connection_is_refused() -> None:
    async with Simulator(SETTINGS) as carrier, client(carrier.port) as peer:
        await peer.send(bind(1), bind(2))
        assert [(await peer.read()).status for _ in range(2)] == [0, smsc.RALYBND]


async def test_every_request_is_answered_and_unbind_ends() -> None:
    async with Simulator(SETTINGS) as carrier, client(carrier.port) as peer:
        await peer.send(bind(1), smsc.pack(smsc.ENQUIRE_LINK, 2), smsc.pack(0x3, 3, b"1\0\1\1\0"))
        await peer.send(smsc.pack(0x999, 4), smsc.pack(smsc.UNBIND, 5))
        answers = [await peer.read() for _ in range(5)]
        assert [(pdu.command, pdu.sequence) for pdu in answers] == [
            (smsc.BIND_TRANSCEIVER_RESP, 1),
            (smsc.ENQUIRE_LINK_RESP, 2),
            (smsc.GENERIC_NACK, 3),
            (smsc.GENERIC_NACK, 4),
            (smsc.UNBIND_RESP, 5),
        ]
        await peer.eof()


@pytest.mark.parametrize("length", [0, 3, 15, 0x7FFFFFFF])
async def test_an_impossible_length_ends_that_connection_alone(length: int) -> None:
    async with (
        Simulator(SETTINGS) as carrier,
        client(carrier.port) as evil,
        client(carrier.port) as good,
    ):
        await good.send(bind(1))
        assert (await good.read()).status == 0
        await evil.send(struct.pack(">IIII", length, smsc.SUBMIT_SM, 0, 1))
        await evil.eof()
        await good.send(submit(2))
        assert (await good.expect(smsc.SUBMIT_SM_RESP)).status == 0


async def test_octets_one_at_a_time_read_the_same() -> None:
    shown: asyncio.Queue[SimulatedText] = asyncio.Queue()
    async with (
        Simulator(SETTINGS, on_message=shown.put_nowait) as carrier,
        client(carrier.port) as peer,
    ):
        for octet in bind(1) + submit(2, b"Slowly"):
            await peer.send(bytes([octet]))
        assert (await peer.read()).status == 0
        assert (await peer.expect(smsc.SUBMIT_SM_RESP)).status == 0
        assert (await shown.get()).text == "Slowly"


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 0x110), st.binary(max_size=90)), max_size=8),
    st.booleans(),
)
def test_no_octets_of_a_client_raise(frames: list[tuple[int, bytes]], framed: bool) -> None:
    async def feed() -> bytes:
        carrier = Simulator(SETTINGS)
        await carrier.start()
        transport = Remembering()
        peer = carrier._accept()
        peer.connection_made(transport)
        peer.data_received(bind(1))
        for number, (command, body) in enumerate(frames):
            peer.data_received(smsc.pack(command, number, body) if framed else body)
        peer.connection_lost(None)
        await carrier.stop()
        return b"".join(transport.writes)

    assert smsc.unpack(asyncio.run(feed()))[0][:3] == (smsc.BIND_TRANSCEIVER_RESP, 0, 1)


async def test_a_text_from_an_address_no_receipt_fits_in_is_taken_all_the_same() -> None:
    async with Simulator(SETTINGS) as carrier, client(carrier.port) as peer:
        odd = submit(2, registered=1).replace(b"12125550100", b"1" * 30)
        await peer.send(bind(1), struct.pack(">I", len(odd)) + odd[4:], smsc.pack(0x15, 3))
        answers = [await peer.read() for _ in range(3)]
        assert [pdu.status for pdu in answers] == [0, 0, 0]
        assert carrier.counters["undeliverable"] == 1


async def test_no_receipt_is_sent_that_was_not_asked_for() -> None:
    async with Simulator(SETTINGS) as carrier, client(carrier.port) as peer:
        await peer.send(bind(1), submit(2, registered=0), submit(3, registered=1))
        await peer.read()
        await peer.expect(smsc.SUBMIT_SM_RESP)
        await peer.expect(smsc.SUBMIT_SM_RESP)
        receipt = await peer.expect(smsc.DELIVER_SM)
        assert b"id:00000002 " in receipt.body
        assert smsc.tlv(0x001E, b"00000002\0") in receipt.body
        assert carrier.counters["receipts"] == 1


async def test_only_loopback_is_listened_on_unless_asked() -> None:
    with pytest.raises(ValueError, match="not a loopback address"):
        Simulator(SimulatorSettings(host="0.0.0.0"))
    Simulator(SimulatorSettings(host="0.0.0.0", allow_remote=True))
    Simulator(SimulatorSettings(host="::1"))


# --- putting together -------------------------------------------------------------------------


def test_pieces_come_in_any_order_and_twice() -> None:
    whole = Reassembler()
    assert whole.add("k", 3, 3, b"c") is None
    assert whole.add("k", 1, 3, b"a") is None
    assert whole.add("k", 1, 3, b"a") is None
    assert whole.add("k", 2, 3, b"b") == b"abc"
    assert len(whole) == 0


def test_pieces_of_different_messages_do_not_mix() -> None:
    whole = Reassembler()
    assert whole.add(("a", 7), 1, 2, b"1") is None
    assert whole.add(("b", 7), 2, 2, b"2") is None
    assert whole.add(("a", 7), 2, 2, b"2") == b"12"


def test_a_piece_that_cannot_be_is_left_out() -> None:
    whole = Reassembler()
    assert whole.add("k", 4, 3, b"x") is None
    assert whole.add("k", 0, 3, b"x") is None
    assert len(whole) == 0


def test_unfinished_messages_are_bounded() -> None:
    whole = Reassembler()
    for reference in range(MAX_UNFINISHED + 50):
        whole.add(reference, 1, 2, b"x")
    assert len(whole) == MAX_UNFINISHED
    assert whole.add(0, 2, 2, b"y") is None, "the oldest gave way"
