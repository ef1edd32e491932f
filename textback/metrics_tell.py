"""What Prometheus may know of telling others: tries, and what waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class TellMetrics(Collector):
    """Reads the tries when scraped; what waits is put here before, since the store is asked."""

    def __init__(self, read: Callable[[], Mapping[tuple[str, str, str], int]]):
        """`read()`: tries by channel, target and result."""
        self._read = read
        self._waiting: Mapping[tuple[str, str], tuple[int, float]] = {}

    def untold(self, waiting: Mapping[tuple[str, str], tuple[int, float]]) -> None:
        """What waits to be told, by channel and target: how much, and its age in seconds."""
        self._waiting = waiting

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        told = CounterMetricFamily(
            "textback_tellings",
            "Tries to tell an event, by webhook or notification and what came of it",
            labels=["channel", "target", "result"],
        )
        for key, count in sorted(self._read().items()):
            told.add_metric(list(key), count)
        queued = GaugeMetricFamily(
            "textback_tellings_queued",
            "Events that wait to be told, by webhook or notification",
            labels=["channel", "target"],
        )
        oldest = GaugeMetricFamily(
            "textback_tellings_oldest_seconds",
            "Age of the oldest event that waits to be told",
            labels=["channel", "target"],
        )
        for target, (count, age) in sorted(self._waiting.items()):
            queued.add_metric(list(target), count)
            oldest.add_metric(list(target), age)
        return [told, queued, oldest]
