"""Desk phones answer: only those of a `desk`, on a conversation there is, never past a STOP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.fakes.store import CALLER, NOW, NUMBER, at, reply
from tests.unit.configs import BASE
from textback import desk_answers
from textback.config import Config
from textback.config_load import loads
from textback.desk_answers import DeskAnswers
from textback.hint_desk import HintDesk
from textback.model import HookResult, Moment, OutboxRow, PhoneText, TextKind
from textback.store.errors import StoreUnavailableError
from textback.store.store import Store

SECOND = "+12125550101"
TEXT = PhoneText(
    pbx="",
    endpoint="PJSIP/101",
    vouched=False,
    handset=CALLER,
    text="On our way 😀",
    at=Moment(NOW, 1000.0),
)


def config() -> Config:
    return loads(
        f'{BASE}desk = ["PJSIP/101"]\n'
        f'[[number]]\ndid = "{SECOND}"\ndesk = ["PJSIP/101", "PJSIP/102"]\n'
    )


class Desk:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.queued: list[OutboxRow] = []
        self.answers = DeskAnswers(
            store,
            config,
            on_queued=lambda row, at: self.queued.append(row),
            clock=lambda: Moment(at(120), 1120.0),
        )

    async def wrote(self, seconds: float, **changes: Any) -> None:
        await self.store.record_reply(reply("Hello?", at=at(seconds), **changes))

    async def say(self, **changes: Any) -> tuple[HookResult, str]:
        pbx = changes.pop("at_pbx", "pbx")
        answer = await self.answers.answer(replace(TEXT, **changes), pbx)
        return answer.result, answer.reason


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await Store.open(tmp_path / "textback.db")
    yield Desk(store)
    await store.close()


async def test_answer_goes_out_on_the_conversation_as_the_phones_own(desk: Desk) -> None:
    await desk.wrote(1)
    assert await desk.say() == (HookResult.OK, "")
    (row,) = desk.queued
    assert (row.to, row.sender, row.text, row.kind) == (CALLER, NUMBER, TEXT.text, TextKind.REPLY)
    assert row.route == "smsc"
    assert await desk.store.text(row.id) == row


async def test_newest_conversation_that_the_phone_serves_is_meant(desk: Desk) -> None:
    await desk.wrote(1)
    await desk.wrote(2, recipient=SECOND)
    await desk.say()
    await desk.wrote(3)
    await desk.say()
    await desk.say(endpoint="PJSIP/102")
    assert [row.sender for row in desk.queued] == [SECOND, NUMBER, SECOND]


async def test_number_is_read_as_people_dial_it(desk: Desk) -> None:
    await desk.wrote(1)
    assert await desk.say(handset="2125550123") == (HookResult.OK, "")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"endpoint": "PJSIP/103"}, "this phone is in no `desk`"),
        ({"at_pbx": "other"}, "this phone is in no `desk`"),
        ({"endpoint": "PJSIP/102"}, "never wrote to you"),
        ({"handset": "+16465550199"}, "never wrote to you"),
        ({"handset": "sales"}, "no telephone number"),
        ({"text": "  "}, "Not sent"),
        ({"text": "x" * 5000}, "Not sent"),
    ],
)
async def test_what_cannot_be_sent_is_said_and_never_written(
    desk: Desk, changes: dict[str, Any], reason: str
) -> None:
    await desk.wrote(1)
    result, said = await desk.say(**changes)
    # A phone that may not is for the operator to put right.
    assert result is (HookResult.ERROR if "desk" in reason else HookResult.IGNORED)
    assert said.startswith("Not sent: ")
    assert reason in said
    assert desk.queued == []
    assert await desk.store.queue() == []


async def test_handset_that_opted_out_is_not_answered_and_not_named_in_the_log(
    desk: Desk,
) -> None:
    await desk.wrote(1)
    await desk.store.record_reply(reply("STOP", at=at(2)))
    with capture_logs() as logs:
        result, said = await desk.say()
    assert (result, said) == (
        HookResult.IGNORED,
        "Not sent: this number has opted out of your texts.",
    )
    (entry,) = logs
    assert CALLER not in entry["reason"]
    assert desk.queued == []


async def test_store_that_fails_is_said_without_its_path(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> OutboxRow:
        raise StoreUnavailableError("/var/lib/textback.db: disk is full")

    await desk.wrote(1)
    monkeypatch.setattr(desk.store, "reply", broken)
    result, said = await desk.say()
    assert result is HookResult.ERROR
    assert "/var" not in said


async def test_slow_store_is_not_called_a_failure_and_its_text_still_goes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.wrote(1)
    free, plain = asyncio.Event(), desk.store.reply

    async def slow(*args: Any, **more: Any) -> OutboxRow:
        await free.wait()
        return await plain(*args, **more)

    monkeypatch.setattr(desk.store, "reply", slow)
    monkeypatch.setattr(desk_answers, "STORE_PATIENCE", 0.01)
    assert await desk.say() == (HookResult.ERROR, desk_answers.UNKNOWN)
    free.set()
    await desk.answers.stop()
    assert len(desk.queued) == 1


async def test_hook_that_left_does_not_undo_what_is_being_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.wrote(1)
    begun, free, plain = asyncio.Event(), asyncio.Event(), desk.store.reply

    async def slow(*args: Any, **more: Any) -> OutboxRow:
        begun.set()
        await free.wait()
        return await plain(*args, **more)

    monkeypatch.setattr(desk.store, "reply", slow)
    hook = asyncio.create_task(desk.say(), name="hook")
    await begun.wait()
    hook.cancel()
    await asyncio.wait([hook])
    free.set()
    await desk.answers.stop()
    assert len(desk.queued) == 1


@pytest.mark.parametrize(
    ("named", "peer", "wanted"),
    [
        ("", "127.0.0.1", HookResult.OK),
        ("pbx", "127.0.0.1", HookResult.OK),
        ("nobody", "127.0.0.1", HookResult.ERROR),
    ],
)
async def test_pbx_is_told_by_address_or_name(
    desk: Desk, named: str, peer: str, wanted: HookResult
) -> None:
    await desk.wrote(1)
    hints_desk = HintDesk(desk.store, config, {}, on_call=lambda call: None, answers=desk.answers)
    answer = await hints_desk.answer(replace(TEXT, pbx=named), peer)
    assert answer.result is wanted
    without = HintDesk(desk.store, config, {}, on_call=lambda call: None)
    assert (await without.answer(TEXT, peer)).result is HookResult.ERROR
