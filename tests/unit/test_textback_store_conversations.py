"""Conversations: which there are, what is in them, what people write, how fast they are found."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from tests.fakes.store import (
    CALLER,
    NUMBER,
    at,
    call,
    fact,
    late,
    queued,
    reply,
    send,
)
from textback.model import (
    CallBetween,
    Contact,
    Direction,
    InboxList,
    Moment,
    OutboxState,
    Outcome,
    Phase,
    Reading,
    TextIn,
    TextKind,
    TextOut,
)
from textback.reply_rules import PLAIN, Ours
from textback.store import contacts, inbox_lists, searching, thread_lines
from textback.store.errors import (
    NoThreadError,
    OptedOutError,
    ReplyRefusedError,
    WhichNumberError,
)
from textback.store.inbox_lists import position
from textback.store.store import Store
from textback.store.tables_talk import threads

OTHER = "+12125550124"
SECOND = "+12125550177"


async def listed(store: Store, which: InboxList = InboxList.NEEDS_YOU, **more: Any) -> list[str]:
    return [thread.handset for thread in await store.inbox(which, **more)]


# --- threads --------------------------------------------------------------------------------------


async def test_a_text_to_a_missed_caller_and_his_reply_are_one_thread(store: Store) -> None:
    (row,) = await queued(store)
    assert await listed(store) == []
    await store.record_reply(reply("Please call"))
    (thread,) = await store.inbox()
    assert (thread.handset, thread.ours, thread.number) == (CALLER, NUMBER, NUMBER)
    assert (thread.unread, thread.waits_since, thread.route) == (1, at(60), "smsc")
    found = await store.conversation(thread.id)
    assert [type(line) for line in found.lines] == [CallBetween, TextOut, TextIn]
    text = found.lines[1]
    assert isinstance(text, TextOut)
    assert (text.id, text.kind, text.state) == (row.id, TextKind.MISSED, OutboxState.QUEUED)


async def test_a_send_test_belongs_to_no_thread(store: Store) -> None:
    await store.enqueue(send(), by="root", now=at(0))
    assert await store.threads_of(CALLER) == []


async def test_our_number_is_the_one_the_rules_know_whatever_the_carrier_writes(
    store: Store,
) -> None:
    await queued(store)
    rules = replace(PLAIN, ours=lambda _: Ours(NUMBER, NUMBER))
    await store.record_reply(reply("Yes", recipient="2125550100"), rules)
    (thread,) = await store.threads_of(CALLER)
    assert (thread.ours, thread.unread) == (NUMBER, 1)


async def test_stop_is_unread_and_waits_for_nobody(store: Store) -> None:
    await store.record_reply(reply("STOP"))
    assert await listed(store) == []
    (thread,) = await store.inbox(InboxList.UNREAD)
    assert thread.opted_out.startswith("wrote “STOP”")


async def test_calls_either_way_are_lines_of_the_thread(store: Store) -> None:
    await queued(store)
    back = call("9.1", direction="outbound", caller="101", outcome="answered")
    await store.record_calls([fact(replace(back, answered=back.at), called_back=CALLER)], at(100))
    elsewhere = fact(call("9.2", did=SECOND), number=SECOND)
    await store.record_calls([elsewhere], at(120))
    thread = next(one for one in await store.threads_of(CALLER) if one.ours == NUMBER)
    lines = (await store.conversation(thread.id)).lines
    told = {line.id: line.called_back for line in lines if isinstance(line, CallBetween)}
    assert sorted(told.values()) == [False, True]


async def test_a_conversation_is_told_in_pages(store: Store) -> None:
    for n in range(30):
        await store.record_reply(reply(f"text {n}", at=at(n)))
    (thread,) = await store.inbox()
    newest = await store.conversation(thread.id, limit=10)
    assert [line.text for line in newest.lines if isinstance(line, TextIn)] == [
        f"text {n}" for n in range(20, 30)
    ]
    assert newest.more
    older = await store.conversation(thread.id, limit=20, before=newest.lines[0].at)
    assert len(older.lines) == 20
    assert not older.more
    with pytest.raises(NoThreadError):
        await store.conversation(4711)


# --- lists ----------------------------------------------------------------------------------------


async def test_who_waits_longest_comes_first_and_an_answer_ends_the_waiting(store: Store) -> None:
    await store.record_reply(reply("one", at=at(10)))
    await store.record_reply(reply("two", sender=OTHER, at=at(20)))
    await store.record_reply(reply("one more", at=at(30)))
    assert await listed(store) == [CALLER, OTHER]
    assert await listed(store, InboxList.ALL) == [CALLER, OTHER]
    await store.reply(CALLER, "", "Yes?", by="anna", now=at(40))
    assert await listed(store) == [OTHER]
    assert await listed(store, InboxList.UNREAD) == [OTHER]
    await store.record_reply(reply("and more", at=at(50)))
    assert await listed(store) == [OTHER, CALLER]


@pytest.mark.parametrize("way", ["answered", "called back"])
async def test_a_conversation_by_telephone_learnt_late_answers_it_too(
    store: Store, way: str
) -> None:
    await store.record_reply(reply("Please call me", at=at(5)))
    spoken = late(answered=Moment(at(10), 0.0), outcome=Outcome.ANSWERED)
    if way == "answered":
        told = fact(spoken)
    else:
        spoken = replace(spoken, direction=Direction.OUTBOUND, caller="101")
        told = replace(fact(spoken), caller="", called_back=CALLER)
    await store.record_calls([told], at(600))
    assert await listed(store) == []


@pytest.mark.parametrize("way", ["answered", "called back"])
async def test_a_conversation_by_telephone_answers_what_was_written_before(
    store: Store, way: str
) -> None:
    await store.record_reply(reply("Please call me", at=at(5)))
    spoken = call("9.1", phase=Phase.ANSWERED, answered=call().at)
    more = {} if way == "answered" else {"caller": "", "called_back": CALLER}
    await store.record_calls([replace(fact(spoken), **more)], at(20))
    assert await listed(store) == []
    await store.record_reply(reply("One more thing", at=at(60)))
    assert await listed(store) == [CALLER]


async def test_reading_is_not_answering(store: Store) -> None:
    await store.record_reply(reply("one"))
    (thread,) = await store.inbox()
    assert await store.mark_read(thread.id)
    assert not await store.mark_read(thread.id)
    assert await listed(store, InboxList.UNREAD) == []
    assert await listed(store) == [CALLER]
    assert await store.done(thread.id)
    assert not await store.done(thread.id)
    assert await listed(store) == []


@pytest.mark.parametrize("which", list(InboxList))
async def test_pages_have_each_conversation_once(store: Store, which: InboxList) -> None:
    for n in range(25):
        # Several at the same moment: the page may end between them.
        await store.record_reply(reply("x", sender=f"+121255501{n:02}", at=at(n // 4)))
    whole = [thread.id for thread in await store.inbox(which, limit=100)]
    paged: list[int] = []
    after = None
    while page := await store.inbox(which, after=after, limit=4):
        paged += [thread.id for thread in page]
        after = position(which, page[-1])
    assert paged == whole
    assert len(set(whole)) == 25


async def test_a_list_may_be_of_one_number(store: Store) -> None:
    rules = replace(PLAIN, ours=lambda to: Ours(to, to))
    await store.record_reply(reply("one"), rules)
    await store.record_reply(reply("two", sender=OTHER, recipient=SECOND), rules)
    for which in InboxList:
        assert await listed(store, which, number=SECOND) == [OTHER]


# --- searching ------------------------------------------------------------------------------------


async def test_conversations_are_found_by_number_name_and_text(store: Store) -> None:
    await store.record_reply(reply("The boiler is leaking again", at=at(10)))
    await store.record_reply(reply("Über die Rechnung, 100% sure", sender=OTHER, at=at(20)))
    await store.reply(OTHER, "", "We send a plumber", by="anna", now=at(30))
    known = Contact(number=OTHER, name="Ángel Ruiz", source="csv")
    await store._db.write(lambda db: contacts.put(db, known, at(0)))

    async def found(words: str) -> list[str]:
        return [thread.handset for thread in await store.search_threads(words)]

    assert await found("BOILER") == [CALLER]
    assert await found("über") == await found("Über") == [OTHER]
    assert await found("plumber") == [OTHER]
    assert await found("ángel") == await found("Ruiz") == [OTHER]
    assert await found("555-0124") == [OTHER]
    assert await found("(212) 555") == [OTHER, CALLER]
    assert await found("100%") == [OTHER]
    assert await found("%") == [OTHER]
    assert await found("nothing like it") == await found("  ") == []


# --- what people write ----------------------------------------------------------------------------


async def test_an_answer_goes_out_from_the_number_on_the_route_the_handset_wrote_on(
    store: Store,
) -> None:
    await store.record_reply(reply("Hello", route="backup"))
    row = await store.reply(CALLER, "", "Hi!", by="anna", now=at(100))
    assert (row.to, row.sender, row.route, row.kind) == (CALLER, NUMBER, "backup", TextKind.REPLY)
    assert (row.created, row.expires) == (at(100), at(100 + 86_400))
    (thread,) = await store.threads_of(CALLER)
    (_, line) = (await store.conversation(thread.id)).lines
    assert isinstance(line, TextOut)
    assert (line.author, line.text) == ("anna", "Hi!")


async def test_an_answer_counts_for_no_cooldown_and_no_cap(store: Store) -> None:
    await store.record_reply(reply("Hello"))
    await store.reply(CALLER, "", "Hi!", by="anna", now=at(100))
    history = await store.history(CALLER, NUMBER, at(101))
    assert (history.last_text, history.last_day) == (None, 0)


async def test_a_request_that_comes_twice_writes_once(store: Store) -> None:
    await store.record_reply(reply("Hello"))
    one, two = [
        await store.reply(CALLER, "", "Hi!", by="anna", now=at(100), request="form-1")
        for _ in range(2)
    ]
    three = await store.reply(CALLER, "", "Hi!", by="anna", now=at(100), request="form-2")
    assert one.id == two.id != three.id


async def test_whoever_opted_out_is_not_written_to(store: Store) -> None:
    await store.record_reply(reply("Hello"))
    await store.record_reply(reply("STOP", at=at(70)))
    with pytest.raises(OptedOutError, match="STOP"):
        await store.reply(CALLER, "", "But why?", by="anna", now=at(100))
    assert await store.queue() == []


@pytest.mark.parametrize("text", ["", " \n\t", "x" * 1531])
async def test_a_text_that_is_none_or_too_long_is_refused(store: Store, text: str) -> None:
    await store.record_reply(reply("Hello"))
    with pytest.raises(ReplyRefusedError):
        await store.reply(CALLER, "", text, by="anna", now=at(100))


async def test_without_a_conversation_it_must_be_said_from_which_number(store: Store) -> None:
    with pytest.raises(NoThreadError):
        await store.reply(CALLER, "", "Hi", by="anna", now=at(0))
    with pytest.raises(NoThreadError):
        await store.reply(CALLER, NUMBER, "Hi", by="anna", now=at(0))
    row = await store.reply(CALLER, NUMBER, "Hi", by="anna", now=at(0), number=NUMBER)
    assert row.route == ""
    await store.record_reply(reply("Hello", recipient=SECOND))
    with pytest.raises(WhichNumberError) as refused:
        await store.reply(CALLER, "", "Hi", by="anna", now=at(0))
    assert set(refused.value.ours) == {NUMBER, SECOND}


async def test_a_late_part_that_asks_to_stop_is_still_obeyed(store: Store) -> None:
    rules = replace(
        PLAIN, read=lambda text, _: PLAIN.read(text.replace("/", ""), "") if text else Reading()
    )
    await store.record_reply(reply("ST", reference=5, part=1, parts=2), rules)
    await store.give_up_partials(rules, at(5000))
    assert await store.opted_out() == []
    kept = await store.record_reply(reply("OP", reference=5, part=2, parts=2, at=at(6000)), rules)
    assert kept.word == "stop"
    assert len(await store.opted_out()) == 1


# --- how fast -------------------------------------------------------------------------------------


def _many(db: Connection) -> None:
    """4,000 conversations of which few wait."""
    new = [
        {
            "handset": f"+1212{n:07}",
            "ours": NUMBER,
            "number": NUMBER if n % 2 else SECOND,
            "route": "",
            "opened_at": at(n),
            "last_at": at(n),
            "unread": int(n % 1000 == 0),
            "waits_since": at(n) if n % 500 == 0 else None,
        }
        for n in range(4_000)
    ]
    db.execute(insert(threads), new)


@pytest.mark.parametrize(
    ("which", "number", "index"),
    [
        (InboxList.NEEDS_YOU, "", "ix_threads_waits_since"),
        (InboxList.UNREAD, "", "ix_threads_unread"),
        (InboxList.ALL, "", "ix_threads_last_at"),
        (InboxList.NEEDS_YOU, NUMBER, "ix_threads_waits_since"),
        (InboxList.ALL, NUMBER, "ix_threads_number"),
    ],
)
@pytest.mark.parametrize("paged", [False, True], ids=["first page", "a later page"])
async def test_every_page_is_a_stretch_of_an_index(
    store: Store, which: InboxList, number: str, index: str, paged: bool
) -> None:
    await store._db.write(_many)
    await store._db.write(lambda db: db.exec_driver_sql("ANALYZE"))

    def plan(db: Connection) -> str:
        query = inbox_lists.query(which, number, (at(2_000), 77) if paged else None, 50)
        told = str(query.compile(dialect=db.dialect))
        values = (1,) * told.count("?")
        rows = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {told}", values).all()
        return "; ".join(row[3] for row in rows)

    told = await store.read(plan)
    assert index in told, told
    assert "TEMP B-TREE FOR ORDER BY" not in told.replace("LAST TERM OF ORDER BY", ""), told


async def test_what_a_conversation_is_made_of_goes_by_indexes(store: Store) -> None:
    statements = {
        "ix_incoming_thread_id": [thread_lines._IN, inbox_lists._ENDS],
        "ix_outbox_thread_id": [thread_lines._OUT, inbox_lists._ENDS],
        "ix_outbox_reply": [searching._FIRST_OUT, searching._LAST_OUT],
        "ix_calls_caller_e164_started_at": [thread_lines._CALLED],
        "ix_calls_called_back": [thread_lines._CALLED_BACK],
    }

    def plans(db: Connection) -> list[tuple[str, str]]:
        found = []
        for index, some in statements.items():
            for statement in some:
                told = re.sub(r"__\[\w+\]", "?", str(statement.compile(dialect=db.dialect)))
                values = (1,) * told.count("?")
                rows = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {told}", values).all()
                found.append((index, "; ".join(row[3] for row in rows)))
        return found

    for index, plan in await store.read(plans):
        assert index in plan, plan


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["bad \udcff octet", "nul \0 inside"])
async def test_a_text_no_database_takes_is_refused_in_words(store: Store, text: str) -> None:
    await store.record_reply(reply("Hello"))
    with pytest.raises(ReplyRefusedError):
        await store.reply(CALLER, "", text, by="root", now=at(70))


async def test_no_conversation_is_begun_with_what_is_no_number(store: Store) -> None:
    with pytest.raises(ReplyRefusedError, match="no telephone number"):
        await store.reply("ACME", NUMBER, "Hi", by="root", now=at(70), number=NUMBER)
    await store.record_reply(reply("Your code is 1", sender="28777"))
    answer = await store.reply("28777", "", "Hi", by="root", now=at(70))
    assert answer.to == "28777"


async def test_a_conversation_by_telephone_learnt_late_answers_nothing_written_after_it(
    store: Store,
) -> None:
    await store.record_reply(reply("Please call me", at=at(60)))
    spoken = late(answered=Moment(at(10), 0.0), outcome=Outcome.ANSWERED)
    await store.record_calls([fact(spoken)], at(600))
    assert await listed(store) == [CALLER]
