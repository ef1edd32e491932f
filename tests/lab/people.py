"""What the people of the call matrix do: phones that know their colleagues, callers, bystanders."""

from __future__ import annotations

import asyncio
import contextlib

from tests.lab import phones
from tests.lab.agent import Behaviour, Leg
from tests.lab.row import Caller, Scene, out_number

# --- what a phone does that depends on its row --------------------------------------------------


def transfers(letter: str, *, after: float = 2.0, talk: float = 2.0) -> Behaviour:
    """Answers and blind-transfers to the colleague `letter`, or to a plain number."""

    async def play(leg: Leg) -> None:
        row = leg.invite.user[:3]
        to = letter if letter.isdigit() else f"{row}{'_abc'.index(letter)}"
        await phones.transfers(to, after=after, talk=talk)(leg)

    return play


def forwards_out() -> Behaviour:
    """302 to the row's number out the trunk."""

    async def play(leg: Leg) -> None:
        await phones.redirects(out_number(int(leg.invite.user[1:3])))(leg)

    return play


# --- what the person outside does ----------------------------------------------------------------


async def waits(leg: Leg) -> None:
    """Holds on until the other side ends it."""
    await leg.over()


def hangs_up(after: float) -> Caller:
    """Gives up after so many seconds, whatever has happened by then."""

    async def play(leg: Leg) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(leg.ended.wait(), after)
        leg.hang_up()
        await leg.over()

    return play


def keys(digits: str, then: Caller, *, pause: float = 2.0) -> Caller:
    """Waits for the menu, presses a key, then goes on as `then`."""

    async def play(leg: Leg) -> None:
        await asyncio.wait_for(leg.answered.wait(), 20.0)
        for digit in digits:
            await asyncio.sleep(pause)
            leg.press(digit)
        await then(leg)

    return play


def speaks(seconds: float, *, after: float = 2.0) -> Caller:
    """Waits for the beep, speaks, hangs up: leaves a message."""

    async def play(leg: Leg) -> None:
        await asyncio.wait_for(leg.answered.wait(), 30.0)
        await asyncio.sleep(after)
        await leg.speak(seconds)
        leg.hang_up()
        await leg.over()

    return play


def once_up(seconds: float) -> Caller:
    """Hangs up so many seconds after the PBX answered."""

    async def play(leg: Leg) -> None:
        await asyncio.wait_for(leg.answered.wait(), 30.0)
        await hangs_up(seconds)(leg)

    return play


# --- what else happens ----------------------------------------------------------------------------


async def colleague_picks_up(scene: Scene) -> None:
    await asyncio.sleep(3.0)
    row = scene.row
    leg = scene.agent.call(row.phone("b"), f"*8{row.phone('a')}")
    await once_up(4.0)(leg)


async def dials_out(scene: Scene) -> None:
    await hangs_up(8.0)(scene.agent.call(scene.row.phone("a"), scene.row.out))


async def dials_colleague(scene: Scene) -> None:
    await hangs_up(8.0)(scene.agent.call(scene.row.phone("a"), scene.row.phone("b")))


async def click_to_call(scene: Scene) -> None:
    row = scene.row
    scene.admin.act(
        "Originate",
        Channel=f"PJSIP/{row.phone('a')}",
        Context="from-internal",
        Exten=row.out,
        Priority="1",
        CallerID=f"Click <{row.did}>",
        Async="true",
    )
    await asyncio.sleep(9.0)
