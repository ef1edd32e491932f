"""An old store is brought up to date with nothing lost; a new one is the same."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from tests.fakes import old_store
from tests.fakes.store import NUMBER, at, call, fact
from textback.model import OutboxState, Phase, Source, TextKind
from textback.store import migrate
from textback.store.engine import Database, to_url
from textback.store.errors import StoreError
from textback.store.migrations import HEAD
from textback.store.rows import RowFilter
from textback.store.schema import metadata
from textback.store.store import Store


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "textback.db"
    old_store.make(path)
    return path


def asked(path: Path, question: str) -> list[Any]:
    raw = sqlite3.connect(path)
    found = raw.execute(question).fetchall()
    raw.close()
    return found


async def upgraded(path: Path) -> None:
    await (await Store.open(path)).close()


async def test_no_row_and_no_value_is_lost(old: Path) -> None:
    before = old_store.rows(old)
    assert all(before.values())
    await upgraded(old)
    after = old_store.rows(old)
    for table, rows in before.items():
        kept = [{name: row[name] for name in rows[0]} for row in after[table]]
        assert kept == rows, table


async def test_texts_of_calls_are_to_missed_callers_and_others_were_tests(old: Path) -> None:
    await upgraded(old)
    kinds = asked(old, "SELECT call_id IS NULL, kind FROM outbox GROUP BY 1, 2")
    assert kinds == [(0, "missed"), (1, "test")]


async def test_the_upgraded_schema_is_that_of_the_tables_and_of_a_new_store(
    old: Path, tmp_path: Path
) -> None:
    store = await Store.open(old)

    def differences(db: Connection) -> list[object]:
        context = MigrationContext.configure(db, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    assert await store.read(differences) == []
    await store.close()
    new = tmp_path / "new.db"
    await upgraded(new)
    for kind in ("table", "index"):
        assert old_store.schema(old, kind) == old_store.schema(new, kind)


async def test_every_index_of_the_tables_is_there(old: Path) -> None:
    await upgraded(old)
    wanted = {str(index.name) for table in metadata.tables.values() for index in table.indexes}
    assert set(old_store.schema(old, "index")) == wanted


async def test_foreign_keys_point_where_they_did_and_bind_again(old: Path) -> None:
    await upgraded(old)
    assert asked(old, "PRAGMA foreign_key_check") == []
    assert asked(old, "PRAGMA integrity_check") == [("ok",)]
    for table in ("attempts", "parts", "message_ids", "receipts", "operator_log", "hints"):
        parents = {row[2] for row in asked(old, f"PRAGMA foreign_key_list({table})")}
        assert "outbox" in parents, table
    store = await Store.open(old)

    def on(db: Connection) -> Any:
        return db.exec_driver_sql("PRAGMA foreign_keys").scalar()

    assert await store._db.write(on) == 1
    await store.close()


async def test_foreign_keys_are_on_again_in_the_process_that_upgraded(old: Path) -> None:
    store = await Store.open(old)
    await store._db.write(lambda db: db.exec_driver_sql("DELETE FROM outbox WHERE id = 1"))
    await store.close()
    assert asked(old, "SELECT count(*) FROM attempts WHERE row_id = 1") == [(0,)]


async def test_an_upgraded_store_takes_the_new_words(old: Path) -> None:
    store = await Store.open(old)
    hinted = call("1.1", phase=Phase.HINTED, handled="agi", source=Source.AMI)
    judged = await store.judge(fact(hinted), at(0))
    (story,) = await store.find("1.1")
    assert (story.handled, story.source) == ("agi", Source.AMI)
    assert judged.row is not None
    assert judged.row.kind is TextKind.MISSED
    await store.close()


async def test_old_texts_count_in_the_history_and_can_still_be_moved(old: Path) -> None:
    store = await Store.open(old)
    (waiting,) = await store.queue(RowFilter(states=frozenset({OutboxState.QUEUED})))
    assert waiting.kind is TextKind.MISSED
    history = await store.history(waiting.to, NUMBER, waiting.created)
    assert history.recent_texts == (waiting.created,)
    assert await store.cancel_for_handset(waiting.to, "answered", at(0)) == (waiting.id,)
    await store.close()


async def test_a_call_from_before_can_be_told_with_its_text(old: Path) -> None:
    store = await Store.open(old)
    story = await store.story(1)
    assert story.outbox is not None
    assert (story.source, story.late, story.handled) == (Source.AMI, False, "")
    assert [t.id for t in story.texts] == [story.outbox.id]
    await store.close()


async def test_an_upgrade_that_would_leave_a_row_dangling_is_undone(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = old_store.rows(old), old_store.schema(old, "table")
    upgrade = migrate.upgrade

    def losing(db: Connection) -> None:
        upgrade(db)
        db.exec_driver_sql("DELETE FROM outbox WHERE id = 1")

    monkeypatch.setattr(migrate, "upgrade", losing)
    with pytest.raises(StoreError, match="would refer to rows of outbox that are not there"):
        await Store.open(old)
    assert (old_store.rows(old), old_store.schema(old, "table")) == before


async def test_a_row_that_dangled_before_does_not_stop_an_upgrade(old: Path) -> None:
    raw = sqlite3.connect(old)
    with raw:  # as a tool that knows nothing of foreign keys leaves it
        raw.execute("DELETE FROM outbox WHERE id = 1")
    raw.close()
    await upgraded(old)
    assert asked(old, "SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert asked(old, "SELECT count(*) FROM attempts WHERE row_id = 1") == [(1,)]


async def test_a_step_that_fails_half_way_leaves_the_old_store(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = old_store.rows(old), old_store.schema(old, "table"), old_store.schema(old, "index")
    upgrade = migrate.upgrade

    def failing(db: Connection) -> None:
        upgrade(db)
        raise ZeroDivisionError

    monkeypatch.setattr(migrate, "upgrade", failing)
    with pytest.raises(ZeroDivisionError):
        await Store.open(old)
    now = old_store.rows(old), old_store.schema(old, "table"), old_store.schema(old, "index")
    assert now == before
    monkeypatch.undo()
    await upgraded(old)
    assert asked(old, "SELECT version_num FROM alembic_version") == [(HEAD,)]


async def test_events_made_anew_keep_their_numbers_and_what_is_to_be_told_of_them(
    tmp_path: Path,
) -> None:
    """With foreign keys on, exchanging the table would delete every delivery."""
    path = tmp_path / "textback.db"

    def before_programs(db: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", "textback.store:migrations")
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = db
        command.upgrade(config, "0007")

    database = Database(to_url(path))
    await database.restructure(before_programs)
    await database.close()
    now = "2026-05-04 08:00:00.000000"
    raw = sqlite3.connect(path)
    with raw:
        for number in (3, 7, 9):
            raw.execute(
                "INSERT INTO events VALUES (?, ?, 'reply.received', ?, '', '', ?, ?)",
                (number, f"key {number}", now, '{"incoming": 1}', number == 3),
            )
            raw.execute(
                "INSERT INTO deliveries "
                "VALUES (?, ?, 'webhook', 'crm', 1, 'queued', 0, ?, ?, ?, 0, '')",
                (number + 10, number, now, now, now),
            )
    raw.close()
    kept = ("SELECT * FROM events ORDER BY id", "SELECT * FROM deliveries ORDER BY id")
    before = [asked(path, one) for one in kept]
    await upgraded(path)
    assert [asked(path, one) for one in kept] == before
    assert [row[2] for row in asked(path, "PRAGMA foreign_key_list(deliveries)")] == ["events"]
    assert asked(path, "PRAGMA foreign_key_check") == []
    assert asked(path, "SELECT seq FROM sqlite_sequence WHERE name = 'events'") == [(9,)]
    wanted = {str(index.name) for index in metadata.tables["events"].indexes}
    assert wanted <= set(old_store.schema(path, "index"))


async def test_another_connection_sees_the_new_schema_at_once(old: Path) -> None:
    other = sqlite3.connect(old)
    assert other.execute("SELECT count(*) FROM calls").fetchone() == (5,)
    await upgraded(old)
    with other:
        other.execute("UPDATE calls SET phase = 'hinted' WHERE id = 1")
    assert other.execute("SELECT phase, handled FROM calls WHERE id = 1").fetchone() == (
        "hinted",
        "",
    )
    other.close()
