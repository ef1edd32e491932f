"""Which texts count against the next one to the same caller, and against the caps."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, bindparam, or_

from textback.model import OutboxState, TextKind
from textback.store.tables import outbox

#: States of texts that never reached the handset, unless `maybe_sent` says a try may have.
NEVER_SENT = (
    OutboxState.CANCELLED,
    OutboxState.DROPPED,
    OutboxState.EXPIRED,
    OutboxState.REFUSED,
)

#: States of texts that have not left yet.
WAITING = (OutboxState.QUEUED, OutboxState.SENDING, OutboxState.HELD)

#: Kinds of texts that a rule writes by itself, whoever's call or word was the reason.
AUTOMATIC_KINDS = (
    TextKind.MISSED,
    TextKind.FOLLOW_UP,
    TextKind.OFFER,
    TextKind.CONFIRM,
    TextKind.HELP,
)

#: It left, may have left, or will; a follow-up counts once it may have left, since most are
#: cancelled by the caller's answer. In shadow mode what would have left counts.
LEAVES: ColumnElement[bool] = and_(
    or_(outbox.c.kind != TextKind.FOLLOW_UP, outbox.c.maybe_sent),
    or_(outbox.c.state.not_in(NEVER_SENT), outbox.c.maybe_sent),
    or_(outbox.c.state != OutboxState.SHADOW, bindparam("shadow")),
)

#: A cancelled or expired text did not cost the caller anything, so it does not count against the
#: next one; one that may have arrived does, whatever the operator did to it afterwards.
#: Of follow-ups there is at most one for each text that passed the caps, so all in all they are
#: exceeded at most twofold. What a person wrote, and answers to STOP and HELP, count for no cap.
COUNTS: ColumnElement[bool] = and_(
    outbox.c.kind.not_in((TextKind.TEST, TextKind.REPLY, TextKind.CONFIRM, TextKind.HELP)),
    LEAVES,
)

#: Texts that a rule wrote: what two machines would answer each other with.
AUTOMATIC: ColumnElement[bool] = and_(outbox.c.kind.in_(AUTOMATIC_KINDS), LEAVES)
