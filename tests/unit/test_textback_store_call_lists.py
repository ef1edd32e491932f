"""Lists of calls: every filter finds what a look at each call would, page by page, by an index."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select, update

from tests.fakes.statements import plan
from tests.fakes.store import CALLER, NOW, NUMBER, at, call, fact
from textback.model import (
    Call,
    Contact,
    Direction,
    OutboxState,
    Outcome,
    Phase,
    Reason,
    Skip,
    Source,
)
from textback.store import call_lines, call_lists
from textback.store.call_lists import CallFilter
from textback.store.rows import CallFact
from textback.store.store import Store
from textback.store.tables import calls, verdicts

OTHER = "+12125550101"
NUMBERS = (NUMBER, OTHER, "")


def some_calls(count: int, seed: int = 5) -> list[dict[str, Any]]:
    """Rows of `calls` with their verdicts' reasons, in an order of their own: late ones among."""
    chance = random.Random(seed)
    base = call_lists_row()
    rows = []
    for number in range(1, count + 1):
        direction = chance.choice([Direction.INBOUND] * 5 + [Direction.OUTBOUND])
        outcome = chance.choice([Outcome.ANSWERED, Outcome.NO_ANSWER, Outcome.BUSY])
        reason = Reason.ANSWERED
        if direction is Direction.OUTBOUND:
            reason = Reason.OUTBOUND
        elif outcome is not Outcome.ANSWERED:
            reason = chance.choice([Reason.SEND, Reason.SEND, Reason.COOLDOWN, Reason.STAFF])
        started = NOW + timedelta(minutes=chance.randrange(count))
        rows.append(
            base
            | {
                "id": number,
                "uniqueid": f"1700000000.{number}",
                "linkedid": f"1700000000.{number}",
                "direction": direction,
                "outcome": outcome,
                "number": chance.choice(NUMBERS),
                "caller_e164": f"+1212555{chance.randrange(100, 110):04d}",
                "started_at": started,
                "ended_at": None if chance.random() < 0.02 else started + timedelta(seconds=20),
                "reason": reason.value,
            }
        )
    return rows


def call_lists_row() -> dict[str, Any]:
    from textback.store.calls import values

    return values(CallFact(call=call(), caller=CALLER, number=NUMBER, label="Front"))


async def fill(store: Store, rows: list[dict[str, Any]]) -> None:
    def work(db: Connection) -> None:
        db.execute(insert(calls), [{**row, "reason": ""} for row in rows])
        verdict = {"phase": Phase.ENDED, "decided_at": NOW, "gates": []}
        found = [
            {"call_id": row["id"], "send": row["reason"] == "send", "reason": row["reason"]}
            | verdict
            for row in rows
        ]
        db.execute(insert(verdicts), found)

    await store._db.write(work)


def expected(rows: list[dict[str, Any]], wanted: CallFilter) -> list[int]:
    """What a look at every call finds."""

    def fits(row: dict[str, Any]) -> bool:
        return (
            row["ended_at"] is not None
            and wanted.direction in (None, row["direction"])
            and wanted.number in ("", row["number"])
            and (not wanted.outcomes or row["outcome"] in wanted.outcomes)
            and (not wanted.reasons or row["reason"] in wanted.reasons)
            and wanted.texted in (None, row["reason"] == "send")
            and (wanted.since is None or row["started_at"] >= wanted.since)
            and (wanted.until is None or row["started_at"] < wanted.until)
            and (not wanted.callers or row["caller_e164"] in wanted.callers)
        )

    found = [row for row in rows if fits(row)]
    return [r["id"] for r in sorted(found, key=lambda r: (r["started_at"], r["id"]), reverse=True)]


def filters() -> list[CallFilter]:
    directions = (Direction.INBOUND, None)
    outcomes = (frozenset[Outcome](), frozenset({Outcome.BUSY, Outcome.NO_ANSWER}))
    reasons = (frozenset[Reason](), frozenset({Reason.STAFF}), frozenset({Reason.PREMIUM}))
    times: tuple[tuple[datetime | None, datetime | None], ...] = (
        (None, None),
        (at(3000), at(9000)),
    )
    callers: tuple[tuple[str, ...], ...] = ((), ("+12125550103", "0103"))
    return [
        CallFilter(
            direction=direction,
            number=number,
            outcomes=outcome,
            reasons=reason,
            texted=texted,
            since=since,
            until=until,
            callers=caller,
        )
        for direction, number, outcome, reason, texted, (since, until), caller in itertools.product(
            directions, ("", OTHER), outcomes, reasons, (None, True, False), times, callers
        )
    ]


