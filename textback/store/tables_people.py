"""The tables of people: contacts, cases, consents, opt-outs, the suppressed, hooks' hints."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    text,
)

from textback.model import CaseStage, ConsentEvent, ConsentSource, HintKind
from textback.store.columns import Id, UtcDateTime, Words, choice, metadata

#: Names by number, as imported. One number may be known by several sources.
contacts = Table(
    "contacts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number", Words, nullable=False),  # E.164
    Column("name", Words, nullable=False),
    Column("organization", Words, nullable=False),
    Column("tags", Words, nullable=False),  # lower case, each between commas: ",vip,vendor,"
    Column("vip", Boolean, nullable=False),
    Column("no_text", Boolean, nullable=False),  # never texted
    Column("source", Words, nullable=False),  # "csv:clients.csv", "vcard:...", "astdb:pbx"
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("number", "source"),
    Index("ix_contacts_source", "source"),
    Index("ix_contacts_name", "name"),
)

#: A missed caller who is to be called back: one open case per (caller, our number).
cases = Table(
    "cases",
    metadata,
    Column("id", Id, primary_key=True),
    Column("caller", Words, nullable=False),  # E.164
    Column("number", Words, nullable=False),  # did of the [[number]]
    Column("stage", choice(CaseStage, "stage", closed=False), nullable=False),
    Column("misses", Integer, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),  # start of the first missed call
    Column("missed_at", UtcDateTime, nullable=False),  # start of the last one
    Column("first_call_id", Id, ForeignKey("calls.id", ondelete="SET NULL")),
    Column("last_call_id", Id, ForeignKey("calls.id", ondelete="SET NULL")),
    Column("texted_at", UtcDateTime),  # the carrier took a text to the caller
    Column("replied_at", UtcDateTime),
    Column("owner", Words, nullable=False),  # extension or name, "" for nobody
    Column("due_at", UtcDateTime),  # by when somebody should have called back
    Column("overdue_at", UtcDateTime),  # when others were told that it is past that; once
    Column("closed_at", UtcDateTime),  # NULL: open
    # The conversation that closed it began then; NULL: it was dismissed, or is open.
    Column("spoken_at", UtcDateTime),
    Column("closing_call_id", Id, ForeignKey("calls.id", ondelete="SET NULL")),
    Column("closed_by", Words, nullable=False),  # "the PBX", "operator NAME"; "" while open
    Column("note", Words, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Index(
        "uq_cases_open",
        "caller",
        "number",
        unique=True,
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
    Index("ix_cases_opened_at", "opened_at"),
    Index("ix_cases_caller", "caller", "opened_at"),
    # A call that is purged looks here for whom it belonged to.
    Index("ix_cases_first_call_id", "first_call_id"),
    Index("ix_cases_last_call_id", "last_call_id"),
    Index("ix_cases_closing_call_id", "closing_call_id"),
    # The open ones in the order in which they are to be called back, all and of one kind.
    *(
        Index(
            name,
            *of,
            "due_at",
            "missed_at",
            "id",
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        )
        for name, *of in (
            ("ix_cases_due",),
            ("ix_cases_number_due", "number"),
            ("ix_cases_owner_due", "owner"),
            ("ix_cases_stage_due", "stage"),
            # The columns of the console's board, of one owner or of one number.
            ("ix_cases_stage_owner", "stage", "owner"),
            ("ix_cases_stage_number", "stage", "number"),
        )
    ),
    Index(
        "ix_cases_waiting",
        "due_at",
        sqlite_where=text("closed_at IS NULL AND overdue_at IS NULL"),
        postgresql_where=text("closed_at IS NULL AND overdue_at IS NULL"),
    ),
    Index(
        "ix_cases_closed_at",
        "closed_at",
        "id",
        sqlite_where=text("closed_at IS NOT NULL"),
        postgresql_where=text("closed_at IS NOT NULL"),
    ),
)

#: What was said about being texted, by whom, and what came of it: the evidence. Rows are added and
#: never changed (triggers see to it); only `erase` blanks number and words, only `purge` deletes.
#: The numbers of other rows are plain integers: the evidence outlives what it points at.
consents = Table(
    "consents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("number", Words, nullable=False),  # E.164; "" once erased
    Column("number_hash", Words, nullable=False),  # keyed, hexadecimal; "" until erased
    Column("scope", Words, nullable=False),
    Column("event", choice(ConsentEvent, "event", closed=False), nullable=False),
    Column("source", choice(ConsentSource, "source", closed=False), nullable=False),
    Column("by", Words, nullable=False),  # who, where a person did it
    Column("words", Words, nullable=False),  # exactly what the handset wrote
    Column("detail", Words, nullable=False),  # carrier's code, file and line, the reason given
    Column("call_id", Integer),
    Column("incoming_id", Integer),
    Column("row_id", Integer),
    Index("ix_consents_number", "number", "at"),
    Index("ix_consents_at", "at"),
)

#: The row of `meta` while which `consents` may be changed: `store.consents.opened`.
UNLOCKED = "consents_unlocked"

#: Erased people, by keyed hash only: they are not texted again unless they ask for it.
suppressed = Table(
    "suppressed",
    metadata,
    Column("number_hash", Words, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("reason", Words, nullable=False),
    sqlite_with_rowid=False,
)

#: Who is not texted. What was said, and each change, is in `consents` for good.
opt_outs = Table(
    "opt_outs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number", Words, nullable=False),
    # "": no number of the business texts it; else the did of the [[number]] that does not.
    Column("scope", Words, nullable=False, server_default=""),
    Column("word", Words, nullable=False),  # what the handset wrote, or who entered it
    Column(
        "source",
        choice(ConsentSource, "source", closed=False),
        nullable=False,
        server_default="handset",
    ),
    Column("reason", Words, nullable=False, server_default=""),  # in words, by staff
    Column("at", UtcDateTime, nullable=False),
    Column("lifted_at", UtcDateTime),
    Column("lifted_by", Words, nullable=False),
    Index(
        "uq_opt_outs_active",
        "number",
        "scope",
        unique=True,
        sqlite_where=text("lifted_at IS NULL"),
        postgresql_where=text("lifted_at IS NULL"),
    ),
)

#: What the dialplan said and what came of it; for opt-in, opt-out and offers the evidence of it.
hints = Table(
    "hints",
    metadata,
    Column("id", Id, primary_key=True),
    # NULL: the call is not known (yet); it is given its hints when it is.
    Column("call_id", Id, ForeignKey("calls.id", ondelete="SET NULL")),
    Column("row_id", Id, ForeignKey("outbox.id", ondelete="SET NULL")),  # the text it wrote
    Column("pbx", Words, nullable=False),
    Column("uniqueid", Words, nullable=False),
    Column("kind", choice(HintKind, "kind", closed=False), nullable=False),
    Column("source", Words, nullable=False),  # "agi", "UserEvent", the variable
    Column("caller", Words, nullable=False),  # E.164, else as the hook was told
    Column("number", Words, nullable=False),  # the [[number]] it belongs to, "" for none
    Column("message", Words, nullable=False),  # name of a [[message]]
    Column("at", UtcDateTime, nullable=False),
    Column("result", Words, nullable=False),  # what came of it, in words
    Index("ix_hints_call_id", "call_id"),
    Index("ix_hints_row_id", "row_id"),
    Index("ix_hints_uniqueid", "uniqueid", "at"),
    Index("ix_hints_caller", "caller", "at"),
    Index("ix_hints_at", "at"),
    # Few rows at a time: hints whose call has not ended yet.
    Index(
        "ix_hints_loose",
        "pbx",
        "uniqueid",
        sqlite_where=text("call_id IS NULL"),
        postgresql_where=text("call_id IS NULL"),
    ),
)
