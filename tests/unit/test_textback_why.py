"""`textback why` tells everything, in order, to people and to programs."""

from __future__ import annotations

import dataclasses
import io
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from textback import why, why_json
from textback.model import (
    CallKey,
    CallStory,
    Direction,
    Gate,
    OutboxRow,
    OutboxState,
    Outcome,
    Source,
    StoryEvent,
    TextKind,
    TextStory,
)

START = datetime(2026, 11, 23, 17, 0, 0, tzinfo=UTC)
CALLER = "+12125550123"
TEXT = "Hi there, sorry we missed your call.\nReply STOP to end."


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


ROW = OutboxRow(
    id=7,
    call_id=3,
    state=OutboxState.DELIVERED,
    to=CALLER,
    sender="+12125550100",
    text=TEXT,
    route="smsc",
    reference=7,
    attempts=1,
    created=after(15.1),
    due=after(15.1),
    expires=after(915),
    claimed=after(15.2),
    reason="",
)
STORY = CallStory(
    call_id=3,
    key=CallKey(pbx="pbx", boot="2026-11-01T00:00:00", uniqueid="1700000000.12"),
    direction=Direction.INBOUND,
    caller=CALLER,
    caller_name="Zoë",
    did="+12125550100",
    number_label="Front desk",
    started=START,
    ringing=after(0.1),
    answered=None,
    ended=after(20),
    outcome=Outcome.NO_ANSWER,
    waited=19.9,
    trail=((0.1, "phone PJSIP/101 rings"), (15.1, "rang 15 s, nobody answered")),
    verdict="send",
    reason="send",
    gates=(
        Gate("watched", True, "+12125550100", "[[number]]"),
        Gate("cooldown", True, "no earlier text", "cooldown = 24h"),
    ),
    decided=after(15.1),
    outbox=ROW,
    events=(
        StoryEvent(at=after(15.3), kind="attempt", text="accepted by smsc as A1"),
        StoryEvent(at=after(17.0), kind="receipt", text="DELIVRD from +12125550123"),
    ),
)
SKIPPED = dataclasses.replace(
    STORY,
    verdict="skip",
    reason="cooldown",
    outbox=None,
    events=(),
    gates=(
        Gate("watched", True, "+12125550100", "[[number]]"),
        Gate("cooldown", False, "last text to +12125550123 3 h ago", "cooldown = 24h"),
    ),
)


def shown(story: CallStory, *, mask: bool = False, width: int = 140) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None, highlight=False)
    console.print(why.render(story, mask=mask, zone=ZoneInfo("America/New_York")))
    return out.getvalue()


def test_every_gate_is_shown_in_order_with_what_was_found_and_the_rule() -> None:
    lines = shown(SKIPPED).splitlines()
    gates = [line.split() for line in lines if line.strip().startswith(("pass", "FAIL"))]
    assert [g[:2] for g in gates] == [["pass", "watched"], ["FAIL", "cooldown"]]
    assert "last text to +12125550123 3 h ago" in shown(SKIPPED)
    assert "cooldown = 24h" in shown(SKIPPED)
    assert "Verdict: no text: cooldown" in shown(SKIPPED)


def test_the_life_of_the_text_is_a_timeline_with_the_trail_of_the_call() -> None:
    whole = shown(STORY)
    order = [
        whole.index(said)
        for said in (
            "phone PJSIP/101 rings",
            "rang 15 s, nobody answered",
            "accepted by smsc as A1",
            "DELIVRD from",
        )
    ]
    assert order == sorted(order)
    assert "+15.300 s" in whole
    assert "Text 7 to +12125550123 from +12125550100: delivered" in whole
    assert "| Reply STOP to end." in whole


def test_the_end_of_the_call_is_the_last_that_is_told_of_it() -> None:
    hung_up = dataclasses.replace(
        STORY,
        trail=(*STORY.trail, (20.004, "hung up (cause 16)")),
        events=(
            *STORY.events,
            StoryEvent(at=after(20), kind="call", text="ended: no_answer"),
            StoryEvent(at=after(20.002), kind="reply", text="please call back"),
        ),
    )
    assert [event.text for event in why.timeline(hung_up)][-3:] == [
        "please call back",
        "hung up (cause 16)",
        "ended: no_answer",
    ]
    assert shown(hung_up).splitlines()[-1].split()[1:3] == ["+20.004", "s"]


def test_a_caller_without_a_name_is_shown_without_one() -> None:
    nameless = dataclasses.replace(STORY, caller_name="<unknown>")
    assert "unknown" not in shown(nameless)
    assert why_json.as_dict(nameless)["caller_name"] == ""


def test_a_text_without_a_call_is_told_with_its_own_clock() -> None:
    alone = TextStory(
        outbox=dataclasses.replace(ROW, call_id=None, created=START, kind=TextKind.TEST),
        events=STORY.events,
    )
    out = io.StringIO()
    console = Console(file=out, width=140, color_system=None, highlight=False)
    console.print(why.render_text(alone, zone=ZoneInfo("America/New_York")))
    assert "No call: written by hand (send-test)  Mon 23 Nov 2026 12:00:00 EST" in out.getvalue()
    assert "Text 7 to +12125550123" in out.getvalue()
    assert "+15.300 s" in out.getvalue()
    masked = json.dumps(why_json.text_as_dict(alone, mask=True))
    assert "5550123" not in masked
    assert json.loads(masked)["call"] is None


