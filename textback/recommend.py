"""The recommender: what the recorded calls say should be changed, with the figures; pure.

Each rule is one function and says at most one line and one cure for each thing it is about, and
only with enough evidence: the least counts stand in its sentence. What is `serious` means that
callers were texted wrongly or not at all; the rest are choices the business may have made.
"""

from __future__ import annotations

from textback import advice_numbers, advice_verdicts, advice_waits
from textback.advice import Advice, Rule
from textback.config import Config
from textback.figures import Survey

#: All rules, in the order in which their advice is given.
RULES: tuple[Rule, ...] = (
    advice_waits.ring_timeout,
    advice_numbers.contexts,
    advice_numbers.did_format,
    advice_numbers.not_watched,
    advice_verdicts.unknown,
    advice_verdicts.presentation,
    advice_verdicts.caps,
    advice_waits.abandoned_after,
    advice_verdicts.outcome_off,
    advice_verdicts.cooldown,
    advice_verdicts.landlines,
    advice_numbers.no_calls,
)


def recommend(survey: Survey, config: Config) -> list[Advice]:
    """All advice, in the order of `RULES`, what is serious first."""
    found = [advice for rule in RULES for advice in rule(survey, config)]
    return sorted(found, key=lambda advice: not advice.serious)
