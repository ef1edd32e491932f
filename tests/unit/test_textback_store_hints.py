"""What the dialplan said: kept, joined to its call, obeyed, and told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

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
    send,
)
from textback.decide import History, Past
from textback.model import (
    Call,
    Gate,
    HintKind,
    Moment,
    OutboxState,
    Outcome,
    Phase,
    Reason,
    Send,
    Skip,
    Source,
    TextKind,
    Verdict,
)
from textback.store.rows import Judged
from textback.store.store import Store
from textback.store.tables_people import hints

OTHER = "+12125550199"


async def kept(store: Store) -> list[Any]:
    return await store.read(lambda db: list(db.execute(select(hints).order_by(hints.c.id)).all()))


def asking(heard: list[Call], verdict: Verdict | None = None) -> Any:
    """A verdict of its own for each call that is asked about, which is noted."""

    def decide(judged: Call, history: History) -> Verdict | None:
        heard.append(judged)
        if judged.handled:
            return Skip(reason=Reason.HANDLED)
        return verdict if verdict is not None else send()

    return decide


async def ended(store: Store, heard: list[Call], **changes: Any) -> Judged:
    return await store.judge(replace(fact(call(**changes)), decide=asking(heard)), at(21))


# --- joined to the call -----------------------------------------------------------------------


async def test_a_wish_that_was_here_before_its_call_is_joined_when_that_ends(store: Store) -> None:
    await store.opt_in_by_hint(hint(HintKind.OPTIN), CALLER, NUMBER, at(1))
    assert [h.call_id for h in await kept(store)] == [None]
    heard: list[Call] = []
    judged = await ended(store, heard)
    assert [h.call_id for h in await kept(store)] == [judged.call_id]
    story = await store.story(judged.call_id)
    told = [(e.kind, e.text) for e in story.events if e.kind == "dialplan"]
    assert told == [("dialplan", "agi says that the caller wants texts again: had not opted out")]


async def test_a_wish_finds_the_call_that_is_there(store: Store) -> None:
    call_id = await store.record_fact(call(phase=Phase.RINGING))
    await store.opt_in_by_hint(hint(HintKind.OPTIN), "", "", at(1))
    assert [h.call_id for h in await kept(store)] == [call_id]
    assert [h.caller for h in await kept(store)] == ["2125550123"]


async def test_a_wish_with_a_uniqueid_of_another_pbx_or_another_day_is_nobodys(
    store: Store,
) -> None:
    for other in (
        hint(HintKind.OPTIN, pbx="branch"),
        hint(HintKind.OPTIN, at=Moment(at(-86_400 * 3), 0.0)),
        hint(HintKind.OPTIN, uniqueid="1700000000.12"),
    ):
        await store.opt_in_by_hint(other, CALLER, NUMBER, at(1))
    heard: list[Call] = []
    judged = await ended(store, heard)
    assert judged.row is not None
    assert {h.call_id for h in await kept(store)} == {None}


async def test_a_fact_that_does_not_know_the_words_leaves_them(store: Store) -> None:
    await store.record_fact(call(phase=Phase.HINTED, handled="agi", message="vip", verstat="A"))
    heard: list[Call] = []
    await ended(store, heard)
    assert (heard[0].handled, heard[0].message, heard[0].verstat) == ("agi", "vip", "A")


async def test_a_word_taken_back_stays_taken_back(store: Store) -> None:
    await store.record_fact(call(phase=Phase.HINTED, handled="agi"))
    await store.record_fact(call(phase=Phase.HINTED, told_missed="agi"))
    heard: list[Call] = []
    await ended(store, heard)
    assert (heard[0].handled, heard[0].told_missed) == ("", "agi")


async def test_a_call_told_by_a_hook_alone_is_the_same_when_asterisks_start_is_known(
    store: Store,
) -> None:
    plain = call(phase=Phase.HINTED, source=Source.AGI, handled="agi", caller="", gap=True)
    told = replace(plain, key=replace(plain.key, boot=""))
    first = await store.judge(replace(fact(told), decide=None), at(5))
    heard: list[Call] = []
    judged = await ended(store, heard)
    assert judged.call_id == first.call_id
    assert heard[0].handled == "agi"
    (story,) = await store.calls()
    assert story.key == call().key


async def test_a_hook_does_not_overwrite_what_the_link_has_told(store: Store) -> None:
    await store.record_fact(call(phase=Phase.RINGING, queue="sales"))
    poor = call(
        phase=Phase.HINTED, source=Source.AGI, handled="agi", queue="", ringing=None, gap=True
    )
    await store.judge(replace(fact(poor), decide=None), at(5))
    (story,) = await store.calls(living=True)
    assert (story.source, story.gap, story.ringing) == (Source.AMI, False, call().ringing.utc)  # type: ignore[union-attr]
    assert story.handled == "agi"


# --- handled ----------------------------------------------------------------------------------


@pytest.mark.parametrize("hold", ["", "breaker: 5 texts to +1212555012x"])
async def test_handled_cancels_the_text_that_waits_or_is_held(store: Store, hold: str) -> None:
    judged = await store.judge(
        fact(call(phase=Phase.RING_TIMEOUT), send(hold=hold, due=at(60))), NOW
    )
    assert judged.row is not None
    hinted = call(phase=Phase.HINTED, handled="UserEvent")
    again = await store.judge(fact(hinted), at(2))
    assert again.cancelled == (judged.row.id,)
    text = await store.text(judged.row.id)
    assert (text.state, text.reason) == (
        OutboxState.CANCELLED,
        "the dialplan said that it is handled",
    )


async def test_a_hinted_fact_decides_like_another(store: Store) -> None:
    judged = await store.judge(fact(call(phase=Phase.HINTED, told_missed="agi")), NOW)
    assert judged.row is not None
    story = await store.story(judged.call_id)
    assert "text this caller when the dialplan spoke" in [e.text for e in story.events]
    assert (await store.judge(fact(call()), at(21))).row is None


# --- offers -----------------------------------------------------------------------------------


async def offered(store: Store, verdict: Verdict | None = None, **changes: Any) -> Any:
    said = send(text="Our hours", kind=TextKind.OFFER) if verdict is None else verdict
    return await store.offer(hint(**changes), CALLER, NUMBER, lambda _: said)


async def test_an_offer_is_consent_and_text_at_once(store: Store) -> None:
    call_id = await store.record_fact(call(phase=Phase.RINGING))
    made = await offered(store, message="hours")
    assert made.row is not None
    assert (made.row.kind, made.row.call_id, made.call_id) == (TextKind.OFFER, call_id, call_id)
    (evidence,) = await kept(store)
    assert (evidence.kind, evidence.row_id, evidence.message) == (
        HintKind.OFFER,
        made.row.id,
        "hours",
    )
    assert (evidence.caller, evidence.at) == (CALLER, at(5))


async def test_a_second_press_of_the_key_is_a_no_op(store: Store) -> None:
    first = await offered(store)
    again = await offered(store, at=Moment(at(9), 1009.0))
    assert again.repeat
    assert (again.row, again.verdict) == (first.row, None)
    assert len(await store.queue()) == len(await kept(store)) == 1
    await store.record_fact(call())
    assert (await offered(store)).repeat


async def test_an_offer_that_was_refused_may_be_asked_for_again(store: Store) -> None:
    failed = Gate("opted_out", False, "wrote STOP", "no opt-out on record")
    refused = await offered(store, Skip(reason=Reason.OPTED_OUT, gates=(failed,)))
    assert (refused.row, refused.repeat) == (None, False)
    assert [h.result for h in await kept(store)] == ["no text: opted_out (wrote STOP)"]
    assert (await offered(store)).row is not None


async def test_a_call_may_have_both_its_texts(store: Store) -> None:
    missed = await store.judge(fact(), NOW)
    made = await offered(store)
    assert missed.row is not None
    assert made.row is not None
    story = await store.story(missed.call_id)
    assert story.outbox == missed.row
    assert [t.kind for t in story.texts] == [TextKind.MISSED, TextKind.OFFER]


async def test_an_offer_made_before_its_call_is_known_comes_to_it(store: Store) -> None:
    made = await offered(store)
    assert made.call_id is None
    judged = await ended(store, [], outcome=Outcome.ANSWERED)
    assert judged.row is not None
    story = await store.story(judged.call_id)
    assert [t.kind for t in story.texts] == [TextKind.OFFER, TextKind.MISSED]
    assert (await store.text(made.row.id)).call_id == judged.call_id


async def test_an_offer_of_a_call_that_is_never_seen_is_found_by_its_number(store: Store) -> None:
    made = await offered(store)
    (text,) = await store.find_texts(CALLER)
    assert text.outbox == made.row
    assert ("dialplan", "agi says that the caller asked for a text by a key: text 1") in [
        (e.kind, e.text) for e in text.events
    ]


async def test_an_offer_starts_no_cooldown_of_missed_calls_and_counts_for_the_caps(
    store: Store,
) -> None:
    await offered(store)
    history = await store.history(CALLER, NUMBER, at(6))
    assert (history.recent_texts, history.last_minute) == ((), 1)


async def test_an_offer_is_decided_with_the_history_of_offers(store: Store) -> None:
    await store.judge(fact(), NOW)
    await offered(store, uniqueid="1.7")
    asked: list[tuple[object, int]] = []

    def decide(past: Past) -> Skip:
        asked.append((past.recent_texts, past.last_minute))
        return Skip(reason=Reason.COOLDOWN)

    await store.offer(hint(uniqueid="1.8"), CALLER, NUMBER, decide, now=at(30))
    assert asked == [((at(5),), 2)]


async def test_what_was_asked_for_is_sent_even_when_somebody_answers(store: Store) -> None:
    made = await offered(store)
    moment = Moment(at(25), 1025.0)
    judged = await store.judge(fact(call(phase=Phase.ANSWERED, at=moment, answered=moment)), at(25))
    assert judged.cancelled == ()
    await store.opt_out(CALLER, "STOP", at(26))
    assert (await store.text(made.row.id)).state is OutboxState.CANCELLED


# --- opt-out and opt-in -----------------------------------------------------------------------


async def test_an_opt_out_by_key_is_obeyed_and_on_record(store: Store) -> None:
    judged = await store.judge(fact(), NOW)
    assert judged.row is not None
    out = hint(HintKind.OPTOUT)
    assert await store.opt_out_by_hint(out, CALLER, NUMBER, at(30)) == (judged.row.id,)
    assert [(n, w) for n, w, _ in await store.opted_out()] == [(CALLER, "dialplan (agi)")]
    await store.opt_out_by_hint(out, CALLER, NUMBER, at(31))
    assert [h.result for h in await kept(store)] == [
        "opted out; 1 cancelled",
        "had opted out before",
    ]
    assert (await store.history(CALLER, NUMBER, at(32))).opted_out


async def test_an_opt_in_by_key_lifts_it_and_is_on_record(store: Store) -> None:
    await store.opt_out(CALLER, "STOP", NOW)
    back = hint(HintKind.OPTIN)
    assert await store.opt_in_by_hint(back, CALLER, NUMBER, at(30))
    assert not await store.opt_in_by_hint(back, CALLER, NUMBER, at(31))
    assert await store.opted_out() == []
    assert [h.result for h in await kept(store)] == ["opted in", "had not opted out"]
    assert [h.kind for h in await kept(store)] == [HintKind.OPTIN] * 2


async def test_hostile_words_are_kept_harmless_and_short(store: Store) -> None:
    evil = hint(HintKind.OPTIN, message="'); DROP TABLE hints;--\x00" + "x" * 10_000)
    await store.opt_in_by_hint(evil, "", "", at(1))
    (row,) = await kept(store)
    assert row.message.startswith("'); DROP TABLE hints;--\ufffdx")
    assert len(row.message) == 160


# --- delay and hold ---------------------------------------------------------------------------


async def test_a_delayed_text_is_not_claimed_before_it_is_due(store: Store) -> None:
    judged = await store.judge(fact(verdict=send(due=at(60))), NOW)
    assert judged.row is not None
    assert judged.row.due == at(60)
    settled = await store.turn((), claim(), at(59))
    assert (settled.claimed, settled.next_due) == ((), at(60))
    settled = await store.turn((), claim(), at(60))
    assert [row.id for row in settled.claimed] == [judged.row.id]


async def test_a_text_that_is_due_in_the_past_is_due_now(store: Store) -> None:
    judged = await store.judge(fact(verdict=send(due=at(-60))), NOW)
    assert judged.row is not None
    assert judged.row.due == NOW


async def test_a_held_text_waits_for_the_operator_and_says_why(store: Store) -> None:
    judged = await store.judge(fact(verdict=send(hold="breaker: 5 in a row")), NOW)
    assert judged.row is not None
    assert (judged.row.state, judged.row.reason) == (OutboxState.HELD, "breaker: 5 in a row")
    assert (await store.turn((), claim(), at(60))).claimed == ()
    history = await store.history(CALLER, NUMBER, at(61))
    assert history.last_text == NOW
    assert history.waiting


async def test_the_story_tells_how_a_text_began_whatever_became_of_it(store: Store) -> None:
    made: Send = send(hold="breaker: 5 in a row", due=at(60))
    judged = await store.judge(fact(verdict=made), NOW)
    await store.cancel_for_handset(CALLER, "opted_out", at(90))
    told = [(e.kind, e.text) for e in (await store.story(judged.call_id)).events]
    assert ("outbox", "text 1 written") in told
    assert ("outbox", "textback: hold (breaker: 5 in a row)") in told
    assert ("outbox", "textback: delay (not before 2026-11-23 14:01:00 UTC)") in told
    assert ("outbox", "cancelled: opted_out") in told


async def test_in_shadow_mode_a_hold_is_only_told(store: Store) -> None:
    judged = await store.judge(fact(verdict=send(hold="breaker", shadow=True)), NOW)
    assert judged.row is not None
    assert (judged.row.state, judged.row.reason) == (
        OutboxState.SHADOW,
        "shadow mode; would be held: breaker",
    )


def answered(uniqueid: str) -> Call:
    moment = Moment(at(25), 1025.0)
    return call(uniqueid, phase=Phase.ANSWERED, at=moment, answered=moment)


@pytest.mark.parametrize("who", ["call", "caller", "outbound", "opt_out"])
@pytest.mark.parametrize("wait", [{"due": at(60)}, {"hold": "breaker"}])
async def test_a_text_that_waits_is_cancelled_and_starts_no_cooldown(
    store: Store, who: str, wait: dict[str, Any]
) -> None:
    judged = await store.judge(fact(call(phase=Phase.RING_TIMEOUT), send(**wait)), NOW)
    assert judged.row is not None
    if who == "opt_out":
        gone = await store.opt_out(CALLER, "STOP", at(25))
    elif who == "outbound":
        back = fact(call("1.9"), Skip(reason=Reason.OUTBOUND), called_back=CALLER, caller="")
        gone = (await store.judge(back, at(25))).cancelled
    else:
        uniqueid = "1700000000.1" if who == "call" else "1700000000.9"
        gone = (await store.judge(fact(answered(uniqueid)), at(25))).cancelled
    assert gone == (judged.row.id,)
    history = await store.history(CALLER, NUMBER, at(26))
    assert (history.last_text, history.recent_texts, history.waiting) == (None, (), False)


async def test_an_answer_to_another_caller_leaves_the_text_waiting(store: Store) -> None:
    judged = await store.judge(fact(call(phase=Phase.RING_TIMEOUT), send(due=at(60))), NOW)
    assert judged.row is not None
    await store.judge(fact(answered("1.9"), caller=OTHER), at(25))
    assert (await store.text(judged.row.id)).state is OutboxState.QUEUED


async def test_a_text_that_left_is_not_waiting(store: Store) -> None:
    await store.judge(fact(), NOW)
    (row,) = (await store.turn((), claim(), at(1))).claimed
    await store.turn([finished(row, accepted("a"))], None, at(2))
    history = await store.history(CALLER, NUMBER, at(3))
    assert (history.recent_texts, history.waiting) == ((NOW,), False)
