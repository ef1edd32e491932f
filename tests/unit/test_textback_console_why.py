"""The page of one call: every gate with value and rule, and the life of its text."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.store import accepted, at, call, fact, finished, receipt, reply
from tests.unit import console_rig
from tests.unit.test_textback_console_calls import NOW, page, put, ringing, skip
from textback.case import History
from textback.console import call_words, why_view
from textback.decide import decide
from textback.model import (
    CallStory,
    Gate,
    OutboxState,
    Outcome,
    Reason,
    ReceiptState,
    Skip,
)
from textback.store.store import Store
from textback.why_json import as_dict

GATES = (
    Gate("seen_whole", True, "seen whole", "calls seen from their first ring to their end"),
    Gate("opted_out", False, "wrote STOP", "no opt-out on record"),
)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Store]:
    store = await Store.open(path / "textback.db")
    try:
        yield store
    finally:
        await store.close()


async def refused(store: Store, **changes: Any) -> int:
    """A call that was not texted: its caller had opted out."""
    verdict = Skip(reason=Reason.OPTED_OUT, gates=GATES)
    return await put(store, call("5.1", **changes), decide=lambda *_: verdict)


async def delivered(store: Store) -> int:
    """A call that was texted, the text arrived, and the caller wrote back."""
    trail = ((0.0, "call for +12125550100"), (1.0, "phone PJSIP/101 rings"))
    told = replace(fact(call("5.2", trail=trail)), label="Main line")
    judged = await store.judge(told, NOW)
    row = (await store.claim(1, NOW))[0]
    await store.record_submissions([finished(row, accepted("abc"))], at(2))
    return judged.call_id


async def test_the_deciding_no_is_the_headline_and_what_was_not_asked_is_counted(
    tmp_path: Path,
) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        html = await page(client, f"/calls/{await refused(backend.store)}")
        assert "<h1>Not texted: opted out</h1>" in html
        assert "This caller has asked for no more texts." in html
        assert "wrote STOP" in html
        assert "no opt-out on record" in html
        passed = re.findall(r'class="gate gate-(pass|fail)"', html)
        assert passed == ["pass", "fail"]
        assert "more questions were not asked" in html


async def test_a_list_of_calls_says_what_the_gate_that_failed_has_found(tmp_path: Path) -> None:
    """And not what one before it has, which passed."""
    async with console_rig.console(tmp_path) as (client, backend):
        await refused(backend.store)
        (one,) = (await (await client.get("/api/v1/calls")).json())["calls"]
        assert (one["verdict"], one["reason"], one["found"]) == ("skip", "opted_out", "wrote STOP")


async def test_every_gate_of_a_real_verdict_is_shown_with_value_and_rule(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        told = fact(call("5.3"))

        def judge(one: Any, past: Any) -> Any:
            return decide(one, History(), console_rig.config_of(), NOW)

        number = (await backend.store.judge(replace(told, decide=judge), NOW)).call_id
        story = await backend.store.story(number)
        html = await page(client, f"/calls/{number}")
        assert len(story.gates) > 25
        assert html.count('class="gate gate-') == len(story.gates)
        for gate in story.gates:
            for words in (gate.value, gate.rule):
                assert words.replace("&", "&amp;").replace("'", "&#39;") in html, gate


async def test_the_text_stands_there_with_how_far_it_came(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        number = await delivered(backend.store)
        html = await page(client, f"/calls/{number}")
        assert "<h1>Texted</h1>" in html
        steps = re.findall(r'class="step step-(\w+)"', html)
        assert steps == ["done", "done", "done", "now", "todo"]
        story = await backend.store.story(number)
        assert story.outbox is not None
        assert story.outbox.text in html
        assert re.search(r'href="/inbox/\d+"', html)
        assert "phone PJSIP/101 rings" in html


async def test_the_page_of_a_living_call_follows_it(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        number = await put(backend.store, ringing())
        html = await page(client, f"/calls/{number}")
        assert "<h1>Ringing now</h1>" in html
        assert 'data-part="story" data-live="calls"' in html
        part = await page(client, f"/calls/{number}", headers={"X-Part": "story"})
        assert "Ringing now" in part
        assert "<html" not in part


async def test_other_calls_of_the_caller_are_beside_it_and_no_others(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        mine = await refused(backend.store)
        again = await put(backend.store, call("5.7"), decide=skip(Reason.COOLDOWN))
        stranger = await put(backend.store, call("5.8", caller="+16465550199"))
        html = await page(client, f"/calls/{mine}")
        assert f'<li><a href="/calls/{again}">' in html
        assert f"/calls/{stranger}" not in html


async def test_there_is_no_page_for_a_call_that_is_not_there(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, _):
        assert (await client.get("/calls/77")).status == 404
        assert (await client.get("/calls/-1")).status == 404
        assert (await client.get("/calls/999999999999999999")).status == 404
        assert (await client.get("/api/v1/calls/77")).status == 404


async def test_the_api_tells_the_story_as_the_command_line_does(tmp_path: Path) -> None:
    async with console_rig.console(tmp_path) as (client, backend):
        for number in (await refused(backend.store), await delivered(backend.store)):
            response = await client.get(f"/api/v1/calls/{number}")
            told = await response.json()
            wanted = json.loads(json.dumps(as_dict(await backend.store.story(number))))
            assert _timeless(told) == _timeless(wanted)


def _timeless(value: Any) -> Any:
    """Times in one spelling: a Z and +00:00 are the same."""
    return json.loads(json.dumps(value).replace("+00:00", "Z"))


# --- what is arranged -----------------------------------------------------------------------------


def story(**changes: Any) -> CallStory:
    plain = call()
    values: dict[str, Any] = {
        "call_id": 1,
        "key": plain.key,
        "direction": plain.direction,
        "caller": plain.caller,
        "caller_name": "",
        "did": plain.did,
        "number_label": "",
        "started": NOW,
        "ringing": NOW + timedelta(seconds=1),
        "answered": None,
        "ended": NOW + timedelta(seconds=20),
        "outcome": Outcome.NO_ANSWER,
        "waited": 19.0,
        "trail": (),
        "verdict": "skip",
        "reason": "cooldown",
        "gates": (),
        "decided": NOW + timedelta(seconds=20),
        "outbox": None,
        "events": (),
    }
    return CallStory(**(values | changes))


def test_the_bar_is_the_call_to_scale() -> None:
    spoken = story(answered=NOW + timedelta(seconds=5))
    drawn = why_view.bar(spoken, NOW)
    assert drawn is not None
    assert [(s.kind, s.x, s.width) for s in drawn.stretches] == [
        ("wait", 0.0, 50.0),
        ("ring", 50.0, 200.0),
        ("talk", 250.0, 750.0),
    ]
    assert drawn.verdict is None
    texted = story(verdict="send", reason="send", decided=NOW + timedelta(seconds=16))
    marked = why_view.bar(texted, NOW)
    assert marked is not None
    assert marked.verdict == 800.0


def test_a_call_that_took_no_time_or_runs_backwards_has_no_bar() -> None:
    assert why_view.bar(story(ended=NOW), NOW) is None
    assert why_view.bar(story(ended=NOW - timedelta(seconds=3)), NOW) is None
    late = why_view.bar(story(ringing=NOW + timedelta(seconds=50)), NOW)
    assert late is not None
    assert all(0 <= s.x <= s.x + s.width <= why_view.WIDTH for s in late.stretches)


def test_gates_are_grouped_and_keep_their_order() -> None:
    names = ("seen_whole", "watched", "number", "country", "cooldown", "age", "template")
    found = why_view.groups([Gate(name, True, "", "") for name in names])
    assert [group.title for group in found] == [
        "The call",
        "The caller",
        "What went before",
        "The text",
    ]
    assert [gate.name for group in found for gate in group.gates] == list(names)
    assert why_view.groups([Gate("of_tomorrow", True, "", "")])[0].gates[0].name == "of_tomorrow"
    assert why_view.groups([]) == []


def test_one_no_is_the_no_of_its_group_and_what_comes_behind_it_was_not_asked() -> None:
    yes = [Gate(name, True, "", "") for name in ("seen_whole", "watched", "number")]
    gates = [*yes, Gate("adjacent", True, "", ""), Gate("quiet", False, "22:10", "quiet")]
    assert [group.passed for group in why_view.groups(gates)] == [True, True, True, False]
    mixed = why_view.groups([Gate("number", True, "", ""), Gate("blocked", False, "", "")])
    assert [group.passed for group in mixed] == [False]
    assert why_view.unasked(gates) == [call_words.GATES["template"]]
    assert why_view.unasked([Gate("template", False, "", "")]) == []
    assert why_view.unasked(yes) == [], "all that was asked was passed"
    assert len(why_view.unasked([Gate("seen_whole", False, "", "")])) == len(call_words.GATES) - 1


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.SEND])
def test_every_reason_has_a_headline(reason: Reason) -> None:
    told = why_view.headline(story(reason=reason.value))
    assert told.text
    assert "_" not in told.text


def test_a_reason_of_a_newer_version_is_shown_as_it_is() -> None:
    assert why_view.headline(story(reason="moon_phase")).text == "Not texted: moon_phase"


@pytest.mark.parametrize("state", list(OutboxState))
async def test_every_state_of_a_text_has_a_headline_and_stages(
    tmp_path: Path, state: OutboxState
) -> None:
    async with opened(tmp_path) as store:
        told = await store.story(await delivered(store))
    assert told.outbox is not None
    row = replace(told.outbox, state=state)
    life = why_view.lives(replace(told, outbox=row, texts=(row,)))[0]
    assert len(life.steps) == 5
    assert life.steps[0].state == "done"
    assert why_view.headline(replace(told, outbox=row)).text
    ends_badly = why_view.headline(replace(told, outbox=row)).kind in {"bad", "warn", "quiet"}
    stopped = any(step.state == "bad" for step in life.steps)
    assert stopped == ends_badly or state is OutboxState.SHADOW


async def test_a_reply_is_more_than_any_receipt(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        number = await delivered(store)
        await store.record_receipt(
            receipt("abc", ReceiptState.UNDELIVERABLE, error="001", route="")
        )
        before = await store.story(number)
        await store.record_reply(reply("Tomorrow at nine?", at=at(60)))
        after = await store.story(number)
    assert "bad" in [step.state for step in why_view.lives(before)[0].steps]
    assert [step.state for step in why_view.lives(after)[0].steps] == ["done"] * 5


def test_moments_are_of_the_call_or_of_its_texts(tmp_path: Path) -> None:
    assert why_view.moments(story()) == ([], [])
    assert why_view.zero(story(ringing=None)) == NOW
