"""The page of calls and its API: what rings, what was, and no number of a caller in a URL."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from tests.fakes.store import call, fact
from tests.unit import console_rig
from textback.model import Call, Moment, Outcome, Phase, Reason, Skip
from textback.store.rows import CallFact
from textback.store.store import Store

NOW = console_rig.NOW
CALLER = "+12125550123"
HOSTILE = "</bdi><script>alert(1)</script>"

Client = TestClient[web.Request, web.Application]


async def put(store: Store, told: Call, **changes: Any) -> int:
    """A call of the main line; returns its number."""
    given = {"caller": told.caller, "number": "+12125550100", "label": "Main line"} | changes
    return (await store.record_calls([CallFact(call=told, **given)], NOW))[0].call_id


def skip(reason: Reason) -> Any:
    return lambda *_: Skip(reason=reason)


def ringing(uniqueid: str = "1700000001.1", **changes: Any) -> Call:
    """Rings for four seconds by the console's clock."""
    start = Moment(NOW - timedelta(seconds=5), 995.0)
    told = call(uniqueid, phase=Phase.RINGING, started=start, ringing=start.plus(1), **changes)
    return replace(told, at=start.plus(1))


async def page(client: Client, path: str = "/calls", **more: Any) -> str:
    response = await client.get(path, **more)
    assert response.status == 200, path
    return await response.text()


def ids(html: str) -> list[int]:
    return [int(one) for one in re.findall(r'<a class="call" href="/calls/(\d+)"', html)]


# --- ringing now ----------------------------------------------------------------------------------


async def test_a_ringing_call_has_a_card_with_a_clock_that_runs_without_a_script_too(
    tmp_path: Path,
) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        await put(backend.store, ringing(caller_name="Jane Miller"))
        html = await page(client)
        assert "Jane Miller" in html
        assert "(212) 555-0123" in html
        assert "Main line" in html
        at = int((NOW - timedelta(seconds=4) + timedelta(seconds=15)).timestamp() * 1000)
        assert f'data-at="{at}"' in html
        assert ">11</span>" in html  # seconds left
        assert "9:00:11" in html  # the time at which the text leaves
        assert ids(html) == []


async def test_an_answered_call_says_by_whom_and_has_no_clock(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        talking = ringing(trail=((2.0, "bridged with PJSIP/101"),))
        talking = replace(talking, phase=Phase.ANSWERED, answered=talking.at.plus(2))
        await put(backend.store, replace(talking, outcome=Outcome.ANSWERED))
        html = await page(client)
        assert "answered by" in html
        assert "PJSIP/101" in html
        assert "data-countdown" not in html
        assert "Nobody is ringing." in html


async def test_nobody_ringing_and_no_calls_is_said_kindly(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, _):
        html = await page(client)
        assert "Nobody is ringing." in html
        assert "No calls yet" in html


async def test_only_the_part_that_is_asked_for_is_rendered(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        await put(backend.store, ringing())
        await put(backend.store, call())
        now = await page(client, headers={"X-Part": "ringing"})
        assert "data-countdown" in now
        assert "<html" not in now
        assert ids(now) == []
        listed = await page(client, headers={"X-Part": "list"})
        assert len(ids(listed)) == 1
        assert "data-countdown" not in listed


# --- the list -------------------------------------------------------------------------------------


async def some(store: Store) -> dict[str, int]:
    """One call of each kind."""
    early = call("2.1", started=Moment(NOW - timedelta(days=3), 500.0))
    early = replace(early, ringing=early.started.plus(1), at=early.started.plus(20))
    return {
        "texted": (await store.judge(replace(fact(call("2.2")), label="Main line"), NOW)).call_id,
        "opted": await put(store, call("2.3", outcome=Outcome.BUSY), decide=skip(Reason.OPTED_OUT)),
        "answered": await put(
            store,
            call("2.4", outcome=Outcome.ANSWERED, caller="+16465550199"),
            decide=skip(Reason.ANSWERED),
        ),
        "other": await put(store, early, number="+12125550101", decide=skip(Reason.STAFF)),
    }


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", {"texted", "opted", "answered", "other"}),
        ("?show=missed", {"texted", "opted", "other"}),
        ("?show=texted", {"texted"}),
        ("?show=untexted", {"opted", "other"}),
        ("?outcome=busy", {"opted"}),
        ("?verdict=skip", {"opted", "answered", "other"}),
        ("?verdict=opted_out", {"opted"}),
        ("?number=%2B12125550101", {"other"}),
        ("?from=2026-11-23", {"texted", "opted", "answered"}),
        ("?to=2026-11-20", {"other"}),
        ("?from=2026-11-21&to=2026-11-22", set()),
        ("?direction=outbound", set()),
        ("?direction=all", {"texted", "opted", "answered", "other"}),
        # What nobody could have chosen narrows nothing.
        (
            "?outcome=moon&verdict=x&from=yesterday&direction=up",
            {"texted", "opted", "answered", "other"},
        ),
        ("?from=0001-01-01&to=9999-12-31", {"texted", "opted", "answered", "other"}),
    ],
)
async def test_the_list_is_narrowed_by(tmp_path: Path, query: str, wanted: set[str]) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        calls = await some(backend.store)
        assert set(ids(await page(client, f"/calls{query}"))) == {calls[one] for one in wanted}


