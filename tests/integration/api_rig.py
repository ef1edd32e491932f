"""The console on a real port with a seeded store, in a thread of its own, for tests of its API.

Schemathesis asks with `requests`, which blocks; so the service has another thread's event loop.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestServer

from tests.lab import seed
from tests.unit.console_rig import backend
from textback import wiring
from textback.config_load import loads
from textback.console import cookies, openapi
from textback.console.api import ROOT, Endpoint
from textback.console.app import ENDPOINTS, build_app
from textback.console.auth import TOKEN_MARK
from textback.console.who import Role
from textback.store import tokens
from textback.store.store import Store

#: Rows that a request may change without anything having happened: when a token was last used, how
#: often somebody tried, and that somebody asked.
BESIDE = frozenset({"audit", "tokens", "tries", "sqlite_sequence"})


#: Seconds for an answer: there is one, or the service hangs.
PATIENCE = 20
#: Where a row that is there may be found, by what the path calls it.
ROWS = {
    "thread": ("threads", "1"),
    "call": ("calls", "1"),
    "case": ("cases", "1"),
    "row": ("outbox", "state IN ('held', 'refused', 'uncertain', 'queued')"),
    "text": ("outbox", "1"),
}
DOCUMENT = openapi.document(ENDPOINTS)


@dataclass
class Api:
    """A running console: where it is, who may ask, and what is in its store."""

    base: str
    path: Path
    tokens: dict[Role, str]
    kicks: list[int] = field(default_factory=list)

    def headers(self, role: Role | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"} if role is not None else {}

    def ids(self, table: str, where: str = "1") -> list[int]:
        with sqlite3.connect(self.path) as db:
            query = f"SELECT id FROM {table} WHERE {where} ORDER BY id DESC LIMIT 20"
            return [row[0] for row in db.execute(query)]

    def content(self) -> dict[str, list[Any]]:
        """Every row of every table, but for those that only watching changes."""
        with sqlite3.connect(self.path) as db:
            names = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
            return {
                name: sorted(db.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
                for name in names
                if name not in BESIDE
            }


@contextmanager
def api(folder: Path) -> Iterator[Api]:
    """A console over a database of the size `demo`, with a token for each role."""
    path = folder / "textback.db"
    seed.seed(path, "demo", now=datetime.now(UTC).replace(microsecond=0))
    text = seed.configuration("demo", path)
    (folder / "textback.toml").write_text(text, encoding="utf-8")
    made = {role: TOKEN_MARK + secrets.token_urlsafe(32) for role in Role}
    found = Api("", path, made)
    ready, stop, failed = threading.Event(), asyncio.Event(), list[BaseException]()

    async def serve(loop_of: list[asyncio.AbstractEventLoop]) -> None:
        loop_of.append(asyncio.get_running_loop())
        store = await Store.open(path, id_forms=wiring.stored_forms)
        now = datetime.now(UTC)
        for role, token in made.items():
            digest, name = cookies.digest(token), f"test {role}"

            def add(db: Any, name: str = name, digest: str = digest, role: Role = role) -> None:
                tokens.add(db, name, digest, role.value, now, by="test", expires=None)

            await store.change_people(add)
        given = backend(
            store,
            folder,
            loads(text, measure=wiring.measure),
            identify=None,
            clock=lambda: datetime.now(UTC),
            kick=lambda: found.kicks.append(1),
        )
        server = TestServer(build_app(given), skip_url_asserts=True)
        await server.start_server()
        found.base = str(server.make_url("/")).rstrip("/")
        ready.set()
        await stop.wait()
        await server.close()
        await store.close()

    loops: list[asyncio.AbstractEventLoop] = []

    def run() -> None:
        try:
            asyncio.run(serve(loops))
        except BaseException as error:
            failed.append(error)
            raise
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="console under test")
    thread.start()
    try:
        ready.wait()
        if failed:
            raise RuntimeError("the console did not start") from failed[0]
        yield found
    finally:
        if loops and not failed:
            loops[0].call_soon_threadsafe(stop.set)
        thread.join()


# --- what is asked -------------------------------------------------------------------------------


def name(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def path_of(endpoint: Endpoint, served: Api) -> str:
    """A path that is there."""

    def row(found: re.Match[str]) -> str:
        ids = served.ids(*ROWS[found[1]]) if found[1] in ROWS else []
        return str(ids[0] if ids else 1)

    return served.base + ROOT + re.sub(r"{(\w+)}", row, endpoint.path)


def example(endpoint: Endpoint) -> Any:
    """The body that the description itself gives."""
    made = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]
    body = made.get("requestBody")
    return body["content"]["application/json"]["example"] if body else None
