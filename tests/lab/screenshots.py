"""Pictures of every page of the console: `make screenshots TO=folder`.

A real daemon on the seeded demo, with calls that ring and one that goes on; light and dark, on a
desktop and on a phone; the pages before one signs in, and those of a service that knows nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import tempfile
from pathlib import Path

from playwright.async_api import Browser

from tests.browser.crawl import pages
from tests.browser.stand import DESKTOP, PHONE, SeededRig, browser, served, signed_in, visitor

ROOT = Path(__file__).resolve().parents[2]
_LOOKS = tuple(
    (f"{size}-{scheme}", {"viewport": view, "color_scheme": scheme, **more})
    for size, view, more in (
        ("desktop", DESKTOP, {}),
        ("phone", PHONE, {"has_touch": True, "is_mobile": True, "device_scale_factor": 2}),
    )
    for scheme in ("light", "dark")
)


def name_of(kind: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", kind).strip("-") or "home"


async def shoot(found: Browser, rig: SeededRig, to: Path, only: str, looks: str) -> int:
    """All pages; returns how many pictures."""
    state = await signed_in(found, rig.url, "root")
    async with visitor(found, rig.url, storage_state=state) as who:
        paths, broken = await pages(who.context)
    for path, why in broken.items():
        print(f"{path} {why}")
    if failed := rig.found("console_failed"):
        print(failed.get("exception", failed))
    paths["/nothing/here"] = "/nothing/here"
    made, ringing = 0, Ringing(rig)
    for look, options in _LOOKS:
        if looks not in look:
            continue
        for signed, some in ((state, paths), (None, {"/login": "/login"})):
            async with visitor(found, rig.url, storage_state=signed, **options) as who:
                page = await who.page()
                for kind, path in some.items():
                    if only not in kind:
                        continue
                    if kind == "/calls":
                        ringing.anew()
                    await page.goto(path)
                    # What the page does once it is there: bars, countdowns, what scrolls down.
                    await page.wait_for_timeout(1_500 if kind == "/calls" else 250)
                    whole = look.startswith("desktop")
                    await page.screenshot(path=to / f"{name_of(kind)}-{look}.png", full_page=whole)
                    made += 1
                for wrong in who.wrong:
                    print(f"{look}: {wrong}")
    return made


class Ringing:
    """One call rings, and is exchanged before its time is up: the countdown is never over."""

    def __init__(self, rig: SeededRig) -> None:
        self._rig, self._count = rig, 0

    def anew(self) -> None:
        if self._count:
            self._rig.hang_up(f"1900000000.{self._count}")
        self._count += 1
        self._rig.ring(f"1900000000.{self._count}")


async def main_async(to: Path, only: str, looks: str) -> None:
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with served(Path(folder)) as rig, browser() as found:
            made = await shoot(found, rig, to, only, looks)
    print(f"{made} pictures in {to}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("to", type=Path, help="a folder outside this tree")
    parser.add_argument("--only", default="", help="pages with this in their path")
    parser.add_argument("--looks", default="", help="desktop, phone, light, dark, phone-dark...")
    asked = parser.parse_args()
    to: Path = asked.to.resolve()
    if str(to) == "." or to.is_relative_to(ROOT):
        parser.error("say a folder outside this tree: make screenshots TO=/somewhere/else")
    asyncio.run(main_async(to, asked.only, asked.looks))


if __name__ == "__main__":
    main()
