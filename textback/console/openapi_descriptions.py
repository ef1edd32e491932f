"""What fields of the API mean where their model does not say: one sentence for each name.

A number's settings are described by the configuration itself, so that both say the same. What is
left is asked by "Model.field", then by the field's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from textback.config_numbers import Hours, NumberConfig

#: Models whose fields are keys of [[number]] and its hours.
_SETTINGS = ("NumberOut", "NumberChange", "HoursIn", "Draft")

_FIELDS: Mapping[str, str] = {
    "answered": "When somebody answered; null: nobody did.",
    "at": "When.",
    "attempts": "How often it was tried.",
    "by": "In which steps it is counted.",
    "call": "The number of the call.",
    "call_id": "The number of the call.",
    "caller": "The caller, E.164; empty where no number was shown.",
    "calls": "The calls.",
    "case": "The number of the case.",
    "cases": "The cases.",
    "change": "The number of the change.",
    "changed": "What was changed.",
    "changes": "The changes, the newest first.",
    "characters": "How many characters it has.",
    "claimed": "When it was taken for sending; null: it was not yet.",
    "closed": "When it was closed; null: it is open.",
    "closed_by": "What closed it.",
    "closing": "The call in which somebody spoke with the caller; null for none.",
    "complete": "Whether everything of the period is counted.",
    "created": "When it was written.",
    "decided": "When it was decided.",
    "desk": "Desk phones that are told of replies.",
    "did": "The number that was dialled, as the PBX had it.",
    "due": "Until when somebody should call back.",
    "editable": "Whether the console may change it.",
    "encoding": "How its characters are sent: GSM 03.38, or UCS-2 with fewer to a part.",
    "ended": "When it ended; null: it goes on.",
    "expires": "Not sent after this.",
    "findings": "What the linter says of the texts.",
    "first": "The first of them.",
    "gates": "Every question that was asked, in order, with its answer.",
    "handled": "The dialplan said that no text is wanted; empty: it did not.",
    "handset": "The other party, E.164.",
    "has_hours": "Whether it has opening hours.",
    "id": "Its number.",
    "key": "The key of textback.toml.",
    "keys": "What was changed, key by key.",
    "kind": "What it is.",
    "label": "What it is called.",
    "last": "The last of them; null: none.",
    "lines": "The lines, the newest first.",
    "message": "The name of the [[message]] that was asked for; empty: the number's own.",
    "misses": "How many calls were missed.",
    "mode": "live, or shadow: nothing is sent.",
    "missed": "How many calls were missed.",
    "name": "The name, where it is known.",
    "note": "What somebody wrote beside it.",
    "now": "The value afterwards; empty: the key was taken out.",
    "number": "The [[number]] that was called, E.164.",
    "number_label": "What the number that was called is called.",
    "numbers": "The numbers that are watched.",
    "obstacle": "Why it cannot be changed here; empty: it can.",
    "open_now": "Whether it is within opening hours.",
    "opened": "When the first call was missed.",
    "opens": "When it opens again; null: it is open.",
    "closes": "When it closes; null: it is closed.",
    "opt_outs": "How many asked for no more texts.",
    "owner": "Who looks after it; empty for nobody.",
    "parts": "Parts a carrier charges for.",
    "passed": "Whether the answer let it go on.",
    "pbx": "The [[pbx]] that had the call.",
    "reason": "Why, as a name; see /words.",
    "replied": "Who wrote back.",
    "ringing": "When a phone first rang; null: none did.",
    "route": "By which carrier account.",
    "row": "The number of the text.",
    "seen": "The mark of what was shown: who changed something that has changed meanwhile is told.",
    "sender": "From which number of yours, E.164.",
    "severity": "How much it matters.",
    "since": "From then on.",
    "spoken": "When somebody spoke with the caller; null: nobody did.",
    "started": "When it began.",
    "state": "Where it is in its life.",
    "text": "What it says.",
    "texted": "When the caller was texted; null: not.",
    "texts": "How many texts were written.",
    "threads": "The conversations.",
    "timezone": "In which time zone hours and days are counted.",
    "to": "To whom, E.164.",
    "todo": "What to do about it.",
    "told_missed": "The dialplan said that the call is missed; empty: it did not.",
    "uniqueid": "The call's name in Asterisk.",
    "until": "Up to then.",
    "verdict": "send, skip, or empty: not decided yet.",
    "verstat": "What the carrier says of the caller's number (STIR/SHAKEN).",
    "was": "The value before; empty: the key was not there.",
    "who": "Who did it.",
    "cursor": "`next` of the page before.",
}
#: Where a name means something else.
_SPECIAL: Mapping[str, str] = {
    "AuditLine.at": "When; the first time, where it is counted.",
    "AuditLine.last": "When it was last done; the same as at, where it was done once.",
    "Bucket.texts": "How many texts were sent.",
    "Figures.by": "Hour, day, week or month.",
    "FoundCase.missed": "When the last call was missed.",
    "FoundThread.last": "When something was last written or called.",
    "FoundThread.text": "The last text of it.",
    "LivingCall.call": "The call.",
    "NumberOut.texts": "Its texts, as a caller would get them.",
    "OneNumber.number": "The number.",
    "SpanOut.opens": "Minute of the day from which it is open.",
    "SpanOut.closes": "Minute of the day until which it is open.",
    "Why.case": "The case this call belongs to; null: none.",
    "Why.text": "The text to the missed caller; null: none.",
    "WhyText.reason": "Why it is in this state; may be empty.",
    "LivingCall.at": "When this became known.",
    "OfNumber.answered": "How many calls were answered.",
    "OfNumber.calls": "How many calls came in.",
    "OfNumber.replied": "How many callers wrote back.",
    "Living.calls": "Calls that ring, wait or talk just now.",
    "WeekHour.calls": "How many calls came in.",
    "WhyCase.missed": "When a call was last missed.",
    "WhyCase.replied": "When the caller wrote back; null: not.",
    "WhyEvent.text": "What happened, in words.",
    "ModeChange.mode": "live, or shadow: nothing is sent any more.",
    "FindingOut.text": "What was found.",
    "TestIn.to": "A telephone of your own, in full: E.164.",
    "TestIn.key": "Which of the number's texts.",
    "PreviewIn.key": "Which of the number's texts.",
    "NumberOut.mode": "live, or shadow: nothing is sent for this number.",
    "NumberOut.label": "What the number is called.",
    "NumberOut.did": "The number, as [[number]] has it.",
}


def said(model: str, field: str) -> str:
    """What a field is, for one that its model does not describe; "" where nobody says it."""
    if (found := _SPECIAL.get(f"{model}.{field}")) is not None:
        return found
    if model in _SETTINGS and (found := _settings().get(field)) is not None:
        return found
    return _FIELDS.get(field, "")


@cache
def _settings() -> Mapping[str, str]:
    """The keys of [[number]] by what textback.toml(5) says of them."""
    return {
        name: field.description
        for table in (Hours, NumberConfig)
        for name, field in table.model_fields.items()
        if field.description
    }