def test_times_are_shown_in_the_zone_of_the_business() -> None:
    assert "Mon 23 Nov 2026 12:00:00 EST" in shown(STORY)


def test_a_call_that_lives_has_no_verdict_yet() -> None:
    living = dataclasses.replace(
        STORY, outcome=None, ended=None, verdict="pending", gates=(), decided=None, outbox=None
    )
    assert "still going on" in shown(living)
    assert "Verdict: none yet" in shown(living)


def test_no_number_is_left_when_asked_to_mask() -> None:
    for story in (STORY, SKIPPED):
        assert "5550123" not in shown(story, mask=True)
        assert "5550123" not in json.dumps(why_json.as_dict(story, mask=True))
    assert CALLER in shown(STORY)


@pytest.mark.parametrize(
    "name", ["[bold]x[/bold]", "[/]", "\x1b[2Jx", "a\nVerdict: text this caller", "\u202edrow"]
)
def test_a_hostile_name_is_neither_markup_nor_a_line_nor_an_order_to_the_terminal(
    name: str,
) -> None:
    whole = shown(dataclasses.replace(STORY, caller_name=name))
    assert not set("\x1b\u202e") & set(whole)
    assert sum(line.startswith("Verdict:") for line in whole.splitlines()) == 1
    if name.isprintable():
        assert name in whole


@pytest.mark.parametrize("story", [STORY, SKIPPED])
def test_the_json_holds_the_whole_story(story: CallStory) -> None:
    told = json.loads(json.dumps(why_json.as_dict(story)))
    assert told["call"] == "pbx:1700000000.12"
    assert told["reason"] == story.reason
    assert [g["name"] for g in told["gates"]] == ["watched", "cooldown"]
    assert told["gates"][1]["passed"] is (story.reason == "send")
    assert datetime.fromisoformat(told["started"]) == START
    assert (told["text"] is None) is (story.outbox is None)


def test_every_outcome_and_every_state_can_be_shown() -> None:
    for outcome in Outcome:
        assert outcome.value in shown(dataclasses.replace(STORY, outcome=outcome))
    for state in OutboxState:
        row = dataclasses.replace(ROW, state=state, reason="because")
        assert f"{state.value} (because)" in shown(dataclasses.replace(STORY, outbox=row))


# --- what was said, late, delayed, held -------------------------------------------------------


def test_a_text_that_waits_says_until_when() -> None:
    row = dataclasses.replace(ROW, state=OutboxState.QUEUED, due=after(3600), attempts=0)
    whole = shown(dataclasses.replace(STORY, outbox=row))
    assert "queued, not before Mon 23 Nov 2026 13:00:00 EST" in whole
    gone = dataclasses.replace(row, state=OutboxState.DELIVERED)
    assert "not before" not in shown(dataclasses.replace(STORY, outbox=gone))


def test_both_texts_of_a_call_are_shown_and_told() -> None:
    offered = dataclasses.replace(ROW, id=8, kind=TextKind.OFFER, text="Our hours: 8 to 5")
    story = dataclasses.replace(STORY, texts=(ROW, offered))
    whole = shown(story)
    assert "Text 7 to" in whole
    assert "Offered text 8 to" in whole
    assert "Our hours" in whole
    told = why_json.as_dict(story)
    assert [(t["id"], t["kind"]) for t in told["texts"]] == [(7, "missed"), (8, "offer")]
    assert told["text"]["id"] == 7


def test_an_offer_of_a_call_nobody_saw_says_where_it_came_from() -> None:
    row = dataclasses.replace(ROW, call_id=None, kind=TextKind.OFFER)
    out = io.StringIO()
    Console(file=out, width=140, color_system=None).print(
        why.render_text(TextStory(outbox=row, events=()))
    )
    assert "No call: the caller asked for it by a key" in out.getvalue()


@pytest.mark.parametrize("source", [Source.CEL, Source.CDR])
def test_a_call_learnt_late_says_from_where(source: Source) -> None:
    story = dataclasses.replace(STORY, source=source, late=True)
    assert f"told late by {source.value.upper()}" in shown(story)
    told = why_json.as_dict(story)
    assert (told["source"], told["late"]) == (source.value, True)
    assert "told late" not in shown(STORY)


def test_what_the_dialplan_said_stands_in_the_headline() -> None:
    story = dataclasses.replace(
        STORY, handled="TEXTBACK=no", message="closed", verstat="TN-Validation-Passed"
    )
    wanted = (
        "the dialplan said: no text is wanted (TEXTBACK=no), message closed, "
        "verstat TN-Validation-Passed"
    )
    assert wanted in shown(story)
    assert why_json.as_dict(story)["dialplan"] == {
        "handled": "TEXTBACK=no",
        "told_missed": "",
        "message": "closed",
        "verstat": "TN-Validation-Passed",
    }
    assert "the dialplan" not in shown(STORY)


def test_a_hostile_verstat_is_no_line_and_no_order_to_the_terminal() -> None:
    whole = shown(dataclasses.replace(STORY, verstat="\x1b[2J\nVerdict: text this caller"))
    assert "\x1b" not in whole
    assert sum(line.startswith("Verdict:") for line in whole.splitlines()) == 1
