"""A store as schema 0001 left it, with rows in every table: what an upgrade must keep."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

AT = "2026-11-20 10:00:00.000000"
LATER = "2026-11-20 10:15:00.000000"

#: Tables of schema 0001, parents first.
TABLES = (
    *("calls", "verdicts", "outbox", "attempts", "parts", "message_ids", "receipts"),
    *("receipt_forms", "replies", "opt_outs", "operator_log", "meta"),
)
_STATES = ("delivered", "queued", "held", "cancelled", "shadow")


def make(path: Path, calls: int = 5) -> None:
    """Every second of `calls` calls has a text; one more text belongs to no call."""
    config = Config()
    config.set_main_option("script_location", "textback.store:migrations")
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA journal_mode = WAL")
    with raw:
        fill(raw, calls)
    raw.close()


def fill(raw: sqlite3.Connection, calls: int) -> None:
    gates = "[" + ", ".join(f'["gate{n}", true, "what was found", "the rule"]' for n in range(24))
    trail = "[" + ", ".join(f'[{n}.5, "PJSIP/10{n}-00000{n} rings"]' for n in range(8)) + "]"

    def many(table: str, rows: range, row: Callable[[int], tuple[Any, ...]]) -> None:
        places = ", ".join("?" * len(row(rows[0])))
        raw.executemany(f"INSERT INTO {table} VALUES ({places})", (row(n) for n in rows))

    every, texted = range(1, calls + 1), range(1, calls // 2 + 2)
    last = texted[-1]
    many(
        "calls",
        every,
        lambda n: (
            *(n, "pbx", "2026-11-01T00:00:00", f"1700000000.{n}", f"1700000000.{n}", "ended", AT),
            *("inbound", f"PJSIP/trunk-{n:08x}", "from-trunk", _number(n), "A NAME", _number(n)),
            *(_number(n), "+12125550100", "+12125550100", "Main", "allowed", "", AT, AT, None, AT),
            *("no_answer", 19.5, 0, "", 0, trail),
        ),
    )
    many("verdicts", every, lambda n: (n, n <= last, "send", "ended", AT, gates + "]"))
    many(
        "outbox",
        texted,
        lambda n: (
            *(n, n if n != last else None, _STATES[n % len(_STATES)], _number(n), "+12125550100"),
            *("+12125550100", "Sorry we missed you", "smsc", 1, 1, 1, 1, AT, AT, LATER, AT, AT),
            "",
        ),
    )
    many("attempts", texted, lambda n: (n, 1, "smsc", AT, AT, "accepted", 0, "", ""))
    many("parts", texted, lambda n: (n, 1, 1, "smsc", f"id{n}", AT, "DELIVRD", AT, "000"))
    many("message_ids", texted, lambda n: ("smsc", f"id{n}", n, 1))
    many(
        "receipts",
        texted,
        lambda n: (
            *(n, "smsc", f"id{n}", "DELIVRD", "000", _number(n), "+12125550100", None, AT, b"id:"),
            *(n, 1, "by message id"),
        ),
    )
    many("receipt_forms", texted, lambda n: ("smsc", f"id{n}", n))
    many(
        "replies",
        texted,
        lambda n: (n, "smsc", _number(n), "+12125550100", "Ok", AT, None, 1, 1, "", b""),
    )
    many("opt_outs", range(1, 2), lambda n: (n, "+12125550198", "STOP", AT, None, ""))
    many("operator_log", texted, lambda n: (n, AT, "root", "hold", n, "asked to"))
    many("meta", range(1, 2), lambda n: ("a", "b"))


def _number(n: int) -> str:
    return f"+1212555{n % 10_000:04}"


def rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables of 0001, by the columns the table has."""
    raw = sqlite3.connect(path)
    raw.row_factory = sqlite3.Row
    found = {
        table: [dict(row) for row in raw.execute(f"SELECT * FROM {table} ORDER BY 1, 2")]
        for table in TABLES
    }
    raw.close()
    return found


def schema(path: Path, kind: str) -> dict[str, str]:
    """{name: SQL} of all tables or indexes."""
    raw = sqlite3.connect(path)
    found = raw.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = ? AND sql IS NOT NULL", (kind,)
    ).fetchall()
    raw.close()
    return dict(found)
