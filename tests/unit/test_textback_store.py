"""The store as a file: opening, migrating, what it refuses, and what it keeps."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError, StatementError

from tests.fakes.store import NOW, at, call, fact, queued
from textback.model import TextKind
from textback.store.errors import (
    StoreError,
    StoreForeignError,
    StoreTooNewError,
    StoreUnavailableError,
)
from textback.store.migrations import HEAD, KNOWN
from textback.store.schema import metadata
from textback.store.store import Store
from textback.store.tables import meta, outbox


async def test_the_migrations_build_what_the_tables_say(store: Store) -> None:
    def differences(db: Connection) -> list[object]:
        context = MigrationContext.configure(db, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    assert await store.read(differences) == []


def test_the_known_schemas_are_the_migrations_there_are() -> None:
    config = Config()
    config.set_main_option("script_location", "textback.store:migrations")
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    assert [step.revision for step in script.walk_revisions()][::-1] == list(KNOWN)
    assert script.get_current_head() == HEAD


async def test_every_closed_list_has_a_check_constraint_and_no_growing_one(store: Store) -> None:
    names = {"calls": 3, "verdicts": 0, "outbox": 1, "attempts": 1, "parts": 1, "receipts": 1}

    def checks(db: Connection) -> dict[str, int]:
        found = db.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
        return {name: sql.count("CHECK") for name, sql in found if name in names}

    assert await store.read(checks) == names


async def test_a_state_that_is_none_is_refused_by_the_database(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "textback.db")
    await queued(store)
    await store.close()
    with sqlite3.connect(tmp_path / "textback.db") as raw, pytest.raises(sqlite3.IntegrityError):
        raw.execute("UPDATE outbox SET state = 'lost'")
    raw.close()


async def test_a_second_text_of_a_kind_for_one_call_is_refused_by_the_database(
    store: Store,
) -> None:
    (row,) = await queued(store)

    def again(db: Connection, kind: TextKind = TextKind.MISSED) -> None:
        values = dict(db.execute(select(outbox)).first()._mapping) | {"kind": kind}
        values.pop("id")
        db.execute(insert(outbox), values)

    await store._db.write(lambda db: again(db, TextKind.OFFER))
    with pytest.raises(StoreError) as caught:
        await store._db.write(again)
    assert isinstance(caught.value.__cause__, IntegrityError)
    assert row.text not in str(caught.value)


async def test_the_settings_that_make_it_durable_are_on(store: Store) -> None:
    def pragmas(db: Connection) -> dict[str, object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return {n: db.exec_driver_sql(f"PRAGMA {n}").scalar() for n in names}

    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    assert await store._db.write(pragmas) == wanted


async def test_the_file_is_nobody_elses_business(tmp_path: Path) -> None:
    path = tmp_path / "textback.db"
    store = await Store.open(path)
    await queued(store)
    modes = {p.name: oct(p.stat().st_mode & 0o777) for p in tmp_path.iterdir()}
    await store.close()
    assert modes == dict.fromkeys(("textback.db", "textback.db-wal", "textback.db-shm"), "0o600")


async def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "textback.db")
    (row,) = await queued(store)
    await store.close()
    store = await Store.open(tmp_path / "textback.db")
    assert await store.queue() == [row]
    await store.close()


async def test_a_database_from_a_newer_textback_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "textback.db"
    await (await Store.open(path)).close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    before = path.read_bytes()
    for migrate in (True, False):
        with pytest.raises(StoreTooNewError, match=f"schema 9999.*up to {HEAD}.*newer textback"):
            await Store.open(path, migrate=migrate)
    assert path.read_bytes() == before


async def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE contacts (id INTEGER)")
    raw.close()
    with pytest.raises(StoreForeignError, match=r"has tables, but not textback's \(contacts\)"):
        await Store.open(path)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are no tables " * 100)
    with pytest.raises(StoreForeignError, match="is not a textback database"):
        await Store.open(path)
    # A connection left open would now say so, and fail this test.
    gc.collect()


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="No such file or directory"):
        await Store.open(tmp_path / "nowhere" / "textback.db")


async def test_without_leave_to_migrate_nothing_is_made(tmp_path: Path) -> None:
    path = tmp_path / "textback.db"
    with pytest.raises(StoreError, match="no database at"):
        await Store.open(path, migrate=False)
    assert not path.exists()
    path.touch()
    with pytest.raises(StoreError, match="start the service once"):
        await Store.open(path, migrate=False)


async def test_a_datetime_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(StoreError) as caught:
        await store.judge(fact(), datetime(2026, 11, 23, 14, 0))  # noqa: DTZ001
    assert isinstance(caught.value.__cause__, StatementError)
    assert "without a zone" in str(caught.value.__cause__)


async def test_a_datetime_comes_back_as_utc_whatever_zone_it_had(store: Store) -> None:
    new_york = timezone(timedelta(hours=-5))
    (row,) = await queued(store, expires=at(900).astimezone(new_york))
    (found,) = await store.queue()
    assert found.expires == row.expires == at(900)
    assert found.expires.tzinfo is UTC


async def test_hostile_text_is_stored_and_comes_back_harmless(store: Store) -> None:
    name = "Robert'); DROP TABLE calls;--\x00\ud800 \u202e"
    trail = ((0.5, "\ud83d half \x00 a pair"),)
    await store.judge(fact(call(caller_name=name, trail=trail)), NOW)
    (story,) = await store.calls()
    assert story.caller_name == "Robert'); DROP TABLE calls;--\ufffd\ufffd \u202e"
    assert story.trail == trail


async def test_a_cancelled_caller_leaves_no_transaction_half_way(store: Store) -> None:
    writer = asyncio.create_task(store.judge(fact(), NOW), name="writer")
    await asyncio.sleep(0)
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    # The next writer waits for it, and finds all of it or nothing.
    await store.record_fact(call("1700000000.2"))
    assert len(await store.queue()) == len([c for c in await store.calls() if c.outbox]) == 1


async def test_a_piece_of_work_that_fails_changes_nothing(store: Store) -> None:
    def work(db: Connection) -> None:
        db.execute(insert(meta), {"key": "a", "value": "b"})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store._db.write(work)
    assert await store.read(lambda db: db.execute(select(meta)).all()) == []
    await queued(store)


async def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises(StoreUnavailableError, match="readonly"):
        await store.read(lambda db: db.execute(insert(meta), {"key": "a", "value": "b"}))


async def test_closing_twice_does_no_harm_and_a_closed_store_says_so(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "textback.db")
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="is closed"):
        await queued(store)


async def test_the_last_failure_is_told_until_a_write_succeeds(store: Store) -> None:
    def full(db: Connection) -> None:
        pages = db.exec_driver_sql("PRAGMA page_count").scalar()
        db.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        for n in range(1000):
            db.execute(insert(meta), {"key": f"{n}", "value": "x" * 4096})

    with pytest.raises(StoreUnavailableError):
        await store._db.write(full)
    assert "database or disk is full" in store.trouble
    await store._db.write(lambda db: db.exec_driver_sql("PRAGMA max_page_count = 1000000"))
    assert store.trouble == ""
