"""A route against an SMSC whose every octet the test writes: what each message is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from sms_gateway.link import COUNTERS, RouteState, client_context
from sms_gateway.pace import FIRST_PAUSE
from tests.fakes import smsc
from tests.fakes.route import THREE_PARTS, message, running_route
from tests.fakes.smsc import EvilSmsc
from textback.model import Accepted, Later, PartId, ReceiptState, Refused, Unsure

# --- a message and its answer -----------------------------------------------------------------


async def test_a_message_is_accepted_with_the_id_of_the_smsc() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        (task,) = bench.submit(message())
        (submit,) = await peer.submits(1)
        found = smsc.read_submit(submit.body)
        assert (found.source, found.dest) == ((1, 1, "12125550100"), (1, 1, "12125550123"))
        assert found.short_message == b"Sorry we missed your call."
        assert found.registered_delivery == 1
        assert found.validity.startswith("00000000") and found.validity.endswith("000R")
        await peer.send(smsc.submit_resp(submit.sequence, "00Af-9"))
        answer = await task
        assert isinstance(answer, Accepted)
        assert answer.parts == (PartId(1, 1, "00Af-9"),)


async def test_each_part_has_its_own_sequence_number_and_id() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        (task,) = bench.submit(message(text=THREE_PARTS))
        submits = await peer.submits(3)
        assert len({submit.sequence for submit in submits}) == 3
        assert [smsc.read_submit(s.body).short_message[5] for s in submits] == [3, 3, 3]
        for number, submit in reversed(list(enumerate(submits, 1))):
            await peer.send(smsc.submit_resp(submit.sequence, f"id{number}"))
        answer = await task
        assert isinstance(answer, Accepted)
        assert answer.parts == (PartId(1, 3, "id1"), PartId(2, 3, "id2"), PartId(3, 3, "id3"))


async def test_parts_accepted_before_are_not_sent_again() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        (task,) = bench.submit(message(text=THREE_PARTS, parts_done=frozenset({1, 2})))
        (submit,) = await peer.submits(1)
        assert smsc.read_submit(submit.body).short_message[6] == 3
        await peer.send(smsc.submit_resp(submit.sequence, "x"))
        answer = await task
        assert isinstance(answer, Accepted)
        assert answer.parts == (PartId(3, 3, "x"),)
        done = await bench.route.submit(message(parts_done=frozenset({1})))
        assert isinstance(done, Accepted)
        assert done.parts == ()


async def test_a_refusal_stops_the_parts_that_were_not_written() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, window=2) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        (task,) = bench.submit(message(text=THREE_PARTS))
        first, second = await peer.submits(2)
        await peer.send(
            smsc.submit_resp(second.sequence, None, smsc.RINVDSTADR),
            smsc.submit_resp(first.sequence, "id1"),
        )
        answer = await task
        assert isinstance(answer, Refused)
        assert (answer.status, answer.name) == (smsc.RINVDSTADR, "ESME_RINVDSTADR")
        assert answer.parts == (PartId(1, 3, "id1"),)
        assert bench.route.counters["segments_submitted"] == 2


async def test_what_cannot_be_sent_is_refused_without_a_word_to_the_smsc() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        answer = await bench.route.submit(message(sender="Much too long a name"))
        assert isinstance(answer, Refused)
        assert answer.status == 0
        assert "11 characters" in answer.detail
        (task,) = bench.submit(message(2))
        (submit,) = await peer.submits(1)
        await peer.send(smsc.submit_resp(submit.sequence))
        assert isinstance(await task, Accepted)


async def test_a_message_without_a_bind_comes_again_later_and_does_not_count() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        await carrier.accept()
        answer = await bench.route.submit(message())
        assert isinstance(answer, Later)
        assert not answer.counts
        assert bench.route.room() == 0


async def test_a_message_that_expired_while_it_waited_is_not_sent() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        await carrier.bound()
        await bench.route.wait_room()
        late = message(expires=datetime.now(UTC) - timedelta(seconds=1))
        answer = await bench.route.submit(late)
        assert isinstance(answer, Later)
        assert "expired" in answer.detail
        assert bench.route.counters["segments_submitted"] == 0


@pytest.mark.parametrize("message_id", ["", "f" * 65, "0913121205"])
async def test_the_id_is_handed_up_exactly_as_received(message_id: str) -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        (task,) = bench.submit(message())
        (submit,) = await peer.submits(1)
        await peer.send(smsc.submit_resp(submit.sequence, message_id))
        answer = await task
        assert isinstance(answer, Accepted)
        assert answer.parts[0].message_id == message_id


# --- room -------------------------------------------------------------------------------------


async def test_room_counts_what_is_promised_before_anything_is_written() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, window=10) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        assert bench.route.room() == 10
        first = bench.route.submit(message(1))
        second = bench.route.submit(message(2, text=THREE_PARTS))
        assert bench.route.room() == 6
        tasks = [asyncio.ensure_future(first), asyncio.ensure_future(second)]
        submits = await peer.submits(4)
        assert bench.route.room() == 6
        assert bench.route.status().in_flight == 4
        await peer.send(*(smsc.submit_resp(submit.sequence) for submit in submits))
        await asyncio.gather(*tasks)
        assert bench.route.room() == 10


async def test_wait_room_wakes_when_an_answer_makes_room() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, window=1) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        (task,) = bench.submit(message())
        (submit,) = await peer.submits(1)
        waiter = asyncio.create_task(bench.route.wait_room(), name="waiter")
        await peer.send(smsc.pack(smsc.ENQUIRE_LINK, 5))
        await peer.expect(smsc.ENQUIRE_LINK_RESP)
        assert not waiter.done()
        await peer.send(smsc.submit_resp(submit.sequence))
        await task
        await waiter
        assert bench.route.room() == 1


async def test_the_rate_limits_room_and_time_gives_it_back() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, rate=3.0) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        assert bench.route.room() == 3
        tasks = bench.submit(message(1, text=THREE_PARTS), message(2))
        submits = await peer.submits(3)
        await peer.send(*(smsc.submit_resp(submit.sequence) for submit in submits))
        await tasks[0]
        assert bench.route.room() == 0
        (submit,) = await peer.submits(1)  # comes by itself, once the second is over
        await peer.send(smsc.submit_resp(submit.sequence))
        await tasks[1]
        await bench.route.wait_room()
        assert bench.route.room() > 0


async def test_a_cancelled_caller_takes_its_unwritten_segments_back() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, window=1) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        first, second = bench.submit(message(1), message(2))
        (submit,) = await peer.submits(1)
        second.cancel()
        first.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        row_id, answer = await bench.late.get()
        assert (row_id, type(answer)) == (2, Later)
        await peer.send(smsc.submit_resp(submit.sequence, "after all"))
        row_id, answer = await bench.late.get()
        assert row_id == 1
        assert isinstance(answer, Accepted)
        assert bench.route.counters["segments_submitted"] == 1


# --- silence ----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["close", "drop"])
async def test_a_drop_leaves_the_window_unsure_and_the_rest_for_later(way: str) -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, window=2) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        tasks = bench.submit(message(1), message(2), message(3))
        await peer.submits(2)
        if way == "close":
            await peer.close()
        else:
            peer.drop()
        answers = await asyncio.gather(*tasks)
        assert [type(answer) for answer in answers] == [Unsure, Unsure, Later]
        assert isinstance(answers[2], Later)
        assert not answers[2].counts
        await carrier.bound()
        await bench.route.wait_room()
        assert bench.route.room() == 2
        assert bench.route.counters["disconnects"] == 1


async def test_a_drop_within_a_long_message_names_the_parts_that_were_taken() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, window=2) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        (task,) = bench.submit(message(text=THREE_PARTS))
        first, _ = await peer.submits(2)
        await peer.send(smsc.submit_resp(first.sequence, "id1"))
        await peer.submits(1)
        await peer.close()
        answer = await task
        assert isinstance(answer, Unsure)
        assert answer.parts == (PartId(1, 3, "id1"),)


async def test_an_answer_after_the_timeout_is_told_all_the_same() -> None:
    async with (
        EvilSmsc() as carrier,
        running_route(carrier.port, response_timeout=0.05) as bench,
    ):
        peer = await carrier.bound()
        await bench.route.wait_room()
        (task,) = bench.submit(message(7))
        (submit,) = await peer.submits(1)
        answer = await task
        assert isinstance(answer, Unsure)
        await peer.send(smsc.submit_resp(submit.sequence, "late") * 2)
        row_id, late = await bench.late.get()
        assert row_id == 7
        assert isinstance(late, Accepted)
        assert late.parts == (PartId(1, 1, "late"),)
        await peer.send(smsc.pack(smsc.ENQUIRE_LINK, 1))
        await peer.expect(smsc.ENQUIRE_LINK_RESP)
        counters = bench.route.counters
        assert counters["late_responses"] == 1
        assert counters["unmatched_responses"] == 1


async def test_a_silent_peer_is_left_and_the_route_comes_back() -> None:
    async with (
        EvilSmsc() as carrier,
        running_route(carrier.port, enquire_link=0.02, enquire_timeout=0.02) as bench,
    ):
        peer = await carrier.bound()
        await bench.route.wait_room()
        (task,) = bench.submit(message())
        await peer.submits(1)
        await peer.expect(smsc.ENQUIRE_LINK)
        await peer.expect(smsc.ENQUIRE_LINK)
        answer = await task
        assert isinstance(answer, Unsure)
        assert "no sign of life" in answer.detail
        await peer.eof()
        await carrier.bound()


async def test_a_peer_that_never_answers_the_bind_is_left() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, bind_timeout=0.05) as bench:
        peer = await carrier.accept()
        await peer.expect(smsc.BIND_TRANSCEIVER)
        await peer.eof()
        await carrier.bound()
        await bench.until_state(RouteState.BOUND)


async def test_octets_that_are_no_smpp_end_the_connection_not_the_route() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        (task,) = bench.submit(message())
        await peer.submits(1)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert isinstance(await task, Unsure)
        nack = await peer.expect(smsc.GENERIC_NACK)
        assert nack.status == smsc.RINVCMDLEN
        await carrier.bound()
        await bench.until_state(RouteState.BOUND)
        assert bench.route.counters["frame_errors"] == 1


# --- throttling -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [smsc.RTHROTTLED, smsc.RMSGQFUL])
async def test_throttling_pauses_the_route_and_does_not_count(status: int) -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, rate=10.0, window=2) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        tasks = bench.submit(message(1), message(2), message(3))
        first, second = await peer.submits(2)
        await peer.send(smsc.submit_resp(first.sequence, None, status))
        throttled, waiting = await tasks[0], await tasks[2]
        for answer in (throttled, waiting):
            assert isinstance(answer, Later)
            assert not answer.counts
            assert 0 < answer.after <= 1.0
        assert isinstance(throttled, Later)
        assert throttled.status == status
        await peer.send(smsc.submit_resp(second.sequence))
        assert isinstance(await tasks[1], Accepted)
        assert bench.route.room() == 0
        at_once = await bench.route.submit(message(4))
        assert isinstance(at_once, Later)
        assert not at_once.counts
        assert bench.route.status().rate < 6
        await bench.route.wait_room()  # the pause is over


async def test_throttling_is_remembered_over_a_reconnect() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, rate=10.0) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        (task,) = bench.submit(message())
        (submit,) = await peer.submits(1)
        await peer.send(smsc.submit_resp(submit.sequence, None, smsc.RTHROTTLED))
        await task
        await peer.close()
        await carrier.bound()
        await bench.until_state(RouteState.BOUND)
        status = bench.route.status()
        assert status.paused > 0
        assert status.rate < 10
        assert bench.route.room() == 0


async def test_a_pause_that_helped_is_not_longer_the_next_time() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, rate=10.0, window=1) as bench:
        peer = await carrier.bound()
        afters = []
        for status in (smsc.RTHROTTLED, smsc.ROK, smsc.RTHROTTLED):
            await bench.route.wait_room()
            (task,) = bench.submit(message())
            (submit,) = await peer.submits(1)
            await peer.send(smsc.submit_resp(submit.sequence, "1", status))
            answer = await task
            if isinstance(answer, Later):
                afters.append(answer.after)
        assert len(afters) == 2
        assert max(afters) <= FIRST_PAUSE


async def test_a_part_that_is_throttled_leaves_the_accepted_ones_known() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        (task,) = bench.submit(message(text=THREE_PARTS))
        first, second, third = await peer.submits(3)
        await peer.send(
            smsc.submit_resp(first.sequence, "id1"),
            smsc.submit_resp(second.sequence, None, smsc.RTHROTTLED),
            smsc.submit_resp(third.sequence, "id3"),
        )
        answer = await task
        assert isinstance(answer, Later)
        assert answer.parts == (PartId(1, 3, "id1"), PartId(3, 3, "id3"))


async def test_an_smsc_that_forgot_our_bind_is_bound_again_once_the_window_is_empty() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        tasks = bench.submit(message(1), message(2))
        first, second = await peer.submits(2)
        await peer.send(smsc.submit_resp(first.sequence, None, status=0x04))
        answer = await tasks[0]
        assert isinstance(answer, Later)
        assert not answer.counts
        assert bench.route.room() == 0
        await peer.send(smsc.submit_resp(second.sequence, "2"))
        assert isinstance(await tasks[1], Accepted)
        await peer.eof()
        await carrier.bound()
        await bench.route.wait_room()


# --- receipts and replies ---------------------------------------------------------------------


async def test_a_receipt_is_answered_only_once_it_is_durable() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        bench.gate.clear()
        await peer.send(
            smsc.deliver(31, smsc.receipt_text("77"), esm_class=4),
            smsc.pack(smsc.ENQUIRE_LINK, 32),
        )
        await peer.expect(smsc.ENQUIRE_LINK_RESP)  # and not the deliver_sm_resp before it
        bench.gate.set()
        answer = await peer.expect(smsc.DELIVER_SM_RESP)
        assert (answer.sequence, answer.status) == (31, smsc.ROK)
        receipt = bench.receipts.get_nowait()
        assert receipt.message_id == "77"
        assert receipt.state is ReceiptState.DELIVERED
        assert receipt.route == "test"


async def test_a_receipt_may_come_before_the_answer_and_twice() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        (task,) = bench.submit(message())
        (submit,) = await peer.submits(1)
        for sequence in (1, 2):
            await peer.send(smsc.deliver(sequence, smsc.receipt_text("9"), esm_class=4))
            await peer.expect(smsc.DELIVER_SM_RESP)
        assert not task.done()
        await peer.send(smsc.submit_resp(submit.sequence, "9"))
        assert isinstance(await task, Accepted)
        assert [bench.receipts.get_nowait().message_id for _ in range(2)] == ["9", "9"]


async def test_an_answer_never_waits_behind_a_slow_store() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        bench.gate.clear()
        (task,) = bench.submit(message())
        (submit,) = await peer.submits(1)
        await peer.send(
            *(smsc.deliver(sequence, b"hello") for sequence in range(1, 50)),
            smsc.submit_resp(submit.sequence),
        )
        assert isinstance(await task, Accepted)
        assert bench.replies.empty()
        bench.gate.set()


async def test_what_could_not_be_stored_is_asked_for_again() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        bench.failures.append(OSError("disk full"))
        await peer.send(smsc.deliver(1, b"hello"))
        assert (await peer.expect(smsc.DELIVER_SM_RESP)).status == smsc.RX_T_APPN
        await peer.send(smsc.deliver(2, b"hello"))
        assert (await peer.expect(smsc.DELIVER_SM_RESP)).status == smsc.ROK
        assert bench.replies.get_nowait().text == "hello"
        assert bench.route.counters["deliver_errors"] == 1


async def test_replies_of_one_handset_keep_their_order() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        await peer.send(*(smsc.deliver(n, f"{n}".encode()) for n in range(1, 40)))
        answered = [(await peer.expect(smsc.DELIVER_SM_RESP)).sequence for _ in range(1, 40)]
        assert answered == list(range(1, 40))
        assert [bench.replies.get_nowait().text for _ in range(1, 40)] == [
            f"{n}" for n in range(1, 40)
        ]


async def test_more_deliveries_than_memory_allows_are_asked_for_again() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, deliver_queue=3) as bench:
        peer = await carrier.bound()
        bench.gate.clear()
        await peer.send(*(smsc.deliver(n, b"x") for n in range(1, 6)))
        refused = [await peer.expect(smsc.DELIVER_SM_RESP) for _ in range(2)]
        assert [(pdu.sequence, pdu.status) for pdu in refused] == [
            (4, smsc.RX_T_APPN),
            (5, smsc.RX_T_APPN),
        ]
        bench.gate.set()
        taken = [await peer.expect(smsc.DELIVER_SM_RESP) for _ in range(3)]
        assert [(pdu.sequence, pdu.status) for pdu in taken] == [(1, 0), (2, 0), (3, 0)]
        assert bench.route.counters["deliver_overflows"] == 2


async def test_receipts_in_data_sm_are_read_and_answered() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        tlvs = smsc.tlv(0x001E, b"abc\0") + smsc.tlv(0x0427, b"\2")
        await peer.send(
            smsc.deliver(5, b"", esm_class=4, tlvs=tlvs, command=smsc.DATA_SM),
        )
        assert (await peer.expect(smsc.DATA_SM_RESP)).status == smsc.ROK
        assert bench.receipts.get_nowait().message_id == "abc"


# --- bind and rebind --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words"),
    [(smsc.RINVPASWD, "ESME_RINVPASWD"), (0x0F, "ESME_RINVSYSID"), (0x0D, "ESME_RBINDFAIL")],
)
async def test_a_refused_bind_is_its_own_state_with_a_long_wait(status: int, words: str) -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.accept()
        bind = await peer.expect(smsc.BIND_TRANSCEIVER)
        assert b"secret" in bind.body
        await peer.send(smsc.bind_resp(bind.sequence, status))
        await bench.until_state(RouteState.REFUSED)
        assert words in bench.route.detail
        assert "next attempt in" in bench.route.detail
        seconds = int(bench.route.detail.split("next attempt in ")[1].split()[0])
        assert 270 <= seconds <= 330
        assert "secret" not in bench.route.detail
        assert bench.route.counters["binds_refused"] == 1


async def test_after_the_long_wait_a_refused_bind_is_tried_again() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, refused_delay=0.02) as bench:
        peer = await carrier.accept()
        bind = await peer.expect(smsc.BIND_TRANSCEIVER)
        await peer.send(smsc.bind_resp(bind.sequence, smsc.RINVPASWD))
        await carrier.bound()
        await bench.until_state(RouteState.BOUND)


async def test_an_earlier_bind_that_still_stands_is_waited_for() -> None:
    async with (
        EvilSmsc() as carrier,
        running_route(carrier.port, already_bound_delay=0.02) as bench,
    ):
        peer = await carrier.accept()
        bind = await peer.expect(smsc.BIND_TRANSCEIVER)
        await peer.send(smsc.bind_resp(bind.sequence, smsc.RALYBND))
        await bench.until(lambda: "ESME_RALYBND" in bench.route.detail)
        assert bench.route.state is RouteState.WAITING
        await carrier.bound()
        await bench.until_state(RouteState.BOUND)


async def test_a_password_that_does_not_fit_is_refused_before_the_carrier_sees_it() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, password="x" * 40) as bench:
        peer = await carrier.accept()
        await bench.until_state(RouteState.REFUSED)
        assert "password" in bench.route.detail
        assert await peer.reader.read() == b""


async def test_unbind_of_the_smsc_is_answered_and_the_route_binds_again() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        await peer.send(smsc.pack(smsc.UNBIND, 99))
        assert (await peer.expect(smsc.UNBIND_RESP)).sequence == 99
        await peer.eof()
        await carrier.bound()
        await bench.until_state(RouteState.BOUND)
        assert bench.route.counters["unbinds_received"] == 1
        assert bench.route.counters["binds"] == 2


async def test_a_carrier_that_is_down_is_tried_until_it_is_up() -> None:
    async with EvilSmsc() as carrier:
        await carrier.deaf()
        async with running_route(carrier.port) as bench:
            await bench.until(lambda: "cannot connect" in bench.route.detail)
            assert bench.route.state is RouteState.WAITING
            await carrier.listen()
            await carrier.bound()
            await bench.until_state(RouteState.BOUND)


def told_of(logs: Sequence[Mapping[str, Any]], *states: RouteState) -> list[tuple[str, str]]:
    """(state, level) of each change to one of `states`, in order."""
    changes = [entry for entry in logs if entry["event"] == "smpp_state"]
    return [(e["state"], e["log_level"]) for e in changes if e["state"] in states]


async def test_an_outage_is_one_warning_however_often_it_is_tried_and_its_end_is_told() -> None:
    watched = (RouteState.WAITING, RouteState.BOUND)
    with capture_logs() as logs:
        async with EvilSmsc() as carrier:
            await carrier.deaf()
            async with running_route(carrier.port) as bench:
                await bench.until(lambda: bench.states.count(RouteState.WAITING) >= 3)
                await carrier.listen()
                peer = await carrier.bound()
                await bench.until_state(RouteState.BOUND)
                first = told_of(logs, *watched)
                await peer.close()
                await carrier.bound()
                await bench.until_state(RouteState.BOUND)
    assert first[0] == ("waiting", "warning")
    assert {level for _, level in first[1:]} == {"info"}
    assert first[-1] == ("bound", "info")
    second = told_of(logs, *watched)[len(first) :]
    assert [change for change in second if change[1] != "info"] == [("waiting", "warning")]
    why = next(e["detail"] for e in logs if e["log_level"] == "warning")
    assert "next attempt in" in why


async def test_a_refusal_is_one_error_and_no_warning_besides() -> None:
    with capture_logs() as logs:
        async with EvilSmsc() as carrier, running_route(carrier.port, refused_delay=0.02) as bench:
            for _ in range(2):
                peer = await carrier.accept()
                bind = await peer.expect(smsc.BIND_TRANSCEIVER)
                await peer.send(smsc.bind_resp(bind.sequence, smsc.RINVPASWD))
            await carrier.bound()
            await bench.until_state(RouteState.BOUND)
    levels = [entry["log_level"] for entry in logs if entry["event"] == "smpp_state"]
    assert levels.count("error") == 1
    assert "warning" not in levels
    assert [level for _, level in told_of(logs, RouteState.REFUSED)] == ["error", "info"]


@pytest.mark.parametrize("status", [smsc.RINVPASWD, smsc.RALYBND])
async def test_a_wait_for_the_next_attempt_ends_at_once_when_asked(status: int) -> None:
    async with (
        EvilSmsc() as carrier,
        running_route(carrier.port, refused_delay=3600.0, already_bound_delay=3600.0) as bench,
    ):
        peer = await carrier.accept()
        bind = await peer.expect(smsc.BIND_TRANSCEIVER)
        await peer.send(smsc.bind_resp(bind.sequence, status))
        await bench.until(lambda: "next attempt in" in bench.route.detail)
        bench.route.retry_now()
        await carrier.bound()
        await bench.until_state(RouteState.BOUND)
        bench.route.retry_now()
        assert bench.route.state is RouteState.BOUND


async def test_transmitter_and_receiver_are_two_connections() -> None:
    async with (
        EvilSmsc() as carrier,
        running_route(carrier.port, bind="transmitter+receiver") as bench,
    ):
        peers = {}
        for _ in range(2):
            peer = await carrier.accept()
            bind = await peer.read()
            await peer.send(smsc.bind_resp(bind.sequence, command=bind.command))
            peers[bind.command] = peer
        await bench.until_state(RouteState.BOUND)
        sender, receiver = peers[smsc.BIND_TRANSMITTER], peers[smsc.BIND_RECEIVER]
        (task,) = bench.submit(message())
        (submit,) = await sender.submits(1)
        await receiver.send(smsc.deliver(1, smsc.receipt_text("5"), esm_class=4))
        await receiver.expect(smsc.DELIVER_SM_RESP)
        assert bench.receipts.get_nowait().message_id == "5"
        await sender.send(smsc.submit_resp(submit.sequence, "5"))
        assert isinstance(await task, Accepted)
        await receiver.close()
        await bench.until(lambda: bench.route.state is not RouteState.BOUND)
        assert bench.route.room() == 10, "a lost receiver stops no texts"
        assert [role for role, _, _ in bench.route.status().binds] == ["transmitter", "receiver"]


# --- the end ----------------------------------------------------------------------------------


async def test_stop_drains_the_window_unbinds_and_leaves_nothing_open() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, window=1) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        written, waiting = bench.submit(message(1), message(2))
        (submit,) = await peer.submits(1)
        stopping = asyncio.create_task(bench.route.stop(20.0), name="stop")
        unwritten = await waiting
        assert isinstance(unwritten, Later)
        assert not unwritten.counts
        refused = await bench.route.submit(message(3))
        assert isinstance(refused, Later)
        await peer.send(smsc.pack(smsc.ENQUIRE_LINK, 3))
        await peer.expect(smsc.ENQUIRE_LINK_RESP)  # and not yet unbind
        await peer.send(smsc.submit_resp(submit.sequence, "1"))
        assert isinstance(await written, Accepted)
        unbind = await peer.expect(smsc.UNBIND)
        await peer.send(smsc.pack(smsc.UNBIND_RESP, unbind.sequence))
        await stopping
        await bench.task
        assert bench.route.state is RouteState.STOPPED
        assert bench.route.room() == 0


async def test_stop_stores_what_was_delivered_before_it_leaves() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        bench.gate.clear()
        await peer.send(smsc.deliver(1, b"hello"), smsc.pack(smsc.ENQUIRE_LINK, 2))
        await peer.expect(smsc.ENQUIRE_LINK_RESP)
        stopping = asyncio.create_task(bench.route.stop(20.0), name="stop")
        bench.gate.set()
        assert (await peer.expect(smsc.DELIVER_SM_RESP)).status == smsc.ROK
        unbind = await peer.expect(smsc.UNBIND)
        await peer.send(smsc.pack(smsc.UNBIND_RESP, unbind.sequence))
        await stopping
        assert bench.replies.get_nowait().text == "hello"


async def test_stop_gives_up_on_a_silent_smsc_in_time() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        (task,) = bench.submit(message())
        await peer.submits(1)
        await bench.route.stop(0.2)
        assert isinstance(await task, Unsure)
        await bench.task
        assert bench.route.status().in_flight == 0


async def test_stop_while_waiting_to_reconnect_does_not_wait() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        peer = await carrier.accept()
        bind = await peer.expect(smsc.BIND_TRANSCEIVER)
        await peer.send(smsc.bind_resp(bind.sequence, smsc.RINVPASWD))
        await bench.until_state(RouteState.REFUSED)
        await bench.route.stop(20.0)
        await bench.task
        assert bench.states[-1] is RouteState.STOPPED


async def test_stop_while_connecting_does_not_wait() -> None:
    # A server that takes the connection and never begins TLS: connecting hangs.
    async with (
        EvilSmsc() as carrier,
        running_route(carrier.port, tls=client_context(), connect_timeout=600.0) as bench,
    ):
        await carrier.accept()
        assert bench.states[-1] is RouteState.CONNECTING
        await bench.route.stop(20.0)
        await bench.task
        assert bench.route.state is RouteState.STOPPED


async def test_a_connection_that_is_never_made_is_given_up() -> None:
    async with (
        EvilSmsc() as carrier,
        running_route(carrier.port, tls=client_context(), connect_timeout=0.05) as bench,
    ):
        await bench.until(lambda: "did not answer" in bench.route.detail)
        assert bench.route.state is RouteState.WAITING


async def test_a_route_that_is_cancelled_answers_everything() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, window=1) as bench:
        peer = await carrier.bound()
        await bench.route.wait_room()
        tasks = bench.submit(message(1), message(2))
        await peer.submits(1)
        bench.task.cancel()
        answers = await asyncio.gather(*tasks)
        assert [type(answer) for answer in answers] == [Unsure, Later]


async def test_a_route_that_never_ran_can_be_stopped() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port) as bench:
        bench.task.cancel()
        await asyncio.gather(bench.task, return_exceptions=True)
        await bench.route.stop()
        assert bench.route.state is RouteState.STOPPED


# --- health -----------------------------------------------------------------------------------


async def test_status_and_counters_tell_how_the_route_stands() -> None:
    async with EvilSmsc() as carrier, running_route(carrier.port, rate=5.0) as bench:
        assert bench.route.status().last_heard is None
        await carrier.bound()
        await bench.until_state(RouteState.BOUND)
        status = bench.route.status()
        assert (status.smsc, status.window, status.rate) == ("evil", 10, 5.0)
        assert status.bound_since is not None
        assert status.last_heard is not None
        assert set(bench.route.counters) == set(COUNTERS)
        assert bench.states == [RouteState.CONNECTING, RouteState.BINDING, RouteState.BOUND]
