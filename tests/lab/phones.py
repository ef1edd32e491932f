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


def picks_up_too_late() -> Behaviour:
    """Picked up when the caller has just given up: its 200 crosses the PBX's CANCEL."""

    async def play(leg: Leg) -> None:
        leg.picks_up_too_late = True
        leg.ring()
        await leg.over()

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


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """The first call to this phone is played by the first, the next by the next; then the last."""

    async def play(leg: Leg) -> None:
        calls = [
            one
            for one in leg.agent.legs.values()
            if one.incoming and one.invite.user == leg.invite.user
        ]
        await behaviours[min(len(calls), len(behaviours)) - 1](leg)

    return play


def consults(to: str, how: str, *, after: float = 2.0, talk: float = 2.0) -> Behaviour:
    """Answers, puts the caller on hold and calls `to` on the phone's second line.

    `how` it goes on: "joins" once `to` has answered and been spoken to; "lets go" as soon as `to`
    rings (a blonde transfer); "returns" when `to` has rung for a while; "waits" for ever.
    """

    async def play(leg: Leg) -> None:
        leg.ring()
        await asyncio.sleep(after)
        leg.answer()
        await asyncio.sleep(talk)
        leg.hold()
        second = leg.agent.call(leg.invite.user, to)
        if how == "joins":
            await asyncio.wait_for(second.answered.wait(), 10.0)
            await asyncio.sleep(2.0)
            leg.refer(to, replaces=second)
        elif how == "lets go":
            await asyncio.wait_for(second.ringing.wait(), 10.0)
            await asyncio.sleep(2.0)
            leg.refer(to, replaces=second)
        else:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(leg.ended.wait(), 6.0 if how == "returns" else 60.0)
            second.hang_up()
            leg.hold(on=False)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(leg.ended.wait(), 4.0 if how == "returns" else 30.0)
        leg.hang_up()

    return play


def keys_in(digits: str, *, then: float, after: float = 2.0, talk: float = 2.0) -> Behaviour:
    """Answers, presses keys (a feature code, a number) and hangs up `then` seconds later."""

    async def play(leg: Leg) -> None:
        leg.ring()
        await asyncio.sleep(after)
        leg.answer()
        await asyncio.sleep(talk)
        for digit in digits:
            leg.press(digit)
            await asyncio.sleep(0.3)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(leg.ended.wait(), then)
        leg.hang_up()

    return play
