"""Cases as people see and change them: the list in its order, every change on record, all by index.

Also what is overdue, and how many missed callers were recovered.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from tests.fakes.statements import plan
from tests.fakes.store import CALLER, NOW, NUMBER, EveryMiss, at
from tests.unit.test_textback_store_cases import (
    OTHER,
    called_back,
    came_back,
    every,
    missed,
    told,
    written,
)
from textback.model import CallbackCase, CaseStage, EventKind
from textback.store import casefacts, caseload, cases, recovery
from textback.store.caseload import CaseFilter
from textback.store.errors import CaseClosedError, CaseError, NoSuchCaseError
from textback.store.recovery import Part
from textback.store.store import Store
from textback.store.tables import operator_log
from textback.store.tables_people import cases as table
from textback.store.tables_tell import events
from textback.tell_shapes import SHAPES

HOUR = timedelta(hours=1)


async def put(store: Store, *rows: dict[str, Any]) -> None:
    """Cases as they stand in the table."""
    plain: dict[str, Any] = {
        "caller": CALLER,
        "number": NUMBER,
        "stage": CaseStage.MISSED,
        "misses": 1,
        "opened_at": NOW,
        "missed_at": NOW,
        "texted_at": None,
        "replied_at": None,
        "owner": "",
        "due_at": None,
        "closed_at": None,
        "spoken_at": None,
        "closed_by": "",
        "note": "",
        "changed_at": NOW,
    }
    new = [{**plain, "caller": f"+1212555{n:04d}", **row} for n, row in enumerate(rows)]
    await store._db.write(lambda db: db.execute(insert(table), new))


async def opened(store: Store, seconds: float = 0.0, **changes: Any) -> CallbackCase:
    """A case of a missed call."""
    await store.judge(missed(f"1.{seconds}", seconds, **changes), at(seconds + 20))
    return (await every(store))[-1]


async def log(store: Store, case_id: int) -> list[tuple[str, str, str]]:
    def work(db: Connection) -> list[tuple[str, str, str]]:
        query = select(operator_log).where(operator_log.c.case_id == case_id)
        return [(row.by, row.verb, row.detail) for row in db.execute(query)]

    return await store.read(work)


# --- the list ---------------------------------------------------------------------------------


async def test_the_next_to_be_called_back_comes_first_and_those_without_a_time_last(
    store: Store,
) -> None:
    await put(
        store,
        {"missed_at": at(5)},
        {"due_at": at(50)},
        {"due_at": at(10), "missed_at": at(9)},
        {"due_at": at(10), "missed_at": at(1)},
        {"missed_at": at(2)},
        {"closed_at": at(3), "stage": CaseStage.DISMISSED},
    )
    assert [case.id for case in await store.cases()] == [4, 3, 2, 5, 1]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_pages_put_together_are_the_list(store: Store, size: int) -> None:
    rows: list[dict[str, Any]] = [
        {"due_at": at(n % 3) if n % 2 else None, "missed_at": at(n % 4)} for n in range(12)
    ]
    await put(store, *rows)
    whole = await store.cases(limit=100)
    paged: list[CallbackCase] = []
    while page := await store.cases(limit=size, after=paged[-1].id if paged else None):
        paged += page
    assert paged == whole
    assert len(whole) == 12


async def test_closed_ones_come_newest_first_and_in_pages_too(store: Store) -> None:
    closed = {"stage": CaseStage.DISMISSED}
    await put(store, *({**closed, "closed_at": at(n // 2)} for n in range(8)), {})
    wanted = CaseFilter(closed_since=at(1))
    assert [case.id for case in await store.cases(wanted)] == [8, 7, 6, 5, 4, 3]
    assert [case.id for case in await store.cases(wanted, limit=2, after=6)] == [5, 4]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (CaseFilter(number=OTHER), [2]),
        (CaseFilter(owner="101"), [3]),
        (CaseFilter(nobodys=True), [1, 2, 4]),
        (CaseFilter(stage=CaseStage.REPLIED), [4]),
        (CaseFilter(caller="+12125550002"), [3]),
        (CaseFilter(overdue=at(20)), [4]),
        (CaseFilter(overdue=at(20), owner="101"), []),
    ],
)
async def test_the_list_can_be_narrowed(store: Store, wanted: CaseFilter, ids: list[int]) -> None:
    await put(
        store,
        {},
        {"number": OTHER},
        {"owner": "101", "due_at": at(30)},
        {"stage": CaseStage.REPLIED, "due_at": at(10)},
    )
    assert sorted(case.id for case in await store.cases(wanted)) == ids


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (CaseFilter(), "ix_cases_due (due_at"),
        (CaseFilter(overdue=NOW), "ix_cases_due (due_at"),
        (CaseFilter(number=NUMBER), "ix_cases_number_due (number=? AND due_at"),
        (CaseFilter(owner="101"), "ix_cases_owner_due (owner=? AND due_at"),
        (CaseFilter(stage=CaseStage.REPLIED), "ix_cases_stage_due (stage=? AND due_at"),
    ],
)
async def test_every_list_is_read_from_an_index_in_its_order(
    store: Store, wanted: CaseFilter, index: str
) -> None:
    await put(store, {"due_at": NOW}, {})
    first, second = await store.cases(limit=2)
    for last in (None, first.id, second.id):
        row = None if last is None else await store.read(partial(caseload._row, case_id=last))
        for query in caseload._open(wanted, row):
            (line,) = await plan(store, query.limit(50))
            assert line.startswith(f"SEARCH cases USING INDEX {index}"), line


async def test_the_closed_and_the_overdue_are_read_from_their_indexes(store: Store) -> None:
    await put(store, {"closed_at": NOW})
    row = await store.read(lambda db: caseload._row(db, 1))
    for last in (None, row):
        (line,) = await plan(store, caseload._closed(CaseFilter(), NOW, last).limit(50))
        assert line.startswith("SEARCH cases USING INDEX ix_cases_closed_at (closed_at")
    for query in (caseload.NEXT, caseload.OVERDUE):
        (line, *_) = await plan(store, query, now=NOW)
        assert "ix_cases_waiting" in line


async def test_what_a_call_asks_of_the_cases_goes_by_index(store: Store) -> None:
    asked = {"caller": CALLER, "number": NUMBER, "at": NOW, "least": NOW, "most": NOW, "case": 1}
    for query in (
        casefacts.LAST_BEFORE,
        casefacts.FIRST_AFTER,
        casefacts.ANSWERED_SINCE,
        casefacts.CALLED_BACK_SINCE,
        casefacts.REPLIED,
        casefacts.PLACE,
        cases._CLOSED_BY,
        cases._ITS_CALLS,
        cases._OPEN_OF_CALLER,
    ):
        names = query.compile().params.keys()
        lines = await plan(store, query, **{k: v for k, v in asked.items() if k in names})
        # PLACE joins one row to one case at most.
        few = ("SCAN CONSTANT ROW", "SCAN asked", "SCAN latest LEFT-JOIN")
        assert not [line for line in lines if line.startswith("SCAN") and line not in few], lines


async def test_open_cases_are_counted_by_stage(store: Store) -> None:
    replied = {"stage": CaseStage.REPLIED, "due_at": at(10)}
    await put(store, {}, replied, replied, {"closed_at": NOW, "stage": CaseStage.DISMISSED})
    assert await store.case_counts(at(20)) == (
        {CaseStage.MISSED: 1, CaseStage.TEXTED: 0, CaseStage.REPLIED: 2},
        2,
    )


# --- what people do ---------------------------------------------------------------------------


async def test_changes_are_kept_with_who_made_them(store: Store) -> None:
    case = await opened(store)
    await store.assign_case(case.id, "102", by="ann", now=at(60))
    await store.set_case_due(case.id, at(600), by="ann", now=at(61))
    await store.note_case(case.id, "wants a crown", by="bob", now=at(62))
    done = await store.note_case(case.id, "", by="bob", now=at(63))
    assert (done.owner, done.due, done.note) == ("102", at(600), "")
    assert await log(store, case.id) == [
        ("ann", "assign", "101 -> 102"),
        ("ann", "due", "2026-11-23 16:00:00 UTC -> 2026-11-23 14:10:00 UTC"),
        ("bob", "note", "wants a crown"),
        ("bob", "note", "taken away"),
    ]


async def test_a_case_can_be_closed_by_hand_and_opened_again(store: Store) -> None:
    case = await opened(store)
    done = await store.dismiss_case(case.id, reason="spam", by="ann", now=at(60))
    assert (done.stage, done.closed, done.closed_by) == (CaseStage.DISMISSED, at(60), "ann")
    assert done.spoken is None
    with pytest.raises(CaseClosedError, match="case 1 is closed: dismissed, by ann"):
        await store.dismiss_case(case.id, reason="", by="ann", now=at(61))
    again = await store.reopen_case(case.id, by="bob", now=at(70))
    assert again == case
    assert await log(store, case.id) == [
        ("ann", "done", "spam"),
        ("bob", "reopen", "was dismissed, by ann"),
    ]
    assert [kind for kind, _ in await told(store)] == [
        EventKind.CASE_OPENED,
        EventKind.CASE_CLOSED,
        EventKind.CASE_OPENED,
    ]


async def test_a_clock_that_was_set_back_closes_no_case_before_its_call(store: Store) -> None:
    await put(store, {})
    done = await store.dismiss_case(1, reason="", by="anna", now=NOW - timedelta(hours=1))
    assert done.closed == done.missed == NOW


async def test_a_mailbox_that_answered_is_no_conversation_when_somebody_says_so(
    store: Store,
) -> None:
    case = await opened(store)
    await written(store, 60)
    await store.judge(called_back("1.2", 600), at(720))
    again = await store.reopen_case(case.id, by="ann", now=at(730))
    assert (again.stage, again.closed, again.spoken) == (CaseStage.REPLIED, None, None)
    assert again.closing_call_id is None
    await store.judge(came_back("1.3", 900), at(1020))
    assert (await store.case(case.id)).stage is CaseStage.RECOVERED


async def test_a_case_stays_closed_beside_a_newer_one(store: Store) -> None:
    case = await opened(store)
    await store.dismiss_case(case.id, reason="", by="ann", now=at(60))
    await opened(store, 100)
    with pytest.raises(CaseError, match="case 1 stays closed: case 2 is a newer one"):
        await store.reopen_case(case.id, by="ann", now=at(200))
    with pytest.raises(CaseError, match="case 2 is open"):
        await store.reopen_case(2, by="ann", now=at(200))


async def test_what_cannot_be_is_refused(store: Store) -> None:
    case = await opened(store)
    with pytest.raises(NoSuchCaseError, match="there is no case 99"):
        await store.assign_case(99, "102", by="ann", now=at(60))
    with pytest.raises(CaseError, match="the owner is 41 characters long; 40 is the most"):
        await store.assign_case(case.id, "x" * 41, by="ann", now=at(60))
    with pytest.raises(CaseError, match="1000 is the most"):
        await store.note_case(case.id, "x" * 1001, by="ann", now=at(60))
    assert await log(store, case.id) == []


async def test_the_story_has_calls_replies_and_changes_in_their_order(store: Store) -> None:
    case = await opened(store)
    await written(store, 60)
    await opened(store, 100)
    await store.note_case(case.id, "call before six", by="ann", now=at(200))
    await store.judge(missed("1.9", 150, number=OTHER), at(170))
    await store.judge(called_back("1.2", 600), at(720))
    story = await store.case_story(case.id)
    assert [(event.kind, event.text) for event in story.events] == [
        ("call", "missed call (no_answer), waited 19 s: pbx:1.0.0"),
        ("reply", "wrote: Tomorrow at ten?"),
        ("call", "missed call (no_answer), waited 19 s: pbx:1.100"),
        ("operator", "ann: note (call before six)"),
        ("call", "called back from PJSIP/102: pbx:1.2"),
        ("verdict", "closed by PJSIP/102: called_back"),
    ]


# --- overdue ----------------------------------------------------------------------------------


async def test_an_overdue_case_is_told_of_once(store: Store) -> None:
    case = await opened(store)
    assert await store.next_case_due() == case.due
    assert await store.tell_overdue_cases(NOW + HOUR) == []
    assert [c.id for c in await store.tell_overdue_cases(NOW + 2 * HOUR)] == [case.id]
    assert await store.tell_overdue_cases(NOW + 3 * HOUR) == []
    assert await store.next_case_due() is None
    assert (await told(store))[-1] == (EventKind.CASE_OVERDUE, case.due)


async def test_another_due_time_is_told_of_again(store: Store) -> None:
    case = await opened(store)
    await store.tell_overdue_cases(NOW + 2 * HOUR)
    await store.set_case_due(case.id, NOW + 4 * HOUR, by="ann", now=NOW + 3 * HOUR)
    assert await store.next_case_due() == NOW + 4 * HOUR
    assert len(await store.tell_overdue_cases(NOW + 5 * HOUR)) == 1


async def test_a_closed_case_is_never_overdue(store: Store) -> None:
    await opened(store)
    await store.judge(called_back("1.2", 600), at(720))
    assert await store.next_case_due() is None
    assert await store.tell_overdue_cases(NOW + 5 * HOUR) == []


# --- recovery ---------------------------------------------------------------------------------


def closed(stage: CaseStage, seconds: float | None, **more: Any) -> dict[str, Any]:
    spoken = at(seconds) if seconds is not None else None
    return {"stage": stage, "spoken_at": spoken, "closed_at": spoken or at(60), **more}


async def test_recovery_is_counted_by_calls_with_and_without_text(store: Store) -> None:
    await put(
        store,
        closed(CaseStage.CALLED_BACK, 100, texted_at=at(10), misses=3),
        closed(CaseStage.RECOVERED, 7000, texted_at=at(10), replied_at=at(50)),
        closed(CaseStage.CALLED_BACK, 5, texted_at=at(10)),  # spoken to before the text arrived
        closed(CaseStage.DISMISSED, None),
        {"texted_at": at(10)},
        {},
        closed(CaseStage.RECOVERED, 100, number=OTHER),
        {"opened_at": at(-1)},
        {"opened_at": at(10_000)},
    )
    found = await recovery.recovery(store, NOW, at(10_000))
    assert list(found) == [NUMBER, OTHER]
    one = found[NUMBER]
    assert (one.misses, one.replied) == (8, 1)
    assert one.texted == Part(cases=3, called_back=1, came_back=1, open=1, times={100: 1, 6960: 1})
    assert one.untexted == Part(cases=3, called_back=1, dismissed=1, open=1, times={5: 1})
    assert (one.all.cases, one.all.spoken, one.all.rate) == (6, 3, 0.5)
    assert [one.all.time(share) for share in (0.1, 0.5, 0.9)] == [5, 100, 6960]
    assert found[OTHER].texted.rate is None
    assert found[OTHER].texted.time(0.5) is None


async def test_recovery_is_read_by_index(store: Store) -> None:
    lines = await plan(store, recovery.query("sqlite", NOW, at(10)))
    assert lines[0] == "SEARCH cases USING INDEX ix_cases_opened_at (opened_at>? AND opened_at<?)"


async def test_what_the_caller_is_told_of_is_the_open_cases_of_a_week(store: Store) -> None:
    week = timedelta(days=7)
    await opened(store)
    await opened(store, 60, number=OTHER)
    card = await store.lookup(CALLER, NOW + week)
    assert card is not None
    assert (card.open_case, card.misses) == (True, 1)
    await store._db.write(lambda db: db.execute(update(table).values(missed_at=NOW - week)))
    card = await store.lookup(CALLER, NOW)
    assert card is not None
    assert not card.open_case


async def test_a_case_without_rules_is_not_opened(store: Store) -> None:
    await store.judge(replace(missed("1.1", 0), cases=None), at(20))
    assert await every(store) == []
    await store.judge(replace(missed("1.2", 0), cases=EveryMiss()), at(20))
    assert len(await every(store)) == 1


async def test_what_others_are_told_of_a_case_is_what_is_documented(store: Store) -> None:
    await store.judge(missed("1.1", 0, caller_name="Ada Lovelace"), at(20))
    await store.tell_overdue_cases(NOW + 2 * HOUR)
    await store.judge(called_back("1.2", 9000), at(9120))

    def work(db: Connection) -> dict[EventKind, dict[str, Any]]:
        query = select(events).where(events.c.kind.like("case.%"))
        return {row.kind: row.payload for row in db.execute(query)}

    found = await store.read(work)
    assert list(found) == [
        EventKind.CASE_OPENED,
        EventKind.CASE_OVERDUE,
        EventKind.CASE_CLOSED,
    ]
    for kind, payload in found.items():
        assert set(payload) == {field.name for field in SHAPES[kind].fields}
    closed_ = found[EventKind.CASE_CLOSED]
    assert (closed_["name"], closed_["label"], closed_["seconds"]) == ("Ada Lovelace", "Main", 9000)
    assert (closed_["stage"], closed_["closed_by"]) == ("called_back", "PJSIP/102")
    assert found[EventKind.CASE_OPENED]["due"] == "2026-11-23T16:00:00.000Z"
