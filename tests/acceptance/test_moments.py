"""When a text goes out and which: both moments, delay, second miss, closed, quiet hours, outcomes.

Every caller has a number of the business with rules of its own; all of them call at once, on one
Asterisk, and each test looks at one of them.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.acceptance.evening import (
    HERE,
    Callers,
    Evening,
    at,
    gate,
    hours,
    line,
)
from tests.acceptance.stage import renumbered, scene
from tests.lab.phones import answers, in_turn, rejects, rings
from tests.lab.row import Row

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(180)]

#: Where it is another time of day.
THERE = "Asia/Tokyo"
#: Seconds: long enough for all that is to happen in it.
LONG = 100


def lines() -> dict[str, Row]:
    """The business's numbers, each with its rules and the phone that rings for it."""
    quiet = hours(-1, 2)
    days = [f"{datetime.now(ZoneInfo(THERE)) + timedelta(days=n):%Y-%m-%d}" for n in (-1, 0, 1)]
    closed = {"open": "24h", "holidays": days, "timezone": THERE}
    of_all = renumbered(
        line("ring_timeout", rings(), text_at="ring_timeout"),
        line("call_end", rings(), text_at="call_end"),
        line("outcome_on", rejects(486), outcomes=["busy"]),
        line("outcome_off", rings(), outcomes=["busy"]),
        line("delayed", rings(), delay="3s"),
        line("answered", answers(7.0), delay=LONG),
        line("answered_later", in_turn(rings(), answers(1.0, talk=2.0)), delay=LONG),
        line("called_back", rings(), delay=LONG),
        line("stopped", rings(), delay=LONG),
        line("again", rings(), message_again="Missed again at {{number.label}}. Acme Dental"),
        line("again_too_soon", rings(), delay=LONG, message_again="Not yet. Acme Dental"),
        line("closed", rings(), hours=closed, after_hours_message="Closed. {{business.name}}"),
        line(
            "open",
            rings(),
            hours={"open": hours(-1, 1), "timezone": HERE.key},
            after_hours_message="Closed. {{business.name}}",
        ),
        line("quiet_defer", rings(), quiet_hours=quiet),
        line("quiet_skip", rings(), quiet_hours=quiet, quiet="skip"),
        line("quiet_send", rings(), quiet_hours=quiet, quiet="send"),
        line("quiet_elsewhere", rings(), quiet_hours=hours(3, 5)),
        line(
            "quiet_business",
            rings(),
            quiet_hours=quiet,
            quiet_zone="business",
            hours={"timezone": THERE},
        ),
    )
    return {one.name: one for one in of_all}


class Play(Callers):
    """What happens on each line."""

    # --- the lines on which more happens than one call ---

    async def delayed(self) -> None:
        await self.call("delayed")
        await self.state("delayed", "delivered")

    async def answered(self) -> None:
        await self.call("answered", hold=30.0)

    async def answered_later(self) -> None:
        await self.call("answered_later")
        await self.state("answered_later", "queued")
        await self.call("answered_later", hold=30.0, calls=2)

    async def called_back(self) -> None:
        await self.call("called_back")
        await self.state("called_back", "queued")
        row = self.evening.lines["called_back"]
        self.lab.agent.behaviours[row.number_outside] = answers(1.0, talk=2.0)
        leg = self.lab.agent.call(row.phone("b"), row.number_outside)
        await leg.over()
        await self.state("called_back", "cancelled")

    async def stopped(self) -> None:
        await self.call("stopped")
        await self.state("stopped", "queued")
        row = self.evening.lines["stopped"]
        self.carrier.simulator.reply(row.number_outside, row.did, "STOP")
        await self.state("stopped", "cancelled")

    async def again(self) -> None:
        await self.call("again")
        await self.state("again", "delivered")
        await self.call("again", calls=2)
        await self.texted("again", 2)
        await self.call("again", calls=3)

    async def again_too_soon(self) -> None:
        await self.call("again_too_soon")
        await self.state("again_too_soon", "queued")
        await self.call("again_too_soon", calls=2)


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
            # Whatever was to be sent has gone out, and what waits still does.
            await callers.texted("quiet_send")
        finally:
            listing.cancel()
            await asyncio.wait([listing])
        evening.stories = await lab.service.stories("calls", "--all", "-n", "1000")
        evening.texts = list(carrier.texts)
        evening.why = await lab.service.command("why", evening.lines["quiet_defer"].number_outside)
        evening.health = (await lab.service.health() or {})["parts"]["outbox"]
    return evening


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    return asyncio.run(play(tmp_path_factory.mktemp("moments")))


# --- both moments -----------------------------------------------------------------------------


def test_text_at_ring_timeout_is_decided_while_it_rings(evening: Evening) -> None:
    story = evening.call("ring_timeout")

    assert at(story["decided"]) < at(story["ended"])
    assert len(evening.sent("ring_timeout")) == 1


