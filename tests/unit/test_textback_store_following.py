"""The follow-up in the store: planned with its text, who cancels it, and behind what it goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

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
    late,
    receipt,
    reply,
    send,
)
from textback.decide import History
from textback.model import (
    Accepted,
    CallKey,
    Direction,
    FollowUp,
    Later,
    OutboxRow,
    OutboxState,
    Outcome,
    Phase,
    ReceiptState,
    Refused,
    Send,
    Submission,
    TextKind,
    Unsure,
)
from textback.store.rows import RowFilter
from textback.store.store import Store
from textback.store.tables import attempts

AFTER = 7_200
PLAN = FollowUp(
    text="Still there?", due=at(AFTER), expires=at(AFTER + 900), note="planned, if no reply"
)
ALL = RowFilter(states=frozenset(OutboxState))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "textback.db")
    yield opened
    await opened.close()


async def planned(
    store: Store, uniqueid: str = "1700000000.1", **changes: Any
) -> tuple[OutboxRow, OutboxRow]:
    """A text and its follow-up."""
    judged = await store.judge(fact(call(uniqueid), send(follow_up=PLAN, **changes)), NOW)
    first, second = (await store.story(judged.call_id)).texts
    return first, second


async def sent(
    store: Store,
    submission: Submission | None = None,
    state: OutboxState = OutboxState.ACCEPTED,
    seconds: float = 1,
) -> OutboxRow:
    """A text that came back from the carrier as told; returns its follow-up."""
    first, second = await planned(store)
    settled = await store.turn((), claim(), at(seconds))
    assert [row.id for row in settled.claimed] == [first.id]
    done = finished(first, submission or accepted("a1"), state=state)
    await store.turn([done], None, at(seconds + 1))
    return second


async def state(store: Store, row: OutboxRow) -> tuple[OutboxState, str]:
    found = await store.text(row.id)
    return found.state, found.reason


async def due(store: Store, seconds: float = AFTER) -> list[int]:
    return [row.id for row in (await store.turn((), claim(), at(seconds))).claimed]


# --- planned ----------------------------------------------------------------------------------


async def test_it_is_written_with_its_text_and_waits(store: Store) -> None:
    first, second = await planned(store)
    assert (first.kind, second.kind) == (TextKind.MISSED, TextKind.FOLLOW_UP)
    assert second.call_id == first.call_id
    assert (second.state, second.text) == (OutboxState.QUEUED, "Still there?")
    assert (second.due, second.expires) == (PLAN.due, PLAN.expires)
    assert (second.to, second.sender, second.route) == (first.to, first.sender, first.route)


async def test_the_story_tells_the_plan_and_its_end(store: Store) -> None:
    first, second = await planned(store)
    await store.record_replies([reply("Hello")])
    assert first.call_id is not None
    told = await store.story(first.call_id)
    assert told.outbox == first
    words = [event.text for event in told.events]
    assert f"text {first.id} queued" in words
    assert f"follow-up {second.id} written" in words
    assert "textback: follow-up (planned, if no reply)" in words
    assert "cancelled: the caller replied" in words


async def test_why_there_is_none_stands_in_the_story_of_the_text(store: Store) -> None:
    none = replace(PLAN, text="", note="none: it would come at 22:00")
    judged = await store.judge(fact(verdict=send(follow_up=none)), NOW)
    story = await store.story(judged.call_id)
    assert [row.kind for row in story.texts] == [TextKind.MISSED]
    words = [event.text for event in story.events]
    assert "textback: follow-up (none: it would come at 22:00)" in words
    assert f"text {story.texts[0].id} queued" in words


async def test_a_text_that_is_held_is_not_followed(store: Store) -> None:
    judged = await store.judge(fact(verdict=send(follow_up=PLAN, hold="breaker")), NOW)
    story = await store.story(judged.call_id)
    assert [row.state for row in story.texts] == [OutboxState.HELD]
    assert "textback: follow-up (none: the text is held)" in [e.text for e in story.events]


async def test_in_shadow_mode_it_is_written_and_never_leaves(store: Store) -> None:
    first, second = await planned(store, shadow=True)
    assert (first.state, second.state) == (OutboxState.SHADOW, OutboxState.SHADOW)
    assert second.reason == "shadow mode"
    assert await due(store) == []


async def test_a_call_plans_it_once(store: Store) -> None:
    await planned(store)
    await store.judge(fact(verdict=send(follow_up=PLAN)), NOW)
    assert len(await store.queue(ALL)) == 2


async def test_a_late_call_plans_one_too(store: Store) -> None:
    judged = await store.judge(fact(late(), send(follow_up=PLAN)), NOW)
    texts = (await store.story(judged.call_id)).texts
    assert [row.kind for row in texts] == [TextKind.MISSED, TextKind.FOLLOW_UP]


# --- what it counts for -----------------------------------------------------------------------


async def test_while_it_waits_it_counts_for_nothing_but_itself(store: Store) -> None:
    await planned(store)
    found = await store.history(CALLER, NUMBER, at(60))
    assert (found.last_hour, found.last_day, len(found.recent_texts)) == (1, 1, 1)
    assert found.follow_up_waits
    other = await store.history("+12125550124", NUMBER, at(60))
    assert (other.adjacent, other.follow_up_waits) == (1, False)


async def test_once_it_may_have_left_it_counts_for_the_caps_and_not_for_the_cooldown(
    store: Store,
) -> None:
    second = await sent(store)
    assert await due(store) == [second.id]
    await store.turn([finished(second, accepted("b1"))], None, at(AFTER + 1))
    found = await store.history(CALLER, NUMBER, at(AFTER + 60))
    assert (found.last_day, len(found.recent_texts)) == (2, 1)
    assert not found.follow_up_waits


async def test_of_a_later_miss_the_history_knows_that_one_waits(store: Store) -> None:
    await sent(store)
    asked: list[bool] = []

    def decide(history: History) -> Send:
        asked.append(history.follow_up_waits)
        return send()

    await store.judge(fact(call("1700000000.2"), decide), at(3_700))
    assert asked == [True]


async def test_one_that_will_never_go_keeps_no_other_from_being_planned(store: Store) -> None:
    refused = Refused(status=11, name="ESME_RINVDSTADR", detail="")
    first = await sent(store, refused, OutboxState.REFUSED)
    assert not (await store.history(CALLER, NUMBER, at(60))).follow_up_waits
    _, second = await planned(store, "1700000000.2")
    await store.turn((), claim(), at(61))
    await store.turn([finished(second.id - 1, accepted("a2"))], None, at(62))
    assert await due(store, AFTER + 10) == [second.id]
    assert (await store.text(first.id)).state is OutboxState.CANCELLED


async def test_in_shadow_mode_it_waits_until_its_time(store: Store) -> None:
    await planned(store, shadow=True)
    assert (await store.history(CALLER, NUMBER, at(60), shadow=True)).follow_up_waits
    assert not (await store.history(CALLER, NUMBER, at(60))).follow_up_waits
    assert not (await store.history(CALLER, NUMBER, at(AFTER), shadow=True)).follow_up_waits


# --- behind what it goes ----------------------------------------------------------------------


async def test_it_goes_behind_a_text_the_carrier_has_taken(store: Store) -> None:
    second = await sent(store)
    assert await store.next_due() == PLAN.due
    assert await due(store, AFTER - 1) == []
    assert await due(store) == [second.id]
    assert await due(store) == []
    tried = select(attempts.c.number).where(attempts.c.row_id == second.id)
    assert await store.read(lambda db: db.execute(tried).scalars().all()) == [1]


async def test_it_goes_behind_a_text_that_arrived(store: Store) -> None:
    second = await sent(store)
    await store.record_receipts([receipt("a1")])
    assert await due(store) == [second.id]


@pytest.mark.parametrize(
    ("submission", "ends", "reason"),
    [
        (
            Refused(status=11, name="ESME_RINVDSTADR", detail=""),
            OutboxState.REFUSED,
            "the first text was refused",
        ),
        (Later(after=5, detail=""), OutboxState.EXPIRED, "the first text was expired"),
    ],
)
async def test_behind_one_that_was_not_taken_it_is_cancelled(
    store: Store, submission: Submission, ends: OutboxState, reason: str
) -> None:
    second = await sent(store, submission, ends)
    settled = await store.turn((), claim(), at(AFTER))
    assert (settled.claimed, settled.next_due) == ((), None)
    assert await state(store, second) == (OutboxState.CANCELLED, reason)


async def test_behind_one_that_did_not_arrive_it_is_cancelled(store: Store) -> None:
    second = await sent(store)
    await store.record_receipts([receipt("a1", ReceiptState.UNDELIVERABLE)])
    assert await due(store) == []
    assert await state(store, second) == (
        OutboxState.CANCELLED,
        "the first text was undelivered",
    )


async def test_behind_one_the_operator_dropped_it_is_cancelled(store: Store) -> None:
    first, second = await planned(store)
    only = RowFilter(ids=frozenset({first.id}))
    await store.drop(only, reason="", by="test", now=at(1))
    assert await due(store) == []
    assert await state(store, second) == (OutboxState.CANCELLED, "the first text was dropped")


async def test_behind_one_that_may_have_been_sent_it_waits_and_expires(store: Store) -> None:
    second = await sent(store, Unsure(detail=""), OutboxState.UNCERTAIN)
    settled = await store.turn((), claim(), at(AFTER))
    assert (settled.claimed, settled.more) == ((), False)
    assert settled.next_due == at(AFTER + 60)
    assert await due(store, AFTER + 60) == []
    expired = await store.turn((), claim(), at(AFTER + 900))
    assert expired.expired == (second.id,)


async def test_it_goes_once_a_receipt_tells_that_the_uncertain_one_was_taken(store: Store) -> None:
    second = await sent(store, Unsure(detail=""), OutboxState.UNCERTAIN)
    assert await due(store) == []
    await store.record_receipts([receipt("x9")])
    assert await due(store, AFTER + 60) == [second.id]


async def test_behind_one_that_is_held_it_waits_for_its_release(store: Store) -> None:
    first, second = await planned(store, expires=at(100_000))
    only = RowFilter(ids=frozenset({first.id}))
    await store.hold(only, reason="", by="test", now=at(1))
    assert await due(store) == []
    assert (await store.text(second.id)).state is OutboxState.QUEUED
    await store.release(only, reason="", by="test", now=at(AFTER + 10))
    assert await due(store, AFTER + 10) == [first.id]


async def test_behind_one_that_left_late_it_comes_as_much_later(store: Store) -> None:
    """The carrier was away for ten minutes."""
    second = await sent(store, seconds=600)
    settled = await store.turn((), claim(), at(AFTER))
    assert (settled.claimed, settled.next_due) == ((), at(AFTER + 600))
    assert await due(store, AFTER + 600) == [second.id]


async def test_it_does_not_keep_other_texts_waiting(store: Store) -> None:
    await sent(store, Unsure(detail=""), OutboxState.UNCERTAIN)
    other = await store.judge(
        fact(call("1700000000.2"), send("+12125550124", expires=at(9_000))), at(AFTER - 1)
    )
    assert other.row is not None
    settled = await store.turn((), claim(room=1), at(AFTER))
    taken = [row.id for row in settled.claimed]
    if settled.more:  # the look was as short as the room
        taken += await due(store)
    assert taken == [other.row.id]


async def test_one_the_carrier_put_off_is_claimed_again(store: Store) -> None:
    second = await sent(store)
    assert await due(store) == [second.id]
    put_off = finished(
        second, Later(after=5, detail=""), state=OutboxState.QUEUED, due=at(AFTER + 5)
    )
    await store.turn([put_off], None, at(AFTER + 1))
    assert await due(store, AFTER + 5) == [second.id]


# --- who cancels it ---------------------------------------------------------------------------


@pytest.mark.parametrize("ours", [NUMBER, NUMBER[1:], "2125550100", "02125550100"])
async def test_a_reply_cancels_it_however_the_carrier_spells_our_number(
    store: Store, ours: str
) -> None:
    second = await sent(store)
    (kept,) = await store.record_replies([reply("Yes please", recipient=ours)])
    assert kept.cancelled == (second.id,)
    assert await state(store, second) == (OutboxState.CANCELLED, "the caller replied")
    assert await due(store) == []


async def test_a_reply_leaves_a_first_text_that_waits(store: Store) -> None:
    first, second = await planned(store)
    await store.record_replies([reply("Hello", part=2, parts=3, reference=7)])
    assert (await store.text(first.id)).state is OutboxState.QUEUED
    assert (await store.text(second.id)).state is OutboxState.CANCELLED


@pytest.mark.parametrize(
    "other", [{"recipient": "+12125550199"}, {"recipient": "0100"}, {"sender": "+12125550124"}]
)
async def test_somebody_elses_reply_does_not(store: Store, other: dict[str, str]) -> None:
    second = await sent(store)
    (kept,) = await store.record_replies([reply("Yes", **other)])
    assert kept.cancelled == ()
    assert await due(store) == [second.id]


async def test_stop_cancels_it(store: Store) -> None:
    second = await sent(store)
    (kept,) = await store.record_replies([reply("STOP")])
    assert kept.cancelled == (second.id,)
    assert await state(store, second) == (OutboxState.CANCELLED, "opted_out")


async def test_an_answer_in_a_later_call_cancels_it(store: Store) -> None:
    second = await sent(store)
    later = call("1700000000.2", phase=Phase.ANSWERED, outcome=Outcome.ANSWERED)
    judged = await store.judge(fact(later), at(60))
    assert judged.cancelled == (second.id,)
    assert (await state(store, second))[1] == "the caller was answered in a later call"


async def test_an_answer_in_the_same_call_cancels_it(store: Store) -> None:
    """The text went out while it rang, and then somebody took the call."""
    await store.judge(fact(call(phase=Phase.RING_TIMEOUT), send(follow_up=PLAN)), NOW)
    (first, second) = await store.queue()
    await store.turn((), claim(), at(1))
    await store.turn([finished(first, accepted("a1"))], None, at(2))
    await store.judge(fact(call(phase=Phase.ANSWERED, outcome=Outcome.ANSWERED)), at(3))
    assert await state(store, second) == (OutboxState.CANCELLED, "the call was answered")


async def test_a_call_back_cancels_it(store: Store) -> None:
    second = await sent(store)
    back = call("1700000000.2", phase=Phase.ANSWERED, direction=Direction.OUTBOUND)
    judged = await store.judge(fact(back, caller="", called_back=CALLER, decide=None), at(60))
    assert judged.cancelled == (second.id,)
    assert await state(store, second) == (OutboxState.CANCELLED, "the business called back")


async def test_an_answer_learnt_late_cancels_it(store: Store) -> None:
    second = await sent(store)
    told = late(
        "1700000000.2",
        outcome=Outcome.ANSWERED,
        started=call().at.plus(60),
        answered=call().at.plus(70),
        at=call().at.plus(90),
    )
    await store.judge(fact(told, decide=None), at(600))
    assert (await store.text(second.id)).state is OutboxState.CANCELLED


async def test_the_dialplans_word_that_it_is_handled_cancels_it(store: Store) -> None:
    await store.judge(fact(call(phase=Phase.RING_TIMEOUT), send(follow_up=PLAN)), NOW)
    judged = await store.judge(fact(call(handled="agi")), at(3))
    assert len(judged.cancelled) == 2
    assert {row.reason for row in await store.queue(ALL)} == {
        "the dialplan said that it is handled"
    }


async def test_what_answers_a_call_leaves_the_other_callers_alone(store: Store) -> None:
    second = await sent(store)
    other = call("1700000000.2", phase=Phase.ANSWERED, outcome=Outcome.ANSWERED)
    await store.judge(fact(other, caller="+12125550124"), at(60))
    assert await due(store) == [second.id]


async def test_one_that_was_sent_is_not_cancelled(store: Store) -> None:
    second = await sent(store)
    await due(store)
    await store.turn([finished(second, Accepted(parts=(), at=at(2)))], None, at(AFTER + 1))
    await store.record_replies([reply("Yes")])
    assert (await store.text(second.id)).state is OutboxState.ACCEPTED


async def test_cancelling_by_the_key_of_the_call_takes_both(store: Store) -> None:
    first, second = await planned(store)
    key = CallKey(pbx="pbx", boot="2026-11-01T00:00:00", uniqueid="1700000000.1")
    assert await store.cancel_for_call(key, "by hand", at(1))
    assert [(await store.text(row.id)).reason for row in (first, second)] == ["by hand"] * 2
