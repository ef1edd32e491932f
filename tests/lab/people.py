"""What the people of the call matrix do: phones that know their colleagues, callers, bystanders."""

from __future__ import annotations

import asyncio
import contextlib
import re

from tests.lab import phones, sip
from tests.lab.agent import Behaviour, Leg
from tests.lab.row import Also, Caller, Scene, out_number
from tests.lab.row import waits as waits  # what most callers do

# --- what a phone does that depends on its row --------------------------------------------------


def colleague(leg: Leg, letter: str) -> str:
    """The number of the called phone's colleague `letter`; a plain number is itself."""
    return letter if letter.isdigit() else f"{leg.invite.user[:3]}{'_abc'.index(letter)}"


def transfers(letter: str, *, after: float = 2.0, talk: float = 2.0) -> Behaviour:
    """Answers and blind-transfers to the colleague `letter`, or to a plain number."""

    async def play(leg: Leg) -> None:
        await phones.transfers(colleague(leg, letter), after=after, talk=talk)(leg)

    return play


def consults(letter: str, how: str) -> Behaviour:
    """`phones.consults` with the colleague `letter`."""

    async def play(leg: Leg) -> None:
        await phones.consults(colleague(leg, letter), how)(leg)

    return play


def keys_in(code: str, letter: str, *, then: float) -> Behaviour:
    """Answers, presses a feature code and the number of the colleague `letter`."""

    async def play(leg: Leg) -> None:
        await phones.keys_in(code + colleague(leg, letter), then=then)(leg)

    return play


def forwards_to(letter: str) -> Behaviour:
    """302 to the colleague `letter`."""

    async def play(leg: Leg) -> None:
        await phones.redirects(colleague(leg, letter))(leg)

    return play


def forwards_out() -> Behaviour:
    """302 to the row's number out the trunk."""

    async def play(leg: Leg) -> None:
        await phones.redirects(out_number(int(leg.invite.user[1:3])))(leg)

    return play


# --- what the person outside does ----------------------------------------------------------------


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


def faxes(seconds: float) -> Caller:
    """A fax machine: the calling tone once the line is up, for so many seconds."""

    async def play(leg: Leg) -> None:
        await asyncio.wait_for(leg.answered.wait(), 30.0)
        await leg.speak(seconds, sip.FAX_CALLING)
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


def colleague_dials(code: str, *, after: float = 3.0, up: float = 4.0) -> Also:
    """Phone b dials a code; `@a@` in it is phone a's number."""

    async def play(scene: Scene) -> None:
        await asyncio.sleep(after)
        leg = scene.agent.call(scene.row.phone("b"), scene.row.fill(code))
        await hangs_up(up)(leg)

    return play


def colleague_calls_first(talk: float) -> Also:
    """Phone b calls phone a and talks, from before the call from outside comes."""

    async def play(scene: Scene) -> None:
        leg = scene.agent.call(scene.row.phone("b"), scene.row.phone("a"))
        await asyncio.wait_for(leg.answered.wait(), 20.0)
        await asyncio.sleep(1.0)  # until Asterisk has told its own parts
        scene.ready.set()
        await hangs_up(talk)(leg)

    return play


async def caller_calls_again(scene: Scene) -> None:
    """The same caller on a second line, for the row's second number when it has one."""
    row = scene.row
    await waits(scene.agent.call(row.number_outside, row.dids[-1]))


def agent_pauses(after: float) -> Also:
    """The queue's only member takes a break."""

    async def play(scene: Scene) -> None:
        await asyncio.sleep(after)
        interface = f"PJSIP/{scene.row.phone('a')}"
        scene.admin.act("QueuePause", Interface=interface, Paused="true", Queue=scene.row.name)

    return play


def redirected(letter: str, *, after: float) -> Also:
    """An operator's panel moves the caller to the colleague `letter` (AMI Redirect)."""

    async def play(scene: Scene) -> None:
        await asyncio.sleep(after)
        row, admin = scene.row, scene.admin
        mark = len(admin.data)
        admin.act("CoreShowChannels", ActionID=f"find-{row.name}")
        await admin.until(rb"CoreShowChannelsComplete\r\nActionID: find-%s\r" % row.name.encode())
        caller = row.number_outside.encode()
        (channel,) = (
            re.findall(rb"\nChannel: (\S+)\r", one)[0]
            for one in bytes(admin.data[mark:]).split(b"\r\n\r\n")
            if b"\nCallerIDNum: %s\r" % caller in one
            and b"\nContext: from-" in one
            and b"\nChannel: PJSIP/trunk-" in one
        )
        admin.act(
            "Redirect",
            Channel=channel.decode(),
            Context="from-internal",
            Exten=row.phone(letter),
            Priority="1",
        )

    return play


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
