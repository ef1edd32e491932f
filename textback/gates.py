"""The gates between a call and a text: one small function each, and their order; pure.

A gate answers with what it found and what it held that against, in words for `textback why`. It may
rely on every gate before it in `GATES`. Its docstring is its line in the documentation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textback import compose, phone
from textback.case import Case, History
from textback.config import duration_text
from textback.model import Direction, Outcome, Presentation, Reason
from textback.phone import Kind

#: Outcomes of callers who gave up by themselves: they must have waited `abandoned_after`.
_GAVE_UP = frozenset({Outcome.ABANDONED, Outcome.QUEUE_ABANDONED, Outcome.IVR_ABANDONED})


@dataclass(frozen=True, slots=True)
class Answer:
    """A gate's answer; `reason` is None when it lets the call through."""

    reason: Reason | None
    value: str
    rule: str


Check = Callable[[Case], Answer]


def _ok(value: str, rule: str) -> Answer:
    return Answer(None, value, rule)


# --- the call ---------------------------------------------------------------------------------


def _seen_whole(case: Case) -> Answer:
    """Was the whole call seen? A call with a gap (AMI was down, Asterisk restarted) is not
    texted on a guess."""
    call = case.call
    rule = "calls seen from their first ring to their end"
    # A call that cannot be trusted is of unknown outcome too; `trusted` says so better.
    if call.gap or (call.outcome is Outcome.UNKNOWN and not call.tainted):
        return Answer(Reason.UNKNOWN_CALL, "part of the call was not seen", rule)
    return _ok("seen whole" + (", told late" if call.late else ""), rule)


def _trusted(case: Case) -> Answer:
    """Were its events well formed? Duplicate or forged AMI headers make a call untrustworthy."""
    rule = "well-formed AMI events"
    if case.call.tainted:
        return Answer(Reason.TAINTED, phone.printable(case.call.tainted, 120), rule)
    return _ok("nothing odd", rule)


def _direction(case: Case) -> Answer:
    """Did somebody outside call in? Internal, outgoing and click-to-call calls are not missed
    calls."""
    refused = {
        Direction.INTERNAL: Reason.INTERNAL,
        Direction.OUTBOUND: Reason.OUTBOUND,
        Direction.ORIGINATED: Reason.ORIGINATED,
    }
    call = case.call
    value = f"{call.direction.value} (context {phone.printable(call.context) or 'unknown'})"
    return Answer(refused.get(call.direction), value, "inbound only")


def _watched(case: Case) -> Answer:
    """Is the number that was dialled one of [[number]]?"""
    did = phone.printable(case.call.did)
    if case.number is None:
        return Answer(Reason.NOT_WATCHED, f"{did or 'no number'} was dialled", "a [[number]]")
    label = f" ({case.number.label})" if case.number.label else ""
    return _ok(f"{case.number.did}{label}", "a [[number]]")


def _enabled(case: Case) -> Answer:
    """Is texting switched on for that number?"""
    on = case.rules.enabled
    reason = None if on else Reason.NUMBER_DISABLED
    return Answer(reason, "on" if on else "off", "enabled = true")


def _outcome(case: Case) -> Answer:
    """Did nobody answer, in one of the ways the number texts for?"""
    outcome = case.call.outcome
    rule = "outcomes = " + (", ".join(case.rules.outcomes) or "none")
    if outcome is Outcome.ANSWERED:
        return Answer(Reason.ANSWERED, "a person answered", rule)
    off = outcome not in case.rules.outcomes
    return Answer(Reason.OUTCOME_OFF if off else None, outcome.value, rule)


def _waited(case: Case) -> Answer:
    """Did a caller who hung up wait long enough to have meant it?"""
    call, least = case.call, case.rules.abandoned_after
    rule = f"abandoned_after = {duration_text(least)}"
    value = f"waited {call.waited:.1f} s"
    if call.outcome not in _GAVE_UP:
        return _ok(value, "only for callers who hang up by themselves")
    return Answer(Reason.TOO_SHORT if call.waited < least else None, value, rule)


