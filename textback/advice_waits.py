"""Advice on the two lengths of waiting, ring_timeout and abandoned_after; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from textback.advice import Advice, Topic, mine, missed_of, numbers, share, table_of
from textback.config import Config, duration_text
from textback.figures import Survey, quantile, seconds, total
from textback.model import Outcome, Reason

LEAST_ANSWERED, LEAST_LATE, LATE_SHARE = 50, 3, 0.02
#: Nobody holds the phone for longer in the hope of an answer.
LONGEST_RING = 60


def ring_timeout(survey: Survey, config: Config) -> Iterator[Advice]:
    """Answered calls that rang longer than ring_timeout: their callers had a text already, while
    somebody was about to pick up. At least 50 answered calls, 3 of them and 2 % too late."""
    for number in numbers(config):
        if number.text_at != "ring_timeout" or Outcome.NO_ANSWER not in number.outcomes:
            continue
        ours = mine(survey, number)
        rang = seconds(t for t in ours if t.outcome is Outcome.ANSWERED and t.rang)
        answered = sum(rang.values())
        late = _over(rang, number.ring_timeout)
        if answered < LEAST_ANSWERED or late < LEAST_LATE or late < answered * LATE_SHARE:
            continue
        # Past the moment when the PBX gives up nobody hears it ring any more.
        lost = seconds(t for t in ours if t.outcome is Outcome.NO_ANSWER and t.rang)
        end = quantile(lost, 0.25) if sum(lost.values()) >= LEAST_LATE else None
        better = _longer(rang, number.ring_timeout, min(end or LONGEST_RING, LONGEST_RING))
        now = duration_text(number.ring_timeout)
        found = (
            f"{number.did}: {late} of {answered} answered calls ({share(late, answered)}) rang "
            f"longer than ring_timeout = {now}"
        )
        if better is None:
            cure = f'set text_at = "call_end" in {table_of(number)}: longer ringing is usual there'
        else:
            found += f"; at {better}s it would be {_over(rang, better)}"
            cure = f'set ring_timeout = "{better}s" in {table_of(number)}'
        yield Advice(
            topic=Topic.RING_TIMEOUT,
            number=number.did,
            found=found,
            cure=cure,
            serious=True,
            figures={
                "answered": answered,
                "late": late,
                "ring_timeout": number.ring_timeout,
                "proposed": better,
                "answered_at": {str(s): n for s, n in sorted(rang.items())},
            },
        )


def _over(counts: Counter[int], limit: float) -> int:
    """Waits are whole seconds, cut: one of 15 is 15.0 to 15.9 s, and past a limit of 15."""
    return sum(n for second, n in counts.items() if second >= limit)


def _longer(rang: Counter[int], now: float, end: int) -> int | None:
    """The least ring_timeout below `end` with hardly any answer past it; None: none is much
    better."""
    answered, late = sum(rang.values()), _over(rang, now)
    for candidate in range(int(now) + 1, end):
        if _over(rang, candidate) <= max(1, answered // 200):
            return candidate
    return end - 1 if end - 1 > now and _over(rang, end - 1) <= late / 3 else None


# --- abandoned_after ----------------------------------------------------------------------------

LEAST_SHORT, SHORT_SHARE = 20, 0.1
#: Who hangs up sooner has misdialled.
MISDIALLED = 2


def abandoned_after(survey: Survey, config: Config) -> Iterator[Advice]:
    """Callers who gave up before abandoned_after. At least 20, a tenth of the missed calls, and
    half of them past the first 2 seconds, in which people notice that they misdialled."""
    for number in numbers(config):
        missed = missed_of(mine(survey, number))
        short = seconds(t for t in missed if t.reason == Reason.TOO_SHORT)
        count, all_missed = sum(short.values()), total(missed)
        if count < LEAST_SHORT or count < all_missed * SHORT_SHARE:
            continue
        kept = range(MISDIALLED, int(number.abandoned_after))
        better = next((s for s in reversed(kept) if _over(short, s) * 2 >= count), None)
        if better is None:
            continue
        gained = _over(short, better)
        at = ", ".join(f"{n} in second {s + 1}" for s, n in sorted(short.items()))
        yield Advice(
            topic=Topic.ABANDONED_AFTER,
            number=number.did,
            found=f"{number.did}: {count} of {all_missed} missed callers "
            f"({share(count, all_missed)}) gave up before abandoned_after = "
            f"{duration_text(number.abandoned_after)}: {at}",
            cure=f'abandoned_after = "{better}s" in {table_of(number)} would text {gained} of them',
            serious=False,
            figures={
                "short": count,
                "missed": all_missed,
                "proposed": better,
                "gained": gained,
                "gave_up_at": {str(s): n for s, n in sorted(short.items())},
            },
        )
