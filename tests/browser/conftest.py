"""What the modules of browser tests share: each has one daemon and one browser of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.notices import INSECURE, WATCH, Desk, choose
from tests.browser.stand import SeededRig, Watched, browser, served, signed_in, visitor


def pytest_itemcollected(item: pytest.Item) -> None:
    """Asked of the tests in this folder only."""
    item.add_marker("browser")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SeededRig]:
    async with served(tmp_path_factory.mktemp("console")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with browser() as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def viewer(rig: SeededRig, chromium: Browser) -> Any:
    """Who reads may be told."""
    return await signed_in(chromium, rig.url, "vera")


@pytest.fixture
def desk(rig: SeededRig, chromium: Browser, viewer: Any) -> Desk:
    """A browser in which somebody has signed in; `chosen` in it before: show, text, sound."""

    @asynccontextmanager
    async def opened(
        *chosen: str, allowed: bool = True, insecure: bool = False, state: Any = viewer
    ) -> AsyncIterator[Watched]:
        permissions = ["notifications"] if allowed else []
        more = {"storage_state": state} if state else {}
        async with visitor(chromium, rig.url, permissions=permissions, **more) as who:
            who.expected = ("AudioContext was not allowed to start",)
            await who.context.add_init_script(WATCH)
            if insecure:
                await who.context.add_init_script(INSECURE)
            if chosen:
                page = await who.page()
                await page.goto("/static/icon.svg")
                await choose(page, **dict.fromkeys(chosen, True))
                await page.close()
            yield who
            who.well()

    return opened
