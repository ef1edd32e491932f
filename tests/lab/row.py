"""One row of the call matrix: its numbers, its part of Asterisk's configuration, its playing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.lab.agent import Agent, Behaviour, Leg
from tests.lab.ami import Recorder
from tests.lab.versions import VERSIONS

Caller = Callable[[Leg], Coroutine[None, None, None]]


@dataclass
class Scene:
    """One row in play."""

    row: Row
    agent: Agent
    admin: Recorder
    leg: Leg | None = None  #: the caller's, once it was placed
    #: the call from outside may come: for rows with `waits_for_also`
    ready: asyncio.Event = field(default_factory=asyncio.Event)


class Expected(NamedTuple):
    """What must come of one call of a row."""

    did: str
    outcome: str
    verdict: str
    reason: str


Also = Callable[[Scene], Coroutine[None, None, None]]


@dataclass(frozen=True, kw_only=True, repr=False)
class Row:
    name: str
    dialplan: tuple[str, ...]
    expect: str  #: "OUTCOME send" or "OUTCOME skip REASON"
    phones: Mapping[str, Behaviour] = field(default_factory=dict)
    caller: Caller
    #: what else happens; replaces the call from outside when `caller` is `nobody`
    also: Also | None = None
    unregistered: bool = False  #: its phones have no contact
    display: str = ""  #: caller's name
    caller_user: str = ""  #: the From user, where it is not simply the caller's number
    headers: tuple[tuple[str, str], ...] = ()
    number: Mapping[str, Any] = field(default_factory=dict)  #: overrides in its [[number]]
    line: str = ""  #: what the trunk dials instead of the DID
    watched: bool = True
    staff: bool = False  #: the caller is on the staff list
    queue: str = ""  #: members, when it has a queue
    queue_like: str = "lab"  #: its template in queues.conf
    second_queue: str = ""  #: members of another one, @name@_2
    follow_me: str = ""  #: phones that FollowMe(@name@) tries one after the other
    waits_for_also: bool = False  #: the call from outside comes once `also` says `scene.ready`
    #: what must come of the same caller's second call, which `also` places; "" for none
    second: str = ""
    second_did: bool = False  #: it is for another number of ours, `did_2`
    not_human: tuple[str, ...] = ()  #: for [[pbx]] not_human; all rows' together
    versions: tuple[str, ...] = tuple(VERSIONS)  #: Asterisks that know this topology
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
        if self.direction in ("outbound", "originated"):
            return self.out
        return self.phone("b") if self.direction == "internal" else self.did

    @property
    def received(self) -> str:
        """The same as the first event of the call spells it."""
        return self.dialled

    @property
    def did_2(self) -> str:
        return f"+134755501{self.index:02d}"

    @property
    def dids(self) -> tuple[str, ...]:
        return (self.did, self.did_2) if self.second_did else (self.did,)

    @property
    def expected(self) -> tuple[Expected, ...]:
        """What must come of each of its calls. Two for one number: in either order."""
        calls = [(self.dialled, self.expect)]
        if self.second:
            calls.append((self.did_2 if self.second_did else self.dialled, self.second))
        return tuple(
            Expected(did, words[0], words[1], words[-1])
            for did, expect in calls
            for words in (expect.split(),)
        )

    @property
    def texts(self) -> int:
        return sum(call.verdict == "send" for call in self.expected)

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


ANSWERED = "answered skip answered"
OFF = "skip outcome_off"


async def waits(leg: Leg) -> None:
    """Holds on until the other side ends it."""
    await leg.over()


async def nobody(leg: Leg) -> None:
    """The caller of a row without a call from outside: its `also` does it all."""


def row(
    name: str,
    dialplan: str,
    expect: str,
    caller: Caller | None = None,
    *,
    a: Behaviour | None = None,
    b: Behaviour | None = None,
    c: Behaviour | None = None,
    out: Behaviour | None = None,
    **rest: Any,
) -> Row:
    given = {"a": a, "b": b, "c": c, "out": out}
    return Row(
        name=name,
        dialplan=tuple(dialplan.split(" | ")),
        expect=expect,
        caller=caller or waits,
        phones={letter: behaviour for letter, behaviour in given.items() if behaviour},
        **rest,
    )


def configuration(rows: Iterable[Row]) -> dict[str, str]:
    """The generated Asterisk files: phones, boxes, queues, and a number per row."""
    endpoints, boxes, queues, numbers, followed = [], [], [], [], []
    for row in rows:
        for letter in "abc":
            user = row.phone(letter)
            contact = "" if row.unregistered else f"contact = sip:{user}@127.0.0.1:@AGENT_PORT@\n"
            endpoints.append(
                f"[{user}]\ntype = aor\n{contact}\n"
                f"[{user}](phone)\naors = {user}\ncallerid = Phone {user} <{user}>\n"
                f"named_call_group = {row.name}\nnamed_pickup_group = {row.name}\n"
            )
            boxes.append(f"{user} => 1234,Phone {user}")
        first, *rest = row.dialplan
        numbers += [
            f"; {row.name}\nexten => {did},1,{row.fill(first)}\n"
            + "".join(f" same => n,{row.fill(step)}\n" for step in rest)
            for did in ((row.line,) if row.line else row.dids)
        ]
        for name, members, like in (
            (row.name, row.queue, row.queue_like),
            (f"{row.name}_2", row.second_queue, "lab"),
        ):
            if members:
                lines = "".join(f"member => {row.fill(m)}\n" for m in members.split() if m != "-")
                queues.append(f"[{name}]({like})\n{lines}")
        if row.follow_me:
            lines = "".join(f"number => {row.fill(n)},6\n" for n in row.follow_me.split())
            followed.append(f"[{row.name}]\ncontext = from-internal\n{lines}")
    return {
        "pjsip_phones.conf": "\n".join(endpoints),
        "voicemail_boxes.conf": "\n".join(boxes) + "\n",
        "queues_lab.conf": "\n".join(queues),
        "extensions_lab.conf": "\n".join(numbers),
        "followme.conf": "[general]\n\n" + "\n".join(followed),
    }


async def play(row: Row, agent: Agent, admin: Recorder) -> Leg | None:
    """Place the row's call and follow it to its end. Raises what its scripts raised."""
    for letter, behaviour in row.phones.items():
        agent.behaviours[row.out if letter == "out" else row.phone(letter)] = behaviour
    scene = Scene(row, agent, admin)
    async with asyncio.TaskGroup() as group:
        if row.also is not None:
            group.create_task(row.also(scene), name=f"also {row.name}")
        if row.caller is not nobody:
            if row.waits_for_also:
                await asyncio.wait_for(scene.ready.wait(), 30.0)
            scene.leg = agent.call(
                row.caller_user or row.number_outside,
                row.line or row.did,
                name=row.display,
                headers=row.headers,
            )
            group.create_task(row.caller(scene.leg), name=f"caller {row.name}")
    return scene.leg
