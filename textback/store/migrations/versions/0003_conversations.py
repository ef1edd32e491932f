"""Conversations: threads, texts put together, opt-outs with evidence, cases, contacts, events.

As before, nothing big is rewritten: new columns stand at the end of their tables.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UTC = sa.DateTime(timezone=True)
_WORD = sa.String(24)


def upgrade() -> None:
    _talk()
    _people()
    _tell()
    _columns()
    _missed_callers()
    _threads_of_before()
    _evidence()


def _talk() -> None:
    op.create_table(
        "threads",
        sa.Column("id", _ID, nullable=False),
        sa.Column("handset", sa.Text(), nullable=False),
        sa.Column("ours", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("opened_at", _UTC, nullable=False),
        sa.Column("last_at", _UTC, nullable=False),
        sa.Column("last_in_at", _UTC, nullable=True),
        sa.Column("last_out_at", _UTC, nullable=True),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.Column("waits_since", _UTC, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_threads")),
        sa.UniqueConstraint("handset", "ours", name=op.f("uq_threads_handset_ours")),
    )
    op.create_index("ix_threads_last_at", "threads", ["last_at", "id"])
    op.create_index("ix_threads_number", "threads", ["number", "last_at"])
    op.create_index(
        "ix_threads_unread",
        "threads",
        ["last_at"],
        sqlite_where=sa.text("unread > 0"),
        postgresql_where=sa.text("unread > 0"),
    )
    op.create_index(
        "ix_threads_waits_since",
        "threads",
        ["waits_since"],
        sqlite_where=sa.text("waits_since IS NOT NULL"),
        postgresql_where=sa.text("waits_since IS NOT NULL"),
    )
    op.create_table(
        "incoming",
        sa.Column("id", _ID, nullable=False),
        sa.Column("thread_id", _ID, nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("whole_at", _UTC, nullable=True),
        sa.Column("reference", sa.Integer(), nullable=True),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("given_up_at", _UTC, nullable=True),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("review", _WORD, nullable=False),
        sa.Column("reviewed_at", _UTC, nullable=True),
        sa.Column("reviewed_by", sa.Text(), nullable=False),
        sa.Column("keyword", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["threads.id"], name=op.f("fk_incoming_thread_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incoming")),
    )
    op.create_index("ix_incoming_at", "incoming", ["at"])
    op.create_index(
        "ix_incoming_reference",
        "incoming",
        ["thread_id", "reference", "id"],
        sqlite_where=sa.text("reference IS NOT NULL"),
        postgresql_where=sa.text("reference IS NOT NULL"),
    )
    op.create_index(
        "ix_incoming_open",
        "incoming",
        ["thread_id", "id"],
        sqlite_where=sa.text("whole_at IS NULL AND given_up_at IS NULL"),
        postgresql_where=sa.text("whole_at IS NULL AND given_up_at IS NULL"),
    )
    op.create_index(
        "ix_incoming_review",
        "incoming",
        ["sender", "at"],
        sqlite_where=sa.text("review = 'open'"),
        postgresql_where=sa.text("review = 'open'"),
    )
    op.create_index("ix_incoming_thread_id", "incoming", ["thread_id", "at"])
    op.create_table(
        "phone_messages",
        sa.Column("id", _ID, nullable=False),
        sa.Column("incoming_id", _ID, nullable=False),
        sa.Column("pbx", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("parts_done", sa.Integer(), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("due_at", _UTC, nullable=False),
        sa.Column("changed_at", _UTC, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incoming_id"],
            ["incoming.id"],
            name=op.f("fk_phone_messages_incoming_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_messages")),
        sa.UniqueConstraint(
            "incoming_id",
            "pbx",
            "endpoint",
            name=op.f("uq_phone_messages_incoming_id_pbx_endpoint"),
        ),
    )
    op.create_index("ix_phone_messages_created_at", "phone_messages", ["created_at"])
    op.create_index(
        "ix_phone_messages_waiting",
        "phone_messages",
        ["pbx", "endpoint", "id"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "ix_phone_messages_due",
        "phone_messages",
        ["due_at", "id"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )


def _people() -> None:
    op.create_table(
        "contacts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("vip", sa.Boolean(), nullable=False),
        sa.Column("no_text", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("updated_at", _UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sa.UniqueConstraint("number", "source", name=op.f("uq_contacts_number_source")),
    )
    op.create_index("ix_contacts_name", "contacts", ["name"])
    op.create_index("ix_contacts_source", "contacts", ["source"])
    op.create_table(
        "cases",
        sa.Column("id", _ID, nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("stage", _WORD, nullable=False),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.Column("opened_at", _UTC, nullable=False),
        sa.Column("missed_at", _UTC, nullable=False),
        sa.Column("first_call_id", _ID, nullable=True),
        sa.Column("last_call_id", _ID, nullable=True),
        sa.Column("texted_at", _UTC, nullable=True),
        sa.Column("replied_at", _UTC, nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("due_at", _UTC, nullable=True),
        sa.Column("overdue_at", _UTC, nullable=True),
        sa.Column("closed_at", _UTC, nullable=True),
        sa.Column("spoken_at", _UTC, nullable=True),
        sa.Column("closing_call_id", _ID, nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("changed_at", _UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["closing_call_id"],
            ["calls.id"],
            name=op.f("fk_cases_closing_call_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["first_call_id"],
            ["calls.id"],
            name=op.f("fk_cases_first_call_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["last_call_id"], ["calls.id"], name=op.f("fk_cases_last_call_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
    )
    op.create_index("ix_cases_caller", "cases", ["caller", "opened_at"])
    for name, of in (
        ("ix_cases_due", []),
        ("ix_cases_number_due", ["number"]),
        ("ix_cases_owner_due", ["owner"]),
        ("ix_cases_stage_due", ["stage"]),
    ):
        op.create_index(
            name,
            "cases",
            [*of, "due_at", "missed_at", "id"],
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )
    op.create_index(
        "ix_cases_waiting",
        "cases",
        ["due_at"],
        sqlite_where=sa.text("closed_at IS NULL AND overdue_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL AND overdue_at IS NULL"),
    )
    op.create_index(
        "ix_cases_closed_at",
        "cases",
        ["closed_at", "id"],
        sqlite_where=sa.text("closed_at IS NOT NULL"),
        postgresql_where=sa.text("closed_at IS NOT NULL"),
    )
    op.create_index("ix_cases_opened_at", "cases", ["opened_at"])
    op.create_index(
        "uq_cases_open",
        "cases",
        ["caller", "number"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("ix_cases_first_call_id", "cases", ["first_call_id"])
    op.create_index("ix_cases_last_call_id", "cases", ["last_call_id"])
    op.create_index("ix_cases_closing_call_id", "cases", ["closing_call_id"])
    op.create_table(
        "consents",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("number_hash", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("event", _WORD, nullable=False),
        sa.Column("source", _WORD, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Integer(), nullable=True),
        sa.Column("incoming_id", sa.Integer(), nullable=True),
        sa.Column("row_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index("ix_consents_at", "consents", ["at"])
    op.create_index("ix_consents_number", "consents", ["number", "at"])
    op.create_table(
        "suppressed",
        sa.Column("number_hash", sa.Text(), nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number_hash", name=op.f("pk_suppressed")),
        sqlite_with_rowid=False,
    )


def _tell() -> None:
    op.create_table(
        "events",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", _WORD, nullable=False),
        sa.Column("at", _UTC, nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("fanned_out", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("key", name=op.f("uq_events_key")),
    )
    op.create_index("ix_events_at", "events", ["at"])
    op.create_index("ix_events_caller", "events", ["caller"])
    op.create_index(
        "ix_events_waiting",
        "events",
        ["id"],
        sqlite_where=sa.text("NOT fanned_out"),
        postgresql_where=sa.text("NOT fanned_out"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", _ID, nullable=False),
        sa.Column("event_id", _ID, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("state", _WORD, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", _UTC, nullable=False),
        sa.Column("due_at", _UTC, nullable=False),
        sa.Column("changed_at", _UTC, nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_deliveries_event_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "event_id", "channel", "target", name=op.f("uq_deliveries_event_id_channel_target")
        ),
    )
    op.create_index("ix_deliveries_created_at", "deliveries", ["created_at"])
    op.create_index(
        "ix_deliveries_waiting",
        "deliveries",
        ["channel", "target", "rank", "id"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "ix_deliveries_failed",
        "deliveries",
        ["changed_at"],
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    )


def _columns() -> None:
    op.create_index("ix_message_ids_row_id", "message_ids", ["row_id"])
    op.add_column("calls", sa.Column("case_id", _ID, nullable=True))
    op.add_column("operator_log", sa.Column("case_id", _ID, nullable=True))
    op.create_index(
        "ix_operator_log_case_id",
        "operator_log",
        ["case_id"],
        sqlite_where=sa.text("case_id IS NOT NULL"),
        postgresql_where=sa.text("case_id IS NOT NULL"),
    )
    op.add_column("opt_outs", sa.Column("scope", sa.Text(), server_default="", nullable=False))
    op.add_column("opt_outs", sa.Column("source", _WORD, server_default="handset", nullable=False))
    op.add_column("opt_outs", sa.Column("reason", sa.Text(), server_default="", nullable=False))
    op.drop_index(
        op.f("uq_opt_outs_active"), table_name="opt_outs", sqlite_where=sa.text("lifted_at IS NULL")
    )
    op.create_index(
        "uq_opt_outs_active",
        "opt_outs",
        ["number", "scope"],
        unique=True,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.add_column("outbox", sa.Column("thread_id", _ID, nullable=True))
    op.add_column("outbox", sa.Column("author", sa.Text(), server_default="", nullable=False))
    op.add_column("outbox", sa.Column("routes", sa.Text(), server_default="", nullable=False))
    op.add_column("outbox", sa.Column("routed", sa.Text(), server_default="", nullable=False))
    op.add_column("outbox", sa.Column("request", sa.Text(), server_default="", nullable=False))
    op.create_index("ix_outbox_thread_id", "outbox", ["thread_id", "created_at"])
    op.create_index(
        "uq_outbox_request",
        "outbox",
        ["request"],
        unique=True,
        sqlite_where=sa.text("request != ''"),
        postgresql_where=sa.text("request != ''"),
    )
    op.add_column("replies", sa.Column("incoming_id", _ID, nullable=True))
    op.add_column("replies", sa.Column("octets", sa.LargeBinary(), nullable=True))
    op.add_column("replies", sa.Column("coding", sa.Integer(), nullable=True))
    op.add_column("replies", sa.Column("session", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "replies", sa.Column("unanswered", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("replies", sa.Column("repeat_of", _ID, nullable=True))
    op.create_index(
        "ix_replies_unanswered",
        "replies",
        ["sender", "at"],
        sqlite_where=sa.text("unanswered"),
        postgresql_where=sa.text("unanswered"),
    )
    op.create_index("ix_replies_incoming_id", "replies", ["incoming_id", "part"])


_UNLOCKED = "NOT EXISTS (SELECT 1 FROM meta WHERE key = 'consents_unlocked')"


def _evidence() -> None:
    """Opt-outs from before there was a log of evidence go into it; then it is locked."""
    # By a text only the bare words counted; these two were written by the command line and hooks.
    for source, words in (("staff", "by %"), ("keypad", "dialplan (%")):
        op.execute(f"UPDATE opt_outs SET source = '{source}' WHERE word LIKE '{words}'")  # noqa: S608 - our own words
    columns = 'at, number, number_hash, scope, event, source, "by", words, detail'
    detail = "'from before evidence was kept'"
    words = "CASE source WHEN 'handset' THEN word ELSE '' END"
    who = "CASE source WHEN 'handset' THEN '' ELSE word END"
    op.execute(
        f"INSERT INTO consents ({columns}) "  # noqa: S608 - our own words
        f"SELECT at, number, '', '', 'opt_out', source, {who}, "
        f"{words}, {detail} FROM opt_outs ORDER BY at, id"
    )
    op.execute(
        f"INSERT INTO consents ({columns}) "  # noqa: S608 - our own words
        f"SELECT lifted_at, number, '', '', 'opt_in', "
        "CASE WHEN lifted_by LIKE 'the handset wrote %' THEN 'handset' "
        "WHEN lifted_by LIKE 'dialplan (%' THEN 'keypad' ELSE 'staff' END, "
        f"lifted_by, '', {detail} FROM opt_outs WHERE lifted_at IS NOT NULL ORDER BY lifted_at, id"
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER tr_consents_no_{verb.lower()} BEFORE {verb} ON consents "
                f"WHEN {_UNLOCKED} BEGIN SELECT RAISE(ABORT, 'consents is append-only'); END"
            )
        # INSERT OR REPLACE takes a row away without asking the trigger of DELETE.
        op.execute(
            "CREATE TRIGGER tr_consents_no_replace BEFORE INSERT ON consents "
            "WHEN EXISTS (SELECT 1 FROM consents WHERE id = NEW.id) "
            "BEGIN SELECT RAISE(ABORT, 'consents is append-only'); END"
        )
    elif op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION consents_guard() RETURNS trigger AS $$ BEGIN "
            f"IF {_UNLOCKED} THEN RAISE EXCEPTION 'consents is append-only'; END IF; "
            "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$ LANGUAGE plpgsql"
        )
        op.execute(
            "CREATE TRIGGER tr_consents_guard BEFORE UPDATE OR DELETE ON consents "
            "FOR EACH ROW EXECUTE FUNCTION consents_guard()"
        )
        op.execute(
            "CREATE TRIGGER tr_consents_no_truncate BEFORE TRUNCATE ON consents "
            "FOR EACH STATEMENT EXECUTE FUNCTION consents_guard()"
        )


def _threads_of_before() -> None:
    """Texts of before get their conversations: set by set, for a store may have 200,000 of them.

    Nothing of it is unread or waits for an answer: it was dealt with, or never will be. A reply is
    joined to the thread of the sender it answers, however the carrier spelt that number. What came
    in parts stays as it was: their octets were not kept.
    """
    op.execute(
        """
        INSERT INTO threads (handset, ours, number, route, opened_at, last_at, last_in_at,
                             last_out_at, unread, waits_since)
        SELECT recipient, sender, max(number), '', min(created_at), max(created_at), NULL,
               max(created_at), 0, NULL
        FROM outbox WHERE kind != 'test' GROUP BY recipient, sender
        """
    )
    op.execute(
        """
        UPDATE outbox SET thread_id = (
            SELECT id FROM threads
            WHERE threads.handset = outbox.recipient AND threads.ours = outbox.sender
        ) WHERE kind != 'test'
        """
    )
    # `ours` of each pair of addresses that was written between: the sender that has these digits,
    # else the address itself.
    op.execute(
        """
        CREATE TEMPORARY TABLE written AS
        SELECT pairs.sender, pairs.recipient, coalesce(max(threads.ours), pairs.recipient) AS ours,
               pairs.first_at, pairs.last_at
        FROM (
            SELECT sender, recipient, min(at) AS first_at, max(at) AS last_at
            FROM replies WHERE parts = 1 GROUP BY sender, recipient
        ) AS pairs
        LEFT JOIN threads ON threads.handset = pairs.sender
            AND ltrim(threads.ours, '+') = ltrim(pairs.recipient, '+')
        GROUP BY pairs.sender, pairs.recipient, pairs.first_at, pairs.last_at
        """
    )
    op.execute(
        """
        INSERT INTO threads (handset, ours, number, route, opened_at, last_at, last_in_at,
                             last_out_at, unread, waits_since)
        SELECT sender, ours, '', '', min(first_at), max(last_at), max(last_at), NULL, 0, NULL
        FROM written WHERE NOT EXISTS (
            SELECT 1 FROM threads
            WHERE threads.handset = written.sender AND threads.ours = written.ours
        ) GROUP BY sender, ours
        """
    )
    op.execute(
        """
        INSERT INTO incoming (id, thread_id, route, sender, recipient, text, at, whole_at,
                              reference, parts, missing, given_up_at, word, review, reviewed_at,
                              reviewed_by, keyword)
        SELECT replies.id, threads.id, replies.route, replies.sender, replies.recipient,
               replies.text, replies.at, replies.at, NULL, 1, 0, NULL, replies.word, 'none', NULL,
               '', ''
        FROM replies
        JOIN written ON written.sender = replies.sender
            AND written.recipient = replies.recipient
        JOIN threads ON threads.handset = written.sender AND threads.ours = written.ours
        WHERE replies.parts = 1
        """
    )
    op.execute("UPDATE replies SET incoming_id = id WHERE parts = 1")
    op.execute("CREATE INDEX written_pair ON written (sender, ours)")
    op.execute(
        """
        UPDATE threads SET
            last_in_at = (SELECT max(at) FROM incoming WHERE incoming.thread_id = threads.id),
            route = coalesce((
                SELECT route FROM incoming WHERE incoming.thread_id = threads.id
                ORDER BY at DESC, id DESC LIMIT 1
            ), ''),
            last_at = max(last_at, coalesce((
                SELECT max(at) FROM incoming WHERE incoming.thread_id = threads.id
            ), last_at))
        WHERE EXISTS (
            SELECT 1 FROM written
            WHERE written.sender = threads.handset AND written.ours = threads.ours
        )
        """.replace("max(last_at, coalesce", f"{_greatest()}(last_at, coalesce")
    )
    op.execute("DROP TABLE written")


def _greatest() -> str:
    return "max" if op.get_bind().dialect.name == "sqlite" else "greatest"


#: Calls by which somebody waits for a call back, as far as the store alone can tell.
_MISSED = """
    m.started_at > :since AND m.direction = 'inbound' AND m.ended_at IS NOT NULL
    AND m.number != '' AND m.caller_e164 != '' AND m.handled = '' AND m.tainted = ''
    AND m.presentation != 'withheld'
    AND m.outcome NOT IN ('answered', 'unknown')
