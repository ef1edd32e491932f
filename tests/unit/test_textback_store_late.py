"""Calls learnt after they were over: each told once, texted once, and nothing known is undone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.store import CALLER, NOW, at, call, claim, fact, late, send
from textback.decide import History
from textback.model import (
    Call,
    CallKey,
    Direction,
    Moment,
    OutboxState,
    Outcome,
    Phase,
    Presentation,
    Reason,
    Skip,
    Source,
    Verdict,
)
from textback.store.late import lost
from textback.store.rows import CallFact, KnownCall
from textback.store.store import Store

UNKNOWN = Skip(reason=Reason.UNKNOWN_CALL)
ANSWER = Moment(at(8), 1008.0)


def seen_in_part(**changes: Any) -> CallFact:
    """The call as the live link told it, with a gap."""
    told = call(**{"outcome": Outcome.UNKNOWN, "gap": True, "waited": 0.0, **changes})
    return fact(told, UNKNOWN)


def answered_late(uniqueid: str = "1700000000.1", **changes: Any) -> CallFact:
    told = late(uniqueid, answered=ANSWER, outcome=Outcome.ANSWERED, **changes)
    return fact(told, Skip(reason=Reason.ANSWERED))


async def verdicts(store: Store) -> list[tuple[str, str]]:
    return [(s.verdict, s.reason) for s in await store.calls()]


# --- what becomes of it -----------------------------------------------------------------------


@pytest.mark.parametrize("source", [Source.CEL, Source.CDR])
async def test_a_call_nobody_saw_is_a_new_call_and_judged(store: Store, source: Source) -> None:
    judged = await store.judge(fact(late(source=source)), at(600))
    assert judged.row is not None
    assert judged.row.created == at(600)
    story = await store.story(judged.call_id)
    assert (story.source, story.late, story.outcome) == (source, True, Outcome.NO_ANSWER)
    words = f"ended: no_answer; told late by {source.value.upper()}"
    assert ("call", words) in [(e.kind, e.text) for e in story.events]


async def test_the_second_telling_is_a_no_op(store: Store) -> None:
    first = await store.judge(fact(late()), at(600))
    for source in (Source.CEL, Source.CDR):
        again = await store.judge(fact(late(source=source)), at(700))
        assert (again.known, again.call_id, again.row) == (True, first.call_id, None)
    assert len(await store.queue()) == len(await store.calls()) == 1


async def test_a_call_seen_in_part_is_completed_and_judged_anew(store: Store) -> None:
    before = await store.judge(seen_in_part(), at(21))
    judged = await store.judge(fact(late()), at(600))
    assert judged.call_id == before.call_id
    assert judged.row is not None
    story = await store.story(judged.call_id)
    assert (story.outcome, story.gap, story.source) == (Outcome.NO_ANSWER, False, Source.CEL)
    assert (story.verdict, story.decided) == ("send", at(600))
    told = [(e.at, e.text) for e in story.events if e.kind == "verdict"]
    assert told == [
        (at(21), "no text: unknown_call; decided again when more was known of the call"),
        (at(600), "text this caller when the call ended"),
    ]


async def test_the_live_key_of_a_call_stays(store: Store) -> None:
    await store.judge(seen_in_part(), at(21))
    await store.judge(fact(late()), at(600))
    (story,) = await store.calls()
    assert story.key == call().key


async def test_it_is_resolved_once(store: Store) -> None:
    await store.judge(seen_in_part(), at(21))
    assert (await store.judge(answered_late(), at(600))).row is None
    again = await store.judge(fact(late()), at(700))
    assert again.known
    assert await verdicts(store) == [("skip", "answered")]
    assert await store.queue() == []


async def test_a_late_telling_that_knows_no_outcome_either_changes_nothing(store: Store) -> None:
    await store.judge(seen_in_part(), at(21))
    again = await store.judge(fact(late(outcome=Outcome.UNKNOWN), UNKNOWN), at(600))
    assert again.known
    (story,) = await store.calls()
    assert (story.late, story.source) == (False, Source.AMI)


async def test_a_new_call_of_which_nothing_is_known_is_shown_and_not_texted(store: Store) -> None:
    await store.judge(fact(late(outcome=Outcome.UNKNOWN), UNKNOWN), at(600))
    assert await verdicts(store) == [("skip", "unknown_call")]
    judged = await store.judge(fact(late(source=Source.CDR)), at(700))
    assert judged.row is not None


async def test_a_call_that_is_known_well_is_left_as_it_is(store: Store) -> None:
    await store.judge(fact(call(outcome=Outcome.BUSY), Skip(reason=Reason.STAFF)), at(21))
    again = await store.judge(fact(late()), at(600))
    assert again.known
    (story,) = await store.calls()
    assert (story.outcome, story.reason) == (Outcome.BUSY, "staff")


async def test_a_call_with_forged_events_stays_untrusted(store: Store) -> None:
    told = seen_in_part(tainted="duplicate header Uniqueid")
    await store.judge(replace(told, decide=lambda *_: Skip(reason=Reason.TAINTED)), at(21))
    assert (await store.judge(fact(late()), at(600))).known
    assert await verdicts(store) == [("skip", "tainted")]


async def test_a_call_that_was_texted_before_the_gap_is_not_texted_again(store: Store) -> None:
    first = await store.judge(fact(call(phase=Phase.RING_TIMEOUT)), at(15))
    await store.judge(seen_in_part(), at(21))
    again = await store.judge(fact(late()), at(600))
    assert (again.row, again.verdict, again.known) == (None, None, False)
    (story,) = await store.calls()
    assert story.outbox == first.row
    assert story.outcome is Outcome.NO_ANSWER


async def test_a_call_left_open_by_a_kill_is_ended(store: Store) -> None:
    ringing = call(phase=Phase.RINGING, at=Moment(at(1), 1001.0))
    await store.judge(replace(fact(ringing), decide=None), at(1))
    judged = await store.judge(fact(late()), at(600))
    assert judged.row is not None
    (story,) = await store.calls()
    assert (story.outcome, story.ended) == (Outcome.NO_ANSWER, late().at.utc)
    assert await store.calls(living=True) == []


async def test_a_call_left_open_after_its_text_keeps_it(store: Store) -> None:
    first = await store.judge(fact(call(phase=Phase.RING_TIMEOUT, at=Moment(at(15), 1015.0))), NOW)
    again = await store.judge(fact(late()), at(600))
    assert (again.row, again.cancelled) == (None, ())
    (story,) = await store.calls()
    assert story.outbox == first.row


async def test_a_call_that_somebody_still_follows_is_not_ended(store: Store) -> None:
    going_on = call(phase=Phase.VOICEMAIL, at=Moment(at(300), 1300.0))
    await store.judge(replace(fact(going_on), decide=None), at(300))
    assert (await store.judge(fact(late()), at(600))).known
    (story,) = await store.calls(living=True)
    assert story.source is Source.AMI


async def test_the_same_uniqueid_at_another_time_is_another_call(store: Store) -> None:
    await store.judge(seen_in_part(), at(21))
    day = timedelta(days=1).total_seconds()
    other = late(started=Moment(at(day), 0.0), at=Moment(at(day + 20), 0.0))
    judged = await store.judge(fact(other), at(day + 600))
    assert judged.row is not None
    assert len(await store.calls()) == 2


async def test_the_same_uniqueid_of_another_pbx_is_another_call(store: Store) -> None:
    await store.judge(seen_in_part(), at(21))
    told = late(key=CallKey(pbx="branch", boot="", uniqueid="1700000000.1"))
    assert (await store.judge(fact(told), at(600))).row is not None
    assert len(await store.calls()) == 2


async def test_starts_may_differ_by_a_clock_that_was_corrected(store: Store) -> None:
    await store.judge(seen_in_part(), at(21))
    told = late(started=Moment(at(-45), 955.0))
    assert (await store.judge(fact(told), at(600))).row is not None
    assert len(await store.calls()) == 1


# --- what was known before --------------------------------------------------------------------


async def test_what_the_late_source_does_not_tell_stays(store: Store) -> None:
    await store.judge(
        seen_in_part(queue="sales", caller_name="ADA", trail=((1.0, "rings"),)), at(21)
    )
    heard: list[Call] = []

    def decide(judged: Call, history: History) -> Verdict:
        heard.append(judged)
        return send()

    told = late(
        caller_name="",
        presentation=Presentation.UNKNOWN,
        trail=((0.5, "CEL: began"), (2.0, "CEL: x")),
    )
    await store.judge(replace(fact(told), decide=decide), at(600))
    (story,) = await store.calls()
    assert story.caller_name == "ADA"
    assert story.trail == ((0.5, "CEL: began"), (1.0, "rings"), (2.0, "CEL: x"))
    assert heard[0].presentation is Presentation.ALLOWED


async def test_words_said_to_an_open_call_bear_on_its_late_end(store: Store) -> None:
    opened = call(phase=Phase.HINTED, handled="agi", at=Moment(at(3), 1003.0))
    await store.judge(replace(fact(opened), decide=None), at(3))

    def decide(judged: Call, history: History) -> Verdict:
        return Skip(reason=Reason.HANDLED) if judged.handled else send()

    judged = await store.judge(replace(fact(late()), decide=decide), at(600))
    assert judged.verdict == Skip(reason=Reason.HANDLED)
    assert (await store.story(judged.call_id)).handled == "agi"


# --- who was spoken to ------------------------------------------------------------------------


async def test_a_late_answer_cancels_the_text_of_an_earlier_call(store: Store) -> None:
    earlier = call("1.1", started=Moment(at(-60), 940.0))
    first = await store.judge(fact(earlier, send(due=at(900))), NOW)
    judged = await store.judge(answered_late("1.2"), at(600))
    assert first.row is not None
    assert judged.cancelled == (first.row.id,)
    assert (await store.text(first.row.id)).reason == "the caller was answered in a later call"


async def test_a_late_answer_leaves_the_text_of_a_later_call(store: Store) -> None:
    after = call("1.1", started=Moment(at(60), 1060.0), at=Moment(at(80), 1080.0))
    first = await store.judge(fact(after, send(due=at(900))), at(80))
    judged = await store.judge(answered_late("1.2"), at(600))
    assert judged.cancelled == ()
    assert first.row is not None
    assert (await store.text(first.row.id)).state is OutboxState.QUEUED


async def test_a_late_answer_cancels_the_text_of_its_own_call(store: Store) -> None:
    first = await store.judge(fact(call(phase=Phase.RING_TIMEOUT), send(due=at(900))), at(5))
    assert first.row is not None
    judged = await store.judge(answered_late(), at(600))
    assert judged.cancelled == (first.row.id,)
    assert (await store.text(first.row.id)).reason == "the call was answered"


async def test_a_late_call_back_cancels_the_text_too(store: Store) -> None:
    first = await store.judge(fact(call("1.1"), send(due=at(900))), at(21))
    back = late(
        "1.2",
        direction=Direction.OUTBOUND,
        caller="101",
        did="2125550123",
        answered=Moment(at(40), 1040.0),
        outcome=Outcome.ANSWERED,
    )
    told = fact(back, Skip(reason=Reason.OUTBOUND), caller="", number="", called_back=CALLER)
    judged = await store.judge(told, at(600))
    assert first.row is not None
    assert judged.cancelled == (first.row.id,)
    assert (await store.text(first.row.id)).reason == "the business called back"


@pytest.mark.parametrize("how", ["inbound", "outbound"])
async def test_a_late_missed_call_is_not_texted_when_the_caller_was_spoken_to_since(
    store: Store, how: str
) -> None:
    spoke = Moment(at(300), 1300.0)
    if how == "inbound":
        later = fact(
            call("1.2", started=Moment(at(290), 1290.0), answered=spoke, outcome=Outcome.ANSWERED),
            Skip(reason=Reason.ANSWERED),
        )
    else:
        later = fact(
            call("1.2", direction=Direction.OUTBOUND, caller="101", answered=spoke),
            Skip(reason=Reason.OUTBOUND),
            caller="",
            called_back=CALLER,
        )
    await store.judge(later, at(310))
    judged = await store.judge(fact(late()), at(600))
    assert judged.row is not None
    assert judged.row.state is OutboxState.CANCELLED
    assert judged.cancelled == (judged.row.id,)
    assert (await store.turn((), claim(), at(700))).claimed == ()


async def test_a_call_answered_before_the_missed_one_does_not_matter(store: Store) -> None:
    early = call("1.2", started=Moment(at(-90), 0.0), answered=Moment(at(-80), 0.0))
    await store.judge(fact(early, Skip(reason=Reason.ANSWERED)), NOW)
    judged = await store.judge(fact(late()), at(600))
    assert judged.row is not None
    assert judged.row.state is OutboxState.QUEUED


# --- what catch-up asks -----------------------------------------------------------------------


async def test_the_known_calls_of_a_pbx_by_uniqueid(store: Store) -> None:
    await store.judge(fact(call("1.1")), at(21))
    await store.record_fact(call("1.2", phase=Phase.RINGING))
    await store.record_fact(call("1.3", started=Moment(at(-900), 100.0)))
    await store.record_fact(call("1.4", key=CallKey(pbx="branch", boot="", uniqueid="1.4")))
    boot = call().key.boot
    assert await store.known_calls("pbx", at(-60)) == {
        "1.1": KnownCall(boot, Outcome.NO_ANSWER, at(20)),
        "1.2": KnownCall(boot, Outcome.NO_ANSWER, None),
    }


async def test_open_calls_come_back_as_they_were_told(store: Store) -> None:
    ringing = call(phase=Phase.RINGING, trail=((0.5, "rings"),), message="vip", queue="sales")
    await store.record_fact(ringing)
    await store.record_fact(call("1.9"))
    await store.record_fact(
        call(phase=Phase.RINGING, key=CallKey(pbx="branch", boot="", uniqueid="1.4"))
    )
    (found,) = await store.open_calls("pbx")
    plain = {"started": NOW, "ringing": NOW, "at": NOW, "may_become": frozenset[Outcome]()}
    assert found.started.utc == ringing.started.utc
    assert replace(found, **plain) == replace(ringing, **plain)  # type: ignore[arg-type]


async def test_an_open_call_of_which_nothing_more_can_be_known_is_unknown(store: Store) -> None:
    await store.record_fact(call(phase=Phase.RINGING))
    (found,) = await store.open_calls("pbx")
    ended = lost(found, Moment(at(900), 0.0))
    judged = await store.judge(fact(ended, UNKNOWN), at(900))
    (story,) = await store.calls()
    assert (story.outcome, story.gap, story.reason) == (Outcome.UNKNOWN, True, "unknown_call")
    assert story.trail[-1][1].startswith("its end was not seen")
    assert await store.open_calls("pbx") == []
    # And when the record turns up after all, it is resolved.
    resolved = await store.judge(fact(late()), at(960))
    assert resolved.call_id == judged.call_id
    assert resolved.row is not None


async def test_when_a_link_was_last_up_is_kept_by_pbx(store: Store) -> None:
    assert await store.last_seen("pbx") is None
    for moment in (NOW, at(30)):
        await store.set_last_seen("pbx", moment)
    await store.set_last_seen("branch", at(-30))
    assert (await store.last_seen("pbx"), await store.last_seen("branch")) == (at(30), at(-30))


async def test_the_list_of_calls_can_be_narrowed_to_late_ones(store: Store) -> None:
    await store.judge(fact(call("1.1")), at(21))
    await store.judge(fact(late("1.2")), at(600))
    await store.judge(fact(late("1.3", source=Source.CDR)), at(600))
    named = {s.key.uniqueid for s in await store.calls(late=True)}
    assert named == {"1.2", "1.3"}
    assert [s.key.uniqueid for s in await store.calls(sources=[Source.CDR])] == ["1.3"]
