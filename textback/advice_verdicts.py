"""Advice on missed callers who were not texted, by the reason of the verdict; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from textback.advice import Advice, Topic, mine, missed_of, numbers, share, table_of
from textback.config import Config, duration_text
from textback.figures import Survey, by, total
from textback.model import Direction, Outcome, Reason

LEAST_OFF, OFF_SHARE = 10, 0.05
_WORDS = {
    Outcome.NO_ANSWER: "heard it ring out",
    Outcome.ABANDONED: "gave up while it rang",
    Outcome.BUSY: "found every phone busy",
    Outcome.UNAVAILABLE: "reached no phone at all",
    Outcome.VOICEMAIL_LEFT: "left a message",
    Outcome.VOICEMAIL_NO_MESSAGE: "reached voicemail and left no message",
    Outcome.IVR_ABANDONED: "hung up in the menu or an announcement",
    Outcome.QUEUE_ABANDONED: "hung up in the queue",
    Outcome.TRANSFER_UNANSWERED: "were transferred, and nobody took it",
    Outcome.PARKED_GIVEUP: "were parked, and gave up waiting",
}


def outcome_off(survey: Survey, config: Config) -> Iterator[Advice]:
    """Ways of missing a call that are frequent and switched off. At least 10 calls and a twentieth
    of the number's missed calls."""
    for number in numbers(config):
        missed = missed_of(mine(survey, number))
        off: Counter[Outcome] = Counter()
        for tally in missed:
            if tally.reason == Reason.OUTCOME_OFF and tally.outcome not in number.outcomes:
                off[tally.outcome] += tally.calls
        for outcome, count in off.most_common():
            if count < LEAST_OFF or count < total(missed) * OFF_SHARE:
                continue
            listed = ", ".join(f'"{o.value}"' for o in (*number.outcomes, outcome))
            yield Advice(
                topic=Topic.OUTCOME_OFF,
                number=number.did,
                found=f"{number.did}: {count} of {total(missed)} missed callers "
                f"({share(count, total(missed))}) {_WORDS[outcome]} and were not texted",
                cure=f"if they should be: outcomes = [{listed}] in {table_of(number)}",
                serious=False,
                figures={"outcome": outcome.value, "calls": count, "missed": total(missed)},
            )


def _by_reason(survey: Survey) -> tuple[Counter[str], int]:
    """Missed inbound calls to our numbers by reason, and how many they are."""
    missed = missed_of(t for t in survey.tallies if t.number and t.direction is Direction.INBOUND)
    return by(lambda tally: tally.reason, missed), total(missed)


def presentation(survey: Survey, config: Config) -> Iterator[Advice]:
    """Calls of which Asterisk did not say whether the number is hidden. At least 5, and 2 % of the
    missed calls."""
    reasons, missed = _by_reason(survey)
    count = reasons[Reason.PRESENTATION_UNKNOWN]
    if count >= 5 and count >= missed * 0.02:
        yield Advice(
            topic=Topic.PRESENTATION,
            found=f"{count} of {missed} missed callers ({share(count, missed)}) were not texted "
            "because Asterisk did not say whether they hide their number",
            cure="manager.conf: write = reporting, and channelvars = CALLERID(num-pres) in "
            "[general]; the sample has both",
            serious=True,
            figures={"calls": count, "missed": missed},
        )


def landlines(survey: Survey, config: Config) -> Iterator[Advice]:
    """Callers on landlines. At least 10, and a fifth of the missed calls."""
    reasons, missed = _by_reason(survey)
    count = reasons[Reason.LANDLINE]
    if count >= 10 and count >= missed * 0.2:
        yield Advice(
            topic=Topic.LANDLINES,
            found=f"{count} of {missed} missed callers ({share(count, missed)}) were not texted "
            "because the numbering plan knows them as landlines",
            cure='if your carrier delivers to landlines: landlines = "send" in [defaults]',
            serious=False,
            figures={"calls": count, "missed": missed},
        )


def unknown(survey: Survey, config: Config) -> Iterator[Advice]:
    """Calls seen only in part. At least 5, and 1 % of the calls to our numbers."""
    ours = [t for t in survey.tallies if t.number and t.direction is Direction.INBOUND]
    unseen = [t for t in ours if t.outcome is Outcome.UNKNOWN and t.reason != Reason.TAINTED]
    count, calls = total(unseen), total(ours)
    if count < 5 or count < calls * 0.01:
        return
    readable = {
        p.name for p in config.pbx if p.cel_csv or p.cel_sqlite or p.cdr_csv or p.cdr_sqlite
    }
    blind = sorted({t.pbx for t in unseen} - readable)
    cure = "find out what cuts the link: journalctl -u textback -p warning | grep ami_"
    if blind:
        named = ", ".join(blind)
        cure = f"let them be read afterwards: set cel_sqlite (or cdr_sqlite) in [[pbx]] {named}"
    yield Advice(
        topic=Topic.UNKNOWN,
        found=f"{count} of {calls} calls ({share(count, calls)}) were seen only in part, and their "
        "callers not texted",
        cure=cure,
        serious=True,
        figures={"calls": calls, "unknown": count, "late": sum(t.late for t in ours)},
    )


def cooldown(survey: Survey, config: Config) -> Iterator[Advice]:
    """Callers who called again within the cooldown. At least 10, and a fifth of the missed
    calls."""
    for number in numbers(config):
        missed = missed_of(mine(survey, number))
        count = total(t for t in missed if t.reason == Reason.COOLDOWN)
        if count < 10 or count < total(missed) * 0.2 or number.message_again:
            continue
        yield Advice(
            topic=Topic.COOLDOWN,
            number=number.did,
            found=f"{number.did}: {count} of {total(missed)} missed calls "
            f"({share(count, total(missed))}) came from callers texted within cooldown = "
            f"{duration_text(number.cooldown)}, who heard nothing more",
            cure=f"set message_again in {table_of(number)}, or a shorter cooldown",
            serious=False,
            figures={"calls": count, "missed": total(missed), "cooldown": number.cooldown},
        )


_CAPS = {
    Reason.CAP_MINUTE: "per_minute",
    Reason.CAP_HOUR: "per_hour",
    Reason.CAP_DAY: "per_day",
}


def caps(survey: Survey, config: Config) -> Iterator[Advice]:
    """Callers not texted because a cap was reached. At least 3."""
    reasons, missed = _by_reason(survey)
    hit = {key: reasons[reason] for reason, key in _CAPS.items() if reasons[reason]}
    count = sum(hit.values())
    if count >= 3:
        worst = max(hit, key=lambda key: hit[key])
        yield Advice(
            topic=Topic.CAPS,
            found=f"{count} of {missed} missed callers were not texted because of limits."
            + ", limits.".join(
                f"{key} = {getattr(config.limits, key)} ({n})" for key, n in hit.items()
            ),
            cure=f"were they real callers (textback calls)? then raise limits.{worst}; "
            "if not, see cap_reached in OPERATIONS.md",
            serious=True,
            figures={"calls": count, "missed": missed, **hit},
        )
