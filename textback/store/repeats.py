"""A short text the carrier delivers a second time, because it may not know that we have it.

SMPP gives a deliver_sm no name of its own, and people do write "ok" twice: equal octets say
nothing. What tells is whether the carrier had our answer. So every text is kept as `unanswered`,
and that is taken away once the answer was on a connection that outlived it, or was left in good
order (`sms_gateway.promises`). A text is the repeat of an earlier one when all of this holds:

    the same route, sender, recipient, header, coding and octets
    the earlier one is unanswered: the line was cut, or we were killed, about then
    it came on another connection (an SMSC repeats on the one it has only when our answer was
      late: `Reply.again` says that it was)
    within REPEATED of the earlier one; or, after a longer outage, within SOON of being connected
      and at most LONGEST after it

Each unanswered text is repeated once: it is then settled, and its repeat is the unanswered one.
Nothing is thrown away: the repeat has its row, and the thread tells that the text came again. So
should a person have written the same words in just that minute, it is still to be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text, update

from textback.model import Reply
from textback.store.sql import chunks
from textback.store.tables_carrier import replies

REPEATED = timedelta(hours=1)
SOON = timedelta(minutes=15)
#: Carriers keep what they cannot deliver for three days at the most.
LONGEST = timedelta(days=3)
#: Our clock may have been set back between the two.
_SLACK = timedelta(seconds=5)

_UNANSWERED = text("replies.unanswered")
_OPEN = (
    select(replies)
    .where(
        _UNANSWERED,
        replies.c.sender == bindparam("handset"),
        replies.c.at.between(bindparam("least"), bindparam("most")),
        replies.c.route == bindparam("same_route"),
        replies.c.recipient == bindparam("same_recipient"),
        replies.c.parts == 1,
        replies.c.raw == bindparam("same_raw"),
    )
    .order_by(replies.c.id)
)
_SETTLE = update(replies).where(replies.c.id == bindparam("row")).values(unanswered=False)


def first_of(db: Connection, reply: Reply) -> Row[Any] | None:
    """The row that `reply` repeats, which is settled with it; None: it is a text of its own."""
    if not reply.session:
        return None
    asked = {
        "handset": reply.sender,
        "least": reply.at - LONGEST,
        "most": reply.at + _SLACK,
        "same_route": reply.route,
        "same_recipient": reply.recipient,
        "same_raw": reply.raw,
    }
    for row in db.execute(_OPEN, asked):
        if _is_first(row, reply):
            db.execute(_SETTLE, {"row": row.id})
            return row
    return None


def _is_first(row: Row[Any], reply: Reply) -> bool:
    if (row.coding, row.text) != (reply.coding, reply.text) or not row.session:
        return False
    if row.session == reply.session:
        return reply.again
    fresh = reply.bound is not None and reply.at - reply.bound <= SOON
    return fresh or reply.at - row.at <= REPEATED


def settle(db: Connection, reply_ids: Sequence[int]) -> None:
    """The carrier has our answer to these."""
    for some in chunks(sorted(reply_ids)):
        db.execute(_SETTLE, [{"row": reply_id} for reply_id in some])
