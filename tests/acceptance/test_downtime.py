"""Calls come in while textback is stopped; what it makes of them when it is back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

import pytest

from tests.acceptance.stage import renumbered
from tests.acceptance.watchers import (
    BOX,
    LOCAL,
    LONG,
    PRIVATE,
    QUEUE,
    RINGS,
    SOURCES,
    Watcher,
    house,
    watchers,
)
from tests.lab.people import hangs_up, speaks
from tests.lab.phones import answers, rejects, rings
from tests.lab.row import ANSWERED, Row, row
from tests.lab.service import Service

__all__ = ["watchers"]  # the fixture of the classes
pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(300)]

DURING = renumbered(
    row("in_flight_missed", LONG, "no_answer send", hangs_up(17), a=rings()),
    row("in_flight_answered", LONG, ANSWERED, a=answers(8)),
    row("missed", RINGS, "no_answer send", a=rings()),
    row("answered", RINGS, ANSWERED, a=answers(2)),
    row("mailbox", BOX, "voicemail_no_message send", speaks(3), a=rings()),
    row("queue", QUEUE, "queue_abandoned send", hangs_up(9), a=rings(), queue="PJSIP/@a@"),
    row("group", LOCAL, ANSWERED, a=rings(), b=answers(3)),
    row("no_phone", RINGS, "unavailable send", unregistered=True),
    row("busy", RINGS, "busy send", a=rejects(486)),
    row("too_short", LONG, "abandoned skip too_short", hangs_up(3), a=rings()),
    row("withheld", RINGS, "no_answer skip withheld", a=rings(), headers=PRIVATE),
)
IN_FLIGHT = DURING[:2]


async def catch_ups(service: Service, count: int, *, within: float = 30.0) -> None:
    """Wait until its log tells of so many reads of the records."""
    async with asyncio.timeout(within):
        while True:
            done = [e for e in service.events() if e.get("event") == "catch_up_done"]
            if len(done) >= count:
                return
            await asyncio.sleep(0.2)


async def stopped(directory: Path, version: str) -> dict[str, Watcher]:
    async with house(directory, DURING, version) as lab:
        watchers = {name: await lab.watcher(name, source) for name, source in SOURCES.items()}
        watchers["late"] = await lab.watcher(
            "late", SOURCES["cel_csv"], limits={"catch_up_max_age": "1s"}
        )
        watchers["without"] = await lab.watcher("without", {})
        services = [watcher.service for watcher in watchers.values()]
        await asyncio.gather(*(service.start(within=90.0) for service in services))
        first = asyncio.create_task(lab.place(IN_FLIGHT))
        await asyncio.sleep(4.0)  # they ring
        await asyncio.gather(*(service.stop() for service in services))
        await lab.place(DURING[len(IN_FLIGHT) :])
        await first
        await asyncio.sleep(2.0)  # the last rows are written
        await asyncio.gather(*(service.start(within=90.0) for service in services))
        for name, watcher in watchers.items():
            await watcher.tells(IN_FLIGHT if name == "without" else DURING)
        # Once more: nobody is texted again.
        await asyncio.gather(*(service.stop() for service in services))
        read = [
            sum(e.get("event") == "catch_up_done" for e in service.events()) for service in services
        ]
        await asyncio.gather(*(service.start(within=90.0) for service in services))
        for count, service in zip(read, services, strict=True):
            await catch_ups(service, count + 2)
        for name, watcher in watchers.items():
            await watcher.tells(IN_FLIGHT if name == "without" else DURING)
        return watchers


class Stopped:
    """Calls came in while textback was stopped."""

    version: ClassVar[str]
    run = staticmethod(stopped)

    @pytest.mark.parametrize("source", SOURCES)
    @pytest.mark.parametrize("row", DURING, ids=repr)
    def test_call_of_that_time_gets_the_verdict_it_would_have_had(
        self, watchers: dict[str, Watcher], source: str, row: Row
    ) -> None:
        story = watchers[source].story(row)

        assert (story["outcome"], story["verdict"], story["reason"]) == (
            row.outcome,
            row.verdict,
            row.reason,
        )

    @pytest.mark.parametrize("source", SOURCES)
    @pytest.mark.parametrize("row", DURING, ids=repr)
    def test_missed_caller_is_texted_once_and_nobody_else_is(
        self, watchers: dict[str, Watcher], source: str, row: Row
    ) -> None:
        assert len(watchers[source].texts_to(row)) == row.texts

    @pytest.mark.parametrize("source", SOURCES)
    def test_story_says_that_it_was_learnt_late_and_from_where(
        self, watchers: dict[str, Watcher], source: str
    ) -> None:
        for each in DURING:
            story = watchers[source].story(each)
            assert (story["late"], story["source"]) == (True, source[:3])

    def test_call_that_is_too_long_ago_is_shown_and_not_texted(
        self, watchers: dict[str, Watcher]
    ) -> None:
        missed = next(row for row in DURING if row.name == "missed")

        assert watchers["late"].story(missed)["reason"] == "too_old"
        assert watchers["late"].texts == []

    def test_without_records_the_calls_in_flight_are_unknown_and_the_others_not_known(
        self, watchers: dict[str, Watcher]
    ) -> None:
        without = watchers["without"]

        assert {without.story(row)["reason"] for row in IN_FLIGHT} == {"unknown_call"}
        assert len(without.stories) == len(IN_FLIGHT)
        assert without.texts == []


class TestTextbackStoppedWithAsterisk22(Stopped):
    version = "22"


class TestTextbackStoppedWithAsterisk16(Stopped):
    version = "16"
