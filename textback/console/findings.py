"""What the doctor inside the service has found, as the console is told of it."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Finding:
    """One item: what was looked at, how it stands, and what to do when it does not stand well."""

    area: str  #: config | store | clock | kept | texts | ami <name> | smpp <name> | tell <name>...
    level: str  #: "ok", "warn" or "fail"
    found: str
    fix: str = ""

    @property
    def well(self) -> bool:
        return self.level == "ok"


@dataclass(frozen=True, slots=True)
class Findings:
    """How everything stands: the links as of now, the rest as of `checked`."""

    items: tuple[Finding, ...] = ()
    checked: datetime | None = None  #: None: no examination has come to its end yet
    running: bool = False  #: one is under way
    trouble: str = ""  #: why the last one did not come to its end; "" for it did


class Examiner(Protocol):
    """The doctor inside the service, or none (`NoExaminer`)."""

    def look(self) -> Awaitable[Findings]:
        """What is known now; never waits for an examination."""
        ...

    def ask(self) -> float:
        """Have it examine again. 0: it does; else seconds until it may be asked."""
        ...


class NoExaminer:
    """Where nobody examines: tests, and a console without a service."""

    async def look(self) -> Findings:
        return Findings()

    def ask(self) -> float:
        return 0.0
