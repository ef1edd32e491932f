"""Delivery against a real store and a gateway that answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.fakes.gateway import FakeGateway, accepted
from tests.fakes.store import NOW, finished, queued, receipt, send, sending
from textback.delivery import Delivery
from textback.lane import where_to
from textback.model import (
    Accepted,
    Later,
    Message,
    Moment,
    OutboxState,
    PartId,
    Refused,
    Unsure,
)
from textback.observer import Observer
from textback.retry import RetryRules
from textback.store.errors import StoreError, StoreUnavailableError
from textback.store.outage import Outage
from textback.store.store import Store


class Clock:
    """Both clocks of `Moment`, moved by hand."""

    def __init__(self) -> None:
        self.now = Moment(NOW, 1000.0)

    def __call__(self) -> Moment:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now = self.now.plus(seconds)


class Watcher(Observer):
    """Lets a test wait for a state."""

    def __init__(self) -> None:
        self.states: list[OutboxState] = []
        self.submissions: list[tuple[str, str]] = []
        self.seconds: list[float] = []
        self._changed = asyncio.Event()

    def state(self, state: OutboxState) -> None:
        self.states.append(state)
        self._changed.set()

    def submission(self, route: str, result: str) -> None:
        self.submissions.append((route, result))

    def decide_to_submit(self, seconds: float) -> None:
        self.seconds.append(seconds)

    async def saw(self, state: OutboxState, times: int = 1) -> None:
        while self.states.count(state) < times:
            self._changed.clear()
            await self._changed.wait()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


Running = Callable[..., Any]


@pytest.fixture
def running(store: Store, clock: Clock, watcher: Watcher) -> Running:
    """`async with running(gateway, ...) as delivery`: runs, and is stopped at the end."""

    @asynccontextmanager
    async def run(*gateways: FakeGateway, **options: Any) -> AsyncIterator[Delivery]:
        options = {"segments": lambda route, text: 1, "clock": clock} | options
        rules = options.pop("rules", RetryRules())
        delivery = Delivery(
            store,
            gateways,
            rules=lambda route: rules,
            observer=watcher,
            jitter=lambda: 0.5,
            **options,
        )
        task = asyncio.create_task(delivery.run(), name="delivery")
        try:
            yield delivery
            await delivery.stop()
            await task
        finally:
            task.cancel()
            await asyncio.wait([task])

    return run


async def test_a_queued_text_is_submitted_and_accepted(
    store: Store, running: Running, watcher: Watcher
) -> None:
    (row,) = await queued(store)
    gateway = FakeGateway()
    async with running(gateway):
        await watcher.saw(OutboxState.ACCEPTED)
    assert gateway.messages == [
        Message(
            row_id=row.id,
            to=row.to,
            sender=row.sender,
            text=row.text,
            expires=row.expires,
            reference=row.reference,
        )
    ]
    assert (await store.text(row.id)).state is OutboxState.ACCEPTED
    assert watcher.submissions == [("smsc", "accepted")]


async def test_it_sleeps_until_it_is_kicked(
    store: Store, running: Running, watcher: Watcher, clock: Clock
) -> None:
    gateway = FakeGateway()
    async with running(gateway) as delivery:
        (row,) = await queued(store)
        clock.forward(0.25)
        delivery.kick(row.id, since=1000.0)
        await watcher.saw(OutboxState.ACCEPTED)
    assert watcher.seconds == [0.25]


async def test_it_wakes_when_a_text_becomes_due(
    store: Store, running: Running, watcher: Watcher
) -> None:
    now = Moment.now().utc
    row = await store.enqueue(send(expires=now + timedelta(hours=1)), by="test", now=now)
    await store.claim(1, now)
    soon = now + timedelta(milliseconds=50)
    again = finished(row, Later(after=0, detail=""), state=OutboxState.QUEUED, due=soon, at=now)
    await store.turn([again], None, now)
    gateway = FakeGateway()
    async with running(gateway, clock=Moment.now):
        await watcher.saw(OutboxState.ACCEPTED)
    found = await store.text(row.id)
    assert found.claimed is not None
    assert found.claimed >= soon


async def test_every_text_is_on_the_disk_as_sending_before_its_bytes_leave(
    store: Store, running: Running
) -> None:
    await queued(store, 3)
    seen: list[OutboxState] = []
    gateway = FakeGateway(script=lambda message: None)
    async with running(gateway):
        for row_id in await gateway.holding(3):
            seen.append((await store.text(row_id)).state)
            gateway.answer(row_id, accepted(gateway.messages[row_id - 1]))
    assert seen == [OutboxState.SENDING] * 3


async def test_no_more_than_the_window_is_ever_claimed(
    store: Store, running: Running, watcher: Watcher
) -> None:
    await queued(store, 7)
    gateway = FakeGateway(window=3, script=lambda message: None)
    async with running(gateway):
        for done in range(7):
            open_now = await gateway.holding(min(3, 7 - done))
            counts = await store.counts()
            assert counts[OutboxState.SENDING] <= 3
            gateway.answer(open_now[0], accepted(gateway.messages[open_now[0] - 1]))
            await watcher.saw(OutboxState.ACCEPTED, done + 1)
    assert gateway.most_in_flight == 3
    assert (await store.counts())[OutboxState.ACCEPTED] == 7


async def test_an_answer_the_gateway_has_read_makes_no_room_before_the_lane_has_it(
    store: Store, running: Running, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is recorded its row is `sending` on the disk, where a window's worth may be."""
    await queued(store, 5)
    gateway = FakeGateway(window=3, script=lambda message: None)
    monkeypatch.setattr(gateway, "room", lambda: 3)
    turn, looked = store.turn, asyncio.Event()

    async def seen(*args: Any) -> Any:
        settled = await turn(*args)
        looked.set()
        return settled

    async with running(gateway) as delivery:
        open_now = await gateway.holding(3)
        monkeypatch.setattr(store, "turn", seen)
        delivery.kick()
        await looked.wait()
        assert (await store.counts())[OutboxState.SENDING] == 3
        for row in open_now:
            gateway.answer(row, accepted(gateway.messages[row - 1]))
        gateway.script = accepted
        await watcher.saw(OutboxState.ACCEPTED, 5)


