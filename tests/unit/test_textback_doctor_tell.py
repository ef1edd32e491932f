"""The doctor on webhooks: reached or not, without sending anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.certificates import Authority
from tests.fakes.receiver import Receiver
from tests.unit.configs import BASE
from textback.config import Config
from textback.config_load import loads
from textback.doctor import Check, Level
from textback.doctor_tell import check
from textback.model import Event, EventKind
from textback.store.store import Store
from textback.store.telling import Addressee


def config(url: str, store: Path | None = None, **keys: str) -> Config:
    more = "".join(f'{name} = "{value}"\n' for name, value in keys.items())
    where = f'[store]\npath = "{store}"\n' if store else ""
    table = f'[[webhook]]\nname = "crm"\nurl = "{url}"\nsecret = "0123456789abcdef"\n{more}'
    return loads(BASE + where + table)


async def examined(loaded: Config, parts: Any = None) -> list[Check]:
    found: AsyncIterator[Check] = check(loaded, parts)
    return [one async for one in found]


async def test_a_webhook_that_can_be_reached_is_well_and_nothing_was_sent() -> None:
    async with Receiver() as receiver:
        (found,) = await examined(config(receiver.url))
        assert found.level is Level.OK
        assert f"127.0.0.1:{receiver.port} reached, in the open" in found.found
        assert receiver.got == []


async def test_nobody_listens_is_said() -> None:
    async with Receiver() as receiver:
        pass
    (found,) = await examined(config(receiver.url))
    assert found.level is Level.WARN
    assert "no connection" in found.found
    assert "hidden" not in found.found


async def test_a_certificate_that_does_not_hold_is_said(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    async with Receiver(tls=authority.server_context("localhost")) as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")
        (bad,) = await examined(config(url))
        (good,) = await examined(config(url, tls_ca=str(authority.ca)))
    assert "certificate does not hold" in bad.found
    assert (good.level, bad.level) == (Level.OK, Level.WARN)


async def test_what_the_service_says_of_a_target_that_fails_is_told() -> None:
    async with Receiver() as receiver:
        parts = {"tell": {"targets": {"webhook crm": {"failures": 7, "says": "answered 500"}}}}
        _, found = await examined(config(receiver.url), parts)
    assert found.found == "failed 7 times in a row: answered 500"


@pytest.mark.parametrize(("hours", "said"), [(1, True), (0, False)])
async def test_what_has_waited_for_long_is_told(tmp_path: Path, hours: int, said: bool) -> None:
    path = tmp_path / "textback.db"
    store = await Store.open(path)
    payload = {"alarm": "cap_reached", "because": "x", "count": 1}
    event = Event(kind=EventKind.ALARM_RAISED, at=datetime.now(UTC), payload=payload)
    since = datetime.now(UTC) - timedelta(hours=hours)
    await store.tell_alone(event, Addressee("webhook", "crm", 1), since)
    await store.close()
    async with Receiver() as receiver:
        found = await examined(config(receiver.url, path))
    assert any("1 events wait" in one.found for one in found) == said
