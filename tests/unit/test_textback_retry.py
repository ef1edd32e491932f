"""When a text is tried again, and when it is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textback.model import Later, Refused, Unsure
from textback.retry import GiveUp, RetryDecision, RetryRules, back_off, next_step

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RULES = RetryRules(first=5, factor=2, longest=120, spread=0.2, max_attempts=6)
LATER = Later(after=0, detail="message queue full")
THROTTLED = Later(after=1, detail="throttled", counts=False)


@pytest.mark.parametrize(
    ("attempts", "submission", "left", "wait"),
    [
        # attempts, what came of the last, seconds until it expires -> seconds to wait
        (1, LATER, 900, 5),
        (2, LATER, 900, 10),
        (3, LATER, 900, 20),
        (5, LATER, 900, 80),
        (1, Later(after=30, detail="the carrier says when"), 900, 30),
        (4, Later(after=30, detail="but not sooner than the back-off"), 900, 40),
        (0, LATER, 900, 5),
        (1, THROTTLED, 900, 1),
        (99, THROTTLED, 900, 1),  # not the text's fault: not counted
        (4, LATER, 30, 29),  # the last chance, a second before it expires
        (1, LATER, 5, 4),
        (6, LATER, 900, None),  # max_attempts
        (1, LATER, 1, None),
        (1, LATER, 0, None),
        (1, LATER, -60, None),
        (1, Later(after=60, detail="later than it is useful"), 30, None),
        (1, THROTTLED, 1, None),
        (1, Refused(status=0x0B, name="ESME_RINVDSTADR", detail=""), 900, None),
        (1, Unsure(detail="no answer"), 900, None),
    ],
)
def test_the_next_step(
    attempts: int, submission: Later | Refused | Unsure, left: float, wait: float | None
) -> None:
    expires = NOW + timedelta(seconds=left)
    step = next_step(attempts, submission, NOW, NOW - timedelta(seconds=60), expires, RULES)
    if wait is None:
        assert isinstance(step, GiveUp)
    else:
        assert step == RetryDecision(NOW + timedelta(seconds=wait))


@pytest.mark.parametrize(
    ("submission", "reason"),
    [
        (
            Refused(status=0x0B, name="ESME_RINVDSTADR", detail="bad number"),
            "refused by the carrier: ESME_RINVDSTADR (bad number)",
        ),
        (Refused(status=0x400, name="", detail=""), "refused by the carrier: status 0x400"),
        (Unsure(detail="no answer in 30 s"), "uncertain, held (no answer in 30 s)"),
        (Later(after=9999, detail="queue full"), "expired 60 s after it was written (queue full)"),
    ],
)
def test_giving_up_says_why(submission: Later | Refused | Unsure, reason: str) -> None:
    created, expires = NOW - timedelta(seconds=60), NOW + timedelta(seconds=900)
    assert next_step(1, submission, NOW, created, expires, RULES) == GiveUp(reason)


def test_an_uncertain_text_is_sent_again_only_by_the_resend_policy() -> None:
    resend = RetryRules(on_uncertain="resend", first=5)
    expires = NOW + timedelta(seconds=900)
    step = next_step(1, Unsure(detail=""), NOW, NOW, expires, resend)
    assert step == RetryDecision(NOW + timedelta(seconds=5))
    many = next_step(resend.max_attempts, Unsure(detail=""), NOW, NOW, expires, resend)
    assert isinstance(many, GiveUp)


def test_jitter_spreads_the_wait_both_ways() -> None:
    assert back_off(1, RULES, 0.0) == pytest.approx(4)
    assert back_off(1, RULES, 0.5) == pytest.approx(5)
    assert back_off(1, RULES, 1.0) == pytest.approx(6)


@given(
    attempts=st.integers(0, 10_000),
    after=st.floats(0, 1e6),
    left=st.floats(-1e6, 1e6),
    counts=st.booleans(),
    jitter=st.floats(0, 1),
)
@settings(max_examples=200, deadline=None)
def test_no_retry_is_in_the_past_too_early_or_after_the_expiry(
    attempts: int, after: float, left: float, counts: bool, jitter: float
) -> None:
    expires = NOW + timedelta(seconds=left)
    later = Later(after=after, detail="", counts=counts)
    step = next_step(attempts, later, NOW, NOW, expires, RULES, jitter=jitter)
    if isinstance(step, RetryDecision):
        # A microsecond is lost where seconds become a timedelta.
        assert step.due >= NOW + timedelta(seconds=after) - timedelta(microseconds=1)
        assert step.due < expires
        assert step.due <= NOW + timedelta(seconds=max(after, 120 * 1.2))
