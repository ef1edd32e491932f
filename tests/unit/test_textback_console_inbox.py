"""The inbox as the front desk uses it: lists, a conversation, answers; all without scripts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from tests.fakes.store import CALLER, NUMBER, at, queued, reply
from tests.unit import console_rig
from tests.unit.console_rig import CONFIG, as_role, config_of
from textback.console.backend import Backend
from textback.model import Contact, InboxList, OutboxState, TextOut
from textback.reply_rules import PLAIN, Ours

OTHER = "+12125550124"
SECOND = "+12125550101"
QUICK = """
[[quick_answer]]
name = "Call you back"
text = "Hi {{contact.name}}, {{business.name}} here. When may we call you back?"
[[quick_answer]]
name = "Open"
text = "We are open from 8 to 6."
"""


class Desk:
    """A browser without scripts, and the console behind it."""

    def __init__(self, client: TestClient[Any, Any], backend: Backend) -> None:
        self.client, self.backend, self.store = client, backend, backend.store
        self.kicked = 0
        self.role = "agent"

    async def get(self, path: str, status: int = 200, *, part: str = "") -> str:
        headers = {"X-Part": part} if part else {}
        async with self.client.get(
            path, headers=headers | as_role(self.role), allow_redirects=False
        ) as answer:
            assert answer.status == status, await answer.text()
            return await answer.text()

    async def post(self, path: str, status: int = 303, **fields: str) -> str:
        sent = {"csrf": "test-csrf", **fields}
        async with self.client.post(
            path, data=sent, headers=as_role(self.role), allow_redirects=False
        ) as answer:
            page = await answer.text()
            assert answer.status == status, page
            return answer.headers["Location"] if status == 303 else page

    async def wrote(self, text: str, sender: str = CALLER, seconds: float = 60) -> int:
        await self.store.record_reply(reply(text, sender=sender, at=at(seconds)))
        (thread,) = await self.store.threads_of(sender)
        return thread.id

    async def sent(self) -> list[str]:
        return [row.text for row in await self.store.queue()]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made: list[Desk] = []

    def kick() -> None:
        made[0].kicked += 1

    config = config_of(CONFIG + QUICK)
    async with console_rig.console(tmp_path, config, role="agent", kick=kick) as (client, backend):
        made.append(Desk(client, backend))
        yield made[0]


def names(page: str) -> list[str]:
    """Whose conversations are listed, in their order."""
    return [unescape(name) for name in re.findall(r'thread-name"><bdi>(.*?)</bdi>', page)]


def nonce(page: str) -> str:
    found = re.search(r'name="request" value="([^"]+)"', page)
    assert found is not None
    return found[1]


# --- lists ----------------------------------------------------------------------------------------


async def test_an_empty_inbox_says_that_all_is_answered(desk: Desk) -> None:
    page = await desk.get("/inbox")
    assert "All answered" in page
    assert "No conversation is open" in page


async def test_who_waits_longest_is_first_and_it_says_how_long(desk: Desk) -> None:
    await desk.wrote("Please call", OTHER, seconds=-3_600)
    await desk.wrote("Me too", CALLER, seconds=-7_200)
    page = await desk.get("/inbox")
    assert names(page) == ["(212) 555-0123", "(212) 555-0124"]
    assert "waits 2 h" in page
    assert "waits 1 h" in page


async def test_the_lists_have_what_their_names_say(desk: Desk) -> None:
    first = await desk.wrote("One", CALLER)
    await desk.wrote("Two", OTHER, seconds=70)
    await desk.store.mark_read(first)
    await desk.store.done(first)
    assert names(await desk.get("/inbox")) == ["(212) 555-0124"]
    assert names(await desk.get("/inbox?list=unread")) == ["(212) 555-0124"]
    assert names(await desk.get("/inbox?list=all")) == ["(212) 555-0124", "(212) 555-0123"]


async def test_a_list_may_be_of_one_of_our_numbers_which_stands_in_no_address(desk: Desk) -> None:
    rules = PLAIN
    await desk.store.record_reply(reply("One", recipient=NUMBER), rules)
    ours = rules.__class__(ours=lambda to: Ours(to, to))
    await desk.store.record_reply(reply("Two", sender=OTHER, recipient=SECOND), ours)
    page = await desk.get("/inbox?list=all&line=2")
    assert names(page) == ["(212) 555-0124"]
    addresses = re.findall(r'(?:href|action)="([^"]+)"', page)
    assert not [address for address in addresses if "555" in address]


async def test_older_conversations_are_a_page_further(desk: Desk) -> None:
    for index in range(45):
        await desk.wrote("Hello", f"+1212555{index + 1000:04}", seconds=index)
    first = await desk.get("/inbox?list=all")
    older = re.search(r'href="(/inbox\?list=all&amp;after=[^"]+)"', first)
    assert older is not None
    second = await desk.get(unescape(older[1]))
    assert len(names(first)) == 40
    assert len(names(second)) == 5
    assert not set(names(first)) & set(names(second))
    assert "To the first page" in second


async def test_a_cursor_somebody_made_up_is_refused_and_breaks_nothing(desk: Desk) -> None:
    await desk.get("/inbox?list=all&after=nonsense", 400)


async def test_the_navigation_counts_what_needs_an_answer(desk: Desk) -> None:
    thread = await desk.wrote("Hello")
    assert "1 waiting" in await desk.get("/inbox")
    await desk.post(f"/inbox/{thread}/read")  # who reads it has not answered it yet
    assert "1 waiting" in await desk.get("/inbox")
    await desk.post(f"/inbox/{thread}/done")
    assert "1 waiting" not in await desk.get("/inbox")


async def test_a_text_of_ours_that_did_not_arrive_is_marked_in_the_list(desk: Desk) -> None:
    thread = await desk.wrote("Hello")
    row = await desk.store.reply(CALLER, "", "Hi", by="anna", now=at(100))
    await desk.store._db.write(
        lambda db: db.exec_driver_sql(
            "UPDATE outbox SET state = 'undelivered' WHERE id = ?", (row.id,)
        )
    )
    assert "Not delivered" in await desk.get("/inbox?list=all")
    assert "Call instead." in await desk.get(f"/inbox/{thread}")


# --- one conversation -----------------------------------------------------------------------------


async def test_a_conversation_tells_the_call_the_texts_and_who_sent_them(desk: Desk) -> None:
    await queued(desk.store)
    await desk.wrote("Please call me")
    (thread,) = await desk.store.threads_of(CALLER)
    await desk.store.reply(CALLER, "", "We call at three", by="anna", now=at(100))
    page = await desk.get(f"/inbox/{thread.id}")
    for words in (
        "Missed call",
        'href="/calls/1"',
        "Sent automatically for the missed call",
        "Please call me",
        "We call at three",
        "anna",
        "Waiting to be sent",
    ):
        assert words in page, words


async def test_opening_by_itself_reads_nothing_but_looking_does(desk: Desk) -> None:
    thread = await desk.wrote("Hello")
    await desk.get(f"/inbox/{thread}")
    assert [one.unread for one in await desk.store.threads_of(CALLER)] == [1]
    async with desk.client.post(f"/api/v1/threads/{thread}/read") as answer:
        assert answer.status == 200
    assert [one.unread for one in await desk.store.threads_of(CALLER)] == [0]


async def test_what_is_known_of_the_contact_stands_at_its_head(desk: Desk) -> None:
    known = Contact(number=CALLER, name="Ana Ruiz", tags=("patient",), vip=True, source="csv")
    await desk.store.put_contact(known, at(0))
    thread = await desk.wrote("Hello")
    page = await desk.get(f"/inbox/{thread}")
    assert "Ana Ruiz" in page
    assert "patient" in page
    assert "VIP" in page


async def test_a_long_conversation_comes_page_by_page_and_nothing_is_lost(desk: Desk) -> None:
    for index in range(130):
        thread = await desk.wrote(f"text {index:03}", seconds=index * 10)
    seen: list[str] = []
    path = f"/inbox/{thread}"
    while True:
        page = await desk.get(path, part="lines")
        seen = re.findall(r"text \d{3}", page) + seen
        older = re.search(r'href="([^"]*before=[^"]+)"', page)
        if older is None:
            break
        path = unescape(older[1])
    assert seen == [f"text {index:03}" for index in range(130)]


async def test_a_conversation_that_is_not_there_is_a_page_that_says_so(desk: Desk) -> None:
    assert "no such conversation" in await desk.get("/inbox/999", 404)
    await desk.post("/inbox/999/reply", 404, text="Hello")


async def test_a_part_is_rendered_by_itself(desk: Desk) -> None:
    thread = await desk.wrote("Hello")
    for part in ("threads", "talk", "who", "lines", "compose", "nav"):
        page = await desk.get(f"/inbox/{thread}", part=part)
        assert "<html" not in page
        assert page.strip()
    assert "Hello" in await desk.get(f"/inbox/{thread}", part="lines")


async def test_days_are_those_of_the_business_and_each_is_said_once(desk: Desk) -> None:
    """From nine in the morning of New York: UTC's midnight is ten hours later, its own fifteen."""
    for hours in (9.5, 10.5, 15.5):
        thread = await desk.wrote(f"after {hours} hours", seconds=hours * 3_600)
    page = await desk.get(f"/inbox/{thread}", part="lines")
    days = [re.findall(r"after ([0-9.]+) hours", day) for day in page.split('class="day"')]
    assert days == [[], ["9.5", "10.5"], ["15.5"]]


