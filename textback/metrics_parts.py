"""What Prometheus may know of parts that count for themselves: read when scraped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True)
class Part:
    """One supervised connection as seen at a scrape."""

    name: str
    up: bool
    state: str
    counters: Mapping[str, int]


class AlarmMetrics(Collector):
    """Reads the alarms when scraped."""

    def __init__(self, read: Callable[[], Iterable[tuple[str, bool, int]]]):
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        stands = GaugeMetricFamily("textback_alarm", "1 while this alarm stands", labels=["alarm"])
        raised = CounterMetricFamily(
            "textback_alarms_raised", "Times this alarm was raised", labels=["alarm"]
        )
        for name, stands_now, times in self._read():
            stands.add_metric([name], float(stands_now))
            raised.add_metric([name], times)
        return [stands, raised]


class AgiMetrics(Collector):
    """Reads the FastAGI port when scraped: it counts for itself."""

    def __init__(self, read: Callable[[], Mapping[str, int]]):
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        seen = CounterMetricFamily(
            "textback_agi", "What the FastAGI port counted, by kind", labels=["what"]
        )
        for what, count in sorted(self._read().items()):
            seen.add_metric([what], count)
        return [seen]


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What was learnt from one PBX's records, and which of them cannot be read."""

    pbx: str
    calls: Mapping[tuple[str, str], int]  #: by source and outcome
    unreadable: tuple[str, ...]


class RecordMetrics(Collector):
    """Reads catch-up when scraped: it counts for itself."""

    def __init__(self, read: Callable[[], Iterable[CaughtUp]]):
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        calls = CounterMetricFamily(
            "textback_caught_up_calls",
            "Calls learnt of afterwards, by what told of them and how they ended",
            labels=["pbx", "source", "outcome"],
        )
        unreadable = GaugeMetricFamily(
            "textback_records_unreadable",
            "Sources of catch-up that are configured and could not be read the last time",
            labels=["pbx"],
        )
        for caught in self._read():
            for (source, outcome), count in sorted(caught.calls.items()):
                calls.add_metric([caught.pbx, source, outcome], count)
            unreadable.add_metric([caught.pbx], len(caught.unreadable))
        return [calls, unreadable]


class LinkMetrics(Collector):
    """Reads the links when scraped: they count for themselves."""

    def __init__(
        self, read_ami: Callable[[], Iterable[Part]], read_smpp: Callable[[], Iterable[Part]]
    ):
        self._read_ami = read_ami
        self._read_smpp = read_smpp

    def describe(self) -> Iterable[Metric]:
        return []  # the registry must not call collect() before the links are there

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily(
            "textback_ami_up", "1 when logged in to this PBX and in step with it", labels=["pbx"]
        )
        seen = CounterMetricFamily(
            "textback_ami", "What the AMI link counted, by kind", labels=["pbx", "what"]
        )
        for part in self._read_ami():
            up.add_metric([part.name], float(part.up))
            for what, count in sorted(part.counters.items()):
                seen.add_metric([part.name, what], count)
        bound = GaugeMetricFamily(
            "textback_smpp_bound", "1 when bound to this carrier", labels=["route"]
        )
        counted = CounterMetricFamily(
            "textback_smpp", "What the SMPP link counted, by kind", labels=["route", "what"]
        )
        for part in self._read_smpp():
            bound.add_metric([part.name], float(part.up))
            for what, count in sorted(part.counters.items()):
                counted.add_metric([part.name, what], count)
        return [up, seen, bound, counted]
