"""What Prometheus may know of the choice between routes: read when scraped."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class RouteMetrics(Collector):
    """Which routes carry their texts, and how often each was given up."""

    def __init__(self, read: Callable[[], Iterable[tuple[str, bool, int]]]) -> None:
        """`read()`: every route, whether it carries, and how often it was given up."""
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        carrying = GaugeMetricFamily(
            "textback_route_carrying", "1 while this route carries its own texts", labels=["route"]
        )
        failovers = CounterMetricFamily(
            "textback_failovers", "Times this route was given up for the next", labels=["route"]
        )
        for name, stands, times in self._read():
            carrying.add_metric([name], float(stands))
            failovers.add_metric([name], times)
        return [carrying, failovers]
