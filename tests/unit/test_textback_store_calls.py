"""Calls in the store: one verdict and one text each, and what the history counts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from tests.fakes.store import (
    CALLER,
    NOW,
    NUMBER,
    accepted,
    at,
    call,
    claim,
    fact,
    finished,
    queued,
    send,
    sending,
)
from textback.decide import History
from textback.model import (
    CallKey,
    Direction,
    Later,
    Moment,
    OutboxState,
    Outcome,
    Phase,
    Reason,
    Skip,
    Unsure,
)
from textback.store.rows import RowFilter
from textback.store.store import Store


async def test_a_send_writes_call_verdict_and_text(store: Store) -> None:
    judged = await store.judge(fact(), NOW)
    assert judged.row is not None
    assert judged.row.state is OutboxState.QUEUED
    assert judged.row.call_id == judged.call_id
    story = await store.story(judged.call_id)
    assert (story.verdict, story.reason, story.outbox) == ("send", "send", judged.row)
    assert story.gates == send().gates


async def test_a_skip_is_stored_with_its_gates_and_no_text(store: Store) -> None:
    skip = Skip(reason=Reason.STAFF, gates=send().gates)
    judged = await store.judge(fact(verdict=skip), NOW)
    assert judged.verdict == skip
    assert judged.row is None
    story = await store.story(judged.call_id)
    assert (story.verdict, story.reason, story.gates) == ("skip", "staff", skip.gates)


async def test_a_call_is_decided_once(store: Store) -> None:
    first = await store.judge(fact(call(phase=Phase.RING_TIMEOUT)), NOW)
    again = await store.judge(fact(), NOW)
    assert again.call_id == first.call_id
    assert (again.verdict, again.row) == (None, None)
    assert len(await store.queue()) == 1


async def test_a_verdict_is_not_asked_for_twice(store: Store) -> None:
    asked: list[History] = []

    def decide(history: History) -> Skip:
        asked.append(history)
        return Skip(reason=Reason.COOLDOWN)

    for _ in range(3):
        await store.judge(fact(verdict=decide), NOW)
    assert len(asked) == 1


async def test_not_yet_is_no_verdict(store: Store) -> None:
    judged = await store.judge(fact(verdict=lambda history: None), NOW)
    assert judged.verdict is None
    assert (await store.story(judged.call_id)).verdict == "pending"
    assert (await store.judge(fact(), NOW)).row is not None


async def test_the_same_uniqueid_after_an_asterisk_restart_is_another_call(store: Store) -> None:
    before, after = call(), call()
    after = replace(after, key=replace(after.key, boot="2026-11-23T13:00:00"))
    first = await store.judge(fact(before), NOW)
    second = await store.judge(fact(after), NOW)
    assert first.call_id != second.call_id
    assert second.row is not None


async def test_record_verdict_is_a_no_op_the_second_time(store: Store) -> None:
    row = await store.record_verdict(call(), send(), due=at(30), number=NUMBER, caller=CALLER)
    assert row is not None
    assert row.due == at(30)
    assert await store.record_verdict(call(), send(), due=at(30)) is None


async def test_a_call_that_has_ended_is_not_brought_back_by_a_late_fact(store: Store) -> None:
    await store.record_fact(call(outcome=Outcome.BUSY))
    await store.record_fact(call(phase=Phase.RINGING, outcome=Outcome.NO_ANSWER))
    (story,) = await store.calls()
    assert story.outcome is Outcome.BUSY
    assert story.ended == call().at.utc


async def test_a_living_call_has_no_outcome_yet(store: Store) -> None:
    await store.record_fact(call(phase=Phase.RINGING))
    (story,) = await store.calls(living=True)
    assert (story.outcome, story.ended) == (None, None)


# --- what an answer does ----------------------------------------------------------------------


def answered(uniqueid: str = "1700000000.1", **changes: Any) -> Any:
    moment = Moment(at(25), 1025.0)
    return fact(call(uniqueid, phase=Phase.ANSWERED, at=moment, answered=moment), **changes)


async def test_an_answer_cancels_the_text_of_its_call(store: Store) -> None:
    (row,) = await queued(store)
    judged = await store.judge(answered(), at(25))
    assert judged.cancelled == (row.id,)
    found = await store.text(row.id)
    assert (found.state, found.reason) == (OutboxState.CANCELLED, "the call was answered")


async def test_an_answer_in_a_later_call_cancels_the_text_too(store: Store) -> None:
    (row,) = await queued(store)
    assert (await store.judge(answered("1700000000.9"), at(25))).cancelled == (row.id,)


async def test_an_answer_to_somebody_else_cancels_nothing(store: Store) -> None:
    await queued(store)
    other = answered("1700000000.9", caller="+12125550199")
    assert (await store.judge(other, at(25))).cancelled == ()


async def test_an_answer_does_not_touch_what_may_be_on_the_wire(store: Store) -> None:
    (row,) = await sending(store)
    assert (await store.judge(answered(), at(25))).cancelled == ()
    assert (await store.text(row.id)).state is OutboxState.SENDING


async def test_calling_back_cancels_the_text(store: Store) -> None:
    (row,) = await queued(store)
    back = call("1700000000.9", direction=Direction.OUTBOUND, caller="101", did="2125550123")
    judged = await store.judge(
        fact(back, Skip(reason=Reason.OUTBOUND), called_back=CALLER, caller=""), at(30)
    )
    assert judged.cancelled == (row.id,)
    assert (await store.text(row.id)).reason == "the business called back"


async def test_cancelling_by_key_says_whether_there_was_a_text(store: Store) -> None:
    await queued(store)
    assert await store.cancel_for_call(call().key, "gone", NOW)
    assert not await store.cancel_for_call(call().key, "gone", NOW)
    missing = CallKey(pbx="pbx", boot="", uniqueid="7")
    assert not await store.cancel_for_call(missing, "gone", NOW)


# --- the history ------------------------------------------------------------------------------


async def test_a_caller_never_seen_has_an_empty_history(store: Store) -> None:
    assert await store.history(CALLER, NUMBER, NOW) == History()


async def test_texts_are_counted_by_minute_hour_and_day(store: Store) -> None:
    for minutes, uniqueid in ((0, "1.1"), (-2, "1.2"), (-120, "1.3"), (-60 * 25, "1.4")):
        await store.judge(fact(call(uniqueid)), at(minutes * 60))
    history = await store.history(CALLER, NUMBER, at(1))
    assert (history.last_minute, history.last_hour, history.last_day) == (1, 2, 3)
    assert history.last_text == NOW


async def test_the_cooldown_is_per_caller_and_number(store: Store) -> None:
    await queued(store)
    assert (await store.history(CALLER, NUMBER, at(1))).last_text == NOW
    assert (await store.history(CALLER, "+12125550101", at(1))).last_text is None
    assert (await store.history("+12125550199", NUMBER, at(1))).last_text is None


async def test_a_text_that_never_left_counts_for_nothing(store: Store) -> None:
    rows = await queued(store, 3)
    by = {"reason": "", "by": "test", "now": at(1)}
    await store.drop(RowFilter(ids=frozenset({rows[0].id})), **by)
    await store.cancel_for_handset(CALLER, "answered", at(1))
    assert await store.history(CALLER, NUMBER, at(2)) == History()


async def test_a_text_that_may_have_arrived_counts_even_when_it_is_dropped(store: Store) -> None:
    (row,) = await sending(store)
    await store.turn([finished(row, Unsure(detail="timeout"))], None, at(2))
    await store.drop(RowFilter(ids=frozenset({row.id})), reason="", by="test", now=at(3))
    assert (await store.history(CALLER, NUMBER, at(4))).last_text == NOW


async def test_a_text_that_expired_in_the_queue_counts_for_nothing(store: Store) -> None:
    (row,) = await sending(store)
    later = finished(row, Later(after=5, detail=""), state=OutboxState.QUEUED, due=at(8))
    await store.turn([later], None, at(2))
    await store.turn((), claim(), at(1000))
    assert (await store.text(row.id)).state is OutboxState.EXPIRED
    assert await store.history(CALLER, NUMBER, at(1001)) == History()


async def test_shadow_texts_count_in_shadow_mode_only(store: Store) -> None:
    (row,) = await queued(store, shadow=True)
    assert row.state is OutboxState.SHADOW
    assert await store.history(CALLER, NUMBER, at(1)) == History()
    assert (await store.history(CALLER, NUMBER, at(1), shadow=True)).last_text == NOW


async def test_a_test_text_counts_for_nothing(store: Store) -> None:
    await store.enqueue(send(), by="root", now=NOW)
    assert await store.history(CALLER, NUMBER, at(1)) == History()


async def test_two_calls_at_once_cannot_both_find_an_empty_history(store: Store) -> None:
    def once(history: History) -> Any:
        return Skip(reason=Reason.COOLDOWN) if history.last_text else send()

    judged = await asyncio.gather(
        *(store.judge(fact(call(f"1.{n}"), once), NOW) for n in range(10))
    )
    assert sum(j.row is not None for j in judged) == 1


async def test_several_facts_in_one_transaction_see_each_other(store: Store) -> None:
    def once(history: History) -> Any:
        return Skip(reason=Reason.COOLDOWN) if history.last_text else send()

    judged = await store.record_calls([fact(call(f"1.{n}"), once) for n in range(3)], NOW)
    assert [j.row is not None for j in judged] == [True, False, False]


async def test_sent_texts_count(store: Store) -> None:
    (row,) = await sending(store)
    await store.turn([finished(row, accepted("a"))], None, at(2))
    assert (await store.history(CALLER, NUMBER, at(3))).last_day == 1
