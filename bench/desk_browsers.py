"""Browsers with the inbox open, as static/live.js behaves, in a process of their own.

`python -m bench.desk_browsers URL COOKIE...` opens one tab for each cookie (a signed-in session),
prints a line when all of them listen, and when its stdin closes one with what they asked for.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import aiohttp

PAGE = "/inbox"
#: live.js: seconds between two fetches of a part, and at least before one.
GAP, LEAST = 0.3, 0.02


@dataclass
class Asked:
    """What all tabs asked for."""

    parts: int = 0
    changed: int = 0
    bytes: int = 0
    took: list[float] = field(default_factory=list)  #: milliseconds
    events: int = 0
    failed: int = 0


class Part:
    """One part of a page, as `fetchPart` and `refreshPart` have it."""

    def __init__(self, tab: Tab, name: str, topics: frozenset[str]) -> None:
        self.tab, self.name, self.topics = tab, name, topics
        self.timer: asyncio.TimerHandle | None = None
        self.busy = self.again = False
        self.last = float("-inf")
        self.html = ""

    def refresh(self) -> None:
        if self.busy:
            self.again = True
        elif self.timer is None:
            wait = max(LEAST, self.last + GAP - time.monotonic())
            self.timer = asyncio.get_running_loop().call_later(wait, self._due)

    def _due(self) -> None:
        self.timer = None
        self.tab.begin(self.fetch())

    async def fetch(self) -> None:
        self.busy, self.last = True, time.monotonic()
        asked = self.tab.asked
        async with self.tab.session.get(PAGE, headers={"X-Part": self.name}) as answer:
            html = await answer.text()
            asked.failed += answer.status != 200
        asked.took.append((time.monotonic() - self.last) * 1000)
        asked.parts += 1
        asked.bytes += len(html)
        asked.changed += html != self.html
        self.html, self.busy = html, False
        if self.again:
            self.again = False
            self.refresh()


class Tab:
    def __init__(self, session: aiohttp.ClientSession, asked: Asked) -> None:
        self.session, self.asked = session, asked
        self.parts: list[Part] = []
        self.listens = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="part")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for part in self.parts:
            if part.timer is not None:
                part.timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.session.close()

    async def run(self) -> None:
        async with self.session.get(PAGE) as answer:
            html = await answer.text()
        for tag in re.findall(r"<\w+[^>]*data-part=[^>]*>", html):
            live = re.search(r'data-live="([^"]*)"', tag)
            name = re.search(r'data-part="([^"]*)"', tag)
            if live and name:
                self.parts.append(Part(self, name[1], frozenset(live[1].split())))
        assert self.parts, f"no live part in {html[:300]}"
        async with self.session.get("/live") as stream:
            self.listens.set()
            kind = ""
            async for line in stream.content:
                if line.startswith(b"event: "):
                    kind = line[7:].strip().decode()
                elif line.startswith(b"data: ") and kind == "topics":
                    self.asked.events += 1
                    self._heard(set(line[6:].decode().split()))

    def _heard(self, topics: set[str]) -> None:
        for part in self.parts:
            if "*" in topics or part.topics & topics:
                part.refresh()


async def main() -> None:
    url, *cookies = sys.argv[1:]
    asked = Asked()
    sessions = [
        aiohttp.ClientSession(url, headers={"Cookie": one, "Accept-Encoding": "identity"})
        for one in cookies
    ]
    tabs = [Tab(session, asked) for session in sessions]
    running = [asyncio.create_task(tab.run(), name="tab") for tab in tabs]
    await asyncio.gather(*(tab.listens.wait() for tab in tabs))
    print(json.dumps({"parts": [part.name for part in tabs[0].parts]}), flush=True)
    loop = asyncio.get_running_loop()
    stdin = loop.run_in_executor(None, sys.stdin.read)
    await asyncio.wait([stdin, *running], return_when=asyncio.FIRST_COMPLETED)
    ended = [task for task in running if task.done()]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for tab in tabs:
        await tab.close()
    print(json.dumps({**vars(asked), "ended": len(ended)}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
