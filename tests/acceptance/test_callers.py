"""Who is texted and who is not, call after call; and a login that is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.acceptance.stage import renumbered, scene
from tests.lab.matrix import row
from tests.lab.phones import answers, rings

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(180)]

RINGS = "Dial(PJSIP/@a@,28) | Hangup()"
LINE, OTHER = renumbered(
    row("line", RINGS, "no_answer send", a=rings()),
    row("other_line", RINGS, "answered skip answered", a=answers(2.0)),
)


async def test_refused_ami_login_is_a_state_of_its_own_that_says_what_to_do(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, [LINE], ami_secret="wrong") as (lab, _):
        await lab.service.start(healthy=False)
        async with asyncio.timeout(30):
            while True:
                part = (await lab.service.health() or {})["parts"]["ami:pbx"]
                if part["state"] == "refused":
                    break
                await asyncio.sleep(0.1)

        assert not part["ok"]
        doctor = await lab.service.command("doctor", code=2)
        assert "login" in doctor.lower()
        # fail2ban watches: one attempt for the service, one for the doctor.
        log = (lab.asterisk.directory / "log" / "full").read_text()
        assert log.count("failed to authenticate as 'textback'") <= 2


async def test_shadow_mode_decides_and_sends_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path, [LINE], mode="shadow") as (lab, carrier):
        await lab.service.start()
        leg = await lab.ring(LINE)
        await asyncio.sleep(16.0)  # past ring_timeout: here it is the absence that is shown
        leg.hang_up()
        told = await lab.story(LINE)

        assert (told["verdict"], told["text"]["state"]) == ("send", "shadow")
        assert carrier.texts == []


async def test_caller_who_replies_stop_is_not_texted_again(tmp_path: Path) -> None:
    async with scene(tmp_path, [LINE]) as (lab, carrier):
        await lab.service.start()
        leg = await lab.ring(LINE)
        await asyncio.wait_for(carrier.took.wait(), 40.0)
        leg.hang_up()
        carrier.simulator.reply(LINE.number_outside, LINE.did, "STOP")
        await lab.service.logged("reply")

        leg = await lab.ring(LINE)
        await asyncio.sleep(16.0)
        leg.hang_up()
        await leg.over()
        async with asyncio.timeout(40):
            while True:
                stories = await lab.service.stories("calls", "-n", "10")
                if len(stories) == 2 and stories[0]["verdict"] != "pending":
                    break

        assert stories[0]["reason"] == "opted_out"
        confirmed = ["you get no more texts from us" in text.text for text in carrier.texts]
        assert confirmed == [False, True]


async def test_one_line_rings_while_another_is_answered(tmp_path: Path) -> None:
    async with scene(tmp_path, [LINE, OTHER]) as (lab, carrier):
        await lab.service.start()
        await lab.ring(LINE)
        await lab.ring(OTHER)
        await asyncio.wait_for(carrier.took.wait(), 40.0)
        told = await lab.story(OTHER)

        assert told["reason"] == "answered"
        assert [(text.sender, text.to) for text in carrier.texts] == [
            (LINE.did, LINE.number_outside)
        ]
