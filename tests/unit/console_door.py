"""A console with its real door: users who sign in, tokens, a clock that is turned by hand."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, CookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher

from tests.unit.console_rig import CONFIG, backend, config_of
from textback.config import Config
from textback.console import cookies
from textback.console.app import build_app
from textback.console.auth import TOKEN_MARK
from textback.console.backend import Backend
from textback.console.gate import Gate
from textback.console.passwords import Passwords
from textback.store import tokens, users
from textback.store.store import Store

NOON = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
#: Of one's own account: what anybody who signed in may change.
CHANGE = {"language": "de", "theme": "dark"}
#: As quick as argon2 can be: what is tested is not how slow it is.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
Client = TestClient[web.Request, web.Application]


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Door:
    """One console, and all that a test does to it."""

    server: TestServer
    backend: Backend
    clock: Clock
    clients: list[Client] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return self.backend.store

    async def client(self, **headers: str) -> Client:
        """A browser of its own, with cookies of its own."""
        made: Client = TestClient(
            self.server, headers=headers, cookie_jar=CookieJar(unsafe=True, quote_cookie=False)
        )
        self.clients.append(made)
        return made

    async def user(self, name: str, role: str = "agent", password: str = PASSWORD) -> None:
        made = self.backend.gate.passwords.hash(password) if password else ""
        await self.store.change_people(
            lambda db: users.add(db, name, role, made, self.clock(), phone="", pbx="")
        )

    async def token(
        self, name: str, role: str = "agent", *, expires: datetime | None = None
    ) -> str:
        made = TOKEN_MARK + cookies.fresh()
        await self.store.change_people(
            lambda db: tokens.add(
                db, name, cookies.digest(made), role, self.clock(), by="test", expires=expires
            )
        )
        return made

    async def signed_in(self, name: str = "anna", role: str = "agent", **headers: str) -> Client:
        """A new user's browser, signed in."""
        if await self.store.user(name) is None:
            await self.user(name, role)
        client = await self.client(**headers)
        answer = await sign_in(client, name)
        assert answer.status == 303, await answer.text()
        return client


async def sign_in(
    client: Client, name: str, password: str = PASSWORD, **fields: str
) -> ClientResponse:
    """As a browser does it: the form is fetched, then sent with what it carries."""
    page = await client.get("/login", allow_redirects=False)
    token = csrf_of(await page.text())
    sent = {"name": name, "password": password, "csrf": token, **fields}
    return await client.post("/login", data=sent, allow_redirects=False)


def csrf_of(page: str) -> str:
    """The token in the first form of a page."""
    found = re.search(r'name="csrf" value="([^"]*)"', page)
    assert found is not None, page[:2000]
    return found[1]


async def csrf_in(client: Client) -> str:
    return csrf_of(await (await client.get("/account")).text())


async def change(client: Client, sent_headers: dict[str, str] | None = None, **fields: str) -> int:
    """Something that changes something, as a form does it."""
    answer = await client.post(
        "/account/preferences", data=CHANGE | fields, headers=sent_headers, allow_redirects=False
    )
    return answer.status


def console_config(lines: str = "", **kept: Any) -> Config:
    return config_of(f"{CONFIG}\n[console]\n{lines}\n")


@asynccontextmanager
async def door(
    path: Path, lines: str = "", *, config: Config | None = None, **changed: Any
) -> AsyncIterator[Door]:
    """`lines` are keys of [console]."""
    store = await Store.open(path / "textback.db")
    clock = Clock()
    try:
        made = backend(
            store,
            path,
            config or console_config(lines),
            **{"identify": None, "clock": clock, "gate": Gate(Passwords(CHEAP)), **changed},
        )
        server = TestServer(build_app(made))
        await server.start_server()
        there = Door(server, made, clock)
        try:
            yield there
        finally:
            for client in there.clients:
                await client.close()
            await server.close()
    finally:
        await store.close()


async def raw(server: TestServer, text: str) -> bytes:
    """What is answered to exactly this."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(text.encode("utf-8", "surrogateescape"))
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await writer.wait_closed()
    return answer
