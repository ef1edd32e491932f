"""A console over a real store for tests of its pages: who asks is said by a header, or signs in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from textback import wiring
from textback.config import Config
from textback.config_load import loads
from textback.console.app import build_app
from textback.console.backend import Backend
from textback.console.health import Health, PartHealth
from textback.console.who import Role, Who
from textback.store.store import Store

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
#: Of requests that say who they are by name: `headers=as_role("agent")`.
ASKS = "X-Test-Role"

CONFIG = """
mode = "live"
[business]
name = "Acme Dental"
country = "US"
timezone = "America/New_York"
[[pbx]]
name = "pbx"
host = "127.0.0.1"
username = "textback"
secret = "x"
[[smsc]]
name = "smsc"
host = "127.0.0.1"
system_id = "acme"
password = "x"
[[number]]
did = "+12125550100"
label = "Main line"
[[number]]
did = "+12125550101"
label = "Second line"
"""


def as_role(role: str) -> dict[str, str]:
    return {ASKS: role}


async def identify(request: web.Request) -> Who | None:
    """Whoever the test says; an agent's name is "agent"."""
    role = request.headers.get(ASKS, "")
    if not role:
        return None
    return Who(name=role, role=Role(role), session=f"session of {role}", csrf="test-csrf")


def config_of(text: str = CONFIG) -> Config:
    return loads(text, measure=wiring.measure, need_secrets=False)


def backend(store: Store, path: Path, config: Config | None = None, **changed: Any) -> Backend:
    """All that pages are given; `changed` are other fields of it."""
    inner = config or config_of()

    async def health() -> Health:
        return Health(inner.mode, "test", (PartHealth("store", True, "writable"),))

    async def exposition() -> bytes:
        return b""

    async def reload() -> list[str]:
        return []

    given: dict[str, Any] = {
        "store": store,
        "config": lambda: inner,
        "path": path / "textback.toml",
        "health": health,
        "exposition": exposition,
        "kick": lambda: None,
        "reload": reload,
        "measure": wiring.measure,
        "clock": lambda: NOW,
        "identify": identify,
        **changed,
    }
    return Backend(**given)


@asynccontextmanager
async def console(
    path: Path, config: Config | None = None, *, role: str = "admin", **changed: Any
) -> AsyncIterator[tuple[TestClient[web.Request, web.Application], Backend]]:
    """A client that asks as `role` (""; nobody) and the backend behind it."""
    store = await Store.open(path / "textback.db")
    try:
        made = backend(store, path, config, **changed)
        server = TestServer(build_app(made))
        headers = as_role(role) if role else {}
        headers["X-CSRF-Token"] = "test-csrf"
        async with TestClient(server, headers=headers) as client:
            yield client, made
    finally:
        await store.close()
