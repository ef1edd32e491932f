"""A database with a believable past, made up: `python -m tests.lab.seed PATH --size demo|big`.

Every row is as the verbs of the store would have written it, in the real schema, with the verdicts
of the real gates. All numbers are of the ranges kept for fiction. The same seed and the same
`--now` give the same database; beside it is written the textback.toml it belongs to.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.lab.seeding import people, talk, tidings
from tests.lab.seeding.history import History, Plan
from tests.lab.seeding.people import Number, Person
from tests.lab.seeding.rows import Rows, instant
from textback.config import Config
from textback.config_load import loads
from textback.store.store import Store


@dataclass(frozen=True, slots=True)
class Size:
    """How big a database is to be."""

    calls: int
    days: int
    callers: int
    contacts: int
    numbers: tuple[Number, ...]
    answered: float
    replies: float
    regular: float
    shadow_days: int = 0
    opening_hours: bool = False
    wanders: bool = False


SIZES = {
    "demo": Size(
        calls=2_400,
        days=90,
        callers=420,
        contacts=0,
        numbers=people.DEMO,
        answered=0.62,
        replies=0.62,
        regular=0.2,
        shadow_days=7,
        opening_hours=True,
    ),
    "big": Size(
        calls=1_000_000,
        days=400,
        callers=38_700,
        contacts=100_000,
        numbers=people.chain(20),
        answered=0.36,
        replies=0.35,
        regular=0.05,
        wanders=True,
    ),
}

_HEAD = """\
mode = "{mode}"

[business]
name = "{name}"
country = "US"
timezone = "America/New_York"

[store]
path = "{store}"

[console]
listen = "127.0.0.1:{console}"

[agi]
listen = "127.0.0.1:{agi}"

[[pbx]]
name = "pbx"
port = {ami}
secret = "secret"

[[smsc]]
name = "carrier"
host = "127.0.0.1"
port = {smpp}
system_id = "riverside"
password = "pw"
on_uncertain = "hold"

[defaults]
ring_timeout = "{ring_timeout}"
abandoned_after = "{abandoned_after}"
callback_within = "2h"

