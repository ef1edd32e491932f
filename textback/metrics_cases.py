"""What Prometheus may know of missed callers: open cases, and how soon they are spoken to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from textback.model import CaseStage
from textback.store.rows import CaseChange

#: Seconds from the first missed call to the conversation: a minute to a week.
RECOVERY_BUCKETS = (
    *(60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0),
    *(86_400.0, 172_800.0, 345_600.0, 604_800.0),
)


class CaseMetrics:
    """Counted as calls open and close cases; what is open is read from the store at a scrape."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._open = Gauge(
            "textback_cases", "Open cases of missed callers, by stage", ["stage"], registry=registry
        )
        self._overdue = Gauge(
            "textback_cases_overdue", "Open cases past their due time", registry=registry
        )
        self._opened = Counter(
            "textback_cases_opened", "Cases opened by a missed call", registry=registry
        )
        self._recovered = Counter(
            "textback_cases_recovered",
            "Cases closed by a conversation, by how (called_back, recovered) and whether the "
            "caller had been texted before",
            ["stage", "texted"],
            registry=registry,
        )
        self._seconds = Histogram(
            "textback_recovery_seconds",
            "From the first missed call of a case to the conversation that closed it",
            ["texted"],
            buckets=RECOVERY_BUCKETS,
            registry=registry,
        )

    def changed(self, changes: Iterable[CaseChange]) -> None:
        """A call opened or closed these."""
        for change in changes:
            if change.opened:
                self._opened.inc()
            elif change.took is not None:
                texted = "yes" if change.texted else "no"
                self._recovered.labels(change.stage.value, texted).inc()
                self._seconds.labels(texted).observe(change.took)

    def stock(self, counts: Mapping[CaseStage, int], overdue: int) -> None:
        """What is open in the store."""
        for stage, number in counts.items():
            self._open.labels(stage.value).set(number)
        self._overdue.set(overdue)
