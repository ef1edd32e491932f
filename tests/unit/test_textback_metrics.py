"""What Prometheus scrapes, and what /healthz answers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from textback.console.health import Health, PartHealth, build_app
from textback.metrics import Metrics
from textback.metrics_parts import Part
from textback.model import (
    Call,
    CallKey,
    Direction,
    Moment,
    OutboxState,
    Outcome,
    Phase,
    Presentation,
    Reason,
    ReceiptState,
)


def call(phase: Phase, outcome: Outcome) -> Call:
    at = Moment.at(1_700_000_000)
    return Call(
        key=CallKey(pbx="pbx", boot="", uniqueid="1700000000.12"),
        phase=phase,
        at=at,
        direction=Direction.INBOUND,
        linkedid="1700000000.12",
        channel="PJSIP/trunk-00000001",
        context="from-trunk",
        caller="+12125550123",
        caller_name="",
        caller_final="+12125550123",
        did="+12125550100",
        presentation=Presentation.ALLOWED,
        started=at,
        ringing=at,
        answered=None,
        outcome=outcome,
        waited=15.0,
        may_become=frozenset({outcome}),
    )


def values(metrics: Metrics) -> dict[str, float]:
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(metrics.expose().decode()):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(mode="live")


def test_a_call_is_counted_once_when_it_ends(metrics: Metrics) -> None:
    metrics.call(call(Phase.RING_TIMEOUT, Outcome.NO_ANSWER))
    metrics.call(call(Phase.ENDED, Outcome.NO_ANSWER))
    name = "textback_calls_total{direction=inbound,outcome=no_answer,pbx=pbx}"
    assert values(metrics)[name] == 1


def test_what_the_parts_tell_is_counted(metrics: Metrics) -> None:
    metrics.verdict(Reason.COOLDOWN)
    metrics.state(OutboxState.ACCEPTED)
    metrics.submission("smsc", "accepted")
    metrics.receipt(ReceiptState.DELIVERED, False)
    metrics.reply()
    metrics.decide_to_submit(0.004)
    seen = values(metrics)
    for name in (
        "textback_verdicts_total{reason=cooldown}",
        "textback_text_states_total{state=accepted}",
        "textback_submissions_total{result=accepted,route=smsc}",
        "textback_receipts_total{matched=no,state=DELIVRD}",
        "textback_replies_total{}",
        "textback_decide_to_submit_seconds_bucket{le=0.005}",
    ):
        assert seen[name] == 1, name
    assert seen["textback_decide_to_submit_seconds_bucket{le=0.0025}"] == 0


def test_a_reload_may_change_the_mode(metrics: Metrics) -> None:
    metrics.mode("shadow")
    builds = [name for name in values(metrics) if name.startswith("textback_build_info")]
    assert builds == ["textback_build_info{mode=shadow,version=0.1.0}"]


def test_links_are_read_at_each_scrape(metrics: Metrics) -> None:
    parts = [Part("pbx", False, "waiting", {"queue_dropped": 3})]
    metrics.watch(lambda: parts, lambda: [Part("smsc", True, "bound", {"submitted": 5})])
    assert values(metrics)["textback_ami_up{pbx=pbx}"] == 0
    parts[0] = Part("pbx", True, "up", {"queue_dropped": 4})
    seen = values(metrics)
    assert seen["textback_ami_up{pbx=pbx}"] == 1
    assert seen["textback_ami_total{pbx=pbx,what=queue_dropped}"] == 4
    assert seen["textback_smpp_bound{route=smsc}"] == 1
    assert seen["textback_smpp_total{route=smsc,what=submitted}"] == 5


def test_alarms_are_read_at_each_scrape(metrics: Metrics) -> None:
    table = [("cap_reached", False, 0)]
    metrics.watch_alarms(lambda: table)
    assert values(metrics)["textback_alarm{alarm=cap_reached}"] == 0
    table[0] = ("cap_reached", True, 2)
    seen = values(metrics)
    assert seen["textback_alarm{alarm=cap_reached}"] == 1
    assert seen["textback_alarms_raised_total{alarm=cap_reached}"] == 2


def test_a_state_that_has_no_text_any_more_goes_back_to_nought(metrics: Metrics) -> None:
    metrics.stock({OutboxState.QUEUED: 3, OutboxState.UNCERTAIN: 1}, 12.5)
    metrics.stock({OutboxState.DELIVERED: 3}, 0.0)
    seen = values(metrics)
    assert seen["textback_texts{state=queued}"] == 0
    assert seen["textback_texts{state=uncertain}"] == 0
    assert seen["textback_texts{state=delivered}"] == 3
    assert seen["textback_queue_depth{}"] == 0
    assert seen["textback_oldest_queued_seconds{}"] == 0


def test_two_daemons_in_one_process_do_not_share_a_registry() -> None:
    first, second = Metrics(mode="live"), Metrics(mode="shadow")
    first.reply()
    assert values(second)["textback_replies_total{}"] == 0
    assert "textback_build_info{mode=shadow,version=0.1.0}" in values(second)


def test_every_metric_is_named_and_helped_and_none_has_a_creation_series(metrics: Metrics) -> None:
    metrics.call(call(Phase.ENDED, Outcome.NO_ANSWER))
    text = metrics.expose().decode()
    names = set(re.findall(r"^# HELP (\S+) \S", text, re.MULTILINE))
    assert len(names) > 10
    assert all(name.startswith("textback_") for name in names)
    assert "_created" not in text


async def client_of(health: Health, metrics: Metrics) -> TestClient[Any, Any]:
    async def tell() -> Health:
        return health

    async def expose() -> bytes:
        return metrics.expose()

    return TestClient(TestServer(build_app(tell, expose)))


UP = PartHealth("ami:pbx", True, "up", {"says": "up"})
DOWN = PartHealth("smpp:smsc", False, "waiting", {"says": "connection refused"})


@pytest.mark.parametrize(
    ("parts", "status", "word", "failing"),
    [((UP,), 200, "ok", []), ((UP, DOWN), 503, "failing", ["smpp:smsc"])],
)
async def test_health_is_503_as_soon_as_one_part_fails(
    metrics: Metrics,
    parts: tuple[PartHealth, ...],
    status: int,
    word: str,
    failing: list[str],
) -> None:
    async with await client_of(Health("live", "0.1.0", parts), metrics) as client:
        response = await client.get("/healthz")
        told = await response.json()
    assert (response.status, told["status"], told["failing"]) == (status, word, failing)
    assert told["parts"]["ami:pbx"] == {"ok": True, "state": "up", "says": "up"}
    assert response.headers["Cache-Control"] == "no-store"


async def test_metrics_are_served_in_the_text_format(metrics: Metrics) -> None:
    async with await client_of(Health("live", "0.1.0", ()), metrics) as client:
        response = await client.get("/metrics")
        text = await response.text()
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert list(text_string_to_metric_families(text))


@pytest.mark.parametrize(("method", "path"), [("POST", "/healthz"), ("GET", "/"), ("GET", "/x")])
async def test_nothing_else_is_served(metrics: Metrics, method: str, path: str) -> None:
    async with await client_of(Health("live", "0.1.0", ()), metrics) as client:
        response = await client.request(method, path)
    assert response.status in (404, 405)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
