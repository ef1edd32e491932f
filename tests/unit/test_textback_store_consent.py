"""Opt-outs in the store: obeyed, answered once, stopped at the wire, learnt; and the evidence."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from tests.fakes import old_store
from tests.fakes.store import (
    CALLER,
    NOW,
    NUMBER,
    accepted,
    at,
    call,
    claim,
    fact,
    finished,
    hint,
    queued,
    receipt,
    reply,
    send,
    sending,
)
from tests.unit.configs import BASE
from textback import wiring
from textback.config_load import loads
from textback.model import (
    ConsentEvent,
    ConsentSource,
    EventKind,
    HintKind,
    OutboxState,
    Refused,
    Review,
    TextKind,
)
from textback.reply_rules import ReplyRules
from textback.store import consents, doubts, obeying, outs
from textback.store.consenting import Entry
from textback.store.incoming import Taken
from textback.store.learning import Codes
from textback.store.replies import Kept
from textback.store.rows import RowFilter
from textback.store.store import Store
from textback.store.tables import outbox
from textback.store.tables_people import consents as evidence_table
from textback.store.tables_people import opt_outs
from textback.store.tables_talk import incoming
from textback.store.tables_tell import events

OTHER = "+12125550101"
TWO = BASE + '\n[[number]]\ndid = "+12125550101"\n'


def rules(more: str = "") -> ReplyRules:
    return wiring.reply_rules(loads(TWO + more))


RULES = rules()


async def answers(store: Store) -> list[tuple[TextKind, OutboxState]]:
    def work(db: Connection) -> list[tuple[TextKind, OutboxState]]:
        query = select(outbox.c.kind, outbox.c.state).where(
            outbox.c.kind.in_((TextKind.CONFIRM, TextKind.HELP))
        )
        return [(row.kind, row.state) for row in db.execute(query.order_by(outbox.c.id))]

    return await store.read(work)


async def told(store: Store, kind: EventKind) -> list[dict[str, Any]]:
    query = select(events.c.payload).where(events.c.kind == kind).order_by(events.c.id)
    return await store.read(lambda db: list(db.execute(query).scalars()))


def taken(kept: Kept) -> Taken:
    assert kept.taken is not None
    return kept.taken


async def evidence(store: Store, number: str = CALLER) -> list[tuple[str, str]]:
    """(event, source), the oldest first."""
    return [(e.event.value, e.source.value) for e in reversed(await store.evidence(number))]


# --- a text that came in ---


async def test_stop_gets_one_confirmation_with_the_evidence_of_both(store: Store) -> None:
    (row,) = await queued(store)
    kept = taken(await store.record_reply(reply("Please stop texting me"), RULES))
    assert kept.cancelled == (row.id,)
    assert kept.answer is not None
    assert (kept.answer.kind, kept.answer.to) == (TextKind.CONFIRM, CALLER)
    assert kept.answer.sender == NUMBER
    assert kept.answer.text.startswith("Acme Dental: you get no more texts")
    assert kept.answer.expires == at(360), "five minutes after the STOP"
    out, confirmed = reversed(await store.evidence(CALLER))
    assert (out.event, out.source) == (ConsentEvent.OPT_OUT, ConsentSource.HANDSET)
    assert out.words == "Please stop texting me", "exactly as it came"
    assert out.incoming_id == kept.text.id
    assert (confirmed.event, confirmed.row_id) == (ConsentEvent.CONFIRMED, kept.answer.id)
    (event,) = await told(store, EventKind.OPT_OUT)
    assert event["source"] == "handset"


async def test_a_second_stop_is_evidence_and_gets_no_text(store: Store) -> None:
    await store.record_reply(reply("stop"), RULES)
    again = taken(await store.record_reply(reply("STOP!", at=at(90)), RULES))
    assert again.answer is None
    assert await answers(store) == [(TextKind.CONFIRM, OutboxState.QUEUED)]
    kinds = [kind for kind, _ in await evidence(store)]
    assert kinds == ["opt_out", "confirmed", "opt_out"]
    assert len(await told(store, EventKind.OPT_OUT)) == 1
    assert (await store.opt_outs())[0].at == at(60)


async def test_the_confirmation_leaves_though_its_handset_has_opted_out(store: Store) -> None:
    await queued(store, 2)
    await store.record_reply(reply("stop"), RULES)
    settled = await store.turn((), claim(), at(61))
    assert [row.kind for row in settled.claimed] == [TextKind.CONFIRM]


async def test_only_the_confirmation_of_the_last_word_leaves(store: Store) -> None:
    await store.record_reply(reply("stop"), RULES)
    await store.record_reply(reply("start", at=at(70)), RULES)
    await store.record_reply(reply("stop", at=at(80)), RULES)
    assert await answers(store) == [
        (TextKind.CONFIRM, OutboxState.CANCELLED),
        (TextKind.CONFIRM, OutboxState.CANCELLED),
        (TextKind.CONFIRM, OutboxState.QUEUED),
    ]


async def test_a_flood_of_stop_and_start_gets_a_few_texts_a_day_and_ends_opted_out(
    store: Store,
) -> None:
    flood = rules("\n[optout]\nper_day = 3\n")
    for n in range(40):
        await store.record_reply(reply("stop" if n % 2 == 0 else "start", at=at(60 + n)), flood)
    await store.record_reply(reply("stop", at=at(200)), flood)
    assert len(await answers(store)) == 3
    assert [out.number for out in await store.opt_outs()] == [CALLER]
    assert len(await store.evidence(CALLER)) == 41 + 3
    later = taken(await store.record_reply(reply("start", at=at(90_000)), flood))
    assert later.answer is not None, "the next day it is answered again"


async def test_no_confirmation_where_the_carrier_gives_it(store: Store) -> None:
    silent = rules("\n[optout]\nconfirm = false\n")
    assert taken(await store.record_reply(reply("stop"), silent)).answer is None
    helped = taken(await store.record_reply(reply("help", at=at(70)), silent))
    assert helped.answer is not None


async def test_help_is_answered_with_the_contact_once_in_a_while_also_after_stop(
    store: Store,
) -> None:
    await store.record_reply(reply("stop"), RULES)
    first = taken(await store.record_reply(reply("HELP", at=at(70)), RULES))
    assert first.answer is not None
    assert first.answer.kind is TextKind.HELP
    assert "(212) 555-0100" in first.answer.text
    assert taken(await store.record_reply(reply("help", at=at(100)), RULES)).answer is None
    assert taken(await store.record_reply(reply("info", at=at(700)), RULES)).answer is not None
    settled = await store.turn((), claim(), at(701))
    assert {row.kind for row in settled.claimed} >= {TextKind.HELP}


async def test_a_number_that_cannot_be_replied_to_answers_nothing(store: Store) -> None:
    one_way = wiring.reply_rules(loads(BASE + "replies = false\n"))
    kept = taken(await store.record_reply(reply("stop"), one_way))
    assert kept.answer is None
    assert await store.is_out(CALLER)


async def test_shadow_mode_writes_the_confirmation_and_sends_none(store: Store) -> None:
    shadow = wiring.reply_rules(loads('mode = "shadow"\n' + BASE))
    kept = taken(await store.record_reply(reply("stop"), shadow))
    assert kept.answer is not None
    assert kept.answer.state is OutboxState.SHADOW


# --- how far it reaches ---


async def test_a_stop_ends_texts_from_every_number_of_the_business(store: Store) -> None:
    await store.record_reply(reply("stop"), RULES)
    assert (await store.history(CALLER, OTHER, at(61))).opted_out.endswith("every number")


async def test_by_number_a_stop_ends_texts_from_that_number_alone(store: Store) -> None:
    own = rules('\n[optout]\nscope = "number"\n')
    there = fact(call("1700000000.77"), send(sender=OTHER), number=OTHER)
    judged = await store.judge(there, NOW)
    (row,) = await queued(store)
    kept = taken(await store.record_reply(reply("stop"), own))
    assert kept.cancelled == (row.id,)
    assert (await store.history(CALLER, NUMBER, at(61))).opted_out.endswith(f"number {NUMBER}")
    assert (await store.history(CALLER, OTHER, at(61))).opted_out == ""
    settled = await store.turn((), claim(), at(62))
    assert judged.row is not None
    assert judged.row.id in {row.id for row in settled.claimed}
    await store.record_reply(reply("start", at=at(90), recipient=OTHER), own)
    assert await store.is_out(CALLER, NUMBER), "START to another number does not lift it"
    await store.record_reply(reply("start", at=at(91)), own)
    assert not await store.is_out(CALLER, NUMBER)


async def test_the_gate_tells_source_date_and_scope(store: Store) -> None:
    await store.opt_out(CALLER, "operator root", NOW, reason="asked at the counter")
    assert (await store.history(CALLER, NUMBER, at(1))).opted_out == (
        "operator root: asked at the counter, 2026-11-23 14:00 UTC, every number"
    )


# --- the last look before the wire ---


async def slipped_in(store: Store, number: str = CALLER, scope: str = "") -> None:
    """An opt-out that found no text to cancel: another process wrote it, or a lane had the row."""
    values = {"number": number, "scope": scope, "word": "stop", "source": ConsentSource.HANDSET}
    values |= {"reason": "", "at": NOW, "lifted_by": ""}
    await store._db.write(lambda db: db.execute(insert(opt_outs), values))


async def test_a_text_whose_handset_opted_out_is_cancelled_at_submit_time(store: Store) -> None:
    (row,) = await queued(store)
    (other,) = await queued(store, to="+12125550199")
    await slipped_in(store)
    settled = await store.turn((), claim(), at(1))
    assert [claimed.id for claimed in settled.claimed] == [other.id]
    assert settled.stopped == (row.id,)
    stopped = await store.text(row.id)
    assert (stopped.state, stopped.reason) == (OutboxState.CANCELLED, "opted_out")
    (blocked,) = await store.evidence(CALLER)
    assert (blocked.event, blocked.row_id) == (ConsentEvent.BLOCKED, row.id)


async def test_at_the_wire_an_opt_out_from_one_number_stops_texts_of_that_number_alone(
    store: Store,
) -> None:
    there = fact(call("1700000000.77"), send(sender=OTHER), number=OTHER)
    judged = await store.judge(there, NOW)
    (row,) = await queued(store)
    await slipped_in(store, scope=NUMBER)
    settled = await store.turn((), claim(), at(10))
    assert settled.stopped == (row.id,)
    assert judged.row is not None
    assert [one.id for one in settled.claimed] == [judged.row.id]


async def test_a_text_that_comes_back_to_the_queue_is_looked_at_again(store: Store) -> None:
    (row,) = await sending(store)
    kept = taken(await store.record_reply(reply("stop"), RULES))
    assert kept.cancelled == (), "its bytes may be on the wire"
    await store.record_submissions(
        [finished(row, Refused(status=0x58, name="x", detail=""), state=OutboxState.QUEUED)], at(61)
    )
    settled = await store.turn((), claim(), at(62))
    assert [claimed.kind for claimed in settled.claimed] == [TextKind.CONFIRM]
    assert settled.stopped == (row.id,)


async def test_a_released_and_a_test_text_are_looked_at_too(store: Store) -> None:
    held, _ = await queued(store, 2)
    await store.hold(RowFilter(ids=frozenset({held.id})), reason="", by="root", now=at(1))
    await slipped_in(store)
    await store.release(RowFilter(ids=frozenset({held.id})), reason="", by="root", now=at(2))
    test = await store.enqueue(send(), by="root", now=at(2))
    settled = await store.turn((), claim(), at(3))
    assert settled.claimed == ()
    assert {held.id, test.id} <= set(settled.stopped)


@given(st.lists(st.sampled_from(["queue", "stop", "start", "turn", "help", "doubt"]), max_size=12))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_in_whatever_order_nothing_unasked_leaves_after_a_stop(steps: list[str]) -> None:
    async def play(folder: str) -> None:
        store = await Store.open(Path(folder) / "textback.db")
        out, now = False, 100
        try:
            for n, step in enumerate(steps):
                now += 1000
                if step == "queue":
                    await store.judge(fact(call(f"17.{n}"), send(expires=at(900_000))), at(now))
                elif step == "turn":
                    settled = await store.turn((), claim(), at(now))
                    kinds = {row.kind for row in settled.claimed}
                    assert not out or kinds <= {TextKind.CONFIRM, TextKind.HELP}
                else:
                    words = {"doubt": "can you stop"}.get(step, step)
                    await store.record_reply(reply(words, at=at(now)), RULES)
                    out = step == "stop" or (out and step != "start")
                assert bool(await store.is_out(CALLER)) is out
        finally:
            await store.close()

    with TemporaryDirectory() as folder:
        asyncio.run(play(folder))


# --- the doubtful ---


async def doubtful(store: Store, text: str = "can you stop", **changes: Any) -> int:
    kept = await store.record_reply(reply(text, **changes), RULES)
    assert kept.text is not None
    return kept.text.id


async def test_a_doubtful_reply_holds_automatic_texts_until_a_person_decides(store: Store) -> None:
    (row,) = await queued(store, expires=at(9_000))
    reply_id = await doubtful(store)
    assert (await store.text(row.id)).state is OutboxState.HELD
    assert (await store.text(row.id)).reason == doubts.DOUBTFUL
    assert (await store.history(CALLER, NUMBER, at(61))).doubtful
    (doubt,) = await store.doubts()
    assert (doubt.id, doubt.text, doubt.review) == (reply_id, "can you stop", Review.OPEN)
    assert await store.doubts_open() == 1
    (event,) = await told(store, EventKind.OPT_OUT_REVIEW)
    assert (event["incoming"], event["text"]) == (reply_id, "can you stop")
    done, freed = await store.decide_doubt(
        reply_id, out=False, scope="", by="operator root", now=at(100)
    )
    assert (done, freed) == (True, (row.id,))
    assert (await store.text(row.id)).state is OutboxState.QUEUED
    assert not (await store.history(CALLER, NUMBER, at(101))).doubtful
    assert await evidence(store) == [("review", "handset"), ("reviewed", "staff")]


async def test_a_person_may_take_it_for_an_opt_out(store: Store) -> None:
    (row,) = await queued(store, expires=at(9_000))
    reply_id = await doubtful(store)
    done, gone = await store.decide_doubt(
        reply_id, out=True, scope="", by="operator root", now=at(100)
    )
    assert (done, gone) == (True, (row.id,))
    assert "can you stop" in await store.is_out(CALLER)
    again = await store.decide_doubt(reply_id, out=False, scope="", by="x", now=at(101))
    assert again == (False, ())
    assert await answers(store) == [], "minutes or days later nobody expects a confirmation"


async def test_with_two_doubtful_replies_keeping_one_frees_nothing(store: Store) -> None:
    (row,) = await queued(store, expires=at(9_000))
    one = await doubtful(store)
    two = await doubtful(store, "not interested", at=at(70))
    assert await store.decide_doubt(one, out=False, scope="", by="operator a", now=at(90)) == (
        True,
        (),
    )
    assert await store.decide_doubt(two, out=False, scope="", by="operator a", now=at(91)) == (
        True,
        (row.id,),
    )


@pytest.mark.parametrize(
    ("said", "review", "state"),
    [
        ("stop", Review.OPTED_OUT, OutboxState.CANCELLED),
        ("start", Review.DISMISSED, OutboxState.QUEUED),
    ],
)
async def test_the_handset_itself_decides_by_a_plain_word(
    store: Store, said: str, review: Review, state: OutboxState
) -> None:
    (row,) = await queued(store, expires=at(9_000))
    reply_id = await doubtful(store)
    await store.record_reply(reply(said, at=at(80)), RULES)
    found = await store.doubt(reply_id)
    assert found is not None
    assert found.review is review
    assert (await store.text(row.id)).state is state


async def test_what_the_breaker_held_is_not_released_by_a_review(store: Store) -> None:
    (row,) = await queued(store, hold="5 neighbours")
    reply_id = await doubtful(store)
    await store.decide_doubt(reply_id, out=False, scope="", by="operator a", now=at(90))
    assert (await store.text(row.id)).state is OutboxState.HELD


async def test_a_doubtful_reply_of_one_who_is_out_needs_no_review(store: Store) -> None:
    await store.record_reply(reply("stop"), RULES)
    await doubtful(store, at=at(70))
    assert await store.doubts() == []


async def test_at_the_wire_an_automatic_text_is_held_and_a_persons_leaves(store: Store) -> None:
    reply_id = await doubtful(store)
    judged = await store.judge(fact(), at(70))
    offered = send(kind=TextKind.OFFER)
    asked_for = await store.judge(fact(call("1700000000.9"), offered), at(70))
    assert judged.row is not None
    assert asked_for.row is not None
    settled = await store.turn((), claim(), at(71))
    assert [row.id for row in settled.claimed] == [asked_for.row.id]
    assert (await store.text(judged.row.id)).state is OutboxState.HELD
    await store.decide_doubt(reply_id, out=False, scope="", by="operator a", now=at(72))
    assert [row.id for row in (await store.turn((), claim(), at(73))).claimed] == [judged.row.id]


# --- learnt from the carrier ---


def codes(route: str) -> Codes:
    return Codes(frozenset({0x40C}), frozenset({"652"})) if route == "smsc" else Codes()


async def test_a_status_of_the_carrier_opts_out_with_its_code_as_evidence(store: Store) -> None:
    store.codes = codes
    (row,) = await sending(store)
    (waiting,) = await queued(store)
    refused = Refused(status=0x40C, name="", detail="blacklisted")
    await store.record_submissions([finished(row, refused, state=OutboxState.REFUSED)], at(2))
    assert (await store.text(waiting.id)).state is OutboxState.CANCELLED
    (out,) = await store.opt_outs()
    assert (out.source, out.word) == (ConsentSource.CARRIER, "smsc: status 0x0000040c")
    assert await evidence(store) == [("opt_out", "carrier")]
    await store.record_reply(reply("start"), RULES)
    assert await store.opt_outs() == []


async def test_the_claim_of_the_same_turn_knows_what_the_refusal_told(store: Store) -> None:
    store.codes = codes
    (row,) = await sending(store)
    (waiting,) = await queued(store)
    refused = Refused(status=0x40C, name="", detail="")
    settled = await store.turn([finished(row, refused, state=OutboxState.REFUSED)], claim(), at(2))
    assert settled.claimed == ()
    assert (await store.text(waiting.id)).reason == "opted_out"


async def test_a_late_answer_is_learnt_from_too(store: Store) -> None:
    store.codes = codes
    (row,) = await sending(store)
    await store.record_late(row.id, Refused(status=0x40C, name="", detail=""), at(50))
    assert [out.source for out in await store.opt_outs()] == [ConsentSource.CARRIER]


@pytest.mark.parametrize(
    ("error", "out"), [("652", True), ("0652", True), ("653", False), ("", False)]
)
async def test_a_receipt_code_opts_out(store: Store, error: str, out: bool) -> None:
    store.codes = codes
    (row,) = await sending(store)
    await store.record_submissions([finished(row, accepted("1a"))], at(2))
    await store.record_receipt(receipt("1a", error=error))
    assert bool(await store.opt_outs()) is out


async def test_an_ordinary_refusal_is_no_opt_out(store: Store) -> None:
    store.codes = codes
    (row,) = await sending(store)
    refused = Refused(status=0x0B, name="ESME_RINVDSTADR", detail="")
    await store.record_submissions([finished(row, refused, state=OutboxState.REFUSED)], at(2))
    assert await store.opt_outs() == []


# --- by other ways ---


async def test_the_keypad_goes_through_the_same_verb_with_its_call(store: Store) -> None:
    judged = await store.judge(fact(), NOW)
    await store.opt_out_by_hint(hint(HintKind.OPTOUT), CALLER, NUMBER, at(30))
    await store.opt_in_by_hint(hint(HintKind.OPTIN), CALLER, NUMBER, at(40))
    out, back = reversed(await store.evidence(CALLER))
    assert (out.event, out.source, out.call_id) == (
        ConsentEvent.OPT_OUT,
        ConsentSource.KEYPAD,
        judged.call_id,
    )
    assert back.event is ConsentEvent.OPT_IN
    assert await answers(store) == [], "who presses a key hears what came of it"


async def test_an_offer_is_evidence(store: Store) -> None:
    await store.offer(hint(), CALLER, NUMBER, lambda _: send(kind=TextKind.OFFER), now=at(5))
    assert await evidence(store) == [("offer", "keypad")]


async def test_an_import_is_all_or_nothing_quiet_and_repeatable(store: Store) -> None:
    (row,) = await queued(store)
    some = [
        Entry(number=CALLER, word="list.csv:1", reason="old list"),
        Entry(number="+12125550188", word="list.csv:2"),
    ]
    assert await store.import_opt_outs(some, "operator root", NOW) == (2, (row.id,))
    assert await store.import_opt_outs(some, "operator root", at(1)) == (0, ())
    assert await evidence(store) == [("opt_out", "import")]
    assert await told(store, EventKind.OPT_OUT) == []


# --- the evidence ---


@pytest.mark.parametrize("verb", ["UPDATE consents SET words = ''", "DELETE FROM consents"])
async def test_evidence_can_be_neither_changed_nor_deleted(store: Store, verb: str) -> None:
    await store.record_reply(reply("stop"), RULES)
    with pytest.raises(Exception, match="append-only") as caught:
        await store._db.write(lambda db: db.exec_driver_sql(verb))
    assert isinstance(caught.value.__cause__ or caught.value, IntegrityError | Exception)
    assert [e.words for e in await store.evidence(CALLER)][-1] == "stop"


async def test_erasing_and_purging_open_it_for_their_transaction_alone(store: Store) -> None:
    await store.record_reply(reply("stop"), RULES)

    def blank(db: Connection) -> int:
        with consents.opened(db, "erase"):
            return db.execute(update(evidence_table).values(number="", words="")).rowcount

    assert await store._db.write(blank) == 2
    with pytest.raises(Exception, match="append-only"):
        await store._db.write(lambda db: db.execute(evidence_table.delete()))


async def test_an_opening_that_fails_leaves_it_shut(store: Store) -> None:
    def fails(db: Connection) -> None:
        with consents.opened(db, "erase"):
            raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        await store._db.write(fails)
    await store.record_reply(reply("stop"), RULES)
    with pytest.raises(Exception, match="append-only"):
        await store._db.write(lambda db: db.execute(evidence_table.delete()))


async def test_evidence_is_read_by_time_in_pages_and_by_number(store: Store) -> None:
    for n in range(7):
        await store.record_reply(reply("stop", sender=f"+121255501{n:02}", at=at(n // 2)), RULES)
    pages: list[int] = []
    last = None
    while found := await store.evidence_between(after=last, limit=4):
        pages += [one.id for one in found]
        last = found[-1]
    assert len(pages) == len(set(pages)) == 14
    some = await store.evidence_between(since=at(1), until=at(2))
    assert {one.number for one in some} == {"+12125550102", "+12125550103"}
    one = await store.evidence_between(numbers=["+12125550105"])
    assert [e.event for e in one] == [ConsentEvent.OPT_OUT, ConsentEvent.CONFIRMED]


async def test_all_that_meets_big_tables_goes_by_an_index(store: Store) -> None:
    async def plan(statement: Any) -> str:
        def explain(db: Connection) -> str:
            made = statement.params(who="a", told="a", since=NOW).compile(
                dialect=db.dialect, compile_kwargs={"render_postcompile": True}
            )
            # The plan does not depend on the values, only on their number.
            values = (0,) * str(made).count("?")
            found = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {made}", values)
            return " / ".join(row[3] for row in found)

        return await store.read(explain)

    active = select(opt_outs).where(opt_outs.c.number.in_(["a"]), outs.ACTIVE)
    open_ = select(incoming.c.sender).where(incoming.c.sender.in_(["a"]), doubts.OPEN)
    for statement, index in (
        (outs.OUT, "uq_opt_outs_active (number=?"),
        (active, "uq_opt_outs_active (number=?"),
        (doubts.DOUBT, "ix_incoming_review (sender=?"),
        (open_, "ix_incoming_review (sender=?"),
        (doubts._COUNT, "ix_incoming_review"),
        (obeying._ANSWERED, "ix_outbox_recipient_created_at (recipient=? AND created_at>?"),
        (obeying._LAST_HELP, "ix_outbox_recipient_created_at (recipient=? AND created_at>?"),
        (consents._OF_NUMBER, "ix_consents_number (number=?"),
    ):
        assert index in await plan(statement), statement


async def test_numbers_of_evidence_are_counted_in_a_store_without_any(store: Store) -> None:
    count = select(func.count()).select_from(evidence_table)
    assert await store.read(lambda db: db.execute(count).scalar_one()) == 0
    await store.opt_in(CALLER, "operator root", NOW)
    assert await store.read(lambda db: db.execute(count).scalar_one()) == 0, "nothing to lift"


async def test_what_opted_out_before_there_was_evidence_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    old_store.make(path)
    raw = sqlite3.connect(path)
    with raw:
        for number, word, lifted, by in (
            ("+12125550301", "by root", None, ""),
            ("+12125550302", "dialplan (agi)", "2026-05-02 00:00:00.000000", "root"),
            ("+12125550303", "stop", "2026-05-03 00:00:00.000000", "the handset wrote START"),
        ):
            raw.execute(
                "INSERT INTO opt_outs (number, word, at, lifted_at, lifted_by) VALUES (?,?,?,?,?)",
                (number, word, "2026-05-01 00:00:00.000000", lifted, by),
            )
    raw.close()
    store = await Store.open(path)
    try:
        assert {out.number: out.source.value for out in await store.opt_outs()} == {
            "+12125550198": "handset",
            "+12125550301": "staff",
        }
        assert await evidence(store, "+12125550198") == [("opt_out", "handset")]
        assert (await store.evidence("+12125550198"))[0].words == "STOP"
        assert await evidence(store, "+12125550302") == [("opt_out", "keypad"), ("opt_in", "staff")]
        assert await evidence(store, "+12125550303") == [
            ("opt_out", "handset"),
            ("opt_in", "handset"),
        ]
        with pytest.raises(Exception, match="append-only"):
            await store._db.write(lambda db: db.execute(evidence_table.delete()))
    finally:
        await store.close()


# --- found in review ---------------------------------------------------------------------------


NUMBERS = rules('\n[optout]\nscope = "number"\n')


async def test_by_number_a_stop_leaves_doubts_about_other_numbers_open(store: Store) -> None:
    await store.record_reply(reply("not interested", recipient=OTHER), NUMBERS)
    await store.record_reply(reply("stop", at=at(70)), NUMBERS)
    (doubt,) = await store.doubts()
    assert doubt.number == OTHER
    await store.record_reply(reply("start", at=at(80)), NUMBERS)
    assert len(await store.doubts()) == 1, "START to another number decides nothing here"
    await store.record_reply(reply("stop", at=at(90), recipient=OTHER), NUMBERS)
    assert await store.doubts() == []


async def test_by_number_a_stop_sets_free_what_waits_at_other_numbers(store: Store) -> None:
    there = fact(call("1700000000.77"), send(sender=OTHER), number=OTHER)
    judged = await store.judge(there, NOW)
    (row,) = await queued(store)
    await store.record_reply(reply("not interested"), NUMBERS)
    assert judged.row is not None
    assert (await store.text(judged.row.id)).state is OutboxState.HELD
    await store.record_reply(reply("stop", at=at(70)), NUMBERS)
    assert (await store.text(row.id)).state is OutboxState.CANCELLED
    assert (await store.text(judged.row.id)).state is OutboxState.QUEUED
    assert await store.outs_of(CALLER)
    assert not await store.is_out(CALLER)


async def test_a_doubtful_reply_is_told_with_the_label_of_its_number(store: Store) -> None:
    labelled = wiring.reply_rules(loads(BASE.replace('100"', '100"\nlabel = "Front desk"', 1)))
    await store.record_reply(reply("not interested"), labelled)
    (payload,) = await told(store, EventKind.OPT_OUT_REVIEW)
    assert payload["label"] == "Front desk"


async def test_a_keyword_of_a_number_is_found_where_several_have_one_sender(store: Store) -> None:
    shared = """
