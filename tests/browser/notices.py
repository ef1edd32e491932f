"""What tests of notifications look at: a browser that notes what it would show and sound."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.stand import SeededRig, Watched

#: `desk(*chosen, allowed=True, insecure=False, state=...)`: see the fixture.
Desk = Callable[..., AbstractAsyncContextManager[Watched]]

#: Nobody's in the seed.
ANN, ANN_SHOWN = "12025550196", "(202) 555-0196"
OURS = "12125550100"

#: Headless Chromium shows no notification: what would be shown is noted. Whether it may, and the
#: sound (it has a real AudioContext, which starts only after a click), are the browser's own.
WATCH = """(() => {
  const real = window.Notification;
  window.shown = [];
  window.asked = 0;
  window.tones = 0;
  window.Notification = class extends EventTarget {
    static get permission() { return real.permission; }
    static requestPermission() { window.asked += 1; return real.requestPermission(); }
    constructor(title, options) {
      super();
      Object.assign(this, { title, ...options, open: true });
      window.shown.push(this);
    }
    close() {
      if (this.open) { this.open = false; this.dispatchEvent(new Event("close")); }
    }
  };
  const made = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () {
    window.tones += 1;
    return made.call(this);
  };
})()"""

#: A page that came by http from another host has neither notifications nor locks.
INSECURE = """(() => {
  Object.defineProperty(window, "isSecureContext", { value: false });
  Object.defineProperty(navigator, "locks", { value: undefined });
})()"""

#: What the browser says of a tab that is behind another one.
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  const state = hidden ? "hidden" : "visible";
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""

_SHOWN = "() => shown.map(({title, body, tag, silent, open}) => ({title, body, tag, silent, open}))"


async def shown(page: Page) -> list[dict[str, Any]]:
    """Every notification this tab made."""
    found: list[dict[str, Any]] = await page.evaluate(_SHOWN)
    return found


async def until_shown(page: Page, count: int = 1) -> list[dict[str, Any]]:
    await page.wait_for_function("(count) => shown.length >= count", arg=count)
    return await shown(page)


async def choose(page: Page, **chosen: bool) -> None:
    """As somebody did in this browser before; counts from the next page on."""
    await page.evaluate(
        "(told) => localStorage.setItem('textback.notify', told)", json.dumps(chosen)
    )


async def listening(page: Page, path: str) -> None:
    """Open a page that tells, and wait until it does: it has a stream, and knows what there was."""
    # Its first question: what there is already.
    async with page.expect_response(lambda answer: "/api/v1/replies" in answer.url):
        await page.goto(path)
    await page.locator("body.is-live").wait_for(state="attached")


async def told(page: Page) -> int:
    """Up to where the tabs of this browser have told, or seen that nothing was to tell."""
    found: int = await page.evaluate("JSON.parse(localStorage['textback.told'] ?? '{}').id ?? 0")
    return found


async def until_looked(page: Page, before: int) -> None:
    """Until what came was looked at, whether it was told or not."""
    await page.wait_for_function(
        "(was) => (JSON.parse(localStorage['textback.told'] ?? '{}').id ?? 0) > was", arg=before
    )


def writes(rig: SeededRig, text: str, sender: str = ANN) -> None:
    rig.simulator.reply(sender, OURS, text)


async def waiting(page: Page) -> int:
    found = re.match(r"\((\d+)\) ", await page.title())
    assert found is not None, await page.title()
    return int(found[1])


async def to_have_waiting(page: Page, count: int) -> None:
    await expect(page).to_have_title(re.compile(rf"^\({count}\) \D"))