[[keyword]]
name = "urgent"
words = ["urgent", "emergency"]
"""
_HOURS = """
[defaults.hours]
days = "mon-fri"
open = "08:00-18:00"
sat = "09:00-13:00"
"""


_QUICK = (
    ("Calling back", "Thank you! We call you back within the hour."),
    ("Hours", "We are open Monday to Friday from 8 to 6, and on Saturday from 9 to 1."),
    ("Address", "We are at 12 Riverside Drive, second floor. The bell is on the left."),
)


def configuration(
    size: str,
    store: Path,
    *,
    console: int = 8480,
    agi: int = 4574,
    ami: int = 5038,
    smpp: int = 2775,
    mode: str = "live",
    ring_timeout: str = "15s",
    abandoned_after: str = "5s",
    head: str = "",
    more: str = "",
) -> str:
    """The textback.toml of a seeded database; `head` goes before all tables, `more` to its end."""
    wanted = SIZES[size]
    given = {"console": console, "agi": agi, "ami": ami, "smpp": smpp, "mode": mode}
    given |= {"ring_timeout": ring_timeout, "abandoned_after": abandoned_after}
    words = [head + _HEAD.format(name=tidings.NAME, store=store, **given)]
    if wanted.opening_hours:
        words.append(_HOURS)
    words += [
        f'\n[[number]]\ndid = "{n.did}"\nlabel = "{n.label}"\nmessage = "{n.message}"\n'
        for n in wanted.numbers
    ]
    if wanted.opening_hours:
        words += [f'\n[[quick_answer]]\nname = "{n}"\ntext = "{t}"\n' for n, t in _QUICK]
    return "".join(words) + more


def seed(path: Path, size: str, *, now: datetime, number: int = 7) -> dict[str, int]:
    """Makes the database at `path`, which must not be there; returns its rows by table."""
    if path.exists():
        raise FileExistsError(path)
    asyncio.run(_create(path))
    return fill(path, size, now=now, number=number)


async def _create(path: Path) -> None:
    store = await Store.open(path)
    await store.close()


def fill(path: Path, size: str, *, now: datetime, number: int = 7) -> dict[str, int]:
    """The same for an empty database that is there already and that nobody has open."""
    wanted, rng = SIZES[size], random.Random(number)
    config, _ = _config(size, path)
    found = people.callers(wanted.callers, rng)
    plan = Plan(
        calls=wanted.calls,
        days=wanted.days,
        numbers=wanted.numbers,
        people=found,
        answered=wanted.answered,
        shadow_days=wanted.shadow_days,
        replies=wanted.replies,
        regular=wanted.regular,
        wanders=wanted.wanders,
    )
    with Rows(path) as rows:
        history = History(rows, plan, config, rng, now)
        history.tell()
        if size == "demo":
            _today(history, found, wanted.numbers, now)
        history.close()
        _contacts(rows, wanted, found, now)
    return rows.counts


def _config(size: str, path: Path) -> tuple[Config, object]:
    return loads(configuration(size, path)), None


def _contacts(rows: Rows, wanted: Size, found: list[Person], now: datetime) -> None:
    """Those that are known; a big business has three lists with everybody in them."""
    # As `textback contacts import` keeps them: no file of theirs is looked for.
    sources = ("import:clients.csv", "import:phones.vcf", "import:branches.csv")
    known = [(p, s) for s in sources for p in found][: wanted.contacts]
    known = known or [(p, sources[0]) for p in found if p.known]
    for person, source in known:
        rows.add(
            "contacts",
            {
                "id": rows.id("contacts"),
                "number": person.number,
                "name": person.name,
                "organization": person.organization,
                "tags": "".join(f",{tag}" for tag in person.tags) + ("," if person.tags else ""),
                "vip": int("vip" in person.tags),
                "no_text": int(person.trait == "no_text"),
                "source": source,
                "updated_at": instant((now - timedelta(hours=5)).timestamp()),
            },
        )


def _today(
    history: History, found: list[Person], numbers: tuple[Number, ...], now: datetime
) -> None:
    """What one wants to see on a page, whatever the dice say: of the last hours."""
    present, texts = now.timestamp(), history.texts
    script = talk.CONVERSATIONS
    for i, (ago, conversation, upto) in enumerate(
        ((300, 0, 1), (1_260, 4, 1), (2_700, 1, 3), (5_400, 2, 5), (9_000, 6, 1), (16_000, 3, 5))
    ):
        person = next(p for p in found[i * 7 :] if not p.opted_out and not p.trait)
        person.known = i != 3
        history.scene(person, numbers[i % 3], present - ago, script[conversation][:upto])
    hostile = Person("+16465550199", talk.HOSTILE[0], talk.HOSTILE[0], known=True)
    found.append(hostile)
    history.scene(hostile, numbers[0], present - 7_200, (talk.Line(2, "in", talk.HOSTILE[0]),))
    history.scene(hostile, numbers[0], present - 7_000, (talk.Line(1, "in", talk.HOSTILE[1]),))
    doubtful = found[60]
    history.scene(doubtful, numbers[1], present - 3_900, talk.DOUBTFUL)
    for i, state in enumerate(("queued", "held", "undelivered", "refused", "uncertain")):
        person = next(p for p in found[100 + 9 * i :] if not p.opted_out and not p.trait)
        text = "We are back at the phones, call us when you like." if state == "queued" else ""
        texts.out(
            person,
            numbers[i % len(numbers)],
            present - 40 - 700 * i,
            text or "Thanks for your patience, we have an answer for you. Please call back.",
            kind="reply",
            author="operator Dana",
            state=state,
        )
    history.living()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--size", choices=SIZES, default="demo")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--now", type=datetime.fromisoformat, help="the present, with its zone")
    asked = parser.parse_args()
    now = (asked.now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    began = time.monotonic()
    counts = seed(asked.path, asked.size, now=now, number=asked.seed)
    asked.path.with_suffix(".toml").write_text(configuration(asked.size, asked.path.resolve()))
    asked.path.with_suffix(".toml").chmod(0o640)
    for table, rows in sorted(counts.items()):
        print(f"{table:14}{rows:>10,}")
    megabytes = asked.path.stat().st_size / 1e6
    print(f"{megabytes:,.0f} MB in {time.monotonic() - began:.0f} s; it is {now.isoformat()} there")


if __name__ == "__main__":
    main()
