"""How phones behave when they are called: one factory each, from rings to transfers."""

from __future__ import annotations

import asyncio
import contextlib

from tests.lab.agent import Behaviour, Leg


def rings() -> Behaviour:
    """Rings until the PBX gives up."""

    async def play(leg: Leg) -> None:
        leg.ring()
        await leg.over()

    return play


def early_media() -> Behaviour:
    """Answers with 183 and a ring-back tone of its own; never 180."""

    async def play(leg: Leg) -> None:
        leg.progress()
        await leg.over()

    return play


def answers(after: float, *, talk: float = 4.0, press: str = "") -> Behaviour:
    """Rings `after` seconds, answers, presses keys, talks `talk` seconds, hangs up."""

    async def play(leg: Leg) -> None:
        leg.ring()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(leg.ended.wait(), after)
            return  # somebody else took it, or the caller gave up
        leg.answer()
        for digit in press:
            await asyncio.sleep(1.0)
            leg.press(digit)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(leg.ended.wait(), talk)
        leg.hang_up()

    return play


def rejects(status: int) -> Behaviour:
    """486 busy, 603 declined, 480..."""

    async def play(leg: Leg) -> None:
        leg.reject(status)

    return play


def redirects(to: str) -> Behaviour:
    """302: the phone is forwarded to the number `to`."""

    async def play(leg: Leg) -> None:
        leg.reject(302, contact=f"<sip:{to}@{leg.agent.server}>")

    return play


def transfers(to: str, *, after: float = 2.0, talk: float = 2.0) -> Behaviour:
    """Rings, answers, talks, then blind-transfers the caller to `to` (REFER)."""

    async def play(leg: Leg) -> None:
        leg.ring()
        await asyncio.sleep(after)
        leg.answer()
        await asyncio.sleep(talk)
        leg.refer(to)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(leg.ended.wait(), 30.0)
        leg.hang_up()

    return play
