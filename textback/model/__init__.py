"""The frozen types that pass the doors between the parts; standard library only.

Everything here is a value: nothing awaits, nothing opens a file, nothing reads a clock. The edges
(`agi`, `ami_listener`, `sms_gateway`) import this module and `textback.phone`, and nothing else of
the product; that is what keeps the three foreign protocols out of the decisions.

Times are aware UTC datetimes. Durations are seconds as float, measured on a steady clock.
"""

from __future__ import annotations

from textback.model.call import (
    DEFAULT_OUTCOMES,
    TEXTABLE_OUTCOMES,
    Call,
    CallKey,
    Direction,
    Outcome,
    Phase,
    Presentation,
    Source,
)
from textback.model.dial import Dialled, DialRefusal, DialRefusedError, DialStage
from textback.model.event import DeliveryState, Event, EventKind, Telling
from textback.model.gateway import Accepted, Later, Message, PartId, Refused, Submission, Unsure
from textback.model.hint import Hint, HintKind, HookAnswer, HookResult
from textback.model.inbox import Piece, Receipt, ReceiptState, Reply
from textback.model.moment import Moment
from textback.model.outbox import OUTBOX_TRANSITIONS, OutboxRow, OutboxState
from textback.model.people import CallbackCase, CaseStage, ConsentEvent, ConsentSource, Contact
from textback.model.story import CallStory, StoryEvent, TextStory
from textback.model.talk import (
    Incoming,
    PhoneAnswer,
    PhoneMessage,
    PhoneResult,
    PhoneState,
    PhoneText,
    Reading,
    Request,
    Review,
)
from textback.model.thread import (
    CallBetween,
    Conversation,
    InboxList,
    Line,
    PhoneTold,
    TextIn,
    TextOut,
    Thread,
)
from textback.model.verdict import FollowUp, Gate, Reason, Send, Skip, TextKind, Verdict

__all__ = [
    "DEFAULT_OUTCOMES",
    "OUTBOX_TRANSITIONS",
    "TEXTABLE_OUTCOMES",
    "Accepted",
    "Call",
    "CallBetween",
    "CallKey",
    "CallStory",
    "CallbackCase",
    "CaseStage",
    "ConsentEvent",
    "ConsentSource",
    "Contact",
    "Conversation",
    "DeliveryState",
    "DialRefusal",
    "DialRefusedError",
    "DialStage",
    "Dialled",
    "Direction",
    "Event",
    "EventKind",
    "FollowUp",
    "Gate",
    "Hint",
    "HintKind",
    "HookAnswer",
    "HookResult",
    "InboxList",
    "Incoming",
    "Later",
    "Line",
    "Message",
    "Moment",
    "OutboxRow",
    "OutboxState",
    "Outcome",
    "PartId",
    "Phase",
    "PhoneAnswer",
    "PhoneMessage",
    "PhoneResult",
    "PhoneState",
    "PhoneText",
    "PhoneTold",
    "Piece",
    "Presentation",
    "Reading",
    "Reason",
    "Receipt",
    "ReceiptState",
    "Refused",
    "Reply",
    "Request",
    "Review",
    "Send",
    "Skip",
    "Source",
    "StoryEvent",
    "Submission",
    "Telling",
    "TextIn",
    "TextKind",
    "TextOut",
    "TextStory",
    "Thread",
    "Unsure",
    "Verdict",
]
