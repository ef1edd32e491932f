"""Takes pictures of pages in every look: light and dark, desktop and phone, large and in German."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from tests.browser.stand import DESKTOP, PHONE, Watched, visitor

Act = Callable[[Page], Awaitable[object]]

_TOUCH = {"has_touch": True, "is_mobile": True, "device_scale_factor": 2}
#: What a window of 1280 by 800 has room for at 200 %.
_ZOOM = {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2}
LOOKS: dict[str, dict[str, Any]] = {
    **{
        f"{size}-{scheme}": {"viewport": view, "color_scheme": scheme, **more}
        for size, view, more in (("desktop", DESKTOP, {}), ("phone", PHONE, _TOUCH))
        for scheme in ("light", "dark")
    },
    "zoom": _ZOOM,
    "phone-german": {"viewport": PHONE, "locale": "de-DE", **_TOUCH},
    "desktop-german": {"viewport": DESKTOP, "locale": "de-DE"},
}
#: Of a state, where every page has been seen in all looks.
PLAIN = ("desktop-light", "desktop-dark", "phone-light", "phone-dark")


def name_of(kind: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", kind).strip("-") or "home"


@dataclass
class Camera:
    """One user's windows, one for each look."""

    to: Path
    windows: dict[str, tuple[Watched, Page]]
    only: str
    made: int = 0

    @property
    def page(self) -> Page:
        """A window to prepare something in."""
        return next(iter(self.windows.values()))[1]

    async def take(
        self,
        name: str,
        path: str,
        act: Act | None = None,
        *,
        looks: tuple[str, ...] = PLAIN,
        wait: float = 250,
    ) -> None:
        """`act` does something on the page first; `wait`: milliseconds, for what moves there."""
        if self.only not in name:
            return
        for look, (who, page) in list(self.windows.items()):
            if look not in looks:
                continue
            await page.goto(path)
            if act is not None:
                await act(page)
            await page.wait_for_timeout(wait)
            await self._picture(page, f"{name}-{look}.png", whole=look.startswith("desktop"))
            if act is not None:
                # A page in which something was typed asks before it is left.
                await page.close()
                self.windows[look] = (who, await who.page())

    async def _picture(self, page: Page, name: str, *, whole: bool) -> None:
        view = page.viewport_size
        assert view is not None
        tall = await page.evaluate("document.documentElement.scrollHeight")
        # The window is made as high as the page: what is fixed in it then stands as people see it.
        if whole and tall > view["height"]:
            await page.set_viewport_size({"width": view["width"], "height": min(tall, 12_000)})
            await page.wait_for_timeout(150)
        await page.screenshot(path=self.to / name)
        await page.set_viewport_size(view)
        self.made += 1


@asynccontextmanager
async def camera(
    found: Browser, origin: str, to: Path, *, only: str = "", looks: str = "", **options: Any
) -> AsyncIterator[Camera]:
    """Options are those of a context: storage_state, for who has signed in."""
    async with AsyncExitStack() as stack:
        windows = {}
        for look, how in LOOKS.items():
            if any(one in look for one in looks.split(",")):
                who = await stack.enter_async_context(visitor(found, origin, **how, **options))
                # Of an error page the browser tells as of an error.
                who.expected = (r"the server responded with a status of [45]",)
                windows[look] = (who, await who.page())
        made = Camera(to, windows, only)
        yield made
        for look, (who, _) in windows.items():
            for wrong in who.wrong:
                print(f"{look}: {wrong}")
