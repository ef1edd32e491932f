"""Callbacks in the console: the board, one case, what people do with it, and calls by a click."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from tests.fakes.store import CALLER, NOW, NUMBER
from tests.unit.console_rig import as_role, console
from tests.unit.test_textback_store_caseload import put
from textback.console import cases_words
from textback.console.backend import Backend
from textback.console.who import Role, Who
from textback.model import (
    CaseStage,
    Dialled,
    DialRefusal,
    DialRefusedError,
    DialStage,
    OutboxState,
    Outcome,
)
from textback.store.caseload import CaseFilter
from textback.store.store import Store

HOUR = timedelta(hours=1)
Client = TestClient[web.Request, web.Application]


@dataclass
class FakeDialler:
    why: DialRefusal | None = None
    refuses: DialRefusal | None = None
    stage: DialStage = DialStage.RINGING
    placed: list[tuple[str, str, str, str]] = field(default_factory=list)
    call: Dialled | None = None

    def refusal(self, who: Who) -> DialRefusal | None:
        return self.why

    async def dial(self, who: Who, number: str, *, name: str, ours: str) -> Dialled:
        if self.refuses is not None:
            raise DialRefusedError(self.refuses)
        self.placed.append((who.name, number, name, ours))
        self.call = Dialled(id="1", phone="PJSIP/101", number=number, stage=self.stage, at=NOW)
        return self.call

    def last(self, who: Who) -> Dialled | None:
        return self.call


async def anybody(request: web.Request) -> Who | None:
    """As in the rig, and with a phone; X-Test-Name is somebody else of the same role."""
    role = request.headers.get("X-Test-Role", "")
    if not role:
        return None
    name = request.headers.get("X-Test-Name", role)
    return Who(
        name=name, role=Role(role), session=f"of {name}", csrf="test-csrf", phone="PJSIP/101"
    )


@asynccontextmanager
async def board(
    path: Path, *rows: dict[str, Any], dialler: FakeDialler | None = None
) -> AsyncIterator[tuple[Client, Backend]]:
    made = dialler or FakeDialler()
    async with console(path, role="agent", dialler=made, identify=anybody) as (client, backend):
        await put(backend.store, *rows)
        yield client, backend


def opened(tmp_path: Path, *rows: dict[str, Any]) -> AbstractAsyncContextManager[Any]:
    return board(tmp_path, *(rows or ({},)))


async def api(client: Client, method: str, path: str, body: Any = None, **more: Any) -> Any:
    """The answer's JSON; its status is under "status" where it is none of success."""
    answer = await client.request(method, f"/api/v1{path}", json=body, **more)
    return await answer.json()


async def post(client: Client, path: str, **form: str) -> tuple[int, str]:
    """A form, as a browser sends it; the status and where it leads, or the page."""
    answer = await client.post(path, data={"csrf": "test-csrf", **form}, allow_redirects=False)
    text = answer.headers.get("Location", "") or await answer.text()
    return answer.status, text


async def page(client: Client, path: str, **headers: str) -> str:
    answer = await client.get(path, headers=headers)
    assert answer.status == 200, await answer.text()
    return await answer.text()


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


# --- the board ------------------------------------------------------------------------------------


async def test_the_board_has_the_most_urgent_column_first_and_the_longest_overdue_on_top(
    tmp_path: Path,
) -> None:
    rows = (
        {"due_at": NOW + HOUR / 5, "note": "first visit"},
        {"stage": CaseStage.REPLIED, "due_at": NOW - HOUR},
        {"stage": CaseStage.REPLIED, "due_at": NOW - 2 * HOUR, "owner": "101"},
        {"stage": CaseStage.DISMISSED, "closed_at": NOW - HOUR, "closed_by": "anna"},
    )
    async with opened(tmp_path, *rows) as (client, _backend):
        html = await page(client, "/callbacks")
    heads = re.findall(r'<h2 id="column-\w+">([^<]+)</h2>', html)
    assert heads == ["Wrote back", "Missed", "Texted", "Done"]
    assert html.index('id="case-3"') < html.index('id="case-2"') < html.index('id="case-1"')
    said = words(html)
    assert "overdue by 2 h" in said
    assert "overdue by 1 h" in said
    assert "due in 12 min" in said
    assert "2 are overdue." in said
    assert "first visit" in said
    assert "yours" in said  # 101 is the extension of the agent's phone


