"""The console's own people in the store: sessions, tries, the audit log; all found by indexes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, insert, select, text

from textback.store import auditing, sessions, tries, users
from textback.store.engine import Database
from textback.store.store import Store
from textback.store.tables_console import audit, login_tries
from textback.store.tables_console import sessions as sessions_table
from textback.store.tries import KNOWN, Tries

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=365)


def add(db: Connection, name: str = "anna", role: str = "agent") -> int:
    return users.add(db, name, role, "hash", NOW, phone="", pbx="").id


def open_(db: Connection, user: int, digest: str, at: datetime = NOW) -> int:
    ends = at + timedelta(days=30)
    return sessions.open_(db, user, digest, at, ends, address="192.0.2.7", agent="x")


# --- sessions ------------------------------------------------------------------------------------


async def test_a_session_of_a_disabled_user_does_not_count_even_if_one_is_left(
    store: Store,
) -> None:
    def work(db: Connection) -> None:
        add(db, "boss", "admin")
        open_(db, add(db), "d")
        db.execute(text("UPDATE users SET disabled = 1 WHERE name = 'anna'"))

    await store.change_people(work)
    assert await store.session("d", NOW, LONG_AGO) is None


async def test_of_many_sessions_the_one_not_used_for_longest_gives_way(store: Store) -> None:
    def work(db: Connection) -> int:
        user, other = add(db), add(db, "bert")
        open_(db, other, "theirs", LONG_AGO)
        for i in range(sessions.MOST + 5):
            open_(db, user, f"d{i}", NOW + timedelta(minutes=i))
        mine = select(func.count()).where(sessions_table.c.user_id == user)
        return int(db.execute(mine).scalar_one())

    assert await store.change_people(work) == sessions.MOST
    assert await store.session("d4", NOW, LONG_AGO) is None
    assert await store.session("d5", NOW, LONG_AGO) is not None
    assert await store.session("theirs", LONG_AGO, NOW - timedelta(days=400)) is not None


async def test_sessions_that_ended_by_themselves_are_swept(store: Store) -> None:
    def work(db: Connection) -> int:
        user = add(db)
        open_(db, user, "old", NOW - timedelta(days=31))
        open_(db, user, "idle", NOW - timedelta(days=2))
        open_(db, user, "good", NOW)
        return sessions.sweep(db, NOW, NOW - timedelta(days=1))

    assert await store.change_people(work) == 2
    assert await store.session("good", NOW, LONG_AGO) is not None


async def test_a_password_changed_while_it_was_looked_at_is_not_put_back(store: Store) -> None:
    def work(db: Connection) -> str:
        add(db)
        users.set_password(db, "anna", "new", NOW)
        users.rehash(db, "anna", "hash", "the old one under other parameters")
        return users.require(db, "anna").password

    assert await store.change_people(work) == "new"


# --- tries ---------------------------------------------------------------------------------------


async def test_tries_that_are_over_are_forgotten_and_known_places_later(store: Store) -> None:
    def put(db: Connection) -> None:
        for kind, age in (("pair", 2), ("user", 2), (KNOWN, 2), (KNOWN, 100), ("pair", 0)):
            at = NOW - timedelta(days=age)
            row = {"kind": kind, "key": f"k{age}", "failures": 1, "since": at, "last_at": at}
            db.execute(insert(login_tries).values(locks=0, **row))

    await store.change_people(put)
    fresh = Tries(failures=1, since=NOW, last=NOW)
    await store.count_tries([("pair", "new")], lambda _: (None, {("pair", "new"): fresh}), NOW)
    left = await store.read(
        lambda db: {(r.kind, r.key) for r in db.execute(select(login_tries)).all()}
    )
    assert left == {("pair", "new"), ("pair", "k0"), (KNOWN, "k2")}


async def test_a_million_names_keep_no_more_than_our_most(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tries, "MOST_ROWS", 50)
    monkeypatch.setattr(tries, "_PIECE", 20)
    for i in range(200):
        at = NOW + timedelta(milliseconds=i)
        made = Tries(failures=1, since=at, last=at)
        key = ("pair", f"k{i}")
        await store.count_tries([key], lambda _, k=key, m=made: (None, {k: m}), at)
    count = select(func.count()).select_from(login_tries)
    assert await store.read(lambda db: db.execute(count).scalar_one()) <= 51


# --- the audit log -------------------------------------------------------------------------------


async def test_failures_are_counted_by_the_hour_and_by_the_place(store: Store) -> None:
    def work(db: Connection) -> list[tuple[str, str, int]]:
        for minute in (0, 10, 59, 70):
            at = NOW + timedelta(minutes=minute)
            auditing.count(db, "anna", "login", "192.0.2.7", "login.failed", "password", now=at)
        auditing.count(db, "anna", "login", "192.0.2.8", "login.failed", "password", now=NOW)
        return [(e.who, e.address, e.times) for e in auditing.entries(db)]

    assert await store.change_people(work) == [
        ("anna", "192.0.2.8", 1),
        ("anna", "192.0.2.7", 1),
        ("anna", "192.0.2.7", 3),
    ]


async def test_however_many_addresses_there_are_few_rows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "MOST_ROWS", 20)

    def work(db: Connection) -> list[auditing.Entry]:
        for i in range(500):
            at = NOW + timedelta(seconds=i)
            address = f"192.0.2.{i % 250}"
            auditing.count(db, "", "login", address, "login.failed", "unknown", now=at)
        return auditing.entries(db, limit=1000)

    found = await store.change_people(work)
    assert len(found) == 21
    assert sum(one.times for one in found) == 500
    assert found[0].address == auditing.OTHERS


async def test_what_is_written_is_cut_to_what_is_kept(store: Store) -> None:
    long = "x" * 10_000
    await store.audit(long, "cli", long, "user.add", long, long + "\0\ud800", now=NOW)
    (found,) = await store.audited()
    sizes = [len(t) for t in (found.who, found.address, found.subject, found.detail)]
    assert sizes == [80, 60, 120, 400]


# --- indexes -------------------------------------------------------------------------------------


async def test_every_question_of_the_console_goes_by_an_index(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cu: Any, statement: str, parameters: Any, _x: Any, _m: bool) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE")):
            asked.append((statement, parameters))

    def fill(db: Connection) -> None:
        for i in range(100):
            open_(db, add(db, f"name{i}"), f"d{i}")
        rows = [
            {"at": NOW, "last_at": NOW, "who": f"w{i % 9}", "via": "cli", "address": "a"}
            | {"action": f"a{i % 9}", "subject": "", "detail": "", "times": 1}
            for i in range(2_000)
        ]
        db.execute(insert(audit), rows)
        db.execute(text("ANALYZE"))

    await store.change_people(fill)
    database: Database = store._db
    engine = database.writer.engine  # type: ignore[attr-defined]
    event.listen(engine, "before_cursor_execute", note)

    def work(db: Connection) -> None:
        sessions.by_hash(db, "d", NOW, LONG_AGO)
        sessions.of_user(db, 1, NOW, LONG_AGO)
        sessions.end(db, "d")
        users.by_name(db, "anna")
        auditing.count(db, "w1", "login", "a", "login.failed", "", now=NOW)
        auditing.entries(db)
        auditing.entries(db, before=500, since=NOW, who="w1")
        auditing.entries(db, action="a1", before=900)
        tries.turn(db, [("pair", "x")], lambda _: (None, {}), NOW)

    await store.change_people(work)
    event.remove(engine, "before_cursor_execute", note)

    def plans(db: Connection) -> list[str]:
        said = []
        for statement, parameters in asked:
            if statement.startswith("SELECT count(*)"):
                continue  # of at most an hour's failures
            found = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            said += [f"{row.detail} <- {statement}" for row in found]
        return said

    told = await store.change_people(plans)
    assert len(asked) >= 9
    for plan in told:
        scans = plan.startswith("SCAN") and "SCAN CONSTANT" not in plan
        assert not scans or "ORDER BY audit.id DESC" in plan, plan