# --- the caller -------------------------------------------------------------------------------


def _presentation(case: Case) -> Answer:
    """Did the caller let the number be shown?"""
    rule = "callers who show their number"
    if case.caller.kind is Kind.WITHHELD:
        return Answer(Reason.WITHHELD, f"withheld: {case.caller.why}", rule)
    if case.call.presentation is Presentation.WITHHELD:
        return Answer(Reason.WITHHELD, "withheld by the caller", rule)
    if case.call.presentation is Presentation.ALLOWED:
        return _ok("shown", rule)
    pbx = case.config.pbx_named(case.call.key.pbx)
    policy = pbx.unknown_presentation if pbx is not None else "skip"
    reason = None if policy == "send" else Reason.PRESENTATION_UNKNOWN
    return Answer(reason, "Asterisk has not said", f"unknown_presentation = {policy}")


def _number_present(case: Case) -> Answer:
    """Is there a caller's number at all?"""
    if case.caller.kind is Kind.NONE:
        return Answer(Reason.NO_NUMBER, case.caller.why, "a number")
    return _ok(case.caller.shown, "a number")


def _dialable(case: Case) -> Answer:
    """Is it a telephone number that a text can be sent to?"""
    caller = case.caller
    rule = f"a telephone number, read as in {case.config.business.country}"
    if caller.kind in {Kind.INVALID, Kind.SERVICE}:
        return Answer(Reason.NOT_DIALABLE, f"{caller.shown}: {caller.why}", rule)
    if caller.e164 and not caller.assigned:
        policy = case.config.limits.unassigned_numbers
        reason = None if policy == "send" else Reason.NOT_DIALABLE
        value = f"{caller.shown}: a block the numbering plan does not know"
        return Answer(reason, value, f"unassigned_numbers = {policy}")
    return _ok(caller.shown, rule)


def _not_short(case: Case) -> Answer:
    """Is it a full number, not an extension, short code or emergency number?"""
    caller = case.caller
    if caller.kind is Kind.SHORT:
        return Answer(Reason.SHORT_NUMBER, f"{caller.shown}: {caller.why}", "full numbers")
    return _ok(caller.shown, "full numbers")


def _not_premium(case: Case) -> Answer:
    """Is it free of premium and shared-cost rates?"""
    allowed = case.config.limits.allow_premium
    rule = f"allow_premium = {str(allowed).lower()}"
    if case.caller.kind is not Kind.PREMIUM:
        return _ok("an ordinary number", rule)
    return Answer(None if allowed else Reason.PREMIUM, case.caller.why, rule)


def _not_own(case: Case) -> Answer:
    """Is it somebody else's number, not one of the business's own?"""
    own = case.caller.e164 in case.config.own_numbers
    value = f"{case.caller.e164} is ours" if own else "not ours"
    rule = "business.numbers, every did and sender"
    return Answer(Reason.OWN_NUMBER if own else None, value, rule)


def _not_staff(case: Case) -> Answer:
    """Is it not on the staff list?"""
    entry = case.config.staff.match(case.caller.e164)
    value = f"listed as {entry}" if entry else "not listed"
    rule = f"never.staff ({len(case.config.staff)} entries)"
    return Answer(Reason.STAFF if entry else None, value, rule)


def _not_blocked(case: Case) -> Answer:
    """Is it not on the block list?"""
    entry = case.config.blocked.match(case.caller.e164)
    value = f"listed as {entry}" if entry else "not listed"
    rule = f"never.block ({len(case.config.blocked)} entries)"
    return Answer(Reason.BLOCKED if entry else None, value, rule)


def _not_opted_out(case: Case) -> Answer:
    """Has the caller not asked us to stop?"""
    out = case.history.opted_out
    value = phone.printable(out, 120) if out else "has not opted out"
    return Answer(Reason.OPTED_OUT if out else None, value, "no opt-out on record")


