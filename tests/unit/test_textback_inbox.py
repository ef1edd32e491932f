"""Inbox against a real store: on the disk before the carrier is told so, words obeyed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.fakes.store import (
    CALLER,
    accepted,
    at,
    finished,
    queued,
    receipt,
    reply,
    sending,
)
from textback.inbox import Batcher, Inbox
from textback.model import Incoming, OutboxState, Reading, ReceiptState
from textback.observer import Observer
from textback.reply_rules import PLAIN, Facts, ReplyRules
from textback.store.errors import StoreError, StoreUnavailableError
from textback.store.store import Store


class Watcher(Observer):
    def __init__(self) -> None:
        self.receipts: list[tuple[ReceiptState, bool]] = []
        self.states: list[OutboxState] = []
        self.replies = self.incomplete = self.repeated = 0

    def receipt(self, state: ReceiptState, matched: bool) -> None:
        self.receipts.append((state, matched))

    def state(self, state: OutboxState) -> None:
        self.states.append(state)

    def reply(self) -> None:
        self.replies += 1

    def reply_incomplete(self) -> None:
        self.incomplete += 1

    def reply_repeated(self) -> None:
        self.repeated += 1


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def inbox(store: Store, watcher: Watcher) -> Inbox:
    return Inbox(store, lambda: "US", observer=watcher)


async def test_a_receipt_is_on_the_disk_when_it_returns(
    store: Store, inbox: Inbox, watcher: Watcher
) -> None:
    (row,) = await sending(store)
    await store.record_submissions([finished(row, accepted("1a"))], at(2))
    await inbox.receipt(receipt("1a"))
    assert (await store.text(row.id)).state is OutboxState.DELIVERED
    assert watcher.receipts == [(ReceiptState.DELIVERED, True)]
    assert watcher.states == [OutboxState.DELIVERED]


async def test_a_receipt_that_matches_nothing_is_kept_and_said(
    inbox: Inbox, watcher: Watcher
) -> None:
    with capture_logs() as logs:
        await inbox.receipt(receipt("1a"))
    (said,) = logs
    assert (said["event"], said["note"]) == ("receipt_waits", "no text has this message id")
    assert watcher.receipts == [(ReceiptState.DELIVERED, False)]


async def test_no_log_line_holds_the_text_of_a_reply(inbox: Inbox, watcher: Watcher) -> None:
    with capture_logs() as logs:
        await inbox.reply(reply("my card is 4111 1111 1111 1111"))
    assert "4111" not in str(logs)
    assert (logs[0]["event"], logs[0]["length"]) == ("reply", 30)
    assert watcher.replies == 1


@pytest.mark.parametrize("said", ["STOP", "Stop.", " unsubscribe ", "S T O P"])
async def test_stop_is_obeyed(store: Store, inbox: Inbox, said: str) -> None:
    (row,) = await queued(store)
    await inbox.reply(reply(said))
    assert (await store.text(row.id)).reason == "opted_out"
    assert [number for number, _, _ in await store.opted_out()] == [CALLER]
    await inbox.reply(reply("start"))
    assert await store.opted_out() == []


@pytest.mark.parametrize("said", ["Stop by at 5?", "please don't stop", "yes", ""])
async def test_a_sentence_is_no_stop(store: Store, inbox: Inbox, said: str) -> None:
    await inbox.reply(reply(said))
    assert await store.opted_out() == []


async def test_a_part_of_a_longer_text_is_no_stop(store: Store, inbox: Inbox) -> None:
    await inbox.reply(reply("stop", reference=7, part=2, parts=2))
    assert await store.opted_out() == []


async def test_a_handset_without_its_plus_is_the_same_handset(store: Store, inbox: Inbox) -> None:
    (row,) = await queued(store)
    await inbox.reply(reply("stop", sender="12125550123"))
    assert [number for number, _, _ in await store.opted_out()] == [CALLER]
    assert (await store.text(row.id)).state is OutboxState.CANCELLED


async def test_what_comes_together_shares_a_transaction(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    record = store.record_receipts

    async def counting(found: Sequence[Any]) -> Any:
        sizes.append(len(found))
        return await record(found)

    monkeypatch.setattr(store, "record_receipts", counting)
    inbox = Inbox(store, lambda: "US")
    await asyncio.gather(*(inbox.receipt(receipt(str(n))) for n in range(450)))
    assert sizes == [200, 200, 50]


# --- a store that fails -----------------------------------------------------------------------


async def test_when_the_store_fails_the_carrier_is_told_and_the_log_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, failing = store.record_replies, [True]

    async def full(found: Sequence[Any], rules: Any) -> Any:
        if failing:
            raise StoreUnavailableError("disk full")
        return await record(found, rules)

    monkeypatch.setattr(store, "record_replies", full)
    inbox = Inbox(store, lambda: "US")
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(StoreUnavailableError):
                await inbox.reply(reply("hello"))
        failing.clear()
        await inbox.reply(reply("hello"))
    assert [e["event"] for e in logs] == ["store_failed", "store_works_again", "reply"]


async def test_one_that_cannot_be_stored_does_not_fail_the_others() -> None:
    async def write(items: Sequence[int]) -> Sequence[int]:
        if 2 in items:
            raise StoreError("not two")
        return [item * 10 for item in items]

    batcher: Batcher[int, int] = Batcher("test", write)
    results = await asyncio.gather(*map(batcher.add, (1, 2, 3)), return_exceptions=True)
    assert results[0] == 10
    assert isinstance(results[1], StoreError)
    assert results[2] == 30


async def test_a_fault_of_ours_leaves_nobody_waiting() -> None:
    async def write(items: Sequence[int]) -> Sequence[int]:
        raise ZeroDivisionError

    batcher: Batcher[int, int] = Batcher("test", write)
    results = await asyncio.gather(*map(batcher.add, (1, 2)), return_exceptions=True)
    assert [type(r) for r in results] == [ZeroDivisionError, ZeroDivisionError]


async def test_a_carrier_that_hangs_up_while_we_write_does_not_stop_the_writing(
    store: Store, inbox: Inbox
) -> None:
    gone = asyncio.create_task(inbox.reply(reply("hello")), name="gone")
    stays = asyncio.create_task(inbox.reply(reply("there")), name="stays")
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    with pytest.raises(asyncio.CancelledError):
        await gone


# --- texts in parts -------------------------------------------------------------------------------


class Clock:
    """A wall clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = at(60)

    def __call__(self) -> datetime:
        return self.now


