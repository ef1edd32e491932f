"""The made-up database is as the store would have written it, and the same each time."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.lab import seed
from textback.model import CaseStage, EventKind, OutboxState, Outcome, Reason
from textback.store.caseload import CaseFilter
from textback.store.store import Store
from textback.tell_shapes import SHAPES

NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("seed") / "demo.db"
    seed.seed(made, "demo", now=NOW)
    return made


def rows(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        tables = ("calls", "verdicts", "outbox", "incoming", "threads", "cases", "events")
        return [str(db.execute(f"SELECT * FROM {t} ORDER BY 1").fetchall()) for t in tables]


def test_same_seed_makes_the_same_database(path: Path, tmp_path: Path) -> None:
    again, other = tmp_path / "again.db", tmp_path / "other.db"
    seed.seed(again, "demo", now=NOW)
    seed.seed(other, "demo", now=NOW, number=8)
    assert dump(again) == dump(path)
    assert dump(other) != dump(path)


def test_every_number_is_of_a_range_kept_for_fiction(path: Path) -> None:
    for table, column in (("calls", "caller_e164"), ("threads", "handset"), ("contacts", "number")):
        for (number,) in rows(path, f"SELECT DISTINCT {column} FROM {table}"):
            assert re.fullmatch(r"(\+1\d{3}55501\d\d)?", number), number


def test_what_belongs_together_does(path: Path) -> None:
    for wrong in (
        # A text for each Send, none for a Skip.
        "SELECT call_id FROM verdicts v WHERE send != "
        "(SELECT count(*) FROM outbox o WHERE o.call_id = v.call_id AND kind = 'missed')",
        "SELECT id FROM calls c WHERE ended_at IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM verdicts v WHERE v.call_id = c.id)",
        "SELECT id FROM cases c WHERE misses != (SELECT count(*) FROM calls WHERE case_id = c.id)",
        "SELECT id FROM cases WHERE (closed_at IS NULL) != (closed_by = '')",
        "SELECT id FROM cases WHERE closed_at < opened_at OR texted_at < opened_at",
        "SELECT id FROM cases WHERE closed_at IS NULL AND stage != CASE WHEN replied_at IS NOT NULL"
        " THEN 'replied' WHEN texted_at IS NOT NULL THEN 'texted' ELSE 'missed' END",
        "SELECT id FROM threads t WHERE last_at != max("
        "coalesce((SELECT max(at) FROM incoming i WHERE i.thread_id = t.id), ''),"
        "coalesce((SELECT max(created_at) FROM outbox o WHERE o.thread_id = t.id), ''))",
        "SELECT id FROM outbox o WHERE state = 'delivered' AND EXISTS "
        "(SELECT 1 FROM parts p WHERE p.row_id = o.id AND receipt IS NOT 'DELIVRD')",
        "SELECT id FROM outbox WHERE recipient IN (SELECT number FROM opt_outs) AND kind = 'missed'"
        " AND created_at > (SELECT at FROM opt_outs WHERE number = recipient)",
        f"SELECT id FROM calls WHERE started_at > '{NOW:%Y-%m-%d %H:%M:%S}'",
    ):
        assert rows(path, wrong) == [], wrong


def test_events_have_the_fields_that_webhooks_are_promised(path: Path) -> None:
    for kind, payload in rows(path, "SELECT kind, payload FROM events"):
        shape = SHAPES[EventKind(kind)]
        assert set(json.loads(payload)) == {field.name for field in shape.fields}, kind


def test_demo_has_something_of_everything_one_wants_to_see(path: Path) -> None:
    def all_of(query: str) -> set[str]:
        return {str(found) for (found,) in rows(path, query)}

    outcomes = all_of("SELECT DISTINCT outcome FROM calls")
    assert outcomes >= {o.value for o in Outcome if o.value in ("answered", "no_answer", "busy")}
    reasons = {Reason.SEND, Reason.ANSWERED, Reason.TOO_SHORT, Reason.WITHHELD, Reason.OPTED_OUT}
    assert all_of("SELECT DISTINCT reason FROM verdicts") >= {r.value for r in reasons}
    states = set(OutboxState) - {OutboxState.SENDING, OutboxState.DROPPED, OutboxState.CANCELLED}
    assert all_of("SELECT DISTINCT state FROM outbox") >= states - {OutboxState.EXPIRED}
    assert all_of("SELECT DISTINCT stage FROM cases") == set(CaseStage)
    assert rows(path, "SELECT 1 FROM calls WHERE ended_at IS NULL")
    assert rows(path, "SELECT 1 FROM incoming WHERE review = 'open'")
    assert rows(path, "SELECT 1 FROM incoming WHERE text LIKE '%<script>%'")


async def test_store_reads_it(path: Path) -> None:
    store = await Store.open(path, migrate=False)
    try:
        assert await store.cases(CaseFilter(overdue=NOW))
        newest = (await store.calls(limit=400))[0]
        assert (await store.story(newest.call_id)).call_id == newest.call_id
        sent = next(s for s in await store.calls(limit=400) if s.verdict == "send")
        assert len(sent.gates) > 25
        assert sent.outbox is not None
    finally:
        await store.close()
