"""Floods of invented callers on a real Asterisk: the caps hold, one alarm is raised, and it ends.

A thousand callers of all area codes within a minute, each gone at once because the only phone is
busy; then a block of neighbouring numbers, which the breaker holds for the operator.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.stage import Carrier, Stage, renumbered, scene
from tests.lab.phones import answers, rejects
from tests.lab.row import row
from textback import phone
from textback.phone import Kind

pytestmark = [pytest.mark.asterisk]

#: Of each call the phone is busy, and it is over at once.
GONE = "Dial(PJSIP/@a@,18) | Hangup(17)"
LINE, OTHER = renumbered(
    row("line", GONE, "busy send", a=rejects(486)),
    row("other_line", "Dial(PJSIP/@a@,18) | Hangup()", "answered skip answered", a=answers(1.0)),
)
CALLERS = 1_000
SECONDS = 60.0
PER_MINUTE = 30
#: Callers of one area code are neighbours for the breaker: fewer than it minds.
OF_ONE_AREA = 4


def spread() -> list[str]:
    """A thousand numbers of the range for fiction, over all area codes but ours and the block's."""

    def numbers() -> Any:
        for last in range(OF_ONE_AREA):
            for area in range(201, 990):
                number = f"+1{area}55501{last:02d}"
                read = phone.read(number, "US")
                home = read.country in phone.home_countries("US")
                if read.kind is Kind.DIALABLE and read.assigned and home and area not in (212, 646):
                    yield number

    return list(islice(numbers(), CALLERS))


