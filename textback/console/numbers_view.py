"""Watched numbers as the console shows them: rules in plain values, texts filled in and read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from textback import compose, linter, linting
from textback.compose import Measure, TemplateError
from textback.config import CATCH_ALL, Config, NumberConfig, Overridden
from textback.config_check import SAMPLE_TIME, TEXT_KEYS
from textback.console.edits import Standing, value_words
from textback.console.numbers_models import (
    ChangedKey,
    FindingOut,
    NumberList,
    NumberOut,
    OneNumber,
    SpanOut,
    TextOut,
)
from textback.linter import Role
from textback.message import is_open, subject_of, zone_of
from textback.schedule import ALWAYS, DAY_MINUTES, Span
from textback.store.samples import Sample

_MORE = frozenset({"message_again", "follow_up"})
#: A number to show under `did = "*"`.
_SAMPLE_DID = "+12125550100"


def numbers(
    config: Config, standing: Standing, samples: dict[str, Sample], measure: Measure, now: datetime
) -> NumberList:
    return NumberList(
        mode=config.mode,
        editable=not standing.obstacle,
        obstacle=standing.obstacle,
        seen=standing.digest,
        numbers=[
            number_out(config, place, samples.get(n.did), measure, now)
            for place, n in enumerate(config.number, 1)
        ],
    )


def one(
    config: Config,
    standing: Standing,
    place: int,
    sample: Sample | None,
    measure: Measure,
    now: datetime,
) -> OneNumber:
    return OneNumber(
        mode=config.mode,
        editable=not standing.obstacle,
        obstacle=standing.obstacle,
        seen=standing.digest,
        number=number_out(config, place, sample, measure, now),
    )


def number_out(
    config: Config, place: int, sample: Sample | None, measure: Measure, now: datetime
) -> NumberOut:
    """One number; `place` is from 1."""
    rules = config.number[place - 1]
    hours = rules.hours
    return NumberOut(
        number=place,
        did=rules.did,
        label=rules.label,
        sends=sends(config, rules),
        enabled=rules.enabled,
        mode=rules.mode,
        text_at=rules.text_at,
        ring_timeout=rules.ring_timeout,
        abandoned_after=rules.abandoned_after,
        delay=rules.delay,
        quiet_hours=rules.quiet_hours,
        quiet=rules.quiet,
        quiet_follow_up=rules.quiet_follow_up,
        quiet_zone=rules.quiet_zone,
        has_hours=hours is not None and hours.week != ALWAYS,
        week=[_spans(day) for day in (hours.week if hours is not None else ALWAYS).days],
        holidays=list(hours.holidays) if hours is not None else [],
        timezone=str(zone_of(rules, config.business)),
        open_now=is_open(rules, config.business, now),
        outcomes=list(rules.outcomes),
        cooldown=rules.cooldown,
        once_per=rules.once_per,
        callers=rules.callers,
        contact_fallback=rules.contact_fallback,
        follow_up_after=rules.follow_up_after,
        owner=rules.owner,
        callback_within=rules.callback_within,
        callback_outcomes=list(rules.callback_outcomes),
        sender=rules.sender or rules.did,
        replies=rules.replies,
        routes=list(rules.smsc),
        desk=list(rules.desk),
        sample=sample.name if sample is not None else "",
        texts=_texts(config, rules, sample, measure),
        changed=changed(config, rules.did),
    )


def sends(config: Config, rules: NumberConfig) -> Literal["live", "shadow", "off"]:
    if not rules.enabled:
        return "off"
    return "shadow" if config.is_shadow(rules) else "live"


def changed(config: Config, did: str) -> list[ChangedKey]:
    """The keys of this number that [override] says over other files; "" for `mode`."""
    return [
        ChangedKey(key=said.key, place=_short(said.place), before=_before(config, said))
        for said in config.overrides
        if said.did == did
    ]


def _before(config: Config, said: Overridden) -> str:
    """The value without the override, spelt as one with it."""
    if not said.did or said.before is None:
        return said.before or ""
    rules = next(n for n in config.number if n.did == said.did)
    return value_words(rules.model_copy(update={said.key: said.before}), said.key)


def _short(place: str) -> str:
    file, _, line = place.rpartition(":")
    return f"{Path(file).name}:{line}"


def _spans(day: tuple[Span, ...]) -> list[SpanOut]:
    return [SpanOut(opens=s.opens, closes=s.closes) for s in sorted(day, key=lambda s: s.opens)]


def span_words(day: list[SpanOut]) -> str:
    """As `schedule.parse_spans` reads it."""
    if not day:
        return "closed"
    if [(s.opens, s.closes) for s in day] == [(0, DAY_MINUTES)]:
        return "24h"
    return ", ".join(f"{_clock(s.opens)}-{_clock(s.closes)}" for s in day)


def _clock(minute: int) -> str:
    minute = minute if minute <= DAY_MINUTES else minute - DAY_MINUTES
    return f"{minute // 60:02}:{minute % 60:02}"


# --- texts --------------------------------------------------------------------------------------


def _texts(
    config: Config, rules: NumberConfig, sample: Sample | None, measure: Measure
) -> list[TextOut]:
    """Those of its own keys, then those of contacts' tags."""
    found = [
        text_out(config, rules, template, key, sample, measure)
        for key in TEXT_KEYS
        if (template := getattr(rules, key))
    ]
    for tag, name in rules.messages_by_tag.items():
        message = config.message_named(name)
        if message is not None:
            found.append(text_out(config, rules, message.text, name, sample, measure, tag=tag))
    return found


def filled(config: Config, rules: NumberConfig, template: str, name: str, called: datetime) -> str:
    """The text for a caller of this name. Raises TemplateError."""
    shown = rules.model_copy(update={"did": _SAMPLE_DID}) if rules.did == CATCH_ALL else rules
    return compose.render(template, subject_of(shown, config.business, called, name))


def text_out(
    config: Config,
    rules: NumberConfig,
    template: str,
    key: str,
    sample: Sample | None,
    measure: Measure,
    *,
    tag: str = "",
) -> TextOut:
    """The text as its reader gets it, its size, and what carriers would say of it."""
    name = sample.name if sample is not None else ""
    called = sample.called if sample is not None else SAMPLE_TIME
    rendered, error = "", ""
    try:
        rendered = filled(config, rules, template, name, called)
    except TemplateError as wrong:
        error = str(wrong)
    parts, encoding, odd = measure(rendered) if rendered else (0, "", ())
    role = Role.MORE if key in _MORE else Role.FIRST
    draft = linting.draft_of(rendered, config, rules, role)
    return TextOut(
        key=key,
        tag=tag,
        template=template,
        rendered=rendered,
        error=error,
        parts=parts,
        encoding=encoding,
        characters=len(rendered),
        odd=list(odd),
        findings=[
            FindingOut(rule=f.rule, severity=f.severity.value, text=f.text, todo=f.todo)
            for f in (linter.lint(draft, measure) if rendered else ())
        ],
    )