async def test_a_text_whose_parts_do_not_come_is_taken_in_its_time(
    store: Store, watcher: Watcher
) -> None:
    clock, kept = Clock(), asyncio.Queue[Incoming]()
    inbox = Inbox(store, lambda: "US", observer=watcher, clock=clock, on_kept=kept.put_nowait)
    task = asyncio.create_task(inbox.run(), name="inbox")
    await inbox.reply(reply("Please ", reference=3, part=1, parts=2))
    assert (kept.qsize(), watcher.replies) == (0, 0)
    clock.now = at(60 + 600)
    with capture_logs() as logs:
        inbox.answered([])  # whatever wakes it
        text = await kept.get()
    assert (text.text, text.missing) == ("Please […]", 1)
    assert (watcher.replies, watcher.incomplete) == (1, 1)
    (said,) = [entry for entry in logs if entry["event"] == "reply"]
    assert (said["parts"], said["missing"]) == (2, 1)
    assert "Please" not in str(logs)
    await inbox.stop()
    await task


async def test_parts_that_waited_before_the_start_are_taken_too(store: Store) -> None:
    clock, kept = Clock(), asyncio.Queue[Incoming]()
    await Inbox(store, lambda: "US").reply(reply("one ", reference=3, part=1, parts=2))
    clock.now = at(5000)
    inbox = Inbox(store, lambda: "US", clock=clock, on_kept=kept.put_nowait)
    task = asyncio.create_task(inbox.run(), name="inbox")
    assert (await kept.get()).missing == 1
    await inbox.stop()
    await task


