"""The doctor's look at the recorded calls: what they say should be changed, with the figures."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from textback import phone
from textback.advice import Advice, Topic
from textback.config import Config
from textback.doctor import Check, ok, warn
from textback.recommend import recommend
from textback.store import survey as counting
from textback.store.errors import StoreError
from textback.store.store import Store

AREA = "calls"
#: Older calls say little about how things stand.
LOOK_BACK = timedelta(days=30)
#: Of one topic; where every number has the same illness, three of them show it.
MOST_OF_A_KIND = 3
#: How contexts are called in which trunks come in.
_LOOKS_INBOUND = re.compile(r"trunk|pstn|inbound|incoming|external|provider|from-(sip|did)", re.I)


async def check_calls(config: Config, parts: Mapping[str, Any] | None) -> list[Check]:
    """What the calls of the last 30 days say; `parts` is what the running daemon says of itself."""
    found = [*_unlisted(config, parts), *_alarms(parts)]
    path = Path(config.store.path)
    if not await asyncio.to_thread(path.is_file):
        return found
    now = datetime.now(UTC)
    try:
        store = await Store.open(path, migrate=False)
    except StoreError:
        return found  # `check_store` has said it
    try:
        survey = await counting.survey(
            store, now - LOOK_BACK, now, own=config.own_numbers, brief=True
        )
    finally:
        await store.close()
    advice = recommend(survey, config)
    serious = [one for one in advice if one.serious]
    said: Counter[Topic] = Counter()
    shown: list[Advice] = []
    for one in serious:
        said[one.topic] += 1
        if said[one.topic] <= MOST_OF_A_KIND:
            shown.append(one)
    for one in shown:
        snippet = "; ".join(one.snippet.splitlines())
        found.append(warn(AREA, one.found, f"{one.cure}: {snippet}" if snippet else one.cure))
    calls = "1 call" if survey.inbound == 1 else f"{survey.inbound} calls"
    told = f"{calls} came in within {LOOK_BACK.days} days"
    if more := len(advice) - len(shown):
        plural = "" if more == 1 else "s"
        told += f"; textback stats has {more} recommendation{plural} more on them"
    elif not serious and survey.inbound:
        told += "; nothing to recommend on them"
    return [*found, ok(AREA, told)]


def _unlisted(config: Config, parts: Mapping[str, Any] | None) -> list[Check]:
    """Contexts in which the daemon saw calls begin, not listed, and called like a trunk's.

    Where no listed context was seen at all, `doctor_links` has said it.
    """
    found: list[Check] = []
    for pbx in config.pbx:
        part = (parts or {}).get(f"ami:{pbx.name}")
        if not isinstance(part, dict):
            continue
        unlisted, seen = part.get("contexts_unlisted"), part.get("contexts")
        if not isinstance(unlisted, list) or not isinstance(seen, dict):
            continue
        listed = any(fnmatchcase(c, p) for c in map(str, seen) for p in pbx.inbound_contexts)
        for context in map(str, unlisted):
            if listed and _LOOKS_INBOUND.search(context):
                shown = phone.printable(context)
                found.append(
                    warn(
                        AREA,
                        f"calls began in context {shown}, which sounds like a trunk's and is not "
                        "in inbound_contexts",
                        f'if they come from outside, add "{shown}" to inbound_contexts of [[pbx]] '
                        f"{pbx.name}",
                    )
                )
    return found


def _alarms(parts: Mapping[str, Any] | None) -> list[Check]:
    part = (parts or {}).get("alarms")
    standing = part.get("standing") if isinstance(part, dict) else None
    if not isinstance(standing, dict):
        return []
    return [
        warn(
            "alarms",
            f"{name} since {told.get('since')}, {told.get('count')} times: {told.get('because')}",
            f"see {name} in OPERATIONS.md",
        )
        for name, told in standing.items()
        if isinstance(told, dict)
    ]
