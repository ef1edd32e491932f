"""Long texts put together again in the store, whatever their parts suffer on the way."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from sms_gateway import decoding
from tests.fakes.store import CALLER, at, queued, reply
from textback.model import EventKind, Reply, TextIn
from textback.reply_rules import PLAIN, ReplyRules
from textback.store import assembling, replies
from textback.store.schema import metadata
from textback.store.store import Store

OTHER = "+12125550124"


def join(pieces: Any) -> str:
    """As `wiring.joined`, of one route."""
    octets = b"".join(piece.octets for piece in pieces)
    return decoding.decode(octets, pieces[0].coding or 0)


RULES = replace(PLAIN, join=join)


def parts(text: str, reference: int = 7, *, size: int = 10, **changes: Any) -> list[Reply]:
    """A text in UCS-2, cut every `size` octets, within a character too."""
    octets = text.encode("utf-16-be")
    cut = [octets[n : n + size] for n in range(0, len(octets), size)]
    return [
        reply(
            decoding.decode(piece, 8),
            octets=piece,
            raw=bytes((5, 0, 3, reference & 0xFF, len(cut), number)) + piece,
            coding=8,
            reference=reference if len(cut) > 1 else None,
            part=number,
            parts=len(cut),
            **changes,
        )
        for number, piece in enumerate(cut, 1)
    ]


async def texts(store: Store, handset: str = CALLER) -> list[TextIn]:
    """What came in from the handset, in the order it came."""
    found = [await store.conversation(one.id) for one in await store.threads_of(handset)]
    return [line for one in found for line in one.lines if isinstance(line, TextIn)]


LONG = "Grüße — 📞 call me back, please"


async def test_a_long_text_is_one_text_in_whatever_order_its_parts_come(store: Store) -> None:
    cut = parts(LONG)
    for part in reversed(cut):
        (kept,) = await store.record_replies([part], RULES)
    assert kept.text is not None
    assert (kept.text.text, kept.text.parts, kept.text.missing) == (LONG, len(cut), 0)
    (shown,) = await texts(store)
    assert (shown.text, shown.waits) == (LONG, False)
    (thread,) = await store.inbox()
    assert (thread.unread, thread.text) == (1, LONG)


async def test_nobody_is_told_before_it_is_whole(store: Store) -> None:
    first, *rest = parts(LONG)
    (kept,) = await store.record_replies([first], RULES)
    assert (kept.waits, kept.taken) == (True, None)
    assert await store.inbox() == []
    (shown,) = await texts(store)
    assert (shown.waits, shown.text) == (True, "")
    await store.record_replies(rest, RULES)
    (thread,) = await store.inbox()
    assert thread.unread == 1


async def test_its_parts_may_come_before_and_after_a_restart(tmp_path: Path) -> None:
    cut = parts(LONG)
    for part in cut:
        store = await Store.open(tmp_path / "textback.db")
        (kept,) = await store.record_replies([part], RULES)
        await store.close()
    assert kept.text is not None
    assert kept.text.text == LONG


async def test_a_part_that_comes_twice_is_one_part(store: Store) -> None:
    cut = parts(LONG)
    found = await store.record_replies([cut[0], cut[0], *cut[1:], cut[-1], cut[0]], RULES)
    assert [kept.repeat for kept in found].count(True) == 3
    (shown,) = await texts(store)
    assert shown.text == LONG
    assert len(shown.repeats) == 3


async def test_a_word_spread_over_parts_is_obeyed_when_it_is_whole(store: Store) -> None:
    (row,) = await queued(store)
    cut = parts("Stop texting me", size=10)
    for part in cut[:-1]:
        await store.record_replies([part], RULES)
    assert await store.opted_out() == []
    (kept,) = await store.record_replies(cut[-1:], RULES)
    assert kept.word == "stop"
    assert (await store.text(row.id)).reason == "opted_out"


# --- what does not come -----------------------------------------------------------------------


async def test_after_its_time_a_text_is_taken_as_it_is(store: Store) -> None:
    cut = parts("one two three four", size=8)
    await store.record_replies([cut[0], cut[2], cut[3]], RULES)
    assert await store.oldest_partial() == at(60)
    assert await store.give_up_partials(RULES, at(60 + 599)) == []
    (taken,) = await store.give_up_partials(RULES, at(60 + 600))
    assert taken.text.missing == 2
    (shown,) = await texts(store)
    whole = "one two three four"
    assert shown.text == f"{whole[:4]}[…]{whole[8:16]}[…]"
    assert (shown.missing, shown.parts, shown.waits) == (2, 5, False)
    assert await store.oldest_partial() is None
    (thread,) = await store.inbox()
    assert thread.unread == 1


async def test_a_straggler_completes_what_was_taken_with_a_gap(store: Store) -> None:
    cut = parts(LONG)
    await store.record_replies([*cut[:1], *cut[2:]], RULES)
    await store.give_up_partials(RULES, at(1000))
    late = replace(cut[1], at=at(3600))
    (kept,) = await store.record_replies([late], RULES)
    assert kept.taken is not None
    assert kept.taken.completed
    (shown,) = await texts(store)
    assert (shown.text, shown.missing) == (LONG, 0)


async def test_a_straggler_that_leaves_a_gap_makes_it_smaller(store: Store) -> None:
    cut = parts(LONG)
    await store.record_replies(cut[:1], RULES)
    await store.give_up_partials(RULES, at(1000))
    (kept,) = await store.record_replies([replace(cut[1], at=at(1100))], RULES)
    assert kept.taken is None
    (shown,) = await texts(store)
    assert shown.text == LONG.encode("utf-16-be")[:20].decode("utf-16-be") + "[…]"
    assert shown.missing == len(cut) - 2


# --- references used again ----------------------------------------------------------------------


async def test_the_same_reference_with_another_total_is_another_text(store: Store) -> None:
    one, other = parts("the first text", 9), parts("another, longer text", 9)
    await store.record_replies([one[0], other[0], *one[1:], *other[1:]], RULES)
    told = {line.text for line in await texts(store)}
    assert told == {"the first text", "another, longer text"}


async def test_the_same_part_with_other_octets_is_another_text(store: Store) -> None:
    one, other = parts("see you at noon!", 9), parts("see me at nine !", 9)
    await store.record_replies([*one, *other], RULES)
    assert [line.text for line in await texts(store)] == ["see you at noon!", "see me at nine !"]


async def test_a_reference_is_forgotten_after_hours(store: Store) -> None:
    cut = parts("the very same text", 9)
    await store.record_replies(cut, RULES)
    later = timedelta(seconds=1) + assembling.REFERENCE
    await store.record_replies([replace(part, at=part.at + later) for part in cut], RULES)
    assert [line.text for line in await texts(store)] == ["the very same text"] * 2


async def test_handsets_and_numbers_of_ours_do_not_mix(store: Store) -> None:
    cut = parts(LONG)
    others = [replace(part, sender=OTHER) for part in parts("Another person wrote this, long")]
    elsewhere = [replace(part, recipient="+12125550177") for part in parts("To another number!!")]
    await store.record_replies([*cut[:2], *others[:2], *elsewhere[:2]], RULES)
    await store.record_replies([*elsewhere[2:], *others[2:], *cut[2:]], RULES)
    assert [line.text for line in await texts(store, OTHER)] == ["Another person wrote this, long"]
    assert {line.text for line in await texts(store)} == {LONG, "To another number!!"}


# --- hostile ------------------------------------------------------------------------------------


async def test_a_handset_has_only_so_many_texts_open(store: Store) -> None:
    for reference in range(300):
        one = reply("x", reference=reference, part=1, parts=255, at=at(reference))
        await store.record_replies([one], PLAIN)
    found = await texts(store)
    assert len(found) == 200  # a page
    waiting = [line for line in found if line.waits]
    assert len(waiting) == assembling.MOST_OPEN
    assert {line.text for line in found if not line.waits} == {"x[…]"}


async def test_a_text_of_255_parts_is_put_together(store: Store) -> None:
    cut = [reply(f"{n:03}", reference=1, part=n, parts=255) for n in range(1, 256)]
    found = await store.record_replies(cut[::-1], PLAIN)
    assert found[-1].text is not None
    assert found[-1].text.text == "".join(f"{n:03}" for n in range(1, 256))


async def test_no_text_grows_beyond_what_a_handset_can_write(store: Store) -> None:
    cut = [reply("x" * 60_000, reference=1, part=n, parts=3) for n in (1, 2, 3)]
    await store.record_replies(cut, PLAIN)
    await store.record_replies([reply("y" * 70_000)], PLAIN)
    longest = assembling.LONGEST + len(assembling.GAP)
    assert [len(line.text) for line in await texts(store)] == [longest, longest]


# --- any interleaving -----------------------------------------------------------------------------


@st.composite
def traffic(
    draw: st.DrawFn,
) -> tuple[list[tuple[str, str]], list[Reply], set[tuple[str, int, int]]]:
    """Texts of several handsets, their parts in any order, some twice, some lost."""
    wrote: list[tuple[str, str]] = []
    sent: list[Reply] = []
    lost: set[tuple[str, int, int]] = set()
    for index in range(draw(st.integers(1, 6))):
        handset = draw(st.sampled_from((CALLER, OTHER)))
        words = draw(
            st.text(
                st.characters(codec="utf-16-be", exclude_characters="\0\ufeff\ufffe"),
                min_size=1,
                max_size=24,
            )
        )
        text = f"{index}:{words}"
        wrote.append((handset, text))
        for part in parts(text, reference=index, size=draw(st.integers(5, 14)), sender=handset):
            if part.parts > 1 and draw(st.integers(0, 9)) == 0:
                lost.add((handset, index, part.part))
                continue
            # A text that came in one piece has no name by which a repeat could be told from it.
            sent += [part] * (draw(st.integers(1, 2)) if part.parts > 1 else 1)
    return wrote, draw(st.permutations(sent)), lost


@given(traffic())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_order_any_repeats_any_loss_gives_exactly_what_was_written(
    found: tuple[list[tuple[str, str]], list[Reply], set[tuple[str, int, int]]],
) -> None:
    wrote, sent, lost = found
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as db:
        for part in sent:
            replies.record(db, [part], RULES)
        replies.give_up(db, RULES, at(10_000))
        rows = db.exec_driver_sql("SELECT sender, text, missing FROM incoming").all()
    engine.dispose()
    complete = sorted((row.sender, row.text) for row in rows if not row.missing)
    cut_short = {(handset, index) for handset, index, _ in lost}
    whole = sorted(
        (handset, text)
        for index, (handset, text) in enumerate(wrote)
        if (handset, index) not in cut_short
    )
    assert complete == [(handset, text.replace("\0", "")) for handset, text in whole]
    gone = {
        (handset, index)
        for handset, index in cut_short
        if not any(part.reference == index for part in sent)
    }
    assert sum(bool(row.missing) for row in rows) == len(cut_short) - len(gone)
    assert all(assembling.GAP in row.text for row in rows if row.missing)


# --- the carrier delivers again -------------------------------------------------------------------


def one(text: str, session: str, seconds: float, **changes: Any) -> Reply:
    plain = {
        "octets": text.encode(),
        "raw": text.encode(),
        "coding": 0,
        "session": session,
        "bound": at(0) if session == "a" else at(seconds - 5),
        "at": at(seconds),
    }
    return replace(reply(text), **{**plain, **changes})


async def test_a_text_delivered_again_after_a_cut_line_is_shown_once(store: Store) -> None:
    await store.record_reply(one("ok", "a", 10))
    again = await store.record_reply(one("ok", "b", 70))
    assert again.repeat
    (shown,) = await texts(store)
    assert shown.repeats == (at(70),)
    (thread,) = await store.inbox()
    assert thread.unread == 1


async def test_the_same_words_again_are_a_text_of_their_own(store: Store) -> None:
    first = await store.record_reply(one("ok", "a", 10))
    assert not (await store.record_reply(one("ok", "a", 12))).repeat  # on one connection
    await store.settle_replies([first.reply_id])
    assert len(await texts(store)) == 2


async def test_once_the_carrier_has_our_answer_the_same_words_are_another_text(
    store: Store,
) -> None:
    first = await store.record_reply(one("ok", "a", 10))
    await store.settle_replies([first.reply_id])
    assert not (await store.record_reply(one("ok", "b", 70))).repeat
    assert len(await texts(store)) == 2


async def test_one_unanswered_text_is_repeated_once(store: Store) -> None:
    await store.record_reply(one("ok", "a", 10))
    again = await store.record_reply(one("ok", "b", 70))
    await store.settle_replies([again.reply_id])
    assert not (await store.record_reply(one("ok", "c", 80))).repeat


async def test_two_equal_texts_in_doubt_are_two_when_both_come_again(store: Store) -> None:
    await store.record_replies([one("ok", "a", 10), one("ok", "a", 11)])
    again = await store.record_replies([one("ok", "b", 70), one("ok", "b", 71)])
    assert [kept.repeat for kept in again] == [True, True]
    third = await store.record_reply(one("ok", "b", 72))
    assert not third.repeat
    assert len(await texts(store)) == 3


async def test_a_repeat_may_be_lost_and_repeated_too(store: Store) -> None:
    await store.record_reply(one("ok", "a", 10))
    for session, seconds in (("b", 70), ("c", 140)):
        assert (await store.record_reply(one("ok", session, seconds))).repeat
    assert len(await texts(store)) == 1


@pytest.mark.parametrize(
    ("changes", "repeat"),
    [
        ({}, True),
        ({"text": "Ok", "raw": b"Ok"}, False),
        ({"raw": b"\x01ok"}, False),
        ({"coding": 3}, False),
        ({"recipient": "+12125550177"}, False),
        ({"sender": OTHER}, False),
        ({"route": "backup"}, False),
        ({"session": "a"}, False),
        ({"session": "a", "again": True}, True),
        ({"session": ""}, False),
        # Long after, on a connection that is old: a person wrote it.
        ({"at": at(7200), "bound": at(20)}, False),
        # Long after, and at once when we were back.
        ({"at": at(7200), "bound": at(7000)}, True),
        ({"at": at(4 * 86_400), "bound": at(4 * 86_400 - 5)}, False),
    ],
)
async def test_what_makes_a_repeat(store: Store, changes: dict[str, Any], repeat: bool) -> None:
    await store.record_reply(one("ok", "a", 10))
    kept = await store.record_reply(replace(one("ok", "b", 70), **changes))
    assert kept.repeat is repeat


# --- everything in one transaction ----------------------------------------------------------------


async def test_a_reply_tells_the_case_the_phones_and_those_who_listen(
    store: Store, tmp_path: Path
) -> None:
    rules = ReplyRules(phones=lambda did: (("pbx", "PJSIP/101"),), label=lambda did: "Front desk")
    kept = await store.record_reply(reply("Please call"), rules)
    assert kept.text is not None
    raw = sqlite3.connect(tmp_path / "textback.db")
    assert raw.execute("SELECT endpoint FROM phone_messages").fetchall() == [("PJSIP/101",)]
    (kind, payload) = raw.execute("SELECT kind, payload FROM events").fetchone()
    raw.close()
    assert kind == EventKind.REPLY_RECEIVED.value
    assert '"label": "Front desk"' in payload
    assert '"completed": false' in payload


async def test_what_cannot_be_kept_whole_is_not_kept_at_all(store: Store, tmp_path: Path) -> None:
    def broken(did: str) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.record_reply(reply("Please call"), ReplyRules(label=broken))
    raw = sqlite3.connect(tmp_path / "textback.db")
    for table in ("replies", "incoming", "threads", "events"):
        assert raw.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    raw.close()


async def test_every_look_for_a_part_or_a_repeat_goes_by_an_index(store: Store) -> None:
    from textback.store import repeats

    statements = {
        "newest of a reference": (assembling._NEWEST, "ix_incoming_reference"),
        "open of a thread": (assembling._OPEN_OF, "ix_incoming_open"),
        "all open": (assembling._OPEN, "ix_incoming_open"),
        "parts": (assembling._PARTS, "ix_replies_incoming_id"),
        "unanswered": (repeats._OPEN, "ix_replies_unanswered"),
    }

    def plans(db: Any) -> dict[str, str]:
        found = {}
        for name, (statement, _) in statements.items():
            sql = str(statement.compile(dialect=db.dialect))
            rows = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?")).all()
            found[name] = " ".join(row[3] for row in rows)
        return found

    found = await store.read(plans)
    for name, (_, index) in statements.items():
        assert index in found[name], (name, found[name])


async def test_a_stop_like_an_unanswered_one_before_is_obeyed_when_start_came_between(
    store: Store,
) -> None:
    await store.record_reply(one("STOP", "a", 10))
    await store.record_reply(one("START", "b", 300))
    again = await store.record_reply(one("STOP", "b", 600))
    assert (again.repeat, again.word) == (False, "stop")
    assert len(await store.opted_out()) == 1
    assert (await store.record_reply(one("STOP", "c", 660))).repeat, "it is out: the carrier's"


async def test_of_many_texts_that_wait_so_many_are_given_up_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replies, "GIVEN_UP_AT_ONCE", 2)
    for n in range(3):
        first = parts(LONG, reference=n)[0]
        await store.record_reply(replace(first, at=at(60 + n)), RULES)
    found = [len(await store.give_up_partials(RULES, at(5_000))) for _ in range(3)]
    assert found == [2, 1, 0]


async def test_a_stop_in_parts_waits_for_nobodys_answer(store: Store) -> None:
    await store.record_replies(parts("STOP", size=4), RULES)
    assert await store.inbox() == []
    assert len(await store.opted_out()) == 1


async def test_a_part_that_was_long_under_way_does_not_turn_the_thread_back(store: Store) -> None:
    first, second = parts("Hello you", size=10)
    await store.record_reply(replace(first, at=at(60)), RULES)
    await store.record_reply(reply("And?", at=at(200)), RULES)
    await store.record_reply(replace(second, at=at(300)), RULES)
    (thread,) = await store.threads_of(CALLER)
    assert (thread.last, thread.last_in) == (at(200), at(200))
