"""`stats`: the recorded calls in figures, number by number, and what they say should be changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from textback import cli_recovery, log, phone
from textback.advice import Advice
from textback.cli_common import (
    ConfigOption,
    JsonOption,
    MaskOption,
    UserError,
    add_row,
    configuration,
    count,
    local,
    open_store,
    print_json,
    run_async,
    say,
    show,
    shown,
    since,
    table,
    zone_of,
)
from textback.config import Config, parse_duration
from textback.figures import NumberFigures, Survey, figures
from textback.model import TEXTABLE_OUTCOMES
from textback.recommend import recommend
from textback.store import survey as counting
from textback.store.recovery import Recovery, recovery

_BARS = " ▁▂▃▄▅▆▇█"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
#: Seconds in one step of the distribution of answers.
_STEP = 5
_LONG = 60

Week = Mapping[tuple[int, int], tuple[int, int]]


def stats(
    context: typer.Context,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    mask: MaskOption = False,
    since_: Annotated[
        str, typer.Option("--since", metavar="30d", help="Calls not older than this.")
    ] = "30d",
    number: Annotated[
        str | None, typer.Option("--number", metavar="NUMBER|LABEL", help="Of this number only.")
    ] = None,
) -> None:
    """Count the calls and texts of each number, then say what should be changed, and why.

    The time to the carrier runs from the fact that decided (15 s of ringing, the end of the call)
    to the carrier's yes; texts held back for an hour or more are left out of it. A missed caller is
    recovered when a call has reached him, in either direction: nothing else counts.
    """
    loaded = configuration(context, config)
    wanted = _wanted(loaded, number) if number is not None else None
    now = datetime.now(UTC)
    begin = since("--since", since_, parse_duration) or now - timedelta(days=30)

    async def work() -> tuple[Survey, dict[str, Recovery]]:
        async with open_store(loaded) as store:
            counted = await counting.survey(store, begin, now, own=loaded.own_numbers)
            return counted, await recovery(store, begin, now)

    survey, cases = run_async(work())
    recovered = [r for did, r in cases.items() if wanted in (None, did)]
    zone = zone_of(loaded)
    dids = sorted({n.did for n in loaded.number} | {t.number for t in survey.tallies if t.number})
    found = [figures(survey, did, zone) for did in dids if wanted in (None, did)]
    found = [f for f in found if f.calls or f.texted or wanted]
    advice = [a for a in recommend(survey, loaded) if wanted is None or a.number == wanted]
    if as_json:
        _as_json(survey, found, advice, loaded, mask)
        cli_recovery.as_json(recovered, mask)
        return
    _numbers(survey, found, loaded, mask, zone)
    cli_recovery.render(recovered, loaded, mask)
    _advice(advice, mask)


def _wanted(config: Config, given: str) -> str:
    """The number meant by a number in any spelling, or by a label."""
    labelled = [n.did for n in config.number if n.label.casefold() == given.strip().casefold()]
    full = phone.to_e164(given, config.business.country)
    if not labelled and not full and given not in {n.did for n in config.number}:
        raise UserError(
            f"--number {given!r} is no number and no label",
            "allowed: a number, or one of " + ", ".join(n.label or n.did for n in config.number),
        )
    return labelled[0] if labelled else full or given


# --- for people ---------------------------------------------------------------------------------


def _numbers(
    survey: Survey, found: Sequence[NumberFigures], config: Config, mask: bool, zone: ZoneInfo
) -> None:
    begin, end = local(survey.since, zone), local(survey.until, zone)
    if not found:
        say(f"no call to a watched number between {begin} and {end}")
        return
    say(f"calls that began between {begin} and {end}", "bold")
    labels = {n.did: n.label for n in config.number}
    made = table(
        *("number", "label", "calls", "answered", "missed", "texted", "delivered", "failed"),
        *("open", "to the carrier", "answered after", "replied", "missed by hour, 0 to 23"),
    )
    for f in found:
        missed = sum(f.missed.values())
        add_row(
            made,
            shown(f.number, mask),
            labels.get(f.number, ""),
            str(f.calls),
            str(f.answered),
            str(missed) + (f" (+{f.unknown} unknown)" if f.unknown else ""),
            str(f.texted),
            str(f.delivered),
            str(f.failed),
            str(f.open),
            _delay(f),
            str(f.answered_after),
            str(f.replied),
            spark([_hour(f.week, hour) for hour in range(24)]),
        )
    show(made)
    _outcomes(found, mask)
    if sum(f.calls for f in found) >= 50:
        _week(found, config)


def _delay(f: NumberFigures) -> str:
    if f.delay_median is None or f.delay_95 is None:
        return ""
    return f"{f.delay_median:.1f} s (95 %: {f.delay_95:.1f} s)"


def _outcomes(found: Sequence[NumberFigures], mask: bool) -> None:
    """How they were missed, and why of those some were not texted."""
    outcomes = [o for o in TEXTABLE_OUTCOMES if any(f.missed.get(o) for f in found)]
    if not outcomes:
        return
    say("")
    made = table("missed", *(o.value for o in outcomes), "not texted because")
    for f in found:
        if not f.missed:
            continue
        reasons = sorted(f.not_texted.items(), key=lambda item: -item[1])
        add_row(
            made,
            shown(f.number, mask),
            *(str(f.missed.get(o, "")) for o in outcomes),
            ", ".join(f"{n} {reason}" for reason, n in reasons),
        )
    show(made)


def _week(found: Iterable[NumberFigures], config: Config) -> None:
    """Missed calls by weekday and hour, of all numbers shown."""
    week: dict[tuple[int, int], tuple[int, int]] = {}
    for f in found:
        for when, (calls, missed) in f.week.items():
            before = week.get(when, (0, 0))
            week[when] = (before[0] + calls, before[1] + missed)
    most = max((missed for _, missed in week.values()), default=0)
    if not most:
        return
    say("")
    made = table("missed", "0     6     12    18", "calls", "missed")
    for day, name in enumerate(_DAYS):
        hours = [week.get((day, hour), (0, 0)) for hour in range(24)]
        add_row(
            made,
            name,
            spark([missed for _, missed in hours], most),
            str(sum(calls for calls, _ in hours)),
            str(sum(missed for _, missed in hours)),
        )
    show(made)
    say(f"hours in {config.business.timezone}", "dim")


def _hour(week: Week, hour: int) -> int:
    return sum(week.get((day, hour), (0, 0))[1] for day in range(7))


def spark(values: Sequence[int], most: int = 0) -> str:
    """A bar a value; what is there at all is seen."""
    top = most or max(values, default=0)
    if not top:
        return "." * len(values)
    steps = len(_BARS) - 1
    return "".join(_BARS[max(1, round(v * steps / top))] if v else "." for v in values)


def _advice(advice: Sequence[Advice], mask: bool) -> None:
    say("")
    if not advice:
        say("nothing to recommend on these figures", "green")
        return
    say(f"{count(len(advice), 'recommendation')}:", "bold")
    for one in advice:
        head = Text("* " if not one.serious else "! ", style="yellow" if one.serious else "")
        head.append(log.escape(_masked(one.found, mask)), style="bold" if one.serious else "")
        show(head)
        say(f"    -> {log.escape(_masked(one.cure, mask))}", "italic")
        if answered := one.figures.get("answered_at"):
            say(f"       answered after: {distribution(answered)}", "dim")
        for line in _masked(one.snippet, mask).splitlines():
            say(f"       {line}")


def distribution(by_second: Mapping[str, int]) -> str:
    """Answers by the second -> "0-4 s 120, 5-9 s 31, 60 s and more 2"."""
    steps: dict[int, int] = {}
    for second, n in by_second.items():
        begin = min(int(second) // _STEP * _STEP, _LONG)
        steps[begin] = steps.get(begin, 0) + n
    return ", ".join(
        f"{begin} s and more {n}" if begin == _LONG else f"{begin}-{begin + _STEP - 1} s {n}"
        for begin, n in sorted(steps.items())
    )


def _masked(words: str, mask: bool) -> str:
    return log.mask_text(words) if mask else words


# --- for programs -------------------------------------------------------------------------------


def _as_json(
    survey: Survey,
    found: Sequence[NumberFigures],
    advice: Sequence[Advice],
    config: Config,
    mask: bool,
) -> None:
    """One object a line, told apart by `type`: period, then each number, then each advice."""
    print_json(
        {
            "type": "period",
            "since": survey.since.isoformat(),
            "until": survey.until.isoformat(),
            "inbound": survey.inbound,
            "timezone": str(config.business.timezone),
        }
    )
    for f in found:
        told: dict[str, Any] = {"type": "number", **asdict(f)}
        told["number"] = shown(f.number, mask)
        told["missed"] = {outcome.value: n for outcome, n in f.missed.items()}
        told["week"] = [
            {"weekday": _DAYS[day], "hour": hour, "calls": calls, "missed": missed}
            for (day, hour), (calls, missed) in sorted(f.week.items())
        ]
        print_json(told)
    for one in advice:
        print_json(
            {
                "type": "recommendation",
                "topic": one.topic.value,
                "serious": one.serious,
                "number": shown(one.number, mask),
                "found": log.escape(_masked(one.found, mask)),
                "cure": log.escape(_masked(one.cure, mask)),
                "snippet": _masked(one.snippet, mask),
                # Figures name no caller, but may name numbers of ours.
                "figures": None if mask else one.figures,
            }
        )
