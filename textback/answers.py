"""The texts that answer STOP, START and HELP, and how often; pure.

    STOP, and the handset had not opted out          CONFIRM, `confirm_text`
    START, and the handset had opted out             CONFIRM, `start_text`
    HELP                                             HELP, `help_text`
    STOP or START that changed nothing               nothing
    confirm = false: the carrier answers itself      no CONFIRM
    `per_day` answers in the last 24 hours already   nothing: two machines may be talking
    a HELP was answered within `help_every`          nothing
    the number is one-way, or not ours               nothing

HELP is answered whether or not the handset has opted out: it asked.
"""

from __future__ import annotations

from datetime import timedelta

from textback import compose
from textback.config import Config
from textback.message import subject_of
from textback.model import Incoming, Reading, Request, Send, TextKind
from textback.reply_rules import Facts

#: The confirmation of an opt-out must come within five minutes of it (SoundBite, FCC 12-143).
CONFIRM_WITHIN = timedelta(minutes=5)


def answer(incoming: Incoming, reading: Reading, facts: Facts, config: Config) -> Send | None:
    """The text that answers this one; None: there is none. Never raises: a template that cannot be
    filled in was refused with the configuration."""
    rules, request = config.optout, reading.request
    number = config.number_for(incoming.number) if incoming.number else None
    if request is None or number is None or not number.replies:
        return None
    if facts.answered >= rules.per_day:
        return None
    kind, template = TextKind.CONFIRM, rules.confirm_text
    expires = incoming.at + timedelta(seconds=config.limits.max_age)
    if request is Request.HELP:
        kind, template = TextKind.HELP, rules.help_text
        every = timedelta(seconds=rules.help_every)
        if facts.last_help is not None and incoming.at - facts.last_help < every:
            return None
    elif not facts.changed or not rules.confirm:
        return None
    elif request is Request.START:
        template = rules.start_text
    else:
        expires = incoming.at + CONFIRM_WITHIN
    try:
        text = compose.render(template, subject_of(number, config.business, incoming.at))
    except compose.TemplateError:
        return None
    return Send(
        to=incoming.sender,
        # The number the handset wrote to, so that the answer stands in the same thread there.
        sender=incoming.ours,
        text=text,
        expires=expires,
        route=incoming.route,
        shadow=config.is_shadow(number),
        kind=kind,
    )


def scope_of(number: str, config: Config) -> str:
    """The scope of an opt-out that was told to this number: "" is the whole business.

    Also where another number texts from the same sender: a handset knows the sender alone.
    """
    if config.optout.scope != "number" or not number:
        return ""
    own = config.number_for(number)
    if own is None:
        return number
    others = (other for other in config.number if other.did != own.did)
    seen = own.sender or own.did
    return "" if any((other.sender or other.did) == seen for other in others) else number
