"""Whoever follows the events by number misses none and meets none twice, whatever is deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from tests.fakes.store import CALLER, NOW
from textback.model import Event, EventKind
from textback.store import events as written
from textback.store import following_events
from textback.store.following_events import Followed, OtherStoreError, Place
from textback.store.store import Store
from textback.store.tables_tell import events
from textback.tell_shapes import SHAPES


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "textback.db")
    yield opened
    await opened.close()


def payload(kind: EventKind) -> dict[str, Any]:
    """What an event of this kind tells, of nothing in particular."""
    plain: dict[str, Any] = {"string": "", "integer": 1, "number": 1.0, "boolean": False}
    return {field.name: plain.get(field.kind) for field in SHAPES[kind].fields}


async def happen(store: Store, *names: str, kind: EventKind = EventKind.REPLY_RECEIVED) -> None:
    found = [
        Event(kind=kind, at=NOW, caller=CALLER, payload=payload(kind), key=f"key of {name}")
        for name in names
    ]
    await store._db.write(lambda db: written.put_all(db, found))


async def forget(store: Store, *names: str) -> None:
    keys = [f"key of {name}" for name in names]
    await store._db.write(lambda db: db.execute(delete(events).where(events.c.key.in_(keys))))


async def after(store: Store, place: Place, limit: int = 100) -> Followed:
    return await store.read(lambda db: following_events.after(db, place, limit))


def names(found: Followed) -> list[str]:
    return [event.key.removeprefix("key of ") for _, event in found.events]


async def test_pages_follow_each_other_and_end(store: Store) -> None:
    await happen(store, "a", "b", "c")
    first = await after(store, Place(), 2)
    assert (names(first), first.more, first.gap) == (["a", "b"], True, False)
    rest = await after(store, first.place, 2)
    assert (names(rest), rest.more) == (["c"], False)
    none = await after(store, rest.place, 2)
    assert (none.events, none.place) == ((), rest.place)
    assert await store.read(following_events.newest) == rest.place


async def test_what_came_last_and_was_erased_gives_its_number_to_nothing_else(store: Store) -> None:
    await happen(store, "a", "b", "c")
    place = (await after(store, Place())).place
    await forget(store, "b", "c")
    assert await store.read(following_events.newest) == Place(place.id)
    await happen(store, "d")
    found = await after(store, place)
    assert (names(found), found.gap) == (["d"], False)
    await forget(store, "a", "d")  # now there is none at all
    await happen(store, "e")
    assert names(await after(store, found.place)) == ["e"]


async def test_who_was_away_for_longer_than_events_are_kept_is_told(store: Store) -> None:
    await happen(store, "a", "b", "c", "d")
    place = (await after(store, Place(), 1)).place
    await forget(store, "a", "b")
    assert (await after(store, place)).gap is True
    assert (await after(store, Place())).gap is False, "who begins has missed nothing"


async def test_what_was_missed_is_told_once_also_where_nothing_has_happened_since(
    store: Store,
) -> None:
    await happen(store, "a", "b", "c")
    place = (await after(store, Place(), 1)).place
    await forget(store, "a", "b", "c")
    found = await after(store, place)
    assert found.gap is True
    again = await after(store, found.place)
    assert (again.gap, again.place) == (False, found.place)
    await happen(store, "d")
    assert names(await after(store, found.place)) == ["d"]


async def test_a_place_in_another_database_is_none_of_this_one(store: Store) -> None:
    with pytest.raises(OtherStoreError):
        await after(store, Place(1, "key of a"))
    await happen(store, "x")
    with pytest.raises(OtherStoreError):
        await after(store, Place(1, "key of a"))
    with pytest.raises(OtherStoreError):
        await after(store, Place(2, "key of b"))


async def test_a_test_for_one_target_is_nothing_that_happened(store: Store) -> None:
    await happen(store, "a", kind=EventKind.TEST)
    await happen(store, "b")
    assert names(await after(store, Place())) == ["b"]


async def test_the_next_page_is_a_stretch_of_the_table(store: Store) -> None:
    plan = await store.read(
        lambda db: [
            row[3]
            for row in db.exec_driver_sql(
                "EXPLAIN QUERY PLAN "
                + str(
                    select(events)
                    .where(events.c.id > 5, following_events._REAL)
                    .order_by(events.c.id)
                    .limit(7)
                    .compile(db, compile_kwargs={"literal_binds": True})
                )
            )
        ]
    )
    assert plan == ["SEARCH events USING INTEGER PRIMARY KEY (rowid>?)"]
