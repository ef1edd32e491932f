"""A webhook's other side, as kind or as broken as a test wants."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import deque
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

PATIENCE = 15.0


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.content)
        return found

    @property
    def id(self) -> str:
        return str(self.body["id"])


class Receiver:
    """Answers 200 until told otherwise; `answers` are used up one by one, the last stays.

    An answer is a status, a response, "hang", "reset", "garbage" or "half".
    """

    def __init__(self, *answers: Any, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.answers: deque[Any] = deque(answers or [200])
        self.got: list[Got] = []
        self.port = port
        self._tls = tls
        self._news = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self._release = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/hook?key=hidden"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._take)
        self._release.clear()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, "127.0.0.1", self.port, ssl_context=self._tls, reuse_address=True
        )
        await site.start()
        assert site._server is not None
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]

    async def stop(self) -> None:
        self._release.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.StreamResponse:
        got = Got(dict(request.headers), await request.read())
        answer = self.answers[0]
        if len(self.answers) > 1:
            self.answers.popleft()
        self.got.append(got)
        async with self._news:
            self._news.notify_all()
        if isinstance(answer, int):
            return web.Response(status=answer)
        if isinstance(answer, web.Response):
            return answer
        if answer == "hang":
            await self._release.wait()
        if request.transport is None:  # it has waited for long enough
            return web.Response()
        if answer == "garbage":
            request.transport.write(b"\x00\xffSSH-2.0-nothing\r\n" * 50)
        if answer == "half":
            request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        request.transport.abort() if answer == "reset" else request.transport.close()
        return web.Response()

    async def until(self, count: int) -> list[Got]:
        """So many requests have come."""
        async with self._news:
            async with asyncio.timeout(PATIENCE):
                await self._news.wait_for(lambda: len(self.got) >= count)
        return list(self.got)
