"""What a store says to its database: the statements of a piece of work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy import Connection, event

from textback.store.engine import ThreadRunner
from textback.store.store import Store


@contextmanager
def heard(store: Store) -> Iterator[list[str]]:
    """The statements of what is written meanwhile, the BEGIN of each transaction among them."""
    engine = cast(ThreadRunner, store._db.writer).engine
    statements: list[str] = []

    def hear(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", hear)


async def plan(store: Store, query: Any, **values: Any) -> list[str]:
    """How SQLite runs it."""

    def explain(db: Connection) -> list[str]:
        said: list[tuple[str, Any]] = []

        @event.listens_for(db, "before_cursor_execute")
        def hear(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
            said.append((statement, parameters))

        db.execute(query, values)
        statement, parameters = said[0]
        found = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [row[3] for row in found]

    return await store.read(explain)
