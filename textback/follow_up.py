"""The follow-up: one more text to a missed caller of whom nothing was heard; pure.

It is planned with the first text and filled in with the same values, so that it says what the
first one spoke of, whatever the configuration says by then. Whether it leaves is the store's to
find out: the first must have been taken by the carrier, and a reply, STOP, an answered call either
way or `handled` cancels it.

    the text is not for a missed caller        none
    the text is itself the second in the       none
      cooldown (message_again)
    one to this caller still waits             none: that one stays
    it falls into quiet hours                  as quiet_follow_up says
"""

from __future__ import annotations

from datetime import timedelta

from textback import compose, quiet
from textback.case import Case
from textback.message import zone_of
from textback.model import FollowUp, TextKind


def plan(case: Case) -> FollowUp | None:
    """The follow-up to the text of this case, which is to be sent. None: the number has none, or
    the text is not one that is followed. Never raises."""
    rules = case.rules
    if case.kind is not TextKind.MISSED or not rules.follow_up or case.again:
        return None
    due = case.due + timedelta(seconds=rules.follow_up_after)
    if case.history.follow_up_waits:
        return _none(case, "an earlier one to this caller still waits")
    asked = quiet.rules_for(rules, TextKind.FOLLOW_UP)
    if asked is not None:
        zone = zone_of(rules, case.config.business)
        found = quiet.look(asked, case.caller.e164, zone, due)
        if found.until is not None and asked.policy == "skip":
            return _none(case, f"it would come at {found.value}; {asked.rule}")
        if found.until is not None and asked.policy == "defer":
            due = found.until
    try:
        text = compose.render(rules.follow_up, case.subject)
    except compose.TemplateError as error:
        return _none(case, f"follow_up {error}")
    expires = due + timedelta(seconds=case.config.limits.max_age)
    note = f"planned for {due:%Y-%m-%d %H:%M:%S} UTC, if no reply"
    return FollowUp(text=text, due=due, expires=expires, note=note)


def _none(case: Case, why: str) -> FollowUp:
    return FollowUp(text="", due=case.due, expires=case.due, note=f"none: {why}")