# --- answering ------------------------------------------------------------------------------------


async def test_an_answer_is_sent_once_however_often_the_form_comes(desk: Desk) -> None:
    thread = await desk.wrote("Hello")
    sent = nonce(await desk.get(f"/inbox/{thread}"))
    for _ in range(3):
        where = await desk.post(f"/inbox/{thread}/reply", text="Hi!\r\nAnna", request=sent)
        assert where == f"/inbox/{thread}#newest"
    assert await desk.sent() == ["Hi!\nAnna"]
    assert desk.kicked == 1  # who asks again is told what there is
    (line,) = [
        line for line in (await desk.store.conversation(thread)).lines if isinstance(line, TextOut)
    ]
    assert line.author == "agent"
    assert await desk.store.inbox(InboxList.NEEDS_YOU) == []


async def test_another_text_by_a_used_form_is_not_lost_but_refused(desk: Desk) -> None:
    thread = await desk.wrote("Hello")
    sent = nonce(await desk.get(f"/inbox/{thread}"))
    await desk.post(f"/inbox/{thread}/reply", text="Hi!", request=sent)
    page = await desk.post(f"/inbox/{thread}/reply", 409, text="And one more", request=sent)
    assert "And one more</textarea>" in page
    assert nonce(page) != sent
    assert await desk.sent() == ["Hi!"]