async def test_an_empty_board_says_what_comes_onto_it(tmp_path: Path) -> None:
    async with console(tmp_path, role="viewer") as (client, _backend):
        assert "Nobody waits for a call" in await page(client, "/callbacks")
        assert "Nobody here" in await page(client, "/callbacks?whose=mine")


async def test_the_filter_narrows_to_mine_to_nobodys_and_to_a_number(tmp_path: Path) -> None:
    rows = (
        {"owner": "agent"},
        {"owner": "101"},
        {"owner": "ben"},
        {"number": "+12125550101"},
    )
    async with opened(tmp_path, *rows) as (client, _backend):
        for query, shown in (
            ("", {1, 2, 3, 4}),
            ("?whose=mine", {1, 2}),
            ("?whose=nobody", {4}),
            ("?number=%2B12125550101", {4}),
            ("?whose=all&number=nonsense", {1, 2, 3, 4}),
            ("?stage=missed&whose=mine", {1, 2}),
            ("?stage=nonsense&cursor=", {1, 2, 3, 4}),
        ):
            html = await page(client, f"/callbacks{query}")
            found = {int(number) for number in re.findall(r'id="case-(\d+)"', html)}
            assert found == shown, query


async def test_a_stage_is_paged_through_without_gap_or_repeat(tmp_path: Path) -> None:
    rows = tuple({"due_at": NOW + timedelta(minutes=n % 7)} for n in range(120))
    async with opened(tmp_path, *rows) as (client, _backend):
        seen: list[str] = []
        path = "/callbacks?stage=missed"
        for _page in range(3):
            html = await page(client, path)
            seen += re.findall(r'id="case-(\d+)"', html)
            more = re.search(r'href="(/callbacks\?[^"]*cursor=[^"]+)"[^>]*>.*?More', html)
            if more is None:
                break
            path = more[1].replace("&amp;", "&")
        assert len(seen) == len(set(seen)) == 120
        column = await page(client, "/callbacks")
        assert len(re.findall(r'id="case-(\d+)"', column)) == 15
        assert "Show all" in column


async def test_a_cursor_of_nothing_is_refused_and_not_guessed_at(tmp_path: Path) -> None:
    async with opened(tmp_path) as (client, _backend):
        answer = await client.get("/callbacks?stage=missed&cursor=nonsense")
        assert answer.status == 400
        told = await api(client, "GET", "/cases?cursor=nonsense")
        assert (told["status"], told["code"]) == (400, "cursor")


async def test_the_navigation_counts_the_overdue(tmp_path: Path) -> None:
    rows = ({"due_at": NOW - HOUR}, {"due_at": NOW - HOUR}, {"due_at": NOW + HOUR})
    async with opened(tmp_path, *rows) as (client, _backend):
        html = await page(client, "/callbacks", **{"X-Part": "nav"})
    (entry,) = re.findall(r'<a href="/callbacks".*?</a>', html, re.DOTALL)
    assert "2 waiting" in words(entry)


async def test_a_part_is_rendered_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as (client, _backend):
        html = await page(client, "/callbacks", **{"X-Part": "board"})
        assert "<html" not in html
        assert 'id="case-1"' in html
        for part in ("state", "story"):
            html = await page(client, "/callbacks/1", **{"X-Part": part})
            assert "<html" not in html
            assert html.strip()


# --- one case -------------------------------------------------------------------------------------


async def test_a_hostile_note_and_reason_are_shown_as_text(tmp_path: Path) -> None:
    bad = '<script>alert(1)</script> "onclick=x'
    async with opened(tmp_path, {"note": bad, "owner": "<b>x"}) as (client, _backend):
        await post(client, "/callbacks/1/dismiss", reason=bad)
        for path in ("/callbacks", "/callbacks/1"):
            html = await page(client, path)
            assert "<script>alert" not in html
            assert "<b>x" not in html
        assert "&lt;script&gt;alert(1)" in await page(client, "/callbacks/1")


