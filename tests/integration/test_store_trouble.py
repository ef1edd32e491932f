"""A full disk, a read-only file, two processes at once: said clearly, survived, nothing lost."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.fakes.gateway import FakeGateway
from tests.fakes.store import NOW, call, fact, queued, reply
from textback.config import Config
from textback.delivery import Delivery
from textback.inbox import Inbox
from textback.intake import Intake
from textback.model import Moment, OutboxState
from textback.observer import Observer
from textback.store.engine import ThreadRunner
from textback.store.errors import StoreUnavailableError
from textback.store.migrations import HEAD
from textback.store.outage import Outage
from textback.store.store import Store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "textback.db")
    yield opened
    await opened.close()


async def fill_disk(store: Store) -> None:
    """No page more than there are: what SQLite then reports is what a full disk gives."""
    await store._db.write(
        lambda db: db.exec_driver_sql(
            f"PRAGMA max_page_count = {db.exec_driver_sql('PRAGMA page_count').scalar()}"
        )
    )


async def free_disk(store: Store) -> None:
    await store._db.write(lambda db: db.exec_driver_sql("PRAGMA max_page_count = 1000000"))


async def until_full(store: Store) -> int:
    """Calls that went in before the disk was full."""
    for n in range(1000):
        try:
            await store.judge(fact(call(f"7.{n}")), NOW)
        except StoreUnavailableError as error:
            assert "database or disk is full (free some space" in str(error)
            return n
    raise AssertionError("the disk never was full")


async def test_a_full_disk_is_named_and_leaves_whole_calls_only(store: Store) -> None:
    await fill_disk(store)
    went_in = await until_full(store)
    calls = await store.calls(limit=2000)
    assert len(calls) == went_in
    assert all(story.outbox is not None and story.verdict == "send" for story in calls)
    await free_disk(store)
    await queued(store)


async def test_a_full_disk_can_still_be_read(store: Store) -> None:
    await queued(store)
    await fill_disk(store)
    await until_full(store)
    assert (await store.story(1)).verdict == "send"
    assert (await store.counts())[OutboxState.QUEUED] > 0


def config() -> Config:
    return Config.model_validate(
        {
            "business": {"name": "Acme Dental"},
            "pbx": [{"secret": "x"}],
            "smsc": [{"host": "127.0.0.1", "system_id": "acme", "password": "x"}],
            "number": [{"did": "+12125550100"}],
            # The callers of tests are all of one block of numbers.
            "limits": {"adjacent": 0, "per_prefix": 0},
        }
    )


async def test_the_whole_way_survives_a_full_disk(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls come in while the disk is full, and a carrier answers: all is written afterwards."""
    failed = asyncio.Event()
    plain = Outage.failed

    def failing(self: Outage, error: object, waiting: int) -> float:
        failed.set()
        return min(plain(self, error, waiting), 0.01)  # type: ignore[arg-type]

    monkeypatch.setattr(Outage, "failed", failing)
    accepted = asyncio.Event()

    class Watcher(Observer):
        texts = 0

        def state(self, state: OutboxState) -> None:
            self.texts += state is OutboxState.ACCEPTED
            if self.texts == 20:
                accepted.set()

    watcher = Watcher()
    gateway = FakeGateway()
    delivery = Delivery(store, [gateway], segments=lambda route, text: 1, observer=watcher)
    intake = Intake(store, config, on_queued=lambda row, call: delivery.kick(row.id))
    inbox = Inbox(store, lambda: "US")
    await fill_disk(store)
    await until_full(store)
    await store.cancel_for_handset("+12125550123", "test", NOW)
    async with asyncio.TaskGroup() as group:
        group.create_task(intake.run(), name="intake")
        group.create_task(delivery.run(), name="delivery")
        now = Moment.now()
        with capture_logs() as logs:
            for n in range(20):
                caller = f"+12125550{n + 140}"
                late = call(f"8.{n}", caller=caller, started=now, at=now, ringing=now)
                intake.put(late)
            await failed.wait()
            with pytest.raises(StoreUnavailableError):
                while True:
                    await inbox.reply(reply("x" * 100_000))
            assert intake.waiting == 20
            await free_disk(store)
            await accepted.wait()
        await intake.stop()
        await delivery.stop()
    said = [e["part"] for e in logs if e["event"] == "store_failed"]
    assert sorted(said) == sorted(set(said))
    assert "intake" in said
    assert len({m.to for m in gateway.messages}) == len(gateway.messages) == 20


