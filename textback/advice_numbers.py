"""Advice on what was dialled and where calls came in: numbers, contexts, formats; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from textback import phone
from textback.advice import (
    MOST_NAMED,
    Advice,
    Topic,
    calls_of,
    missed_of,
    numbers,
    shown,
    some,
)
from textback.config import CATCH_ALL, Config
from textback.figures import Survey, Tally, total
from textback.model import Direction

LEAST_CALLS = 3


def not_watched(survey: Survey, config: Config) -> Iterator[Advice]:
    """Numbers that were dialled and that no [[number]] has. At least 3 calls each; those under
    business.numbers are left out on purpose."""
    unwatched: dict[str, list[Tally]] = {}
    for tally in _strangers(survey):
        full = phone.to_e164(tally.did, config.business.country)
        if full and full not in config.own_numbers and not _twin(tally.did, config):
            unwatched.setdefault(full, []).append(tally)
    calls = Counter({did: total(found) for did, found in unwatched.items()})
    often = [(did, n) for did, n in calls.most_common() if n >= LEAST_CALLS]
    for did, count in often[:MOST_NAMED]:
        missed = total(missed_of(unwatched[did]))
        more = len(often) - MOST_NAMED
        others = f" ({more} more numbers are not watched either)" if more > 0 else ""
        yield Advice(
            topic=Topic.NOT_WATCHED,
            number=did,
            found=f"{did} is in use and no [[number]] watches it: {calls_of(count)}, "
            f"{missed} missed" + (others if did == often[0][0] else ""),
            cure="add it to textback.toml, or name it under business.numbers to leave it alone",
            serious=missed > 0,
            snippet=f'[[number]]\ndid = "{did}"',
            figures={"calls": count, "missed": missed},
        )


def _strangers(survey: Survey) -> list[Tally]:
    """Inbound calls to what no [[number]] has."""
    return [t for t in survey.tallies if not t.number and t.direction is Direction.INBOUND]


def no_calls(survey: Survey, config: Config) -> Iterator[Advice]:
    """A [[number]] that nobody called, while the others had at least 100 calls: its `did` may be
    written otherwise than Asterisk shows it."""
    called = {t.number for t in survey.tallies if t.number}
    silent = [n for n in numbers(config) if n.did not in called]
    others = total(t for t in survey.tallies if t.number)
    if not silent or others < 100:
        return
    named = ", ".join(n.did for n in silent[:MOST_NAMED])
    yield Advice(
        topic=Topic.NO_CALLS,
        found=f"no call in {survey.days:.0f} days for {named}"
        + (f" and {len(silent) - MOST_NAMED} more" if len(silent) > MOST_NAMED else "")
        + f", and {others} for the others",
        cure="is the number still yours? place a call to it and look: textback calls -n 1",
        serious=False,
        figures={"numbers": [n.did for n in silent], "others": others},
    )


def contexts(survey: Survey, config: Config) -> Iterator[Advice]:
    """Contexts that inbound_contexts does not list, in which callers from outside dialled a number
    of ours. At least 3 calls each."""
    found: dict[tuple[str, str], int] = {}
    for tally in survey.tallies:
        if tally.context and tally.direction in (Direction.INTERNAL, Direction.OUTBOUND):
            full = phone.to_e164(tally.did, config.business.country)
            if full in config.own_numbers:
                key = (tally.pbx, tally.context)
                found[key] = found.get(key, 0) + tally.calls
    for (pbx, context), count in sorted(found.items(), key=lambda item: -item[1])[:MOST_NAMED]:
        if count < LEAST_CALLS:
            continue
        yield Advice(
            topic=Topic.CONTEXT,
            found=f"{calls_of(count)} from outside to numbers of yours began in context "
            f"{shown(context)}, which inbound_contexts does not list: nobody is texted for them",
            cure=f'add "{shown(context)}" to inbound_contexts of [[pbx]] {pbx}',
            serious=True,
            figures={"pbx": pbx, "context": shown(context), "calls": count},
        )


def did_format(survey: Survey, config: Config) -> Iterator[Advice]:
    """What was dialled, and cannot be read as a number, or only as one of another country. At
    least 3 calls."""
    wrong: Counter[str] = Counter()
    unreadable: Counter[str] = Counter()
    for tally in _strangers(survey):
        if _twin(tally.did, config):
            wrong[tally.did] += tally.calls
        elif not phone.to_e164(tally.did, config.business.country):
            unreadable[tally.did] += tally.calls
    if (count := sum(unreadable.values())) >= LEAST_CALLS:
        yield Advice(
            topic=Topic.DID_FORMAT,
            found=f"{calls_of(count)} came in for what is no telephone number: "
            f"{some(unreadable, shown)}",
            cure="let the dialplan say the number before the first phone rings: "
            "Gosub(textback-did,s,1(+...)), see extensions-textback.conf",
            serious=True,
            figures={"calls": count, "dialled": _named(unreadable)},
        )
    if (count := sum(wrong.values())) >= LEAST_CALLS:
        named = next(iter(wrong))
        yield Advice(
            topic=Topic.DID_FORMAT,
            found=f"{calls_of(count)} came in for {some(wrong, shown)}, which ends like "
            f"{_twin(named, config)} and is not read as it in {config.business.country}",
            cure="is business.country right? else let the dialplan say the number: "
            "Gosub(textback-did,s,1(+...))",
            serious=True,
            figures={"calls": count, "dialled": _named(wrong)},
        )


def _named(counts: Counter[str]) -> dict[str, int]:
    return {shown(name): n for name, n in counts.most_common(MOST_NAMED)}


def _twin(did: str, config: Config) -> str:
    """The [[number]] that ends in the same seven digits or more, though it is not read as it."""
    digits = "".join(c for c in did if c.isascii() and c.isdigit())[-15:]
    if len(digits) < 7:
        return ""
    ours = (n.did for n in config.number if n.did != CATCH_ALL)
    # The shorter of the two is the whole end of the other, but for trunk prefixes of up to 3.
    return next(
        (o for o in ours if o.endswith(digits) or any(digits[i:] in _ends(o) for i in range(4))),
        "",
    )


def _ends(e164: str) -> tuple[str, ...]:
    """The number without its plus, and without a calling code of one to three digits."""
    digits = e164.removeprefix("+")
    return tuple(digits[i:] for i in range(4) if len(digits[i:]) >= 7)
