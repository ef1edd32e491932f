"""The contacts: one look-up for a verdict, exchange of a whole source, and the operator's verbs.

One number may be known by several sources. The operator's own entry comes first; then what was
imported by hand; then the files, in the order of their names; then what an Asterisk's AstDB says:

    operator    import:...    csv:... vcard:...    astdb:...

A source that is read again is exchanged whole, in one transaction: what is not in it any more is
not known any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, case, delete, func, insert, or_, select, update

from textback.model import Contact
from textback.names import clean
from textback.store import suppression
from textback.store.rows import CallerCard
from textback.store.sql import chunks, insert_for, per_dialect
from textback.store.tables_people import contacts

#: The source of what was entered by hand.
OPERATOR = "operator"
#: Rows given to the database at once.
BATCH = 5_000
#: Characters kept of a name or an organization, of one tag, and tags kept of a contact.
MAX_NAME, MAX_TAG, MAX_TAGS = 120, 40, 20

_ORDER = (
    case(
        (contacts.c.source == OPERATOR, 0),
        (contacts.c.source.like("import:%"), 1),
        (contacts.c.source.like("astdb:%"), 3),
        else_=2,
    ),
    contacts.c.source,
)
_BY_NUMBER = select(contacts).where(contacts.c.number == bindparam("number")).order_by(*_ORDER)
_OF_NUMBERS = (
    select(contacts)
    .where(contacts.c.number.in_(bindparam("numbers", expanding=True)))
    .order_by(contacts.c.number, *_ORDER)
)
#: What a source says of a number, in the order of `_values`.
_SAID = ("name", "organization", "tags", "vip", "no_text")
_OF_SOURCE = select(contacts.c.id, contacts.c.number, *(contacts.c[n] for n in _SAID)).where(
    contacts.c.source == bindparam("of")
)
_SOURCES = (
    select(contacts.c.source, func.count().label("rows"), func.max(contacts.c.updated_at))
    .group_by(contacts.c.source)
    .order_by(contacts.c.source)
)
_CHANGE = (
    update(contacts)
    .where(contacts.c.id == bindparam("row"))
    .values({name: bindparam(name) for name in _SAID})
    .values(updated_at=bindparam("at"))
)
_REMOVE = delete(contacts).where(contacts.c.id == bindparam("row"))


class Exchanged(NamedTuple):
    """What reading a source again has changed."""

    added: int
    changed: int
    removed: int
    kept: int

    @property
    def total(self) -> int:
        return self.added + self.changed + self.kept


def _contact(row: Row[Any]) -> Contact:
    return Contact(
        number=row.number,
        name=row.name,
        organization=row.organization,
        tags=tuple(tag for tag in row.tags.split(",") if tag),
        vip=row.vip,
        no_text=row.no_text,
        source=row.source,
    )


def _values(contact: Contact) -> dict[str, Any]:
    tags = [t for tag in contact.tags[:MAX_TAGS] if (t := tag.replace(",", " ").strip()[:MAX_TAG])]
    return {
        "name": contact.name[:MAX_NAME],
        "organization": contact.organization[:MAX_NAME],
        "tags": f",{','.join(dict.fromkeys(tags))}," if tags else "",
        "vip": contact.vip,
        "no_text": contact.no_text,
    }


def known(db: Connection, number: str) -> list[Contact]:
    """Every source's entry of this number (E.164), the one that counts first."""
    return [_contact(row) for row in db.execute(_BY_NUMBER, {"number": number})]


def best(db: Connection, number: str) -> Contact | None:
    """What is known of this number (E.164): the first source's name, organization and tags.

    Who must not be texted, or is a VIP, by any of the sources is so, whichever comes first.
    """
    return _together(known(db, number))


def best_of(db: Connection, numbers: Sequence[str]) -> dict[str, Contact]:
    """As `best`, of those of many numbers that are known."""
    found: dict[str, list[Contact]] = {}
    for some in chunks(list(dict.fromkeys(numbers))):
        for row in db.execute(_OF_NUMBERS, {"numbers": some}):
            found.setdefault(row.number, []).append(_contact(row))
    return {number: best for number, rows in found.items() if (best := _together(rows))}


def _together(found: Sequence[Contact]) -> Contact | None:
    if len(found) < 2:
        return found[0] if found else None
    named = next((contact for contact in found if contact.name), found[0])
    return Contact(
        number=named.number,
        name=named.name,
        organization=next((c.organization for c in found if c.organization), ""),
        tags=tuple(dict.fromkeys(tag for contact in found for tag in contact.tags)),
        vip=any(contact.vip for contact in found),
        no_text=any(contact.no_text for contact in found),
        source=named.source,
    )