async def flood(lab: Stage, callers: list[str], seconds: float) -> Counter[int]:
    """Place one call after the other, evenly, until all are over; how many ended with which SIP
    status."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as group:
        calls = []
        for number, caller in enumerate(callers):
            await asyncio.sleep(max(0.0, began + number * seconds / len(callers) - loop.time()))
            calls.append(group.create_task(insist(lab, caller), name=caller))
    return Counter(call.result() for call in calls)


async def insist(lab: Stage, caller: str) -> int:
    """One call to its end: its last SIP status. In a flood some INVITEs find a full socket: they
    are sent again, as RFC 3261 section 17.1.1.2 has it."""
    leg = lab.agent.call(caller, LINE.did)
    for patience in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0):
        with contextlib.suppress(TimeoutError):
            await leg.over(patience)
            break
        lab.agent.send(leg.invite.render())
    return leg.status


async def decided(lab: Stage, count: int) -> list[dict[str, Any]]:
    """The stories of that many calls to the line, each with its verdict."""
    async with asyncio.timeout(60):
        while True:
            stories = await lab.service.stories("calls", "-n", "5000")
            mine = [s for s in stories if s["did"] == LINE.did and s["verdict"] != "pending"]
            if len(mine) >= count:
                return mine
            await asyncio.sleep(0.5)


async def texted(carrier: Carrier, holds: Callable[[], bool], within: float = 30.0) -> None:
    async with asyncio.timeout(within):
        while not holds():
            carrier.took.clear()
            await carrier.took.wait()


def fetch(port: int, page: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:  # 503: an alarm stands
        with error:
            return error.read().decode()


async def ask(lab: Stage, page: str) -> str:
    return await asyncio.to_thread(fetch, lab.service.console_port, page)


def alarms(lab: Stage, event: str = "alarm_raised") -> list[str]:
    return [e["alarm"] for e in lab.service.events() if e.get("event") == event]


@pytest.mark.timeout(400)
async def test_a_thousand_callers_in_a_minute_stop_at_the_cap_with_one_alarm(
    tmp_path: Path,
) -> None:
    callers = spread()
    assert len(set(callers)) == CALLERS
    limits = {"per_minute": PER_MINUTE, "adjacent": 5, "per_prefix": 50}
    async with scene(tmp_path, [LINE, OTHER], limits=limits) as (lab, carrier):
        await lab.service.start()
        for line in (LINE, OTHER):
            lab.agent.behaviours[line.phone("a")] = line.phones["a"]
        flooding = asyncio.create_task(flood(lab, callers, SECONDS), name="flood")
        # Meanwhile the house works: another line is answered, and the service says how it stands.
        await lab.service.logged("alarm_raised", within=60)
        health = json.loads(await ask(lab, "healthz"))
        honest = lab.agent.call(OTHER.number_outside, OTHER.did)
        await asyncio.wait_for(honest.answered.wait(), 20)
        metrics = await ask(lab, "metrics")
        doctor = await lab.service.command("doctor", "--listen", "0", code=1)
        assert not flooding.done(), "all this was asked while the flood went on"
        statuses = await flooding

        # An Asterisk that has too little processor sends some of them away itself.
        taken = CALLERS - statuses[0] - statuses[503]
        assert taken > CALLERS * 0.8, statuses
        stories = await decided(lab, taken)
        reasons = Counter(story["reason"] for story in stories)
        assert set(reasons) == {"send", "cap_minute"}
        assert reasons.total() == taken
        await texted(carrier, lambda: len(carrier.texts) == reasons["send"])
        assert len({text.to for text in carrier.texts}) == len(carrier.texts)
        sent = sorted(
            datetime.fromisoformat(s["decided"]) for s in stories if s["reason"] == "send"
        )
        for at in sent:
            within = [t for t in sent if at <= t < at + timedelta(seconds=60)]
            assert len(within) <= PER_MINUTE

        assert alarms(lab) == ["cap_reached"], "one alarm, not one for each caller"
        assert health["failing"] == ["alarms"]
        assert 'textback_alarm{alarm="cap_reached"} 1.0' in metrics
        assert "cap_reached since" in doctor

        # It is over: the alarm goes by itself, and who calls then is texted as ever.
        cleared = await lab.service.logged("alarm_cleared", within=120)
        assert (cleared["alarm"], cleared["count"]) == ("cap_reached", reasons["cap_minute"])
        await lab.service.well()
        lab.agent.call("+16465550199", LINE.did)
        await texted(carrier, lambda: carrier.texts[-1].to == "+16465550199")
        assert alarms(lab) == ["cap_reached"]
        assert 'textback_alarm{alarm="cap_reached"} 0.0' in await ask(lab, "metrics")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("version", ["22", "16"])
async def test_a_block_of_neighbours_is_held_and_the_operator_decides_on_all_at_once(
    tmp_path: Path, version: str
) -> None:
    block = [f"+164655501{last:02d}" for last in range(25)]
    limits = {"adjacent": 5, "per_prefix": 50}
    async with scene(tmp_path, [LINE], version=version, limits=limits) as (lab, carrier):
        await lab.service.start()
        lab.agent.behaviours[LINE.phone("a")] = LINE.phones["a"]
        await flood(lab, block, 5.0)
        stories = await decided(lab, len(block))

        assert {story["reason"] for story in stories} == {"send"}
        await texted(carrier, lambda: len(carrier.texts) == 5)
        held = await lab.service.stories("queue", "--state", "held")
        assert len(held) == 20
        assert all("+164655501xx" in text["reason"] for text in held)
        assert alarms(lab) == ["breaker_open"]
        assert json.loads(await ask(lab, "healthz"))["failing"] == ["alarms"]

        # Somebody of another block is texted meanwhile.
        lab.agent.call("+19175550123", LINE.did)
        await texted(carrier, lambda: carrier.texts[-1].to == "+19175550123")

        last_ten = "+1646555011"
        released = await lab.service.stories(
            "release", "--state", "held", "--prefix", last_ten, "--reason", "a customer", "--yes"
        )
        assert len(released) == sum(text["to"].startswith(last_ten) for text in held) > 5
        await texted(carrier, lambda: len(carrier.texts) == 6 + len(released))
        dropped = await lab.service.stories(
            "drop", "--state", "held", "--prefix", "+1646555", "--reason", "pumping", "--yes"
        )
        assert len(dropped) == 20 - len(released)
        why = await lab.service.command("why", dropped[0]["to"])
        assert "pumping" in why
        assert await lab.service.stories("queue", "--state", "held") == []
        assert len({text.to for text in carrier.texts}) == len(carrier.texts) == 6 + len(released)
        assert alarms(lab) == ["breaker_open"]
