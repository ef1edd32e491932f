"""The doctor's line on what is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import update

from tests.fakes.person import put_everywhere
from tests.unit.configs import BASE
from textback.config import Config
from textback.config_load import loads
from textback.doctor import Level
from textback.doctor_keeping import check_keeping
from textback.keeping_spelling import Spelling
from textback.store.store import Store
from textback.store.suppression import KEY_FILE
from textback.store.tables import calls

ANNA = "+12125550123"


def config(tmp_path: Path, retention: str = "") -> Config:
    return loads(f'[store]\npath = "{tmp_path}/textback.db"\n{BASE}{retention}')


async def fill(tmp_path: Path, *, days: int, erase: bool = False) -> None:
    store = await Store.open(tmp_path / "textback.db")
    now = datetime.now(UTC)
    at = now - timedelta(days=days)
    await store._db.write(lambda db: put_everywhere(db, ANNA, "Anna", "her words", at))
    await store._db.write(lambda db: db.execute(update(calls).values(ended_at=at)).rowcount)
    if erase:
        await store.erase_person(Spelling(ANNA), by="kim", reason="asked", now=now)
    await store.close()


async def test_without_a_store_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert await check_keeping(config(tmp_path)) == []


async def test_size_and_age_are_told(tmp_path: Path) -> None:
    await fill(tmp_path, days=5)
    (check,) = await check_keeping(config(tmp_path))
    day = datetime.now(UTC) - timedelta(days=5)
    assert check.level is Level.OK
    assert "MiB" in check.found
    assert f"the oldest row is of {day:%Y-%m-%d}" in check.found


async def test_what_is_too_old_and_not_deleted_is_warned_of(tmp_path: Path) -> None:
    await fill(tmp_path, days=3_000)
    _, warned = await check_keeping(config(tmp_path))
    assert warned.level is Level.WARN
    assert "calls" in warned.found
    _, off = await check_keeping(config(tmp_path, "[retention]\nenabled = false\n"))
    assert "retention.enabled" in off.fix


async def test_a_lost_key_fails(tmp_path: Path) -> None:
    await fill(tmp_path, days=5, erase=True)
    (tmp_path / KEY_FILE).unlink()
    failed, _ = await check_keeping(config(tmp_path))
    assert failed.level is Level.FAIL
    assert "nobody is texted" in failed.found
