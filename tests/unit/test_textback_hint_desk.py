"""The desk: hooks' words on to their calls, wishes on to the disk, and nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.unit.test_textback_hints import CALLER, DID, configuration, hint
from textback import hints
from textback.callback import Configured
from textback.hint_desk import HintDesk
from textback.model import (
    Call,
    Hint,
    HintKind,
    HookResult,
    Moment,
    OutboxRow,
    OutboxState,
    Outcome,
    Phase,
    Source,
    TextKind,
)
from textback.store.errors import StoreError, StoreUnavailableError
from textback.store.rows import CallFact
from textback.store.store import Store

PEER = "127.0.0.1"
HOOK = hint(pbx="")


@dataclass
class FakeLink:
    """A PBX link that is up, or not, and knows some calls."""

    boot: str = "2026-01-01T00:00:00"
    state: str = "up"
    calls: dict[str, Call] = field(default_factory=dict)
    heard: list[tuple[Hint, bool]] = field(default_factory=list)

    def hint(self, hint: Hint, *, told: bool = False) -> None:
        self.heard.append((hint, told))

    def call(self, uniqueid: str) -> Call | None:
        return self.calls.get(uniqueid)


@dataclass
class Site:
    desk: HintDesk
    store: Store
    link: FakeLink
    facts: list[Call]
    queued: list[tuple[OutboxRow, Hint]]

    def take(self, kind: HintKind, **changed: Any) -> HookResult:
        return self.desk.take(replace(HOOK, kind=kind, **changed), PEER).result

    async def written(self) -> None:
        """Wait until every wish is on the disk."""
        async with asyncio.timeout(20):
            while True:
                if not self.desk.waiting:
                    return
                await asyncio.sleep(0.005)

    async def opted_out(self) -> list[str]:
        return [number for number, _, _ in await self.store.opted_out()]


@asynccontextmanager
async def site(folder: Path, *, limit: int = 100, run: bool = True) -> AsyncIterator[Site]:
    store = await Store.open(folder / "textback.db")
    link = FakeLink()
    facts: list[Call] = []
    queued: list[tuple[OutboxRow, Hint]] = []
    config = configuration()
    desk = HintDesk(
        store,
        lambda: config,
        {"pbx1": link},
        on_call=facts.append,
        on_queued=lambda row, hint: queued.append((row, hint)),
        clock=lambda: HOOK.at,
        limit=limit,
    )
    task = asyncio.create_task(desk.run(), name="desk") if run else None
    await asyncio.sleep(0)  # it is at work
    try:
        yield Site(desk, store, link, facts, queued)
    finally:
        if task is not None:
            await desk.stop()
            await task
        await store.close()


# --- words about a call ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [HintKind.MISSED, HintKind.HANDLED, HintKind.MESSAGE])
async def test_a_word_about_a_call_goes_to_the_tracker_of_its_pbx(
    tmp_path: Path, kind: HintKind
) -> None:
    async with site(tmp_path, run=False) as here:
        assert here.take(kind, message="closed") is HookResult.OK

    ((heard, told),) = here.link.heard
    assert (heard.kind, heard.pbx, told) == (kind, "pbx1", False)
    assert here.facts == []


async def test_with_the_link_down_intake_is_told_and_the_tracker_remembers(tmp_path: Path) -> None:
    async with site(tmp_path, run=False) as here:
        here.link.state = "waiting"
        assert here.take(HintKind.MESSAGE, message="closed") is HookResult.OK
        assert here.take(HintKind.MISSED) is HookResult.OK

    assert [told for _, told in here.link.heard] == [True, True]
    message, missed = here.facts
    assert (message.told_missed, message.message) == ("", "closed")
    assert (missed.phase, missed.source) == (Phase.HINTED, Source.AGI)
    assert (missed.told_missed, missed.message) == ("agi", "closed")
    assert (missed.caller, missed.did, missed.key.boot) == (CALLER, DID, here.link.boot)


async def test_with_the_link_down_a_call_it_knew_keeps_what_was_seen(tmp_path: Path) -> None:
    async with site(tmp_path, run=False) as here:
        seen = replace(hints.call_by_hint(HOOK, "b"), source=Source.AMI, context="seen")
        here.link.calls[HOOK.uniqueid] = seen
        here.link.state = "waiting"
        here.take(HintKind.MISSED, context="later")

    (fact,) = here.facts
    assert (fact.context, fact.told_missed, fact.source) == ("seen", "agi", Source.AGI)


async def test_with_the_link_down_a_leg_of_nobody_knows_whom_is_ignored(tmp_path: Path) -> None:
    async with site(tmp_path, run=False) as here:
        here.link.state = "waiting"
        result = here.take(HintKind.MISSED, channel="Local/101@from-queue-00000001;2")

    assert result is HookResult.IGNORED
    assert here.facts == []


async def test_with_the_link_down_a_number_that_is_not_watched_is_ignored(tmp_path: Path) -> None:
    async with site(tmp_path, run=False) as here:
        here.link.state = "waiting"
        assert here.take(HintKind.MISSED, did="+12125550199") is HookResult.IGNORED

    assert here.facts == []


async def test_a_word_no_call_came_for_is_told_or_used_when_the_link_went_down(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, run=False) as here:
        with capture_logs() as logs:
            here.desk.heard(hint(), None)
            here.link.state = "waiting"
            here.desk.heard(hint(), None)

    assert [e["event"] for e in logs if e["log_level"] == "warning"] == ["hint_without_call"]
    assert [fact.told_missed for fact in here.facts] == ["agi"]


async def test_an_unknown_pbx_or_message_is_refused_and_nothing_is_handed_on(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, run=False) as here:
        assert here.take(HintKind.MISSED, pbx="nowhere") is HookResult.ERROR
        assert here.take(HintKind.MESSAGE, message="nowhere") is HookResult.ERROR
        assert here.take(HintKind.OFFER, message="nowhere") is HookResult.ERROR

    assert (here.link.heard, here.facts, here.desk.waiting) == ([], [], 0)


async def test_a_message_the_dialplan_named_and_there_is_not_is_told(tmp_path: Path) -> None:
    call = replace(hints.call_by_hint(HOOK, ""), message="nowhere")
    async with site(tmp_path, run=False) as here:
        with capture_logs() as logs:
            here.desk.check(call)
            here.desk.check(replace(call, message="closed"))
            here.desk.check(replace(call, phase=Phase.ENDED))

    (told,) = logs
    assert (told["event"], told["log_level"]) == ("hint_refused", "warning")
    assert "nowhere" in told["reason"]


# --- wishes ---------------------------------------------------------------------------------------


async def test_an_opt_out_is_on_the_disk_with_its_evidence_and_taken_back(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        assert here.take(HintKind.OPTOUT) is HookResult.OK
        await here.written()
        assert await here.opted_out() == [CALLER]

        assert here.take(HintKind.OPTIN) is HookResult.OK
        await here.written()
        assert await here.opted_out() == []


async def test_an_offer_becomes_one_text_however_often_the_key_is_pressed(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        for _ in range(3):
            assert here.take(HintKind.OFFER, message="closed") is HookResult.OK
        await here.written()
        rows = await here.store.queue(limit=10)

    assert [(row.kind, row.to, row.text) for row in rows] == [
        (TextKind.OFFER, CALLER, "We are closed.")
    ]
    assert [(row.id, told.kind) for row, told in here.queued] == [(rows[0].id, HintKind.OFFER)]
    assert rows[0].state is OutboxState.SHADOW


async def test_an_event_of_the_dialplan_is_a_wish_as_well(tmp_path: Path) -> None:
    call = hints.call_by_hint(HOOK, "")
    async with site(tmp_path) as here:
        here.desk.heard(hint(HintKind.OPTOUT, source="UserEvent", caller="", did=""), call)
        await here.written()

        assert await here.opted_out() == [CALLER]


async def test_an_event_that_cannot_be_obeyed_is_told(tmp_path: Path) -> None:
    call = replace(hints.call_by_hint(HOOK, ""), caller="anonymous", caller_final="anonymous")
    async with site(tmp_path) as here:
        with capture_logs() as logs:
            here.desk.heard(hint(HintKind.OPTOUT, source="UserEvent"), call)

    assert [e["event"] for e in logs] == ["hint_refused"]


async def test_the_number_is_the_one_the_call_came_in_with(tmp_path: Path) -> None:
    """A dialplan may have rewritten CALLERID(num) by the time the hook runs."""
    async with site(tmp_path) as here:
        here.link.calls[HOOK.uniqueid] = hints.call_by_hint(HOOK, "")
        assert here.take(HintKind.OPTOUT, caller="101") is HookResult.OK
        await here.written()

        assert await here.opted_out() == [CALLER]


async def test_ok_means_that_it_will_be_written_and_a_full_queue_says_no(tmp_path: Path) -> None:
    async with site(tmp_path, limit=2, run=False) as here:
        results = [here.take(HintKind.OPTOUT) for _ in range(3)]

        assert results == [HookResult.OK, HookResult.OK, HookResult.ERROR]
        assert here.desk.waiting == 2


async def test_what_was_taken_is_written_at_the_stop(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        for number in range(5):
            assert here.take(HintKind.OPTOUT, caller=f"+1212555012{number}") is HookResult.OK
        await here.desk.stop()

        assert len(await here.opted_out()) == 5
        assert here.take(HintKind.OPTOUT) is HookResult.ERROR, "too late"


async def test_a_store_that_fails_for_a_while_loses_no_wish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as here:
        real, failures = here.store.opt_out_by_hint, 0

        async def fails_first(*args: Any, **named: Any) -> tuple[int, ...]:
            nonlocal failures
            failures += 1
            if failures < 3:
                raise StoreUnavailableError("disk full")
            return await real(*args, **named)

        monkeypatch.setattr(here.store, "opt_out_by_hint", fails_first)
        monkeypatch.setattr("textback.store.outage.Outage.FIRST", 0.001)
        with capture_logs() as logs:
            here.take(HintKind.OPTOUT)
            await here.written()

        assert await here.opted_out() == [CALLER]
        assert [e["event"] for e in logs if e["log_level"] == "error"] == ["store_failed"]


async def test_a_wish_that_cannot_be_stored_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as here:

        async def never(*_: Any, **__: Any) -> None:
            raise StoreError("no such table")

        monkeypatch.setattr(here.store, "offer", never)
        with capture_logs() as logs:
            here.take(HintKind.OFFER, message="closed")
            here.take(HintKind.OPTOUT)
            await here.written()

        assert [e["event"] for e in logs if e["log_level"] == "error"] == ["hint_not_stored"]
        assert await here.opted_out() == [CALLER]


# --- lookup ---------------------------------------------------------------------------------------


async def test_lookup_tells_of_a_missed_call(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        before = hints.call_by_hint(HOOK, "")
        ended = replace(
            before,
            key=replace(before.key, uniqueid="1600000000.1"),
            phase=Phase.ENDED,
            outcome=Outcome.NO_ANSWER,
            started=Moment(HOOK.at.utc - timedelta(hours=1), 0.0),
            gap=False,
        )
        rules = Configured(configuration())
        fact = CallFact(call=ended, caller=CALLER, number=DID, cases=rules)
        await here.store.judge(fact, HOOK.at.utc)
        answer = await here.desk.look_up(HOOK, PEER)

    assert answer.result is HookResult.OK
    assert dict(answer.variables)["TEXTBACK_OPEN_CASE"] == "1"
    assert dict(answer.variables)["TEXTBACK_MISSES"] == "1"


async def test_a_withheld_caller_is_never_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as here:
        monkeypatch.setattr(here.store, "lookup", None)
        answer = await here.desk.look_up(replace(HOOK, caller="anonymous"), PEER)

    assert answer.result is HookResult.IGNORED
    assert dict(answer.variables)["TEXTBACK_OPEN_CASE"] == "0"


async def test_lookups_given_up_leave_a_store_that_hangs_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as here:
        free, asked = asyncio.Event(), 0

        async def hangs(_caller: str, _now: datetime) -> None:
            nonlocal asked
            asked += 1
            await free.wait()

        monkeypatch.setattr(here.store, "lookup", hangs)
        waiting = [
            asyncio.create_task(here.desk.look_up(HOOK, PEER), name=f"lookup {n}")
            for n in range(50)
        ]
        done, pending = await asyncio.wait(waiting, timeout=0.05)
        for task in pending:
            task.cancel()
        await asyncio.wait(waiting)
        assert (len(done), asked) == (0, 4), "as many as the store has readers, and no more"

        free.set()
        answer = await here.desk.look_up(HOOK, PEER)
        assert answer.result is HookResult.OK


async def test_a_store_that_cannot_be_read_is_an_error_not_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as here:

        async def fails(_caller: str, _now: datetime) -> None:
            raise StoreUnavailableError("disk I/O error")

        monkeypatch.setattr(here.store, "lookup", fails)
        answer = await here.desk.look_up(HOOK, PEER)

    assert answer.result is HookResult.ERROR
    assert "disk I/O error" in answer.reason