async def test_a_store_that_fails_does_not_end_the_looking(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, kept, failed = Clock(), asyncio.Queue[Incoming](), asyncio.Event()
    clock.now = at(5000)
    await store.record_reply(reply("one ", reference=3, part=1, parts=2))
    give_up = store.give_up_partials

    async def failing(rules: Any, now: datetime) -> Any:
        if not failed.is_set():
            failed.set()
            raise StoreUnavailableError("disk full")
        return await give_up(rules, now)

    monkeypatch.setattr(store, "give_up_partials", failing)
    inbox = Inbox(store, lambda: "US", clock=clock, on_kept=kept.put_nowait)
    task = asyncio.create_task(inbox.run(), name="inbox")
    await failed.wait()
    inbox.answered([])
    assert (await kept.get()).missing == 1
    await inbox.stop()
    await task


async def test_what_the_carrier_has_is_noted_at_the_stop(store: Store, inbox: Inbox) -> None:
    plain = reply("ok", session="a", raw=b"ok")
    number = await inbox.reply(plain)
    task = asyncio.create_task(inbox.run(), name="inbox")
    inbox.answered([number])
    await inbox.stop()
    await task
    again = await store.record_reply(replace(plain, session="b", at=at(90)))
    assert not again.repeat


async def test_a_repeat_is_counted_and_no_reply(
    store: Store, inbox: Inbox, watcher: Watcher
) -> None:
    plain = reply("ok", session="a", raw=b"ok")
    await inbox.reply(plain)
    with capture_logs() as logs:
        await inbox.reply(replace(plain, session="b", at=at(90)))
    assert [entry["event"] for entry in logs] == ["reply_repeated"]
    assert (watcher.replies, watcher.repeated) == (1, 1)


# --- what trips a fault of ours ------------------------------------------------------------------


def tripping(where: str) -> ReplyRules:
    """Rules that fail at one text, in the middle of the transaction or before it."""

    def read(text: str, number: str) -> Reading:
        if where == "read" and text == "poison":
            raise RecursionError(text)
        return PLAIN.read(text, number)

    def answer(text: Incoming, reading: Reading, facts: Facts) -> None:
        if where == "answer" and text.text == "poison":
            raise KeyError(text.text)

    return replace(PLAIN, read=read, answer=answer)


@pytest.mark.parametrize("where", ["read", "answer"])
async def test_a_text_the_rules_trip_over_is_kept_answered_and_laid_before_a_person(
    store: Store, watcher: Watcher, where: str
) -> None:
    (row,) = await queued(store)
    inbox = Inbox(store, lambda: "US", observer=watcher, rules=lambda: tripping(where))
    with capture_logs() as logs:
        numbers = await asyncio.gather(
            *(inbox.reply(reply(text, raw=text.encode())) for text in ("one", "poison", "stop"))
        )
    assert len(set(numbers)) == 3, "each has its row, and the carrier its answer"
    (said,) = [entry for entry in logs if entry["event"] == "kept_unread"]
    assert (said["what"], said["octets"], said["log_level"]) == ("reply", 6, "error")
    assert watcher.replies == 3
    assert (await store.text(row.id)).reason == "opted_out", "the others are obeyed"
    (thread,) = await store.threads_of(CALLER)
    assert thread.unread == 3


async def test_until_a_person_looked_nothing_automatic_goes_to_its_handset(store: Store) -> None:
    (row,) = await queued(store)
    inbox = Inbox(store, lambda: "US", rules=lambda: tripping("read"))
    await inbox.reply(reply("poison"))
    assert (await store.text(row.id)).state is OutboxState.HELD
    (doubt,) = await store.doubts()
    assert doubt.text == "poison"


async def test_what_has_no_place_in_any_thread_is_kept_as_octets(
    store: Store, tmp_path: Path
) -> None:
    inbox = Inbox(store, lambda: "US")
    huge = reply("part", raw=b"\x01\x02", reference=2**70, part=1, parts=2**70)
    await asyncio.gather(inbox.reply(huge), inbox.reply(reply("fine")))
    raw = sqlite3.connect(tmp_path / "textback.db")
    kept = raw.execute("SELECT raw, incoming_id IS NULL FROM replies ORDER BY id").fetchall()
    raw.close()
    assert sorted(kept) == [(b"", 0), (b"\x01\x02", 1)]


async def test_a_receipt_that_cannot_be_placed_is_kept_raw_and_answered(
    store: Store, watcher: Watcher, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = store.record_receipts

    async def tripping_over_one(found: Sequence[Any]) -> Any:
        if any(one.message_id == "poison" for one in found):
            raise OverflowError
        return await record(found)

    monkeypatch.setattr(store, "record_receipts", tripping_over_one)
    inbox = Inbox(store, lambda: "US", observer=watcher)
    bad = replace(receipt("poison"), raw=b"octets")
    with capture_logs() as logs:
        await asyncio.gather(inbox.receipt(bad), inbox.receipt(receipt("fine")))
    assert [e["what"] for e in logs if e["event"] == "kept_unread"] == ["receipt"]
    raw = sqlite3.connect(tmp_path / "textback.db")
    assert set(raw.execute("SELECT message_id FROM receipts")) == {("",), ("fine",)}
    raw.close()


async def test_a_text_with_a_gap_the_rules_trip_over_stops_neither_the_looking_nor_the_others(
    store: Store, watcher: Watcher
) -> None:
    def read(text: str, number: str) -> Reading:
        if "poison" in text:
            raise RecursionError
        return PLAIN.read(text, number)

    clock, kept = Clock(), asyncio.Queue[Incoming]()
    rules = replace(PLAIN, read=read)
    inbox = Inbox(store, lambda: "US", rules=lambda: rules, clock=clock, on_kept=kept.put_nowait)
    for reference, text in enumerate(("one", "poison", "two")):
        part = reply(text, reference=reference, part=1, parts=2, at=at(60 + reference))
        await inbox.reply(part)
    clock.now = at(60 + 900)
    with capture_logs() as logs:
        task = asyncio.create_task(inbox.run(), name="inbox")
        found = [(await kept.get()).text for _ in range(3)]
        await inbox.stop()
        await task
    assert found == ["one[…]", "poison[…]", "two[…]"]
    assert [e["what"] for e in logs if e["event"] == "kept_unread"] == ["partial reply"]
    (doubt,) = await store.doubts()
    assert doubt.text == "poison[…]"


async def test_a_closed_store_keeps_nothing_and_answers_nothing(store: Store, inbox: Inbox) -> None:
    await store.close()
    with pytest.raises(StoreError):
        await inbox.reply(reply("hello"))
