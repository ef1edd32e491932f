"""What the staff make of cases: they take them, call back, dismiss, or let them lie."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from tests.lab.seeding.calls import Calls, Ring
from tests.lab.seeding.cases import STAFF, Cases, Open
from tests.lab.seeding.people import Number, Person
from tests.lab.seeding.tidings import Tidings

_HOUR, _DAY = 3600.0, 86_400.0
_DISMISSED = ("spoke at the desk", "a salesman", "wrong number", "wrote that it is settled")
_NOTES = ("prefers mornings", "call after 5 pm, works nights", "ask for the new insurance card")


class World(Protocol):
    """The history, as far as the staff act in it."""

    def soon(self, at: float, what: Callable[[float], None]) -> None: ...
    def answered(self, person: Person, number: Number, at: float) -> Ring: ...
    def spoken(self, person: Person, ring: Ring) -> None: ...


class Staff:
    """Plans what becomes of a case when it is opened, and does it when its time comes."""

    def __init__(
        self,
        world: World,
        calls: Calls,
        cases: Cases,
        told: Tidings,
        rng: random.Random,
        now: float,
    ) -> None:
        self._world, self._calls, self._cases = world, calls, cases
        self._told, self._rng, self._now = told, rng, now

    def plan(self, case: Open, at: float) -> None:
        rng = self._rng
        if rng.random() < 0.5:
            by = rng.choice(STAFF)
            self._world.soon(at + rng.uniform(60, 3 * _HOUR), lambda due: self._take(case, due, by))
        fate, soon = rng.random(), at + 300 + rng.expovariate(1 / (4 * _HOUR))
        if at > self._now - 4 * _DAY and rng.random() < 0.6:
            return  # nobody has come to those yet
        if fate < 0.56:
            self._world.soon(soon, lambda due: self._call_back(case, due))
        elif fate < 0.80:
            self._world.soon(soon + _HOUR, lambda due: self._comes_back(case, due))
        elif fate < 0.97:
            self._world.soon(soon + 2 * _HOUR, lambda due: self._dismiss(case, due))
        # The others are open until the end: nobody is perfect.

    def _is_open(self, case: Open) -> bool:
        return self._cases.open.get((case.person.number, case.number.did)) is case

    def _take(self, case: Open, at: float, by: str) -> None:
        if self._is_open(case):
            self._cases.take(case, at, by)
            if self._rng.random() < 0.15:
                case.note = self._rng.choice(_NOTES)
                self._cases.log(case, at + 30, f"operator {by}", "note", case.note)

    def _call_back(self, case: Open, at: float) -> None:
        if not self._is_open(case):
            return
        reached = self._rng.random() < 0.82
        ring = self._calls.outbound(case.person, case.number, at, reached=reached)
        if not reached:
            self._world.soon(
                at + self._rng.uniform(1, 5) * _HOUR, lambda due: self._call_back(case, due)
            )
            return
        by = self._rng.choice(case.number.extensions)
        for one in self._cases.of(case.person):
            self._cases.spoken(one, "called_back", ring, by)
            self._told.case_closed(one, "called_back", ring.started, by, ring.call_id)
        self._world.spoken(case.person, ring)

    def _comes_back(self, case: Open, at: float) -> None:
        if self._is_open(case):
            self._world.answered(case.person, case.number, at)

    def _dismiss(self, case: Open, at: float) -> None:
        if self._is_open(case):
            by, reason = self._rng.choice(STAFF), self._rng.choice(_DISMISSED)
            self._cases.dismissed(case, at, by, reason)
            self._told.case_closed(case, "dismissed", at, f"operator {by}", None)
