"""Quick answers filled in for one conversation; pure."""

from __future__ import annotations

from datetime import datetime

from textback import compose, phone
from textback.compose import Subject
from textback.config import CATCH_ALL, Config
from textback.message import subject_of
from textback.model import CallBetween, Conversation


def filled(config: Config, found: Conversation, now: datetime) -> list[tuple[str, str]]:
    """(name, text) of each [[quick_answer]]. One that cannot be filled in is left out: that was
    refused with the configuration, for the numbers there were."""
    subject = _subject(config, found, now)
    answers: list[tuple[str, str]] = []
    for quick in config.quick_answer:
        try:
            answers.append((quick.name, compose.render(quick.text, subject)))
        except compose.TemplateError:
            continue
    return answers


def _subject(config: Config, found: Conversation, now: datetime) -> Subject:
    """Of the conversation's number; of one that is not watched any more what is left of it."""
    thread = found.thread
    called = next((line.at for line in reversed(found.lines) if isinstance(line, CallBetween)), now)
    number = config.number_for(thread.number or thread.ours)
    if number is None:
        number = next((n for n in config.number if n.did != CATCH_ALL), None)
        if number is not None:
            number = number.model_copy(update={"did": thread.ours, "label": ""})
    if number is not None:
        return subject_of(number, config.business, called, thread.name)
    return Subject(
        contact_name=thread.name,
        contact_fallback=config.defaults.contact_fallback,
        business_name=config.business.name,
        number_label="",
        number_phone=phone.national(thread.ours) if thread.ours.startswith("+") else thread.ours,
        number_did=thread.ours,
        call_time="",
        call_date="",
        call_day="",
    )
