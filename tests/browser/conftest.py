"""What the modules of browser tests share: each has one daemon and one browser of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.stand import SeededRig, browser, served


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
