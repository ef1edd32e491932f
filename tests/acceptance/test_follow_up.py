"""The follow-up on a real Asterisk: sent to whom nothing was heard of, and to nobody else.

As in test_moments, every caller has a number of the business with rules of its own.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.evening import Callers, Evening, Story, at, hours, line
from tests.acceptance.stage import renumbered, scene
from tests.lab.phones import answers, in_turn, rings
from tests.lab.row import Row

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(180)]

TEXT = "Are you still looking for an appointment? {{business.name}}"
SENT = "Are you still looking for an appointment? Acme Dental"
#: Seconds: long enough for all that is to happen in it.
LONG = 100


def lines() -> dict[str, Row]:
    soon: dict[str, Any] = {"follow_up": TEXT, "follow_up_after": "8s"}
    later: dict[str, Any] = {"follow_up": TEXT, "follow_up_after": LONG}
    night: dict[str, Any] = {"quiet_hours": hours(-1, 2), "quiet": "send"}
    of_all = renumbered(
        line("silent", rings(), **soon),
        line("replied", rings(), **later),
        line("stopped", rings(), **later),
        line("called_back", rings(), **later),
        line("answered_later", in_turn(rings(), answers(1.0, talk=2.0)), **later),
        line("missed_again", rings(), **later),
        line("night_skip", rings(), **soon, **night, quiet_follow_up="skip"),
        line("night_defer", rings(), **soon, **night),
        line("night_send", rings(), **soon, **night, quiet_follow_up="send"),
    )
    return {one.name: one for one in of_all}


class Play(Callers):
    """What happens on each line once its first text has arrived."""

    async def follow_up(self, name: str, state: str) -> None:
        def holds() -> bool:
            found = [t for s in self.evening.calls(name) for t in s["texts"]]
            return [t["state"] for t in found if t["kind"] == "follow_up"] == [state]

        await self.until(holds, f"follow-up of {name} {state}")

    async def missed(self, name: str) -> None:
        await self.call(name)
        await self.state(name, "delivered")
        await self.follow_up(name, "queued")

    async def silent(self) -> None:
        await self.call("silent")
        await self.follow_up("silent", "delivered")

    async def replied(self) -> None:
        await self.missed("replied")
        row = self.evening.lines["replied"]
        self.carrier.simulator.reply(row.number_outside, row.did, "Tomorrow at ten?")
        await self.follow_up("replied", "cancelled")

    async def stopped(self) -> None:
        await self.missed("stopped")
        row = self.evening.lines["stopped"]
        self.carrier.simulator.reply(row.number_outside, row.did, "STOP")
        await self.follow_up("stopped", "cancelled")

    async def called_back(self) -> None:
        await self.missed("called_back")
        row = self.evening.lines["called_back"]
        self.lab.agent.behaviours[row.number_outside] = answers(1.0, talk=2.0)
        leg = self.lab.agent.call(row.phone("b"), row.number_outside)
        await leg.over()
        await self.follow_up("called_back", "cancelled")

    async def answered_later(self) -> None:
        await self.missed("answered_later")
        await self.call("answered_later", hold=30.0, calls=2)
        await self.follow_up("answered_later", "cancelled")

    async def missed_again(self) -> None:
        await self.missed("missed_again")
        await self.call("missed_again", calls=2)

    async def night_send(self) -> None:
        await self.call("night_send")
        await self.follow_up("night_send", "delivered")


async def play(directory: Path) -> Evening:
    evening = Evening(lines())
    settings = {"defaults": {"ring_timeout": "3s", "abandoned_after": "1s"}}
    async with scene(directory, list(evening.lines.values()), **settings) as (lab, carrier):
        await lab.service.start()
        callers = Play(lab, carrier, evening)
        listing = asyncio.create_task(callers.list_calls(), name="list calls")
        try:
            async with asyncio.TaskGroup() as group:
                for name in evening.lines:
                    group.create_task(callers.line(name), name=name)
        finally:
            listing.cancel()
            await asyncio.wait([listing])
        evening.stories = await lab.service.stories("calls", "--all", "-n", "1000")
        evening.texts = list(carrier.texts)
        evening.why = await lab.service.command("why", evening.lines["silent"].number_outside)
        evening.health = (await lab.service.health() or {})["parts"]["outbox"]
    return evening


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    return asyncio.run(play(tmp_path_factory.mktemp("follow_up")))


def texts(story: Story) -> tuple[dict[str, Any], dict[str, Any]]:
    first, second = story["texts"]
    assert (first["kind"], second["kind"]) == ("missed", "follow_up")
    return first, second


def first_attempt(story: Story, number: int) -> datetime:
    """When the text of that number in the call's story was first tried."""
    tried = [e for e in story["events"] if e["text"].startswith("attempt 1 through")]
    return at(tried[number]["at"])


def test_silent_caller_gets_one_more_text_after_its_time_and_no_third(evening: Evening) -> None:
    story = evening.call("silent")
    first, second = texts(story)

    assert [text for text in evening.sent("silent") if text == SENT] == [SENT]
    assert len(evening.sent("silent")) == 2
    assert at(second["due"]) - at(story["decided"]) == timedelta(seconds=8)
    assert first_attempt(story, 1) >= at(second["due"])
    assert (first["state"], second["state"]) == ("delivered", "delivered")


def test_why_tells_of_the_plan_and_of_both_texts(evening: Evening) -> None:
    _, second = texts(evening.call("silent"))
    told = " ".join(evening.why.split())

    assert f"planned for {at(second['due']):%Y-%m-%d %H:%M:%S} UTC, if no reply" in told
    assert f"Follow-up {second['id']} to " in told


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("replied", "the caller replied"),
        ("stopped", "opted_out"),
        ("called_back", "the business called back"),
        ("answered_later", "the caller was answered in a later call"),
    ],
)
def test_caller_who_was_heard_of_gets_none(evening: Evening, name: str, reason: str) -> None:
    first, second = texts(evening.calls(name)[0])

    assert first["state"] == "delivered"
    assert (second["state"], second["reason"]) == ("cancelled", reason)
    # STOP is confirmed, once.
    confirmed = [t for t in evening.sent(name) if "you get no more texts from us" in t]
    assert len(confirmed) == (name == "stopped")
    assert len(evening.sent(name)) == 1 + len(confirmed)


def test_second_missed_call_leaves_the_one_follow_up_as_it_is(evening: Evening) -> None:
    one, two = evening.calls("missed_again")
    _, second = texts(one)

    assert second["state"] == "queued"
    assert at(second["due"]) - at(one["decided"]) == timedelta(seconds=LONG)
    assert (two["reason"], two["texts"]) == ("cooldown", [])


def test_quiet_hours_count_for_the_follow_up_apart_from_the_first_text(evening: Evening) -> None:
    skipped, deferred = evening.call("night_skip"), evening.call("night_defer")
    _, waits = texts(deferred)
    words = [event["text"] for event in skipped["events"]]

    assert [text["kind"] for text in skipped["texts"]] == ["missed"]
    assert any("quiet_follow_up = skip" in line for line in words)
    assert waits["state"] == "queued"
    wait = at(waits["due"]) - datetime.now(UTC)
    assert timedelta(hours=1.9) < wait < timedelta(hours=2.1)
    assert [len(evening.sent(n)) for n in ("night_skip", "night_defer", "night_send")] == [1, 1, 2]


def test_follow_ups_that_wait_are_no_sign_of_a_stuck_outbox(evening: Evening) -> None:
    assert (evening.health["state"], evening.health["queued"]) == ("moving", 2)
