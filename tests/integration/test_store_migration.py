"""An upgrade that is killed leaves the old store, and the next start makes the new one."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.fakes import old_store
from textback.store.migrations import HEAD
from textback.store.store import Store

ROOT = Path(__file__).resolve().parents[2]

#: Dies when the step of the upgrade named on the command line is reached, with some of it already
#: in the write-ahead log: the cache is a few pages.
DIES = """
import asyncio, os, signal, sys
from pathlib import Path
from alembic import op
from textback.store import migrate
from textback.store.store import Store

def die(*args, **options):
    os.kill(os.getpid(), signal.SIGKILL)

upgrade = migrate.upgrade

def upgrading(db):
    db.exec_driver_sql("PRAGMA cache_size = 5")
    if sys.argv[2] == "commit":
        upgrade(db)
        die()
    setattr(op, sys.argv[2], die)
    upgrade(db)

migrate.upgrade = upgrading
asyncio.run(Store.open(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("step", ["drop_table", "rename_table", "commit"])
async def test_a_killed_upgrade_leaves_the_old_store_and_can_be_done_again(
    tmp_path: Path, step: str
) -> None:
    path = tmp_path / "textback.db"
    old_store.make(path, calls=2_000)
    rows, tables = old_store.rows(path), old_store.schema(path, "table")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", DIES, str(path), step),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert await process.wait() == -signal.SIGKILL
    assert path.with_name("textback.db-wal").stat().st_size > 100_000
    assert (old_store.rows(path), old_store.schema(path, "table")) == (rows, tables)
    # The old code goes on with it: what it would write is taken.
    raw = sqlite3.connect(path)
    with raw:
        raw.execute("UPDATE outbox SET state = 'sending' WHERE state = 'queued' AND id = 1")
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    raw.close()
    await (await Store.open(path)).close()
    raw = sqlite3.connect(path)
    assert raw.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD,)
    assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert raw.execute("SELECT count(*) FROM outbox").fetchone() == (len(rows["outbox"]),)
    raw.close()