@pytest.mark.parametrize("near", [20_000, 7], ids=["near", "by kinds"])
async def test_every_filter_finds_what_a_look_at_each_call_does(
    store: Store, monkeypatch: pytest.MonkeyPatch, near: int
) -> None:
    monkeypatch.setattr(call_lists, "NEAR", near)
    rows = some_calls(300)
    await fill(store, rows)
    for wanted in filters():
        found = await store.call_page(wanted, limit=200)
        assert [line.id for line in found] == expected(rows, wanted)[:200], wanted


@pytest.mark.parametrize("near", [20_000, 7], ids=["near", "by kinds"])
async def test_pages_follow_each_other_with_no_call_twice_and_none_left_out(
    store: Store, monkeypatch: pytest.MonkeyPatch, near: int
) -> None:
    monkeypatch.setattr(call_lists, "NEAR", near)
    rows = some_calls(120)
    await fill(store, rows)
    for wanted in (CallFilter(), CallFilter(texted=False, direction=None), CallFilter(number="")):
        seen: list[int] = []
        after = None
        while page := await store.call_page(wanted, after=after, limit=9):
            seen += [line.id for line in page]
            after = page[-1].position
        assert seen == expected(rows, wanted)


async def test_a_call_has_the_reason_of_its_verdict_and_of_a_later_one(store: Store) -> None:
    skip = Skip(reason=Reason.UNKNOWN_CALL)
    judged = await store.judge(
        CallFact(call=call(outcome=Outcome.UNKNOWN), number=NUMBER, decide=lambda *_: skip), NOW
    )

    async def reason() -> str:
        query = select(calls.c.reason).where(calls.c.id == judged.call_id)
        return str(await store.read(lambda db: db.execute(query).scalar_one()))

    assert await reason() == "unknown_call"
    late = call(outcome=Outcome.NO_ANSWER, late=True, source=Source.CEL)
    again = Skip(reason=Reason.COOLDOWN)
    await store.judge(CallFact(call=late, number=NUMBER, decide=lambda *_: again), NOW)
    assert await reason() == "cooldown"


async def test_a_fact_that_comes_later_leaves_the_reason_as_it_is(store: Store) -> None:
    ringing = call(phase=Phase.RING_TIMEOUT)
    judged = await store.judge(fact(ringing), NOW)
    await store.judge(CallFact(call=call(), caller=CALLER, number=NUMBER), NOW)
    line = (await store.call_page(CallFilter()))[0]
    assert line.id == judged.call_id
    assert line.reason is Reason.SEND


async def test_a_line_has_name_text_and_who_answered(store: Store) -> None:
    await store.exchange_contacts("csv:a", [Contact(number=CALLER, name="Jane Miller")], NOW)
    await store.judge(fact(call()), NOW)
    trail = ((0.2, "phone PJSIP/101 rings"), (2.0, "bridged with PJSIP/101 through Local/101"))
    spoken = call("1700000000.2", answered=call().started.plus(2), trail=trail)
    spoken = replace(spoken, outcome=Outcome.ANSWERED)
    await store.judge(CallFact(call=spoken, caller="+12125550177", number=NUMBER), NOW)
    second, first = await store.call_page(CallFilter())
    assert (first.name, first.state, first.reason) == (
        "Jane Miller",
        OutboxState.QUEUED,
        Reason.SEND,
    )
    assert first.thread is not None
    assert (second.name, second.text, second.answered_by) == ("", None, "PJSIP/101")


async def test_a_reason_of_a_newer_version_is_none_of_ours(store: Store) -> None:
    await store.judge(fact(call()), NOW)
    await store._db.write(lambda db: db.execute(update(verdicts).values(reason="moon_phase")))
    assert (await store.call_page(CallFilter()))[0].reason is None


# --- living ---------------------------------------------------------------------------------------


def living(uniqueid: str, **changes: Any) -> Call:
    return call(uniqueid, phase=Phase.RINGING, **changes)


