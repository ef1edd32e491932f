"""The callback list on a real Asterisk: missed callers come onto it, and the PBX takes them off.

As in test_moments, every caller has a number of the business with rules of its own.
"""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.evening import Callers, Evening, at, line
from tests.acceptance.stage import Carrier, Stage, renumbered, scene
from tests.lab.people import transfers
from tests.lab.phones import answers, in_turn, rejects, rings
from tests.lab.row import Row, configuration

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(180)]

#: How the staff gets an outside line: 9, then the number as it is written in this town.
OUTSIDE = """\
exten => _9NXXNXXXXXX,1,Dial(PJSIP/+1${EXTEN:1}@trunk,25)
 same => n,Hangup()
"""


def lines() -> dict[str, Row]:
    moved = in_turn(rings(), transfers("b", after=1.0, talk=1.0))
    of_all = renumbered(
        line("called_back", rings(), owner="101", callback_within="2h"),
        line("came_back", in_turn(rings(), answers(1.0, talk=2.0))),
        line("not_reached", rings()),
        line("outside_line", rings()),
        replace(line("moved_on", moved), phones={"a": moved, "b": answers(1.0, talk=2.0)}),
        replace(line("left_alone", moved), phones={"a": moved, "b": rings()}),
        replace(line("two_numbers", rings()), second_did=True),
        line("wrote_back", rings()),
        line("staff", rings(), callback_within="2h"),
    )
    made = {one.name: one for one in of_all}
    made["staff"] = replace(made["staff"], staff=True)
    return made


def files(rows: Sequence[Row]) -> Mapping[str, str]:
    return {**configuration(rows), "extensions_inside.conf": OUTSIDE}


Case = dict[str, Any]


@dataclass
class Day:
    """What is on the list at the end, and what is not any more."""

    evening: Evening
    open: list[Case] = field(default_factory=list)
    closed: list[Case] = field(default_factory=list)
    shown: Mapping[str, Any] = field(default_factory=dict)  #: `cases show` of the called-back one
    why: str = ""
    stats: list[dict[str, Any]] = field(default_factory=list)
    metrics: str = ""

    def cases(self, name: str) -> list[Case]:
        """Of a line, whatever its number; raises what its players raised."""
        if name in self.evening.wrong:
            raise self.evening.wrong[name]
        caller = self.evening.lines[name].number_outside
        return [c for c in (*self.open, *self.closed) if c["caller"] == caller]

    def case(self, name: str) -> Case:
        (case,) = self.cases(name)
        return case


class Play(Callers):
    """What callers and staff do on each line."""

    def __init__(self, lab: Stage, carrier: Carrier, day: Day) -> None:
        super().__init__(lab, carrier, day.evening)
        self.day = day

    async def list_calls(self) -> None:
        while True:
            stories = await self.lab.service.stories("calls", "--all", "-n", "1000")
            open_ = await self.lab.service.stories("cases")
            closed = await self.lab.service.stories("cases", "--closed", "1h")
            async with self.listed:
                self.evening.stories = stories
                self.evening.texts = list(self.carrier.texts)
                self.day.open, self.day.closed = open_, closed
                self.listed.notify_all()
            await asyncio.sleep(0.5)

    async def stage(self, name: str, stage: str) -> None:
        def holds() -> bool:
            return any(case["stage"] == stage for case in self.day.cases(name))

        await self.until(holds, f"case of {name} {stage}")

    async def dial(self, name: str, letter: str, dialled: str, outside: Any) -> None:
        """Somebody of the staff calls the caller of a line; `outside` is what the caller does."""
        row = self.evening.lines[name]
        self.lab.agent.behaviours[row.number_outside] = outside
        leg = self.lab.agent.call(row.phone(letter), dialled)
        await leg.over()

        def ended() -> bool:
            outward = [s for s in self.evening.stories if s["did"] == dialled and s["ended"]]
            return bool(outward)

        await self.until(ended, f"the call to the caller of {name}")

    async def called_back(self) -> None:
        await self.call("called_back")
        await self.stage("called_back", "texted")
        row = self.evening.lines["called_back"]
        await self.dial("called_back", "b", row.number_outside, answers(1.0, talk=2.0))
        await self.stage("called_back", "called_back")

    async def came_back(self) -> None:
        await self.call("came_back")
        await self.call("came_back", hold=30.0, calls=2)
        await self.stage("came_back", "recovered")

    async def not_reached(self) -> None:
        await self.call("not_reached")
        row = self.evening.lines["not_reached"]
        await self.dial("not_reached", "b", row.number_outside, rejects(486))

    async def outside_line(self) -> None:
        await self.call("outside_line")
        row = self.evening.lines["outside_line"]
        dialled = "9" + row.number_outside.removeprefix("+1")
        await self.dial("outside_line", "c", dialled, answers(1.0, talk=2.0))
        await self.stage("outside_line", "called_back")

    async def moved_on(self) -> None:
        await self.answered_and_moved("moved_on")
        await self.stage("moved_on", "recovered")

    async def left_alone(self) -> None:
        await self.answered_and_moved("left_alone")

    async def answered_and_moved(self, name: str) -> None:
        row = self.evening.lines[name]
        self.lab.agent.behaviours[row.phone("b")] = row.phones["b"]
        await self.call(name)
        await self.call(name, hold=12.0, calls=2)

    async def two_numbers(self) -> None:
        row = self.evening.lines["two_numbers"]
        await self.call("two_numbers")
        leg = self.lab.agent.call(row.number_outside, row.did_2)
        await asyncio.wait_for(leg.ringing.wait(), 10.0)
        await asyncio.sleep(4.0)
        leg.hang_up()
        await leg.over()
        await self.until(lambda: len(self.day.cases("two_numbers")) == 2, "a case of each number")
        self.lab.agent.behaviours[row.phone("a")] = answers(1.0, talk=2.0)
        leg = self.lab.agent.call(row.number_outside, row.did_2)
        await leg.over()

        def closed() -> bool:
            return all(case["closed"] for case in self.day.cases("two_numbers"))

        await self.until(closed, "both cases closed")

    async def wrote_back(self) -> None:
        await self.call("wrote_back")
        await self.stage("wrote_back", "texted")
        row = self.evening.lines["wrote_back"]
        self.carrier.simulator.reply(row.number_outside, row.did, "Tomorrow at ten?")
        await self.stage("wrote_back", "replied")


