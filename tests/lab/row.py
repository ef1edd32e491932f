"""One row of the call matrix: its numbers, its part of Asterisk's configuration, its playing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.lab.agent import Agent, Behaviour, Leg
from tests.lab.ami import Recorder

Caller = Callable[[Leg], Coroutine[None, None, None]]


@dataclass
class Scene:
    """One row in play."""

    row: Row
    agent: Agent
    admin: Recorder
    leg: Leg | None = None  #: the caller's, once it was placed


@dataclass(frozen=True, kw_only=True, repr=False)
class Row:
    name: str
    dialplan: tuple[str, ...]
    expect: str  #: "OUTCOME send" or "OUTCOME skip REASON"
    phones: Mapping[str, Behaviour] = field(default_factory=dict)
    caller: Caller
    #: what else happens; replaces the call from outside when `caller` is `nobody`
    also: Callable[[Scene], Coroutine[None, None, None]] | None = None
    unregistered: bool = False  #: its phones have no contact
    display: str = ""  #: caller's name
    caller_user: str = ""  #: the From user, where it is not simply the caller's number
    headers: tuple[tuple[str, str], ...] = ()
    number: Mapping[str, Any] = field(default_factory=dict)  #: overrides in its [[number]]
    line: str = ""  #: what the trunk dials instead of the DID
    watched: bool = True
    staff: bool = False  #: the caller is on the staff list
    queue: str = ""  #: members, when it has a queue
    #: the text must be decided before the call ends: at ring_timeout, voicemail or answer
    early: bool = False
    index: int = -1

    def __repr__(self) -> str:
        return self.name

    @property
    def did(self) -> str:
        return f"+121255501{self.index:02d}"

    @property
    def number_outside(self) -> str:
        """The caller's number."""
        return f"+164655501{self.index:02d}"

    @property
    def out(self) -> str:
        return out_number(self.index)

    @property
    def outcome(self) -> str:
        return self.expect.split()[0]

    @property
    def verdict(self) -> str:
        return self.expect.split()[1]

    @property
    def reason(self) -> str:
        return self.expect.split()[-1]

    @property
    def direction(self) -> str:
        return self.reason if self.reason in ("internal", "outbound", "originated") else "inbound"

    @property
    def dialled(self) -> str:
        """The number the call went to, as Asterisk names it."""
        inside = {"internal": self.phone("b"), "outbound": self.out, "originated": "s"}
        return inside.get(self.direction, self.did)

    @property
    def texts(self) -> int:
        return int(self.verdict == "send")

    def phone(self, letter: str) -> str:
        return f"1{self.index:02d}{'_abc'.index(letter)}"

    def fill(self, text: str) -> str:
        for letter in "abc":
            text = text.replace(f"@{letter}@", self.phone(letter))
        for token, value in (("did", self.did), ("out", self.out), ("name", self.name)):
            text = text.replace(f"@{token}@", value)
        return text


def out_number(index: int) -> str:
    return f"+191755501{index:02d}"


async def nobody(leg: Leg) -> None:
    """The caller of a row without a call from outside: its `also` does it all."""


def configuration(rows: Iterable[Row]) -> dict[str, str]:
    """The generated Asterisk files: phones, boxes, queues, and a number per row."""
    endpoints, boxes, queues, numbers = [], [], [], []
    for row in rows:
        for letter in "abc":
            user = row.phone(letter)
            contact = "" if row.unregistered else f"contact = sip:{user}@127.0.0.1:@AGENT_PORT@\n"
            endpoints.append(
                f"[{user}]\ntype = aor\n{contact}\n"
                f"[{user}](phone)\naors = {user}\ncallerid = Phone {user} <{user}>\n"
            )
            boxes.append(f"{user} => 1234,Phone {user}")
        first, *rest = row.dialplan
        numbers.append(
            f"; {row.name}\nexten => {row.line or row.did},1,{row.fill(first)}\n"
            + "".join(f" same => n,{row.fill(step)}\n" for step in rest)
        )
        if row.queue:
            members = "".join(f"member => {row.fill(m)}\n" for m in row.queue.split())
            queues.append(f"[{row.name}](lab)\n{members}")
    return {
        "pjsip_phones.conf": "\n".join(endpoints),
        "voicemail_boxes.conf": "\n".join(boxes) + "\n",
        "queues_lab.conf": "\n".join(queues),
        "extensions_lab.conf": "\n".join(numbers),
    }


async def play(row: Row, agent: Agent, admin: Recorder) -> Leg | None:
    """Place the row's call and follow it to its end. Raises what its scripts raised."""
    for letter, behaviour in row.phones.items():
        agent.behaviours[row.out if letter == "out" else row.phone(letter)] = behaviour
    scene = Scene(row, agent, admin)
    async with asyncio.TaskGroup() as group:
        if row.caller is not nobody:
            scene.leg = agent.call(
                row.caller_user or row.number_outside,
                row.line or row.did,
                name=row.display,
                headers=row.headers,
            )
            group.create_task(row.caller(scene.leg), name=f"caller {row.name}")
        if row.also is not None:
            group.create_task(row.also(scene), name=f"also {row.name}")
    return scene.leg
