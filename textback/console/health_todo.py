"""What needs doing: one ordered list out of all that knows of an illness.

    comes from                                 weight  is there while
    -----------------------------------------  ------  ---------------------------------------------
    a failure of a link, or another one found  bad     the doctor finds it
      by the doctor
    a part of the service that is ill          bad     it says so
    an alarm that stands                       bad     it stands, and nothing above says the same
    uncertain and held texts                   text    there are any
    a webhook or notification that fails       warn    its last try failed, or something waits long;
                                               bad     five tries in a row failed
    little room on the disk                    warn    less than 500 MB are left
    a warning the doctor found                 warn    the doctor finds it
    shadow mode                                note    mode = "shadow"

Pure: what is known goes in, the list comes out, the heaviest first, causes before what comes of
them. What the links say as of now (`ami`, `smpp`) comes as findings, with their cures; so those
parts are not told twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from textback.console import health_words
from textback.console.findings import Finding, Findings
from textback.console.health import Health, PartHealth
from textback.console.health_areas import AREAS
from textback.console.i18n import _, ngettext
from textback.model import OutboxState

#: Bytes on the store's file system below which it is worth a word.
LOW_SPACE = 500 * 2**20
#: Seconds that something waits to be told before it is worth a word.
LONG = 600.0
#: Tries in a row that failed, from which on somebody should see to it.
FAILING = 5


class Weight(StrEnum):
    """How much it matters; the heaviest first."""

    BAD = "bad"  #: texts, calls or alarms hang on it
    TEXT = "text"  #: texts wait for somebody's word
    WARN = "warn"  #: it works, and something about it will bite
    NOTE = "note"  #: as it was chosen, and good to know


@dataclass(frozen=True, slots=True)
class Point:
    """One thing found, and its cure, for those who know the words."""

    found: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Todo:
    """One thing to do."""

    key: str  #: "alarm:breaker_open", "texts:held", "config:warn"
    weight: Weight
    title: str
    says: str  #: what to do, in plain words
    link: str = ""  #: the page where it is done or seen
    link_label: str = ""
    command: str = ""  #: what an operator may type instead
    since: datetime | None = None
    points: tuple[Point, ...] = field(default=())


#: Alarms that say no more than what begins so.
_SAME = {"route_down": "smpp:fail", "telling_failed": "tell:"}
_ORDER = tuple(Weight)


def todo(health: Health, findings: Findings, texts: Mapping[OutboxState, int]) -> tuple[Todo, ...]:
    """Everything there is to do, the heaviest first; `texts` by state."""
    failures = list(_found(findings.items, "fail"))
    tellings = list(_tellings(_part(health, "tell")))
    found = [
        *failures,
        *_parts(health.parts),
        *_alarms(_part(health, "alarms"), {one.key for one in (*failures, *tellings)}),
        *_texts(texts),
        *tellings,
        *_disk(_part(health, "store")),
        *_found(findings.items, "warn"),
        *_unfinished(findings),
        *_mode(health.mode),
    ]
    return tuple(sorted(found, key=lambda one: _ORDER.index(one.weight)))


def urgent(found: Iterable[Todo]) -> int:
    """How many of them somebody should see to today: the number beside the navigation."""
    return sum(one.weight in (Weight.BAD, Weight.TEXT) for one in found)


def _part(health: Health, name: str) -> PartHealth | None:
    return next((part for part in health.parts if part.name == name), None)


def _parts(parts: Iterable[PartHealth]) -> Iterable[Todo]:
    for part in parts:
        kind = health_words.kind_of(part.name)
        if part.ok or kind in ("ami", "smpp", "alarms"):
            continue
        yield Todo(
            f"part:{part.name}",
            Weight.BAD,
            health_words.trouble(part.name),
            health_words.says(part),
            link="/health/queue" if kind == "outbox" else "",
            link_label=_("See the texts") if kind == "outbox" else "",
            command="textback doctor",
            points=(Point(part.state),),
        )


def _alarms(part: PartHealth | None, said: Set[str]) -> Iterable[Todo]:
    """`said`: what is on the list already."""
    standing: Mapping[str, Any] = part.detail.get("standing", {}) if part is not None else {}
    links = {
        "cap_reached": ("/calls", _("See the calls")),
        "tainted_calls": ("/calls", _("See the calls")),
        "breaker_open": ("/health/queue?state=held", _("See the held texts")),
        "texts_refused": ("/health/queue?state=refused", _("See the refused texts")),
        "bad_message": ("/numbers", _("See the numbers")),
    }
    for name, told in standing.items():
        if any(key.startswith(_SAME.get(name, "none ")) for key in said):
            continue
        title, cure = health_words.ALARMS.get(name, (name, ""))
        link, label = links.get(name, ("", ""))
        times = int(told.get("count", 1))
        yield Todo(
            f"alarm:{name}",
            Weight.BAD,
            _(title),
            _(cure) if cure else "",
            link=link,
            link_label=label,
            since=datetime.fromisoformat(told["since"]) if told.get("since") else None,
            points=(
                Point(
                    ngettext("%(name)s, once: %(why)s", "%(name)s, %(times)s times: %(why)s", times)
                    % {"name": name, "times": times, "why": told.get("because", "")},
                    f"OPERATIONS.md, {name}",
                ),
            ),
        )


def _texts(texts: Mapping[OutboxState, int]) -> Iterable[Todo]:
    held, unsure = texts.get(OutboxState.HELD, 0), texts.get(OutboxState.UNCERTAIN, 0)
    if unsure:
        yield Todo(
            "texts:uncertain",
            Weight.TEXT,
            ngettext(
                "%(count)s text may or may not have been sent",
                "%(count)s texts may or may not have been sent",
                unsure,
            )
            % {"count": unsure},
            _("Decide for each: send it again, or give it up."),
            link="/health/queue?state=uncertain",
            link_label=_("Decide"),
            command="textback queue --state uncertain",
        )
    if held:
        yield Todo(
            "texts:held",
            Weight.TEXT,
            ngettext("%(count)s text is held back", "%(count)s texts are held back", held)
            % {"count": held},
            _("Decide for each: send it, or give it up."),
            link="/health/queue?state=held",
            link_label=_("Decide"),
            command="textback queue --state held",
        )


def _tellings(part: PartHealth | None) -> Iterable[Todo]:
    targets: Mapping[str, Any] = part.detail.get("targets", {}) if part is not None else {}
    for key, told in targets.items():
        name = key.partition(" ")[2] or key
        waits, failures = float(told.get("oldest_queued_age", 0)), int(told.get("failures", 0))
        if not failures and waits <= LONG:
            continue
        yield Todo(
            f"tell:{name}",
            # From the fifth on an alarm stands for it.
            Weight.BAD if failures >= FAILING else Weight.WARN,
            _("%(name)s cannot be told") % {"name": name}
            if failures
            else _("%(name)s is told late") % {"name": name},
            _("It is tried again by itself. Mend the other side, or its address."),
            command=f"textback tell list --target {name}",
            points=(Point(str(told.get("says", "")), f"textback tell test {name}"),)
            if told.get("says")
            else (),
        )


def _disk(part: PartHealth | None) -> Iterable[Todo]:
    free = part.detail.get("free_bytes") if part is not None and part.ok else None
    if isinstance(free, int) and free < LOW_SPACE:
        yield Todo(
            "disk",
            Weight.WARN,
            _("The disk is almost full"),
            _("%(room)s MB are left. Make room before it runs full: then nothing is sent.")
            % {"room": free // 10**6},
            command="df -h",
        )


def _found(items: Sequence[Finding], level: str) -> Iterable[Todo]:
    """One for each subject, with all that was found of it."""
    by_area: dict[str, list[Point]] = {}
    for one in items:
        if one.level != level or _elsewhere(one):
            continue
        kind = one.area.partition(" ")[0]
        points = by_area.setdefault(kind, [])
        named = one.area.partition(" ")[2]
        points.append(Point(f"{named}: {one.found}" if named else one.found, one.fix))
    for kind, points in by_area.items():
        failed, warned, says, link = AREAS.get(kind, (kind, kind, "", ""))
        yield Todo(
            f"{kind}:{level}",
            Weight.BAD if level == "fail" else Weight.WARN,
            _(failed if level == "fail" else warned),
            _(says) if says else "",
            link=link,
            link_label=_("Open") if link else "",
            command="textback doctor",
            points=tuple(points),
        )


def _elsewhere(one: Finding) -> bool:
    """What is told by `_mode` and `_disk`, as it is now."""
    shadow = one.area == "config" and one.found.startswith(("mode: is shadow", 'mode = "shadow"'))
    return shadow or (one.area == "store" and one.level == "warn" and "MiB left" in one.found)


def _unfinished(findings: Findings) -> Iterable[Todo]:
    if findings.trouble:
        yield Todo(
            "doctor",
            Weight.WARN,
            _("The last check did not come to its end"),
            _("What it found before may be out of date. The log says what went wrong."),
            command="textback doctor",
            points=(Point(findings.trouble),),
        )


def _mode(mode: str) -> Iterable[Todo]:
    if mode == "shadow":
        yield Todo(
            "mode",
            Weight.NOTE,
            _("Shadow mode: nothing is sent"),
            _("Every call is decided as if it were. Go live when the calls show what you want."),
            link="/numbers",
            link_label=_("Numbers"),
        )
