"""Which keys a form or a program may change of a number, and what of it is new; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from textback.config import Config, Hours, NumberConfig, Overridden
from textback.config_managed import Edit
from textback.console.numbers_models import HoursIn, NumberChange
from textback.schedule import DAYS

#: What may be changed here. Not who sends, by which route, nor which phones are told: that is
#: the system administrator's, as are secrets.
EDITABLE = (
    *("enabled", "mode", "label"),
    *("message", "after_hours_message", "message_again", "follow_up", "follow_up_after"),
    *("contact_fallback", "ring_timeout", "abandoned_after", "delay", "text_at"),
    *("quiet_hours", "quiet", "quiet_follow_up", "quiet_zone", "hours"),
    *("outcomes", "cooldown", "once_per", "callers"),
    *("owner", "callback_within", "callback_outcomes"),
)
assert set(EDITABLE) == set(NumberChange.model_fields) - {"seen", "reset"}


def edits(config: Config, rules: NumberConfig, body: NumberChange) -> tuple[Edit, ...]:
    """What of the change is new: a key that has that value already is left out, and one that gets
    the value of the other files loses its override."""
    given: dict[str, Any] = {}
    for key in EDITABLE:
        value = getattr(body, key)
        if value is None or key in body.reset:
            continue
        given[key] = _hours(value) if isinstance(value, HoursIn) else value
    return (*_new(config, rules, given), *_reset(config, rules, body.reset))


def mode(config: Config, wanted: str) -> tuple[Edit, ...]:
    """The mode above all tables."""
    if wanted == config.mode:
        return ()
    over = overridden(config, "", "mode")
    back = over is not None and over.before == wanted
    return (Edit("", "mode", None if back else wanted),)


def overridden(config: Config, did: str, key: str) -> Overridden | None:
    return next((o for o in config.overrides if (o.did, o.key) == (did, key)), None)


def _hours(said: HoursIn) -> dict[str, Any]:
    """[number.hours]; an empty table is open at all times."""
    if said.always:
        return {}
    table: dict[str, Any] = {day: getattr(said, day).strip() or "closed" for day in DAYS}
    if said.holidays:
        table["holidays"] = [day for text in said.holidays if (day := text.strip())]
    if said.timezone.strip():
        table["timezone"] = said.timezone.strip()
    return table


def _new(config: Config, rules: NumberConfig, given: Mapping[str, Any]) -> Iterable[Edit]:
    for key, value in given.items():
        plain = [str(one) for one in value] if isinstance(value, list) else value
        try:
            table = {"did": rules.did, key: plain}
            parsed = _normal(key, getattr(NumberConfig.model_validate(table), key), config)
        except ValidationError:
            yield Edit(rules.did, key, plain)  # the check of the whole says what is wrong
            continue
        over = overridden(config, rules.did, key)
        if parsed == _normal(key, getattr(rules, key), config):
            continue
        # None is no value but for hours: the other files are wrong there.
        known = over is not None and (over.before is not None or key == "hours")
        back = known and over is not None and parsed == _normal(key, over.before, config)
        yield Edit(rules.did, key, None if back else plain)


def _reset(config: Config, rules: NumberConfig, keys: Iterable[str]) -> Iterable[Edit]:
    for key in dict.fromkeys(keys):
        if key in EDITABLE and overridden(config, rules.did, key) is not None:
            yield Edit(rules.did, key, None)


def _normal(key: str, value: Any, config: Config) -> Any:
    """Two spellings of one thing are equal: hours are what they come to."""
    if key in ("outcomes", "callback_outcomes"):
        return frozenset(value)
    if key != "hours":
        return value
    hours = value if isinstance(value, Hours) else Hours()
    return hours.week, hours.timezone or config.business.timezone
