"""Replies, opt-outs, the operator's verbs, and the story that tells of all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

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
    receipt,
    reply,
    send,
    sending,
)
from textback.model import Later, OutboxState, ReceiptState, Refused, Unsure
from textback.store.errors import IllegalTransitionError, NoSuchRowError, StoreError
from textback.store.rows import RowFilter
from textback.store.store import Store


def rows(*ids: int, **more: Any) -> RowFilter:
    return RowFilter(ids=frozenset(ids), **more)


BY: dict[str, Any] = {"reason": "asked to", "by": "root", "now": at(10)}


# --- replies ----------------------------------------------------------------------------------


async def test_stop_opts_out_and_cancels_what_is_queued(store: Store) -> None:
    one, two = await queued(store, 2)
    (other,) = await queued(store, 1, to="+12125550199")
    kept = await store.record_reply(reply("Stop!"))
    assert kept.cancelled == (one.id, two.id)
    assert (await store.text(one.id)).reason == "opted_out"
    assert (await store.text(other.id)).state is OutboxState.QUEUED
    history = await store.history(CALLER, NUMBER, at(61))
    assert history.opted_out == "wrote “Stop!”, 2026-11-23 14:01 UTC, every number"


async def test_a_second_stop_keeps_the_first_date(store: Store) -> None:
    await store.record_reply(reply("stop"))
    await store.record_reply(reply("STOP", at=at(3600)))
    assert await store.opted_out() == [(CALLER, "stop", at(60))]


async def test_start_lifts_the_opt_out_and_stop_sets_it_again(store: Store) -> None:
    await store.record_reply(reply("stop"))
    await store.record_reply(reply("start", at=at(70)))
    assert (await store.history(CALLER, NUMBER, at(71))).opted_out == ""
    await store.record_reply(reply("stop", at=at(80)))
    assert await store.opted_out() == [(CALLER, "stop", at(80))]


async def test_a_word_in_a_batch_counts_in_its_place(store: Store) -> None:

    words = ("stop", "start", "stop", "start")
    await store.record_replies([reply(w) for w in words])
    assert await store.opted_out() == []


async def test_opting_out_by_hand(store: Store) -> None:
    (row,) = await queued(store)
    assert await store.opt_out(CALLER, "by root", NOW) == (row.id,)
    assert await store.opt_in(CALLER, "root", at(1))
    assert not await store.opt_in(CALLER, "root", at(2))


async def test_a_long_reply_is_told_as_one_with_when_its_parts_came(store: Store) -> None:
    judged = await store.judge(fact(), NOW)
    for part, seconds in ((2, 60), (1, 62)):
        words = reply(f"words {part}. ", reference=77, part=part, parts=2, at=at(seconds))
        await store.record_reply(words)
    story = await store.story(judged.call_id)
    told = [(e.at, e.text) for e in story.events if e.kind == "reply"]
    assert told == [
        (at(60), "words 1. words 2.  (2 parts)"),
        (at(60), "part 2 of 2 came"),
        (at(62), "part 1 of 2 came"),
    ]


# --- verbs ------------------------------------------------------------------------------------


async def test_a_held_text_is_not_claimed_until_it_is_released(store: Store) -> None:
    (row,) = await queued(store)
    (held,) = (await store.hold(rows(row.id), **BY)).rows
    assert (held.state, held.reason) == (OutboxState.HELD, "asked to")
    assert (await store.turn((), claim(), at(11))).claimed == ()
    (released,) = (await store.release(rows(row.id), **BY)).rows
    assert (released.state, released.due) == (OutboxState.QUEUED, at(10))
    assert len((await store.turn((), claim(), at(11))).claimed) == 1


async def test_an_illegal_step_is_refused_and_nothing_is_changed(store: Store) -> None:
    (flying,) = await sending(store)
    (waiting,) = await queued(store)
    with pytest.raises(IllegalTransitionError, match=f"text {flying.id} is sending and cannot be"):
        await store.drop(rows(flying.id, waiting.id), **BY)
    assert (await store.text(waiting.id)).state is OutboxState.QUEUED


async def test_a_filter_takes_what_may_go_there_and_tells_what_it_left(store: Store) -> None:
    (flying,) = await sending(store)
    (waiting,) = await queued(store)
    dropped = await store.drop(RowFilter(to=CALLER), **BY)
    assert [row.id for row in dropped.rows] == [waiting.id]
    assert [(left.row.id, left.why) for left in dropped.left] == [
        (flying.id, "it is on its way to the carrier")
    ]


async def test_no_filter_at_all_is_refused(store: Store) -> None:
    await queued(store)
    with pytest.raises(StoreError, match="say which texts"):
        await store.drop(RowFilter(), **BY)


async def test_an_unknown_text_is_named(store: Store) -> None:
    with pytest.raises(NoSuchRowError, match="no text 41, 42"):
        await store.hold(rows(42, 41), **BY)


async def test_a_refused_text_may_be_released(store: Store) -> None:
    (row,) = await sending(store)
    refused = Refused(status=0x45, name="ESME_RSUBMITFAIL", detail="")
    await store.turn([finished(row, refused, state=OutboxState.REFUSED)], None, at(2))
    (again,) = (await store.release(rows(row.id), **BY)).rows
    assert again.state is OutboxState.QUEUED


async def test_releasing_a_text_past_its_time_needs_a_new_end(store: Store) -> None:
    (row,) = await sending(store)
    await store.turn([finished(row, Unsure(detail="timeout"))], None, at(2))
    late = BY | {"now": at(1000)}
    with pytest.raises(IllegalTransitionError, match="it expired at 2026-11-23 14:15 UTC"):
        await store.release(rows(row.id), **late)
    (again,) = (await store.release(rows(row.id), **late, expires=at(2000))).rows
    assert (again.state, again.expires) == (OutboxState.QUEUED, at(2000))


async def test_a_release_by_filter_takes_the_others_and_tells_what_is_past_its_time(
    store: Store,
) -> None:
    late, fresh = await sending(store, 2)
    done = [finished(row, Unsure(detail="timeout")) for row in (late, fresh)]
    await store.turn(done, None, at(2))
    await store.release(rows(fresh.id), **BY, expires=at(2000))
    await store.hold(rows(fresh.id), **BY)
    both = RowFilter(states=frozenset({OutboxState.UNCERTAIN, OutboxState.HELD}))
    changed = await store.release(both, **BY | {"now": at(1000)})
    assert [row.id for row in changed.rows] == [fresh.id]
    assert [(left.row.id, left.why) for left in changed.left] == [
        (late.id, "it expired at 2026-11-23 14:15 UTC")
    ]
    assert (await store.text(late.id)).state is OutboxState.UNCERTAIN
    again = await store.release(both, **BY | {"now": at(1000)}, expires=at(2000))
    assert [row.id for row in again.rows] == [late.id]


async def test_a_text_on_its_way_is_never_released_by_hand(store: Store) -> None:
    (flying,) = await sending(store)
    with pytest.raises(IllegalTransitionError, match="it is on its way to the carrier"):
        await store.release(rows(flying.id), **BY)
    changed = await store.release(RowFilter(to=CALLER), **BY)
    assert (changed.rows, [left.row.id for left in changed.left]) == ((), [flying.id])
    assert (await store.text(flying.id)).state is OutboxState.SENDING


async def test_the_queue_is_listed_by_filter(store: Store) -> None:
    first, second = await queued(store, 2)
    await store.hold(rows(second.id), **BY)
    found = await store.queue(RowFilter(states=frozenset({OutboxState.HELD})))
    assert [row.id for row in found] == [second.id]
    assert [row.id for row in await store.queue(newest_first=True)] == [second.id, first.id]
    assert [r.id for r in await store.queue(RowFilter(older_than=at(1)), limit=1)] == [first.id]


async def test_counts_name_every_state(store: Store) -> None:
    await queued(store, 2)
    counts = await store.counts()
    assert set(counts) == set(OutboxState)
    assert counts[OutboxState.QUEUED] == 2
    assert await store.oldest_queued(at(1)) == NOW


async def test_a_text_that_is_to_wait_does_not_count_as_stuck_before_it_is_due(
    store: Store,
) -> None:
    await queued(store, 1, due=at(3600), expires=at(4500))
    assert await store.oldest_queued(at(3599)) is None
    assert await store.oldest_queued(at(3700)) == at(3600)
    # Tried and put off: it waits since its first try, whenever it is due again.
    (row,) = (await store.turn((), claim(), at(3701))).claimed
    later = Later(after=60, detail="queue full", status=0x14, name="ESME_RMSGQFUL")
    back = finished(row, later, state=OutboxState.QUEUED, due=at(3800), at=at(3702))
    await store.turn([back], None, at(3702))
    assert await store.oldest_queued(at(3750)) == at(3701)


async def test_what_the_breaker_holds_leaves_the_caps_to_everybody_else(store: Store) -> None:
    for last in range(5):
        await queued(store, 1, to=f"+1212555011{last}")
    await queued(store, 20, to="+12125550119", hold="5 other callers of +121255501xx")
    known = await store.history("+12125550118", NUMBER, at(1))
    assert (known.last_minute, known.last_hour, known.last_day) == (5, 5, 5)
    # The block itself stays closed.
    assert known.adjacent == 6
    elsewhere = await store.history("+16465550118", NUMBER, at(1))
    assert (elsewhere.last_minute, elsewhere.adjacent, elsewhere.same_prefix) == (5, 0, 0)


async def test_a_text_written_before_the_clock_was_set_back_shows_in_the_future(
    store: Store,
) -> None:
    await queued(store, 1)
    assert await store.oldest_queued(at(-3600)) == NOW


# --- the story --------------------------------------------------------------------------------


async def test_the_story_is_told_in_the_order_of_time(store: Store) -> None:
    (row,) = await sending(store)
    later = Later(after=5, detail="queue full", status=0x14, name="ESME_RMSGQFUL")
    await store.turn([finished(row, later, state=OutboxState.QUEUED, due=at(3))], None, at(2))
    await store.turn((), claim(), at(3))
    await store.record_submissions([finished(row, accepted("1a"), at=at(4))], at(4))
    await store.record_receipt(receipt("1a", ReceiptState.DELIVERED))
    await store.record_reply(reply("please call back"))
    assert row.call_id is not None
    story = await store.story(row.call_id)
    assert [(e.kind, e.text) for e in story.events] == [
        ("verdict", "text this caller when the call ended"),
        ("outbox", "text 1 queued"),
        ("attempt", "attempt 1 through smsc"),
        ("attempt", "attempt 1: not now ESME_RMSGQFUL (0x00000014): queue full"),
        ("attempt", "attempt 2 through smsc"),
        ("attempt", "attempt 2: accepted"),
        ("attempt", "part 1 of 1 has message id 1a"),
        ("receipt", "receipt: DELIVRD (by message id)"),
        ("outbox", "delivered"),
        ("call", "ended: no_answer"),
        ("reply", "please call back"),
    ]
    assert story.outbox is not None
    assert story.outbox.state is OutboxState.DELIVERED


async def test_the_story_tells_what_the_operator_did(store: Store) -> None:
    (row,) = await queued(store)
    await store.hold(rows(row.id), **BY)
    assert row.call_id is not None
    events = (await store.story(row.call_id)).events
    assert ("operator", "root: hold (asked to)") in [(e.kind, e.text) for e in events]


async def test_a_reply_belongs_to_the_last_text_before_it(store: Store) -> None:
    first, second = await sending(store, 2)
    done = [finished(row, accepted(str(row.id))) for row in (first, second)]
    await store.record_submissions(done, at(2))
    await store.judge(fact(call("9.9"), send(expires=at(5000))), at(3600))
    (third,) = await store.claim(1, at(3600))
    await store.record_submissions([finished(third, accepted("9"))], at(3601))
    await store.record_reply(reply("to the third", at=at(3700)))
    told = {}
    for row in (first, third):
        assert row.call_id is not None
        story = await store.story(row.call_id)
        told[row.id] = [e.text for e in story.events if e.kind == "reply"]
    assert told == {first.id: [], third.id: ["to the third"]}


async def test_a_call_is_found_in_every_spelling(store: Store) -> None:
    raw = call("1700000000.7", caller="2125550123", linkedid="1700000000.3")
    judged = await store.judge(fact(raw), NOW)
    await store.judge(replace(fact(call("1.2")), caller="+12125550199"), NOW)
    spellings = (
        *("2125550123", "1700000000.7", "1700000000.3", "pbx:1700000000.7"),
        str(judged.call_id),
    )
    for word in spellings:
        found = await store.find(word)
        assert [story.call_id for story in found] == [judged.call_id], word
    assert [s.caller for s in await store.find("+12125550199")] == ["+12125550199"]
    assert await store.find("nobody") == []
    assert await store.find("") == []
    assert await store.find(CALLER, since=at(1)) == []


async def test_calls_of_one_moment_are_found_the_newest_first(store: Store) -> None:
    ids = [(await store.judge(fact(call(f"1.{n}")), NOW)).call_id for n in range(3)]
    assert [story.call_id for story in await store.find(CALLER)] == ids[::-1]
    assert [story.call_id for story in await store.find(CALLER, limit=1)] == ids[-1:]


async def test_a_text_without_a_call_is_found_by_its_handset_with_its_life(store: Store) -> None:
    await queued(store)
    first, second = [await store.enqueue(send(), by="root", now=at(n)) for n in (1, 2)]
    await store.hold(rows(first.id), **BY)
    found = await store.find_texts("2125550123", CALLER)
    assert [text.outbox.id for text in found] == [second.id, first.id]
    assert [(e.kind, e.text) for e in found[1].events] == [
        ("outbox", f"text {first.id} queued"),
        ("operator", "root: send-test"),
        ("operator", "root: hold (asked to)"),
        ("outbox", "held: asked to"),
    ]
    assert await store.find_texts("", "+12125550199") == []


async def test_an_unknown_call_is_named(store: Store) -> None:
    with pytest.raises(NoSuchRowError, match="no call 7"):
        await store.story(7)


async def test_the_newest_calls_come_first(store: Store) -> None:
    from textback.model import Moment

    for n in range(3):
        await store.record_fact(call(f"1.{n}", started=Moment(at(n), float(n))))
    assert [s.key.uniqueid for s in await store.calls(limit=2)] == ["1.2", "1.1"]
    found = await store.calls(since=at(1), until=at(2))
    assert [s.key.uniqueid for s in found] == ["1.1"]


async def test_a_test_text_is_in_the_operators_log_and_in_the_queue(store: Store) -> None:
    row = await store.enqueue(send(text="a test"), by="root", now=NOW)
    assert row.call_id is None
    assert await store.queue() == [row]
