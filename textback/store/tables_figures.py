"""The tables of figures by number, day and hour, which the console's plots are drawn from.

They name nobody, so they stay when the calls they were counted from are deleted. `number` is the
[[number]], "" for all of them together: a page on everything reads one row an hour, however many
numbers there are. A day is one of business.timezone, kept as its ordinal (1 = 1 January of year 1).
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table

from textback.model import TEXTABLE_OUTCOMES
from textback.store.columns import Id, UtcDateTime, Words, metadata

#: Of calls, by when they began. Each missed call is one of: recovered (its case was spoken to),
#: taken (no, but the carrier took the text it was followed by, or may have), neither. A column for
#: each outcome beside them, of calls as all the others.
CALLS = ("calls", "answered", "unknown", "missed", "recovered", "taken")
OUTCOMES = tuple(outcome.value for outcome in TEXTABLE_OUTCOMES)
#: Of texts to missed callers, by when they were written, as `figures.NumberFigures` has them.
TEXTS = ("texted", "delivered", "failed", "open_texts", "given", "shadow")
#: Of cases, by when their first missed call began, as `recovery.Recovery` has them: those in which
#: the caller was texted before anybody spoke with him are `with_text`.
CASES = ("cases", "misses", "replied", "called_back", "came_back", "dismissed")
CASES_TEXTED = ("with_text", "with_text_replied", "with_text_spoken")
#: All that is counted; opt-outs by when they were made.
COUNTS = (*CALLS, *OUTCOMES, *TEXTS, *CASES, *CASES_TEXTED, "opt_outs")


def _counts() -> list[Column[int]]:
    return [Column(name, Integer, nullable=False, server_default="0") for name in COUNTS]


#: By local hour: what the two hours are that a clock set back goes through twice, `at` tells.
figures_hours = Table(
    "figures_hours",
    metadata,
    Column("number", Words, primary_key=True),
    Column("at", UtcDateTime, primary_key=True),  # when this hour began
    Column("day", Integer, nullable=False),
    Column("hour", Integer, nullable=False),  # 0 to 23, local
    *_counts(),
    Index("ix_figures_hours_day", "day"),
    sqlite_with_rowid=False,
)

#: By day, the sum of its hours.
figures_days = Table(
    "figures_days",
    metadata,
    Column("number", Words, primary_key=True),
    Column("day", Integer, primary_key=True),
    *_counts(),
    Index("ix_figures_days_day", "day"),
    sqlite_with_rowid=False,
)

#: From the fact that decided to the carrier's yes, by steps of `figures_count.step` (in tenths of a
#: second), by the day on which the text was written.
figures_delays = Table(
    "figures_delays",
    metadata,
    Column("number", Words, primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("tenths", Integer, primary_key=True),
    Column("texts", Integer, nullable=False),
    Index("ix_figures_delays_day", "day"),
    sqlite_with_rowid=False,
)

#: Quarters of an hour (since 1970) of which something has changed and that are to be counted again.
#: Triggers write it; `times` tells a mark from a later one.
figures_marks = Table(
    "figures_marks",
    metadata,
    Column("quarter", Id, primary_key=True, autoincrement=False),
    Column("times", Integer, nullable=False),
)
