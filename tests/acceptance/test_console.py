"""The whole story in a browser: a real missed call on the real Asterisk rings on the page and is
counted down, its text leaves, the customer answers at the carrier, the answer is written in the
browser and arrives there, and the call back closes the case.

The carrier is npm's `smpp`, the browser Debian's Chromium. The story is played once; the tests look
at what was seen.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.acceptance.stage import Stage, renumbered, stage
from tests.browser.judge import accessible
from tests.browser.stand import PASSWORD, browser, sign_in, visitor
from tests.lab.phones import answers, rings
from tests.lab.row import row
from tests.smscs.peers import ForeignSmsc, node_smsc

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.smsc,
    pytest.mark.browser,
    pytest.mark.timeout(240),
]

(LINE,) = renumbered(
    row(
        "front",
        "Dial(PJSIP/@a@,30) | Hangup()",
        "",
        a=rings(),
        number={"ring_timeout": "5s", "callback_within": "2h"},
        display="Zoë Rossi",
    )
)
CALLER, OURS = LINE.number_outside, LINE.did
#: As people write it; the pages have it in brackets, the last four digits stand for themselves.
LAST = re.compile(rf"\b{CALLER[-4:]}\b")
QUESTION = "Grüße 😀! Could I come <b>today</b>?"
ANSWER = "Hi Zoë, today at 5 is free 😀"
#: Real time on a busy machine.
PATIENCE = 30_000


@dataclass
class Seen:
    """What was on the screen, and at the carrier."""

    counted: list[int] = field(default_factory=list)  #: seconds left, as they were shown
    texts: list[dict[str, Any]] = field(default_factory=list)  #: that the carrier was given
    thread: str = ""  #: in the list of conversations, when the reply was there
    asked: str = ""  #: the reply in the open conversation
    states: list[str] = field(default_factory=list)  #: of the answer, as they were shown
    case: str = ""  #: among those to be called back
    closed: str = ""  #: among those that are done
    axe: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  #: errors of scripts, policy, other hosts


async def tell(folder: Path) -> Seen:
    seen = Seen()
    async with node_smsc() as carrier:
        account = {"host": "127.0.0.1", "port": carrier.port, "system_id": "a", "password": "b"}
        async with stage(folder, [LINE], account) as lab:
            password = folder / "password"
            password.write_text(PASSWORD, encoding="utf-8")
            await lab.service.start()
            await lab.service.command(
                *("user", "add", "dana", "--role", "agent", "--password-file", str(password))
            )
            url = f"http://127.0.0.1:{lab.service.console_port}"
            async with browser() as chromium, visitor(chromium, url) as who:
                page = await who.page()
                page.set_default_timeout(PATIENCE)
                expect.set_options(timeout=PATIENCE)
                await sign_in(page, "dana")
                await missed(lab, page, carrier, seen)
                await answered(page, carrier, seen)
                await called_back(lab, page, seen)
                seen.wrong = who.wrong
    return seen


async def missed(lab: Stage, page: Page, carrier: ForeignSmsc, seen: Seen) -> None:
    await page.goto("/calls")
    leg = await lab.ring(LINE)
    card = page.locator(".ringing-card", has_text=LAST)
    left = card.locator("[data-left]")
    await expect(left).to_be_visible()
    seen.counted.append(int(await left.inner_text()))
    await expect(left).to_have_text(str(seen.counted[0] - 2))
    seen.counted.append(int(await left.inner_text()))
    seen.texts.append(await carrier.event("text"))
    await expect(card).to_contain_text("Texted")
    leg.hang_up()
    await expect(card).to_have_count(0)
    await expect(page.locator("main a", has_text=LAST).first).to_contain_text("Delivered")
    seen.axe += await accessible(page)


async def answered(page: Page, carrier: ForeignSmsc, seen: Seen) -> None:
    await page.goto("/inbox")
    await carrier.do("reply", **{"from": CALLER[1:], "to": OURS[1:]}, text=QUESTION, udh="")
    assert (await carrier.event("reply_resp"))["status"] == 0
    thread = page.locator(".thread", has_text=LAST)
    await expect(thread).to_contain_text("Could I come")
    seen.thread = await thread.inner_text()
    await thread.click()
    reply = page.locator(".bubble-in").last
    await expect(reply).to_be_visible()
    seen.asked = await reply.inner_text()
    await page.locator("#text").click()
    await page.keyboard.type(ANSWER)
    await page.keyboard.press("Control+Enter")
    line = page.locator(".line-out", has_text=ANSWER)
    await expect(line).to_be_visible()
    seen.states.append(await line.locator(".state").inner_text())
    seen.texts.append(await carrier.event("text"))
    await expect(line.locator(".state")).to_have_text("Delivered")
    seen.states.append(await line.locator(".state").inner_text())
    seen.axe += await accessible(page)


async def called_back(lab: Stage, page: Page, seen: Seen) -> None:
    await page.goto("/callbacks")
    case = page.locator(".case", has_text=LAST)
    await expect(case).to_have_count(1)
    seen.case = await case.inner_text()
    seen.axe += await accessible(page)
    lab.agent.behaviours[CALLER] = answers(0.5, talk=1.0)
    await lab.agent.call(LINE.phone("b"), CALLER).over()
    # The page is not loaded again: the case goes over by itself.
    await expect(page.locator(".case", has_text=LAST)).to_contain_text("Called back")
    seen.closed = await page.locator(".case", has_text=LAST).inner_text()


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return asyncio.run(tell(tmp_path_factory.mktemp("console")))


def test_missed_call_is_counted_down_on_the_page_while_it_rings(seen: Seen) -> None:
    first, later = seen.counted
    assert 2 < first <= 5
    assert later == first - 2
    assert seen.texts[0]["destination"] == CALLER[1:]


def test_reply_appears_in_the_inbox_by_itself_and_is_text_whatever_it_says(seen: Seen) -> None:
    assert "Could I come <b>today</b>?" in seen.thread
    assert seen.asked == QUESTION


def test_answer_written_in_the_browser_is_what_the_carrier_receives(seen: Seen) -> None:
    sent = seen.texts[1]
    assert (sent["source"], sent["destination"]) == (OURS[1:], CALLER[1:])
    assert sent["text"] == ANSWER


def test_browser_follows_the_answer_until_its_receipt(seen: Seen) -> None:
    assert seen.states[0] in {"Waiting to be sent", "Being sent", "Sent", "Delivered"}
    assert seen.states[1] == "Delivered"


def test_case_closes_on_the_page_when_the_caller_is_called_back(seen: Seen) -> None:
    assert "due in" in seen.case
    assert "Called back" in seen.closed


def test_nothing_on_the_way_was_out_of_order(seen: Seen) -> None:
    assert not seen.wrong
    assert not seen.axe
