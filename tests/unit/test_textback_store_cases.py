"""Cases of missed callers: what calls, texts and replies make of them, in whatever order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, insert, select

from tests.fakes.store import (
    CALLER,
    NOW,
    NUMBER,
    EveryMiss,
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
from textback.model import (
    CallbackCase,
    CallKey,
    CaseStage,
    Direction,
    EventKind,
    Moment,
    Outcome,
    Phase,
    Reading,
    Reason,
    Request,
    Skip,
    Source,
    Unsure,
)
from textback.reply_rules import PLAIN, Ours
from textback.store import caseload, cases, judging, threads
from textback.store.caseload import CaseFilter
from textback.store.casetell import row_of
from textback.store.errors import CaseError
from textback.store.rows import CallFact
from textback.store.schema import metadata
from textback.store.store import Store
from textback.store.tables import calls as calls_table
from textback.store.tables_people import cases as table
from textback.store.tables_talk import incoming
from textback.store.tables_tell import events

OTHER = "+12125550101"
NO_TEXT = Skip(reason=Reason.COOLDOWN)


def moment(seconds: float) -> Moment:
    return Moment(at(seconds), 1000.0 + seconds)


def missed(uniqueid: str, seconds: float, **changes: Any) -> CallFact:
    """A call that rang for 20 s from `seconds` on; no text for it unless a verdict is given."""
    number = changes.pop("number", NUMBER)
    verdict = changes.pop("verdict", NO_TEXT)
    told = call(
        uniqueid,
        **{"started": moment(seconds), "at": moment(seconds + 20), "did": number, **changes},
    )
    return fact(told, verdict, number=number)


def came_back(uniqueid: str, seconds: float, **changes: Any) -> CallFact:
    """An answered call of the caller: answered at `seconds`, two minutes long."""
    number = changes.pop("number", NUMBER)
    told = call(
        uniqueid,
        **{
            "started": moment(seconds - 5),
            "answered": moment(seconds),
            "at": moment(seconds + 120),
            "outcome": Outcome.ANSWERED,
            "did": number,
            **changes,
        },
    )
    return fact(told, Skip(reason=Reason.ANSWERED), number=number)


def called_back(uniqueid: str, seconds: float, **changes: Any) -> CallFact:
    """A call of extension 102 that reached the caller at `seconds`."""
    told = call(
        uniqueid,
        **{
            "started": moment(seconds - 5),
            "answered": moment(seconds),
            "at": moment(seconds + 120),
            "outcome": Outcome.ANSWERED,
            "direction": Direction.OUTBOUND,
            "channel": "PJSIP/102-0000000a",
            "caller": "102",
            "did": "9" + CALLER[2:],
            **changes,
        },
    )
    skip = Skip(reason=Reason.OUTBOUND)
    return fact(told, skip, caller="", number="", called_back=CALLER)


async def only(store: Store) -> CallbackCase:
    (case,) = await every(store)
    return case


async def every(store: Store) -> list[CallbackCase]:
    """Every case, the oldest first."""

    def work(db: Connection) -> list[CallbackCase]:
        query = select(table).order_by(table.c.opened_at, table.c.id)
        return [caseload.to_case(row) for row in db.execute(query)]

    return await store.read(work)


async def told(store: Store) -> list[tuple[EventKind, datetime]]:
    wanted = (EventKind.CASE_OPENED, EventKind.CASE_CLOSED, EventKind.CASE_OVERDUE)

    def work(db: Connection) -> list[tuple[EventKind, datetime]]:
        query = select(events.c.kind, events.c.at).where(events.c.kind.in_(wanted))
        return [(row.kind, row.at) for row in db.execute(query.order_by(events.c.id))]

    return await store.read(work)


# --- calls ------------------------------------------------------------------------------------


async def test_a_missed_call_opens_a_case_with_owner_and_due_time(store: Store) -> None:
    judged = await store.judge(missed("1.1", 0), at(20))
    case = await only(store)
    assert (case.caller, case.number, case.stage) == (CALLER, NUMBER, CaseStage.MISSED)
    assert (case.misses, case.opened, case.missed) == (1, NOW, NOW)
    assert (case.owner, case.due, case.closed) == ("101", NOW + timedelta(hours=2), None)
    assert case.first_call_id == case.last_call_id == judged.call_id
    assert [(c.case_id, c.opened, c.due) for c in judged.cases] == [(case.id, True, case.due)]
    assert await told(store) == [(EventKind.CASE_OPENED, NOW)]


async def test_another_miss_is_one_more_of_the_same_case_and_leaves_its_due_time(
    store: Store,
) -> None:
    await store.judge(missed("1.1", 0), at(20))
    second = await store.judge(missed("1.2", 600), at(620))
    case = await only(store)
    assert (case.misses, case.opened, case.missed) == (2, NOW, at(600))
    assert (case.due, case.last_call_id) == (NOW + timedelta(hours=2), second.call_id)
    assert second.cases == ()
    assert len(await told(store)) == 1


async def test_each_number_has_a_case_of_its_own(store: Store) -> None:
    await store.judge(missed("1.1", 0), at(20))
    await store.judge(missed("1.2", 60, number=OTHER), at(80))
    assert [(c.number, c.misses) for c in await every(store)] == [(NUMBER, 1), (OTHER, 1)]


async def test_a_repeated_fact_is_no_other_miss(store: Store) -> None:
    for _ in range(3):
        await store.judge(missed("1.1", 0), at(20))
    assert (await only(store)).misses == 1


async def test_a_living_call_is_no_miss_yet(store: Store) -> None:
    await store.judge(missed("1.1", 0, phase=Phase.RING_TIMEOUT), at(15))
    assert await every(store) == []


async def test_what_the_rules_object_to_makes_no_case(store: Store) -> None:
    await store.judge(missed("1.1", 0, handled="agi"), at(20))
    assert await every(store) == []


async def test_a_caller_without_a_number_makes_no_case(store: Store) -> None:
    await store.judge(replace(missed("1.1", 0), caller=""), at(20))
    assert await every(store) == []


async def test_calling_back_closes_the_case_and_says_who_called(store: Store) -> None:
    await store.judge(missed("1.1", 0), at(20))
    judged = await store.judge(called_back("1.2", 600), at(720))
    case = await only(store)
    assert (case.stage, case.closed_by) == (CaseStage.CALLED_BACK, "PJSIP/102")
    assert (case.spoken, case.closed, case.closing_call_id) == (at(600), at(720), judged.call_id)
    (change,) = judged.cases
    assert (change.opened, change.took, change.texted) == (False, 600.0, False)
    assert await told(store) == [(EventKind.CASE_OPENED, NOW), (EventKind.CASE_CLOSED, at(600))]


async def test_an_answered_call_on_any_number_closes_every_case_of_the_caller(
    store: Store,
) -> None:
    await store.judge(missed("1.1", 0), at(20))
    await store.judge(missed("1.2", 60, number=OTHER), at(80))
    await store.judge(came_back("1.3", 600, number=OTHER), at(720))
    found = await every(store)
    assert {(c.stage, c.closed_by) for c in found} == {(CaseStage.RECOVERED, "the PBX")}
    assert len(found) == 2


async def test_a_number_nobody_watches_closes_it_as_well(store: Store) -> None:
    await store.judge(missed("1.1", 0), at(20))
    await store.judge(replace(came_back("1.2", 600), number=""), at(720))
    assert (await only(store)).stage is CaseStage.RECOVERED


async def test_a_call_back_that_nobody_answered_leaves_it_open(store: Store) -> None:
    await store.judge(missed("1.1", 0), at(20))
    tried = called_back("1.2", 600, answered=None, outcome=Outcome.NO_ANSWER)
    await store.judge(replace(tried, called_back=""), at(720))
    assert (await only(store)).closed is None


async def test_a_caller_who_was_answered_and_then_left_was_not_spoken_to(store: Store) -> None:
    await store.judge(missed("1.1", 0), at(20))
    left = came_back("1.2", 600, outcome=Outcome.TRANSFER_UNANSWERED)
    await store.judge(left, at(720))
    case = await only(store)
    assert (case.closed, case.misses) == (None, 2)


async def test_a_miss_after_the_end_is_a_case_of_its_own(store: Store) -> None:
    await store.judge(missed("1.1", 0), at(20))
    await store.judge(called_back("1.2", 600), at(720))
    await store.judge(missed("1.3", 900), at(920))
    first, second = await every(store)
    assert (first.stage, second.stage) == (CaseStage.CALLED_BACK, CaseStage.MISSED)
    assert second.opened == at(900)


async def test_somebody_elses_calls_change_nothing(store: Store) -> None:
    await store.judge(missed("1.1", 0), at(20))
    other = replace(came_back("1.2", 600, caller="+12125550124"), caller="+12125550124")
    await store.judge(other, at(720))
    assert (await only(store)).closed is None


# --- told late --------------------------------------------------------------------------------


def by_record(told: CallFact, uniqueid: str, source: Source = Source.CEL) -> CallFact:
    key = CallKey(pbx="pbx", boot="", uniqueid=uniqueid)
    return replace(told, call=replace(told.call, key=key, source=source, late=True))


async def test_a_miss_told_after_the_answer_is_closed_from_the_start(store: Store) -> None:
    await store.judge(came_back("1.2", 600), at(720))
    judged = await store.judge(by_record(missed("1.1", 0), "1.1"), at(4000))
    case = await only(store)
    assert (case.stage, case.spoken, case.opened) == (CaseStage.RECOVERED, at(600), NOW)
    assert [c.opened for c in judged.cases] == [True, False]
    assert [kind for kind, _ in await told(store)] == [
        EventKind.CASE_OPENED,
        EventKind.CASE_CLOSED,
    ]


async def test_a_miss_after_the_answer_is_open_though_the_answer_is_told_last(
    store: Store,
) -> None:
    await store.judge(missed("1.2", 600), at(620))
    await store.judge(by_record(called_back("1.1", 300), "1.1"), at(4000))
    case = await only(store)
    assert (case.closed, case.opened) == (None, at(600))


async def test_an_answer_between_two_misses_makes_two_cases_of_them(store: Store) -> None:
    await store.judge(missed("1.1", 0), at(20))
    await store.judge(missed("1.3", 900), at(920))
    open_id = (await only(store)).id
    await store.note_case(open_id, "wants the dentist", by="ann", now=at(1000))
    await store.judge(by_record(called_back("1.2", 600), "1.2"), at(4000))
    first, second = await every(store)
    assert (first.stage, first.opened, first.misses) == (CaseStage.CALLED_BACK, NOW, 1)
    assert (second.id, second.closed, second.opened) == (open_id, None, at(900))
    assert (second.note, second.misses) == ("wants the dentist", 1)
    assert second.due == at(900) + timedelta(hours=2)


async def test_an_earlier_miss_told_late_is_where_the_case_began(store: Store) -> None:
    await store.judge(missed("1.2", 600), at(620))
    await store.judge(by_record(missed("1.1", 0), "1.1", Source.CDR), at(4000))
    case = await only(store)
    assert (case.opened, case.missed, case.misses) == (NOW, at(600), 2)
    assert case.due == NOW + timedelta(hours=2)


async def test_an_earlier_answer_told_late_is_the_end_of_it(store: Store) -> None:
    await store.judge(missed("1.1", 0), at(20))
    await store.judge(called_back("1.3", 900), at(1020))
    await store.judge(by_record(came_back("1.2", 300), "1.2"), at(4000))
    case = await only(store)
    assert (case.stage, case.spoken) == (CaseStage.RECOVERED, at(300))


async def test_a_call_seen_in_part_makes_its_case_when_the_record_tells(store: Store) -> None:
    part = missed("1.1", 0, outcome=Outcome.UNKNOWN, gap=True)
    await store.judge(part, at(20))
    assert await every(store) == []
    whole = late("1.1", started=moment(0), at=moment(20))
    await store.judge(fact(whole, NO_TEXT), at(4000))
    assert (await only(store)).misses == 1


# --- texts and replies ------------------------------------------------------------------------


async def test_the_carriers_yes_makes_it_texted(store: Store) -> None:
    judged = await store.judge(missed("1.1", 0, verdict=send()), at(20))
    assert judged.row is not None
    await store.turn((), claim(), at(21))
    await store.record_submissions([finished(judged.row, accepted("a"), at=at(22))], at(22))
    case = await only(store)
    assert (case.stage, case.texted) == (CaseStage.TEXTED, at(22))


async def test_a_text_taken_while_the_phone_still_rings_counts(store: Store) -> None:
    ringing = missed("1.1", 0, verdict=send(), phase=Phase.RING_TIMEOUT)
    judged = await store.judge(ringing, at(15))
    assert judged.row is not None
    await store.turn((), claim(), at(16))
    await store.record_submissions([finished(judged.row, accepted("a"), at=at(17))], at(17))
    await store.judge(missed("1.1", 0), at(20))
    case = await only(store)
    assert (case.stage, case.texted) == (CaseStage.TEXTED, at(17))


async def test_a_text_that_may_have_left_makes_it_texted_when_its_receipt_comes(
    store: Store,
) -> None:
    judged = await store.judge(missed("1.1", 0, verdict=send()), at(20))
    assert judged.row is not None
    await store.turn((), claim(), at(21))
    await store.record_submissions([finished(judged.row, Unsure(detail="cut"), at=at(22))], at(22))
    assert (await only(store)).stage is CaseStage.MISSED
    await store.record_receipts([receipt("", at=at(30))])
    case = await only(store)
    assert (case.stage, case.texted) == (CaseStage.TEXTED, at(30))


async def test_a_reply_makes_it_replied_and_leaves_it_open(store: Store) -> None:
    await store.judge(missed("1.1", 0), at(20))
    await written(store, 60)
    case = await only(store)
    assert (case.stage, case.replied, case.closed) == (CaseStage.REPLIED, at(60), None)


async def test_a_reply_during_the_call_counts_when_it_has_ended(store: Store) -> None:
    await written(store, 10)
    await store.judge(missed("1.1", 0), at(20))
    assert (await only(store)).replied == at(10)


async def test_a_reply_from_before_the_call_is_none_to_it(store: Store) -> None:
    await written(store, -60)
    await store.judge(missed("1.1", 0), at(20))
    assert (await only(store)).stage is CaseStage.MISSED


async def test_a_reply_to_an_unknown_number_of_ours_is_one_to_every_open_case(
    store: Store,
) -> None:
    await store.judge(missed("1.1", 0), at(20))
    await store.judge(missed("1.2", 5, number=OTHER), at(25))
    await written(store, 60, number="")
    assert {c.stage for c in await every(store)} == {CaseStage.REPLIED}


async def test_a_reply_after_the_end_is_no_news_of_the_closed_case(store: Store) -> None:
    await store.judge(missed("1.1", 0), at(20))
    await store.judge(called_back("1.2", 600), at(720))
    await written(store, 900)
    assert (await only(store)).replied is None


@pytest.mark.parametrize(
    ("request_", "stage"),
    [(None, CaseStage.REPLIED), (Request.STOP, CaseStage.MISSED), (Request.HELP, CaseStage.MISSED)],
)
async def test_only_words_of_the_callers_own_are_a_reply(
    store: Store, request_: Request | None, stage: CaseStage
) -> None:
    await store.judge(missed("1.1", 0), at(20))
    ours = Ours(NUMBER, NUMBER)
    reading = Reading(request=request_)
    rules = replace(PLAIN, ours=lambda _: ours, read=lambda *_: reading)
    await store.record_reply(reply("whatever it says"), rules)
    assert (await only(store)).stage is stage


async def test_an_answer_told_late_leaves_later_replies_out(store: Store) -> None:
    await store.judge(missed("1.1", 0), at(20))
    await written(store, 900)
    await store.judge(by_record(called_back("1.2", 600), "1.2"), at(4000))
    case = await only(store)
    assert (case.stage, case.replied) == (CaseStage.CALLED_BACK, None)


async def written(store: Store, seconds: float, number: str = NUMBER, word: str = "") -> None:
    await store._db.write(lambda db: write(db, at(seconds), number, word))


def write(db: Connection, when: datetime, number: str, word: str = "") -> None:
    """A text of the caller, as `store.incoming` keeps one."""
    ours = number or "+12125559999"
    thread = threads.touch_in(db, CALLER, ours, number=number, route="smsc", at=when)
    new = {
        "thread_id": thread,
        "route": "smsc",
        "sender": CALLER,
        "recipient": ours,
        "text": "Tomorrow at ten?",
        "at": when,
        "whole_at": when,
        "parts": 1,
        "missing": 0,
        "word": word,
        "review": "none",
        "reviewed_by": "",
        "keyword": "",
    }
    db.execute(insert(incoming), new)
    if not word:
        cases.replied(db, CALLER, number, when, when)


# --- whatever the order -----------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """Something that happens at a minute: "miss", "in", "out" or "reply", on one of our numbers."""

    what: str
    minute: int
    number: str


@dataclass
class Expected:
    """A case as it must be when everything is known."""

    number: str
    misses: list[int]
    spoken: int | None
    replied: int | None


def fold(items: list[Item]) -> list[Expected]:
    """The cases of these, told in the order in which they were."""
    spoken = sorted(i.minute for i in items if i.what in ("in", "out"))
    found: list[Expected] = []
    for number in (NUMBER, OTHER):
        of_number: list[Expected] = []
        for minute in sorted(i.minute for i in items if i.what == "miss" and i.number == number):
            case = of_number[-1] if of_number else None
            if case is None or any(case.misses[-1] <= s < minute for s in spoken):
                of_number.append(Expected(number, [minute], None, None))
            else:
                case.misses.append(minute)
        for case in of_number:
            case.spoken = next((s for s in spoken if s >= case.misses[-1]), None)
            end = case.spoken if case.spoken is not None else 10**6
            wrote = [i.minute for i in items if i.what == "reply" and i.number == number]
            within = [w for w in wrote if case.misses[0] <= w <= end]
            case.replied = min(within, default=None)
        found += of_number
    return sorted(found, key=lambda c: (c.number, c.misses))


ITEMS = st.lists(
    st.builds(
        Item,
        st.sampled_from(["miss", "miss", "miss", "in", "out", "reply"]),
        st.integers(0, 30),
        st.sampled_from([NUMBER, OTHER]),
    ),
    max_size=9,
)


@pytest.fixture
def db() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def take(db: Connection, n: int, item: Item, recorded: bool) -> None:
    """One of them comes in."""
    seconds, uniqueid = item.minute * 60.0, f"1.{n}"
    if item.what == "reply":
        write(db, at(seconds), item.number)
        return
    if item.what == "miss":
        come = missed(uniqueid, seconds, number=item.number)
    elif item.what == "in":
        come = came_back(uniqueid, seconds, number=item.number)
    else:
        come = called_back(uniqueid, seconds)
    judging.judge(db, by_record(come, uniqueid) if recorded else come, at(seconds + 130))


def minute(when: datetime | None) -> int | None:
    return None if when is None else int((when - NOW).total_seconds() // 60)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(items=ITEMS, data=st.data())
def test_whatever_comes_in_first_the_cases_are_the_same(
    db: Connection, items: list[Item], data: st.DataObject
) -> None:
    db.rollback()  # what the example before left
    order = data.draw(st.permutations(range(len(items))))
    for n in order:
        take(db, n, items[n], recorded=data.draw(st.booleans()))
    found = db.execute(select(table).order_by(table.c.number, table.c.opened_at)).all()
    wanted = fold(items)
    assert [
        (r.number, minute(r.opened_at), minute(r.missed_at), r.misses, minute(r.spoken_at))
        for r in found
    ] == [(c.number, c.misses[0], c.misses[-1], len(c.misses), c.spoken) for c in wanted]
    assert [minute(r.replied_at) for r in found] == [c.replied for c in wanted]
    for row, case in zip(found, wanted, strict=True):
        ours = db.execute(
            select(calls_table.c.started_at).where(calls_table.c.case_id == row.id)
        ).scalars()
        assert sorted(minute(started) or 0 for started in ours) == case.misses
        assert (row.closed_at is None) == (case.spoken is None)


HANDS = st.lists(st.sampled_from(["dismiss", "reopen", "assign", "due", "note"]), max_size=5)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(items=ITEMS, hands=HANDS, data=st.data())
def test_whatever_people_do_besides_one_case_is_open_at_most(
    db: Connection, items: list[Item], hands: list[str], data: st.DataObject
) -> None:
    db.rollback()
    steps: list[int | str] = data.draw(st.permutations([*range(len(items)), *hands]))
    for done, step in enumerate(steps):
        if isinstance(step, int):
            take(db, step, items[step], recorded=data.draw(st.booleans()))
        else:
            handle(db, step, data, at(data.draw(st.integers(0, 31)) * 60 + done))
        every = db.execute(select(table)).all()
        open_ = [(row.caller, row.number) for row in every if row.closed_at is None]
        assert len(open_) == len(set(open_))
        for row in every:
            assert row.opened_at <= row.missed_at
            closed = row.stage not in (CaseStage.MISSED, CaseStage.TEXTED, CaseStage.REPLIED)
            assert closed == (row.closed_at is not None)
            spoken = row.stage in (CaseStage.CALLED_BACK, CaseStage.RECOVERED)
            assert spoken == (row.spoken_at is not None)
            assert not spoken or row.spoken_at >= row.missed_at


def handle(db: Connection, step: str, data: st.DataObject, now: datetime) -> None:
    """What a person does to one of the cases there are; what cannot be done is refused."""
    ids = db.execute(select(table.c.id)).scalars().all()
    if not ids:
        return
    case_id = data.draw(st.sampled_from(list(ids)))
    before = row_of(db, case_id)
    try:
        if step == "dismiss":
            caseload.dismiss(db, case_id, reason="", by="ann", now=now)
        elif step == "reopen":
            caseload.reopen(db, case_id, by="ann", now=now)
        elif step == "assign":
            caseload.assign(db, case_id, "102", by="ann", now=now)
        elif step == "due":
            caseload.set_due(db, case_id, now, by="ann", now=now)
        else:
            caseload.note(db, case_id, "called twice", by="ann", now=now)
    except CaseError:
        assert row_of(db, case_id) == before


# --- what it costs ----------------------------------------------------------------------------


async def test_without_a_due_time_a_case_is_never_overdue(store: Store) -> None:
    await store.judge(replace(missed("1.1", 0), cases=EveryMiss(None)), at(20))
    assert (await only(store)).due is None
    assert await store.next_case_due() is None
    assert await store.cases(CaseFilter(overdue=at(1_000_000))) == []
