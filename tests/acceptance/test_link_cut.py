"""The link to Asterisk is cut at every stage of a call, for a moment and for long."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import ClassVar

import pytest

from tests.acceptance.stage import renumbered
from tests.acceptance.watchers import (
    BOX,
    LONG,
    MISSED,
    NOTE,
    PATIENT,
    QUEUE,
    SOURCES,
    Watcher,
    house,
    watchers,
)
from tests.lab.people import hangs_up, once_up
from tests.lab.phones import answers, rings
from tests.lab.row import ANSWERED, Row, row
from tests.lab.wire import Wire

__all__ = ["watchers"]  # the fixture of the classes
pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(300)]

AT_THE_CUT = renumbered(
    row("before_ring", NOTE + "Wait(2) | Dial(PJSIP/@a@,7) | Hangup()", MISSED, a=rings()),
    row("ringing", NOTE + "Dial(PJSIP/@a@,12) | Hangup()", MISSED, a=rings()),
    row("ringing_answered", LONG, ANSWERED, a=answers(6)),
    row("after_the_text", PATIENT, MISSED, hangs_up(26), a=rings()),
    row("after_the_text_answered", PATIENT, "answered send", a=answers(22)),
    row("talking", LONG, ANSWERED, a=answers(2, talk=6)),
    row("in_mailbox", BOX, "voicemail_no_message send", once_up(5), a=rings()),
    row("in_queue", QUEUE, "queue_abandoned send", hangs_up(11), a=rings(), queue="PJSIP/@a@"),
    row("queue_answered", QUEUE, ANSWERED, a=answers(4), queue="PJSIP/@a@"),
    row("hanging_up", LONG, "abandoned send", hangs_up(8), a=rings()),
    row("hanging_up_answered", LONG, ANSWERED, a=answers(3, talk=5)),
    row("within", NOTE + "Dial(PJSIP/@a@,5) | Hangup()", MISSED, a=rings()),
    row("within_answered", LONG, ANSWERED, a=answers(1, talk=2)),
)
#: Seconds before the cut at which each of these is placed.
BEFORE = (1.0, 5.0, 4.0, 20.0, 20.0, 4.0, 5.0, 5.0, 2.0, 8.0, 8.0, -0.3, -0.3)
#: Seconds for which the wire is cut.
SHORT, LENGTHY = 1.5, 20.0
LONGEST = max(BEFORE)


async def cut(directory: Path, version: str) -> dict[str, Watcher]:
    rows = AT_THE_CUT
    async with house(directory, rows, version) as lab, AsyncExitStack() as wires:
        watchers: dict[str, Watcher] = {}
        breaks: list[tuple[Wire, float]] = []
        for name, source in {**SOURCES, "none": {}}.items():
            for length, seconds in {"short": SHORT, "long": LENGTHY}.items():
                if length == "short" and name not in ("cel_csv", "none"):
                    continue
                wire = await wires.enter_async_context(Wire(lab.asterisk.ami_port))
                breaks.append((wire, seconds))
                watchers[f"{name}-{length}"] = await lab.watcher(
                    f"{name}-{length}", source, port=wire.port
                )
        services = [watcher.service for watcher in watchers.values()]
        await asyncio.gather(*(service.start(within=90.0) for service in services))

        async def later(each: Row, before: float) -> None:
            await asyncio.sleep(LONGEST - before)
            await lab.place([each])

        async def interrupt(wire: Wire, seconds: float) -> None:
            await asyncio.sleep(LONGEST)
            await wire.cut()
            await asyncio.sleep(seconds)
            await wire.mend()

        async with asyncio.TaskGroup() as group:
            for each, before in zip(rows, BEFORE, strict=True):
                group.create_task(later(each, before), name=each.name)
            for wire, seconds in breaks:
                group.create_task(interrupt(wire, seconds), name="cut")
        await asyncio.gather(*(service.well(within=90.0) for service in services))
        unseen = [each for each in rows if each.name.startswith("within")]
        for name, watcher in watchers.items():
            # Without records nobody can know of a call that came and went in the cut.
            known = [each for each in rows if not name.startswith("none") or each not in unseen]
            await watcher.tells(known)
        await asyncio.sleep(6.0)  # the second read: nothing is texted again
        for watcher in watchers.values():
            watcher.stories = await watcher.service.stories("calls", "--all", "-n", "1000")
        return watchers


CUT_NAMES = [
    *(f"{name}-long" for name in SOURCES),
    *("cel_csv-short", "none-short", "none-long"),
]
WITH_RECORDS = [name for name in CUT_NAMES if not name.startswith("none")]


class LinkCut:
    """The link to Asterisk is cut for a moment, and for long, at every stage of a call."""

    version: ClassVar[str]
    run = staticmethod(cut)

    @pytest.mark.parametrize("name", WITH_RECORDS)
    @pytest.mark.parametrize("row", AT_THE_CUT, ids=repr)
    def test_with_records_every_call_gets_the_verdict_it_would_have_had(
        self, watchers: dict[str, Watcher], name: str, row: Row
    ) -> None:
        story = watchers[name].story(row)
        found = (story["outcome"], story["verdict"], story["reason"])
        unknown = ("unknown", "skip", "unknown_call")

        # CDR does not tell how long phones rang after Answer() or Wait().
        allowed = {unknown} if name.startswith("cdr") else set()
        assert found in {(row.outcome, row.verdict, row.reason), *allowed}

    @pytest.mark.parametrize("name", [n for n in CUT_NAMES if n.startswith("none")])
    @pytest.mark.parametrize("row", AT_THE_CUT, ids=repr)
    def test_without_records_every_call_is_told_right_or_is_unknown(
        self, watchers: dict[str, Watcher], name: str, row: Row
    ) -> None:
        found = [s for s in watchers[name].stories if s["did"] == row.did]
        if not found:
            assert row.name.startswith("within")
            return
        story = watchers[name].story(row)

        assert story["outcome"] in (row.outcome, "unknown")
        if story["verdict"] == "send":
            assert row.verdict == "send"

    @pytest.mark.parametrize("name", CUT_NAMES)
    @pytest.mark.parametrize("row", AT_THE_CUT, ids=repr)
    def test_caller_is_texted_once_at_most_and_never_after_an_answer(
        self, watchers: dict[str, Watcher], name: str, row: Row
    ) -> None:
        found = [s for s in watchers[name].stories if s["did"] == row.did]
        sent = sum(story["verdict"] == "send" for story in found)

        assert len(watchers[name].texts_to(row)) == sent <= row.texts


class TestLinkCutWithAsterisk22(LinkCut):
    version = "22"


class TestLinkCutWithAsterisk16(LinkCut):
    version = "16"
