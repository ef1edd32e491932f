"""Routes together in a running delivery: who carries, who is told, and what survives a reload."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.fakes.gateway import FakeGateway
from tests.fakes.store import NOW, at, queued
from textback.config import Config
from textback.delivery import Delivery
from textback.failover import MANY, Patience
from textback.fleet import Fleet
from textback.model import Later, Message, Moment, OutboxState, Submission, Unsure
from textback.retry import RetryRules
from textback.store.route_notes import RouteNote
from textback.store.rows import Claim, Finished, Settled
from textback.store.store import Store

THROTTLED = Later(after=0.0, detail="", status=0x58, name="ESME_RTHROTTLED", counts=False)


def config(**first: object) -> Config:
    route = {"host": "h", "system_id": "x"}
    smscs = [{"name": "main", **route, **first}, {"name": "spare", **route, "backup": True}]
    return Config.model_validate({"business": {"name": "Acme"}, "smsc": smscs})


class Rig:
    """Two gateways, a fleet over them, and a clock moved by hand."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = Moment(NOW, 1000.0)
        self.main, self.spare = FakeGateway("main"), FakeGateway("spare")
        self.alarms: list[str] = []
        self.patience = {"main": Patience(), "spare": Patience()}
        self.fleet = Fleet(
            store,
            config().router,
            self.patience,
            on_change=lambda: self.delivery.kick(),
            on_down=self.alarms.append,
            clock=lambda: self.now,
        )
        self.rules = RetryRules()
        self.delivery = Delivery(
            store,
            [self.main, self.spare],
            segments=lambda route, text: 1,
            rules=lambda route: self.rules,
            clock=lambda: self.now,
            jitter=lambda: 0.5,
            fleet=self.fleet,
        )
        for name in self.patience:
            self.fleet.heard(name, True, "bound")

    def forward(self, seconds: float) -> None:
        self.now = self.now.plus(seconds)
        self.fleet.table()
        self.delivery.kick()

    def cut(self) -> None:
        self.main.bound = False
        self.fleet.heard("main", False, "cut; next attempt in 3 s")

    def mend(self) -> None:
        self.main.bind()
        self.fleet.heard("main", True, "bound")


@asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[None]:
    task = asyncio.create_task(rig.delivery.run(), name="delivery")
    try:
        yield
        await rig.delivery.stop()
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    store = await Store.open(tmp_path / "textback.db")
    yield Rig(store)
    await store.close()


async def test_a_text_of_a_route_that_is_down_goes_by_the_backup_and_the_next_goes_back(
    rig: Rig,
) -> None:
    async with running(rig):
        rig.forward(600)
        rig.cut()
        await queued(rig.store, expires=at(7200))
        with capture_logs() as logs:
            rig.forward(60)
        assert [e["event"] for e in logs if e["log_level"] == "warning"] == ["route_down"]
        assert (await rig.spare.received(1))[0].row_id == 1
        assert rig.alarms == ["main: cut; spare carries for it"]
        rig.mend()
        rig.forward(61)
        await queued(rig.store, expires=at(7200))
        rig.delivery.kick()
        assert (await rig.main.received(1))[0].row_id == 2
        assert rig.fleet.figures() == [("main", True, 1), ("spare", True, 0)]
    assert len(rig.spare.messages) == 1


async def test_a_route_that_only_throttles_is_stood_in_for(rig: Rig) -> None:
    rig.main.script = lambda _: THROTTLED
    rig.forward(600)
    async with running(rig):
        await queued(rig.store, expires=at(7200))
        rig.delivery.kick()
        await rig.main.received(MANY)
        while rig.fleet.told("main")["standing"] != "troubled":  # noqa: ASYNC110 (one turn)
            await asyncio.sleep(0)
        rig.forward(61)
        assert (await rig.spare.received(1))[0].row_id == 1
        assert rig.fleet.told("main")["because"] == "it answers ESME_RTHROTTLED"


async def test_a_text_that_comes_back_to_a_route_already_given_up_wakes_the_next(rig: Rig) -> None:
    """The next one had looked while it was on its way, found nothing, and went to sleep."""
    rig.main.script = lambda _: None
    rig.forward(600)
    looked = asyncio.Event()
    turn = rig.store.turn

    async def looks(finished: Sequence[Finished], claim: Claim | None, now: datetime) -> Settled:
        settled = await turn(finished, claim, now)
        if claim is not None and claim.route == "spare" and "main" in claim.down:
            looked.set()
        return settled

    rig.store.turn = looks  # type: ignore[method-assign]
    async with running(rig):
        await queued(rig.store, expires=at(7200))
        rig.delivery.kick()
        await rig.main.holding(1)
        rig.fleet.heard("main", False, "locked", refused=True)  # given up at once
        await looked.wait()
        rig.main.answer(1, THROTTLED)
        async with asyncio.timeout(10):
            assert (await rig.spare.received(1))[0].row_id == 1


async def test_what_was_unsure_stays_with_the_dead_route(rig: Rig) -> None:
    answers: list[Submission] = [Unsure(detail="cut")]

    def script(_: Message) -> Submission:
        return answers[0]

    rig.main.script = script
    async with running(rig):
        await queued(rig.store, expires=at(7200))
        rig.delivery.kick()
        await rig.main.received(1)
        rig.cut()
        rig.forward(61)
        await queued(rig.store, expires=at(7200))
        rig.delivery.kick()
        assert (await rig.spare.received(1))[0].row_id == 2
    assert (await rig.store.text(1)).state is OutboxState.UNCERTAIN
    assert len(rig.spare.messages) == 1


async def test_how_routes_stand_is_written_down_for_other_processes(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = asyncio.Event()
    write = rig.store.note_routes

    async def note(found: Sequence[RouteNote]) -> None:
        await write(found)
        if found[0].standing == "down":
            written.set()

    monkeypatch.setattr(rig.store, "note_routes", note)
    task = asyncio.create_task(rig.fleet.run(), name="routes")
    rig.cut()
    # On its way to the next bind: that is not what went wrong.
    rig.fleet.heard("main", False, "binding as acme", step=True)
    rig.forward(61)
    await written.wait()
    main = (await rig.store.route_notes())["main"]
    assert (main.standing, main.why, main.instead) == ("down", "cut", ("spare",))
    assert main.last_error == "cut"
    task.cancel()
    await asyncio.wait([task])


async def test_only_another_rule_makes_the_queue_be_looked_up_anew(rig: Rig) -> None:
    assert not rig.fleet.configure(config().router, rig.patience)
    assert not rig.fleet.configure(config(window=3).router, rig.patience)
    assert rig.fleet.configure(config(countries=["US"]).router, rig.patience)
    assert rig.fleet.among is not None