sender = "28777"
[[number]]
did = "+12125550101"
sender = "28777"
[[keyword]]
name = "urgent"
words = ["urgent"]
numbers = ["+12125550101"]
"""
    own = wiring.reply_rules(loads(BASE + shared))
    await store.judge(fact(call(did=OTHER), send(sender="28777"), number=OTHER), NOW)
    said = reply("urgent", recipient="28777")
    assert taken(await store.record_reply(said, own)).reading.keyword == "urgent"


async def test_where_one_number_texts_for_another_the_thread_tells_whose_it_is(
    store: Store,
) -> None:
    own = wiring.reply_rules(loads(TWO + f'sender = "{NUMBER}"\n'))
    await queued(store)
    stranger = reply("Hello", sender="+16465550199")
    there = reply("Hello", sender="+16465550198")
    judged = await store.judge(
        fact(call("1.2", did=OTHER), send(sender=NUMBER, to=there.sender), number=OTHER), NOW
    )
    assert judged.row is not None
    kept = await store.record_replies([reply("Hello"), stranger, there], own)
    assert [taken(one).text.number for one in kept] == [NUMBER, NUMBER, OTHER]


# --- a text of which a part is missing ---


async def partial(store: Store, there: str, part: int = 2) -> Taken:
    await store.record_reply(reply(there, reference=5, part=part, parts=2), RULES)
    (found,) = await store.give_up_partials(RULES, at(60 + 600))
    return found


async def test_the_end_of_a_text_whose_beginning_is_missing_silences_nobody(store: Store) -> None:
    (row,) = await queued(store)
    found = await partial(store, "stop")
    assert (found.reading.request, found.reading.review) == (None, True)
    assert await store.opted_out() == []
    assert (await store.text(row.id)).state is OutboxState.HELD
    (doubt,) = await store.doubts()
    assert doubt.text == "[…]stop"


async def test_the_part_that_was_missing_decides(store: Store) -> None:
    (row,) = await queued(store, expires=at(90_000))
    await partial(store, " stop")
    late = reply("Is it at the bus", reference=5, part=1, parts=2, at=at(900))
    assert taken(await store.record_reply(late, RULES)).text.text == "Is it at the bus stop"
    assert await store.doubts() == []
    assert (await store.text(row.id)).state is OutboxState.QUEUED
    assert ("reviewed", "handset") in await evidence(store)


async def test_with_the_part_that_was_missing_a_stop_is_obeyed(store: Store) -> None:
    await partial(store, " stop")
    late = reply("Please", reference=5, part=1, parts=2, at=at(900))
    assert taken(await store.record_reply(late, RULES)).answer is not None
    assert len(await store.opted_out()) == 1
    assert await store.doubts() == []


async def test_a_start_of_which_a_part_is_missing_opens_nothing(store: Store) -> None:
    await store.record_reply(reply("stop"), RULES)
    found = await partial(store, "start")
    assert (found.reading.request, found.reading.review) == (None, False)
    assert len(await store.opted_out()) == 1


async def test_evidence_cannot_be_replaced_either(store: Store) -> None:
    await store.record_reply(reply("stop"), RULES)
    verb = (
        "INSERT OR REPLACE INTO consents (id, at, number, number_hash, scope, event, source, "
        '"by", words, detail) SELECT id, at, number, number_hash, scope, event, source, '
        "\"by\", 'never said', detail FROM consents"
    )
    with pytest.raises(Exception, match="append-only"):
        await store._db.write(lambda db: db.exec_driver_sql(verb))
    assert [e.words for e in await store.evidence(CALLER)][-1] == "stop"
