"""What Prometheus may know of the console's door: read when scraped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

#: Every result there is; each is there from the start, so that a first failure is an increase.
RESULTS = (
    *("ok", "password", "unknown", "disabled", "locked", "busy"),
    *("csrf", "token", "proxy"),
)


class ConsoleMetrics(Collector):
    """How signing in ended, and what was refused at the door."""

    def __init__(self, read: Callable[[], Mapping[str, int]]) -> None:
        """`read()`: how often, by result."""
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        told = CounterMetricFamily(
            "textback_console_sign_ins",
            "Sign-ins to the console and what it refused at the door, by result",
            labels=["result"],
        )
        found = self._read()
        for result in RESULTS:
            told.add_metric([result], found.get(result, 0))
        return [told]
