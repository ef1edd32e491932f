"""Several who have the database open at once, in this process and beside it, take nothing from each
other: SQLite's locks are of a process, and closing any descriptor of the file gives all of them up.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.fakes.store import NOW, call, fact
from textback.store import keeping
from textback.store.store import Store

#: As any command does: look, and close as the last one who believes to have it open.
LOOK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
print(database.execute("SELECT count(*) FROM calls").fetchone()[0])
database.close()
"""


async def counted_beside(path: Path) -> int:
    """What another process counts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LOOK, str(path)), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return int(out)


async def test_a_second_store_of_the_process_takes_no_lock_from_the_first(tmp_path: Path) -> None:
    path = tmp_path / "textback.db"
    store = await Store.open(path)
    try:
        await store.record_fact(call("1.1"))
        second = await Store.open(path, migrate=False)
        await second.counts()
        await second.close()
        assert await counted_beside(path) == 1
        await store.record_fact(call("1.2"))
        assert path.with_name("textback.db-wal").exists()
        assert await counted_beside(path) == 2
    finally:
        await store.close()


async def test_who_reads_the_files_byte_for_byte_keeps_the_locks(tmp_path: Path) -> None:
    path = tmp_path / "textback.db"
    store = await Store.open(path)
    try:
        await store.judge(fact(call("1.1")), NOW)
        assert keeping.still_in(path, ["no such word"]) == ()
        assert await counted_beside(path) == 1
        await store.judge(fact(call("1.2")), NOW)
        assert await counted_beside(path) == 2
    finally:
        await store.close()
