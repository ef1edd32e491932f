"""What Prometheus may know: its own registry, counted as it happens or read when asked.

Counters live as long as the process; `textback_texts` is read from the store, so it survives one.
No label ever holds a telephone number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
    generate_latest,
)

from textback import __version__
from textback.metrics_cases import CaseMetrics
from textback.metrics_keeping import KeepingMetrics
from textback.metrics_optout import OptOutMetrics
from textback.metrics_parts import (
    AgiMetrics,
    AlarmMetrics,
    CaughtUp,
    LinkMetrics,
    Part,
    RecordMetrics,
)
from textback.model import Call, HookResult, OutboxState, Phase, Reason, ReceiptState
from textback.observer import Observer

#: Seconds from the deciding event to submit_sm on the wire. The aim is 0.02 when idle.
SUBMIT_BUCKETS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    15.0,
    60.0,
    300.0,
    900.0,
)
#: Seconds a dialplan hook takes. The deadline is 0.2.
HOOK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.5, 1.0)


class Metrics(Observer):
    """The product's numbers, and the verbs by which the parts tell them."""

    def __init__(self, *, mode: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._calls = Counter(
            "textback_calls",
            "Calls ended, by PBX, direction and outcome",
            ["pbx", "direction", "outcome"],
            registry=self.registry,
        )
        self._verdicts = Counter(
            "textback_verdicts",
            "Verdicts on calls, by reason (send: a text was written)",
            ["reason"],
            registry=self.registry,
        )
        self._submissions = Counter(
            "textback_submissions",
            "Answers of the carriers to texts submitted, by route and kind",
            ["route", "result"],
            registry=self.registry,
        )
        self._states = Counter(
            "textback_text_states",
            "Times a text came into a state",
            ["state"],
            registry=self.registry,
        )
        self._receipts = Counter(
            "textback_receipts",
            "Delivery receipts, by state and whether they belong to a text of ours",
            ["state", "matched"],
            registry=self.registry,
        )
        self._replies = Counter(
            "textback_replies", "Texts received from handsets", registry=self.registry
        )
        self._incomplete = Counter(
            "textback_replies_incomplete",
            "Long texts from handsets of which parts did not come in time",
            registry=self.registry,
        )
        self._repeated = Counter(
            "textback_replies_repeated",
            "Deliveries of a carrier that it had made before",
            registry=self.registry,
        )
        self._decide_to_submit = Histogram(
            "textback_decide_to_submit_seconds",
            "From the event that decided a call to its text being given to the carrier",
            buckets=SUBMIT_BUCKETS,
            registry=self.registry,
        )
        self._dials = Counter(
            "textback_dials",
            "Clicks on a number in the console, by what came of them: placed, or why not",
            ["result"],
            registry=self.registry,
        )
        self._desk_phones = Counter(
            "textback_desk_phones",
            "Texts handed to desk phones, by what came of it (told, not_told, given_up)",
            ["result"],
            registry=self.registry,
        )
        self.cases = CaseMetrics(self.registry)
        self.optouts = OptOutMetrics(self.registry)
        self.keeping = KeepingMetrics(self.registry)
        self._hooks = Counter(
            "textback_hooks",
            "Dialplan hooks answered, by hook and what TEXTBACK_RESULT was set to",
            ["hook", "result"],
            registry=self.registry,
        )
        self._hook_seconds = Histogram(
            "textback_hook_seconds",
            "From Asterisk's connection to the answer being on its way to it",
            buckets=HOOK_BUCKETS,
            registry=self.registry,
        )
        self._texts = Gauge(
            "textback_texts", "Texts in the store, by state", ["state"], registry=self.registry
        )
        self._queue_depth = Gauge(
            "textback_queue_depth", "Texts waiting to be submitted", registry=self.registry
        )
        self._oldest_queued = Gauge(
            "textback_oldest_queued_seconds",
            "Age of the oldest text waiting to be submitted",
            registry=self.registry,
        )
        self._facts_waiting = Gauge(
            "textback_facts_waiting",
            "Facts about calls that are not on the disk yet",
            registry=self.registry,
        )
        self._facts_lost = Gauge(
            "textback_facts_lost",
            "Facts about calls given up because the store failed for too long",
            registry=self.registry,
        )
        self.store_up = Gauge(
            "textback_store_up", "1 when the store answered this scrape", registry=self.registry
        )
        self.reload_ok = Gauge(
            "textback_config_reload_ok",
            "0 when the last reload was refused and the old configuration is in force",
            registry=self.registry,
        )
        self.reload_ok.set(1)
        started = Gauge(
            "textback_start_time_seconds", "When this process began, epoch", registry=self.registry
        )
        started.set(time.time())
        self._build = Info("textback_build", "What is running", registry=self.registry)
        self.mode(mode)

    def mode(self, mode: str) -> None:
        """The mode in force; a reload may change it."""
        self._build.info({"version": __version__, "mode": mode})

    def watch(
        self, read_ami: Callable[[], Iterable[Part]], read_smpp: Callable[[], Iterable[Part]]
    ) -> None:
        """Read the links at each scrape with these."""
        self.registry.register(LinkMetrics(read_ami, read_smpp))

    def watch_agi(self, read: Callable[[], Mapping[str, int]]) -> None:
        """Read what the FastAGI port counted at each scrape."""
        self.registry.register(AgiMetrics(read))

    def hook(self, hook: str, result: HookResult, seconds: float) -> None:
        """A dialplan hook was answered, `seconds` after Asterisk connected."""
        self._hooks.labels(hook, result.value).inc()
        self._hook_seconds.observe(seconds)

    def dialled(self, result: str) -> None:
        """Somebody clicked on a number in the console."""
        self._dials.labels(result).inc()

    def desk_phone(self, result: str) -> None:
        """A text was handed to a desk phone: "told", "not_told" (tried again), "given_up"."""
        self._desk_phones.labels(result).inc()

    def watch_records(self, read: Callable[[], Iterable[CaughtUp]]) -> None:
        """Read what catch-up came to at each scrape."""
        self.registry.register(RecordMetrics(read))

    def watch_alarms(self, read: Callable[[], Iterable[tuple[str, bool, int]]]) -> None:
        """Read the alarms at each scrape: name, whether it stands, times raised."""
        self.registry.register(AlarmMetrics(read))

    def call(self, call: Call) -> None:
        if call.phase is Phase.ENDED:
            self._calls.labels(call.key.pbx, call.direction.value, call.outcome.value).inc()

    def verdict(self, reason: Reason) -> None:
        self._verdicts.labels(reason.value).inc()

    def state(self, state: OutboxState) -> None:
        self._states.labels(state.value).inc()

    def submission(self, route: str, result: str) -> None:
        self._submissions.labels(route, result).inc()

    def decide_to_submit(self, seconds: float) -> None:
        self._decide_to_submit.observe(seconds)

    def receipt(self, state: ReceiptState, matched: bool) -> None:
        self._receipts.labels(state.value, "yes" if matched else "no").inc()

    def reply(self) -> None:
        self._replies.inc()

    def reply_incomplete(self) -> None:
        self._incomplete.inc()

    def reply_repeated(self) -> None:
        self._repeated.inc()

    def stock(self, counts: Mapping[OutboxState, int], oldest_queued: float) -> None:
        """What the store holds: texts by state, age in seconds of the oldest one waiting."""
        for state in OutboxState:
            self._texts.labels(state.value).set(counts.get(state, 0))
        self._queue_depth.set(counts.get(OutboxState.QUEUED, 0))
        self._oldest_queued.set(oldest_queued)

    def facts(self, waiting: int, lost: int) -> None:
        """What intake has in hand, and what it had to give up."""
        self._facts_waiting.set(waiting)
        self._facts_lost.set(lost)

    def expose(self) -> bytes:
        """The text format of Prometheus, version 0.0.4."""
        return generate_latest(self.registry)
