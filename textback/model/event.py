"""What others can be told of: events for webhooks, notifications and the console."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """What happened; the names are part of the webhook's contract."""

    CALL_MISSED = "call.missed"  #: a watched call ended without anybody speaking to the caller
    TEXT_FAILED = "text.failed"  #: refused, undelivered or expired
    REPLY_RECEIVED = "reply.received"
    KEYWORD_MATCHED = "keyword.matched"  #: a reply fits a [[keyword]] rule
    OPT_OUT = "optout.added"
    OPT_IN = "optout.lifted"
    OPT_OUT_REVIEW = "optout.review"  #: a person is to say whether a reply was an opt-out
    CASE_OPENED = "case.opened"
    CASE_CLOSED = "case.closed"
    CASE_OVERDUE = "case.overdue"
    ALARM_RAISED = "alarm.raised"
    ALARM_CLEARED = "alarm.cleared"
    TEST = "test"  #: `textback tell test`; goes to the one target that was named


class DeliveryState(StrEnum):
    """Where the telling of one event to one target is."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"  #: given up
    DROPPED = "dropped"  #: by the operator, or its target is not configured any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. `payload` is what a webhook's body has besides the fields here."""

    kind: EventKind
    at: datetime
    caller: str = ""  #: the other party in E.164, "" for none
    number: str = ""  #: did of the [[number]], "" for none
    payload: dict[str, Any] = field(default_factory=dict)
    key: str = ""  #: a UUID by which a repeat is known; "": the store makes one


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """One event on its way to one target."""

    id: int
    event_id: int
    event: Event  #: its `key` is set
    channel: str  #: "webhook" or "notify"
    target: str
    state: DeliveryState
    urgent: bool
    attempts: int
    created: datetime
    due: datetime
    changed: datetime
    status: int = 0  #: of HTTP, 0 for none
    error: str = ""
