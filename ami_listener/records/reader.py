"""All records of one Asterisk, read and judged: for each call the best that is known.

CEL goes before CDR, and what one source leaves unknown another may tell. It blocks: call it in a
thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from ami_listener.records import cdr, cel
from ami_listener.records.found import Found
from ami_listener.records.rows import CdrRow, CelRow
from ami_listener.records.settings import RecordSettings
from ami_listener.records.sources import (
    OFF,
    Origin,
    Rows,
    UnreadableError,
    origins,
    read_cdr,
    read_cel,
)
from textback.model import Call, Outcome, Source


@dataclass(frozen=True, kw_only=True)
class Records:
    """What the records of one Asterisk hold of a window of time."""

    #: Ended calls by Uniqueid; the outcome is final, or unknown.
    calls: Mapping[str, Call] = field(default_factory=dict)
    #: Calls that began and have no end in the record, as unknown.
    open: Mapping[str, Call] = field(default_factory=dict)
    found: tuple[Found, ...] = ()
    #: Sources that could not be read: key of the configuration -> why.
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def malformed(self) -> int:
        return sum(found.malformed for found in self.found)


class RecordReader:
    """Reads the records of one [[pbx]] anew each time it is asked."""

    def __init__(self, settings: RecordSettings, watch: Callable[[str], float | None]) -> None:
        """`watch` gives the ring_timeout (seconds) of a dialled number as received; None: none."""
        self.settings = settings
        self._watch = watch

    @property
    def configured(self) -> bool:
        return self.settings.any

    def read(self, since: float, boot: str) -> Records:
        """Calls of which rows lie after `since` (epoch). `boot`: for the keys of the calls."""
        calls: dict[str, Call] = {}
        opened: dict[str, Call] = {}
        found: list[Found] = []
        unreadable: dict[str, str] = {}
        for origin in origins(self.settings):
            try:
                seen = self._judge(origin, since, boot)
            except UnreadableError as error:
                unreadable[origin.key] = f"{origin.path}: {error}"
                continue
            found.append(seen)
            for call in seen.calls:
                known = calls.get(call.key.uniqueid)
                if known is None or _says_more(call, known):
                    calls[call.key.uniqueid] = call
            opened |= {name: call for name, call in seen.open.items() if name not in opened}
        opened = {name: call for name, call in opened.items() if name not in calls}
        return Records(calls=calls, open=opened, found=tuple(found), unreadable=unreadable)

    def _judge(self, origin: Origin, since: float, boot: str) -> Found:
        """Raises UnreadableError."""
        s = self.settings
        judge = partial(
            cel.judge if origin.source is Source.CEL else cdr.judge,
            pbx=s.pbx,
            boot=boot,
            inbound=s.inbound,
            watch=self._watch,
            not_human=s.not_human,
            path=str(origin.path),
        )
        rows: Rows[CelRow] | Rows[CdrRow] = (
            read_cel(origin, s, since) if origin.source is Source.CEL else read_cdr(origin, s)
        )
        if abs(rows.off) > OFF:
            raise UnreadableError(clock_is_off(rows.off))
        found: Found = judge(
            rows.rows, holes=rows.holes, truncated=rows.truncated, malformed=rows.malformed
        )
        recent = tuple(call for call in found.calls if call.at.steady >= since)
        return replace(found, calls=recent)


def clock_is_off(seconds: float) -> str:
    return (
        f"its times are {seconds / 3600:+.1f} h off: is cdr_utc right, and Asterisk's time zone "
        "this host's?"
    )


def _says_more(new: Call, old: Call) -> bool:
    return old.outcome is Outcome.UNKNOWN and new.outcome is not Outcome.UNKNOWN
