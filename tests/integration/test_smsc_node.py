"""A route against an SMSC on npm's `smpp`: decimal receipts for hex ids, drops, throttling."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from sms_gateway.link import RouteState
from tests.fakes.route import DID, HANDSET, THREE_PARTS, message, running_route
from tests.smscs.peers import node_smsc
from textback.model import Accepted, Later, ReceiptState, Refused, Unsure

pytestmark = pytest.mark.smsc


async def test_node_takes_a_text_and_its_receipt_finds_it_by_another_number_base() -> None:
    async with node_smsc() as carrier, running_route(carrier.port) as bench:
        bind = await carrier.event("bind")
        assert (bind["role"], bind["system_id"]) == ("transceiver", "acme")
        assert bind["interface_version"] == 0x34
        await bench.route.wait_room()
        answer = await bench.route.submit(message())
        assert isinstance(answer, Accepted)
        submit = await carrier.event("submit")
        assert (submit["source"], submit["source_ton"], submit["source_npi"]) == (DID[1:], 1, 1)
        assert (submit["destination"], submit["destination_ton"]) == (HANDSET[1:], 1)
        assert submit["text"] == "Sorry we missed your call."
        assert submit["registered_delivery"] == 1
        left = datetime.fromisoformat(submit["validity"]) - datetime.now(UTC)
        assert timedelta(minutes=10) < left < timedelta(minutes=16)
        receipt = await bench.receipts.get()
        stored = answer.parts[0].message_id
        assert stored == submit["message_id"] == "a1"
        assert receipt.message_id == "161"
        assert stored in receipt.id_forms
        assert receipt.state is ReceiptState.DELIVERED
        assert (receipt.sender, receipt.recipient) == (HANDSET, DID)
        assert (await carrier.event("receipt_resp"))["status"] == 0


@pytest.mark.parametrize("way", ["udh", "sar", "payload"])
@pytest.mark.parametrize(
    "text",
    [THREE_PARTS, "é€[]" * 60, "Пропущенный звонок 📞 " * 8],
    ids=["gsm", "extended", "ucs2"],
)
async def test_node_puts_a_long_text_together_again(way: str, text: str) -> None:
    async with node_smsc() as carrier, running_route(carrier.port, long_messages=way) as bench:
        await bench.route.wait_room()
        answer = await bench.route.submit(message(text=text))
        assert isinstance(answer, Accepted)
        shown = await carrier.event("text")
        assert shown["text"] == text
        assert shown["parts"] == len(answer.parts)
        assert len(answer.parts) == (1 if way == "payload" else 3)
        for part in answer.parts:
            receipt = await bench.receipts.get()
            assert part.message_id in receipt.id_forms


async def test_node_may_send_the_receipt_first_and_twice() -> None:
    async with (
        node_smsc(receiptFirst=True, receiptTwice=True, receiptTlvs=True, respDelay=50) as carrier,
        running_route(carrier.port) as bench,
    ):
        await bench.route.wait_room()
        (task,) = bench.submit(message())
        receipts = [await bench.receipts.get() for _ in range(2)]
        answer = await task
        assert isinstance(answer, Accepted)
        for receipt in receipts:
            assert answer.parts[0].message_id in receipt.id_forms
        assert [r["status"] for r in await carrier.collect("receipt_resp", 2)] == [0, 0]


async def test_node_hands_a_reply_over_and_hears_when_it_could_not_be_stored() -> None:
    async with node_smsc() as carrier, running_route(carrier.port) as bench:
        await bench.until_state(RouteState.BOUND)
        words = {"from": HANDSET[1:], "to": DID[1:], "text": "Please call me back — André 📞"}
        await carrier.do("reply", **words)
        reply = await bench.replies.get()
        assert (reply.sender, reply.recipient, reply.text) == (HANDSET, DID, words["text"])
        assert (await carrier.event("reply_resp"))["status"] == 0
        bench.failures.append(OSError("disk full"))
        await carrier.do("reply", **words)
        assert (await carrier.event("reply_resp"))["status"] == 0x64


async def test_node_drops_tcp_with_the_window_unanswered() -> None:
    async with (
        node_smsc(respDelay=60_000) as carrier,
        running_route(carrier.port, window=10) as bench,
    ):
        await bench.route.wait_room()
        tasks = bench.submit(*(message(row_id) for row_id in range(1, 16)))
        await carrier.collect("submit", 10)
        await carrier.do("drop")
        answers = await asyncio.gather(*tasks)
        assert [type(answer) for answer in answers] == [Unsure] * 10 + [Later] * 5
        await carrier.event("bind")
        assert (await carrier.event("bind"))["session"] == 2
        await carrier.do("set", options={"respDelay": 0})
        await carrier.event("set")
        await bench.route.wait_room()
        assert isinstance(await bench.route.submit(message(99)), Accepted)


async def test_nothing_is_lost_or_doubled_over_twenty_drops() -> None:
    """Delivery's part is played here: what is `Later` comes again, what is `Unsure` is counted."""
    async with (
        node_smsc(dropEvery=50, respDelay=2, quiet=True, receipt=False) as carrier,
        running_route(carrier.port, window=10) as bench,
    ):
        todo = [message(row_id, f"text {row_id}") for row_id in range(1, 1201)]
        accepted: set[int] = set()
        unsure: set[int] = set()

        async def submit(one: int) -> None:
            answer = await bench.route.submit(todo_by_id[one])
            if isinstance(answer, Accepted):
                accepted.add(one)
            elif isinstance(answer, Unsure):
                unsure.add(one)
            else:
                assert isinstance(answer, Later)
                waiting.append(one)

        todo_by_id = {each.row_id: each for each in todo}
        waiting = sorted(todo_by_id, reverse=True)
        async with asyncio.TaskGroup() as group:
            while len(accepted) + len(unsure) < len(todo):
                await bench.route.wait_room()
                for _ in range(bench.route.room()):
                    if waiting:
                        group.create_task(submit(waiting.pop()), name="submit")
                await asyncio.sleep(0)
        stats = await carrier.stats()
        assert stats["drops"] >= 20
        assert stats["duplicates"] == 0
        assert accepted.isdisjoint(unsure)
        assert len(unsure) <= stats["drops"] * 10
        assert len(accepted) <= stats["unique"] <= len(todo)


