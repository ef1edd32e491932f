"""No page makes the browser ask anybody but textback: shown by the browser's own log of its net."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.browser.crawl import pages
from tests.browser.stand import browser, served, sign_in, visitor

#: Chromium's own, whatever page is open; it finds nobody there either.
_CHROMIUMS_OWN = ("google.com", "googleapis.com", "gvt1.com", "gstatic.com")
#: What the rules of `stand.flags` make of any name; whose it was stands in the request itself.
_NOBODY = "~notfound"


async def test_browser_looks_for_no_host_but_ours(tmp_path: Path) -> None:
    log = tmp_path / "net.json"
    async with served(tmp_path) as rig:
        async with browser(f"--log-net-log={log}") as chromium, visitor(chromium, rig.url) as who:
            page = await who.page()
            await sign_in(page)
            for path in (await pages(who.context)).pages.values():
                await page.goto(path)
            await page.evaluate("() => { location.href = '/inbox' }")
            await page.wait_for_url("**/inbox")
            who.well()
        told = hosts(json.loads(log.read_text(encoding="utf-8")))
    assert "127.0.0.1" in told, "the log says nothing"
    others = {host for host in told if not host.endswith(_CHROMIUMS_OWN)} - {
        "127.0.0.1",
        "",
        _NOBODY,
    }
    assert not others


def hosts(log: Any) -> set[str]:
    """Whom the browser looked up, connected to or asked, prefetching included."""
    found: set[str] = set()
    for event in log["events"]:
        said = event.get("params", {})
        for key in ("url", "host", "destination", "origin", "group_id", "network_isolation_key"):
            value = said.get(key)
            if isinstance(value, str) and value:
                found |= {part for part in map(host_of, value.split()) if part}
    return found


def host_of(word: str) -> str:
    """The host in "https://example.net:443", "pm/example.net:443" or "example.net"."""
    word = word.removeprefix("pm/").strip("<>[]")
    if not any(char in word for char in ".:/"):
        return ""
    return urlsplit(word if "//" in word else f"//{word}").hostname or ""
