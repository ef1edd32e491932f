"""The tables of the console: users, sessions, tokens, who did what, changed configurations."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    text,
)

from textback.store.columns import Id, UtcDateTime, Words, choice, metadata

#: Who may sign in. Names are kept in lower case: "Anna" and "anna" are one person.
users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Words, nullable=False),
    Column("role", Words, nullable=False),  # "viewer" | "agent" | "admin"
    Column("password", Words, nullable=False),  # argon2id; "" signs in through a proxy only
    Column("disabled", Boolean, nullable=False),
    Column("phone", Words, nullable=False),  # the desk phone: "PJSIP/101", "" for none
    Column("pbx", Words, nullable=False),  # the [[pbx]] that has it
    Column("language", Words, nullable=False),  # "en", "de"; "": what the browser asks for
    Column("theme", Words, nullable=False),  # "light", "dark"; "": what the system has
    Column("created_at", UtcDateTime, nullable=False),
    Column("password_at", UtcDateTime, nullable=False),  # when it was last set
    Column("seen_at", UtcDateTime),  # when he last signed in
    UniqueConstraint("name"),
)

#: One browser that is signed in. Of its token only the hash is here.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("hash", Words, nullable=False),  # SHA-256 of the token, hexadecimal
    Column("user_id", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),  # to the minute
    Column("expires_at", UtcDateTime, nullable=False),  # however busy it is
    Column("address", Words, nullable=False),
    Column("agent", Words, nullable=False),  # what the browser calls itself
    UniqueConstraint("hash"),
    Index("ix_sessions_user_id", "user_id"),
    Index("ix_sessions_expires_at", "expires_at"),
)

#: Programs that may use the API. Of a token only the hash is here.
tokens = Table(
    "tokens",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Words, nullable=False),
    Column("hash", Words, nullable=False),  # SHA-256 of the token, hexadecimal
    Column("role", Words, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Words, nullable=False),
    Column("expires_at", UtcDateTime),  # NULL: never
    Column("used_at", UtcDateTime),  # to the minute
    # The desk phone that its clicks ring, as in `users`.
    Column("phone", Words, nullable=False, server_default=text("''")),
    Column("pbx", Words, nullable=False, server_default=text("''")),
    UniqueConstraint("name"),
    UniqueConstraint("hash"),
)

#: How often a sign-in failed, by who and from where. Names are hashed: a password is soon typed
#: into the wrong field.
login_tries = Table(
    "login_tries",
    metadata,
    Column("kind", Words, primary_key=True),  # "pair" | "address" | "user" | "known"
    Column("key", Words, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("since", UtcDateTime, nullable=False),  # the first of these failures
    Column("last_at", UtcDateTime, nullable=False),
    Column("locked_until", UtcDateTime),
    Column("locks", Integer, nullable=False),  # locks one after the other
    Index("ix_login_tries_last_at", "last_at"),
)

#: Who did what in the console, and to its users. Of callers the numbers of rows only.
audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("who", Words, nullable=False),  # "" for nobody we know
    Column("via", Words, nullable=False),  # "session" | "token" | "proxy" | "cli" | "login"
    Column("address", Words, nullable=False),  # "" for the command line
    Column("action", Words, nullable=False),  # "thread.reply", "user.add", "login.failed"
    Column("subject", Words, nullable=False),  # "thread 17", "user anna"
    Column("detail", Words, nullable=False),
    Column("times", Integer, nullable=False),  # how often it happened until `last_at`
    Column("last_at", UtcDateTime, nullable=False),
    Index("ix_audit_at", "at"),
    Index("ix_audit_who", "who", "id"),
    Index("ix_audit_action", "action", "id"),
)


class ChangeState(StrEnum):
    """How far a change of the configuration came."""

    PENDING = "pending"  #: recorded, and perhaps in the file already
    DONE = "done"
    REFUSED = "refused"  #: the service did not take it; the file is as it was
    LOST = "lost"  #: the service ended before it was in the file


#: What the console changed in its file of conf.d, with the whole file before and after.
config_changes = Table(
    "config_changes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("who", Words, nullable=False),
    Column("state", choice(ChangeState, "state", closed=False), nullable=False),
    # [{"did", "key", "old", "new", "was", "is"}, ...]: as in the file, and as it was in force
    Column("summary", JSON, nullable=False),
    Column("before", Words),  # NULL: there was no file
    Column("after", Words),
    Column("undoes", Id),  # the change this one puts back
    Index(
        "ix_config_changes_pending",
        "id",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
)
