"""Desk phones through the whole daemon: told, told after a kill, and answering."""

from __future__ import annotations

import asyncio
import base64
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from agi.messages import QUESTIONS
from tests.fakes.agi import head, words
from tests.fakes.asterisk import Fields, Session
from tests.integration.daemon_rig import CALLER, DID, PATIENCE, Rig, rig

CONTACTS = ("", "PJSIP_DIAL_CONTACTS(101)")


class Phones:
    """The fake Asterisk's side: MessageSend is taken, unless it is denied."""

    def __init__(self, site: Rig) -> None:
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self.site = site
        self.on()
        site.asterisk.answers["MessageSend"] = self._take

    def on(self) -> None:
        self.site.asterisk.variables[CONTACTS] = "PJSIP/101/sip:101@127.0.0.1:5070"

    def off(self) -> None:
        self.site.asterisk.variables[CONTACTS] = ""

    def _take(self, session: Session, fields: Fields) -> None:
        self.told.put_nowait(base64.b64decode(fields["Base64Body"]).decode())
        session.reply(fields, "Message: Message successfully sent")

    async def shown(self) -> str:
        async with asyncio.timeout(PATIENCE):
            return await self.told.get()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        text = made.path.read_text(encoding="utf-8")
        made.path.write_text(f'{text}desk = ["PJSIP/101"]\n', encoding="utf-8")
        yield made


async def working(site: Rig) -> Phones:
    phones = Phones(site)
    await started(site)
    return phones


async def started(site: Rig) -> None:
    told = "STATUS=live; AMI pbx up; SMPP smsc bound"
    times = site.told.count(told)
    await site.start()
    await site.until_told(told, times + 1)


def states(site: Rig) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{site.values['store']}?mode=ro", uri=True) as db:
        found = db.execute("SELECT state FROM phone_messages ORDER BY id").fetchall()
    db.close()
    return found


async def answer(site: Rig, text: str, user: str = "101") -> dict[str, str]:
    """What the hook `reply` sets when the phone writes `text`."""
    said = head(
        "reply",
        type="Message",
        channel="Message/ast_msg_queue",
        callerid="unknown",
        dnid="unknown",
        extension=CALLER,
    )
    values = (str(len(text.encode())), quote(text, safe=""), quote(f"<sip:{user}@h>"), "")
    reader, writer = await asyncio.open_connection("127.0.0.1", site.values["agi"])
    variables: dict[str, str] = {}
    try:
        writer.write(said)
        async with asyncio.timeout(PATIENCE):
            while line := await reader.readline():
                command = words(line.decode().rstrip("\n"))
                if command[0] == "GET":
                    value = values[QUESTIONS.index(command[3])]
                    writer.write(f"200 result=1 ({value})\n".encode())
                else:
                    variables[command[2]] = command[3]
                    writer.write(b"200 result=1\n")
    finally:
        writer.close()
        await writer.wait_closed()
    return variables


async def test_reply_is_told_and_its_answer_is_sent(site: Rig) -> None:
    phones = await working(site)
    site.simulator.reply(CALLER, DID, "Are you open?")
    assert await phones.shown() == "Are you open?"

    assert (await answer(site, "Until 5 😀"))["TEXTBACK_RESULT"] == "OK"
    text = await site.text()
    assert (text.text, text.to) == ("Until 5 😀", CALLER)
    refused = await answer(site, "Hello", user="102")
    assert refused["TEXTBACK_RESULT"] == "ERROR"
    assert refused["TEXTBACK_REASON"].startswith("Not sent: this phone is in no `desk`")


async def test_what_waits_for_a_phone_survives_a_kill(site: Rig) -> None:
    phones = await working(site)
    phones.off()
    site.simulator.reply(CALLER, DID, "one")
    await site.until_logged("desk_phone_not_told")
    site.signal(signal.SIGKILL)
    await site.ended()
    assert states(site) == [("queued",)]
    phones.on()
    await started(site)
    assert await phones.shown() == "one"
    site.simulator.reply(CALLER, DID, "two")
    assert await phones.shown() == "two"
    site.signal(signal.SIGTERM)
    assert await site.ended() == 0
    assert states(site) == [("sent",), ("sent",)]
