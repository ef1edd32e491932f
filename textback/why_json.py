"""One call's whole story as plain JSON values, for programs; `why` tells it to people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from textback.log import mask_number, mask_text
from textback.model import CallbackCase, CallStory, OutboxRow, StoryEvent, TextStory

#: What Asterisk says for a caller who has no name.
_NO_NAME = "<unknown>"


def as_dict(story: CallStory, *, mask: bool = False) -> dict[str, Any]:
    """The story as plain JSON values; times in ISO 8601, UTC."""
    number, words = readers(mask)
    return {
        "call": str(story.key),
        "call_id": story.call_id,
        "pbx": story.key.pbx,
        "uniqueid": story.key.uniqueid,
        "boot": story.key.boot,
        "direction": story.direction.value,
        "caller": number(story.caller),
        "caller_name": name_of(story),
        "did": number(story.did),
        "number_label": story.number_label,
        "started": _iso(story.started),
        "ringing": _iso(story.ringing),
        "answered": _iso(story.answered),
        "ended": _iso(story.ended),
        "outcome": story.outcome.value if story.outcome else None,
        "waited": round(story.waited, 3),
        "trail": [[round(after, 3), words(what)] for after, what in story.trail],
        "verdict": story.verdict,
        "reason": story.reason,
        "decided": _iso(story.decided),
        "gates": [
            {"name": g.name, "passed": g.passed, "value": words(g.value), "rule": words(g.rule)}
            for g in story.gates
        ],
        "text": outbox_dict(story.outbox, mask=mask) if story.outbox else None,
        "texts": [outbox_dict(row, mask=mask) for row in texts_of(story)],
        "case": case_dict(story.case, mask=mask) if story.case else None,
        "source": story.source.value,
        "late": story.late,
        "gap": story.gap,
        "dialplan": {
            "handled": words(story.handled),
            "told_missed": words(story.told_missed),
            "message": words(story.message),
            "verstat": words(story.verstat),
        },
        "events": _event_dicts(story.events, words),
    }


def texts_of(story: CallStory) -> Sequence[OutboxRow]:
    return story.texts or ((story.outbox,) if story.outbox else ())


def text_as_dict(story: TextStory, *, mask: bool = False) -> dict[str, Any]:
    """A text without a call, in the shape of `as_dict`."""
    _, words = readers(mask)
    return {
        "call": None,
        "text": outbox_dict(story.outbox, mask=mask),
        "events": _event_dicts(story.events, words),
    }


def _event_dicts(events: Sequence[StoryEvent], words: Callable[[str], str]) -> list[dict[str, Any]]:
    return [
        {"at": _iso(event.at), "kind": event.kind, "text": words(event.text)} for event in events
    ]


def case_dict(case: CallbackCase, *, mask: bool = False) -> dict[str, Any]:
    """A case of a missed caller as plain JSON values; times in UTC."""
    number, words = readers(mask)

    return {
        "case": case.id,
        "caller": number(case.caller),
        "number": number(case.number),
        "stage": case.stage.value,
        "misses": case.misses,
        "opened": _iso(case.opened),
        "missed": _iso(case.missed),
        "texted": _iso(case.texted),
        "replied": _iso(case.replied),
        "owner": case.owner,
        "due": _iso(case.due),
        "closed": _iso(case.closed),
        "closed_by": case.closed_by,
        "spoken": _iso(case.spoken),
        "note": words(case.note),
        "calls": {
            "first": case.first_call_id,
            "last": case.last_call_id,
            "closing": case.closing_call_id,
        },
    }


def outbox_dict(row: OutboxRow, *, mask: bool = False) -> dict[str, Any]:
    """One text of the outbox as plain JSON values."""
    number, words = readers(mask)
    return {
        "id": row.id,
        "kind": row.kind.value,
        "call_id": row.call_id,
        "state": row.state.value,
        "to": number(row.to),
        "sender": number(row.sender),
        "text": words(row.text),
        "route": row.route,
        "attempts": row.attempts,
        "created": _iso(row.created),
        "due": _iso(row.due),
        "expires": _iso(row.expires),
        "claimed": _iso(row.claimed),
        "reason": words(row.reason),
    }


def name_of(story: CallStory) -> str:
    """What the caller calls himself; "" for nothing."""
    return "" if story.caller_name.strip() == _NO_NAME else story.caller_name


def readers(mask: bool) -> tuple[Callable[[str], str], Callable[[str], str]]:
    """How to write a number, and a sentence that may quote one."""
    if mask:
        return mask_number, mask_text
    return _plain, _plain


def _plain(text: str) -> str:
    return text


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
