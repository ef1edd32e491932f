"""Desk phones in the store: queued with the text, told in order, put off together."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from tests.fakes.store import CALLER, NOW, NUMBER, at, reply
from textback import thread_view
from textback.model import PhoneState, TextIn
from textback.reply_rules import Ours, ReplyRules
from textback.store import telephones
from textback.store.store import Store

A, B = ("pbx", "PJSIP/101"), ("pbx", "PJSIP/102")
RULES = ReplyRules(phones=lambda did: (A, B), ours=lambda number: Ours(number, number))


async def wrote(store: Store, *texts: str) -> None:
    for number, said in enumerate(texts):
        await store.record_reply(reply(said, at=at(number)), RULES)


async def states(store: Store) -> list[tuple[str, str, str]]:
    query = "SELECT endpoint, state, error FROM phone_messages ORDER BY id"
    return await store.read(lambda db: [tuple(r) for r in db.execute(text(query))])


async def test_text_is_queued_for_each_phone_in_its_own_transaction(store: Store) -> None:
    await wrote(store, "Hello?")
    assert await store.phones_due(at(0)) == [A, B]
    (message,) = await store.phone_waiting(A)
    assert (message.handset, message.ours, message.number) == (CALLER, NUMBER, NUMBER)
    assert (message.text, message.name, message.parts_done) == ("Hello?", "", 0)


async def test_told_text_is_not_told_again(store: Store) -> None:
    await wrote(store, "Hello?")
    (message,) = await store.phone_waiting(A)
    await store.phone_told(message.id, 1, at(1), whole=True)
    await store.phone_failed(message.id, "late", at(2), at(2))
    assert await store.phones_due(at(99)) == [B]
    assert (await states(store))[0] == ("PJSIP/101", "sent", "")


async def test_pieces_that_were_told_are_remembered(store: Store) -> None:
    await wrote(store, "Hello?")
    (message,) = await store.phone_waiting(A)
    await store.phone_told(message.id, 2, at(1), whole=False)
    (message,) = await store.phone_waiting(A)
    assert message.parts_done == 2


async def test_phone_that_is_off_waits_with_all_its_texts_and_the_others_do_not(
    store: Store,
) -> None:
    await wrote(store, "one", "two")
    first, second = await store.phone_waiting(A)
    await store.phone_failed(first.id, "not registered", at(60), at(2))
    assert await store.phones_due(at(3)) == [B]
    for message in await store.phone_waiting(B):
        await store.phone_told(message.id, 1, at(3), whole=True)
    assert await store.phone_next_due() == at(60)
    again = await store.phone_waiting(A)
    assert [(m.text, m.attempts) for m in again] == [("one", 1), ("two", 0)]
    assert second.id == again[1].id


async def test_new_text_is_an_occasion_to_try_again_in_order(store: Store) -> None:
    await wrote(store, "one")
    (message,) = await store.phone_waiting(A)
    await store.phone_failed(message.id, "not registered", at(300), at(2))
    await store.record_reply(reply("two", at=at(5)), RULES)
    assert A in await store.phones_due(at(5))
    assert [m.text for m in await store.phone_waiting(A)] == ["one", "two"]


async def test_link_that_came_up_makes_everything_due(store: Store) -> None:
    await wrote(store, "one")
    (message,) = await store.phone_waiting(A)
    await store.phone_failed(message.id, "the link is down", at(300), at(2))
    assert await store.phones_hurry("other", at(3)) == 0
    assert await store.phones_hurry("pbx", at(3)) == 2
    assert await store.phones_due(at(3)) == [A, B]


async def test_given_up_text_is_failed_and_says_why(store: Store) -> None:
    await wrote(store, "one")
    (message,) = await store.phone_waiting(A)
    await store.phone_given_up(message.id, "not registered", at(9))
    assert (await states(store))[0] == ("PJSIP/101", "failed", "not registered")
    (line,) = (await store.conversation(1)).lines
    assert isinstance(line, TextIn)
    assert [(told.endpoint, told.state) for told in line.phones] == [
        ("PJSIP/101", PhoneState.FAILED),
        ("PJSIP/102", PhoneState.QUEUED),
    ]
    said = "\n".join(shown.plain for shown in thread_view.lines(await store.conversation(1), None))
    assert "(never shown on PJSIP/101; waits for PJSIP/102)" in said


async def test_text_that_is_completed_later_is_told_anew(store: Store) -> None:
    await wrote(store, "with a gap")
    (message,) = await store.phone_waiting(A)
    await store.phone_told(message.id, 1, at(1), whole=True)

    await store._db.write(lambda db: telephones.queue(db, 1, [A], at(2)))
    (again,) = await store.phone_waiting(A)
    assert (again.id, again.parts_done, again.attempts) == (message.id, 0, 0)


async def test_conversations_of_a_handset_come_newest_first(store: Store) -> None:
    await store.record_reply(reply("a", at=at(1)), RULES)
    await store.record_reply(reply("b", recipient="+12125550101", at=at(2)), RULES)
    found = await store.conversations_of(CALLER)
    assert found == [("+12125550101", "+12125550101"), (NUMBER, NUMBER)]
    assert await store.conversations_of("+12125550999") == []


def plan(db: Connection, statement: Any, given: dict[str, Any]) -> str:
    compiled = statement.compile(db.engine)
    values = compiled.construct_params(given)
    order = compiled.positiontup or []
    rows = db.exec_driver_sql(
        f"EXPLAIN QUERY PLAN {compiled.string}", tuple(values[name] for name in order)
    )
    return "\n".join(str(row[3]) for row in rows)


async def test_every_query_goes_by_an_index(store: Store) -> None:
    phone = {"its_pbx": "pbx", "its_endpoint": "PJSIP/101"}
    queries: list[tuple[Any, dict[str, Any], str]] = [
        (telephones._DUE, {"now": str(NOW)}, "ix_phone_messages_"),
        (telephones._NEXT_DUE, {}, "ix_phone_messages_due"),
        (telephones._WAITING, phone, "ix_phone_messages_waiting"),
        (telephones._POSTPONE, {**phone, "due": str(NOW)}, "ix_phone_messages_waiting"),
        (telephones._HURRY, {"its_pbx": "pbx", "due": str(NOW)}, "ix_phone_messages_"),
        (telephones._THREADS, {"handset": CALLER}, "threads_1"),
    ]

    def look(db: Connection) -> None:
        for statement, given, index in queries:
            text = plan(db, statement, given)
            assert index in text, text
            assert "SCAN incoming" not in text
            assert "SCAN threads" not in text

    await store.read(look)
