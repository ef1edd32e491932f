"""Desk phones are told: at once, in order, until Asterisk took it, over restarts, not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.fakes.store import NOW, at, reply
from tests.unit.configs import BASE
from textback import desk_words
from textback.config import Config
from textback.config_load import loads
from textback.desk import FIRST_PAUSE, LONGEST_PAUSE, MAX_AGE, DeskPhones, pause
from textback.model import Moment, PhoneAnswer, PhoneResult, TextIn
from textback.reply_rules import Ours, ReplyRules
from textback.store.store import Store

PATIENCE = 20.0
TOOK = PhoneAnswer(result=PhoneResult.TOOK)
AWAY = PhoneAnswer(result=PhoneResult.AWAY, detail="PJSIP/101 is not registered")


def config() -> Config:
    return loads(f'{BASE}desk = ["PJSIP/101"]\n')


@dataclass
class FakeLine:
    """A PBX whose phones take what `answer` says."""

    answer: Callable[[str], PhoneAnswer] = lambda body: TOOK
    bodies: list[str] = field(default_factory=list)  #: that were taken
    asked: int = 0
    senders: list[tuple[str, str, str]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def tell(self, endpoint: str, sender: str, name: str, body: str) -> PhoneAnswer:
        async with self.news:
            self.asked += 1
            self.senders.append((endpoint, sender, name))
            answer = self.answer(body)
            if answer.result is PhoneResult.TOOK:
                self.bodies.append(body)
            self.news.notify_all()
        return answer

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE), self.news:
            await self.news.wait_for(true)


class Desk:
    """One store, one phone line, and a clock of the test's own."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.line = FakeLine()
        self.now = Moment(NOW, 1000.0)
        self.results: list[str] = []
        self.rules = ReplyRules(
            phones=lambda did: desk_words.phones_of(config(), did),
            ours=lambda number: Ours(number, number),
        )

    def phones(self) -> DeskPhones:
        return DeskPhones(
            self.store,
            config,
            lambda: {"pbx": self.line},
            on_told=self.results.append,
            clock=lambda: self.now,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[DeskPhones]:
        phones = self.phones()
        task = asyncio.create_task(phones.run(), name="desk")
        try:
            yield phones
        finally:
            await phones.stop()
            await task

    async def wrote(self, text: str) -> None:
        await self.store.record_reply(reply(text, at=self.now.utc), self.rules)

    async def states(self) -> list[str]:
        found = await self.store.conversation(1)
        texts = [line for line in found.lines if isinstance(line, TextIn)]
        return [told.state.value for line in texts for told in line.phones]

    def later(self, seconds: float) -> None:
        self.now = self.now.plus(seconds)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await Store.open(tmp_path / "textback.db")
    yield Desk(store)
    await store.close()


async def test_text_is_told_at_once_and_never_again(desk: Desk) -> None:
    async with desk.running() as phones:
        await desk.wrote("Hello?")
        phones.kick()
        await desk.line.until(lambda: desk.line.bodies == ["Hello?"])
    async with desk.running() as phones:
        phones.kick()
    assert desk.line.asked == 1
    assert await desk.states() == ["sent"]
    assert desk.line.senders == [("PJSIP/101", "+12125550123", "Text from +12125550123")]
    assert desk.results == ["told"]


async def test_what_waited_over_a_restart_is_told_without_a_kick(desk: Desk) -> None:
    await desk.wrote("while it was down")
    async with desk.running():
        await desk.line.until(lambda: desk.line.bodies == ["while it was down"])


async def test_phone_that_is_off_gets_everything_in_order_when_it_is_on(desk: Desk) -> None:
    desk.line.answer = lambda body: AWAY
    await desk.wrote("one")
    async with desk.running() as phones:
        await desk.line.until(lambda: desk.line.asked == 1)
        await desk.wrote("two")
        phones.kick()
        await desk.line.until(lambda: desk.line.asked == 2)
        desk.line.answer = lambda body: TOOK
        desk.later(2 * FIRST_PAUSE)
        phones.kick()
        await desk.line.until(lambda: desk.line.bodies == ["one", "two"])
    assert await desk.states() == ["sent", "sent"]
    assert desk.results == ["not_told", "not_told", "told", "told"]


async def test_before_its_time_a_phone_that_is_off_is_left_alone(desk: Desk) -> None:
    desk.line.answer = lambda body: AWAY
    await desk.wrote("one")
    async with desk.running() as phones:
        await desk.line.until(lambda: desk.line.asked == 1)
        for _ in range(3):
            phones.kick()
            await asyncio.sleep(0)
        await phones.stop()
    assert desk.line.asked == 1
    assert await desk.store.phone_next_due() == at(FIRST_PAUSE)


async def test_link_that_comes_up_ends_the_wait(desk: Desk) -> None:
    desk.line.answer = lambda body: PhoneAnswer(result=PhoneResult.DOWN, detail="down")
    await desk.wrote("one")
    async with desk.running() as phones:
        await desk.line.until(lambda: desk.line.asked == 1)
        desk.line.answer = lambda body: TOOK
        phones.link_up("pbx")
        await desk.line.until(lambda: desk.line.bodies == ["one"])


async def test_restart_goes_on_with_the_piece_that_was_not_taken(desk: Desk) -> None:
    await desk.wrote("word " * 300)
    desk.line.answer = lambda body: TOOK if body.startswith("(1/") else AWAY
    async with desk.running():
        await desk.line.until(lambda: desk.line.asked == 2)
    desk.line.answer = lambda body: TOOK
    desk.later(60)
    async with desk.running():
        await desk.line.until(lambda: len(desk.line.bodies) == 3)
    assert [body[:5] for body in desk.line.bodies] == ["(1/3)", "(2/3)", "(3/3)"]


async def test_old_text_is_given_up_and_told_of_and_the_next_one_is_tried(desk: Desk) -> None:
    desk.line.answer = lambda body: AWAY
    await desk.wrote("old")
    async with desk.running():
        await desk.line.until(lambda: desk.line.asked == 1)
    desk.later(MAX_AGE.total_seconds())
    await desk.wrote("new")
    with capture_logs() as logs:
        async with desk.running():
            await desk.line.until(lambda: desk.line.asked == 3)
    assert await desk.states() == ["failed", "queued"]
    (said,) = [entry for entry in logs if entry["event"] == "desk_phone_given_up"]
    assert (said["log_level"], said["attempts"]) == ("warning", 2)
    assert "old" not in said.values()
    assert "given_up" in desk.results


async def test_missing_right_is_said_once_for_each_connection(desk: Desk) -> None:
    desk.line.answer = lambda body: PhoneAnswer(result=PhoneResult.DENIED, detail="denied")
    await desk.wrote("one")
    with capture_logs() as logs:
        async with desk.running() as phones:
            for tries in (1, 2):
                await desk.line.until(lambda tries=tries: desk.line.asked == tries)
                desk.later(60)
                phones.kick()
            await desk.line.until(lambda: desk.line.asked == 3)
    said = [entry for entry in logs if entry["event"] == "desk_denied"]
    assert len(said) == 1
    assert "write = reporting,message" in said[0]["fix"]


async def test_phone_that_left_the_desk_is_not_told_what_waited_for_it(desk: Desk) -> None:
    await desk.wrote("one")
    other = loads(f'{BASE}desk = ["PJSIP/102"]\n')
    counted = asyncio.Event()
    phones = DeskPhones(
        desk.store,
        lambda: other,
        lambda: {"pbx": desk.line},
        on_told=lambda result: counted.set(),
        clock=lambda: desk.now,
    )
    task = asyncio.create_task(phones.run(), name="desk")
    async with asyncio.timeout(PATIENCE):
        await counted.wait()
    await phones.stop()
    await task
    assert await desk.states() == ["failed"]
    assert desk.line.asked == 0


async def test_pbx_that_is_gone_from_the_configuration_is_no_fault(desk: Desk) -> None:
    counted = asyncio.Event()
    phones = DeskPhones(
        desk.store,
        config,
        dict,
        on_told=lambda result: counted.set(),
        clock=lambda: desk.now,
    )
    await desk.wrote("one")
    task = asyncio.create_task(phones.run(), name="desk")
    async with asyncio.timeout(PATIENCE):
        await counted.wait()
    await phones.stop()
    await task
    assert await desk.states() == ["queued"]


def test_pauses_grow_to_a_longest_one() -> None:
    found = [pause(attempts) for attempts in range(1, 60)]
    assert found[:3] == [timedelta(seconds=FIRST_PAUSE * factor) for factor in (1, 2, 4)]
    assert found[-1] == timedelta(seconds=LONGEST_PAUSE)
    assert found == sorted(found)