async def test_living_calls_are_those_without_an_end_from_outside_the_newest_first(
    store: Store,
) -> None:
    later = call().started.plus(30)
    facts = [
        living("1.1"),
        living("1.2", started=later),
        living("1.3", direction=Direction.OUTBOUND),
        call("1.4"),
    ]
    await store.record_calls([CallFact(call=c, caller=CALLER, number=NUMBER) for c in facts], NOW)
    found = await store.living_calls(at(40))
    assert [line.id for line in found] == [2, 1]
    assert await store.call_page(CallFilter()) != []
    assert [line.id for line in await store.call_page(CallFilter())] == [4]


async def test_what_a_kill_left_ringing_is_not_shown_as_ringing_for_ever(store: Store) -> None:
    talking = living("1.2", answered=call().started.plus(3))
    both = [CallFact(call=c, number=NUMBER) for c in (living("1.1"), talking)]
    await store.record_calls(both, NOW)
    soon, long = NOW + call_lines.LONGEST_RING, NOW + call_lines.LONGEST_TALK
    assert len(await store.living_calls(soon)) == 2
    assert len(await store.living_calls(soon + timedelta(seconds=1))) == 1
    assert await store.living_calls(long + timedelta(seconds=1)) == []


# --- finding --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word", [CALLER, "2125550123", "1700000000.1", "pbx:1700000000.1", "1", "linked.9"]
)
async def test_a_call_is_found_by_its_number_and_by_every_id(store: Store, word: str) -> None:
    told = call(caller="2125550123", linkedid="linked.9")
    await store.judge(CallFact(call=told, caller=CALLER, number=NUMBER), NOW)
    await store.judge(CallFact(call=call("1700000000.2", caller="77"), number=NUMBER), NOW)
    assert [line.id for line in await store.find_calls(word, "nothing")] == [1]


async def test_nothing_is_found_by_nothing(store: Store) -> None:
    await store.judge(CallFact(call=call(caller=""), number=NUMBER), NOW)
    assert await store.find_calls("", "no such") == []


# --- by index -------------------------------------------------------------------------------------


async def said(store: Store, work: Any) -> list[str]:
    """How SQLite runs everything `work(db)` asks."""
    plans: list[str] = []

    def explained(db: Connection) -> None:
        asked: list[tuple[str, Any]] = []

        def hear(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
            asked.append((statement, parameters))

        event.listen(db, "before_cursor_execute", hear)
        work(db)
        event.remove(db, "before_cursor_execute", hear)
        for statement, parameters in asked:
            rows = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in rows)

    await store.read(explained)
    return plans


@pytest.mark.parametrize("near", [20_000, 3], ids=["near", "by kinds"])
async def test_no_list_goes_through_the_calls(
    store: Store, monkeypatch: pytest.MonkeyPatch, near: int
) -> None:
    monkeypatch.setattr(call_lists, "NEAR", near)
    await fill(store, some_calls(40))
    for wanted in filters()[::7]:
        for after in (None, (at(6000), 7)):
            plans = await said(
                store, lambda db, w=wanted, a=after: call_lists.listed(db, w, after=a)
            )
            scans = [line for line in plans if line.startswith("SCAN calls")]
            # The newest of all, in the index alone and no further than NEAR; those that live.
            indexes = ("USING COVERING INDEX ix_calls_started_at", "USING INDEX ix_calls_living")
            assert all(line.endswith(indexes) for line in scans), plans
            assert not [line for line in plans if line in ("SCAN c", "SCAN n", "SCAN p")], plans


async def test_a_look_at_living_calls_and_for_one_call_goes_by_an_index(store: Store) -> None:
    plans = await said(store, lambda db: call_lines.living(db, NOW))
    plans += await said(store, lambda db: call_lists.named(db, ["pbx:1.2", "77", CALLER]))
    assert not [line for line in plans if line.startswith("SCAN") and "ix_calls_living" not in line]


async def test_the_near_ones_are_read_from_the_index_alone(store: Store) -> None:
    query = call_lists.near_query(CallFilter(number=NUMBER, texted=False), None, 50)
    assert any("COVERING INDEX ix_calls_started_at" in line for line in await plan(store, query))
