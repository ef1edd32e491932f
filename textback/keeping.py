"""How long what is kept, and when what is older is deleted; pure.

kind          kept, by [retention]     but never shorter than
texts         texts                    the longest cooldown and once_per of a number, auto_window,
                                       and a day: the gates count what was sent in that time
replies       replies                  a day: a late part looks for the rest of its text
hints, calls  hints, calls             a day: a hint looks for its call, a record for its like
receipts      receipts                 a day
the others    their own key            -
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from textback.config import Config

#: Kinds of data in the order they are deleted: what hangs on others first.
KINDS = (
    *("receipts", "events", "replies", "texts", "hints", "cases", "calls", "consents"),
    *("operator_log", "audit", "figures"),
)
_DAY = 86_400.0
_AT_LEAST_A_DAY = frozenset({"texts", "replies", "hints", "calls", "receipts"})


def look_back(config: Config) -> float:
    """Seconds for which the gates look at earlier texts."""
    spans = [span for n in config.number for span in (n.cooldown, n.once_per)]
    return max([*spans, config.limits.auto_window, _DAY])


def kept_for(config: Config, kind: str) -> float:
    """Seconds this kind of data is kept; 0: for ever."""
    seconds: float = getattr(config.retention, kind)
    if not seconds:
        return 0.0
    if kind == "texts":
        # A day more: a look-back ends at the second, and clocks are corrected.
        return max(seconds, look_back(config) + _DAY)
    return max(seconds, _DAY) if kind in _AT_LEAST_A_DAY else seconds


def cutoffs(config: Config, now: datetime) -> dict[str, datetime]:
    """By kind, before when it is too old at `now` (aware); a kind kept for ever is left out."""
    spans = {kind: kept_for(config, kind) for kind in KINDS}
    return {kind: now - timedelta(seconds=span) for kind, span in spans.items() if span}


def last_turn(config: Config, now: datetime) -> datetime:
    """The latest moment not after `now` at which a purge was to begin."""
    zone = ZoneInfo(config.business.timezone)
    hour, minute = divmod(config.retention.minute, 60)
    local = now.astimezone(zone)
    today = local.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
    if today.astimezone(now.tzinfo) <= now:
        return today.astimezone(now.tzinfo)
    return (today - timedelta(days=1)).astimezone(now.tzinfo)


def is_due(config: Config, now: datetime, last: datetime | None) -> bool:
    """Whether a purge is to begin; `last`: when one last came to its end.

    One that ended in the future tells of a clock that was set back: it counts as none.
    """
    return last is None or last > now or last < last_turn(config, now)
