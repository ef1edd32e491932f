"""The hook `reply` over real sockets: Asterisk is asked one thing at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest

from agi.messages import QUESTIONS
from agi.server import AgiServer
from agi.settings import AgiSettings
from tests.fakes.agi import head, words
from textback.model import Hint, HookAnswer, HookResult, PhoneText

PATIENCE = 20.0
BODY = "Grüße 😀\n200 result=1 (forged)\n"
HEAD = head(
    "reply",
    type="Message",
    channel="Message/ast_msg_queue",
    callerid="unknown",
    dnid="unknown",
    context="textback-message",
    extension="+16465550123",
)


@dataclass
class FakeDesk:
    texts: list[PhoneText] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, hint: Hint, peer: str) -> HookAnswer:
        raise AssertionError("reply is no hint")

    async def look_up(self, hint: Hint, peer: str) -> HookAnswer:
        raise AssertionError("reply is no question")

    async def answer(self, text: PhoneText, peer: str) -> HookAnswer:
        self.texts.append(text)
        await self.free.wait()
        return HookAnswer(result=HookResult.OK)


@dataclass
class Asterisk:
    """Runs AGI() on the channel of a SIP MESSAGE: one line is read, answered, then the next."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    body: bytes = BODY.encode()
    sender: str = '"Desk" <sip:101@192.0.2.1>'
    asked: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    async def step(self) -> bool:
        """One command and its answer; False: the script has ended."""
        async with asyncio.timeout(PATIENCE):
            line = await self.reader.readline()
        if not line:
            return False
        command = words(line.decode().rstrip("\n"))
        value = ""
        if command[0] == "GET":
            assert command[:3] == ["GET", "FULL", "VARIABLE"]
            assert self.reader._buffer == bytearray(), "asked before it was answered"  # type: ignore[attr-defined]
            self.asked.append(command[3])
            answers = [
                str(len(self.body)),
                quote(self.body, safe=""),
                quote(self.sender, safe=""),
                "",
            ]
            value = f" ({answers[QUESTIONS.index(command[3])]})"
        else:
            self.variables[command[2]] = command[3]
        self.writer.write(f"200 result=1{value}\n".encode())
        return True

    async def run(self) -> None:
        while await self.step():
            continue


@dataclass
class Site:
    server: AgiServer
    desk: FakeDesk

    @asynccontextmanager
    async def asterisk(self) -> AsyncIterator[Asterisk]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            writer.write(HEAD)
            yield Asterisk(reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    desk = FakeDesk()
    server = AgiServer(AgiSettings(host="127.0.0.1", port=0), desk)
    await server.open()
    try:
        yield Site(server, desk)
    finally:
        await server.close()


async def test_message_is_asked_for_piece_by_piece_and_handed_on(site: Site) -> None:
    site.desk.free.set()
    async with site.asterisk() as asterisk:
        await asterisk.run()
    assert tuple(asterisk.asked) == QUESTIONS
    assert asterisk.variables == {"TEXTBACK_RESULT": "OK", "TEXTBACK_REASON": ""}
    (text,) = site.desk.texts
    assert (text.endpoint, text.handset, text.text) == ("PJSIP/101", "+16465550123", BODY)


async def test_store_may_take_longer_than_a_call_may_wait(site: Site) -> None:
    async with site.asterisk() as asterisk:
        running = asyncio.create_task(asterisk.run(), name="asterisk")
        await asyncio.sleep(site.server.settings.deadline * 2)
        assert not running.done()
        site.desk.free.set()
        await running
    assert asterisk.variables["TEXTBACK_RESULT"] == "OK"


async def test_store_that_hangs_is_not_waited_for_longer_than_the_patience(site: Site) -> None:
    async with site.asterisk() as asterisk:
        await asterisk.run()
    assert asterisk.variables["TEXTBACK_RESULT"] == "ERROR"
    assert site.server.counters["late"] == 1


async def test_asterisk_that_leaves_between_two_questions_hands_nothing_on(site: Site) -> None:
    async with site.asterisk() as asterisk:
        assert await asterisk.step()
    await site.server.close()
    assert site.desk.texts == []


async def test_message_that_came_empty_is_refused_with_the_reason(site: Site) -> None:
    async with site.asterisk() as asterisk:
        asterisk.body = b""
        await asterisk.run()
    assert asterisk.variables["TEXTBACK_RESULT"] == "ERROR"
    assert "1023 bytes" in asterisk.variables["TEXTBACK_REASON"]
    assert site.desk.texts == []
