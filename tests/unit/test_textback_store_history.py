"""What the store knows of a caller: earlier texts, neighbours, and the card for the dialplan."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, insert

from tests.fakes.statements import plan
from tests.fakes.store import CALLER, NOW, NUMBER, at, call, fact, queued, send
from textback import names
from textback.model import (
    Direction,
    Moment,
    Outcome,
    Phase,
    Reason,
    Skip,
    TextKind,
)
from textback.store import caller, cancelling, following, late
from textback.store import calls as writing
from textback.store import history as module
from textback.store.calls import new_text
from textback.store.rows import CallFact, RowFilter
from textback.store.store import Store
from textback.store.tables import outbox

DAY = 86_400


async def texts(store: Store, *numbers: str, when: datetime = NOW, **changes: Any) -> list[int]:
    """A text to each of the numbers, for calls that are not kept."""

    def write(db: Connection) -> list[int]:
        rows = [new_text(None, send(number, **changes), NUMBER, when) for number in numbers]
        return list(db.execute(insert(outbox).returning(outbox.c.id), rows).scalars())

    return await store._db.write(write)


# --- earlier texts ----------------------------------------------------------------------------


async def test_the_last_five_texts_are_told_newest_first(store: Store) -> None:
    for hour in range(7):
        await store.judge(fact(call(f"1.{hour}")), at(hour * 3600))
    history = await store.history(CALLER, NUMBER, at(7 * 3600))
    assert history.recent_texts == tuple(at(hour * 3600) for hour in (6, 5, 4, 3, 2))
    assert history.last_text == at(6 * 3600)


async def test_texts_that_do_not_count_are_no_earlier_texts(store: Store) -> None:
    await queued(store, 2)
    await store.drop(RowFilter(ids=frozenset({1})), reason="", by="test", now=at(1))
    assert (await store.history(CALLER, NUMBER, at(2))).recent_texts == (NOW,)


async def test_a_caller_without_a_number_has_no_earlier_texts(store: Store) -> None:
    await texts(store, "")
    history = await store.history("", NUMBER, at(2))
    assert (history.recent_texts, history.adjacent, history.waiting) == ((), 0, False)
    assert history.last_hour == 1


# --- neighbours -------------------------------------------------------------------------------


async def test_neighbours_are_counted_by_the_digits_at_the_end(store: Store) -> None:
    await texts(store, "+12125550199", "+12125550100", "+12125551123", "+12125560123")
    history = await store.history(CALLER, NUMBER, at(60))
    assert (history.adjacent, history.same_prefix) == (2, 3)


async def test_a_neighbour_is_counted_once_and_the_caller_not_at_all(store: Store) -> None:
    await texts(store, *["+12125550199"] * 3, *[CALLER] * 3)
    history = await store.history(CALLER, NUMBER, at(60))
    assert (history.adjacent, history.same_prefix) == (1, 1)


async def test_a_number_of_another_length_is_no_neighbour(store: Store) -> None:
    await texts(store, "+121255501990", "+1212555012", "+121255501")
    assert (await store.history(CALLER, NUMBER, at(60))).adjacent == 0


async def test_texts_of_other_numbers_and_kinds_count_as_neighbours(store: Store) -> None:
    await texts(store, "+12125550199", kind=TextKind.OFFER)
    await texts(store, "+12125550198", kind=TextKind.TEST)
    assert (await store.history(CALLER, "+12125550101", at(60))).adjacent == 1


@pytest.mark.parametrize(("minutes", "count"), [(59, 1), (60, 0), (-59, 1), (-60, 0)])
async def test_only_the_last_hour_counts_and_no_more_of_a_wrong_future(
    store: Store, minutes: int, count: int
) -> None:
    await texts(store, "+12125550199")
    assert (await store.history(CALLER, NUMBER, at(minutes * 60))).adjacent == count


async def test_held_neighbours_count_for_the_breaker_and_not_for_the_caps(store: Store) -> None:
    await texts(store, "+12125550199", hold="breaker")
    history = await store.history(CALLER, NUMBER, at(60))
    assert (history.adjacent, history.last_hour) == (1, 0)
    (held,) = await store.queue()
    await store.drop(RowFilter(ids=frozenset({held.id})), reason="", by="test", now=at(61))
    assert (await store.history(CALLER, NUMBER, at(62))).adjacent == 0


async def test_shadow_texts_are_neighbours_in_shadow_mode_only(store: Store) -> None:
    await texts(store, "+12125550199", shadow=True)
    assert (await store.history(CALLER, NUMBER, at(60))).adjacent == 0
    assert (await store.history(CALLER, NUMBER, at(60), shadow=True)).adjacent == 1


async def test_neighbours_and_caps_are_counted_in_the_index_alone(store: Store) -> None:
    values = {
        "shadow": False,
        "caller": CALLER,
        **{n: NOW - timedelta(hours=1) for n in ("minute", "hour", "day")},
        **{f"{n}_ahead": NOW for n in ("minute", "hour", "day")},
    }
    near = await plan(store, module._NEIGHBOURS, **values, **module._prefixes(CALLER))
    wanted = "SEARCH outbox USING COVERING INDEX ix_outbox_history (created_at>? AND created_at<?)"
    assert wanted in near
    assert not [line for line in near if line.startswith("SCAN outbox")]
    caps = await plan(store, module._COUNTS, **values)
    assert caps.count(wanted) == 3
    assert not [line for line in caps if line.startswith("SCAN outbox")]


async def test_earlier_texts_are_read_from_the_index_in_their_order(store: Store) -> None:
    found = await plan(store, module._TEXTS, caller=CALLER, shadow=False)
    assert found == ["SEARCH outbox USING INDEX ix_outbox_recipient_created_at (recipient=?)"]
    waits = await plan(
        store, module._FOLLOW_UP, caller=CALLER, number=NUMBER, now=NOW, shadow=False
    )
    assert waits[0] == "SEARCH outbox USING INDEX ix_outbox_recipient_created_at (recipient=?)"
    assert not [line for line in waits if line.startswith("SCAN")]
    wrote = await plan(store, cancelling._FOLLOW_UPS, handset=CALLER)
    assert wrote == ["SEARCH outbox USING INDEX ix_outbox_recipient_created_at (recipient=?)"]
    (behind,) = await plan(store, following._first_texts([1, 2]))
    assert behind.startswith("SEARCH outbox USING INDEX sqlite_autoindex_outbox_1 (call_id=?")


async def test_a_card_and_a_late_call_are_found_by_index(store: Store) -> None:
    card = await plan(store, caller._CALLS, caller=CALLER, until=NOW)
    assert card == [
        "SEARCH calls USING INDEX ix_calls_caller_e164_started_at (caller_e164=? AND started_at<?)"
    ]
    (misses,) = await plan(store, caller._MISSES, caller=CALLER, fresh=NOW)
    assert misses.startswith("SEARCH cases USING INDEX")
    assert "(caller=?" in misses
    same = await plan(store, writing._NEAR, same="1.1", at_pbx="pbx", least=NOW, most=NOW)
    assert same[0] == "SEARCH calls USING INDEX ix_calls_uniqueid (uniqueid=?)"
    spoken = await plan(store, late._SPOKEN, call=1, since=NOW, caller=CALLER)
    assert not [line for line in spoken if line.startswith("SCAN")]


# --- the card of a caller ---------------------------------------------------------------------


def called(
    uniqueid: str, seconds: float, outcome: Outcome = Outcome.NO_ANSWER, **changes: Any
) -> CallFact:
    start = Moment(at(seconds), 1000.0)
    spoke = start.plus(5) if outcome is Outcome.ANSWERED else None
    plain = {"started": start, "at": start.plus(20), "answered": spoke, "outcome": outcome}
    told = call(uniqueid, **{**plain, **changes})
    return fact(told, Skip(reason=Reason.COOLDOWN))


async def test_nobody_has_no_card(store: Store) -> None:
    assert await store.lookup(CALLER, NOW) is None
    assert await store.lookup("", NOW) is None


async def test_a_missed_caller_is_an_open_case(store: Store) -> None:
    await store.judge(called("1.1", 0, caller_name="ADA LOVELACE"), NOW)
    await store.judge(called("1.2", 600), NOW)
    card = await store.lookup(CALLER, at(900))
    assert card is not None
    assert (card.last_missed, card.number, card.name) == (at(600), NUMBER, "ADA LOVELACE")
    assert (card.open_case, card.misses) == (True, 2)


async def test_an_answered_call_closes_the_case_and_keeps_the_date(store: Store) -> None:
    await store.judge(called("1.1", 0), NOW)
    await store.judge(called("1.2", 600, Outcome.ANSWERED), NOW)
    card = await store.lookup(CALLER, at(900))
    assert card is not None
    assert (card.open_case, card.misses, card.last_missed) == (False, 0, NOW)
    await store.judge(called("1.3", 1200), NOW)
    card = await store.lookup(CALLER, at(1500))
    assert card is not None
    assert (card.misses, card.last_missed) == (1, at(1200))


async def test_calling_back_closes_the_case(store: Store) -> None:
    await store.judge(called("1.1", 0), NOW)
    spoke = Moment(at(600), 1600.0)
    back = fact(
        call("1.2", direction=Direction.OUTBOUND, caller="101", answered=spoke),
        Skip(reason=Reason.OUTBOUND),
        caller="",
        called_back=CALLER,
    )
    await store.judge(back, at(620))
    card = await store.lookup(CALLER, at(900))
    assert card is not None
    assert (card.open_case, card.misses) == (False, 0)


async def test_what_is_older_than_a_week_is_no_open_case(store: Store) -> None:
    await store.judge(called("1.1", -8 * DAY), NOW)
    card = await store.lookup(CALLER, NOW)
    assert card is not None
    assert (card.open_case, card.last_missed) == (False, at(-8 * DAY))


@pytest.mark.parametrize(
    "changes",
    [
        {"phase": Phase.RINGING},
        {"handled": "agi"},
        {"outcome": Outcome.UNKNOWN},
        {"direction": Direction.INTERNAL},
    ],
)
async def test_calls_that_are_not_missed_are_no_case(store: Store, changes: dict[str, Any]) -> None:
    await store.judge(called("1.1", 0, **changes), NOW)
    card = await store.lookup(CALLER, at(900))
    assert card is None or (card.last_missed, card.misses) == (None, 0)


async def test_the_name_is_of_the_newest_call_that_has_one(store: Store) -> None:
    for number, name in enumerate(("OLD", "NEW", "<unknown>", "")):
        await store.judge(called(f"1.{number}", number * 60, caller_name=name), NOW)
    card = await store.lookup(CALLER, at(900))
    assert card is not None
    assert card.name == "NEW"


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("SMITH,JOHN", "SMITH JOHN"),
        ("O'Brien-Zoë Jr.", "O'Brien-Zoë Jr"),
        ('"Eve" <sip:eve@evil.example>', "Eve sip eve evil.example"),
        ("a${SHELL(rm)}b", "a SHELL rm b"),
        ("\u202eevil\u0000\u001b[2J", "evil 2J"),
        ("Z\u0301\u0301\u0301\u0301", "Ź\u0301"),  # one accent more than the letter has
        ("unknown", ""),
        ("Anonymous", ""),
        ("  ", ""),
        ("x" * 10_000, "x" * 40),
    ],
)
def test_a_name_is_fit_for_a_display_and_for_the_dialplan(raw: str, clean: str) -> None:
    assert names.clean(raw) == clean


@given(st.text(max_size=200))
def test_no_name_brings_anything_else(raw: str) -> None:
    name = names.clean(raw)
    assert len(name) <= names.MAX_NAME
    assert name.isprintable()
    assert not set(name) & set('"$(){}[]&|,;\\<>=!`%\r\n\0')
    assert names.clean(name) == name