async def test_node_throttles_and_the_route_slows_down() -> None:
    async with node_smsc(throttleFirst=2) as carrier, running_route(carrier.port) as bench:
        await bench.route.wait_room()
        tasks = bench.submit(message(1), message(2))
        for task in tasks:
            answer = await task
            assert isinstance(answer, Later)
            assert answer.name == "ESME_RTHROTTLED"
            assert not answer.counts
        assert bench.route.room() == 0
        await bench.route.wait_room()
        assert isinstance(await bench.route.submit(message(1)), Accepted)
        assert bench.route.counters["segments_throttled"] == 2


async def test_node_refuses_a_destination() -> None:
    async with (
        node_smsc(refuse=[HANDSET[1:]]) as carrier,
        running_route(carrier.port) as bench,
    ):
        await bench.route.wait_room()
        answer = await bench.route.submit(message())
        assert isinstance(answer, Refused)
        assert answer.name == "ESME_RINVDSTADR"


async def test_node_refuses_a_wrong_password() -> None:
    async with (
        node_smsc(password="right") as carrier,
        running_route(carrier.port, password="wrong") as bench,
    ):
        assert (await carrier.event("bind_refused"))["system_id"] == "acme"
        await bench.until_state(RouteState.REFUSED)
        assert "ESME_RINVPASWD" in bench.route.detail


async def test_node_says_already_bound_and_is_bound_later() -> None:
    async with (
        node_smsc(bindStatus=5, bindRefusals=2) as carrier,
        running_route(carrier.port, already_bound_delay=0.02) as bench,
    ):
        await carrier.collect("bind_refused", 2)
        await carrier.event("bind")
        await bench.until_state(RouteState.BOUND)
        assert RouteState.REFUSED not in bench.states


async def test_node_has_a_transmitter_and_a_receiver() -> None:
    async with (
        node_smsc() as carrier,
        running_route(carrier.port, bind="transmitter+receiver") as bench,
    ):
        roles = {bind["role"] for bind in await carrier.collect("bind", 2)}
        assert roles == {"transmitter", "receiver"}
        await bench.until_state(RouteState.BOUND)
        answer = await bench.route.submit(message())
        assert isinstance(answer, Accepted)
        receipt = await bench.receipts.get()
        assert answer.parts[0].message_id in receipt.id_forms


async def test_node_is_asked_for_a_sign_of_life_when_idle() -> None:
    async with node_smsc() as carrier, running_route(carrier.port, enquire_link=0.05) as bench:
        await carrier.collect("enquire_link", 3)
        assert bench.route.state is RouteState.BOUND
        assert bench.route.counters["enquire_links_missed"] == 0


async def test_node_unbinds_and_is_bound_again() -> None:
    async with node_smsc() as carrier, running_route(carrier.port) as bench:
        await carrier.event("bind")
        await bench.until_state(RouteState.BOUND)
        await carrier.do("unbind")
        await carrier.event("unbind_resp")
        await carrier.event("bind")
        await bench.until_state(RouteState.BOUND)


async def test_node_sees_a_graceful_stop() -> None:
    async with node_smsc(respDelay=100) as carrier, running_route(carrier.port) as bench:
        await bench.route.wait_room()
        tasks = bench.submit(*(message(row_id) for row_id in range(1, 6)))
        await carrier.collect("submit", 5)
        await bench.route.stop(20.0)
        for task in tasks:
            assert isinstance(await task, Accepted)
        await carrier.event("unbind")
        await carrier.event("closed")
        await bench.task
        assert bench.route.state is RouteState.STOPPED


async def test_node_gets_vendor_parameters_and_still_reads_the_text() -> None:
    tlvs = ((0x1400, b"1101234567"), (0x1401, b"template"))
    async with node_smsc() as carrier, running_route(carrier.port, tlvs=tlvs) as bench:
        await bench.route.wait_room()
        assert isinstance(await bench.route.submit(message(sender="ACME")), Accepted)
        submit = await carrier.event("submit")
        assert (submit["source"], submit["source_ton"], submit["source_npi"]) == ("ACME", 5, 0)
        assert submit["text"] == "Sorry we missed your call."
