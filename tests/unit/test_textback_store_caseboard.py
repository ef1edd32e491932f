"""The board of cases: counts that go no further than needed, who took what first, a case's file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.statements import plan
from tests.fakes.store import NOW, NUMBER, at
from tests.unit.test_textback_store_caseload import log, opened, put
from tests.unit.test_textback_store_cases import OTHER, called_back, missed
from textback.model import CaseStage
from textback.store import caseboard, caseload
from textback.store.caseboard import Column
from textback.store.casefile import EntryKind
from textback.store.caseload import CaseFilter
from textback.store.errors import CaseClosedError, CaseTakenError, NoSuchCaseError
from textback.store.store import Store
from textback.store.tables_people import cases

MISSED, TEXTED, REPLIED = CaseStage.MISSED, CaseStage.TEXTED, CaseStage.REPLIED


# --- counting -------------------------------------------------------------------------------------


async def test_each_column_has_its_cases_and_its_overdue_ones(store: Store) -> None:
    await put(
        store,
        {"due_at": at(10)},
        {"due_at": at(30)},
        {"stage": REPLIED, "owner": "anna", "due_at": at(10)},
        {"stage": REPLIED, "owner": "101", "number": OTHER},
        {"stage": CaseStage.DISMISSED, "closed_at": NOW},
    )
    assert await store.case_board(CaseFilter(), at(20)) == {
        MISSED: Column(2, 1),
        TEXTED: Column(0, 0),
        REPLIED: Column(2, 1),
    }
    mine = await store.case_board(CaseFilter(owners=("anna", "101")), at(20))
    assert (mine[MISSED], mine[REPLIED]) == (Column(0, 0), Column(2, 1))
    nobodys = await store.case_board(CaseFilter(nobodys=True), at(20))
    assert (nobodys[MISSED], nobodys[REPLIED]) == (Column(2, 1), Column(0, 0))
    other = await store.case_board(CaseFilter(number=OTHER), at(20))
    assert (other[MISSED], other[REPLIED]) == (Column(0, 0), Column(1, 0))


async def test_nothing_is_counted_further_than_the_most(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store, *({"due_at": NOW} for _ in range(5)))
    assert await store.cases_overdue(at(1)) == 5
    assert await store.cases_overdue(NOW) == 0
    monkeypatch.setattr(caseboard, "MOST", 3)
    assert await store.cases_overdue(at(1)) == 3
    assert (await store.case_board(CaseFilter(), at(1)))[MISSED] == Column(3, 3)


async def test_cases_of_any_of_several_names_are_listed_together(store: Store) -> None:
    await put(
        store,
        {"owner": "101", "due_at": at(2)},
        {"owner": "anna", "due_at": at(1)},
        {"owner": "ben", "due_at": at(0)},
    )
    mine = CaseFilter(owners=("anna", "101"))
    first, second = await store.cases(mine)
    assert (first.owner, second.owner) == ("anna", "101")
    assert await store.cases(mine, limit=1) == [first]
    assert await store.cases(mine, limit=1, after=first.id) == [second]
    for seconds, case in ((10, first), (20, second)):
        await store.dismiss_case(case.id, reason="", by="anna", now=at(seconds))
    closed = await store.cases(replace(mine, closed_since=NOW))
    assert [case.id for case in closed] == [second.id, first.id]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (CaseFilter(), "ix_cases_stage_due (stage=?"),
        (CaseFilter(nobodys=True), "ix_cases_stage_owner (stage=? AND owner=?"),
        (CaseFilter(owner="anna"), "ix_cases_stage_owner (stage=? AND owner=?"),
        (CaseFilter(owners=("anna", "101")), "ix_cases_stage_owner (stage=? AND owner=?"),
        (CaseFilter(number=NUMBER), "ix_cases_stage_number (stage=? AND number=?"),
    ],
)
async def test_a_column_is_counted_and_read_from_an_index(
    store: Store, wanted: CaseFilter, index: str
) -> None:
    column = CaseFilter(
        stage=MISSED,
        owner=wanted.owner,
        owners=wanted.owners,
        nobodys=wanted.nobodys,
        number=wanted.number,
    )
    count = caseboard._open(column).where(cases.c.due_at < NOW)
    (line,) = await plan(store, count)
    assert line.startswith("SEARCH cases USING"), line
    assert index in line
    if wanted.owners:
        return  # read as of each of them
    for query in caseload._open(column, None):
        (line,) = await plan(store, query.limit(15))
        assert line.startswith(f"SEARCH cases USING INDEX {index}"), line


async def test_the_overdue_ones_are_counted_by_index(store: Store) -> None:
    query = caseboard._open(CaseFilter()).where(cases.c.due_at < NOW)
    (line,) = await plan(store, query)
    assert "ix_cases" in line
    assert "due_at<?" in line


# --- who takes it ---------------------------------------------------------------------------------


async def test_the_second_to_take_a_case_hears_whose_it_is(store: Store) -> None:
    case = await opened(store)
    await store.assign_case(case.id, "anna", by="anna", now=at(30), was="101")
    with pytest.raises(CaseTakenError) as caught:
        await store.assign_case(case.id, "ben", by="ben", now=at(31), was="101")
    assert caught.value.owner == "anna"
    assert (await store.case(case.id)).owner == "anna"
    assert await log(store, case.id) == [("anna", "assign", "101 -> anna")]


async def test_who_takes_a_case_twice_has_it_and_is_written_down_once(store: Store) -> None:
    case = await opened(store)
    for seconds in (30, 31):
        await store.assign_case(case.id, "anna", by="anna", now=at(seconds), was="101")
    assert len(await log(store, case.id)) == 1


async def test_who_saw_whose_it_was_may_take_it_over(store: Store) -> None:
    case = await opened(store)
    await store.assign_case(case.id, "101", by="anna", now=at(30))
    taken = await store.assign_case(case.id, "ben", by="ben", now=at(31), was="101")
    assert taken.owner == "ben"
    back = await store.assign_case(case.id, "", by="ben", now=at(32), was="ben")
    assert back.owner == ""


async def test_a_closed_case_is_taken_by_nobody(store: Store) -> None:
    case = await opened(store)
    await store.dismiss_case(case.id, reason="", by="anna", now=at(30))
    with pytest.raises(CaseClosedError):
        await store.assign_case(case.id, "ben", by="ben", now=at(31), was="")


async def test_a_click_is_on_record(store: Store) -> None:
    case = await opened(store)
    await store.case_dialled(case.id, "PJSIP/101", by="anna", now=at(30))
    assert await log(store, case.id) == [("anna", "call", "from PJSIP/101")]
    with pytest.raises(NoSuchCaseError):
        await store.case_dialled(case.id + 1, "PJSIP/101", by="anna", now=at(30))


# --- its file -------------------------------------------------------------------------------------


async def test_the_file_of_a_case_tells_what_happened_as_facts(store: Store) -> None:
    case = await opened(store, caller_name="Zoe")
    await store.judge(missed("1.60", 60), at(80))
    await store.assign_case(case.id, "anna", by="anna", now=at(100))
    await store.note_case(case.id, "wants Tuesday", by="anna", now=at(101))
    await store.judge(called_back("1.200", 200), at(400))
    file = await store.case_file(case.id)
    told: list[tuple[str, Any]] = [(entry.kind.value, entry.verb) for entry in file.entries]
    assert told == [
        ("missed", ""),
        ("missed", ""),
        ("change", "assign"),
        ("change", "note"),
        ("called_back", ""),
        ("closed", ""),
    ]
    first, *_rest, back, closed = file.entries
    assert (first.at, first.seconds, first.call_id) == (NOW, 19.0, case.first_call_id)
    assert back.by == closed.by == "PJSIP/102"
    assert file.case.stage is CaseStage.CALLED_BACK
    assert [entry.kind for entry in file.entries].count(EntryKind.MISSED) == file.case.misses


async def test_the_file_of_no_case_is_an_error(store: Store) -> None:
    with pytest.raises(NoSuchCaseError):
        await store.case_file(1)
