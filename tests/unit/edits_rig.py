"""A configuration on the disk that a console changes, for tests: a service that takes it over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.unit import console_rig
from textback import config_managed as managed
from textback import wiring
from textback.config import Config, ConfigError
from textback.config_load import load
from textback.config_managed import Edit
from textback.console import edits
from textback.console.app import build_app
from textback.console.backend import Backend
from textback.console_wiring import checked
from textback.store.store import Store

FIRST, SECOND = "+12125550100", "+12125550101"


class Place:
    """A configuration on the disk, a service that takes it over, and its console's backend."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.main = folder / "textback.toml"
        if not self.main.exists():
            (folder / "conf.d").mkdir()
            self.main.write_text(console_rig.CONFIG)
            self.main.chmod(0o640)
        self.path = managed.path_of(self.main)
        self.config = load(self.main, measure=wiring.measure)
        self.refuse: list[str] = []
        self.reloads = 0
        self.backend: Backend = console_rig.backend(
            store, folder, self.config, check=partial(checked, self.main), reload=self.reload
        )
        self.backend.config = lambda: self.config

    async def reload(self) -> list[str]:
        self.reloads += 1
        if self.refuse:
            return self.refuse
        try:
            self.config = checked(self.main, {})
        except ConfigError as error:
            return error.errors
        return []

    async def change(self, *wanted: Edit, **more: Any) -> int | None:
        return await edits.change(self.backend, wanted, "anna", **more)

    def on_disk(self) -> Config:
        return load(self.main)


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    store = await Store.open(folder / "textback.db")
    try:
        yield Place(folder, store)
    finally:
        await store.close()


Client = TestClient[web.Request, web.Application]


@asynccontextmanager
async def browser(there: Place, *, role: str = "admin") -> AsyncIterator[Client]:
    """A client of the console over this place."""
    headers = {**console_rig.as_role(role), "X-CSRF-Token": "test-csrf"}
    async with TestClient(TestServer(build_app(there.backend)), headers=headers) as client:
        yield client
