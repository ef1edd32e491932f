"""The search for a conversation, step by step, and the counts beside the navigation."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Connection, insert

from tests.fakes.store import CALLER, NUMBER, at, reply
from textback.keeping_spelling import Spelling
from textback.model import Contact, InboxList
from textback.store import inbox_lists, searching
from textback.store.inbox_lists import MOST_COUNTED, Waiting
from textback.store.store import Store
from textback.store.tables_talk import threads

OTHER = "+12125550124"


async def all_steps(store: Store, words: str, limit: int = 50) -> list[list[str]]:
    """What each step finds, until all was looked through."""
    steps: list[list[str]] = []
    before = None
    while True:
        hits = await store.search_step(words, limit=limit, before=before)
        steps.append([thread.handset for thread in hits.threads])
        before = hits.older
        if before is None:
            return steps


async def test_a_stretch_at_a_time_finds_every_text_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "STRETCH", 4)
    for index in range(10):
        handset = f"+1212555{index + 1000:04}"
        await store.record_reply(reply(f"word {index}", sender=handset, at=at(index)))
    steps = await all_steps(store, "word")
    assert len(steps) == 3
    found = [handset for step in steps for handset in step]
    assert found == [f"+1212555{index + 1000:04}" for index in reversed(range(10))]
    assert len(await store.search_threads("word")) == 10
    assert len(await store.search_threads("word", limit=3)) == 3


async def test_more_than_a_page_of_one_stretch_is_not_skipped(store: Store) -> None:
    for index in range(9):
        handset = f"+1212555{index + 1000:04}"
        await store.record_reply(reply("word", sender=handset, at=at(index)))
        await store.reply(handset, "", "word", by="anna", now=at(100 + index))
    found = {handset for step in await all_steps(store, "word", limit=2) for handset in step}
    assert len(found) == 9


async def test_what_people_of_the_business_wrote_is_found_and_what_rules_wrote_is_not(
    store: Store,
) -> None:
    await store.record_reply(reply("STOP"))
    await store.record_reply(reply("Hello", sender=OTHER))
    await store.reply(OTHER, "", "The plumber comes", by="anna", now=at(100))
    assert await all_steps(store, "plumber") == [[OTHER]]
    assert await all_steps(store, "no more texts") == [[]]


async def test_capitals_and_accents_do_not_matter(store: Store) -> None:
    await store.record_reply(reply("ÜBER den Boiler"))
    for words in ("über", "Über", "ÜBER", "boiler", "BOILER"):
        assert await all_steps(store, words) == [[CALLER]], words


@pytest.mark.parametrize("words", ["50%", "a_b", "c/d", "'; --"])
async def test_signs_of_the_database_are_letters(store: Store, words: str) -> None:
    await store.record_reply(reply(f"it says {words} here"))
    await store.record_reply(reply("500 aXb cXd", sender=OTHER, at=at(70)))
    assert await all_steps(store, words) == [[CALLER]]


async def test_an_organization_is_a_name(store: Store) -> None:
    await store.record_reply(reply("Hello"))
    known = Contact(number=CALLER, name="", organization="Acme Plumbing", source="csv")
    await store.put_contact(known, at(0))
    assert await all_steps(store, "plumbing") == [[CALLER]]


async def test_a_name_that_fills_a_page_is_looked_for_in_texts_by_the_next_step(
    store: Store,
) -> None:
    for index in range(5):
        handset = f"+1212555{index + 1000:04}"
        await store.record_reply(reply("Hello", sender=handset, at=at(index)))
        known = Contact(number=handset, name=f"Ada Brook {index}", organization="", source="csv")
        await store.put_contact(known, at(0))
    await store.record_reply(reply("Mrs Brook told me", sender=OTHER, at=at(70)))
    newest = [f"+1212555{index + 1000:04}" for index in (4, 3, 2)]
    assert await all_steps(store, "brook", limit=3) == [newest, [OTHER]]
    # Where names leave room, texts are looked for at once.
    (together,) = await all_steps(store, "brook", limit=6)
    assert together[0] == OTHER
    assert len(together) == 6


async def test_a_number_in_full_is_its_handset_alone(store: Store) -> None:
    await store.record_reply(reply("Hello"))
    await store.record_reply(reply("call +12125550123", sender=OTHER))
    assert await all_steps(store, CALLER) == [[CALLER]]


async def test_of_very_many_handsets_the_newest_are_found(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MOST_HANDSETS", 5)
    for index in range(20):
        handset = f"+1212555{index + 1000:04}"
        await store.record_reply(reply("Hello", sender=handset, at=at(index)))
    (found,) = await all_steps(store, "1212555", limit=3)
    assert found == ["+12125551019", "+12125551018", "+12125551017"]


async def test_an_erased_text_is_not_found(store: Store) -> None:
    await store.record_reply(reply("The boiler leaks"))
    await store.erase_person(Spelling(CALLER), by="root", reason="asked", now=at(100))
    assert await all_steps(store, "boiler") == [[]]


async def test_the_counts_end_where_nobody_counts_any_more(store: Store) -> None:
    def many(db: Connection) -> None:
        rows = [
            {
                "handset": f"+1212{index:07}",
                "ours": NUMBER,
                "number": NUMBER,
                "route": "",
                "opened_at": at(index),
                "last_at": at(index),
                "unread": 1,
                "waits_since": at(index) if index < 3 else None,
            }
            for index in range(MOST_COUNTED + 10)
        ]
        db.execute(insert(threads), rows)

    await store._db.write(many)
    assert await store.waiting() == Waiting(unread=MOST_COUNTED, needs_you=3, reviews=0)


async def test_a_page_of_conversations_has_as_many_statements_as_one(store: Store) -> None:
    for index in range(30):
        handset = f"+1212555{index + 1000:04}"
        await store.record_reply(reply("Hello", sender=handset, at=at(index)))

    async def statements(limit: int) -> int:
        def work(db: Connection) -> int:
            ran: list[str] = []
            connection = db.connection.driver_connection
            assert connection is not None
            connection._conn.set_trace_callback(ran.append)
            try:
                inbox_lists.listed(db, InboxList.ALL, limit=limit)
            finally:
                connection._conn.set_trace_callback(None)
            return len(ran)

        return await store.read(work)

    assert await statements(30) == await statements(1)


async def test_many_conversations_of_a_handset_have_as_many_statements_as_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(5):
        await store.record_reply(reply("Hello", recipient=f"+1212555{index + 100:04}"))
    asked: list[int] = []
    cards = inbox_lists._cards
    monkeypatch.setattr(
        inbox_lists, "_cards", lambda db, rows: asked.append(len(rows)) or cards(db, rows)
    )
    assert len(await store.threads_of(CALLER)) == 5
    assert asked == [5]


async def test_conversations_of_many_names_go_by_their_handsets(store: Store) -> None:
    def plan(db: Connection) -> str:
        query = searching.named_query([f"+1212555{index:04}" for index in range(500)], 50)
        told = query.compile(dialect=db.dialect, compile_kwargs={"literal_binds": True})
        rows = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {told}").all()
        return "; ".join(row[3] for row in rows)

    told = await store.read(plan)
    assert "SEARCH threads USING INDEX" in told
    assert "handset=?" in told
    assert "SCAN threads" not in told


async def test_steps_and_counts_go_by_indexes(store: Store) -> None:
    def plans(db: Connection) -> list[str]:
        found = []
        for statement in (searching._FIRST_OUT, searching._LAST_OUT, inbox_lists._WAITING):
            told = re.sub(r"__\[\w+\]", "?", str(statement.compile(dialect=db.dialect)))
            values = (1,) * told.count("?")
            rows = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {told}", values).all()
            found.append("; ".join(row[3] for row in rows))
        return found

    first, last, waiting = await store.read(plans)
    assert "ix_outbox_reply" in first
    assert "ix_outbox_reply" in last
    for index in ("ix_threads_unread", "ix_threads_waits_since", "ix_incoming_review"):
        assert index in waiting
