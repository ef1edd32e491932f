"""Rows of cases: missed callers to be called back, and what people did to them."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.lab.seeding.calls import Ring
from tests.lab.seeding.people import Number, Person
from tests.lab.seeding.rows import Rows, instant

STAFF = ("Dana", "Miguel", "Front desk", "Priya")


@dataclass(slots=True)
class Open:
    """A case as it stands."""

    id: int
    person: Person
    number: Number
    opened: float
    missed: float
    first: int
    last: int
    due: float | None
    owner: str = ""
    note: str = ""
    misses: int = 1
    texted: float | None = None
    replied: float | None = None

    @property
    def stage(self) -> str:
        return "replied" if self.replied else "texted" if self.texted else "missed"


class Cases:
    """Opens, extends and closes them; writes each when nothing more happens to it."""

    def __init__(self, rows: Rows, rng: random.Random, until: float) -> None:
        self._rows, self._rng, self._until = rows, rng, until
        self.open: dict[tuple[str, str], Open] = {}
        self._of_caller: dict[str, list[Open]] = {}

    def of(self, person: Person) -> list[Open]:
        """Every open case of this caller."""
        return list(self._of_caller.get(person.number, ()))

    def place(self, person: Person, number: Number) -> tuple[int, Open | None]:
        """The number of the case a missed call belongs to, and the case where it is open."""
        case = self.open.get((person.number, number.did))
        return (case.id, case) if case else (self._rows.id("cases"), None)

    def missed(
        self,
        case_id: int,
        case: Open | None,
        person: Person,
        number: Number,
        ring: Ring,
        due: float | None,
    ) -> Open:
        if case is not None:
            case.misses += 1
            case.missed, case.last = ring.started, ring.call_id
            return case
        made = Open(
            case_id, person, number, ring.started, ring.started, ring.call_id, ring.call_id, due
        )
        self.open[person.number, number.did] = made
        self._of_caller.setdefault(person.number, []).append(made)
        return made

    def _shut(self, case: Open) -> None:
        del self.open[case.person.number, case.number.did]
        self._of_caller[case.person.number].remove(case)

    def log(self, case: Open, at: float, by: str, verb: str, detail: str) -> None:
        self._rows.add(
            "operator_log",
            {
                "id": self._rows.id("operator_log"),
                "at": instant(at),
                "by": by,
                "verb": verb,
                "row_id": None,
                "detail": detail,
                "case_id": case.id,
            },
        )

    def take(self, case: Open, at: float, by: str) -> None:
        self.log(case, at, f"operator {by}", "assign", f"{case.owner or 'nobody'} -> {by}")
        case.owner = by

    def spoken(self, case: Open, stage: str, ring: Ring, by: str) -> None:
        """A conversation closed it."""
        self._shut(case)
        self._write(
            case, stage, by, ring.ended, spoken=ring.started + ring.waited, call=ring.call_id
        )

    def dismissed(self, case: Open, at: float, by: str, reason: str) -> None:
        self._shut(case)
        self.log(case, at, f"operator {by}", "dismiss", reason)
        self._write(case, "dismissed", f"operator {by}", at, spoken=None, call=None)

    def close(self) -> None:
        """Writes those that are open."""
        for case in self.open.values():
            self._write(case, case.stage, "", None, spoken=None, call=None)

    def _write(
        self,
        case: Open,
        stage: str,
        by: str,
        closed: float | None,
        *,
        spoken: float | None,
        call: int | None,
    ) -> None:
        late = case.due is not None and case.due < (closed or self._until)
        self._rows.add(
            "cases",
            {
                "id": case.id,
                "caller": case.person.number,
                "number": case.number.did,
                "stage": stage,
                "misses": case.misses,
                "opened_at": instant(case.opened),
                "missed_at": instant(case.missed),
                "first_call_id": case.first,
                "last_call_id": case.last,
                "texted_at": instant(case.texted),
                "replied_at": instant(case.replied),
                "owner": case.owner,
                "due_at": instant(case.due),
                "overdue_at": instant(case.due + 20) if late and case.due else None,
                "closed_at": instant(closed),
                "spoken_at": instant(spoken),
                "closing_call_id": call,
                "closed_by": by,
                "note": case.note,
                "changed_at": instant(closed or case.missed),
            },
        )
