"""Makes the rows of FreePBX's call matrix: destinations, people, and the spelling of numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tests.lab.agent import Behaviour, Leg
from tests.lab.freepbx.modules import Module
from tests.lab.freepbx.row import FreepbxRow, spell
from tests.lab.people import hangs_up, keys, speaks
from tests.lab.phones import answers, redirects, rings
from tests.lab.row import Caller, Scene, nobody, waits

A = "from-did-direct,@a@,1"
GROUP, QUEUE = "ext-group,@group@,1", "ext-queues,@queue@,1"
CONDITION, MENU, MISC = "timeconditions,@condition@,1", "ivr-@menu@,s,1", "ext-miscdests,@misc@,1"
TO_BOX = "ext-local,vmu@a@,1"
RINGS_ON: Mapping[str, str] = {f"AMPUSER/@{letter}@/voicemail": "novm" for letter in "abc"}
SIX: Mapping[str, str] = {f"AMPUSER/@{letter}@/ringtimer": "6" for letter in "abc"}
AGENTS = "Local/@a@@from-queue/n Local/@b@@from-queue/n"
NOBODY = "no_answer send"
GIVES_UP = hangs_up(22)
#: Skips the greeting, speaks after the beep; LATER when a queue took the line before.
LEAVES_WORD = keys("#", speaks(4))
LATER = keys("#", speaks(4), pause=13)
#: The trunk knows who calls, and that nobody is to see it.
WITHHELD = (("P-Asserted-Identity", '"Bob" <sip:@caller@@127.0.0.1>'), ("Privacy", "id"))


def row(
    name: str,
    to: str,
    expect: str,
    caller: Caller | None = None,
    *modules: Module,
    a: Behaviour | None = None,
    b: Behaviour | None = None,
    c: Behaviour | None = None,
    out: Behaviour | None = None,
    **rest: Any,
) -> FreepbxRow:
    given = {"a": a, "b": b, "c": c, "out": out}
    return FreepbxRow(
        name=name,
        dialplan=(to,),
        expect=expect,
        caller=caller or waits,
        modules=modules,
        phones={letter: behaviour for letter, behaviour in given.items() if behaviour},
        **rest,
    )


def forwards_to_voicemail() -> Behaviour:
    """The phone's own "send to voicemail" key: 302 to *EXTENSION."""

    async def play(leg: Leg) -> None:
        await redirects(f"*{leg.invite.user}")(leg)

    return play


async def staff_dials_out(scene: Scene) -> None:
    ours = scene.row
    assert isinstance(ours, FreepbxRow)
    await hangs_up(8.0)(scene.agent.call(ours.phone("a"), ours.mobile))


async def staff_dials_extension(scene: Scene) -> None:
    await hangs_up(8.0)(scene.agent.call(scene.row.phone("a"), scene.row.phone("b")))


async def staff_calls_back(scene: Scene) -> None:
    """Once the call is over, extension b calls back, behind the 9 for an outside line."""
    ours, agent = scene.row, scene.agent
    assert isinstance(ours, FreepbxRow)
    agent.behaviours[ours.number_outside] = answers(2, talk=4)
    await asyncio.sleep(1.0)
    assert scene.leg is not None
    await scene.leg.over()
    await asyncio.sleep(1.0)
    await waits(agent.call(ours.phone("b"), "9" + spell(ours.number_outside, "national", "US")))


def short(name: str, **spelling: Any) -> FreepbxRow:
    """A call that only has to be read right: the caller gives up while extension a rings."""
    return row(name, A, "abandoned send", hangs_up(11), a=rings(), **spelling)


def table(rows: Iterable[FreepbxRow]) -> tuple[FreepbxRow, ...]:
    return tuple(_numbered(index, made) for index, made in enumerate(rows))


def _numbered(index: int, made: FreepbxRow) -> FreepbxRow:
    """With its index, and all its numbers spelt."""
    ours = replace(made, index=index)
    caller = spell(ours.number_outside, made.style, made.country)
    headers = tuple((name, value.replace("@caller@", caller)) for name, value in made.headers)
    if made.trunk:
        headers += (("X-Trunk", {"anonymous": "nobody"}.get(made.trunk, made.trunk)),)
    spelt = {"s": "s", "@a@": ours.phone("a")}.get(made.delivered)
    line = spelt or spell(ours.did, made.delivered, made.home)
    ours = replace(
        ours,
        line=line,
        caller_user=ours.phone("a") if made.caller is nobody else caller,
        headers=headers,
    )
    if spelt is not None:  # what was dialled is no telephone number: it needs a sender
        return replace(ours, number={"did": line, "sender": ours.did, **made.number})
    if made.trunk == "acme-line":
        return replace(ours, line="acmeline", route=line, shown=line)
    if made.trunk == "e164-us":
        return replace(ours, route=spell(ours.did, "national", "US"))
    if made.trunk == "anonymous":
        return replace(ours, shown=line)
    return ours
