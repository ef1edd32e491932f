"""The form of a number: what its fields show, and what one that was sent back asks for; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from textback import schedule
from textback.config import Config, NumberConfig
from textback.config_values import duration_text
from textback.console.ctx import Problem
from textback.console.i18n import _
from textback.console.numbers_models import NumberChange, SpanOut
from textback.console.numbers_view import span_words
from textback.model import TEXTABLE_OUTCOMES
from textback.schedule import ALWAYS, DAYS

TEXTS = ("message", "after_hours_message", "message_again", "follow_up")
LINES = ("label", "contact_fallback", "quiet_hours", "owner")
DURATIONS = (
    *("follow_up_after", "ring_timeout", "abandoned_after", "delay"),
    *("cooldown", "once_per", "callback_within"),
)
WORDS = ("text_at", "quiet", "quiet_follow_up", "quiet_zone", "callers")
LISTS = ("outcomes", "callback_outcomes")


def shown(config: Config, rules: NumberConfig) -> dict[str, str]:
    """What each field of the form has in it; of a box "on" or ""."""
    fields = {key: str(getattr(rules, key)) for key in (*TEXTS, *LINES, *WORDS)}
    fields |= {key: duration_text(getattr(rules, key)) for key in DURATIONS}
    fields["enabled"] = "on" if rules.enabled else ""
    fields["mode"] = "on" if rules.mode == "shadow" else ""
    for key in LISTS:
        chosen = getattr(rules, key)
        fields |= {f"{key}.{o}": "on" if o in chosen else "" for o in TEXTABLE_OUTCOMES}
    return fields | _hours_shown(config, rules)


def _hours_shown(config: Config, rules: NumberConfig) -> dict[str, str]:
    hours = rules.hours
    has = hours is not None and hours.week != ALWAYS
    fields = {"hours.on": "on" if has else "", "hours.holidays": "", "hours.timezone": ""}
    for day, spans in zip(DAYS, (hours.week if has and hours else ALWAYS).days, strict=True):
        plain = [SpanOut(opens=s.opens, closes=s.closes) for s in spans]
        fields[f"hours.{day}"] = span_words(plain) if has else ""
    if hours is not None:
        fields["hours.holidays"] = ", ".join(hours.holidays)
        fields["hours.timezone"] = hours.timezone
    return fields


def read(sent: Mapping[str, str]) -> NumberChange:
    """What the form asks for; keys it does not have stay. Raises Problem 422."""
    raw: dict[str, Any] = {"seen": sent.get("seen", "")}
    for key in (*TEXTS, *LINES, *DURATIONS, *WORDS):
        if key in sent:
            raw[key] = sent[key].replace("\r\n", "\n").strip()
    # A box that is not ticked sends nothing: that the form had it is said beside.
    if "had.enabled" in sent:
        raw["enabled"] = "enabled" in sent
        raw["mode"] = "shadow" if "mode" in sent else "live"
    for key in LISTS:
        if f"had.{key}" in sent:
            raw[key] = [o for o in TEXTABLE_OUTCOMES if f"{key}.{o}" in sent]
    if "had.hours" in sent:
        raw["hours"] = _hours(sent)
    try:
        return NumberChange.model_validate(raw)
    except ValidationError as error:
        wrong = {
            str(one["loc"][0]): _("This is too long, or not what may stand here.")
            for one in error.errors(include_url=False, include_input=False)
        }
        words = _("Nothing was changed: look at what is marked.")
        raise Problem(422, "fields", words, **wrong) from None


def wrong(sent: Mapping[str, str]) -> dict[str, str]:
    """Which field of the opening hours is meant, where the configuration only knows `hours`."""
    found: dict[str, str] = {}
    if "hours.on" not in sent:
        return found
    for day in DAYS:
        said = sent.get(f"hours.{day}", "").strip()
        try:
            schedule.parse_spans(said or "closed")
        except ValueError as error:
            found[f"hours.{day}"] = str(error)
    for text in _holidays(sent):
        try:
            schedule.parse_holiday(text)
        except ValueError as error:
            found["hours.holidays"] = str(error)
    return found


def _holidays(sent: Mapping[str, str]) -> list[str]:
    return [day for day in re.split(r"[\s,;]+", sent.get("hours.holidays", "")) if day]


def _hours(sent: Mapping[str, str]) -> dict[str, Any]:
    if "hours.on" not in sent:
        return {"always": True}
    days = {day: sent.get(f"hours.{day}", "").strip() for day in DAYS}
    return {**days, "holidays": _holidays(sent), "timezone": sent.get("hours.timezone", "").strip()}
