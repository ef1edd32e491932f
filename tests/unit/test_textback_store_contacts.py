"""Contacts in the store: exchanged whole, one look-up for a verdict, and asked for on demand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from tests.fakes.statements import heard, plan
from tests.fakes.store import CALLER, NOW, NUMBER, at, call, fact, send
from tests.unit.verdicts import config
from textback.callback import Configured
from textback.decide import Past, decide
from textback.model import (
    Call,
    Contact,
    Direction,
    OutboxState,
    Outcome,
    Phase,
    Reason,
    Skip,
    TextKind,
    Verdict,
)
from textback.store import contacts as module
from textback.store import robots, threads
from textback.store.calls import new_text
from textback.store.store import Store
from textback.store.tables import outbox
from textback.store.tables_talk import incoming

OTHER = "+12125550177"


def contact(number: str = CALLER, name: str = "Ann Lee", **changes: Any) -> Contact:
    return Contact(**{"number": number, "name": name, "source": "csv:a.csv", **changes})


async def exchange(store: Store, *found: Contact, source: str = "csv:a.csv") -> Any:
    return await store.exchange_contacts(source, found, NOW)


async def test_a_source_is_exchanged_whole(store: Store) -> None:
    assert await exchange(store, contact(), contact(OTHER, "Ben")) == (2, 0, 0, 0)
    assert await exchange(store, contact(), contact(OTHER, "Ben Ray")) == (0, 1, 0, 1)
    assert await exchange(store, contact("+12125550188", "Cleo")) == (1, 0, 2, 0)
    assert await store.contact(CALLER) is None
    assert [c.name for c in await store.contacts()] == ["Cleo"]


async def test_a_source_leaves_another_alone(store: Store) -> None:
    await exchange(store, contact())
    await exchange(store, contact(name="ANN"), source="astdb:pbx")
    await exchange(store, source="csv:a.csv")
    assert [c.source for c in await store.known_contacts(CALLER)] == ["astdb:pbx"]


async def test_what_a_contact_was_is_what_it_is_read_as(store: Store) -> None:
    put = contact(organization="Acme", tags=("vip", "new patient"), vip=True, no_text=True)
    await exchange(store, put)
    assert await store.contact(CALLER) == put


async def test_of_several_sources_the_operators_word_counts_first_then_files_then_astdb(
    store: Store,
) -> None:
    for source in ("astdb:pbx", "vcard:b.vcf", "csv:a.csv", "import:list", "operator"):
        await store.put_contact(contact(name=source, source=source), NOW)
    order = [c.source for c in await store.known_contacts(CALLER)]
    assert order == ["operator", "import:list", "csv:a.csv", "vcard:b.vcf", "astdb:pbx"]
    best = await store.contact(CALLER)
    assert best is not None
    assert best.name == "operator"


async def test_no_text_of_any_source_counts_and_so_does_a_name(store: Store) -> None:
    await store.put_contact(contact(name="", tags=("regular",), source="operator"), NOW)
    await store.put_contact(contact(no_text=True, tags=("vip",), vip=True), NOW)
    best = await store.contact(CALLER)
    assert best is not None
    assert (best.name, best.no_text, best.vip) == ("Ann Lee", True, True)
    assert best.tags == ("regular", "vip")


async def test_sources_that_are_not_configured_any_more_are_forgotten(store: Store) -> None:
    for source in ("astdb:pbx", "csv:a.csv", "csv:b.csv", "import:list", "operator"):
        await store.put_contact(contact(source=source), NOW)
    gone = await store.keep_contact_sources(["csv:a.csv"], ["csv", "vcard", "astdb"])
    assert gone == {"astdb:pbx": 1, "csv:b.csv": 1}
    left = [name for name, _, _ in await store.contact_sources()]
    assert left == ["csv:a.csv", "import:list", "operator"]


async def test_contacts_are_listed_by_tag_source_and_words(store: Store) -> None:
    await exchange(store, contact(tags=("vip",)), contact(OTHER, "Ben", organization="50% Off"))
    assert [c.name for c in await store.contacts(tag="vip")] == ["Ann Lee"]
    assert [c.name for c in await store.contacts(words="50%")] == ["Ben"]
    assert await store.contacts(source="csv:b.csv") == []
    assert await store.remove_contact(OTHER) == 1
    assert await store.remove_contact(OTHER) == 0


async def test_the_look_up_of_a_verdict_goes_by_the_index(store: Store) -> None:
    lines = await plan(store, module._BY_NUMBER, number=CALLER)
    assert any("SEARCH contacts USING INDEX" in line and "number=?" in line for line in lines)
    assert not [line for line in lines if line.startswith("SCAN")]


async def test_a_card_says_the_name_the_business_knows(store: Store) -> None:
    assert await store.lookup(CALLER, NOW) is None
    await exchange(store, contact(name='Ann "VIP" Lee'))
    card = await store.lookup(CALLER, NOW)
    assert card is not None
    assert (card.name, card.misses, card.last_missed) == ("Ann VIP Lee", 0, None)


# --- asked for on demand ------------------------------------------------------------------------


async def statements(store: Store, made: Call) -> list[str]:
    """What the gates ask of the store on the way to the verdict."""
    rules, asked = config(), list[str]()

    with heard(store) as found:

        def judge(judged: Call, past: Past) -> Verdict | None:
            before = len(found)
            verdict = decide(judged, past, rules, at(21))
            asked.extend(found[before:])
            return verdict

        await store.judge(replace(fact(made), decide=judge), at(21))
    return asked


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": Outcome.ANSWERED},
        {"direction": Direction.INTERNAL},
        {"direction": Direction.OUTBOUND},
        {"did": "+12125550199"},
    ],
    ids=["answered", "internal", "outbound", "not watched"],
)
async def test_a_call_that_is_not_missed_asks_nothing_of_the_past(
    store: Store, changes: dict[str, Any]
) -> None:
    assert await statements(store, call(phase=Phase.ENDED, **changes)) == []


async def test_a_missed_call_asks_each_part_once_and_no_follow_up_where_there_is_none(
    store: Store,
) -> None:
    found = await statements(store, call(phase=Phase.ENDED))
    assert len([s for s in found if "FROM contacts" in s]) == 1
    assert len([s for s in found if "outbox.recipient = ?" in s]) == 1
    assert len(found) == len(set(found))
    assert not [s for s in found if "AS first" in s]


@pytest.mark.parametrize(
    ("changes", "most"),
    [
        ({}, 16),
        ({"outcome": Outcome.ANSWERED}, 6),
        ({"direction": Direction.INTERNAL}, 5),
        ({"did": "+12125550199"}, 6),
    ],
    ids=["texted", "answered", "internal", "not watched"],
)
async def test_a_call_costs_no_more_statements_than_it_needs(
    store: Store, changes: dict[str, Any], most: int
) -> None:
    rules = config()

    def judge(judged: Call, past: Past) -> Verdict | None:
        return decide(judged, past, rules, at(21))

    made = fact(call(phase=Phase.ENDED, **changes), cases=Configured(rules))
    with heard(store) as found:
        judged = await store.judge(replace(made, decide=judge), at(21))
    assert (judged.row is None) is bool(changes)
    assert len(found) <= most, found


async def test_the_past_cannot_be_asked_once_its_transaction_is_over(store: Store) -> None:
    kept: list[Past] = []

    def judge(_: Call, past: Past) -> Verdict:
        kept.append(past)
        return Skip(reason=Reason.COOLDOWN)

    await store.judge(replace(fact(), decide=judge), NOW)
    with pytest.raises(Exception, match="closed"):
        _ = kept[0].recent_texts


async def test_texts_from_other_numbers_are_known_to_once_per_alone(store: Store) -> None:
    await store.judge(fact(), NOW)
    past = await store.history(CALLER, "+12125550101", at(60))
    assert (past.last_text, past.last_anywhere, past.automatic) == (None, NOW, ())


async def test_automatic_texts_of_every_kind_are_counted_and_cancelled_ones_not(
    store: Store,
) -> None:
    await store.judge(fact(), NOW)
    past = await store.history(CALLER, NUMBER, at(60))
    assert past.automatic == (NOW,)
    await store.opt_out(CALLER, "STOP", at(61))
    assert (await store.history(CALLER, NUMBER, at(62))).automatic == ()


# --- machines ---------------------------------------------------------------------------------


async def conversation(store: Store, *answers: tuple[float, str]) -> int:
    """A text of ours every minute, each answered after so many seconds; the thread's number."""

    def work(db: Any) -> int:
        thread = 0
        for number, (after, text) in enumerate(answers):
            ours = at(60.0 * number)
            thread = threads.touch_out(db, CALLER, NUMBER, number=NUMBER, at=ours)
            new = new_text(None, replace(send(), kind=TextKind.HELP), NUMBER, ours)
            new |= {
                "state": OutboxState.DELIVERED,
                "claimed_at": ours,
                "thread_id": thread,
                "maybe_sent": True,
            }
            db.execute(insert(outbox), new)
            came = ours + timedelta(seconds=after)
            threads.touch_in(db, CALLER, NUMBER, number=NUMBER, route="r", at=came)
            db.execute(insert(incoming), text_in(thread, text, came))
        return thread

    return await store._db.write(work)