async def test_the_window_is_counted_in_segments(
    store: Store, running: Running, watcher: Watcher
) -> None:
    for size in (2, 2, 2, 5, 1):
        await queued(store, text="a" * size)
    gateway = FakeGateway(window=4, segments=len)
    async with running(gateway, segments=lambda route, text: len(text)):
        await watcher.saw(OutboxState.ACCEPTED, 5)
    # The one of five is longer than the window: it goes alone.
    assert gateway.most_in_flight == 5
    assert [m.row_id for m in gateway.messages] == [1, 2, 3, 4, 5]


async def test_an_unbound_gateway_is_given_nothing_until_it_binds(
    store: Store, running: Running, watcher: Watcher
) -> None:
    await queued(store, 2)
    gateway = FakeGateway()
    gateway.bound = False
    async with running(gateway) as delivery:
        delivery.kick()
        assert (await store.counts())[OutboxState.QUEUED] == 2
        gateway.bind()
        await watcher.saw(OutboxState.ACCEPTED, 2)


async def test_room_that_comes_while_the_lane_claims_is_used(
    store: Store, running: Running, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a pace: room comes by the clock alone, and wakes nobody who is not waiting for it."""
    await queued(store)
    gateway = FakeGateway()
    gateway.bound = False
    turn = store.turn

    async def slow(*args: Any) -> Any:
        settled = await turn(*args)
        gateway.bound = True
        return settled

    monkeypatch.setattr(store, "turn", slow)
    async with running(gateway):
        await watcher.saw(OutboxState.ACCEPTED)


async def test_throttled_texts_come_back_without_losing_an_attempt(
    store: Store, running: Running, watcher: Watcher, clock: Clock
) -> None:
    (row,) = await queued(store)
    answers = iter([Later(after=0.0, detail="throttled", counts=False), None])
    gateway = FakeGateway(script=lambda m: next(answers) or accepted(m))
    async with running(gateway):
        await watcher.saw(OutboxState.ACCEPTED)
    assert (await store.text(row.id)).attempts == 1
    assert len(gateway.messages) == 2


async def test_a_refused_text_is_not_tried_again(
    store: Store, running: Running, watcher: Watcher
) -> None:
    (row,) = await queued(store)
    no = Refused(status=0x0B, name="ESME_RINVDSTADR", detail="")
    gateway = FakeGateway(script=lambda message: no)
    async with running(gateway):
        await watcher.saw(OutboxState.REFUSED)
    found = await store.text(row.id)
    assert found.reason == "refused by the carrier: ESME_RINVDSTADR"
    assert len(gateway.messages) == 1


async def test_an_unsure_text_is_held_by_default(
    store: Store, running: Running, watcher: Watcher
) -> None:
    await queued(store)
    gateway = FakeGateway(script=lambda message: Unsure(detail="no answer in 30 s"))
    async with running(gateway):
        await watcher.saw(OutboxState.UNCERTAIN)
    assert len(gateway.messages) == 1
    assert (await store.counts())[OutboxState.UNCERTAIN] == 1


async def test_an_unsure_text_is_sent_again_where_the_route_says_so(
    store: Store, running: Running, watcher: Watcher, clock: Clock
) -> None:
    await queued(store)
    answers = iter([Unsure(detail="connection lost"), None])
    gateway = FakeGateway(script=lambda m: next(answers) or accepted(m))
    rules = RetryRules(on_uncertain="resend", first=0.0)
    async with running(gateway, rules=rules):
        await watcher.saw(OutboxState.ACCEPTED)
    assert [m.reference for m in gateway.messages] == [1, 1]


async def test_only_the_missing_parts_are_asked_for_again(
    store: Store, running: Running, watcher: Watcher
) -> None:
    await queued(store)
    first = Later(after=0.0, detail="", counts=False, parts=(PartId(1, 2, "a"),))
    answers = iter([first, None])
    gateway = FakeGateway(script=lambda m: next(answers) or accepted(m, total=2))
    async with running(gateway, segments=lambda route, text: 2):
        await watcher.saw(OutboxState.ACCEPTED)
    assert [m.parts_done for m in gateway.messages] == [frozenset(), frozenset({1})]


async def test_a_gateway_that_raises_leaves_the_text_uncertain_and_says_so(
    store: Store, running: Running, watcher: Watcher
) -> None:
    await queued(store)
    gateway = FakeGateway(script=lambda message: RuntimeError("bug"))
    with capture_logs() as logs:
        async with running(gateway):
            await watcher.saw(OutboxState.UNCERTAIN)
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["gateway_failed"]


async def test_two_routes_each_have_their_own_texts(
    store: Store, running: Running, watcher: Watcher
) -> None:
    for route in ("", "backup", "smsc", "gone"):
        await queued(store, route=route)
    primary, backup = FakeGateway("smsc"), FakeGateway("backup")
    async with running(primary, backup):
        await watcher.saw(OutboxState.ACCEPTED, 4)
    assert [m.row_id for m in primary.messages] == [1, 3, 4]
    assert [m.row_id for m in backup.messages] == [2]


async def test_stopping_waits_for_open_answers_and_leaves_nothing_sending(
    store: Store, running: Running
) -> None:
    await queued(store, 12)
    gateway = FakeGateway(window=5, script=lambda message: None)
    async with running(gateway) as delivery:
        open_now = await gateway.holding(5)
        stopping = asyncio.create_task(delivery.stop(), name="stopping")
        for row_id in open_now:
            gateway.answer(row_id, accepted(gateway.messages[row_id - 1]))
        await stopping
    counts = await store.counts()
    assert counts[OutboxState.SENDING] == 0
    assert (counts[OutboxState.ACCEPTED], counts[OutboxState.QUEUED]) == (5, 7)


async def test_being_killed_leaves_the_truth_on_the_disk(store: Store, clock: Clock) -> None:
    await queued(store, 12)
    gateway = FakeGateway(window=5, script=lambda message: None)
    delivery = Delivery(store, [gateway], segments=lambda route, text: 1, clock=clock)
    task = asyncio.create_task(delivery.run(), name="delivery")
    await gateway.holding(5)
    task.cancel()
    await asyncio.wait([task])
    counts = await store.counts()
    assert (counts[OutboxState.SENDING], counts[OutboxState.QUEUED]) == (5, 7)


@pytest.mark.parametrize(("policy", "sent"), [("hold", 0), ("resend", 3)])
async def test_the_start_puts_right_what_a_crash_left(
    store: Store, running: Running, watcher: Watcher, policy: Any, sent: int
) -> None:
    await sending(store, 3)
    gateway = FakeGateway()
    with capture_logs() as logs:
        async with running(gateway, rules=RetryRules(on_uncertain=policy)):
            await watcher.saw(OutboxState.ACCEPTED, sent)
    assert len(gateway.messages) == sent
    (said,) = [entry for entry in logs if entry["event"] == "found_sending"]
    assert (said["uncertain"], said["resend"]) == (3 - sent, sent)


async def test_a_late_answer_resolves_its_text(
    store: Store, running: Running, watcher: Watcher
) -> None:
    (row,) = await queued(store)
    gateway = FakeGateway(script=lambda message: Unsure(detail="timeout"))
    async with running(gateway) as delivery:
        await watcher.saw(OutboxState.UNCERTAIN)
        await delivery.late(row.id, accepted(gateway.messages[0]))
    assert (await store.text(row.id)).state is OutboxState.ACCEPTED


async def test_a_late_answer_that_puts_it_off_wakes_the_lane(
    store: Store, running: Running, watcher: Watcher
) -> None:
    """It had nothing to do, and slept."""
    (row,) = await queued(store)
    gateway = FakeGateway(script=lambda message: Unsure(detail="timeout"))
    async with running(gateway) as delivery:
        await watcher.saw(OutboxState.UNCERTAIN)
        gateway.script = accepted
        throttled = Later(after=0.0, detail="", name="ESME_RTHROTTLED", counts=False)
        await delivery.late(row.id, throttled)
        async with asyncio.timeout(10):
            await watcher.saw(OutboxState.ACCEPTED)


async def test_a_receipt_that_overtook_its_answer_is_told_of(
    store: Store, running: Running, watcher: Watcher
) -> None:
    await queued(store)
    gateway = FakeGateway(script=lambda message: None)
    async with running(gateway):
        (row_id,) = await gateway.holding(1)
        await store.record_receipt(receipt("1-1"))
        gateway.answer(row_id, accepted(gateway.messages[0]))
        await watcher.saw(OutboxState.DELIVERED)


# --- a store that fails -----------------------------------------------------------------------


class FailingTurns:
    """Makes `Store.turn` fail a number of times, before or after the transaction."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.left = times
        self._turn = store.turn
        monkeypatch.setattr(store, "turn", self)
        monkeypatch.setattr(Outage, "FIRST", 0.0)

    async def __call__(self, *args: Any) -> Any:
        if self.left > 0:
            self.left -= 1
            raise StoreUnavailableError("disk full")
        return await self._turn(*args)


async def test_an_outage_of_the_store_is_said_once_and_nothing_is_lost(
    store: Store, running: Running, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queued(store, 3)
    gateway = FakeGateway(script=lambda message: None)
    with capture_logs() as logs:
        async with running(gateway):
            rows = await gateway.holding(3)
            failing = FailingTurns(store, monkeypatch, 5)
            for row_id in rows:
                gateway.answer(row_id, accepted(gateway.messages[row_id - 1]))
            await watcher.saw(OutboxState.ACCEPTED, 3)
            assert failing.left == 0
    events = [entry["event"] for entry in logs if entry["event"].startswith("store_")]
    assert events == ["store_failed", "store_works_again"]


async def test_what_cannot_be_claimed_is_not_submitted(
    store: Store, running: Running, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = FailingTurns(store, monkeypatch, 3)
    await queued(store)
    gateway = FakeGateway()
    async with running(gateway):
        await watcher.saw(OutboxState.SENDING)
        assert failing.left == 0
        await watcher.saw(OutboxState.ACCEPTED)
    assert len(gateway.messages) == 1


async def test_one_answer_that_cannot_be_recorded_does_not_hold_up_the_others(
    store: Store, running: Running, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queued(store, 3)
    turn = store.turn

    async def picky(finished: Any, claim: Any, now: Any) -> Any:
        if any(f.row_id == 2 for f in finished):
            raise StoreError("this one not")
        return await turn(finished, claim, now)

    monkeypatch.setattr(store, "turn", picky)
    with capture_logs() as logs:
        async with running(FakeGateway()):
            await watcher.saw(OutboxState.ACCEPTED, 2)
    assert [e["row"] for e in logs if e["event"] == "submission_not_recorded"] == [2]
    assert (await store.text(2)).state is OutboxState.SENDING


# --- where a text goes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("submission", "changes", "state", "again"),
    [
        (Accepted(parts=(), at=NOW), {}, OutboxState.ACCEPTED, False),
        (Refused(status=1, name="ESME_RINVMSGLEN", detail=""), {}, OutboxState.REFUSED, False),
        (Later(after=5, detail=""), {}, OutboxState.QUEUED, True),
        (Later(after=5, detail=""), {"attempts": 20}, OutboxState.REFUSED, False),
        (Later(after=5, detail="", counts=False), {"attempts": 20}, OutboxState.QUEUED, True),
        (Later(after=1000, detail=""), {}, OutboxState.EXPIRED, False),
        (Unsure(detail=""), {}, OutboxState.UNCERTAIN, False),
    ],
)
async def test_where_a_text_goes(
    store: Store, submission: Any, changes: dict[str, Any], state: OutboxState, again: bool
) -> None:
    (row,) = await sending(store)
    found = where_to(replace(row, **changes), submission, NOW, RetryRules(), 0.5)
    assert (found[0], found[2] is not None) == (state, again)


async def test_an_expiring_later_is_recorded_as_expired(
    store: Store, running: Running, watcher: Watcher
) -> None:
    (row,) = await queued(store)
    gateway = FakeGateway(script=lambda message: Later(after=1000, detail="no route"))
    async with running(gateway):
        await watcher.saw(OutboxState.EXPIRED)
    assert (await store.text(row.id)).reason.startswith("expired")
