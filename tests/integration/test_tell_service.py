"""The service in the test's own process: a store that breaks, a keyword, and how it stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from tests.fakes.receiver import Receiver
from tests.integration.world_rig import CALLER, DID, Service, service, simulated
from textback.model import Reply

TABLES = """
[[webhook]]
name = "crm"
url = "{crm}"
secret = "0123456789abcdef0123456789abcdef"
[[notify]]
name = "oncall"
url = "json://127.0.0.1:{oncall}/"
events = []
numbers = ["{did}"]
[[keyword]]
name = "urgent"
words = ["water damage"]
notify = ["oncall"]
"""


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Service]:
    async with service(tmp_path) as one:
        yield one


def configure(made: Service, smpp: int, more: str) -> None:
    from tests.integration.world_rig import CONFIG

    body = CONFIG.format(store=made.store, ami=made.asterisk.port, smpp=smpp, did=DID)
    made.path.write_text(body + more, encoding="utf-8")


def ours(receiver: Receiver, kind: str) -> list[dict[str, Any]]:
    return [got.body for got in receiver.got if got.body["type"] == kind]


async def until(receiver: Receiver, kind: str, count: int = 1) -> list[dict[str, Any]]:
    """So many of this kind have come, whatever came between."""
    async with asyncio.timeout(20):
        while len(found := ours(receiver, kind)) < count:
            await receiver.until(len(receiver.got) + 1)
    return found


async def test_the_alarm_of_a_broken_store_is_told_while_it_is_broken(
    made: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Receiver() as receiver, Receiver() as oncall, simulated(made) as simulator:
        tables = TABLES.format(crm=receiver.url, oncall=oncall.port, did=DID)
        configure(made, simulator.port, tables)
        daemon = made.start(simulator.port)
        await made.up()
        database = daemon.parts.store._db
        run = database.writer.run

        async def full(_: Any) -> Any:
            raise OperationalError("x", {}, Exception("database or disk is full"))

        monkeypatch.setattr(database.writer, "run", full)
        made.ring(made.new_call())
        (told,) = await until(receiver, "alarm.raised")
        assert told["data"]["alarm"] == "store_failed"
        assert "disk is full" in told["data"]["because"]
        await made.tap.until("told_without_store", target="crm", id=told["id"])
        monkeypatch.setattr(database.writer, "run", run)
        await made.tap.until("store_works_again")
        # It is in the store afterwards; with whom it reached, nobody is told again.
        await daemon.parts.store.put_event(_nothing())
        await until(receiver, "alarm.cleared")
        keys = [key for (key,) in made.rows("SELECT key FROM events WHERE kind = 'alarm.raised'")]
        assert keys == [told["id"]]


def _nothing() -> Any:
    from datetime import UTC, datetime

    from textback.model import Event, EventKind

    payload = {"alarm": "x", "because": "", "count": 1, "lasted": 0.0}
    return Event(kind=EventKind.ALARM_CLEARED, at=datetime.now(UTC), payload=payload)


async def test_a_reply_with_a_keyword_pages_whom_it_names_and_the_crm_hears_of_the_reply(
    made: Service,
) -> None:
    async with Receiver() as receiver, Receiver() as oncall, simulated(made) as simulator:
        tables = TABLES.format(crm=receiver.url, oncall=oncall.port, did=DID)
        configure(made, simulator.port, tables)
        daemon = made.start(simulator.port)
        await made.up()
        said = Reply(
            route="smsc",
            sender=CALLER,
            recipient=DID,
            text="We have WATER\nDAMAGE in the cellar",
            at=_nothing().at,
        )
        await daemon.parts.inbox.reply(said)
        (heard,) = await until(receiver, "reply.received")
        assert heard["caller"] == CALLER
        assert heard["number"] == DID
        assert heard["data"]["text"] == said.text
        assert heard["data"]["keyword"] == "urgent"
        async with asyncio.timeout(20):
            while not any("URGENT" in got.body["message"] for got in oncall.got):
                await oncall.until(len(oncall.got) + 1)
        assert ours(receiver, "keyword.matched") == []
        assert not any("cellar" in str(got.body) for got in oncall.got)


async def test_health_and_metrics_tell_of_a_webhook_that_fails(made: Service) -> None:
    async with Receiver(500) as receiver, Receiver() as oncall, simulated(made) as simulator:
        tables = TABLES.format(crm=receiver.url, oncall=oncall.port, did=DID)
        configure(made, simulator.port, tables)
        daemon = made.start(simulator.port)
        await made.up()
        made.ring(call := made.new_call())
        await made.tap.until("call_started")
        made.hang_up(call)
        await receiver.until(1)
        await made.tap.until("telling_failed", target="crm")
        health = (await daemon.parts.standing.health()).as_dict()["parts"]["tell"]
        assert health["ok"] is True
        assert health["state"] == "failing: webhook crm"
        assert health["targets"]["webhook crm"]["says"] == "answered 500"
        exposed = (await daemon.parts.standing.exposition()).decode()
        assert 'textback_tellings_queued{channel="webhook",target="crm"}' in exposed
        retried = 'textback_tellings_total{channel="webhook",result="retried",target="crm"} 1.0'
        assert retried in exposed
        assert "hidden" not in exposed + str(health)
        assert not [e for e in made.tap.entries if "hidden" in str(e)]