def text_in(thread: int, text: str, came: datetime) -> dict[str, Any]:
    return {
        "thread_id": thread,
        "route": "r",
        "sender": CALLER,
        "recipient": NUMBER,
        "text": text,
        "at": came,
        "whole_at": came,
        "reference": None,
        "parts": 1,
        "missing": 0,
        "given_up_at": None,
        "word": "",
        "review": "none",
        "reviewed_at": None,
        "reviewed_by": "",
        "keyword": "",
    }


@pytest.mark.parametrize(
    ("answers", "machine"),
    [
        ([(40.0, "Out of office")] * 3, True),
        ([(40.0, "Out of office")] * 2, False),
        ([(1.0, "a"), (2.0, "b")], True),
        ([(40.0, "ok"), (30.0, "thanks"), (50.0, "bye")], False),
    ],
)
async def test_a_machine_is_known_by_its_answers(
    store: Store, answers: list[tuple[float, str]], machine: bool
) -> None:
    thread = await conversation(store, *answers)
    assert bool((await store.history(CALLER, NUMBER, at(600))).robot) == machine
    why = await store.read(
        lambda db: robots.objection(db, thread, CALLER, at(600), most=0, window=60.0)
    )
    assert bool(why) == machine


async def test_automatic_answers_of_a_conversation_are_limited(store: Store) -> None:
    thread = await conversation(store, (40.0, "one"), (30.0, "two"))

    async def objection(most: int, window: float = 3600.0) -> str:
        return await store.read(
            lambda db: robots.objection(db, thread, CALLER, at(600), most=most, window=window)
        )

    assert await objection(3) == ""
    assert "2 automatic texts" in await objection(2)
    assert await objection(2, window=10.0) == ""


async def test_conversations_are_read_by_index(store: Store) -> None:
    lines = await plan(store, robots._HEARD, thread=1)
    lines += await plan(store, robots._THREADS, handset=CALLER, number=NUMBER)
    lines += await plan(store, robots._WRITTEN, thread=1, since=NOW, shadow=False)
    for table in ("incoming", "threads", "outbox"):
        assert [line for line in lines if line.startswith(f"SEARCH {table} USING")]
        assert not [line for line in lines if line.startswith(f"SCAN {table}")]
