"""The page of calls follows the PBX: a call rings, counts down, is texted, and is told of."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.daemon_rig import CALLER, PATIENCE, Rig, rig


class Console:
    """A program that listens, and asks again whenever it is told to."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session, self.url = session, url
        self.heard: list[str] = []
        self._news = asyncio.Event()
        self._over = asyncio.Event()

    async def listen(self) -> None:
        async with self.session.get(f"{self.url}/live") as response:
            assert response.status == 200
            async for line in response.content:
                name, _, value = line.decode().strip().partition(": ")
                if name == "data":
                    self.heard.append(value)
                    self._news.set()
        self._over.set()

    async def ended(self) -> None:
        """The service has closed the stream."""
        async with asyncio.timeout(PATIENCE):
            await self._over.wait()

    async def get(self, path: str) -> Any:
        async with self.session.get(f"{self.url}/api/v1{path}") as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def until(self, path: str, true: Any) -> Any:
        """What `path` says, once it is so: asked at first, then only when something was said."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self._news.clear()
                said = await self.get(path)
                if true(said):
                    return said
                await self._news.wait()


@asynccontextmanager
async def console(made: Rig) -> AsyncIterator[Console]:
    code, out, err = await made.cli("token", "add", "test")
    assert code == 0, err
    token = next(word for word in out.split() if len(word) > 30)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        listening = Console(session, made.url)
        task = asyncio.create_task(listening.listen(), name="live")
        try:
            async with asyncio.timeout(PATIENCE):
                await listening._news.wait()
            yield listening
        finally:
            task.cancel()
            await asyncio.wait([task])


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        made.configure()
        yield await made.start()


def one(said: Any) -> Any:
    return said["calls"][0] if said["calls"] else None


async def test_a_call_rings_counts_down_and_is_texted_before_the_eyes_of_who_listens(
    running: Rig,
) -> None:
    async with console(running) as page:
        assert (await page.get("/calls/living"))["calls"] == []
        running.ring("1700000000.1")
        rings = await page.until("/calls/living", one)
        call = one(rings)
        assert call["call"]["caller"] == CALLER
        assert call["call"]["label"] == "Front desk"
        first, leaves = call["call"]["ringing"], call["at"]
        assert call["countdown"] in ("counting", "told")
        if call["countdown"] == "counting":
            wait = datetime.fromisoformat(leaves) - datetime.fromisoformat(first)
            assert wait.total_seconds() == 1.0  # ring_timeout

        def texted(said: Any) -> bool:
            return bool(one(said)["call"]["text_state"])

        told = await page.until("/calls/living", texted)
        assert one(told)["countdown"] == "told"
        assert one(told)["call"]["reason"] == "send"
        assert (await running.text()).to == CALLER
        number = one(told)["call"]["id"]
        await page.until(f"/calls/{number}", lambda s: s["text"]["state"] == "delivered")
        running.hang_up("1700000000.1")
        listed = await page.until("/calls", one)
        assert one(listed)["outcome"] == "no_answer"
        assert (await page.get("/calls/living"))["calls"] == []
        why = await page.get(f"/calls/{number}")
        assert why["verdict"] == "send"
        assert len(why["gates"]) > 25
        # Words, never a number or a text.
        assert "555" not in " ".join(page.heard[1:])


async def test_what_the_command_line_does_is_told_too_and_a_stop_waits_for_no_stream(
    running: Rig,
) -> None:
    async with console(running) as page:
        code, _, err = await running.cli("optout", "add", "+12125550177")
        assert code == 0, err
        async with asyncio.timeout(PATIENCE):
            while "*" not in page.heard:
                page._news.clear()
                await page._news.wait()
        running.signal(signal.SIGTERM)
        assert await running.ended() == 0
        assert not [e for e in running.logged if e["event"] in ("console_failed", "task_died")]


async def test_a_token_that_is_revoked_hears_nothing_more(running: Rig) -> None:
    async with console(running) as page:
        code, _, err = await running.cli("token", "revoke", "test")
        assert code == 0, err
        # At once when the service is kicked, else with the next beat.
        await page.ended()
