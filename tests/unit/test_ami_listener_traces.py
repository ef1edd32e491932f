"""Every trace of a real Asterisk below tests/data/ami, through splitter, events and tracker.

Each is there as a user who may read everything receives it and as our own filtered user does; its
sidecar says what must come of both. Those of the older Asterisk are in a folder of its own.
"""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ami_listener.events import ChannelRow, Splitter, parse_event
from ami_listener.tracker import Inbound, Tracker
from textback.config_pbx import INBOUND_CONTEXTS
from textback.model import Call, Direction, Moment, Outcome, Phase, Presentation

DATA = Path(__file__).parents[1] / "data" / "ami"
DROP_IN = Path(__file__).parents[2] / "conf" / "asterisk" / "manager.d" / "textback.conf"
TRACES = sorted([*DATA.rglob("*.ami"), *DATA.rglob("*.ami.gz")])
each_trace = pytest.mark.parametrize("path", TRACES, ids=lambda path: str(path.relative_to(DATA)))


def replay(trace: bytes, about: dict[str, Any], chunk: int = 65536) -> tuple[list[Call], Tracker]:
    number = about["numbers"][0] if about["numbers"] else None
    ring_timeout = float(number.get("ring_timeout", 15)) if number else None
    tracker = Tracker(
        pbx="lab",
        boot="",
        inbound=Inbound(frozenset(about["pbx"].get("inbound_contexts", INBOUND_CONTEXTS))),
        watch=lambda did: ring_timeout,
        not_human=about["pbx"].get("not_human", ()),
    )
    calls: list[Call] = []
    splitter = Splitter()
    now: float | None = None  # of the last event; the answers to our own actions have no time
    for start in range(0, len(trace), chunk):
        for raw in splitter.receive_data(trace[start : start + chunk]):
            event = parse_event(raw)
            if event is not None and event.at is not None:
                now = event.at
            if event is None or now is None or isinstance(event, ChannelRow):
                continue
            while (due := tracker.next_deadline()) is not None and due <= now:
                calls += tracker.expire(Moment.at(due))
            calls += tracker.feed(event, Moment.at(now))
    return calls, tracker


def load(path: Path) -> tuple[bytes, dict[str, Any]]:
    trace = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    about = path.with_name(path.name.partition(".")[0] + ".json")
    return trace, json.loads(about.read_text())


def twin(ends: dict[str, Call], left: set[str], expected: dict[str, Any]) -> str:
    """Of two calls from one caller to one number, one that came to this."""
    found = (uid for uid in sorted(left) if ends[uid].outcome.value == expected["outcome"])
    return next(found, "")


@each_trace
def test_a_trace_comes_to_what_its_sidecar_says(path: Path) -> None:
    trace, about = load(path)
    calls, tracker = replay(trace, about)
    ends = {call.key.uniqueid: call for call in calls if call.final}
    inbound = {uid for uid, call in ends.items() if call.direction is Direction.INBOUND}
    for expected in about["expected"]:
        call = ends.get(expected["uniqueid"] or twin(ends, inbound, expected))
        if about["topology"].startswith("hostile_number"):
            assert calls, "a hostile call must be told of"
            assert all(c.tainted and c.outcome is Outcome.UNKNOWN for c in calls)
        else:
            assert call is not None, list(ends)
            assert call.outcome.value == expected["outcome"], call.trail
            inbound.discard(call.key.uniqueid)
            assert call.direction.value == expected.get("direction", "inbound")
            assert call.did == expected["did"]
            assert call.caller == expected["caller"] or call.direction is Direction.ORIGINATED
            assert not call.gap
            assert not call.tainted
        if about["topology"].startswith("withheld"):
            assert call is not None
            assert call.presentation is Presentation.WITHHELD
        inbound.discard(expected["uniqueid"])
    assert not inbound, "an inbound call nobody expected"
    assert not tracker.sizes["bridges"]


@each_trace
def test_each_fact_about_a_call_is_told_once_and_in_order(path: Path) -> None:
    calls, _ = replay(*load(path))
    told = [(call.key.uniqueid, call.phase) for call in calls]
    assert len(told) == len(set(told))
    for uniqueid in {uniqueid for uniqueid, _ in told}:
        phases = [phase for uid, phase in told if uid == uniqueid]
        assert phases[-1] is Phase.ENDED or Phase.ENDED not in phases
        if Phase.ANSWERED in phases:
            assert set(phases[phases.index(Phase.ANSWERED) + 1 :]) <= {Phase.ENDED}


@pytest.mark.parametrize(
    "path",
    [path for path in TRACES if ".filtered." in path.name],
    ids=lambda path: str(path.relative_to(DATA)),
)
def test_our_user_was_sent_what_the_filters_of_the_drop_in_let_through(path: Path) -> None:
    """In the syntax of its Asterisk: the old one's filters are comments an admin has to remove."""
    allowed = set(re.findall(r"name\((\w+)\)", DROP_IN.read_text()))
    answers = {"CoreShowChannel", "CoreShowChannelsComplete"}
    trace, _ = load(path)

    assert set(re.findall(r"^Event: (\w+)\r$", trace.decode(), re.M)) <= allowed | answers


def test_there_are_traces() -> None:
    # Without them the tests above would pass by running nothing.
    for version in (DATA, DATA / "16"):
        assert sum(path.parent == version for path in TRACES) > 50


@pytest.mark.parametrize("chunk", [1, 7, 1460])
def test_a_trace_tells_the_same_however_tcp_cuts_it(chunk: int) -> None:
    trace, about = load(DATA / "hostile_name.ami.gz")
    assert replay(trace, about, chunk)[0] == replay(trace, about)[0]
