"""What each table holds of a person, how long it is kept, and what erasure makes of it: the list
that `export`, `erase` and `purge` go by. A test fails for a table that is not in it.

    table           found by                    kept by           erased
    calls           caller, called_back         calls             blanked: figures stay as they are
    verdicts        its call                    with its call     values of its gates blanked
    cases           caller                      cases             blanked, and closed
    threads         handset                     replies           deleted
    outbox          recipient                   texts             blanked
    attempts        its text                    with its text     words blanked
    parts           its text                    with its text     message id blanked
    message_ids     its text                    with its text     deleted
    receipts        its text, or sender         receipts          deleted
    receipt_forms   its receipt                 with its receipt  deleted with it
    incoming        its thread                  replies           deleted with it
    phone_messages  its incoming text           with its text     deleted with it
    replies         sender                      replies           deleted
    hints           caller, its call            hints             blanked
    opt_outs        number                      never in force    deleted: the hash takes its place
    consents        number                      consents          blanked, the hash in its place
    contacts        number                      never             deleted
    events          caller                      events            deleted, those not yet told too
    deliveries      its event                   with its event    deleted with it
    operator_log    its text, its case          operator_log      words blanked
    users           -                           never             staff, not callers
    sessions        -                           with its user     staff; ended ones are deleted
    tokens          -                           never             programs
    login_tries     -                           never             hashes and addresses, for a day
    audit           -                           audit             staff; numbers of rows only
    config_changes  -                           never             configuration, of no caller
    suppressed      -                           never             the hash, nothing else
    meta            -                           never             holds nobody
    figures_*       -                           figures           hold nobody: counts by our number
    figures_marks   -                           never             holds nobody

"Blanked" keeps the row, with nothing in it that tells whose it was: calls, verdicts and texts are
what statistics count. Replies are deleted, so figures on replies lose them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, LargeBinary, String, Table
from sqlalchemy.types import TypeDecorator

from textback.keeping_spelling import ERASED
from textback.store.tables import (
    attempts,
    calls,
    message_ids,
    meta,
    operator_log,
    outbox,
    parts,
    verdicts,
)
from textback.store.tables_carrier import receipt_forms, receipts, replies
from textback.store.tables_console import (
    audit,
    config_changes,
    login_tries,
    sessions,
    tokens,
    users,
)
from textback.store.tables_figures import (
    figures_days,
    figures_delays,
    figures_hours,
    figures_marks,
)
from textback.store.tables_people import cases, consents, contacts, hints, opt_outs, suppressed
from textback.store.tables_talk import incoming, phone_messages, threads
from textback.store.tables_tell import deliveries, events


class Erase(StrEnum):
    """What erasure makes of a row."""

    BLANK = "blank"
    DELETE = "delete"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One table, in the words of the module's own table."""

    table: Table
    keep: str  #: key of [retention]; "with X": as long as that row; "never": not purged
    erase: Erase
    #: Columns that hold the number of the person itself; each is looked up by an index.
    by: tuple[str, ...] = ()
    #: (own column, name of the table it points at): rows of the person by their parents.
    via: tuple[tuple[str, str], ...] = ()
    #: What a blanked row has in these columns.
    blank: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.table.name


