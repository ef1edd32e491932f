"""What crosses on the wire: a caller who hangs up in the very instant in which somebody picks up.

Which of the two Asterisk takes for the first is a toss-up, so there is no row of the matrix for it:
the caller and the phone are joined for a few milliseconds, or not at all. Either way nobody may be
texted at once.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.acceptance.stage import Stage, renumbered, scene
from tests.lab.agent import Leg
from tests.lab.phones import rings
from tests.lab.row import Row, row

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(120)]

CALLERS = 12
ROWS = renumbered(
    *(
        row(f"crossing_{n}", "Dial(PJSIP/@a@,18) | Hangup()", "abandoned skip too_short", a=rings())
        for n in range(CALLERS)
    )
)


async def crosses(lab: Stage, crossing: Row, after: float) -> None:
    """The caller's CANCEL and the phone's 200 leave in the same instant."""
    phone: asyncio.Future[Leg] = asyncio.get_running_loop().create_future()

    async def behaviour(leg: Leg) -> None:
        leg.ring()
        phone.set_result(leg)
        await leg.over()

    lab.agent.behaviours[crossing.phone("a")] = behaviour
    caller = lab.agent.call(crossing.number_outside, crossing.did)
    called = await asyncio.wait_for(phone, 10.0)
    await asyncio.sleep(after)
    caller.hang_up()
    called.answer()
    await caller.over()
    await called.over()


@pytest.mark.parametrize("version", ["22", "16"])
async def test_caller_who_hangs_up_as_somebody_picks_up_is_not_texted(
    tmp_path: Path, version: str
) -> None:
    async with scene(tmp_path, ROWS, version=version) as (lab, carrier):
        await lab.service.start()
        async with asyncio.TaskGroup() as group:
            for crossing in ROWS:
                group.create_task(crosses(lab, crossing, after=2.0), name=crossing.name)
                await asyncio.sleep(0.1)
        told = [await lab.story(crossing) for crossing in ROWS]

        ends = {(story["outcome"], story["verdict"], story["reason"]) for story in told}
        assert ends <= {("abandoned", "skip", "too_short"), ("answered", "skip", "answered")}
        assert carrier.texts == []