@pytest.mark.parametrize(
    ("text", "said"),
    [(" \n ", "There is no text to send."), ("x" * 1_531, "1531 characters")],
)
async def test_a_refused_text_stays_in_its_box(desk: Desk, text: str, said: str) -> None:
    thread = await desk.wrote("Hello")
    page = await desk.post(f"/inbox/{thread}/reply", 422, text=text, request="a")
    assert said in page
    assert text.strip() in page
    assert await desk.sent() == []


async def test_whoever_opted_out_has_no_box_but_the_reason(desk: Desk) -> None:
    thread = await desk.wrote("STOP")
    page = await desk.get(f"/inbox/{thread}")
    assert "<textarea" not in page
    assert "asked for no more texts" in page
    assert "START" in page
    page = await desk.post(f"/inbox/{thread}/reply", 409, text="But why?", request="a")
    assert await desk.sent() == []


async def test_a_sender_with_a_name_cannot_be_answered(desk: Desk) -> None:
    await desk.store.record_reply(reply("Your code is 1234", sender="PARCELS"))
    (thread,) = await desk.store.threads_of("PARCELS")
    assert "a name, not a number" in await desk.get(f"/inbox/{thread.id}")
    await desk.post(f"/inbox/{thread.id}/reply", 409, text="Hi", request="a")


async def test_a_quick_answer_is_filled_in_for_the_contact(desk: Desk) -> None:
    await desk.store.put_contact(Contact(number=CALLER, name="Ana", source="csv"), at(0))
    thread = await desk.wrote("Hello")
    page = await desk.get(f"/inbox/{thread}?quick=0")
    assert "Hi Ana, Acme Dental here. When may we call you back?</textarea>" in page
    assert "We are open from 8 to 6." in page
    assert "</textarea>" in await desk.get(f"/inbox/{thread}?quick=99")


