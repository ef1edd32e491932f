"""The contacts are read at the start, at a reload and on changes, and what cannot be read stays."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.unit.verdicts import NOW, config
from textback.config import Config
from textback.contacts_desk import ContactsDesk
from textback.model import Contact
from textback.store.store import Store

ANN, BEN = "+16465550123", "+12125550124"


class RefusedError(Exception):
    """What an AMI action fails with."""


class Link:
    """A PBX that answers DBGetTree."""

    def __init__(self, *rows: dict[str, str], state: str = "up", error: str = "") -> None:
        self.rows, self.state, self.error = list(rows), state, error
        self.asked: list[tuple[str, dict[str, str]]] = []

    async def action(self, name: str, **fields: str) -> list[dict[str, str]]:
        self.asked.append((name, fields))
        if self.error:
            raise RefusedError(self.error)
        return self.rows


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Rig:
    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.folder = store, folder
        self.links: dict[str, Link] = {}
        self.clock = Clock()
        self.config = config()
        self.configure()
        self.desk = ContactsDesk(
            store, lambda: self.config, self.links, errors=RefusedError, clock=self.clock
        )

    def configure(self, pbx: dict[str, Any] | None = None, **contacts: Any) -> Config:
        files = [f"{self.folder}/*.csv", f"{self.folder}/*.vcf"]
        self.config = config(
            {
                "contacts": {"files": files, **contacts},
                "pbx": [{"name": "pbx", "secret": "x", **(pbx or {})}],
            }
        )
        return self.config

    def write(self, name: str, text: str, second: int = 0) -> None:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        os.utime(path, (1_700_000_000 + second,) * 2)

    async def look(self) -> dict[str, str]:
        await self.desk.look()
        return {c.number: c.name for c in await self.store.contacts()}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    folder = tmp_path / "contacts"
    folder.mkdir()
    store = await Store.open(tmp_path / "textback.db")
    yield Rig(store, folder)
    await store.close()


async def test_files_are_read_again_when_they_change_and_only_then(rig: Rig) -> None:
    rig.write("a.csv", "name,phone\nAnn,6465550123\n")
    assert await rig.look() == {ANN: "Ann"}
    with capture_logs() as logs:
        assert await rig.look() == {ANN: "Ann"}
    assert logs == []
    rig.write("a.csv", "name,phone\nBen,2125550124\n", second=1)
    assert await rig.look() == {BEN: "Ben"}
    (rig.folder / "a.csv").unlink()
    assert await rig.look() == {}


async def test_counts_are_logged_and_bad_rows_by_their_line(rig: Rig) -> None:
    rig.write("a.csv", "name,phone\nAnn,6465550123\nBad,99\n")
    with capture_logs() as logs:
        await rig.look()
    read, skipped = logs
    assert (read["event"], read["contacts"], read["added"]) == ("contacts_read", 1, 1)
    assert (skipped["event"], skipped["rows"], skipped["lines"]) == (
        "contacts_rows_skipped",
        1,
        [3],
    )
    assert "99" not in str(skipped)


async def test_what_cannot_be_used_leaves_what_was_read_and_is_told_once(rig: Rig) -> None:
    rig.write("a.csv", "name,phone\nAnn,6465550123\n")
    await rig.look()
    rig.write("a.csv", "half a fi", second=1)
    with capture_logs() as logs:
        assert await rig.look() == {ANN: "Ann"}
        assert await rig.look() == {ANN: "Ann"}
    assert [entry["event"] for entry in logs] == ["contacts_unreadable"]
    rig.write("a.csv", "name,phone\nBen,2125550124\n", second=2)
    assert await rig.look() == {BEN: "Ben"}


async def test_a_reload_with_other_rules_reads_all_anew(rig: Rig) -> None:
    rig.write("a.csv", "name,phone,tags\nAnn,6465550123,gold\n")
    await rig.look()
    rig.configure(vip_tags=["gold"])
    rig.desk.reload()
    await rig.look()
    assert [c.vip for c in await rig.store.contacts()] == [True]


async def test_sources_no_longer_configured_go_and_what_was_entered_stays(rig: Rig) -> None:
    rig.write("a.csv", "name,phone\nAnn,6465550123\n")
    await rig.look()
    await rig.store.put_contact(Contact(number=BEN, name="Ben", source="operator"), NOW)
    rig.configure(files=[])
    rig.desk.reload()
    assert await rig.look() == {BEN: "Ben"}


async def test_a_phonebook_is_asked_once_its_link_is_up_and_again_after_its_time(
    rig: Rig,
) -> None:
    link = rig.links["pbx"] = Link({"key": "/cidname/6465550123", "val": "Ann"}, state="down")
    rig.configure(pbx={"astdb": True}, astdb_every="10m")
    assert await rig.look() == {}
    link.state = "up"
    assert await rig.look() == {ANN: "Ann"}
    await rig.look()
    assert link.asked == [("DBGetTree", {"Family": "cidname"})]
    rig.clock.now = 601.0
    link.rows = [{"key": "/cidname/2125550124", "val": "Ben"}]
    assert await rig.look() == {BEN: "Ben"}


@pytest.mark.parametrize(
    ("error", "left", "events"),
    [
        ("Database entry not found", {}, ["contacts_read"]),
        ("Permission denied", {ANN: "Ann"}, ["contacts_unreadable"]),
    ],
)
async def test_an_empty_phonebook_is_empty_and_a_refused_one_stays(
    rig: Rig, error: str, left: dict[str, str], events: list[str]
) -> None:
    link = rig.links["pbx"] = Link({"key": "/cidname/6465550123", "val": "Ann"})
    rig.configure(pbx={"astdb": True})
    await rig.look()
    link.error = error
    rig.desk.reload()
    with capture_logs() as logs:
        assert await rig.look() == left
    assert [entry["event"] for entry in logs] == events


async def test_a_phonebook_may_be_read_from_its_file(rig: Rig) -> None:
    path = rig.folder.parent / "astdb.sqlite3"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE astdb (key VARCHAR(256) PRIMARY KEY, value VARCHAR(256))")
        db.execute("INSERT INTO astdb VALUES ('/cidname/6465550123', 'Ann')")
    rig.configure(pbx={"astdb_sqlite": str(path)})
    assert await rig.look() == {ANN: "Ann"}


async def test_the_task_looks_at_the_start_and_at_a_reload(rig: Rig) -> None:
    rig.write("a.csv", "name,phone\nAnn,6465550123\n")
    looked: asyncio.Queue[None] = asyncio.Queue()
    look = rig.desk.look

    async def told() -> None:
        await look()
        looked.put_nowait(None)

    rig.desk.look = told  # type: ignore[method-assign]
    task = asyncio.create_task(rig.desk.run(), name="contacts")
    try:
        async with asyncio.timeout(10):
            await looked.get()
            assert [c.name for c in await rig.store.contacts()] == ["Ann"]
            rig.write("a.csv", "name,phone\nBen,2125550124\n", second=1)
            rig.desk.reload()
            await looked.get()
            assert [c.name for c in await rig.store.contacts()] == ["Ben"]
    finally:
        task.cancel()
        await asyncio.wait([task])
