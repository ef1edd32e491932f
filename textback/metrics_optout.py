"""Metrics of opt-outs: who is not texted, and the replies that wait for a person's word."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge

from textback.model import ConsentSource


class OptOutMetrics:
    """Read from the store at a scrape: opt-outs come by many ways, and not all pass the daemon."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._active = Gauge(
            "textback_opt_outs",
            "Handsets that are not texted, by the way in which they said so",
            ["source"],
            registry=registry,
        )
        self._reviews = Gauge(
            "textback_optout_reviews",
            "Replies that may be an opt-out and wait for a person",
            registry=registry,
        )

    def stock(self, active: Mapping[ConsentSource, int], reviews: int) -> None:
        """What stands in the store."""
        for source in ConsentSource:
            self._active.labels(source.value).set(active.get(source, 0))
        self._reviews.set(reviews)
