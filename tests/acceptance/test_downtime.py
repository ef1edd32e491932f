"""textback was not there, or could not hear, while calls came in; what it makes of them afterwards.

All calls of a class are placed once, on one Asterisk that keeps all four records. Several textbacks
watch it, each with a store, a carrier and a source of its own, so that each tells what it learnt
from that source alone.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import pytest

from sms_gateway.simulator import SimulatedText, Simulator, SimulatorSettings
from tests.acceptance.stage import admin, renumbered
from tests.lab.agent import Agent
from tests.lab.asterisk import Asterisk, free_port
from tests.lab.people import hangs_up, once_up, speaks
from tests.lab.phones import answers, rejects, rings
from tests.lab.row import ANSWERED, Row, configuration, play, row
from tests.lab.service import Service
from tests.lab.wire import Wire

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(300)]

#: What the example in conf/asterisk has the dialplan note of each call.
NOTE = "Gosub(textback-record,s,1(${EXTEN},${CONTEXT})) | "
RINGS = NOTE + "Dial(PJSIP/@a@,6) | Hangup()"
LONG = NOTE + "Dial(PJSIP/@a@,25) | Hangup()"
LOCAL = NOTE + "Dial(Local/@a@@from-queue/n&Local/@b@@from-queue/n,18) | Hangup()"
PATIENT = NOTE + "Dial(PJSIP/@a@,40) | Hangup()"
MISSED = "no_answer send"
BOX = NOTE + "Dial(PJSIP/@a@,3) | VoiceMail(@a@@default,s) | Hangup()"
QUEUE = NOTE + "Answer() | Queue(@name@,,,,60) | Hangup()"
PRIVATE = (("P-Asserted-Identity", "<sip:+16465550199@127.0.0.1>"), ("Privacy", "id"))

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
    row("too_short", LONG, "abandoned skip too_short", hangs_up(2), a=rings()),
    row("withheld", RINGS, "no_answer skip withheld", a=rings(), headers=PRIVATE),
)
IN_FLIGHT = DURING[:2]
SOURCES: dict[str, dict[str, Any]] = {
    "cel_csv": {"cel_csv": "log/cel-custom/Master.csv"},
    "cel_sqlite": {"cel_sqlite": "log/master.db"},
    "cdr_csv": {"cdr_csv": "log/cdr-csv/Master.csv", "cdr_utc": True},
    "cdr_sqlite": {"cdr_sqlite": "log/master.db"},
}


@dataclass
class Watcher:
    """One textback, its carrier, and what it made of the calls."""

    service: Service
    texts: list[SimulatedText]
    stories: list[dict[str, Any]] = field(default_factory=list)

    def story(self, row: Row) -> dict[str, Any]:
        found = [s for s in self.stories if s["did"] == row.did]
        assert len(found) == 1, f"{len(found)} calls for {row.name}"
        return found[0]

    def texts_to(self, row: Row) -> list[SimulatedText]:
        return [text for text in self.texts if text.to == row.number_outside]

    async def tells(self, rows: Sequence[Row], *, within: float = 90.0) -> None:
        """Wait until it has a verdict on every row's call."""
        wanted = {row.did for row in rows}
        try:
            async with asyncio.timeout(within):
                while True:
                    self.stories = await self.service.stories("calls", "--all", "-n", "1000")
                    told = {s["did"] for s in self.stories if s["verdict"] != "pending"}
                    sent = [s["text"] for s in self.stories if s["text"]]
                    if wanted <= told and all(t["state"] == "delivered" for t in sent):
                        return
                    await asyncio.sleep(0.5)
        except TimeoutError:
            told = {s["did"]: (s["verdict"], s["reason"]) for s in self.stories}
            missing = [(row.name, told.get(row.did)) for row in rows]
            raise AssertionError(f"{missing}\n{self.service.log_tail()}") from None


@dataclass
class House:
    """One Asterisk, its people, and those who watch it."""

    asterisk: Asterisk
    agent: Agent
    rows: Sequence[Row]
    directory: Path
    stack: AsyncExitStack

    async def watcher(
        self, name: str, source: Mapping[str, Any], *, port: int = 0, **settings: Any
    ) -> Watcher:
        """A textback that reads `source`, whose paths are below Asterisk's own directory."""
        texts: list[SimulatedText] = []
        simulator = Simulator(SimulatorSettings(port=0, receipt_delay=0.1), on_message=texts.append)
        await self.stack.enter_async_context(simulator)
        place = self.directory / name
        place.mkdir()
        pbx = {
            key: str(self.asterisk.directory / value) if isinstance(value, str) else value
            for key, value in source.items()
        }
        service = Service.prepare(
            place,
            self.rows,
            ami_port=port or self.asterisk.ami_port,
            smsc={"host": "127.0.0.1", "port": simulator.port, "system_id": "a", "password": "b"},
            pbx=pbx,
            **settings,
        )
        await self.stack.enter_async_context(service)
        return Watcher(service, texts)

    async def place(self, rows: Sequence[Row]) -> None:
        async with admin(self.asterisk) as hand, asyncio.TaskGroup() as group:
            for each in rows:
                group.create_task(play(each, self.agent, hand), name=each.name)
                await asyncio.sleep(0.05)