async def test_a_new_conversation_is_begun_from_a_number_of_ours(desk: Desk) -> None:
    page = await desk.get("/inbox/new")
    sent = nonce(page)
    for _ in range(2):
        where = await desk.post(
            "/inbox/new", to="(212) 555-0124", line="2", text="Hello", request=sent
        )
    (thread,) = await desk.store.threads_of(OTHER)
    assert where == f"/inbox/{thread.id}"
    assert (thread.ours, thread.number) == (SECOND, SECOND)
    assert await desk.sent() == ["Hello"]


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"to": "nobody", "line": "1", "text": "Hi"}, 422, "no telephone number"),
        ({"to": OTHER, "line": "7", "text": "Hi"}, 422, "from which of your numbers"),
        ({"to": OTHER, "line": "1", "text": " "}, 422, "no text to send"),
        ({"to": NUMBER, "line": "1", "text": "Hi"}, 409, "a number of your own"),
    ],
)
async def test_a_new_conversation_that_cannot_be_keeps_what_was_typed(
    desk: Desk, fields: dict[str, str], status: int, said: str
) -> None:
    page = await desk.post("/inbox/new", status, request="a", **fields)
    assert said in page
    assert fields["to"] in unescape(page)
    assert await desk.sent() == []


async def test_nobody_who_opted_out_is_begun_a_conversation_with(desk: Desk) -> None:
    await desk.store.opt_out(OTHER, "operator anna", at(0))
    page = await desk.post("/inbox/new", 409, to=OTHER, line="1", text="Hi", request="a")
    assert "asked for no more texts" in page
    assert await desk.sent() == []


async def test_without_a_carrier_nothing_is_promised(tmp_path: Path) -> None:
    config = config_of(
        'mode = "shadow"\n' + re.sub(r'mode = "live"\n|\[\[smsc\]\]\n(\w.*\n)+', "", CONFIG)
    )
    async with console_rig.console(tmp_path, config, role="agent") as (client, backend):
        desk = Desk(client, backend)
        thread = await desk.wrote("Hello")
        assert "no carrier account" in await desk.get(f"/inbox/{thread}")
        await desk.post(f"/inbox/{thread}/reply", 409, text="Hi", request="a")
        assert await desk.sent() == []


# --- what people decide ---------------------------------------------------------------------------


async def test_done_takes_it_from_the_list_and_can_be_taken_back(desk: Desk) -> None:
    thread = await desk.wrote("Hello")
    await desk.post(f"/inbox/{thread}/done")
    assert names(await desk.get("/inbox")) == []
    await desk.post(f"/inbox/{thread}/wait")
    assert names(await desk.get("/inbox")) == ["(212) 555-0123"]
    await desk.post(f"/inbox/{thread}/read")
    await desk.post(f"/inbox/{thread}/unread")
    assert names(await desk.get("/inbox?list=unread")) == ["(212) 555-0123"]


async def test_an_action_comes_back_to_the_list_it_was_done_from(desk: Desk) -> None:
    thread = await desk.wrote("Hello")
    assert (
        await desk.post(f"/inbox/{thread}/done?list=all&line=2")
        == f"/inbox/{thread}?list=all&line=2"
    )
    where = await desk.post(f"/inbox/{thread}/done?list=all&next=https://example.net", stay="list")
    assert where == "/inbox?list=all"


async def test_staff_opt_out_a_handset_with_the_reason_on_record(desk: Desk) -> None:
    thread = await desk.wrote("Hello")
    page = await desk.post(f"/inbox/{thread}/optout", 409, reason=" ")
    assert "kept as evidence" in page
    await desk.post(f"/inbox/{thread}/optout", reason="asked on the telephone")
    assert "asked on the telephone" in await desk.store.is_out(CALLER, NUMBER)
    (evidence, *_) = await desk.store.evidence(CALLER)
    assert (evidence.by, evidence.detail) == ("operator agent", "asked on the telephone")
    await desk.post(f"/inbox/{thread}/optout", 409, reason="again")
    assert desk.kicked == 1


async def test_only_an_admin_lifts_an_opt_out(desk: Desk) -> None:
    thread = await desk.wrote("STOP")
    await desk.post(f"/inbox/{thread}/optin", 403, reason="she asked")
    desk.role = "admin"
    await desk.post(f"/inbox/{thread}/optin", reason="she asked")
    assert await desk.store.is_out(CALLER, NUMBER) == ""
    await desk.post(f"/inbox/{thread}/optin", 409, reason="she asked")


