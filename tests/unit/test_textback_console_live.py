"""The stream of what changed: who may listen, how it ends, and who is too slow for it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from tests.unit import console_rig
from textback.console import live
from textback.console.feed import EVERYTHING, Feed, Listener
from textback.console.who import Role, Who
from textback.console_feed import FeedObserver
from textback.model import Direction, OutboxState, Phase, Reason, ReceiptState
from textback.store.errors import StoreUnavailableError


class Stream:
    """Reads server-sent events."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response

    async def event(self) -> dict[str, str]:
        """The next one; {} at the end of the stream."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(20):
            while line := (await self.response.content.readline()).decode():
                if line == "\n":
                    if "event" in fields or "comment" in fields:
                        return fields
                    continue
                name, _, value = line.rstrip("\n").partition(": ")
                fields[name or "comment"] = value
        return {}


async def opened(client: TestClient[web.Request, web.Application], **more: Any) -> Stream:
    response = await client.get("/live", **more)
    assert response.status == 200
    assert response.content_type == "text/event-stream"
    return Stream(response)


async def test_it_says_hello_with_the_tick_and_then_what_changed(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        backend.feed.say("calls")
        stream = await opened(client)
        hello = await stream.event()
        assert hello["event"] == "hello"
        assert hello["data"] == str(backend.feed.tick)
        backend.feed.say("calls", "inbox")
        told = await stream.event()
        assert (told["event"], told["data"]) == ("topics", "calls inbox")
        assert told["id"] == str(backend.feed.tick)
        assert stream.response.headers["Cache-Control"] == "no-store"
        stream.response.close()


async def test_nobody_listens_without_signing_in(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path, role="") as (client, backend):
        response = await client.get("/live", allow_redirects=False)
        assert response.status == 401
        assert len(backend.feed) == 0


async def test_of_too_many_streams_of_a_session_the_oldest_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_OF_ONE", 2)
    async with console_rig.console(tmp_path) as (client, backend):
        other = await opened(client, headers=console_rig.as_role("viewer"))
        streams = [await opened(client) for _ in range(3)]
        for stream in (other, *streams):
            assert (await stream.event())["event"] == "hello"
        assert (await streams[0].event())["event"] == "crowded"
        assert await streams[0].event() == {}
        backend.feed.say("calls")
        for stream in (other, *streams[1:]):
            assert (await stream.event())["data"] == "calls"
            stream.response.close()


async def test_a_tab_that_was_closed_is_missed_without_anything_being_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LOOK", 0.02)
    gone = asyncio.Event()
    async with console_rig.console(tmp_path) as (client, backend):
        leave = backend.feed.leave

        def left(listener: Listener) -> None:
            leave(listener)
            gone.set()

        monkeypatch.setattr(backend.feed, "leave", left)
        stream = await opened(client)
        await stream.event()
        stream.response.close()
        async with asyncio.timeout(20):
            await gone.wait()
        assert len(backend.feed) == 0


async def test_a_session_that_ended_elsewhere_hears_nothing_more_after_a_kick(
    tmp_path: Path,
) -> None:
    alive = True

    async def identify(_: web.Request) -> Who | None:
        return Who(name="jane", role=Role.AGENT, session="1") if alive else None

    async with console_rig.console(tmp_path, identify=identify) as (client, backend):
        stream = await opened(client)
        await stream.event()
        backend.feed.say(EVERYTHING)
        assert (await stream.event())["data"] == EVERYTHING
        alive = False
        backend.feed.say(EVERYTHING)
        assert await stream.event() == {}


async def test_all_together_have_so_many_streams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST", 1)
    async with console_rig.console(tmp_path) as (client, _):
        stream = await opened(client)
        response = await client.get("/live", headers=console_rig.as_role("viewer"))
        assert response.status == 429
        stream.response.close()


async def test_it_ends_when_the_session_is_ended(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        stream = await opened(client)
        await stream.event()
        backend.feed.end("session of admin")
        assert await stream.event() == {}
        assert len(backend.feed) == 0


async def test_it_ends_within_a_beat_when_the_session_is_not_there_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "BEAT", 0.02)
    alive = True

    async def identify(_: web.Request) -> Who | None:
        return Who(name="jane", role=Role.AGENT, session="1") if alive else None

    async with console_rig.console(tmp_path, identify=identify) as (client, backend):
        stream = await opened(client)
        assert (await stream.event())["event"] == "hello"
        assert (await stream.event())["event"] == "here"
        alive = False
        while said := await stream.event():
            assert said["event"] == "here"
        assert len(backend.feed) == 0


async def test_a_store_that_does_not_answer_does_not_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "BEAT", 0.02)
    asked = 0

    async def identify(_: web.Request) -> Who | None:
        nonlocal asked
        asked += 1
        if asked in (2, 3):
            raise StoreUnavailableError("disk I/O error")
        return Who(name="jane", role=Role.AGENT, session="1")

    async with console_rig.console(tmp_path, identify=identify) as (client, backend):
        stream = await opened(client)
        assert (await stream.event())["event"] == "hello"
        while asked < 5:
            assert (await stream.event())["event"] == "here"
        backend.feed.say("calls")
        while (told := await stream.event())["event"] == "here":
            pass
        assert told["data"] == "calls"


async def test_the_service_does_not_wait_for_streams_when_it_stops(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        stream = await opened(client)
        await stream.event()
        backend.feed.close()
        assert await stream.event() == {}


async def test_a_tab_that_reads_nothing_is_cut_off_and_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PATIENCE", 0.05)
    gone = asyncio.Event()

    async def never(self: web.StreamResponse, data: Any) -> None:
        if b"topics" in data:
            await asyncio.Event().wait()
        await write(self, data)

    write = web.StreamResponse.write
    monkeypatch.setattr(web.StreamResponse, "write", never)
    async with console_rig.console(tmp_path) as (client, backend):
        leave = backend.feed.leave

        def left(listener: Listener) -> None:
            leave(listener)
            gone.set()

        monkeypatch.setattr(backend.feed, "leave", left)
        stream = await opened(client)
        await stream.event()
        backend.feed.say("calls")
        async with asyncio.timeout(20):
            await gone.wait()
        assert len(backend.feed) == 0
        stream.response.close()


# --- who feeds it ---------------------------------------------------------------------------------


class Heard(Feed):
    def __init__(self) -> None:
        super().__init__()
        self.topics: list[str] = []

    def say(self, *topics: str) -> None:
        self.topics += topics


def test_what_the_parts_report_is_said_to_those_whom_it_concerns() -> None:
    from tests.fakes.store import call

    heard = Heard()
    observer = FeedObserver(heard)
    observer.call(call(phase=Phase.RINGING))
    observer.call(call(phase=Phase.STARTED, direction=Direction.OUTBOUND))
    observer.verdict(Reason.SEND)
    assert heard.topics == ["calls", "calls"]
    heard.topics.clear()
    observer.state(OutboxState.DELIVERED)
    observer.submission("main", "accepted")
    observer.receipt(ReceiptState.DELIVERED, False)
    assert heard.topics == ["calls", "inbox"] * 2
    heard.topics.clear()
    observer.reply()
    assert set(heard.topics) == {"inbox", "cases", "calls"}
    observer.held("breaker")
    assert "health" in heard.topics
