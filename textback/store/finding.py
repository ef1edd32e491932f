"""Which rows of which tables are a person's, and where else their number stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    String,
    Table,
    and_,
    cast,
    func,
    literal,
    or_,
    select,
    type_coerce,
)

from textback.keeping_spelling import Spelling
from textback.model import Direction
from textback.store.holdings import HELD, HOLDINGS, Holding, holds_words, is_bytes, searched
from textback.store.sql import chunks
from textback.store.tables import calls
from textback.store.tables_people import opt_outs

#: Rows looked through in one transaction: a reader that is long at it keeps the log from being
#: taken over into the database.
SLICE = 20_000


@dataclass(slots=True)
class Found:
    """Rows by table: `id`s, or for tables without one the parents they belong to."""

    rows: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def ids(self, name: str) -> list[int]:
        return sorted(self.rows.get(name, ()))

    def count(self) -> int:
        return sum(len(rows) for rows in self.rows.values())


@dataclass(frozen=True, slots=True)
class Mention:
    """A row in which the number stands, whoever's it is."""

    table: str
    row: int  #: `id`, or of a table without one its first key
    columns: tuple[str, ...]


def key_of(table: Table) -> ColumnElement[int]:
    """The column a row is named by here: `id`, else the first of its key (`row_id`, `call_id`)."""
    found: ColumnElement[int] = table.c["id"] if "id" in table.c else next(iter(table.primary_key))
    return found


def person(db: Connection, who: Spelling) -> Found:
    """The person's rows: by number, and by the rows they belong to. All by index."""
    found = Found()
    for holding in HOLDINGS:
        ids = found.rows[holding.name]
        for column in holding.by:
            for query in _by_number(holding, column, who):
                ids.update(db.execute(query).scalars())
        for column, parent in holding.via:
            ids.update(_by_parent(db, holding, column, found.ids(parent)))
    return found


def _by_number(holding: Holding, column: str, who: Spelling) -> Iterator[Any]:
    table = holding.table
    mine = table.c[column]
    if column in {"caller_e164", "called_back"}:
        # The second half lets the planner use the partial index.
        yield select(table.c.id).where(mine == who.e164, mine != "")
    elif holding.name == "calls":
        # As the PBX spelt it, where nobody could read it or read it as this number.
        read = table.c.caller_e164.in_(("", who.e164))
        yield select(table.c.id).where(mine.in_(who.exact), read)
    elif table is opt_outs:
        yield select(table.c.id).where(mine == who.e164)
    elif holding.name == "receipts":
        # Those of a text are found by it; the others have an index of their own.
        yield select(table.c.id).where(mine.in_(who.exact), table.c.row_id.is_(None))
    else:
        yield select(table.c.id).where(mine.in_(who.exact))


def _by_parent(db: Connection, holding: Holding, column: str, parents: list[int]) -> Iterator[int]:
    table = holding.table
    own = "id" in table.c
    for some in chunks(parents):
        query = select(table.c.id if own else table.c[column])
        yield from db.execute(query.where(table.c[column].in_(some))).scalars()


# --- where else the number stands ---------------------------------------------------------------


def spans(db: Connection) -> list[tuple[str, int, int]]:
    """What `mentions` is to look through, in pieces: table, first and last key."""
    found: list[tuple[str, int, int]] = []
    for holding in HOLDINGS:
        if not searched(holding):
            continue
        if holding.name == "meta":
            continue
        key = key_of(holding.table)
        first, last = db.execute(select(func.min(key), func.max(key))).one()
        if first is None:
            continue
        found += [
            (holding.name, start, min(start + SLICE - 1, last))
            for start in range(first, last + 1, SLICE)
        ]
    return found


def mentions(db: Connection, who: Spelling, span: tuple[str, int, int]) -> list[Mention]:
    """Rows of one piece in which the number stands in any spelling."""
    name, first, last = span
    holding = HELD[name]
    key = key_of(holding.table)
    columns = searched(holding)
    holds = or_(*(_holds(column, who.hints) for column in columns))
    query = select(
        key,
        spoken_by_the_house(holding),
        *(type_coerce(c, LargeBinary) if is_bytes(c) else c for c in columns),
    )
    found: list[Mention] = []
    for row in db.execute(query.where(and_(key >= first, key <= last, holds))):
        reader = who.as_dialled if row[1] else who
        named = tuple(
            column.name
            for column, value in zip(columns, row[2:], strict=True)
            if value is not None and reader.found_in(as_text(value))
        )
        if named:
            found.append(Mention(name, row[0], named))
    return found


def anywhere(db: Connection, words: Iterable[str]) -> set[str]:
    """Those of `words` that stand in any row, in whatever column: digits of one number may be
    part of another's, or of a carrier's id. Looks through everything."""
    left, found = set(words), set[str]()
    for holding in HOLDINGS:
        columns = [column for column in holding.table.columns if holds_words(column)]
        if not columns:
            continue
        for word in sorted(left):
            there = or_(*(_holds(column, (word,)) for column in columns))
            if db.execute(select(literal(1)).select_from(holding.table).where(there)).first():
                found.add(word)
        left -= found
    return found


def spoken_by_the_house(holding: Holding) -> ColumnElement[bool]:
    """Whether a row tells what somebody in the house dialled: an outgoing call."""
    if holding.table is calls:
        return calls.c.direction == Direction.OUTBOUND
    return literal(False)


def as_text(value: Any) -> str:
    """A value as what a search reads; bytes as characters of their own number."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _holds(column: Any, needles: Iterable[str]) -> ColumnElement[bool]:
    if is_bytes(column):
        return or_(
            *(func.instr(column, cast(literal(n.encode()), LargeBinary)) > 0 for n in needles)
        )
    words = cast(column, String)
    return or_(*(func.instr(words, n) > 0 for n in needles))