async def play(directory: Path) -> Day:
    day = Day(Evening(lines()))
    evening = day.evening
    settings: dict[str, Any] = {"defaults": {"ring_timeout": "3s", "abandoned_after": "1s"}}
    rows = list(evening.lines.values())
    async with scene(directory, rows, files=files, **settings) as (lab, carrier):
        await lab.service.start()
        callers = Play(lab, carrier, day)
        listing = asyncio.create_task(callers.list_calls(), name="list calls")
        try:
            async with asyncio.TaskGroup() as group:
                for name in evening.lines:
                    group.create_task(callers.line(name), name=name)
        finally:
            listing.cancel()
            await asyncio.wait([listing])
        await finish(lab, day)
    return day


async def finish(lab: Stage, day: Day) -> None:
    """What the list says when everybody has gone home."""
    service = lab.service
    day.open = await service.stories("cases")
    day.closed = await service.stories("cases", "--closed", "1h")
    found = [
        c for c in day.closed if c["caller"] == day.evening.lines["called_back"].number_outside
    ]
    if found:
        (day.shown,) = await service.stories("cases", "show", str(found[0]["case"]))
    day.why = await service.command("why", day.evening.lines["wrote_back"].number_outside)
    day.stats = await service.stories("stats", "--since", "1h")
    day.metrics = await asyncio.to_thread(scraped, service.console_port)


def scraped(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text: bytes = answer.read()
    return text.decode()


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return asyncio.run(play(tmp_path_factory.mktemp("cases")))


def test_a_caller_who_was_called_back_is_off_the_list(day: Day) -> None:
    case = day.case("called_back")
    phone = day.evening.lines["called_back"].phone("b")

    assert (case["stage"], case["closed_by"]) == ("called_back", f"PJSIP/{phone}")
    assert (case["owner"], case["misses"]) == ("101", 1)
    assert at(case["opened"]) < at(case["texted"]) < at(case["spoken"]) < at(case["closed"])


def test_the_due_time_is_that_of_the_number(day: Day) -> None:
    case = day.case("called_back")
    assert (at(case["due"]) - at(case["opened"])).total_seconds() == 7200
    assert day.case("came_back")["due"] is None


def test_a_caller_who_called_again_and_was_answered_is_recovered(day: Day) -> None:
    case = day.case("came_back")
    assert (case["stage"], case["closed_by"], case["misses"]) == ("recovered", "the PBX", 1)


def test_a_call_back_that_does_not_reach_the_caller_leaves_the_case_open(day: Day) -> None:
    case = day.case("not_reached")
    assert (case["stage"], case["closed"]) == ("texted", None)


def test_another_extension_behind_an_outside_line_closes_it(day: Day) -> None:
    case = day.case("outside_line")
    phone = day.evening.lines["outside_line"].phone("c")
    assert (case["stage"], case["closed_by"]) == ("called_back", f"PJSIP/{phone}")


def test_a_caller_handed_on_to_a_colleague_who_answered_was_spoken_to(day: Day) -> None:
    case = day.case("moved_on")
    assert (case["stage"], case["misses"]) == ("recovered", 1)


def test_a_caller_handed_on_to_nobody_still_waits(day: Day) -> None:
    case = day.case("left_alone")
    assert (case["closed"], case["misses"]) == (None, 2)


def test_one_conversation_closes_the_cases_of_both_numbers(day: Day) -> None:
    row = day.evening.lines["two_numbers"]
    found = day.cases("two_numbers")
    assert {case["number"] for case in found} == {row.did, row.did_2}
    assert {case["stage"] for case in found} == {"recovered"}


def test_a_reply_moves_the_case_and_closes_it_not(day: Day) -> None:
    case = day.case("wrote_back")
    assert (case["stage"], case["closed"]) == ("replied", None)
    assert at(case["texted"]) < at(case["replied"])
    assert f"Case {case['case']}" in day.why


def test_staff_is_not_on_the_list(day: Day) -> None:
    assert day.cases("staff") == []


def test_the_story_of_a_case_has_its_calls_and_its_text(day: Day) -> None:
    words = [event["text"].split(":")[0] for event in day.shown["events"]]
    phone = day.evening.lines["called_back"].phone("b")
    assert words[0].startswith("missed call (")
    assert f"called back from PJSIP/{phone}" in words
    assert any(word.startswith("missed text") for word in words)


def test_stats_and_metrics_count_who_was_recovered(day: Day) -> None:
    did = day.evening.lines["called_back"].did
    (told,) = [s for s in day.stats if s["type"] == "recovery" and s["number"] == did]
    assert (told["cases"], told["called_back"], told["rate"]) == (1, 1, 1.0)
    assert told["with_text"]["cases"] == 1
    assert 0 < told["seconds_median"] < 120
    closed = 'textback_cases_recovered_total{stage="called_back",texted="yes"} '
    assert closed in day.metrics
    assert 'textback_cases{stage="replied"} 1.0' in day.metrics