@asynccontextmanager
async def house(directory: Path, rows: Sequence[Row], version: str) -> AsyncIterator[House]:
    port = free_port(socket.SOCK_DGRAM)
    asterisk = Asterisk(files=configuration(rows), version=version, agent_port=port)
    try:
        async with AsyncExitStack() as stack:
            # CDR has local time: Asterisk's is its folder's, ours this machine's.
            stack.enter_context(mock.patch.dict(os.environ, {"TZ": "UTC"}))
            await asyncio.to_thread(asterisk.start)
            agent = await stack.enter_async_context(Agent(asterisk.sip_port))
            await agent.open(port)
            yield House(asterisk, agent, rows, directory, stack)
            if agent.errors:
                raise ExceptionGroup("a phone's script failed", list(agent.errors))
    finally:
        await asyncio.to_thread(asterisk.close)


async def catch_ups(service: Service, count: int, *, within: float = 30.0) -> None:
    """Wait until its log tells of so many reads of the records."""
    async with asyncio.timeout(within):
        while True:
            done = [e for e in service.events() if e.get("event") == "catch_up_done"]
            if len(done) >= count:
                return
            await asyncio.sleep(0.2)


# --- textback is stopped -------------------------------------------------------------------------


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


@pytest.fixture(scope="class")
def watchers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Watcher]:
    version: str = request.cls.version
    return asyncio.run(request.cls.run(tmp_path_factory.mktemp(f"watch-{version}"), version))


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


# --- the link is cut -----------------------------------------------------------------------------

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


# --- Asterisk dies, and records that cannot be read ----------------------------------------------

LINE, OTHER = renumbered(
    row("line", LONG, MISSED, hangs_up(20), a=rings()),
    row("other", RINGS, MISSED, a=rings()),
)


@pytest.mark.parametrize("version", ["22", "16"])
async def test_call_that_asterisk_took_to_its_grave_is_unknown_and_the_next_one_is_not(
    tmp_path: Path, version: str
) -> None:
    """Killed in the middle of a call: CEL has no HANGUP, and CDR nothing at all."""
    async with house(tmp_path, [LINE, OTHER], version) as lab:
        cel = await lab.watcher("cel", SOURCES["cel_csv"])
        cdr = await lab.watcher("cdr", SOURCES["cdr_csv"])
        here = await lab.watcher("here", SOURCES["cel_csv"])
        watchers = (cel, cdr, here)
        await asyncio.gather(*(watcher.service.start(within=90.0) for watcher in watchers))
        await asyncio.gather(cel.service.stop(), cdr.service.stop())
        leg = lab.agent.call(LINE.number_outside, LINE.did)
        lab.agent.behaviours[LINE.phone("a")] = LINE.phones["a"]
        await asyncio.wait_for(leg.ringing.wait(), 10.0)

        await asyncio.to_thread(lab.asterisk.kill)
        await asyncio.to_thread(lab.asterisk.start)
        await here.service.well(within=90.0)
        await lab.place([OTHER])
        await asyncio.gather(cel.service.start(within=90.0), cdr.service.start(within=90.0))
        await cel.tells([LINE, OTHER], within=120.0)
        await here.tells([LINE, OTHER])
        await cdr.tells([OTHER])

        for watcher in (cel, here):
            story = watcher.story(LINE)
            assert (story["outcome"], story["reason"]) == ("unknown", "unknown_call")
        assert [s for s in cdr.stories if s["did"] == LINE.did] == []
        for watcher in watchers:
            assert watcher.story(OTHER)["verdict"] == "send"
            assert [text.to for text in watcher.texts] == [OTHER.number_outside]


async def test_records_that_cannot_be_read_are_told_and_the_service_lives(tmp_path: Path) -> None:
    async with house(tmp_path, [LINE, OTHER], "22") as lab:
        damaged = tmp_path / "master.db"
        damaged.write_bytes(b"SQLite format 3\0" + bytes(3000))
        source = {"cel_csv": str(tmp_path / "none.csv"), "cel_sqlite": str(damaged)}
        watcher = await lab.watcher("watcher", source)
        await watcher.service.start(within=90.0)

        said = await watcher.service.logged("records_unreadable")
        assert said["level"] == "warning"
        part = (await watcher.service.health() or {})["parts"]["records:pbx"]
        assert (part["ok"], part["state"]) == (True, "unreadable")
        doctor = await watcher.service.command("doctor", "--listen", "0", code=1)
        for words in ("No such file", "cel_csv", "cel_sqlite", "-> "):
            assert words in doctor

        # What happens now is heard as ever, and what is mended is read at the next occasion.
        await lab.place([OTHER])
        await watcher.tells([OTHER])
        assert watcher.story(OTHER)["source"] == "ami"
        log = lab.asterisk.directory / "log"
        (tmp_path / "none.csv").symlink_to(log / "cel-custom" / "Master.csv")
        damaged.unlink()
        damaged.symlink_to(log / "master.db")
        await watcher.service.logged("records_readable_again", within=120.0)


async def test_log_that_was_rotated_in_the_outage_is_read_in_both_parts(tmp_path: Path) -> None:
    async with house(tmp_path, [LINE, OTHER], "22") as lab:
        watcher = await lab.watcher("watcher", SOURCES["cel_csv"])
        await watcher.service.start(within=90.0)
        await watcher.service.stop()
        await lab.place([OTHER])
        await asyncio.sleep(1.0)
        log = lab.asterisk.directory / "log" / "cel-custom" / "Master.csv"
        log.rename(log.with_name("Master.csv.1"))
        await lab.place([LINE])
        await asyncio.sleep(1.0)
        assert log.exists()
        await watcher.service.start(within=90.0)
        await watcher.tells([LINE, OTHER])

        assert {watcher.story(each)["verdict"] for each in (LINE, OTHER)} == {"send"}
        assert sorted(text.to for text in watcher.texts) == sorted(
            each.number_outside for each in (LINE, OTHER)
        )