async def say(store: Store, statement: str) -> None:
    """To the writer's connection, outside of any transaction."""
    writer = store._db.writer
    assert isinstance(writer, ThreadRunner)

    def work() -> None:
        connection = writer.engine.raw_connection()
        connection.cursor().execute(statement)
        connection.close()

    await asyncio.get_running_loop().run_in_executor(writer.thread, work)


async def test_a_database_that_turns_read_only_is_named(store: Store) -> None:
    await queued(store)
    await say(store, "PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailableError, match="its file system is read-only"):
        await store.judge(fact(call("9.9")), NOW)
    assert len(await store.calls()) == 1
    await say(store, "PRAGMA query_only = OFF")
    await store.judge(fact(call("9.9")), NOW)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
async def test_a_file_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "textback.db"
    await (await Store.open(path)).close()
    path.chmod(0o400)
    store = await Store.open(path)
    try:
        with pytest.raises(StoreUnavailableError, match="read-only"):
            await queued(store)
    finally:
        await store.close()


async def test_another_writer_is_waited_for(store: Store, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "textback.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(store.judge(fact(), NOW), name="writing")
    done, _ = await asyncio.wait([writing], timeout=0.05)
    assert not done
    assert await store.queue() == []
    other.execute("COMMIT")
    assert (await writing).row is not None
    other.close()


async def test_another_writer_that_never_ends_is_an_error_and_no_hang(
    store: Store, tmp_path: Path
) -> None:
    await store._db.write(lambda db: db.exec_driver_sql("PRAGMA busy_timeout = 20"))
    other = sqlite3.connect(tmp_path / "textback.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="database is locked"):
        await store.judge(fact(), NOW)
    other.execute("ROLLBACK")
    other.close()
    await queued(store)


async def test_a_store_opened_by_several_processes_at_once_is_migrated_once(
    tmp_path: Path,
) -> None:
    path = tmp_path / "textback.db"
    script = (
        "import asyncio, sys; from textback.store.store import Store\n"
        "async def main():\n"
        "    store = await Store.open(sys.argv[1])\n"
        "    print(sum((await store.counts()).values()))\n"
        "    await store.close()\n"
        "asyncio.run(main())"
    )
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", script, str(path)),
            cwd=ROOT,
            env={k: v for k, v in os.environ.items() if k != "PYTHONASYNCIODEBUG"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(4)
    ]
    said = await asyncio.gather(*(process.communicate() for process in processes))
    assert [(out.strip(), err) for out, err in said] == [(b"0", b"")] * 4
    raw = sqlite3.connect(path)
    assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    raw.close()


async def test_the_command_line_and_the_daemon_share_the_store(
    store: Store, tmp_path: Path
) -> None:
    other = await Store.open(tmp_path / "textback.db", migrate=False)
    await asyncio.gather(
        *(
            s.judge(fact(call(f"{n}.{m}")), NOW)
            for n, s in enumerate((store, other))
            for m in range(10)
        )
    )
    await other.close()
    assert (await store.counts())[OutboxState.QUEUED] == 20


async def test_a_clock_that_is_set_back_does_not_keep_a_text_waiting(store: Store) -> None:
    (row,) = await queued(store)
    before = NOW - timedelta(hours=2)
    assert await store.claim(10, before) == []
    assert await store.next_due() == before
    assert [r.id for r in await store.claim(10, before)] == [row.id]
