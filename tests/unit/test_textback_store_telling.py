"""Events and their deliveries in the store: written once, in order, found by an index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, select

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
    queued,
    receipt,
)
from textback.model import (
    DeliveryState,
    Event,
    EventKind,
    OutboxState,
    Outcome,
    Phase,
    Reason,
    ReceiptState,
    Refused,
    Skip,
)
from textback.store import telling, told
from textback.store.errors import NoSuchRowError
from textback.store.rows import Finished
from textback.store.store import Store
from textback.store.tables_tell import deliveries, events
from textback.store.telling import Addressee, Tried
from textback.tell_rules import HEAD, PUT_OFF

CRM, OFFICE = Addressee("webhook", "crm", 1), Addressee("notify", "office", 1)


def alarm(n: int = 0, **changes: Any) -> Event:
    payload = {"alarm": "cap_reached", "because": f"number {n}", "count": 1}
    plain = {"kind": EventKind.ALARM_RAISED, "at": at(n), "payload": payload}
    return Event(**{**plain, **changes})


async def kept(store: Store, kind: EventKind) -> list[Event]:
    query = select(events).where(events.c.kind == kind).order_by(events.c.id)
    return await store.read(lambda db: [told.to_event(row) for row in db.execute(query)])


def everybody(*who: Addressee) -> Callable[[Event], Sequence[Addressee]]:
    return lambda _: who


async def fill(store: Store, count: int, who: Addressee = CRM) -> list[int]:
    for n in range(count):
        await store.put_event(alarm(n))
    await store.fan_out(everybody(who), NOW)
    found = await store.tellings([DeliveryState.QUEUED], who.target, 10_000)
    return [one.id for one in reversed(found)]


async def take(store: Store, now: datetime = NOW, who: Addressee = CRM) -> telling.Batch:
    return await store.take_tellings(
        who.channel, who.target, now=now, head=HEAD, longest=PUT_OFF, limit=100
    )


async def fail(store: Store, row_id: int, times: int = 1, due: datetime | None = None) -> None:
    for _ in range(times):
        tried = Tried(id=row_id, state=DeliveryState.QUEUED, due=due or at(60))
        await store.record_tellings([tried], NOW)


# --- what happened ----------------------------------------------------------------------------


async def test_a_missed_call_is_one_event_however_often_its_end_is_told(store: Store) -> None:
    for _ in range(3):
        await store.judge(fact(call(caller_name="ANN\x1b SMITH")), NOW)
    (found,) = await kept(store, EventKind.CALL_MISSED)
    assert (found.caller, found.number, found.at) == (CALLER, NUMBER, at(20))
    assert found.payload["verdict"] == "send"
    assert found.payload["text"] == 1
    assert found.payload["label"] == "Main"
    assert "\x1b" not in found.payload["name"]
    assert found.payload["started"] == "2026-11-23T14:00:00.000Z"


async def test_a_text_decided_while_it_rang_is_in_the_event_of_the_end(store: Store) -> None:
    await store.judge(fact(call(phase=Phase.RING_TIMEOUT)), NOW)
    assert await kept(store, EventKind.CALL_MISSED) == []
    await store.judge(fact(call()), NOW)
    (found,) = await kept(store, EventKind.CALL_MISSED)
    assert (found.payload["verdict"], found.payload["text"]) == ("send", 1)


async def test_a_call_that_is_not_texted_is_told_with_its_reason(store: Store) -> None:
    await store.judge(fact(call(), Skip(reason=Reason.COOLDOWN)), NOW)
    (found,) = await kept(store, EventKind.CALL_MISSED)
    assert (found.payload["verdict"], found.payload["reason"]) == ("skip", "cooldown")
    assert found.payload["text"] is None


@pytest.mark.parametrize(
    ("changes", "verdict", "fact_changes"),
    [
        ({"outcome": Outcome.ANSWERED}, Skip(reason=Reason.ANSWERED), {}),
        ({"outcome": Outcome.UNKNOWN}, Skip(reason=Reason.UNKNOWN_CALL), {}),
        ({"tainted": "a line break"}, Skip(reason=Reason.TAINTED), {}),
        ({"handled": "agi"}, Skip(reason=Reason.HANDLED), {}),
        ({}, Skip(reason=Reason.NUMBER_DISABLED), {}),
        ({}, Skip(reason=Reason.NOT_WATCHED), {"number": ""}),
    ],
)
async def test_what_is_no_missed_call_of_ours_is_not_told(
    store: Store, changes: dict[str, Any], verdict: Skip, fact_changes: dict[str, Any]
) -> None:
    await store.judge(fact(call(**changes), verdict, **fact_changes), NOW)
    assert await kept(store, EventKind.CALL_MISSED) == []


async def test_a_call_learnt_afterwards_is_told_once_and_as_late(store: Store) -> None:
    in_part = call(outcome=Outcome.UNKNOWN, gap=True)
    await store.judge(fact(in_part, Skip(reason=Reason.UNKNOWN_CALL)), NOW)
    for _ in range(2):
        await store.judge(fact(late()), NOW)
    (found,) = await kept(store, EventKind.CALL_MISSED)
    assert found.payload["late"] is True
    assert found.payload["call_id"] == "pbx:1700000000.1"


async def test_a_refused_text_is_told(store: Store) -> None:
    (row,) = await queued(store)
    await store.claim(10, NOW)
    refused = Refused(status=0x0B, name="ESME_RINVDSTADR", detail="")
    done = Finished(
        row_id=row.id, submission=refused, at=NOW, state=OutboxState.REFUSED, reason="invalid"
    )
    await store.record_submissions([done], NOW)
    (found,) = await kept(store, EventKind.TEXT_FAILED)
    assert (found.caller, found.number) == (CALLER, NUMBER)
    assert (found.payload["state"], found.payload["reason"]) == ("refused", "invalid")
    assert found.payload["label"] == "Main"


async def test_an_expired_text_is_told(store: Store) -> None:
    (row,) = await queued(store)
    await store.turn((), claim(), at(10_000))
    (found,) = await kept(store, EventKind.TEXT_FAILED)
    assert (found.payload["text"], found.payload["state"]) == (row.id, "expired")


async def test_an_undelivered_text_is_told_once_by_its_first_bad_receipt(store: Store) -> None:
    (row,) = await queued(store)
    await store.claim(10, NOW)
    await store.record_submissions([finished(row, accepted("m1"))], NOW)
    bad = receipt("m1", ReceiptState.UNDELIVERABLE, route="", error="005")
    for _ in range(2):
        await store.record_receipt(bad)
    (found,) = await kept(store, EventKind.TEXT_FAILED)
    assert found.payload["state"] == "undelivered"


async def test_an_event_with_a_known_key_is_kept_once(store: Store) -> None:
    for _ in range(2):
        await store.put_event(alarm(key="the-same"))
    assert len(await kept(store, EventKind.ALARM_RAISED)) == 1


async def test_whoever_watches_is_told_of_transactions_with_events_and_of_no_others(
    store: Store,
) -> None:
    told: list[str] = []
    store.watch(on_events=lambda: told.append("events"))
    await store.set_last_seen("pbx", NOW)
    assert told == []
    await store.put_event(alarm())
    assert told == ["events"]
    await store.judge(fact(call(), Skip(reason=Reason.ANSWERED)), NOW)
    await store.set_last_seen("pbx", NOW)
    before = len(told)
    await store.set_last_seen("pbx", NOW)
    assert len(told) == before


# --- fanning out ------------------------------------------------------------------------------


async def test_every_new_event_is_fanned_out_once(store: Store) -> None:
    await store.put_event(alarm(1))
    await store.put_event(alarm(2))
    done = await store.fan_out(everybody(CRM, OFFICE, CRM), NOW)
    assert (done.events, done.deliveries, done.urgent) == (2, 4, False)
    assert (await store.fan_out(everybody(CRM), NOW)).events == 0
    waiting = {(w.channel, w.target): w.queued for w in await store.tellings_waiting()}
    assert waiting == {("webhook", "crm"): 2, ("notify", "office"): 2}


async def test_without_anybody_to_tell_events_are_passed_over(store: Store) -> None:
    await store.put_event(alarm())
    assert await store.pass_over() == 1
    assert (await store.fan_out(everybody(CRM), NOW)).events == 0


# --- one target's order -----------------------------------------------------------------------


async def test_a_target_takes_its_own_in_their_order_and_urgent_ones_first(store: Store) -> None:
    first = await fill(store, 3)
    await store.put_event(alarm())
    await store.fan_out(everybody(CRM._replace(rank=0), OFFICE), NOW)
    found = (await take(store)).tellings
    assert [one.id for one in found][1:] == first
    assert [one.urgent for one in found] == [True, False, False, False]


async def test_one_that_failed_holds_up_those_behind_it_until_it_is_due(store: Store) -> None:
    first, second = await fill(store, 2)
    await fail(store, first)
    assert await take(store) == telling.Batch(next_due=at(60))
    assert [one.id for one in (await take(store, at(60))).tellings] == [first, second]


async def test_one_that_failed_too_often_steps_aside_and_comes_again_when_due(
    store: Store,
) -> None:
    first, second = await fill(store, 2)
    await fail(store, first, HEAD)
    assert [one.id for one in (await take(store)).tellings] == [second]
    await store.record_tellings([Tried(id=second, state=DeliveryState.DELIVERED, due=NOW)], NOW)
    assert await take(store) == telling.Batch(next_due=at(60))
    assert [one.id for one in (await take(store, at(60))).tellings] == [first]


async def test_one_put_off_by_a_clock_that_went_back_is_due(store: Store) -> None:
    (first,) = await fill(store, 1)
    await fail(store, first, due=NOW + timedelta(days=30))
    assert [one.id for one in (await take(store)).tellings] == [first]


async def test_one_the_operator_dropped_meanwhile_stays_dropped(store: Store) -> None:
    (first,) = await fill(store, 1)
    assert await store.drop_tellings([first], why="dropped by ann", now=NOW) == 1
    await store.record_tellings([Tried(id=first, state=DeliveryState.DELIVERED, due=NOW)], NOW)
    assert (await store.telling(first)).state is DeliveryState.DROPPED


async def test_what_was_given_up_is_tried_again_by_hand(store: Store) -> None:
    first, second = await fill(store, 2)
    await store.record_tellings([Tried(id=first, state=DeliveryState.FAILED, due=NOW)], NOW)
    assert await store.retry_tellings([first], now=at(9)) == 1
    found = await store.telling(first)
    assert (found.state, found.attempts, found.created) == (DeliveryState.QUEUED, 0, at(9))
    assert await store.retry_tellings(target="crm", now=at(9)) == 2
    with pytest.raises(NoSuchRowError):
        await store.retry_tellings([second + 1000], now=at(9))


async def test_what_waits_for_a_target_that_is_gone_is_dropped(store: Store) -> None:
    await fill(store, 2)
    await fill(store, 1, OFFICE)
    assert await store.drop_unknown_tellings({("notify", "office")}, NOW) == 2
    assert [w.target for w in await store.tellings_waiting()] == ["office"]


# --- by an index ------------------------------------------------------------------------------


async def plans(store: Store, work: Callable[[Connection], object]) -> list[str]:
    """How SQLite goes about every statement of `work`."""

    def explain(db: Connection) -> list[str]:
        heard: list[tuple[str, Any]] = []

        def hear(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
            heard.append((statement, parameters))

        event.listen(db, "before_cursor_execute", hear)
        work(db)
        event.remove(db, "before_cursor_execute", hear)
        return [
            row[3]
            for statement, parameters in list(heard)
            for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]

    return await store.read(explain)


async def test_what_a_clock_that_was_set_back_has_put_off_for_long_is_told_at_once(
    store: Store,
) -> None:
    for tries in (1, HEAD):
        row = await store.tell_alone(alarm(tries), CRM, NOW)
        await fail(store, row, tries, NOW + PUT_OFF + timedelta(seconds=1))
        assert [one.id for one in (await take(store)).tellings] == [row]
        await store.drop_tellings([row], why="seen", now=NOW)


async def test_no_look_of_a_lane_reads_what_is_told_already(store: Store) -> None:
    def work(db: Connection) -> None:
        telling.take(db, "webhook", "crm", now=NOW, head=HEAD, longest=PUT_OFF, limit=10)
        told.waiting(db)
        told.tellings(db, [DeliveryState.QUEUED], "crm", 10)
        told.tellings(db, [DeliveryState.FAILED], "", 10)
        db.execute(telling._UNSEEN, {"most": 10}).all()

    found = await plans(store, work)
    partial = ("ix_deliveries_waiting", "ix_deliveries_failed", "ix_events_waiting")
    scans = [line for line in found if line.startswith(("SCAN deliveries", "SCAN events"))]
    assert [line for line in scans if not any(index in line for index in partial)] == []
    assert any("ix_deliveries_waiting (channel=? AND target=?" in line for line in found)
    assert any("ix_events_waiting" in line for line in found)


async def test_deliveries_go_with_their_event(store: Store) -> None:
    await fill(store, 1)

    def gone(db: Connection) -> int:
        db.execute(events.delete())
        return int(db.execute(select(func.count()).select_from(deliveries)).scalar_one())

    assert await store._db.write(gone) == 0
