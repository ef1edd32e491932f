"""Pictures of every page of the console: `make screenshots TO=folder`.

A real daemon on the seeded demo, with calls that ring and one that goes on; light and dark, on a
desktop and on a phone, at 200 %, in German. Then the states that no link leads to (pictured.py).
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser

from tests.browser.crawl import pages
from tests.browser.stand import SeededRig, add_users, browser, signed_in, visitor
from tests.lab import pictured
from tests.lab.camera import LOOKS, camera, name_of

ROOT = Path(__file__).resolve().parents[2]


async def shoot(found: Browser, to: Path, only: str, looks: str) -> int:
    """All pages and states; returns how many pictures."""
    how: dict[str, Any] = {"only": only, "looks": looks}
    made = 0
    with tempfile.TemporaryDirectory() as folder:
        async with pictured.business(Path(folder)) as rig:
            async with camera(found, rig.url, to, **how) as door:
                await door.take("login", "/login", looks=tuple(LOOKS))
                await pictured.locked_out(door)
                made += door.made
            state = await signed_in(found, rig.url, "vera")
            async with camera(found, rig.url, to, storage_state=state, **how) as viewer:
                await viewer.take("error-403", "/audit")
                made += viewer.made
            state = await signed_in(found, rig.url, "root")
            async with camera(found, rig.url, to, storage_state=state, **how) as one:
                await every_page(found, rig, one, state)
                await pictured.odd_names(rig)
                await pictured.pages_in_use(one)
                await pictured.printed(one)
                await pictured.living(rig, one)
                await pictured.clicks(rig, one)
                await pictured.shadow(rig, one)
                await pictured.broken(rig, one)
                made += one.made
    with tempfile.TemporaryDirectory() as folder:
        async with pictured.business(Path(folder), seeded=False) as rig:
            async with camera(found, rig.url, to, **how) as door:
                await door.take("new-login", "/login")
                made += door.made
            await add_users(rig)
            state = await signed_in(found, rig.url, "root")
            async with camera(found, rig.url, to, storage_state=state, **how) as one:
                await pictured.new(one)
                made += one.made
    return made


async def every_page(found: Browser, rig: SeededRig, one: Any, state: Any) -> None:
    """One of each kind that can be come to by clicking."""
    async with visitor(found, rig.url, storage_state=state) as who:
        paths, broken = await pages(who.context)
    for path, why in broken.items():
        print(f"{path} {why}")
    if failed := rig.found("console_failed"):
        print(failed.get("exception", failed))
    paths["/nothing/here"] = "/nothing/here"
    ringing = Ringing(rig)
    for kind, path in paths.items():
        moves = kind == "/calls"
        if moves:
            ringing.anew()
        # What a page does once it is there: bars, countdowns, what scrolls down.
        await one.take(name_of(kind), path, looks=tuple(LOOKS), wait=1_000 if moves else 250)
    ringing.over()


class Ringing:
    """One call rings, and is exchanged before its time is up: the countdown is never over."""

    def __init__(self, rig: SeededRig) -> None:
        self._rig, self._count = rig, 0

    def anew(self) -> None:
        self.over()
        self._count += 1
        self._rig.ring(f"1900000000.{self._count}")

    def over(self) -> None:
        if self._count:
            self._rig.hang_up(f"1900000000.{self._count}")


async def main_async(to: Path, only: str, looks: str) -> None:
    to.mkdir(parents=True, exist_ok=True)
    async with browser() as found:
        made = await shoot(found, to, only, looks)
    print(f"{made} pictures in {to}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("to", type=Path, help="a folder outside this tree")
    parser.add_argument("--only", default="", help="pages with this in their name: calls-N, dial")
    parser.add_argument(
        "--looks", default="", help="of desktop phone light dark zoom german: phone,zoom"
    )
    asked = parser.parse_args()
    to: Path = asked.to.resolve()
    if str(to) == "." or to.is_relative_to(ROOT):
        parser.error("say a folder outside this tree: make screenshots TO=/somewhere/else")
    asyncio.run(main_async(to, asked.only, asked.looks))


if __name__ == "__main__":
    main()
