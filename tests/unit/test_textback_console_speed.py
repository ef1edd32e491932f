"""What pages cost: numbers beside the navigation only where they are shown, parts one by one."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path

import jinja2
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from tests.unit.console_rig import console
from textback.console import api, api_pages, app, i18n, ready, render
from textback.console.ctx import Ctx


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths for which numbers were counted."""
    found: list[str] = []

    async def count(ctx: Ctx) -> int:
        found.append(ctx.request.path)
        return 0

    monkeypatch.setattr(app, "COUNTS", {"/inbox": count})
    return found


async def test_numbers_are_counted_for_a_page_and_for_the_navigation(
    tmp_path: Path, counted: list[str]
) -> None:
    async with console(tmp_path) as (client, _):
        assert (await client.get("/inbox")).status == 200
        assert counted == ["/inbox"]
        assert (await client.get("/inbox", headers={"X-Part": "nav"})).status == 200
        assert counted == ["/inbox"] * 2


@pytest.mark.parametrize(("path", "part"), [("/inbox", "threads"), ("/calls", "ringing")])
async def test_no_number_is_counted_for_a_part_that_shows_none(
    tmp_path: Path, counted: list[str], path: str, part: str
) -> None:
    async with console(tmp_path) as (client, _):
        assert (await client.get(path, headers={"X-Part": part})).status == 200
    assert counted == []


async def test_parts_are_made_one_after_the_other_and_a_page_does_not_wait_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, most, go = 0, 0, asyncio.Event()

    async def count(ctx: Ctx) -> int:
        nonlocal at_work, most
        if ctx.request.headers.get(render.PART):
            at_work += 1
            most = max(most, at_work)
            await go.wait()
            at_work -= 1
        return 0

    monkeypatch.setattr(app, "COUNTS", {"/inbox": count})
    async with console(tmp_path) as (client, _):
        asked = [
            asyncio.create_task(client.get("/inbox", headers={"X-Part": "nav"})) for _ in range(4)
        ]
        # Comes through while the parts stand in line.
        assert (await client.get("/inbox")).status == 200
        go.set()
        assert [answer.status for answer in await asyncio.gather(*asked)] == [200] * 4
    assert most == 1


async def test_a_part_that_hangs_does_not_keep_back_the_others_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, go = asyncio.Event(), asyncio.Event()

    async def count(_ctx: Ctx) -> int:
        if not hangs.is_set():
            hangs.set()
            await go.wait()
        return 0

    monkeypatch.setattr(app, "COUNTS", {"/inbox": count})
    monkeypatch.setattr(app, "_TURN", 0.01)
    async with console(tmp_path) as (client, _):
        first = asyncio.create_task(client.get("/inbox", headers={"X-Part": "nav"}))
        await hangs.wait()
        async with asyncio.timeout(20):
            for _turn in range(2):
                answer = await client.get("/inbox", headers={"X-Part": "nav"})
                assert answer.status == 200
        assert not first.done()
        go.set()
        assert (await first).status == 200


async def test_a_part_that_fails_lets_the_next_one_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def count(_ctx: Ctx) -> int:
        raise web.HTTPNotFound

    monkeypatch.setattr(app, "COUNTS", {"/inbox": count})
    async with console(tmp_path) as (client, _):
        for _turn in range(2):
            answer = await client.get("/inbox", headers={"X-Part": "nav"})
            assert answer.status == 404


async def test_all_templates_languages_and_the_api_are_made_before_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in (render.environment, i18n.catalogue, api_pages._reference, api_pages._text):
        one.cache_clear()
    monkeypatch.setattr(ready, "AFTER", 0.0)
    made, make_ready = asyncio.Event(), ready.make_ready

    async def told(table: tuple[api.Endpoint, ...]) -> None:
        await make_ready(table)
        made.set()

    monkeypatch.setattr(ready, "make_ready", told)
    async with console(tmp_path), asyncio.timeout(60):
        await made.wait()
        environment = render.environment()
        assert environment.cache is not None
        assert len(environment.cache) == len(environment.list_templates())
        assert i18n.catalogue.cache_info().currsize == len(i18n.LANGUAGES)
        assert api_pages._reference.cache_info().currsize == 1
        assert api_pages._text.cache_info().currsize == 1


async def test_a_console_that_stops_at_once_does_not_wait_for_its_templates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready, "AFTER", 3600.0)
    async with asyncio.timeout(60), console(tmp_path) as (client, _):
        assert (await client.get("/login")).status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        jinja2.TemplateSyntaxError("unexpected end", 7),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        pickle.UnpicklingError("pickle data was truncated"),
    ],
    ids=lambda wrong: type(wrong).__name__,
)
async def test_a_template_that_is_broken_is_told_and_keeps_nobody_from_starting(
    monkeypatch: pytest.MonkeyPatch, wrong: Exception
) -> None:
    class Broken:
        def list_templates(self) -> list[str]:
            raise wrong

    monkeypatch.setattr(ready.render, "environment", Broken)
    monkeypatch.setattr(ready, "AFTER", 0.0)
    with capture_logs() as logged:
        await ready.make_ready(app.ENDPOINTS)
    assert [(one["event"], one["log_level"]) for one in logged] == [
        ("console_not_ready", "warning")
    ]