def named(db: Connection, number: str, card: CallerCard | None) -> CallerCard | None:
    """The card with the name the business knows; the network's stays where there is none."""
    contact = best(db, number) if number else None
    name = clean(contact.name or contact.organization) if contact is not None else ""
    if not name:
        return card
    nothing = CallerCard(last_missed=None, number="", name="", misses=0)
    return replace(card or nothing, name=name)


def exchange(db: Connection, source: str, found: Sequence[Contact], now: datetime) -> Exchanged:
    """`found` is all that this source says now. Of one number said twice the first counts.

    Rows that say what they said are left alone: a file of 100,000 that is touched every night costs
    no write.
    """
    new: dict[str, tuple[Any, ...]] = {}
    for contact in found:
        if contact.number not in new:
            new[contact.number] = tuple(_values(contact).values())
    changes: list[dict[str, Any]] = []
    gone: list[dict[str, Any]] = []
    kept = 0
    for row_id, number, *old in db.execute(_OF_SOURCE, {"of": source}):
        values = new.pop(number, None)
        if values is None:
            gone.append({"row": row_id})
        elif values != tuple(old):
            changes.append({"row": row_id, "at": now, **dict(zip(_SAID, values, strict=True))})
        else:
            kept += 1
    # Who was erased does not come back by the next import, but by START or a person's word.
    for number in suppression.erased_among(db, list(new)):
        del new[number]
    added = len(new)
    fresh = (
        {
            "number": number,
            "source": source,
            "updated_at": now,
            **dict(zip(_SAID, values, strict=True)),
        }
        for number, values in new.items()
    )
    while batch := list(islice(fresh, BATCH)):
        db.execute(insert(contacts), batch)
    if changes:
        db.execute(_CHANGE, changes)
    if gone:
        db.execute(_REMOVE, gone)
    return Exchanged(added, len(changes), len(gone), kept)


@per_dialect
def _put(dialect: str) -> Any:
    new = insert_for(dialect, contacts)
    names = (*_SAID, "updated_at")
    return new.on_conflict_do_update(
        index_elements=["number", "source"], set_={name: new.excluded[name] for name in names}
    )


def put(db: Connection, contact: Contact, now: datetime) -> None:
    """One contact of one source, in place of what that source said of the number."""
    whose = {"number": contact.number, "source": contact.source or OPERATOR, "updated_at": now}
    db.execute(_put(db), whose | _values(contact))


def remove(db: Connection, number: str, source: str = "") -> int:
    """Forgets a number; "" of every source. How many entries there were."""
    where = contacts.c.number == number
    if source:
        where = where & (contacts.c.source == source)
    return int(db.execute(delete(contacts).where(where)).rowcount)


def remove_sources(db: Connection, keep: Sequence[str], kinds: Sequence[str]) -> dict[str, int]:
    """Forgets the sources of these kinds ("csv", "astdb"...) that are not among `keep`."""
    gone: dict[str, int] = {}
    for row in db.execute(_SOURCES).all():
        kind = row.source.partition(":")[0]
        if kind in kinds and row.source not in keep:
            db.execute(delete(contacts).where(contacts.c.source == row.source))
            gone[row.source] = row.rows
    return gone


def sources(db: Connection) -> list[tuple[str, int, datetime]]:
    """Every source: its name, how many numbers it knows, and when one of them last changed."""
    return [(row[0], int(row[1]), row[2]) for row in db.execute(_SOURCES)]


def listed(
    db: Connection, *, tag: str = "", source: str = "", words: str = "", limit: int = 100
) -> list[Contact]:
    """Contacts by name; `tag` and `source` exactly, `words` anywhere in name or organization."""
    query = select(contacts).order_by(contacts.c.name, contacts.c.number).limit(limit)
    if tag == "vip":
        query = query.where(or_(contacts.c.vip, contacts.c.tags.contains(",vip,")))
    elif tag:
        query = query.where(contacts.c.tags.contains(f",{tag},", autoescape=True))
    if source:
        query = query.where(contacts.c.source == source)
    if words:
        named = contacts.c.name.icontains(words, autoescape=True)
        query = query.where(or_(named, contacts.c.organization.icontains(words, autoescape=True)))
    return [_contact(row) for row in db.execute(query)]


def names(db: Connection, numbers: Sequence[str]) -> dict[str, str]:
    """The name of each of these numbers (E.164) that has one, by the source that counts first."""
    found: dict[str, str] = {}
    for some in chunks(list(dict.fromkeys(numbers))):
        query = select(contacts.c.number, contacts.c.name).where(contacts.c.number.in_(some))
        for number, name in db.execute(query.order_by(*_ORDER)):
            if name:
                found.setdefault(number, name)
    return found
