"""What came in since somebody last asked: for pages that are kept open, and for programs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.fakes.store import CALLER, at, reply
from tests.unit import console_rig
from tests.unit.test_textback_console_inbox import OTHER
from tests.unit.test_textback_console_inbox_api import Program
from textback.model import Contact
from textback.store import news


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Program]:
    async with console_rig.console(tmp_path, role="agent") as (client, backend):
        yield Program(client, backend)


async def latest(api: Program) -> int:
    found: int = (await api.ask("GET", "/replies"))["latest"]
    return found


async def test_the_first_question_lists_nothing_of_what_was_there(api: Program) -> None:
    assert await api.ask("GET", "/replies") == {"latest": 0, "count": 0, "replies": []}
    await api.wrote("Hello")
    told = await api.ask("GET", "/replies")
    assert (told["count"], told["replies"]) == (0, [])
    assert told["latest"] > 0


async def test_what_came_since_is_told_once_the_newest_first(api: Program) -> None:
    await api.wrote("Before")
    seen = await latest(api)
    await api.store.put_contact(Contact(number=OTHER, name="Ana\u202e \nB", source="csv"), at(0))
    thread = await api.wrote("One", seconds=70)
    other = await api.wrote("Two\nlines", OTHER, seconds=80)
    told = await api.ask("GET", f"/replies?after={seen}")
    assert told["count"] == 2
    assert [one["thread"] for one in told["replies"]] == [other, thread]
    newest, older = told["replies"]
    assert (newest["name"], newest["who"]) == ("Ana\u202e \nB", "Ana B")
    assert (newest["text"], newest["line"]) == ("Two\nlines", "Two lines")
    assert (older["handset"], older["who"]) == (CALLER, "(212) 555-0123")
    assert older["review"] is False
    again = await api.ask("GET", f"/replies?after={told['latest']}")
    assert again == {"latest": told["latest"], "count": 0, "replies": []}


async def test_what_wants_nobody_is_left_out(api: Program) -> None:
    seen = await latest(api)
    done = await api.wrote("Thanks, bye", seconds=60)
    await api.store.done(done)
    await api.wrote("When are you open?", OTHER, seconds=65)
    seen = await latest(api)
    await api.wrote("HELP", OTHER, seconds=70)
    told = await api.ask("GET", f"/replies?after={seen}")
    assert (told["count"], told["replies"]) == (0, [])
    assert told["latest"] > seen


async def test_what_somebody_has_read_and_not_answered_is_told(api: Program) -> None:
    seen = await latest(api)
    thread = await api.wrote("When are you open?")
    await api.store.mark_read(thread)
    assert (await api.ask("GET", f"/replies?after={seen}"))["count"] == 1


async def test_a_doubtful_reply_is_told_once_until_it_is_decided(api: Program) -> None:
    seen = await latest(api)
    await api.wrote("please stop calling me all the time")
    (one,) = (await api.ask("GET", f"/replies?after={seen}"))["replies"]
    assert one["review"] is True


async def test_a_long_text_is_news_when_its_last_part_is_there(api: Program) -> None:
    parts = [
        reply(words, at=at(60 + index), reference=7, part=index + 1, parts=2)
        for index, words in enumerate(("Hello ", "again"))
    ]
    await api.store.record_reply(parts[0])
    await api.wrote("Between", OTHER, seconds=61)
    seen = await latest(api)
    assert (await api.ask("GET", f"/replies?after={seen}"))["count"] == 0
    await api.store.record_reply(parts[1])
    (one,) = (await api.ask("GET", f"/replies?after={seen}"))["replies"]
    assert one["text"] == "Hello again"


async def test_of_many_some_are_listed_and_all_are_counted(api: Program) -> None:
    seen = await latest(api)
    for index in range(7):
        await api.wrote("Hello", f"+1212555{index + 1000:04}", seconds=60 + index)
    told = await api.ask("GET", f"/replies?after={seen}&limit=3")
    assert (told["count"], len(told["replies"])) == (7, 3)
    assert told["replies"][0]["handset"] == "+12125551006"


async def test_a_number_from_another_store_is_put_right(api: Program) -> None:
    await api.wrote("Hello")
    told = await api.ask("GET", f"/replies?after={10**18 - 1}")
    assert told == {"latest": await latest(api), "count": 0, "replies": []}


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=1000000000000000000", "limit=0"])
async def test_a_question_that_is_none_is_refused(api: Program, query: str) -> None:
    assert (await api.ask("GET", f"/replies?{query}", 422))["code"] == "fields"


async def test_who_reads_may_ask_and_nobody_else(api: Program) -> None:
    api.role = "viewer"
    await api.ask("GET", "/replies")
    api.role = ""
    await api.ask("GET", "/replies", 401)


async def test_it_looks_at_the_newest_events_only_however_many_there_are(api: Program) -> None:
    def plans(db: Connection) -> list[str]:
        found = []
        for statement in (news._LATEST, news._HEARD, news._REPLIES):
            told = re.sub(r"__\[\w+\]", "?", str(statement.compile(dialect=db.dialect)))
            told = re.sub(r"IN \(\?+\)", "IN (?)", told)
            rows = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {told}", (1,) * told.count("?")).all()
            found.append("; ".join(row[3] for row in rows))
        return found

    newest, heard, replies = await api.store.read(plans)
    assert newest == "SEARCH events"  # the end of its primary key
    assert "SEARCH events USING INTEGER PRIMARY KEY (rowid>?)" in heard
    assert "TEMP B-TREE" not in heard
    assert "SEARCH incoming USING INTEGER PRIMARY KEY" in replies
    assert "SEARCH threads USING INTEGER PRIMARY KEY" in replies


async def test_the_navigation_counts_what_waits_for_an_answer(api: Program) -> None:
    thread = await api.wrote("Hello")
    await api.wrote("Me too", OTHER)
    await api.store.mark_read(thread)
    page = await api.get("/inbox")
    assert 'data-waits="2"' in page
    await api.store.done(thread)
    assert 'data-waits="1"' in await api.get("/health", part="nav")