"""


def _missed_callers() -> None:
    """Open cases of the last week, from the calls: they are the list people begin with.

    Whose they are and by when they are due only the configuration knows: those stay empty.
    """
    now = datetime.now(UTC)
    week = sa.bindparam("since", now - timedelta(days=7), type_=sa.DateTime())
    before = sa.bindparam("before", now - timedelta(days=8), type_=sa.DateTime())
    at = sa.bindparam("now", now, type_=sa.DateTime())
    db = op.get_bind()
    db.execute(
        sa.text(
            f"""
            INSERT INTO cases (caller, number, stage, misses, opened_at, missed_at, first_call_id,
                last_call_id, owner, closed_by, note, changed_at)
            SELECT m.caller_e164, m.number, 'missed', count(*), min(m.started_at),
                max(m.started_at), min(m.id), max(m.id), '', '', '', :now
            FROM calls m JOIN verdicts v ON v.call_id = m.id
            WHERE {_MISSED}
                AND v.reason NOT IN ('staff', 'own_number', 'blocked', 'premium', 'short_number',
                    'not_dialable', 'not_watched', 'verstat', 'no_number', 'withheld', 'handled')
                AND NOT EXISTS (
                    SELECT 1 FROM calls s
                    WHERE s.caller_e164 = m.caller_e164 AND s.started_at > :before
                        AND s.direction = 'inbound' AND s.outcome = 'answered'
                        AND s.answered_at >= m.started_at)
                AND NOT EXISTS (
                    SELECT 1 FROM calls o
                    WHERE o.called_back = m.caller_e164 AND o.called_back != ''
                        AND o.answered_at >= m.started_at)
            GROUP BY m.caller_e164, m.number
            """  # noqa: S608 - no value of anybody's
        ).bindparams(week, before, at)
    )
    ours = """
        SELECT c.id FROM cases c
        WHERE c.caller = m.caller_e164 AND c.number = m.number
            AND m.started_at BETWEEN c.opened_at AND c.missed_at
    """
    db.execute(
        sa.text(
            f"UPDATE calls AS m SET case_id = ({ours}) WHERE {_MISSED} AND EXISTS ({ours})"  # noqa: S608
        ).bindparams(week)
    )
    taken = """
        SELECT min(t.created_at) FROM outbox t
        WHERE t.recipient = cases.caller AND t.number = cases.number
            AND t.created_at >= cases.opened_at
            AND t.kind IN ('missed', 'follow_up', 'offer')
            AND t.state IN ('accepted', 'delivered', 'undelivered')
    """
    db.execute(sa.text(f"UPDATE cases SET texted_at = ({taken})"))  # noqa: S608
    db.execute(sa.text("UPDATE cases SET stage = 'texted' WHERE texted_at IS NOT NULL"))