async def test_rows_say_outcome_and_verdict_in_plain_words(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        await some(backend.store)
        html = await page(client)
        for words in ("Nobody answered", "Busy", "opted out", "staff", "Waiting to be sent"):
            assert words in html
        rows = "".join(re.findall(r'<a class="call".*?</a>', html, re.DOTALL))
        assert "opted_out" not in rows
        assert "no_answer" not in rows


async def test_pages_lead_to_the_end_and_each_keeps_its_filters(
    tmp_path: Path,
) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        for number in range(120):
            moment = Moment(NOW - timedelta(minutes=number), 1000.0)
            told = call(f"3.{number}", started=moment, ringing=moment, at=moment)
            await put(backend.store, told, decide=skip(Reason.STAFF))
        seen: list[int] = []
        path = "/calls?verdict=staff"
        for _ in range(5):
            html = await page(client, path)
            seen += ids(html)
            older = re.search(r'href="(/calls\?[^"]*cursor=[^"]*)" rel="next"', html)
            if older is None:
                break
            path = older.group(1).replace("&amp;", "&")
            assert "verdict=staff" in path
        assert seen == list(range(1, 121))


async def test_a_cursor_that_was_made_up_is_refused(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, _):
        for cursor in ("x", "a" * 4000, "%00"):
            assert (await client.get(f"/calls?cursor={cursor}")).status == 400


async def test_the_calls_of_one_caller_are_asked_for_in_a_body(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        calls = await some(backend.store)
        form = {"caller": "(646) 555-0199", "csrf": "test-csrf"}
        response = await client.post("/calls", data=form)
        html = await response.text()
        assert ids(html) == [calls["answered"]]
        links = re.findall(r'(?:href|action|data-src)="([^"]*)"', html)
        assert not [link for link in links if "5550199" in link]
        # A part would be asked for by the URL, which does not know the caller.
        assert 'data-live="calls"' not in html


async def test_names_of_callers_are_words_and_nothing_else(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        await put(backend.store, ringing(caller_name=HOSTILE, queue=HOSTILE))
        done = call("9.2", caller_name=HOSTILE, caller=HOSTILE)
        number = await put(backend.store, done, caller="", label=HOSTILE)
        for path in ("/calls", f"/calls/{number}"):
            html = await page(client, path)
            assert "<script>alert" not in html
            assert "&lt;script&gt;alert" in html


# --- search ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["(212) 555-0123", "2125550123", "pbx:2.2", "2.2", "0123"])
async def test_a_call_is_found_by_number_and_by_its_id(tmp_path: Path, words: str) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        calls = await some(backend.store)
        response = await client.post("/search", data={"words": words, "csrf": "test-csrf"})
        assert calls["texted"] in ids(await response.text())
        assert response.url.query_string == ""


async def test_nothing_found_and_nothing_asked_are_said(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, _):
        assert "Search everything" in await page(client, "/search")
        response = await client.post("/search", data={"words": HOSTILE, "csrf": "test-csrf"})
        html = await response.text()
        assert "Nothing found" in html
        assert "<script>alert" not in html
        blank = await client.post("/search", data={"words": "  ", "csrf": "test-csrf"})
        assert blank.status == 200


# --- the API --------------------------------------------------------------------------------------


async def api(client: Client, path: str, body: Any = None) -> Any:
    if body is None:
        response = await client.get(f"/api/v1{path}")
    else:
        response = await client.post(f"/api/v1{path}", json=body)
    assert response.status == 200, await response.text()
    return await response.json()


async def test_the_api_lists_by_filters_and_pages_by_cursor(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        calls = await some(backend.store)
        found = await api(client, "/calls?outcome=busy&outcome=answered&limit=1")
        first = found["calls"][0]
        assert found["next"]
        rest = await api(client, f"/calls?outcome=busy&outcome=answered&cursor={found['next']}")
        assert {first["id"], rest["calls"][0]["id"]} == {calls["opted"], calls["answered"]}
        assert rest["next"] == ""
        opted = await api(client, "/calls?reason=opted_out&verdict=skip")
        only = opted["calls"][0]
        assert (only["verdict"], only["reason"], only["label"]) == (
            "skip",
            "opted_out",
            "Main line",
        )


async def test_the_api_finds_the_calls_of_a_caller_in_a_body(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        calls = await some(backend.store)
        found = await api(client, "/calls/search", {"caller": "646-555-0199"})
        assert [one["id"] for one in found["calls"]] == [calls["answered"]]
        every = await api(client, "/search", {"words": "6465550199"})
        assert [one["id"] for one in every["calls"]] == [calls["answered"]]


async def test_the_api_counts_down_by_its_own_clock(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        await put(backend.store, ringing())
        found = await api(client, "/calls/living")
        assert found["now"] == "2026-11-23T14:00:00Z"
        one = found["calls"][0]
        assert (one["countdown"], one["at"]) == ("counting", "2026-11-23T14:00:11Z")
        assert one["call"]["verdict"] == "pending"


async def test_the_api_counts_nothing_down_while_somebody_talks(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        talking = ringing(trail=((2.0, "bridged with PJSIP/101"),))
        talking = replace(talking, phase=Phase.ANSWERED, answered=talking.at.plus(2))
        await put(backend.store, replace(talking, outcome=Outcome.ANSWERED))
        (one,) = (await api(client, "/calls/living"))["calls"]
        assert one["countdown"] == "answered"
        assert one["call"]["answered_by"] == "PJSIP/101"


async def test_viewers_see_calls_and_nobody_else_does(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path, role="viewer") as (client, backend):
        number = await put(backend.store, call())
        for path in ("/calls", f"/calls/{number}", "/search"):
            assert (await client.get(path)).status == 200
    async with console_rig.console(tmp_path, role="") as (client, _):
        for path in ("/calls", f"/calls/{number}", "/search"):
            assert (await client.get(path, allow_redirects=False)).status == 303
        for path in ("/calls", "/calls/living", f"/calls/{number}"):
            assert (await client.get(f"/api/v1{path}")).status == 401
