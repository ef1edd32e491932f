"""The inbox for programs: the same lists, conversations and answers as JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.store import CALLER, NUMBER, at, queued
from tests.unit import console_rig
from tests.unit.console_rig import CONFIG, as_role, config_of
from tests.unit.test_textback_console_inbox import OTHER, SECOND, Desk
from textback.console import quick
from textback.model import Contact
from textback.store.rows import RowFilter


class Program(Desk):
    """One who asks the API."""

    async def ask(
        self, method: str, path: str, status: int = 200, headers: Any = None, **body: Any
    ) -> Any:
        told = as_role(self.role) | (headers or {})
        async with self.client.request(
            method, f"/api/v1{path}", headers=told, json=body or None
        ) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json()


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Program]:
    async with console_rig.console(tmp_path, role="agent") as (client, backend):
        yield Program(client, backend)


async def test_conversations_come_page_by_page_each_once(api: Program) -> None:
    for index in range(7):
        await api.wrote("Hello", f"+1212555{index + 1000:04}", seconds=index)
    for which in ("needs_you", "unread", "all"):
        seen: list[int] = []
        cursor = ""
        while True:
            page = await api.ask("GET", f"/threads?list={which}&limit=3&cursor={cursor}")
            seen += [thread["id"] for thread in page["threads"]]
            cursor = page["next"]
            if not cursor:
                break
        assert sorted(seen) == list(range(1, 8))
        assert seen == sorted(seen, reverse=which != "needs_you")


async def test_a_cursor_of_another_list_is_refused(api: Program) -> None:
    for index in range(3):
        await api.wrote("Hello", f"+1212555{index + 1000:04}", seconds=index)
    page = await api.ask("GET", "/threads?list=all&limit=1")
    wrong = await api.ask("GET", f"/threads?list=unread&cursor={page['next']}", 400)
    assert wrong["code"] == "cursor"


async def test_a_conversation_tells_all_that_the_page_does(api: Program) -> None:
    await queued(api.store)
    await api.store.put_contact(
        Contact(number=CALLER, name="Ana", tags=("patient",), vip=True, source="csv"), at(0)
    )
    thread = await api.wrote("please stop calling me all the time")
    told = await api.ask("GET", f"/threads/{thread}")
    head = told["thread"]
    assert (head["name"], head["tags"], head["label"]) == ("Ana", ["vip", "patient"], "Main line")
    assert (head["review"], head["unread"]) == (True, 1)
    assert [line["line"] for line in told["lines"]] == ["call", "out", "in"]
    assert told["lines"][0]["outcome"] == "no_answer"
    assert told["lines"][1]["kind"] == "missed"
    assert told["lines"][2]["review"] == "open"
    assert (told["may_write"], told["older"]) == (True, "")


async def test_lines_go_back_to_the_first(api: Program) -> None:
    for index in range(12):
        thread = await api.wrote(str(index), seconds=index * 60)
    seen: list[str] = []
    cursor = ""
    while True:
        page = await api.ask("GET", f"/threads/{thread}/lines?limit=5&cursor={cursor}")
        seen = [line["text"] for line in page["lines"]] + seen
        cursor = page["older"]
        if not cursor:
            break
    assert seen == [str(index) for index in range(12)]
    other = await api.wrote("Hello", OTHER)
    page = await api.ask("GET", f"/threads/{thread}/lines?limit=5")
    await api.ask("GET", f"/threads/{other}/lines?cursor={page['older']}", 400)


async def test_a_text_that_waited_stands_where_it_left_and_on_one_page_only(api: Program) -> None:
    thread = await api.wrote("first", seconds=0)
    row = await api.store.reply(CALLER, "", "late", by="anna", now=at(1))
    for index in range(4):
        await api.wrote(f"in {index}", seconds=10 + index)
    await api.store._db.write(
        lambda db: db.exec_driver_sql(
            "UPDATE outbox SET state = 'delivered', claimed_at = ? WHERE id = ?",
            (at(60).strftime("%Y-%m-%d %H:%M:%S.%f"), row.id),
        )
    )
    newest = await api.ask("GET", f"/threads/{thread}/lines?limit=2")
    older = await api.ask("GET", f"/threads/{thread}/lines?limit=9&cursor={newest['older']}")
    assert [line["text"] for line in newest["lines"]] == ["in 3", "late"]
    assert [line["text"] for line in older["lines"]] == ["first", "in 0", "in 1", "in 2"]


@pytest.mark.parametrize("by", ["field", "header"])
async def test_a_named_request_is_written_once(api: Program, by: str) -> None:
    thread = await api.wrote("Hello")
    named = {"request": "r-1"} if by == "field" else {}
    headers = {"Idempotency-Key": "r-1"} if by == "header" else {}
    path = f"/threads/{thread}/replies"
    one = await api.ask("POST", path, 201, headers, text="Hi", **named)
    two = await api.ask("POST", path, 201, headers, text="Hi", **named)
    assert one == two == {"id": one["id"], "thread": thread, "state": "queued"}
    wrong = await api.ask("POST", path, 409, headers, text="Something else", **named)
    assert wrong["code"] == "request_used"
    assert await api.sent() == ["Hi"]


async def test_the_name_of_a_request_is_ones_own_and_of_one_conversation(api: Program) -> None:
    thread = await api.wrote("Hello")
    other = await api.wrote("Hello", OTHER)
    await api.ask("POST", f"/threads/{thread}/replies", 201, text="Hi", request="r-1")
    await api.ask("POST", f"/threads/{other}/replies", 201, text="Hi", request="r-1")
    api.role = "admin"
    await api.ask("POST", f"/threads/{thread}/replies", 201, text="Hi", request="r-1")
    assert await api.sent() == ["Hi"] * 3


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"text": ""}, 422),
        ({"text": " \n"}, 422),
        ({"text": "x" * 1_531}, 422),
        ({"text": "Hi", "request": "with blank"}, 422),
        ({"text": "Hi", "other": 1}, 422),
        ({"text": 7}, 422),
    ],
)
async def test_an_answer_that_is_none_is_refused(
    api: Program, body: dict[str, Any], status: int
) -> None:
    thread = await api.wrote("Hello")
    await api.ask("POST", f"/threads/{thread}/replies", status, **body)
    assert await api.sent() == []


async def test_a_message_begins_a_conversation_or_goes_on_in_the_one_there_is(
    api: Program,
) -> None:
    one = await api.ask("POST", "/messages", 201, to=OTHER, number=SECOND, text="Hi")
    two = await api.ask("POST", "/messages", 201, to=OTHER, number=SECOND, text="Hi again")
    assert one["thread"] == two["thread"]
    (thread,) = await api.store.threads_of(OTHER)
    assert thread.ours == SECOND
    assert await api.sent() == ["Hi", "Hi again"]


@pytest.mark.parametrize(
    ("to", "number", "status", "code"),
    [
        ("+19995550100", NUMBER, 409, "no_number"),
        (OTHER, "+16465550199", 409, "not_ours"),
        (SECOND, NUMBER, 409, "ours"),
        ("5550100", NUMBER, 422, "fields"),
    ],
)
async def test_a_message_to_nobody_or_from_nobody_is_refused(
    api: Program, to: str, number: str, status: int, code: str
) -> None:
    wrong = await api.ask("POST", "/messages", status, to=to, number=number, text="Hi")
    assert wrong["code"] == code
    assert await api.sent() == []


async def test_what_a_text_takes_is_told_as_it_is_written(api: Program) -> None:
    assert await api.ask("POST", "/preview", text="") == {
        "segments": 0,
        "encoding": "",
        "odd": [],
        "characters": 0,
        "most": 1_530,
        "fits": False,
    }
    plain = await api.ask("POST", "/preview", text="Hello")
    heart = await api.ask("POST", "/preview", text="\u2665" + "x" * 70)
    assert (plain["segments"], plain["odd"]) == (1, [])
    assert (heart["segments"], heart["odd"]) == (2, ["\u2665"])
    assert not (await api.ask("POST", "/preview", text="x" * 1_531))["fits"]


async def test_reviews_are_listed_and_decided(api: Program) -> None:
    thread = await api.wrote("please stop calling me all the time")
    (review,) = (await api.ask("GET", "/reviews"))["reviews"]
    assert (review["thread"], review["handset"]) == (thread, CALLER)
    told = await api.ask(
        "POST", f"/threads/{thread}/review", incoming=review["incoming"], stop=True
    )
    assert told["opted_out"]
    assert (await api.ask("GET", "/reviews"))["reviews"] == []
    assert (await api.ask("GET", "/threads/counts"))["reviews"] == 0
    body = {"incoming": review["incoming"], "stop": False}
    assert (await api.ask("POST", f"/threads/{thread}/review", 409, **body))["code"] == "decided"


async def test_every_change_is_told_to_the_open_tabs(api: Program) -> None:
    thread = await api.wrote("Hello")
    listener = api.backend.feed.listen()
    await api.ask("POST", f"/threads/{thread}/read")
    assert set(await listener.next()) == {"inbox"}
    await api.ask("POST", f"/threads/{thread}/replies", 201, text="Hi")
    assert set(await listener.next()) == {"inbox", f"thread:{thread}"}


async def test_what_changes_nothing_is_told_to_nobody(api: Program) -> None:
    thread = await api.wrote("Hello")
    await api.ask("POST", f"/threads/{thread}/read")
    before = api.backend.feed.tick
    await api.ask("POST", f"/threads/{thread}/read")
    assert api.backend.feed.tick == before


async def test_a_viewer_reads_and_writes_nothing(api: Program) -> None:
    thread = await api.wrote("Hello")
    api.role = "viewer"
    await api.ask("GET", f"/threads/{thread}")
    await api.ask("POST", "/threads/search", words="hello")
    for path in ("replies", "read", "unread", "done", "wait", "optout", "optin", "review"):
        await api.ask("POST", f"/threads/{thread}/{path}", 403, text="Hi")
    await api.ask("POST", "/messages", 403, to=OTHER, number=NUMBER, text="Hi")
    assert await api.sent() == []


# --- quick answers --------------------------------------------------------------------------------


async def test_quick_answers_speak_of_the_contact_the_number_and_the_last_call(
    tmp_path: Path,
) -> None:
    config = console_rig.config_of(
        console_rig.CONFIG
        + '[[quick_answer]]\nname = "All"\ntext = "{{contact.name}} {{business.name}} '
        '{{number.label}} {{number.phone}} {{call.time}}"\n'
    )
    async with console_rig.console(tmp_path, config, role="viewer") as (client, backend):
        api = Program(client, backend)
        api.role = "viewer"
        await queued(api.store)
        await api.store.put_contact(
            Contact(number=CALLER, name="Ana <b>Ruiz</b> http://evil.example", source="csv"), at(0)
        )
        thread = await api.wrote("Hello")
        (told,) = (await api.ask("GET", f"/quick-answers?thread={thread}"))["answers"]
        assert told["name"] == "All"
        assert told["text"] == "there Acme Dental Main line (212) 555-0100 9:00 AM"
        await api.ask("GET", "/quick-answers?thread=99", 404)


async def test_a_number_that_is_not_ours_any_more_still_has_quick_answers(api: Program) -> None:
    config = console_rig.config_of(
        console_rig.CONFIG + '[[quick_answer]]\nname = "One"\ntext = "Call {{number.phone}}"\n'
    )
    await api.store.reply(OTHER, "+16465550199", "Hi", by="anna", now=at(0), number="")
    (thread,) = await api.store.threads_of(OTHER)
    found = await api.store.conversation(thread.id)
    assert quick.filled(config, found, at(0)) == [("One", "Call (646) 555-0199")]


async def test_whatever_people_do_to_a_conversation_is_in_the_audit_log(api: Program) -> None:
    thread = await api.wrote("please stop calling me all the time")
    (review,) = (await api.ask("GET", "/reviews"))["reviews"]
    path = f"/threads/{thread}"
    await api.ask("POST", f"{path}/replies", 201, text="We will.", request="r-1")
    new = await api.ask("POST", "/messages", 201, to=OTHER, number=SECOND, text="Hi")
    await api.ask("POST", f"{path}/wait")
    await api.ask("POST", f"{path}/done")
    await api.ask("POST", f"{path}/review", incoming=review["incoming"], stop=False)
    await api.ask("POST", f"{path}/optout", reason="on the telephone")
    api.role = "admin"
    await api.ask("POST", f"{path}/optin", reason="she asked")
    # To look is no act, and what changes nothing was not done.
    await api.ask("POST", f"{path}/read")
    await api.ask("POST", f"{path}/done")
    lines = (await api.store.audited())[::-1]
    assert [(one.who, one.action, one.subject) for one in lines] == [
        ("agent", "thread.reply", f"thread {thread}"),
        ("agent", "thread.new", f"thread {new['thread']}"),
        ("agent", "thread.wait", f"thread {thread}"),
        ("agent", "thread.done", f"thread {thread}"),
        ("agent", "thread.review", f"thread {thread}"),
        ("agent", "thread.optout", f"thread {thread}"),
        ("admin", "thread.optin", f"thread {thread}"),
    ]
    assert (lines[0].detail, lines[1].detail) == ("text=1", f"text={new['id']}")
    assert lines[4].detail == f"incoming={review['incoming']} stop=False"
    told = " ".join(f"{one.subject} {one.detail}" for one in lines)
    assert not any(word in told for word in ("555", "We will", "telephone", "she asked"))


async def test_a_conversation_with_another_number_of_ours_is_not_the_one_that_goes_on(
    api: Program,
) -> None:
    """Each of our numbers has its own: an answer comes from the number that was written to."""
    main = await api.wrote("Hello", OTHER)
    one = await api.ask("POST", "/messages", 201, to=OTHER, number=SECOND, text="Hi")
    assert one["thread"] != main
    two = await api.ask("POST", "/messages", 201, to=OTHER, number=NUMBER, text="Hi again")
    assert two["thread"] == main
    rows = {row.text: row.sender for row in await api.store.queue()}
    assert rows == {"Hi": SECOND, "Hi again": NUMBER}


async def test_a_message_comes_from_the_sender_of_its_number_and_goes_on_as_it_was_begun(
    tmp_path: Path,
) -> None:
    """A handset that knows us by one number is not answered from another."""
    sender = "+12125550190"
    config = config_of(f'{CONFIG}sender = "{sender}"\n')
    async with console_rig.console(tmp_path, config, role="agent") as (client, backend):
        api = Program(client, backend)
        # Begun before the number had a sender.
        await api.store.reply(CALLER, SECOND, "one", by="anna", now=at(0), number=SECOND)
        await api.ask("POST", "/messages", 201, to=CALLER, number=SECOND, text="two")
        await api.ask("POST", "/messages", 201, to=OTHER, number=SECOND, text="three")
        rows = {row.text: (row.to, row.sender) for row in await api.store.queue()}
        assert rows["two"] == (CALLER, SECOND)
        assert rows["three"] == (OTHER, sender)


async def test_all_other_numbers_are_none_of_ours_to_write_from(tmp_path: Path) -> None:
    """Else anybody might write from any number there is."""
    config = config_of(f'{CONFIG}[[number]]\ndid = "*"\n')
    async with console_rig.console(tmp_path, config, role="agent") as (client, backend):
        api = Program(client, backend)
        body = {"to": OTHER, "number": "+16465550199", "text": "Hi"}
        assert (await api.ask("POST", "/messages", 409, **body))["code"] == "not_ours"
        assert await api.sent() == []
        # One that was called is known to its caller, and a conversation with him goes on from it.
        dialled = "+16465550198"
        await api.store.reply(OTHER, dialled, "one", by="anna", now=at(0), number=dialled)
        await api.ask("POST", "/messages", 201, to=OTHER, number=dialled, text="two")
        await api.ask("POST", "/messages", 409, to=CALLER, number=dialled, text="three")
        assert {row.text: row.sender for row in await api.store.queue()} == {
            "one": dialled,
            "two": dialled,
        }


async def test_a_list_shows_the_newest_text_and_none_that_never_left(api: Program) -> None:
    async def shown() -> tuple[str, bool, str | None]:
        (thread,) = (await api.ask("GET", "/threads?list=all"))["threads"]
        return thread["text"], thread["text_in"], thread["text_state"]

    await api.wrote("Hello", seconds=10)
    assert await shown() == ("Hello", True, None)
    row = await api.store.reply(CALLER, "", "Hi", by="anna", now=at(20))
    assert await shown() == ("Hi", False, "queued")
    await api.store.drop(RowFilter(ids=frozenset({row.id})), reason="x", by="anna", now=at(30))
    assert await shown() == ("Hello", True, None)
    await api.store.reply(CALLER, "", "Hi again", by="anna", now=at(40))
    await api.wrote("Thanks", seconds=50)
    assert await shown() == ("Thanks", True, None)


async def test_what_is_to_be_answered_after_all_waits_since_it_came(api: Program) -> None:
    thread = await api.wrote("Hello", seconds=10)
    await api.store.reply(CALLER, "", "Hi", by="anna", now=at(100))
    told = await api.ask("POST", f"/threads/{thread}/wait")
    assert datetime.fromisoformat(told["waits_since"]) == at(10)


async def test_who_looks_has_seen_every_text(api: Program) -> None:
    for seconds in (10, 20, 30):
        thread = await api.wrote(f"text {seconds}", seconds=seconds)
    assert (await api.ask("GET", f"/threads/{thread}"))["thread"]["unread"] == 3
    assert (await api.ask("POST", f"/threads/{thread}/read"))["unread"] == 0
    assert (await api.ask("GET", "/threads/counts"))["unread"] == 0


async def test_pages_of_who_waits_go_by_the_waiting_and_not_by_the_newest_text(
    api: Program,
) -> None:
    """Who waits longest and writes again stays the first, and hides nobody behind him."""
    callers = [CALLER, OTHER, "+12125550125"]
    for seconds, caller in enumerate(callers, 1):
        await api.wrote("Hello", caller, seconds)
    await api.wrote("Hello?", CALLER, 1_000)
    found, cursor = [], ""
    for _ in callers:
        page = await api.ask("GET", f"/threads?list=needs_you&limit=1&cursor={cursor}")
        found += [one["handset"] for one in page["threads"]]
        cursor = page["next"]
    assert found == callers
    assert cursor == ""