async def test_a_case_that_is_not_there_is_a_page_that_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as (client, _backend):
        for method, path in (("GET", "/callbacks/9"), ("POST", "/callbacks/9/take")):
            answer = await client.request(method, path, data={"csrf": "test-csrf"})
            assert answer.status == 404
            assert "There is no such case" in await answer.text()
        told = await api(client, "GET", "/cases/9")
        assert (told["status"], told["code"]) == (404, "no_case")


async def test_a_viewer_sees_a_case_and_can_do_nothing_with_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as (client, _backend):
        html = await page(client, "/callbacks/1", **as_role("viewer"))
        assert "<form" not in html.partition("<main")[2]
        for verb in ("take", "assign", "due", "note", "dismiss", "reopen", "dial"):
            answer = await client.post(
                f"/callbacks/1/{verb}", data={"csrf": "test-csrf"}, headers=as_role("viewer")
            )
            assert answer.status == 403, verb
            told = await api(client, "POST", f"/cases/1/{verb}", {}, headers=as_role("viewer"))
            assert told["status"] == 403, verb


# --- what people do -------------------------------------------------------------------------------


async def test_of_two_agents_who_take_a_case_the_second_hears_who_was_faster(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as (client, backend):
        assert await post(client, "/callbacks/1/take", was="") == (303, "/callbacks/1")
        answer = await client.post(
            "/callbacks/1/take",
            data={"csrf": "test-csrf", "was": ""},
            headers={**as_role("agent"), "X-Test-Name": "ben"},
        )
        assert answer.status == 409
        said = words(await answer.text())
        assert "Somebody else was faster: this case belongs to agent now." in said
        assert (await backend.store.case(1)).owner == "agent"
        told = await api(
            client, "POST", "/cases/1/take", {"was": ""}, headers={"X-Test-Name": "ben"}
        )
        assert (told["status"], told["code"], told["fields"]) == (409, "taken", {"owner": "agent"})


async def test_taking_from_the_board_leads_back_to_the_board(tmp_path: Path) -> None:
    async with opened(tmp_path) as (client, _backend):
        back = "/callbacks?stage=missed"
        assert await post(client, "/callbacks/1/take", was="", back=back) == (303, back)
        for other in ("//elsewhere.example", "/inbox", "https://x.example", "/callbacksx"):
            status, path = await post(client, "/callbacks/1/note", note="x", back=other)
            assert (status, path) == (303, "/callbacks/1")


async def test_a_case_is_given_to_somebody_and_put_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as (client, backend):
        await post(client, "/callbacks/1/assign", owner=" 102 ", was="")
        assert (await backend.store.case(1)).owner == "102"
        status, html = await post(client, "/callbacks/1/assign", owner="ben", was="")
        assert status == 409
        assert "belongs to 102 now" in words(html)
        await post(client, "/callbacks/1/assign", owner="", was="102")
        assert (await backend.store.case(1)).owner == ""
        status, _html = await post(client, "/callbacks/1/assign", owner="x" * 41)
        assert status == 422


@pytest.mark.parametrize(
    ("form", "due"),
    [
        ({"when": "30m"}, datetime(2026, 11, 23, 14, 30, tzinfo=UTC)),
        ({"when": "2h"}, datetime(2026, 11, 23, 16, 0, tzinfo=UTC)),
        # the business is in New York, five hours behind
        ({"when": "evening"}, datetime(2026, 11, 23, 22, 0, tzinfo=UTC)),
        ({"when": "tomorrow"}, datetime(2026, 11, 24, 14, 0, tzinfo=UTC)),
        ({"when": "at", "at": "2026-11-25T15:30"}, datetime(2026, 11, 25, 20, 30, tzinfo=UTC)),
        ({"at": "2027-06-01T09:00"}, datetime(2027, 6, 1, 13, 0, tzinfo=UTC)),
        ({"when": "none"}, None),
    ],
)
async def test_a_due_time_is_set_by_the_clock_of_the_business(
    tmp_path: Path, form: dict[str, str], due: datetime | None
) -> None:
    async with opened(tmp_path, {"due_at": NOW}) as (client, backend):
        assert (await post(client, "/callbacks/1/due", **form))[0] == 303
        assert (await backend.store.case(1)).due == due


@pytest.mark.parametrize(
    "given", ["", "tomorrow", "2026-11-23T08:59", "9999-12-31T23:59", "2026-13-01T10:00"]
)
async def test_a_due_time_that_is_none_or_over_is_refused_and_stays_in_the_form(
    tmp_path: Path, given: str
) -> None:
    async with opened(tmp_path) as (client, backend):
        status, html = await post(client, "/callbacks/1/due", when="at", at=given)
        assert status == 422
        assert f'value="{given}"' in html
        assert (await backend.store.case(1)).due is None


async def test_a_note_a_dismissal_and_a_second_thought_are_told_in_the_story(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as (client, backend):
        await post(client, "/callbacks/1/note", note="wants   Tuesday")
        await post(client, "/callbacks/1/due", when="30m")
        await post(client, "/callbacks/1/dismiss", reason="a sales call")
        assert (await backend.store.case(1)).stage is CaseStage.DISMISSED
        closed = words(await page(client, "/callbacks/1"))
        assert "agent noted: wants Tuesday" in closed
        assert "agent wants it called back by 9:30" in closed
        assert "agent dismissed it: a sales call" in closed
        assert await post(client, "/callbacks/1/reopen") == (303, "/callbacks/1")
        assert (await backend.store.case(1)).stage is CaseStage.MISSED
        assert "agent opened it again" in words(await page(client, "/callbacks/1"))


async def test_what_cannot_be_done_now_is_said_and_what_was_typed_is_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as (client, backend):
        status, html = await post(client, "/callbacks/1/note", note="x" * 1001)
        assert status == 422
        assert "x" * 1001 in html
        status, html = await post(client, "/callbacks/1/reopen")
        assert (status, "This case is open already." in words(html)) == (409, True)
        await backend.store.dismiss_case(1, reason="", by="ben", now=NOW)
        for verb in ("take", "due", "dismiss"):
            status, html = await post(client, f"/callbacks/1/{verb}", when="30m")
            assert status == 409, verb
            assert "This case is closed. Reopen it first." in words(html)


async def test_an_action_is_audited_and_the_other_tabs_hear_of_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as (client, backend):
        listener = backend.feed.listen()
        await api(client, "POST", "/cases/1/note", {"note": "hers"})
        assert "cases" in await listener.next()
        entries = await backend.store.audited(limit=5)
    assert [(e.action, e.subject) for e in entries] == [("case.note", "case 1")]
    assert "hers" not in str(entries)


async def test_an_action_wakes_who_tells_of_what_is_overdue(tmp_path: Path) -> None:
    async with opened(tmp_path) as (client, backend):
        kicks: list[int] = []
        backend.kick = lambda: kicks.append(1)
        await api(client, "POST", "/cases/1/due", {"due": "2030-01-01T00:00:00Z"})
        assert kicks == [1]


async def test_the_address_of_a_form_leads_to_the_case(tmp_path: Path) -> None:
    async with opened(tmp_path) as (client, _backend):
        answer = await client.get("/callbacks/1/dial", allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/callbacks/1")


# --- the API --------------------------------------------------------------------------------------


async def test_the_api_lists_counts_and_tells(tmp_path: Path) -> None:
    rows = (
        {"due_at": NOW - HOUR, "owner": "101", "caller": CALLER},
        {"due_at": NOW + HOUR},
        {"stage": CaseStage.REPLIED},
    )
    async with opened(tmp_path, *rows) as (client, _backend):
        listed = await api(client, "GET", "/cases?limit=2")
        assert [case["id"] for case in listed["cases"]] == [1, 2]
        first = listed["cases"][0]
        assert (first["overdue"], first["mine"], first["label"]) == (True, True, "Main line")
        assert (first["caller"], first["number"], first["open"]) == (CALLER, NUMBER, True)
        rest = await api(client, "GET", f"/cases?limit=2&cursor={listed['next']}")
        assert ([case["id"] for case in rest["cases"]], rest["next"]) == ([3], "")
        late = await api(client, "GET", "/cases?overdue=true")
        assert [case["id"] for case in late["cases"]] == [1]
        of = await api(client, "GET", "/cases?whose=of&owner=101")
        assert [case["id"] for case in of["cases"]] == [1]
        counted = await api(client, "GET", "/cases/board")
        assert [(c["stage"], c["cases"], c["overdue"]) for c in counted["columns"]] == [
            ("missed", 2, 1),
            ("texted", 0, 0),
            ("replied", 1, 0),
        ]
        told = await api(client, "GET", "/cases/1")
        assert (told["case"], told["thread"], told["story"]) == (first, None, [])


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("due", {"due": "2026-11-24T15:00:00"}, "due"),
        ("due", {"due": "9999-12-31T23:59:59-05:00"}, "due"),
        ("note", {"note": "x" * 1001}, "note"),
        ("assign", {"owner": "a\u001b[31m"}, "owner"),
        ("take", {"was": 7}, "was"),
    ],
)
async def test_the_api_says_which_field_is_wrong(
    tmp_path: Path, path: str, body: Any, field: str
) -> None:
    async with opened(tmp_path) as (client, _backend):
        told = await api(client, "POST", f"/cases/1/{path}", body)
        assert told["status"] == 422
        assert field in told["fields"]


async def test_the_api_changes_a_case(tmp_path: Path) -> None:
    async with opened(tmp_path) as (client, backend):
        due = await api(client, "POST", "/cases/1/due", {"due": "2026-11-24T15:00:00-05:00"})
        assert due["due"] == "2026-11-24T20:00:00Z"
        assert (await api(client, "POST", "/cases/1/due", {"due": None}))["due"] is None
        assert (await api(client, "POST", "/cases/1/take", {}))["mine"] is True
        given = await api(client, "POST", "/cases/1/assign", {"owner": "ben"})
        assert (given["owner"], given["mine"]) == ("ben", False)
        done = await api(client, "POST", "/cases/1/dismiss", {"reason": "spam"})
        assert (done["open"], done["stage"], done["closed_by"]) == (False, "dismissed", "agent")
        assert (await api(client, "POST", "/cases/1/reopen"))["open"] is True
        assert (await backend.store.cases(CaseFilter()))[0].owner == "ben"


async def test_a_case_of_ones_desk_phone_is_ones_own(tmp_path: Path) -> None:
    """Who takes cases at the telephone is known there by an extension."""
    rows = ({"owner": "agent"}, {"owner": "101"}, {"owner": "102"}, {})
    async with opened(tmp_path, *rows) as (client, _backend):
        found = (await api(client, "GET", "/cases"))["cases"]
        assert {one["owner"]: one["mine"] for one in found} == {
            "agent": True,
            "101": True,
            "102": False,
            "": False,
        }


async def test_closed_cases_are_those_of_the_last_month(tmp_path: Path) -> None:
    now = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
    closed = {"stage": CaseStage.DISMISSED, "closed_by": "anna"}
    rows = (
        closed | {"closed_at": now - timedelta(days=1)},
        closed | {"closed_at": now - timedelta(days=40)},
        closed | {"closed_at": now - timedelta(days=30)},
        {},
    )
    async with opened(tmp_path, *rows) as (client, _backend):
        found = (await api(client, "GET", "/cases?stage=closed"))["cases"]
        assert [one["id"] for one in found] == [1, 3]


# --- calls by a click -----------------------------------------------------------------------------


async def test_a_click_calls_the_number_of_the_case_and_nothing_a_browser_says(
    tmp_path: Path,
) -> None:
    dialler = FakeDialler()
    async with board(tmp_path, {"caller": CALLER}, dialler=dialler) as (client, backend):
        told = await api(client, "POST", "/cases/1/dial")
        assert (told["stage"], told["over"], told["phone"]) == ("ringing", False, "PJSIP/101")
        form = {"number": "+19005550123", "exten": "666", "phone": "PJSIP/102"}
        assert await post(client, "/callbacks/1/dial", **form) == (303, "/callbacks/1")
        assert dialler.placed == [("agent", CALLER, "", NUMBER)] * 2
        html = await page(client, "/callbacks/1")
        assert "Your phone is ringing." in words(html)
        assert "agent called by a click" in words(html)
        entries = await backend.store.audited(limit=5)
    assert {(e.action, e.subject) for e in entries} == {("dial", "case 1")}


async def test_a_click_that_calls_nobody_is_in_the_audit_log_and_not_in_the_story(
    tmp_path: Path,
) -> None:
    dialler = FakeDialler(refuses=DialRefusal.TOO_MANY)
    async with board(tmp_path, {}, dialler=dialler) as (client, backend):
        assert (await api(client, "POST", "/cases/1/dial"))["status"] == 429
        (entry,) = await backend.store.audited(limit=5)
        assert (entry.action, entry.subject) == ("dial.refused", "case 1")
        assert entry.detail == "reason=too_many"
        assert not (await backend.store.case_file(1)).entries


async def test_a_call_to_somebody_else_is_not_told_on_this_case(tmp_path: Path) -> None:
    dialler = FakeDialler()
    async with board(tmp_path, {}, {}, dialler=dialler) as (client, _backend):
        await api(client, "POST", "/cases/1/dial")
        assert (await api(client, "GET", "/cases/1/dial"))["call"]["stage"] == "ringing"
        assert (await api(client, "GET", "/cases/2/dial"))["call"] is None


@pytest.mark.parametrize("why", list(DialRefusal))
async def test_every_reason_not_to_call_has_its_words_and_takes_the_button_away(
    tmp_path: Path, why: DialRefusal
) -> None:
    dialler = FakeDialler(why=why, refuses=why)
    async with board(tmp_path, {}, dialler=dialler) as (client, _backend):
        for path in ("/callbacks", "/callbacks/1"):
            assert "dial" not in re.findall(r'id="(dial)[^"]*"', await page(client, path))
        told = await api(client, "GET", "/cases/1/dial")
        assert (told["possible"], told["code"]) == (False, why.value)
        assert told["says"] == cases_words.refusal(why)
        answer = await client.post("/api/v1/cases/1/dial")
        said = await answer.json()
        assert (answer.status, said["code"]) == (
            {DialRefusal.DOWN: 503, DialRefusal.TOO_MANY: 429}.get(why, 409),
            f"dial_{why.value}",
        )
        assert ("Retry-After" in answer.headers) is (why is DialRefusal.TOO_MANY)
        status, html = await post(client, "/callbacks/1/dial")
        assert status == answer.status
        assert cases_words.refusal(why) in html.replace("&#39;", "'")


async def test_where_it_works_the_button_is_there(tmp_path: Path) -> None:
    async with opened(tmp_path) as (client, _backend):
        assert 'id="dial-1"' in await page(client, "/callbacks")
        html = await page(client, "/callbacks/1")
        assert 'id="dial"' in html
        assert "Your phone PJSIP/101 rings first." in words(html)


@pytest.mark.parametrize("stage", list(DialStage))
async def test_every_stage_of_a_call_is_told_in_words(tmp_path: Path, stage: DialStage) -> None:
    dialler = FakeDialler(stage=stage)
    async with board(tmp_path, {}, dialler=dialler) as (client, _backend):
        told = await api(client, "POST", "/cases/1/dial")
        assert (told["stage"], told["over"]) == (stage.value, stage.is_final)
        assert dialler.call is not None
        assert told["says"] == cases_words.dial(dialler.call)
        html = await page(client, "/callbacks/1")
        assert told["says"] in html.replace("&#39;", "'")


def test_every_stage_outcome_and_state_has_its_word() -> None:
    for stage in CaseStage:
        assert cases_words.stage(stage)
    for outcome in Outcome:
        assert cases_words.outcome(outcome)
    for state in OutboxState:
        assert cases_words.state(state)


async def test_the_story_is_told_from_the_log(tmp_path: Path) -> None:
    """What people did on the command line reads as what they did here."""
    async with opened(tmp_path) as (client, backend):
        store: Store = backend.store
        by = "operator priya"
        await store.assign_case(1, "priya", by=by, now=NOW)
        await store.assign_case(1, "101", by=by, now=NOW)
        await store.assign_case(1, "", by=by, now=NOW)
        await store.set_case_due(1, NOW + HOUR, by=by, now=NOW)
        await store.set_case_due(1, None, by=by, now=NOW)
        said = words(await page(client, "/callbacks/1"))
    for words_of_it in (
        "priya took it",
        "priya gave it to 101",
        "priya put it back",
        "priya wants it called back by 10:00",
        "priya took its time away",
    ):
        assert words_of_it in said, words_of_it