HOLDINGS: tuple[Holding, ...] = (
    Holding(
        table=calls,
        keep="calls",
        erase=Erase.BLANK,
        by=("caller_e164", "caller", "called_back"),
        blank={"caller": "", "caller_name": "", "caller_final": "", "caller_e164": ""}
        | {"channel": "", "trail": []},
    ),
    Holding(table=verdicts, keep="with calls", erase=Erase.BLANK, via=(("call_id", "calls"),)),
    Holding(
        table=cases,
        keep="cases",
        erase=Erase.BLANK,
        by=("caller",),
        blank={"caller": "", "note": ""},
    ),
    Holding(table=threads, keep="replies", erase=Erase.DELETE, by=("handset",)),
    Holding(
        table=outbox,
        keep="texts",
        erase=Erase.BLANK,
        by=("recipient",),
        blank={"recipient": "", "text": "", "reason": "", "thread_id": None, "request": ""},
    ),
    Holding(
        table=attempts,
        keep="with texts",
        erase=Erase.BLANK,
        via=(("row_id", "outbox"),),
        blank={"detail": ""},
    ),
    Holding(
        table=parts,
        keep="with texts",
        erase=Erase.BLANK,
        via=(("row_id", "outbox"),),
        blank={"message_id": ""},
    ),
    Holding(table=message_ids, keep="with texts", erase=Erase.DELETE, via=(("row_id", "outbox"),)),
    Holding(
        table=receipts,
        keep="receipts",
        erase=Erase.DELETE,
        by=("sender",),
        via=(("row_id", "outbox"),),
    ),
    Holding(
        table=receipt_forms,
        keep="with receipts",
        erase=Erase.DELETE,
        via=(("receipt_id", "receipts"),),
    ),
    Holding(table=incoming, keep="replies", erase=Erase.DELETE, via=(("thread_id", "threads"),)),
    Holding(
        table=phone_messages,
        keep="with incoming",
        erase=Erase.DELETE,
        via=(("incoming_id", "incoming"),),
    ),
    Holding(
        table=replies,
        keep="replies",
        erase=Erase.DELETE,
        by=("sender",),
        via=(("incoming_id", "incoming"),),
    ),
    Holding(
        table=hints,
        keep="hints",
        erase=Erase.BLANK,
        by=("caller",),
        via=(("call_id", "calls"), ("row_id", "outbox")),
        blank={"caller": "", "message": "", "result": ""},
    ),
    Holding(table=opt_outs, keep="never", erase=Erase.DELETE, by=("number",)),
    Holding(
        table=consents,
        keep="consents",
        erase=Erase.BLANK,
        by=("number",),
        blank={"number": "", "words": "", "detail": ""},
    ),
    Holding(table=contacts, keep="never", erase=Erase.DELETE, by=("number",)),
    Holding(table=events, keep="events", erase=Erase.DELETE, by=("caller",)),
    Holding(
        table=deliveries, keep="with events", erase=Erase.DELETE, via=(("event_id", "events"),)
    ),
    Holding(
        table=operator_log,
        keep="operator_log",
        erase=Erase.BLANK,
        via=(("row_id", "outbox"), ("case_id", "cases")),
        blank={"detail": ""},
    ),
    Holding(table=users, keep="never", erase=Erase.NOTHING),
    Holding(table=sessions, keep="with users", erase=Erase.NOTHING),
    Holding(table=tokens, keep="never", erase=Erase.NOTHING),
    Holding(table=login_tries, keep="never", erase=Erase.NOTHING),
    Holding(table=audit, keep="audit", erase=Erase.NOTHING),
    Holding(table=config_changes, keep="never", erase=Erase.NOTHING),
    Holding(table=suppressed, keep="never", erase=Erase.NOTHING),
    Holding(table=meta, keep="never", erase=Erase.NOTHING),
    *(
        Holding(table=counts, keep="figures", erase=Erase.NOTHING)
        for counts in (figures_hours, figures_days, figures_delays)
    ),
    Holding(table=figures_marks, keep="never", erase=Erase.NOTHING),
)
HELD: dict[str, Holding] = {holding.name: holding for holding in HOLDINGS}

#: Columns that hold no words of anybody and may look like numbers: ids of Asterisk begin with the
#: seconds since 1970, ten digits, and those of carriers are what they are.
_NO_WORDS = {
    *(("calls", c) for c in ("uniqueid", "linkedid", "boot")),
    ("hints", "uniqueid"),
    ("parts", "message_id"),
    ("receipts", "message_id"),
    ("events", "key"),
    ("consents", "number_hash"),
    ("users", "password"),
}
#: Not searched: ids of carriers, hashes, the texts of our own configuration.
_UNSEARCHED = {
    *("message_ids", "receipt_forms", "suppressed"),
    *("figures_hours", "figures_days", "figures_delays", "figures_marks"),
    *("sessions", "tokens", "login_tries", "config_changes"),
}


def is_bytes(column: Column[Any]) -> bool:
    return isinstance(column.type, LargeBinary)


def searched(holding: Holding) -> tuple[Column[Any], ...]:
    """Columns in which a number may stand, wherever it comes from."""
    if holding.name in _UNSEARCHED:
        return ()
    return tuple(
        column
        for column in holding.table.columns
        if (holding.name, column.name) not in _NO_WORDS and holds_words(column)
    )


def holds_words(column: Column[Any]) -> bool:
    """Whether a column is of a kind that may have a number in it."""
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    return isinstance(kind, String | JSON | LargeBinary) and not getattr(kind, "enums", None)


#: What an outgoing call that reached the person has in `called_back` afterwards: that somebody was
#: reached is what statistics count.
REACHED = ERASED
