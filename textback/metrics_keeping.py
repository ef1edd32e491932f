"""What Prometheus may know of retention: when what was too old was last deleted, and how much."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge


class KeepingMetrics:
    """Counted as purges come to their end."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rows = Counter(
            "textback_purged_rows",
            "Rows deleted because they were older than [retention] says, by table",
            ["table"],
            registry=registry,
        )
        self._last = Gauge(
            "textback_last_purge_seconds",
            "When a purge last came to its end, in seconds since 1970; 0: never",
            registry=registry,
        )

    def purged(self, at: datetime, rows: Mapping[str, int]) -> None:
        """A purge came to its end; also told of the one before the start, without rows."""
        self._last.set(at.timestamp())
        for table, count in rows.items():
            self._rows.labels(table).inc(count)
