"""States of the console that a walk through its pages does not come to, for their pictures.

Each is a real one of a real daemon: calls by a click on an Asterisk that plays along, doors that
are locked, a database and a PBX that are gone, a service that is new or tries things out.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from tests.browser.stand import SeededRig, add_users, ids
from tests.fakes.asterisk import FakeAsterisk, Fields, Session, channel
from tests.lab import seed
from tests.lab.camera import Camera

#: Names as contacts have them, and what such people write. The numbers are nobody's in the seed.
_NAMES = (
    ("+19175550199", "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh Maximiliana Adelheid"),
    ("+16465550198", "\u05d0\u05d1\u05d9\u05d2\u05d9\u05dc \u05db\u05d4\u05df"),
    ("+12125550197", "\u0645\u062d\u0645\u062f \u0639\u0628\u062f \u0627\u0644\u0644\u0647"),
    ("+17185550196", "\U0001f9b7 Tooth Fairy \U0001f469\u200d\U0001f469\u200d\U0001f467 & Sons"),
    ("+13475550195", "\u0395\u03bb\u03ad\u03bd\u03b7 \u03a0\u03b1\u03c0\u03c0\u03ac"),
)
_TEXTS = (
    "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft, "
    "please see https://example.com/a/very/long/address/without/any/blank/in/it?for=the-width-of-it"
    " and tell me what you think of it.\n\nIt goes on after an empty line. "
    + 12
    * "Word after word. ",
    "\u05e9\u05dc\u05d5\u05dd, \u05d0\u05e4\u05e9\u05e8 \u05ea\u05d5\u05e8 "
    "\u05dc\u05de\u05d7\u05e8 \u05d1-10:30?",
    "\u0647\u0644 \u0627\u0644\u0639\u064a\u0627\u062f\u0629 \u0645\u0641\u062a\u0648\u062d\u0629 "
    "\u063a\u062f\u0627\u061f call me at (212) 555-0197",
    "\U0001f62d\U0001f9b7\U0001f525 help!!! \U0001f64f\U0001f64f",
    "\u039a\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1, can I come a day later?",
)


class PicturedRig(SeededRig):
    """A seeded business whose PBX lets clicks call."""

    def __init__(self, folder: Path, asterisk: FakeAsterisk) -> None:
        super().__init__(folder, asterisk)
        self.desk = DeskPhone(asterisk)

    def configure(self, **changes: Any) -> None:
        super().configure(**changes)
        text = self.path.read_text(encoding="utf-8")
        secret = 'secret = "secret"\n'
        text = text.replace(secret, f'{secret}dial_context = "from-internal"\n', 1)
        self.path.write_text(text, encoding="utf-8")


class DeskPhone:
    """The desk phone that a click rings: what Asterisk answers and tells about it."""

    def __init__(self, asterisk: FakeAsterisk) -> None:
        self.registered = True
        self.call = ""
        self._asterisk = asterisk
        self._getvar = asterisk._getvar
        asterisk.answers["ListCommands"] = lambda session, fields: session.reply(
            fields, "Originate: Originate a call.  (Priv: originate,all)"
        )
        asterisk.answers["Getvar"] = self._value
        asterisk.answers["Originate"] = self._originate

    def _value(self, session: Session, fields: Fields) -> None:
        functions = {
            "PJSIP_DIAL_CONTACTS": "PJSIP/101/sip:101@127.0.0.1" if self.registered else "",
            "DIALPLAN_EXISTS": "1",
            "PJSIP_ENDPOINT": '"Front desk" <101>',
        }
        value = functions.get(fields["Variable"].partition("(")[0])
        if value is None:
            self._getvar(session, fields)
        else:
            session.reply(fields, f"Variable: {fields['Variable']}", f"Value: {value}")

    def _originate(self, session: Session, fields: Fields) -> None:
        self.call = fields["ChannelId"]
        session.reply(fields, "Message: Originate successfully queued")
        self._phone("Newchannel", 0)
        self._phone("Newstate", 5)

    def _phone(self, event: str, state: int, **more: str) -> None:
        lines = channel(
            self.call, "PJSIP/101-1", state=state, caller="101", context="from-internal", exten="s"
        )
        self._asterisk.event(event, lines, **more)

    def speaks(self) -> None:
        """It was picked up, and so was the one that was called."""
        self._phone("Newstate", 6)
        kind = {"BridgeType": "basic", "BridgeTechnology": "simple_bridge"}
        self._phone("BridgeEnter", 6, BridgeUniqueid="b", **kind)

    def ends(self) -> None:
        self._phone("Hangup", 6, Cause="16")


@asynccontextmanager
async def business(folder: Path, *, seeded: bool = True) -> AsyncIterator[PicturedRig]:
    """A daemon that runs: on a seeded store, with users; or on none, with nobody yet."""
    now = datetime.now(UTC).replace(microsecond=0)
    if seeded:
        await asyncio.to_thread(seed.seed, folder / "textback.db", "demo", now=now)
    async with FakeAsterisk() as asterisk:
        rig = PicturedRig(folder, asterisk)
        async with rig.simulator:
            rig.configure(smpp=rig.simulator.port)
            try:
                if seeded:
                    await add_users(rig)
                    await told(rig, "user", "phone", "root", "PJSIP/101")
                await rig.start()
                yield rig
            finally:
                await rig.kill()


async def told(rig: SeededRig, *words: str) -> None:
    code, out, err = await rig.cli(*words)
    assert code == 0, f"{out}\n{err}"


async def odd_names(rig: SeededRig) -> None:
    """People with such names write, all to one number."""
    listed = rig.folder / "odd.csv"
    rows = "".join(f'{number},"{name}"\n' for number, name in _NAMES)
    listed.write_text("number,name\n" + rows, encoding="utf-8")
    await told(rig, "contacts", "import", str(listed))
    for (number, _), text in zip(_NAMES, _TEXTS, strict=True):
        rig.simulator.reply(number.lstrip("+"), "12125550100", text)


async def clicks(rig: PicturedRig, camera: Camera) -> None:
    """A call by a click, from a case and from a conversation, and one that is refused."""
    page = camera.page
    await page.goto("/callbacks?stage=replied")
    case = f"/callbacks/{next(ids(await page.content(), '/callbacks'))}"
    await camera.take("dial-board", "/callbacks")
    await camera.take("dial-offered", case)
    rig.desk.registered = False
    await page.goto(case)
    await page.click("#dial")
    await page.screenshot(path=camera.to / "dial-refused.png")
    rig.desk.registered = True
    await page.goto(case)
    await page.click("#dial")
    await camera.take("dial-ringing", case)
    rig.desk.speaks()
    await camera.take("dial-talking", case)
    rig.desk.ends()
    await camera.take("dial-over", case)


async def living(rig: SeededRig, camera: Camera) -> None:
    """A call that rings still, and its why."""
    rig.ring("1900000777.1", "+13475550196")
    page = camera.page
    await page.goto("/calls")
    link = page.locator(".ringing-link").first
    await link.wait_for()
    path = await link.get_attribute("href")
    assert path is not None
    await camera.take("why-living", path)
    rig.hang_up("1900000777.1", "+13475550196")


async def pages_in_use(camera: Camera) -> None:
    """What is typed, opened, searched and wrong."""

    async def found(page: Page) -> None:
        await page.fill("#search-words", "Zo")
        await page.press("#search-words", "Enter")

    async def nothing(page: Page) -> None:
        await page.fill("#search-words", "Nebuchadnezzar")
        await page.press("#search-words", "Enter")

    async def no_thread(page: Page) -> None:
        await page.fill("#search input[name=q]", "Nebuchadnezzar")
        await page.press("#search input[name=q]", "Enter")
        await page.wait_for_selector(".inbox-list .empty")

    async def menu(page: Page) -> None:
        await page.click("#talk-menu > summary")
        await page.click("#talk-optout > summary")

    async def typed(page: Page) -> None:
        await page.fill("#f-message", "Sorry we missed you \U0001f9b7! " * 9 + "{{contact.name}}")
        await page.wait_for_timeout(900)

    async def refused(page: Page) -> None:
        await page.fill("#f-message", "Hello {{contact.nam}}")
        await page.fill("#f-ring_timeout", "soon")
        await page.fill("#f-hours-mon", "9 to 5")
        await page.click(".save-bar .btn-primary")
        await page.wait_for_load_state()

    async def more(page: Page) -> None:
        await page.click(".nav-more > summary")

    async def filters(page: Page) -> None:
        await page.click(".filters > summary")

    async def doubts(page: Page) -> None:
        await page.click(".reviews > summary")

    await camera.take("search-found", "/search", found, wait=600)
    await camera.take("search-nothing", "/search", nothing, wait=400)
    await camera.take("inbox-nothing-found", "/inbox", no_thread)
    await camera.take("inbox-doubts", "/inbox", doubts)
    threads = await threads_of(camera)
    for i, thread in enumerate(threads[: len(_NAMES)]):
        await camera.take(f"thread-odd-{i}", f"/inbox/{thread}?list=all")
    await camera.take("thread-menu", f"/inbox/{threads[0]}", menu)
    await camera.take("number-typed", "/numbers/1", typed)
    await camera.take("number-refused", "/numbers/1", refused)
    await camera.take("calls-filters", "/calls", filters)
    await camera.take("more", "/inbox", more, looks=("phone-light", "phone-dark", "phone-german"))


async def threads_of(camera: Camera) -> list[str]:
    """The rows of the conversations on the first page of the inbox, the newest first."""
    await camera.page.goto("/inbox?list=all")
    links = await camera.page.locator(".thread").all()
    return [row for link in links if (row := await link.get_attribute("data-thread"))]


async def printed(camera: Camera) -> None:
    async def on_paper(page: Page) -> None:
        await page.emulate_media(media="print")
        await page.set_viewport_size({"width": 760, "height": 1000})

    page = camera.page
    await page.goto("/calls")
    call = next(ids(await page.content(), "/calls"))
    thread = (await threads_of(camera))[-1]
    paths = {"thread": f"/inbox/{thread}", "figures": "/figures", "why": f"/calls/{call}"}
    for name, path in paths.items():
        await camera.take(f"print-{name}", path, on_paper, looks=("desktop-light", "desktop-dark"))


async def locked_out(camera: Camera) -> None:
    async def wrong(page: Page) -> None:
        while True:
            await page.fill("input[name=name]", "dana")
            await page.fill("input[name=password]", "not it")
            async with page.expect_response("**/login") as answer:
                await page.press("input[name=password]", "Enter")
            if (await answer.value).status == 429:
                break
        await page.wait_for_load_state()

    await camera.take("login-locked", "/login", wrong)


async def shadow(rig: SeededRig, camera: Camera) -> None:
    rig.configure(mode="shadow")
    rig.signal(signal.SIGHUP)
    await rig.until_told("READY=1", 2)
    for path in ("/inbox", "/numbers", "/figures", "/health"):
        await camera.take(f"shadow{path.replace('/', '-')}", path)
    rig.ring("1900000778.1", "+13475550196")
    await camera.take("shadow-calls", "/calls", wait=600)
    rig.hang_up("1900000778.1", "+13475550196")


async def new(camera: Camera) -> None:
    """A service that has seen nothing yet."""

    async def search(page: Page) -> None:
        await page.fill("#search-words", "Ann")
        await page.press("#search-words", "Enter")

    paths = ("/inbox", "/inbox?list=all", "/inbox?list=unread", "/calls", "/callbacks", "/figures")
    paths += ("/numbers", "/numbers/history", "/health", "/health/queue", "/audit", "/search")
    for path in paths:
        await camera.take("new-" + path.strip("/").replace("/", "-").replace("?list=", "-"), path)
    await camera.take("new-search-nothing", "/search", search, wait=400)


async def broken(rig: SeededRig, camera: Camera) -> None:
    """The last: nothing works after it."""
    with closing(sqlite3.connect(rig.folder / "textback.db")) as db, db:
        # A word that no version ever wrote: what the program does not expect.
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("UPDATE calls SET outcome = 'nonsense' WHERE id = 7")
    await camera.take("error-500", "/calls/7")
    await rig.asterisk.stop()
    await rig.simulator.stop()
    await camera.take("health-alarms", "/health", wait=2_000)
    with closing(sqlite3.connect(rig.folder / "textback.db")) as db, db:
        db.execute("ALTER TABLE calls RENAME TO calls_away")
    await camera.take("error-503", "/calls")
