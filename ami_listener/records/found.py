"""What a look into the records came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from textback.model import Call, Outcome, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The calls of one source, of a window of time."""

    source: Source
    path: str
    #: Those that ended in it: phase ENDED, late, the outcome final, or unknown where the record
    #: does not tell. In the order in which they ended.
    calls: tuple[Call, ...] = ()
    #: Inbound calls that began and whose end is not written (yet), as they would be if it never is:
    #: by Uniqueid, ended as unknown at the last line about them.
    open: Mapping[str, Call] = field(default_factory=dict)
    rows: int = 0
    malformed: int = 0
    first: float | None = None  #: epoch of the first row that was looked at
    last: float | None = None
    truncated: bool = False  #: the bound on rows was met: older ones were not looked at
    notes: tuple[str, ...] = ()  #: what is not as it should be, in words


def unknown(call: Call, why: str) -> Call:
    """The same call, of which it is not known how it went. An answer that was seen stays one."""
    if call.outcome is Outcome.ANSWERED:
        return call
    line = (round(max(0.0, call.at.steady - call.started.steady), 3), why)
    return replace(
        call,
        outcome=Outcome.UNKNOWN,
        may_become=frozenset({Outcome.UNKNOWN}),
        gap=True,
        trail=(*call.trail, line),
    )
