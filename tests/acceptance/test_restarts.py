"""Asterisk or textback dies while a phone rings: nobody is texted twice, or on a guess."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.acceptance.stage import renumbered, scene
from tests.lab.matrix import row
from tests.lab.phones import rings

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(180)]

RINGS = "Dial(PJSIP/@a@,28) | Hangup()"
(LINE,) = renumbered(row("line", RINGS, "no_answer send", a=rings()))


async def test_asterisk_dies_mid_call_and_the_caller_is_not_texted_on_a_guess(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, [LINE]) as (lab, carrier):
        await lab.service.start()
        await lab.ring(LINE)

        await asyncio.to_thread(lab.asterisk.kill)
        await asyncio.to_thread(lab.asterisk.start)
        told = await lab.story(LINE, within=60.0)

        assert (told["outcome"], told["verdict"], told["reason"]) == (
            "unknown",
            "skip",
            "unknown_call",
        )
        assert carrier.texts == []


async def test_service_works_on_after_asterisk_was_restarted(tmp_path: Path) -> None:
    async with scene(tmp_path, [LINE]) as (lab, carrier):
        await lab.service.start()
        await asyncio.to_thread(lab.asterisk.stop)
        await asyncio.to_thread(lab.asterisk.start)
        await lab.service.well()

        leg = await lab.ring(LINE)
        await asyncio.wait_for(carrier.took.wait(), 40.0)

        assert not leg.ended.is_set(), "the text comes while the caller still holds the phone"
        assert [text.to for text in carrier.texts] == [LINE.number_outside]


async def test_service_killed_while_a_phone_rings_texts_at_most_once(tmp_path: Path) -> None:
    async with scene(tmp_path, [LINE]) as (lab, carrier):
        await lab.service.start()
        leg = await lab.ring(LINE)

        await lab.service.stop(kill=True)
        await lab.service.start()
        await leg.over()
        told = await lab.story(LINE)

        assert len(carrier.texts) == (told["verdict"] == "send")
        if not carrier.texts:
            assert told["reason"] == "unknown_call"


async def test_service_killed_after_the_text_does_not_text_again(tmp_path: Path) -> None:
    async with scene(tmp_path, [LINE]) as (lab, carrier):
        await lab.service.start()
        leg = await lab.ring(LINE)
        await asyncio.wait_for(carrier.took.wait(), 40.0)

        await lab.service.stop(kill=True)
        await lab.service.start()
        await leg.over()
        told = await lab.story(LINE)

        assert len(carrier.texts) == 1
        assert told["verdict"] == "send"
