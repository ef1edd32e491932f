"""A real daemon on a seeded store, and a real browser before it: the browser tests' stage."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Route,
    ViewportSize,
    async_playwright,
)

from tests.fakes.asterisk import FakeAsterisk
from tests.integration.daemon_rig import Rig
from tests.lab import seed

#: Debian's own; Playwright's package brings none, and none is ever downloaded.
CHROMIUM = "/usr/bin/chromium"
AXE = Path(os.environ.get("TEXTBACK_CACHE", Path.home() / ".cache" / "textback")) / (
    "axe-core/node_modules/axe-core/axe.min.js"
)
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
#: Milliseconds: nothing here takes one second; what takes longer has failed.
PATIENCE = 15_000.0
PASSWORD = "correct horse battery staple 7"
USERS = {"dana": "agent", "root": "admin", "vera": "viewer"}


class SeededRig(Rig):
    """The daemon's rig with the configuration and the store of a seeded business."""

    size = "demo"
    more = ""
    ring_timeout = "15s"

    def configure(self, **changes: Any) -> None:
        self.values.update(changes)
        ports = {name: self.values[name] for name in ("console", "agi", "ami", "smpp")}
        text = seed.configuration(
            self.size,
            Path(self.values["store"]),
            mode=self.values["mode"],
            ring_timeout=self.ring_timeout,
            abandoned_after="1s" if self.ring_timeout != "15s" else "5s",
            more=self.more,
            **ports,
        )
        self.path.write_text(text, encoding="utf-8")
        self.path.chmod(0o640)
        (self.folder / "conf.d").mkdir(exist_ok=True)

    async def text_to(self, number: str) -> str:
        """What the carrier is given for this handset next; the seed has texts of its own."""
        while True:
            sent = await self.text()
            if sent.to.lstrip("+") == number.lstrip("+"):
                return sent.text


@asynccontextmanager
async def served(
    folder: Path, *, more: str = "", ring_timeout: str = "15s"
) -> AsyncIterator[SeededRig]:
    """A daemon that runs on a seeded store, with one user for each role."""
    now = datetime.now(UTC).replace(microsecond=0)
    await asyncio.to_thread(seed.seed, folder / "textback.db", "demo", now=now)
    async with FakeAsterisk() as asterisk:
        rig = SeededRig(folder, asterisk)
        rig.more, rig.ring_timeout = more, ring_timeout
        async with rig.simulator:
            rig.configure(smpp=rig.simulator.port)
            try:
                await add_users(rig)
                await rig.start()
                yield rig
            finally:
                await rig.kill()


async def add_users(rig: Rig) -> None:
    password = rig.folder / "password"
    password.write_text(PASSWORD + "\n", encoding="utf-8")
    password.chmod(0o600)
    for name, role in USERS.items():
        code, out, err = await rig.cli(
            *("user", "add", name, "--role", role, "--password-file", str(password))
        )
        assert code == 0, f"{out}\n{err}"


# --- the browser ----------------------------------------------------------------------------------


def flags(*more: str) -> list[str]:
    """Nothing is resolved but this machine, so that a request to elsewhere cannot even begin."""
    found = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-gpu", *more]
    return [*found, "--no-sandbox"] if os.geteuid() == 0 else found


@asynccontextmanager
async def browser(*more: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags(*more))
        try:
            yield started
        finally:
            await started.close()


@dataclass
class Watched:
    """One visitor: a context of the browser, and everything in it that must not happen."""

    context: BrowserContext
    origin: str
    wrong: list[str] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    #: Console messages that are expected: the browser tells of a 403 and a 404 as of an error.
    expected: tuple[str, ...] = ()

    async def page(self) -> Page:
        page = await self.context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.wrong.append(f"script failed: {error}"))
        page.on("dialog", lambda dialog: self.wrong.append(f"a dialog: {dialog.message}"))
        self.pages.append(page)
        return page

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(
            re.search(known, message.text) for known in self.expected
        ):
            self.wrong.append(f"console: {message.text} ({message.location.get('url', '')})")

    async def _route(self, route: Route, request: Request) -> None:
        if self.is_ours(request.url):
            await route.fallback()
        else:
            self.wrong.append(f"asked another: {request.url}")
            await route.abort()

    def is_ours(self, url: str) -> bool:
        asked, own = urlsplit(url), urlsplit(self.origin)
        return (asked.scheme, asked.netloc) == (own.scheme, own.netloc)

    def well(self) -> None:
        """Nothing happened that must not."""
        assert not self.wrong, "\n".join(self.wrong)


@asynccontextmanager
async def visitor(found: Browser, origin: str, **options: Any) -> AsyncIterator[Watched]:
    """Options are those of a context: viewport, color_scheme, locale, java_script_enabled..."""
    given = {"viewport": DESKTOP, "locale": "en-US", "timezone_id": "America/New_York", **options}
    context = await found.new_context(base_url=origin, **given)
    watched = Watched(context, origin)
    await context.route("**/*", watched._route)
    try:
        yield watched
    finally:
        await context.close()


async def sign_in(page: Page, name: str = "root") -> None:
    await page.goto("/login")
    await page.fill("input[name=name]", name)
    await page.fill("input[name=password]", PASSWORD)
    await page.press("input[name=password]", "Enter")
    await page.wait_for_url(lambda url: "/login" not in url)


async def signed_in(found: Browser, origin: str, name: str) -> Any:
    """The cookies of a visitor who has signed in: signing in is slow on purpose."""
    async with visitor(found, origin) as who:
        await sign_in(await who.page(), name)
        return await who.context.storage_state()


def ids(html: str, path: str) -> Iterator[int]:
    """The rows that links of a page lead to: `ids(html, "/inbox")`."""
    for match in re.finditer(rf'href="{re.escape(path)}/(\d+)"', html):
        yield int(match[1])