@pytest.mark.parametrize(("stop", "state"), [("yes", "wrote"), ("no", "")])
async def test_a_doubtful_text_is_decided_where_it_stands(
    desk: Desk, stop: str, state: str
) -> None:
    thread = await desk.wrote("please stop calling me all the time")
    (doubt,) = await desk.store.doubts()
    page = await desk.get("/inbox")
    assert "Was it a STOP? 1 text to decide" in page
    assert "Was it a STOP?" in await desk.get(f"/inbox/{thread}")
    await desk.post(f"/inbox/{thread}/review", incoming=str(doubt.id), stop=stop, stay="list")
    assert (await desk.store.is_out(CALLER, NUMBER)).startswith(state)
    assert await desk.store.doubts() == []
    page = await desk.post(f"/inbox/{thread}/review", 409, incoming=str(doubt.id), stop=stop)
    assert "decided this already" in page


async def test_a_doubt_is_decided_in_its_own_conversation_only(desk: Desk) -> None:
    await desk.wrote("please stop calling me all the time")
    other = await desk.wrote("Hello", OTHER)
    (doubt,) = await desk.store.doubts()
    await desk.post(f"/inbox/{other}/review", 404, incoming=str(doubt.id), stop="yes")
    await desk.post(f"/inbox/{other}/review", 400, incoming="x", stop="yes")
    assert len(await desk.store.doubts()) == 1


async def test_a_held_text_is_sent_or_given_up_by_an_admin_where_it_stands(desk: Desk) -> None:
    thread = await desk.wrote("Hello")
    rows = [
        await desk.store.reply(CALLER, "", text, by="anna", now=at(100)) for text in ("one", "two")
    ]
    await desk.store._db.write(
        lambda db: db.exec_driver_sql("UPDATE outbox SET state = 'held', reason = 'the breaker'")
    )
    assert "Send it" not in await desk.get(f"/inbox/{thread}")
    await desk.post(f"/inbox/{thread}/release", 403, row=str(rows[0].id))
    desk.role = "admin"
    page = await desk.get(f"/inbox/{thread}")
    assert "Held back" in page
    assert "Send it" in page
    other = await desk.wrote("Hello", OTHER)
    await desk.post(f"/inbox/{other}/release", 404, row=str(rows[0].id))
    await desk.post(f"/inbox/{thread}/release", row=str(rows[0].id))
    await desk.post(f"/inbox/{thread}/drop", row=str(rows[1].id))
    states = [(await desk.store.text(row.id)).state for row in rows]
    assert states == [OutboxState.QUEUED, OutboxState.DROPPED]


async def test_a_viewer_looks_and_changes_nothing(desk: Desk) -> None:
    thread = await desk.wrote("Hello")
    desk.role = "viewer"
    page = await desk.get(f"/inbox/{thread}")
    assert "<textarea" not in page
    assert "your role is viewer" in page
    await desk.get("/inbox/new", 403)
    for path in ("reply", "read", "unread", "done", "wait", "optout", "optin", "review", "drop"):
        await desk.post(f"/inbox/{thread}/{path}", 403, text="Hi", reason="x")
    assert await desk.sent() == []
    assert [one.unread for one in await desk.store.threads_of(CALLER)] == [1]


# --- searching ------------------------------------------------------------------------------------


async def test_a_search_finds_by_number_name_and_text_and_leaves_no_trace(desk: Desk) -> None:
    await desk.store.put_contact(Contact(number=CALLER, name="Ana Ruiz", source="csv"), at(0))
    await desk.wrote("The boiler leaks")
    await desk.wrote("Hello", OTHER)
    for words in ("555-0123", "ruiz", "BOILER", "(212) 555-0123"):
        page = await desk.post("/inbox/search?list=all", 200, q=words)
        assert names(page) == ["Ana Ruiz"], words
        assert "1 conversation found" in page
    assert "Nothing found" in await desk.post("/inbox/search", 200, q="zebra")
    assert await desk.post("/inbox/search?list=all", q="  ") == "/inbox?list=all"
    part = await desk.client.post(
        "/inbox/search", data={"q": "boiler", "csrf": "test-csrf"}, headers={"X-Part": "threads"}
    )
    assert "<html" not in await part.text()
