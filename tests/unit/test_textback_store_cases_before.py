"""The list people begin with: cases made of the calls an older release kept."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from textback.model import CaseStage
from textback.store.caseload import CaseFilter
from textback.store.store import Store

NUMBER = "+12125550100"


def old(path: Path) -> sqlite3.Connection:
    """A store as schema 0002 left it, without rows."""
    config = Config()
    config.set_main_option("script_location", "textback.store:migrations")
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    engine.dispose()
    return sqlite3.connect(path)


def put(
    raw: sqlite3.Connection,
    call_id: int,
    caller: str,
    hours: float,
    outcome: str = "no_answer",
    *,
    reason: str = "cooldown",
    handled: str = "",
    direction: str = "inbound",
    called_back: str = "",
) -> None:
    """A call that began `hours` ago and was over 20 s later."""
    began = datetime.now(UTC) - timedelta(hours=hours)
    start, end = (f"{t:%Y-%m-%d %H:%M:%S.%f}" for t in (began, began + timedelta(seconds=20)))
    answered = end if outcome == "answered" else None
    columns = (
        "id, pbx, boot, uniqueid, linkedid, phase, phase_at, direction, channel, context, caller,"
        "caller_name, caller_final, caller_e164, did, number, number_label, presentation, queue,"
        "started_at, answered_at, ended_at, outcome, waited, gap, tainted, late, trail, handled,"
        "called_back"
    )
    ours = NUMBER if direction == "inbound" else ""
    who = caller if direction == "inbound" else ""
    row = (
        *(call_id, "pbx", "", f"1.{call_id}", f"1.{call_id}", "ended", end, direction, "", ""),
        *(caller, "", caller, who, NUMBER, ours, "", "allowed", ""),
        *(start, answered, end, outcome, 19.0, 0, "", 0, "[]", handled, called_back),
    )
    raw.execute(f"INSERT INTO calls ({columns}) VALUES ({', '.join('?' * len(row))})", row)
    verdict = (call_id, 0, reason, "ended", end, "[]")
    raw.execute("INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?, NULL)", verdict)


async def test_who_was_missed_in_the_last_week_and_not_spoken_to_is_on_the_list(
    tmp_path: Path,
) -> None:
    path = tmp_path / "textback.db"
    raw = old(path)
    waits, spoken, staff = "+12125550123", "+12125550124", "+12125550125"
    reached, handled, long_ago = "+12125550126", "+12125550127", "+12125550128"
    with raw:
        put(raw, 1, waits, 30, "answered")
        put(raw, 2, waits, 20)
        put(raw, 3, waits, 3, "busy")
        put(raw, 4, spoken, 20)
        put(raw, 5, spoken, 10, "answered")
        put(raw, 6, staff, 5, reason="staff")
        put(raw, 7, reached, 5)
        put(raw, 8, reached, 4, "answered", direction="outbound", called_back=reached)
        put(raw, 9, handled, 5, handled="agi")
        put(raw, 10, long_ago, 24 * 8)
    raw.close()
    store = await Store.open(path)
    (case,) = await store.cases()
    assert (case.caller, case.number, case.misses) == (waits, NUMBER, 2)
    assert (case.stage, case.first_call_id, case.last_call_id) == (CaseStage.MISSED, 2, 3)
    assert round((case.missed - case.opened) / timedelta(hours=1)) == 17
    assert [(await store.story(n)).case for n in (2, 3)] == [case, case]
    assert (await store.story(1)).case is None
    assert await store.cases(CaseFilter(closed_since=datetime.now(UTC) - timedelta(days=30))) == []
    await store.close()
