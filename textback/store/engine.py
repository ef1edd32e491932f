"""The way to the database: one writer, a few readers, and errors in words for the operator.

Work is given as plain functions of a SQLAlchemy `Connection`; `Database` runs each in a
transaction of its own. Readers go through SQLAlchemy's asyncio engine, aiosqlite now and asyncpg
next, and so does the writer of any database but SQLite: aiosqlite crosses to its thread and back
four times for every statement, and a verdict has seven, so there a whole transaction is handed to
a thread of our own at once. Measured: 1.6 ms instead of 4.4 ms for a verdict, and the event loop
is free meanwhile.

What SQLite needs to be durable and to let the command line in beside the daemon is set here, at
connect, and nowhere else.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import create_async_engine

from textback.store.errors import StoreError, StoreForeignError, StoreUnavailableError

T = TypeVar("T")

#: How long a writer waits for another process (the command line beside the daemon), seconds.
BUSY_TIMEOUT = 5.0
_READERS = 4
#: Where a connection notes that its transaction wrote events.
EVENTS_WRITTEN = "events_written"

_HINTS = {
    "database or disk is full": "free some space on its file system",
    "attempt to write a readonly database": "the file or its file system is read-only",
    "database is locked": "another process holds it",
    "unable to open database file": "does its folder exist, and may this user write there?",
    "disk I/O error": "look at the kernel's log for the disk",
}


def to_url(where: str | Path) -> URL:
    """The database's URL: a path is a SQLite file, `postgresql://` goes through asyncpg."""
    if isinstance(where, Path) or "://" not in where:
        return URL.create("sqlite+aiosqlite", database=str(where))
    url = make_url(where)
    plain = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    return url.set(drivername=plain.get(url.drivername, url.drivername))


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turns the driver's errors into the store's."""
    try:
        yield
    except PoolTimeoutError as error:
        raise StoreUnavailableError(f"{where}: no free connection: {error}") from error
    except (OperationalError, InterfaceError) as error:
        raise StoreUnavailableError(_sentence(where, error)) from error
    except DBAPIError as error:
        if "file is not a database" in str(error.orig):
            raise StoreForeignError(f"{where} is not a textback database") from error
        if error.connection_invalidated:
            raise StoreUnavailableError(_sentence(where, error)) from error
        raise StoreError(_sentence(where, error)) from error
    except SQLAlchemyError as error:
        raise StoreError(f"{where}: {error}") from error


def _sentence(where: str, error: DBAPIError) -> str:
    # `error` itself would print the statement with its parameters: numbers and texts.
    said = str(error.orig).splitlines()[0] if str(error.orig) else type(error.orig).__name__
    hint = _HINTS.get(said, "")
    return f"{where}: {said}" + (f" ({hint})" if hint else "")


def _prepare(engine: Engine, begin: str, *, read_only: bool) -> None:
    """Every SQLite connection of this engine is durable, patient, and begins with `begin`."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: object) -> None:
        try:
            set_up(connection)
        except BaseException:
            # Not a database, or on a file system that is gone: nobody else closes it.
            connection.close()
            raise

    def set_up(connection: Any) -> None:
        # The sqlite3 module must not begin transactions of its own; `begun` does.
        connection.isolation_level = None
        cursor = connection.cursor()
        # Counts for a file that is made now, before anything is in it; an older one gives no room
        # back without VACUUM. Said to one that has it already it would be a write at every opening.
        cursor.execute("PRAGMA auto_vacuum")
        (vacuum,) = cursor.fetchone()
        for pragma in (
            # A reader says it too: the first to connect makes the file, by its journal_mode.
            *(("auto_vacuum = INCREMENTAL",) if vacuum == 0 else ()),
            f"busy_timeout = {int(BUSY_TIMEOUT * 1000)}",
            "journal_mode = WAL",
            # Every commit is on the disk before anybody is told of it.
            "synchronous = FULL",
            "foreign_keys = ON",
            # What is deleted is overwritten: who was erased is not found in the file's free pages.
            *(() if read_only else ("secure_delete = ON",)),
            *(("query_only = ON",) if read_only else ()),
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


#: Every transaction here is ended by its context manager, so the pool need not roll back; and no
#: error may print parameters, which are numbers and texts.
_SQLITE: dict[str, Any] = {
    "max_overflow": 0,
    "pool_reset_on_return": None,
    "connect_args": {"timeout": BUSY_TIMEOUT},
    "hide_parameters": True,
}


class Runner(Protocol):
    """Runs pieces of work, each in a transaction."""

    async def run(self, work: Callable[[Connection], T]) -> T: ...

    async def restructure(self, work: Callable[[Connection], T]) -> T: ...

    async def close(self) -> None: ...


class AsyncRunner:
    """Through SQLAlchemy's asyncio engine."""

    def __init__(self, url: URL, connections: int, begin: str = "") -> None:
        """`begin`: for SQLite only, how a (reading) transaction begins."""
        if begin:
            self.engine = create_async_engine(url, pool_size=connections, **_SQLITE)
            _prepare(self.engine.sync_engine, begin, read_only=True)
        else:
            self.engine = create_async_engine(
                url, pool_size=connections, max_overflow=0, hide_parameters=True
            )

    async def run(self, work: Callable[[Connection], T]) -> T:
        async with self.engine.begin() as connection:
            return await connection.run_sync(work)

    async def restructure(self, work: Callable[[Connection], T]) -> T:
        return await self.run(work)

    async def close(self) -> None:
        await self.engine.dispose()


class ThreadRunner:
    """SQLite's writer: one connection, in a thread that does nothing else."""

    def __init__(self, url: URL) -> None:
        plain = url.set(drivername="sqlite+pysqlite")
        self.engine = create_engine(plain, pool_size=1, **_SQLITE)
        _prepare(self.engine, "BEGIN IMMEDIATE", read_only=False)
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="store-writer")

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        with self.engine.begin() as connection:
            return work(connection)

    async def run(self, work: Callable[[Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.thread, self._transaction, work)

    def _restructuring(self, work: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            # SQLite takes this outside of transactions only, and knows no other way to exchange a
            # table that others refer to: with foreign keys on, DROP TABLE deletes their rows.
            raw = connection.connection.driver_connection
            assert raw is not None
            raw.execute("PRAGMA foreign_keys = OFF")
            try:
                with connection.begin():
                    before = _dangling(connection)
                    done = work(connection)
                    # What somebody else's tool has left dangling is not made worse by us.
                    broken = _dangling(connection) - before
                    if broken:
                        child, parent = next(iter(broken))
                        raise StoreError(
                            f"{broken.total()} rows of {child} would refer to rows of {parent} "
                            "that are not there; nothing was changed"
                        )
                    return done
            finally:
                raw.execute("PRAGMA foreign_keys = ON")

    async def restructure(self, work: Callable[[Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.thread, self._restructuring, work)

    def _maintaining(self, work: Callable[[Any], T]) -> T:
        with self.engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            try:
                return work(raw)
            except sqlite3.Error as error:
                raise StoreUnavailableError(f"{self.engine.url.database}: {error}") from error

    async def maintain(self, work: Callable[[Any], T]) -> T:
        """`work` on the driver's own connection, outside of transactions: VACUUM, checkpoints."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.thread, self._maintaining, work)

    async def close(self) -> None:
        # The connection belongs to its thread, so it is closed there.
        await asyncio.get_running_loop().run_in_executor(self.thread, self.engine.dispose)
        self.thread.shutdown()


def _dangling(connection: Connection) -> Counter[tuple[str, str]]:
    """How many rows of which table refer to rows of which other that are not there."""
    found = connection.exec_driver_sql("PRAGMA foreign_key_check")
    return Counter((child, parent) for child, _, parent, _ in found)


class Database:
    """Transactions on one database. Not to be shared between event loops."""

    def __init__(self, url: URL) -> None:
        self.name = url.render_as_string(hide_password=True) if url.host else str(url.database)
        self.writer: Runner
        self.reader: Runner
        if url.get_backend_name() == "sqlite":
            _make_private(Path(str(url.database)))
            self.writer = ThreadRunner(url)
            self.reader = AsyncRunner(url, _READERS, "BEGIN")
        else:
            self.writer = AsyncRunner(url, 1)
            self.reader = AsyncRunner(url, _READERS)
        #: Why the last write failed, in words; "" when it did not.
        self.trouble = ""
        #: Told when a transaction that wrote events is on the disk, and of a write that failed.
        self.on_events: Callable[[], None] = lambda: None
        self.on_trouble: Callable[[str], None] = lambda _: None
        self._closed = False
        self._lock = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one durable transaction; on return it is on the disk.

        It may run in another thread, so it touches nothing but the connection and values. Raises
        StoreUnavailableError or StoreError, and then nothing was changed. A caller that is
        cancelled does not stop a transaction half-way: it ends on its own, one way or the other.
        """
        wrote: list[bool] = []

        def noticed(db: Connection) -> T:
            db.info.pop(EVENTS_WRITTEN, None)
            done = work(db)
            wrote.append(bool(db.info.pop(EVENTS_WRITTEN, False)))
            return done

        return await self._durably(partial(self.writer.run, noticed), wrote)

    async def maintain(self, work: Callable[[Any], T]) -> T | None:
        """`work` on SQLite's own connection outside of transactions; None: it is no SQLite."""
        writer = self.writer
        if not isinstance(writer, ThreadRunner):
            return None
        return await self._durably(partial(writer.maintain, work))

    async def restructure(self, work: Callable[[Connection], T]) -> T:
        """As `write`, for work that exchanges tables: foreign keys are checked at its end only."""
        return await self._durably(partial(self.writer.restructure, work))

    async def _durably(self, run: Callable[[], Awaitable[T]], wrote: Sequence[bool] = ()) -> T:
        self._require_open()
        task = asyncio.create_task(self._write(run, wrote), name="store write")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _write(self, run: Callable[[], Awaitable[T]], wrote: Sequence[bool]) -> T:
        async with self._lock:
            try:
                with translated(self.name):
                    done = await run()
            except StoreUnavailableError as error:
                self.trouble = str(error)
                self.on_trouble(self.trouble)
                raise
            self.trouble = ""
            if any(wrote):
                self.on_events()
            return done

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one consistent snapshot. Raises as `write` does."""
        self._require_open()
        with translated(self.name):
            return await self.reader.run(work)

    def _require_open(self) -> None:
        # SQLAlchemy would quietly connect again, and nobody would close that connection.
        if self._closed:
            raise StoreError(f"{self.name} is closed")

    async def close(self) -> None:
        """Wait for transactions that still run, then let go of the file. Twice does no harm."""
        if self._closed:
            return
        self._closed = True
        if self._running:
            await asyncio.gather(*self._running, return_exceptions=True)
        await self.reader.close()
        await self.writer.close()


def _make_private(path: Path) -> None:
    """Who was called and what was written is nobody else's business: mode 0600 from birth.

    A file that is there is never opened here: to close it again would take away the locks that
    this process has on it (POSIX), and the next command line would take the log from under us.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        if not path.exists():
            raise StoreUnavailableError(f"{path}: {error.strerror}") from error