def _not_landline(case: Case) -> Answer:
    """Can it receive texts, as far as the numbering plan knows?"""
    rule = f"landlines = {case.rules.landlines}"
    if case.caller.kind is not Kind.LANDLINE:
        return _ok("not known as a landline", rule)
    skip = case.rules.landlines == "skip"
    return Answer(Reason.LANDLINE if skip else None, "a landline by its number", rule)


def _country(case: Case) -> Answer:
    """Is it a number of a country we text to?"""
    caller, allowed = case.caller, case.config.countries
    if allowed is None:
        return _ok(caller.country or f"+{caller.calling_code}", 'countries = ["*"]')
    rule = "countries = " + ", ".join(sorted(allowed))
    if caller.country:
        known = caller.country in allowed
    else:
        known = caller.calling_code in case.config.calling_codes
    value = caller.country or f"+{caller.calling_code}, country not known"
    return Answer(None if known else Reason.COUNTRY, value, rule)


# --- the history ------------------------------------------------------------------------------


def _cooldown(case: Case) -> Answer:
    """Was this caller's last text from this number long enough ago?"""
    cooldown, last = case.rules.cooldown, case.history.last_text
    rule = f"cooldown = {duration_text(cooldown)}"
    if last is None:
        return _ok("no text before", rule)
    seconds = (case.now - last).total_seconds()
    # A text from the future means that the clock was set back: the distance counts, so that a
    # wrong clock once cannot silence a caller for years.
    reason = Reason.COOLDOWN if abs(seconds) < cooldown else None
    ago = "ago" if seconds >= 0 else "ahead of the clock"
    return Answer(reason, f"last text {_span(abs(seconds))} {ago}", rule)


def _cap(reason: Reason, key: str, count: Callable[[History], int], span: str) -> Check:
    def check(case: Case) -> Answer:
        cap: int = getattr(case.config.limits, key)
        sent = count(case.history)
        value = f"{sent} texts in the last {span}"
        return Answer(reason if sent >= cap else None, value, f"{key} = {cap}")

    check.__doc__ = f"Were there fewer than limits.{key} texts to all callers in the last {span}?"
    return check


def _age(case: Case) -> Answer:
    """Is the call recent enough for a text to be useful?"""
    most = case.config.limits.max_age
    value = f"{_span(case.age)} after the call"
    reason = Reason.TOO_OLD if case.age > most else None
    return Answer(reason, value, f"max_age = {duration_text(most)}")


def _template(case: Case) -> Answer:
    """Can the message be filled in?"""
    rule = f"a message of 1 to {compose.MAX_TEXT} characters"
    try:
        text = case.text
    except compose.TemplateError as error:
        return Answer(Reason.TEMPLATE_ERROR, f"the message {error}", rule)
    return _ok(f"{len(text)} characters", rule)


#: All gates, in the order in which they are asked.
GATES: tuple[tuple[str, Check], ...] = (
    ("seen_whole", _seen_whole),
    ("trusted", _trusted),
    ("direction", _direction),
    ("watched", _watched),
    ("enabled", _enabled),
    ("outcome", _outcome),
    ("waited", _waited),
    ("presentation", _presentation),
    ("number", _number_present),
    ("dialable", _dialable),
    ("short", _not_short),
    ("premium", _not_premium),
    ("own_number", _not_own),
    ("staff", _not_staff),
    ("blocked", _not_blocked),
    ("opted_out", _not_opted_out),
    ("landline", _not_landline),
    ("country", _country),
    ("cooldown", _cooldown),
    ("cap_minute", _cap(Reason.CAP_MINUTE, "per_minute", lambda h: h.last_minute, "minute")),
    ("cap_hour", _cap(Reason.CAP_HOUR, "per_hour", lambda h: h.last_hour, "hour")),
    ("cap_day", _cap(Reason.CAP_DAY, "per_day", lambda h: h.last_day, "24 hours")),
    ("age", _age),
    ("template", _template),
)


def _span(seconds: float) -> str:
    """A length of time as people say it: "3 h 12 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"
