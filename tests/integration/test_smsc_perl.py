"""A route against an SMSC on Debian's Net::SMPP: receipts are text and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from sms_gateway.link import RouteState
from tests.fakes.route import DID, HANDSET, THREE_PARTS, message, running_route
from tests.smscs.peers import perl_smsc
from textback.model import Accepted, Later, ReceiptState, Unsure

pytestmark = pytest.mark.smsc


@pytest.mark.parametrize("first", [False, True], ids=["answer first", "receipt first"])
async def test_perl_takes_a_text_and_sends_a_receipt_of_text_only(first: bool) -> None:
    async with perl_smsc(receipt_first=int(first)) as carrier, running_route(carrier.port) as bench:
        bind = await carrier.event("bind")
        assert (bind["role"], bind["system_id"]) == ("transceiver", "acme")
        await bench.route.wait_room()
        answer = await bench.route.submit(message())
        assert isinstance(answer, Accepted)
        submit = await carrier.event("submit")
        assert (submit["source"], submit["source_ton"]) == (DID[1:], 1)
        assert (submit["destination"], submit["destination_ton"]) == (HANDSET[1:], 1)
        assert bytes.fromhex(submit["octets"]) == b"Sorry we missed your call."
        assert submit["validity"].endswith("000R")
        receipt = await bench.receipts.get()
        assert receipt.message_id == answer.parts[0].message_id == "00000001"
        assert receipt.state is ReceiptState.DELIVERED
        assert (await carrier.event("receipt_resp"))["status"] == 0


async def test_perl_gets_three_parts_with_one_reference() -> None:
    async with perl_smsc() as carrier, running_route(carrier.port) as bench:
        await bench.route.wait_room()
        answer = await bench.route.submit(message(text=THREE_PARTS, reference=0xBEEF))
        assert isinstance(answer, Accepted)
        submits = await carrier.collect("submit", 3)
        octets = [bytes.fromhex(submit["octets"]) for submit in submits]
        assert [part[:7].hex() for part in octets] == [f"060804beef03{n:02x}" for n in (1, 2, 3)]
        assert b"".join(part[7:] for part in octets).decode() == THREE_PARTS
        assert {submit["esm_class"] for submit in submits} == {0x40}
        for part in answer.parts:
            assert (await bench.receipts.get()).message_id == part.message_id


async def test_perl_gets_ucs2_as_utf_16() -> None:
    text = "Пропущенный звонок 📞"
    async with perl_smsc() as carrier, running_route(carrier.port) as bench:
        await bench.route.wait_room()
        assert isinstance(await bench.route.submit(message(text=text)), Accepted)
        submit = await carrier.event("submit")
        assert submit["data_coding"] == 8
        assert bytes.fromhex(submit["octets"]).decode("utf-16-be") == text


async def test_perl_hands_a_reply_over() -> None:
    async with perl_smsc() as carrier, running_route(carrier.port) as bench:
        await bench.until_state(RouteState.BOUND)
        await carrier.do("reply", **{"from": HANDSET[1:], "to": DID[1:], "text": "Call me"})
        reply = await bench.replies.get()
        assert (reply.sender, reply.recipient, reply.text) == (HANDSET, DID, "Call me")
        assert (await carrier.event("reply_resp"))["status"] == 0


async def test_perl_has_a_transmitter_and_a_receiver() -> None:
    async with (
        perl_smsc() as carrier,
        running_route(carrier.port, bind="transmitter+receiver") as bench,
    ):
        roles = {bind["role"] for bind in await carrier.collect("bind", 2)}
        assert roles == {"transmitter", "receiver"}
        await bench.until_state(RouteState.BOUND)
        answer = await bench.route.submit(message())
        assert isinstance(answer, Accepted)
        assert (await bench.receipts.get()).message_id == answer.parts[0].message_id


async def test_perl_drops_tcp_with_the_window_unanswered() -> None:
    async with perl_smsc(mute=1) as carrier, running_route(carrier.port, window=3) as bench:
        await bench.route.wait_room()
        tasks = bench.submit(*(message(row_id) for row_id in range(1, 6)))
        await carrier.collect("submit", 3)
        await carrier.do("drop")
        answers = await asyncio.gather(*tasks)
        assert [type(answer) for answer in answers] == [Unsure] * 3 + [Later] * 2
        await carrier.collect("bind", 2)
        await bench.until_state(RouteState.BOUND)


async def test_perl_throttles() -> None:
    async with perl_smsc(throttle_every=2) as carrier, running_route(carrier.port) as bench:
        await bench.route.wait_room()
        first, second = bench.submit(message(1), message(2))
        assert isinstance(await first, Accepted)
        answer = await second
        assert isinstance(answer, Later)
        assert answer.name == "ESME_RTHROTTLED"


async def test_perl_refuses_a_wrong_password() -> None:
    async with (
        perl_smsc(password="right") as carrier,
        running_route(carrier.port, password="wrong") as bench,
    ):
        await carrier.event("bind_refused")
        await bench.until_state(RouteState.REFUSED)
        assert "ESME_RINVPASWD" in bench.route.detail


async def test_perl_sees_enquire_link_and_a_graceful_stop() -> None:
    async with perl_smsc() as carrier, running_route(carrier.port, enquire_link=0.05) as bench:
        await carrier.collect("enquire_link", 2)
        await bench.route.stop(20.0)
        await carrier.event("unbind")
        await bench.task
        assert bench.route.state is RouteState.STOPPED
