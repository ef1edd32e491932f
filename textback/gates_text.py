"""The gates about the text: were there too many, is it too late, what would it say; pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from textback import breaker, compose
from textback.answer import Answer, Check, ok
from textback.case import Case, Past
from textback.config import duration_text
from textback.model import Reason, TextKind


def cooled_down(case: Case) -> Answer:
    """Was this caller's last text from this number long enough ago? A number with message_again
    sends one more, once the first has left."""
    rules, recent, waiting = case.rules, case.texts_in_cooldown, case.history.waiting
    rule = f"cooldown = {duration_text(rules.cooldown)}"
    known = recent or case.history.recent_texts
    last = known[0] if known else case.history.last_text
    if last is None:
        return ok("no text before", rule)
    seconds = (case.asked_at - last).total_seconds()
    ago = "ago" if seconds >= 0 else "ahead of the clock"
    value = f"last text {_span(abs(seconds))} {ago}"
    if not recent:
        return ok(value, rule)
    if not rules.message_again:
        return Answer(Reason.COOLDOWN, value, rule)
    rule += ", one more with message_again"
    if waiting:
        return Answer(Reason.COOLDOWN, f"{value}, and it has not left yet", rule)
    if case.again:
        return ok(f"{value}: the second", rule)
    return Answer(Reason.COOLDOWN, f"{value}, and {len(recent)} in all", rule)


def first_in_once_per(case: Case) -> Answer:
    """Had this caller no text for a missed call from any of our numbers within once_per?"""
    window = case.rules.once_per
    rule = f"once_per = {duration_text(window)}"
    if not window:
        return ok("any number of texts", rule + ", off")
    last = case.history.last_anywhere
    if last is None:
        return ok("no text from any of our numbers", rule)
    # A clock that was set back: the distance counts, as for the cooldown.
    seconds = (case.asked_at - last).total_seconds()
    ago = "ago" if seconds >= 0 else "ahead of the clock"
    value = f"last text from any of our numbers {_span(abs(seconds))} {ago}"
    return Answer(Reason.ONCE_PER if abs(seconds) < window else None, value, rule)


def no_robot(case: Case) -> Answer:
    """Does nothing speak for a machine that answers our texts?"""
    why = case.history.robot
    return Answer(Reason.ROBOT if why else None, why or "nothing speaks for one", "no machine")


def below_auto_limit(case: Case) -> Answer:
    """Have rules written fewer than limits.auto_limit texts to this caller from this number in
    limits.auto_window?"""
    most, window = case.config.limits.auto_limit, case.config.limits.auto_window
    rule = f"auto_limit = {most} in {duration_text(window)}"
    if not most:
        return ok("not counted", "auto_limit = 0, off")
    least, ahead = (
        case.asked_at - timedelta(seconds=window),
        case.asked_at + timedelta(seconds=window),
    )
    written = sum(least < at < ahead for at in case.history.automatic)
    value = f"{written} automatic texts"
    return Answer(Reason.AUTO_LIMIT if written >= most else None, value, rule)


def below_cap(reason: Reason, key: str, count: Callable[[Past], int], span: str) -> Check:
    def check(case: Case) -> Answer:
        cap: int = getattr(case.config.limits, key)
        sent = count(case.history)
        value = f"{sent} texts in the last {span}"
        return Answer(reason if sent >= cap else None, value, f"{key} = {cap}")

    check.__doc__ = f"Were there fewer than limits.{key} texts to all callers in the last {span}?"
    return check


def few_adjacent(case: Case) -> Answer:
    """Are the callers with numbers next to this one not too many? Else the text is held for the
    operator; it always passes."""
    return _held(breaker.adjacent(case.caller.e164, case.history, case.config.limits))


def few_of_prefix(case: Case) -> Answer:
    """Are the callers with numbers that begin like this one not too many? Else the text is held
    for the operator; it always passes."""
    return _held(breaker.per_prefix(case.caller.e164, case.history, case.config.limits))


def _held(block: breaker.Block) -> Answer:
    return ok(f"held: {block.value}" if block.hold else block.value, block.rule)


def recent(case: Case) -> Answer:
    """Is the call recent enough for a text to be useful?"""
    key, most = case.max_age
    value = f"{_span(case.age)} after the call"
    # 0 means never, and a call may have ended in this very second.
    reason = Reason.TOO_OLD if case.age > most or not most else None
    return Answer(reason, value, f"{key} = {duration_text(most)}")


def not_quiet(case: Case) -> Answer:
    """Would the text not wake anybody? In quiet hours it waits for their end, is sent all the
    same, or is left out, as `quiet` says."""
    rules, found = case.quiet_rules, case.quiet_found
    if rules is None or found is None:
        return ok("no quiet hours", "quiet_hours")
    skip = found.until is not None and rules.policy == "skip"
    return Answer(Reason.QUIET_HOURS if skip else None, found.value, rules.rule)


def fillable(case: Case) -> Answer:
    """Can the message be filled in?"""
    rule = f"a message of 1 to {compose.MAX_TEXT} characters"
    chosen = case.chosen
    if chosen.note and case.kind is TextKind.OFFER:
        return Answer(Reason.TEMPLATE_ERROR, chosen.note, rule)
    note = f"; {chosen.note}" if chosen.note else ""
    try:
        text = case.text
    except compose.TemplateError as error:
        return Answer(Reason.TEMPLATE_ERROR, f"{chosen.name} {error}{note}", rule)
    return ok(f"{len(text)} characters, {chosen.name}{note}", rule)


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