def test_text_at_call_end_waits_for_the_end(evening: Evening) -> None:
    story = evening.call("call_end")

    assert at(story["decided"]) >= at(story["ended"])
    assert (story["outcome"], story["verdict"]) == ("no_answer", "send")
    assert len(evening.sent("call_end")) == 1


def test_way_of_missing_a_call_may_be_off_for_one_number_and_on_for_another(
    evening: Evening,
) -> None:
    off, on = evening.call("outcome_off"), evening.call("outcome_on")

    assert (off["outcome"], off["reason"]) == ("no_answer", "outcome_off")
    assert (on["outcome"], on["reason"]) == ("busy", "send")
    assert len(evening.sent("outcome_on")) == 1
    assert evening.sent("outcome_off") == []


# --- delay ------------------------------------------------------------------------------------


def test_delayed_text_leaves_when_its_time_has_come(evening: Evening) -> None:
    story = evening.call("delayed")

    assert at(story["text"]["due"]) - at(story["decided"]) == timedelta(seconds=3)
    tried = next(e for e in story["events"] if e["kind"] == "attempt")
    assert at(tried["at"]) >= at(story["text"]["due"])
    assert story["text"]["state"] == "delivered"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("answered", "the call was answered"),
        ("answered_later", "the caller was answered in a later call"),
        ("called_back", "the business called back"),
        ("stopped", "opted_out"),
    ],
)
def test_text_that_waits_is_cancelled(evening: Evening, name: str, reason: str) -> None:
    first = evening.calls(name)[0]

    assert first["verdict"] == "send"
    assert (first["text"]["state"], first["text"]["reason"]) == ("cancelled", reason)
    # STOP is confirmed, once.
    confirmed = [t for t in evening.sent(name) if "you get no more texts from us" in t]
    assert len(confirmed) == (name == "stopped")
    assert evening.sent(name) == confirmed


def test_later_call_that_cancelled_a_text_is_itself_an_answered_one(evening: Evening) -> None:
    _, second = evening.calls("answered_later")

    assert (second["outcome"], second["reason"]) == ("answered", "answered")


# --- which text -------------------------------------------------------------------------------


def test_second_miss_gets_the_second_message_and_a_third_none(evening: Evening) -> None:
    calls = evening.calls("again")

    assert [s["reason"] for s in calls] == ["send", "send", "cooldown"]
    first, second = evening.sent("again")
    assert first.startswith("Sorry we missed you at again.")
    assert second == "Missed again at again. Acme Dental"
    assert gate(calls[1], "cooldown")["value"].endswith(": the second")


def test_second_miss_gets_none_while_the_first_text_waits(evening: Evening) -> None:
    first, second = evening.calls("again_too_soon")

    assert first["text"]["state"] == "queued"
    assert second["reason"] == "cooldown"
    assert gate(second, "cooldown")["value"].endswith("it has not left yet")


def test_on_a_holiday_where_the_number_is_the_caller_reads_that_it_is_closed(
    evening: Evening,
) -> None:
    assert evening.sent("closed") == ["Closed. Acme Dental"]
    (text,) = evening.sent("open")
    assert text.startswith("Sorry we missed you at open.")


# --- quiet hours ------------------------------------------------------------------------------


def test_text_in_quiet_hours_waits_for_their_end_and_why_says_until_when(evening: Evening) -> None:
    story = evening.call("quiet_defer")
    end = at(story["text"]["due"]).astimezone(HERE)
    asked = gate(story, "quiet")

    assert (story["verdict"], story["text"]["state"]) == ("send", "queued")
    assert f"{end:%H:%M}" == evening.lines["quiet_defer"].number["quiet_hours"].split("-")[1]
    assert timedelta(hours=1.9) < end - datetime.now(UTC) < timedelta(hours=2.1)
    assert at(story["text"]["expires"]) > at(story["text"]["due"])
    assert asked["value"].endswith(f" in America/New_York, until {end:%H:%M}")
    assert f"until {end:%H:%M}" in " ".join(evening.why.split())
    assert evening.sent("quiet_defer") == []


def test_texts_that_are_to_wait_are_no_sign_of_a_stuck_outbox(evening: Evening) -> None:
    assert evening.health["state"] == "moving"
    assert evening.health["queued"] == 2
    assert evening.health["oldest_queued_age"] == 0


def test_text_in_quiet_hours_may_be_left_out_or_sent(evening: Evening) -> None:
    assert evening.call("quiet_skip")["reason"] == "quiet_hours"
    assert evening.sent("quiet_skip") == []
    assert len(evening.sent("quiet_send")) == 1
    assert ", until " in gate(evening.call("quiet_send"), "quiet")["value"]


def test_outside_of_quiet_hours_a_text_goes_at_once(evening: Evening) -> None:
    assert len(evening.sent("quiet_elsewhere")) == 1


def test_business_may_keep_quiet_hours_by_its_own_clock(evening: Evening) -> None:
    assert len(evening.sent("quiet_business")) == 1
    assert gate(evening.call("quiet_business"), "quiet")["value"].endswith(f" in {THERE}")
