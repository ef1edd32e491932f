"""The small parts of the tracker: births, timers, the graph, legs, the verdict, the ring clock."""

from __future__ import annotations

import pytest

from ami_listener.births import Inbound, direction_of, is_dialled_number
from ami_listener.callstate import RingClock
from ami_listener.event_types import BridgeInfo, Snapshot
from ami_listener.outcome import Facts, LegResult, judge_leg, may_become, outcome
from ami_listener.timers import Timers
from ami_listener.topology import Topology, endpoint_of
from textback.model import Direction, Outcome


def snapshot(
    channel: str, *, uniqueid: str = "1.1", state: int = 4, context: str = "c", exten: str = "s"
) -> Snapshot:
    return Snapshot(uniqueid, uniqueid, channel, state, "", "", context, exten)


# --- births -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contexts", "endpoints", "context", "endpoint", "matches"),
    [
        ({"from-trunk"}, (), "from-trunk", "PJSIP/x", True),
        ({"from-trunk"}, (), "From-Trunk", "PJSIP/x", False),
        ({"from-trunk-*"}, (), "from-trunk-pjsip-acme", "PJSIP/x", True),
        ({"from-trunk-*"}, (), "from-trunk", "PJSIP/x", False),
        ((), {"acme"}, "anything", "PJSIP/acme", True),
        ((), {"PJSIP/acme"}, "anything", "PJSIP/acme", True),
        ((), {"PJSIP/acme"}, "anything", "IAX2/acme", False),
        ((), {"acme-*"}, "anything", "PJSIP/acme-west", True),
        ({"from-trunk"}, {"acme"}, "from-trunk", "PJSIP/101", False),
        ({"from-trunk"}, {"acme"}, "from-internal", "PJSIP/acme", False),
        ({"from-trunk"}, {"acme"}, "from-trunk", "PJSIP/acme", True),
        ((), (), "from-trunk", "PJSIP/acme", False),
    ],
)
def test_inbound_asks_for_context_and_endpoint_when_both_are_set(
    contexts: set[str], endpoints: set[str], context: str, endpoint: str, matches: bool
) -> None:
    inbound = Inbound(frozenset(contexts), frozenset(endpoints))
    assert inbound.matches(context, endpoint) is matches


INBOUND = Inbound(frozenset({"from-trunk"}))


@pytest.mark.parametrize(
    ("channel", "state", "context", "exten", "direction"),
    [
        ("PJSIP/acme-00000001", 4, "from-trunk", "2125550100", Direction.INBOUND),
        ("PJSIP/acme-00000001", 0, "from-trunk", "2125550100", None),
        ("PJSIP/acme-00000001", 6, "from-trunk", "2125550100", None),
        ("Local/1@from-trunk-00000001;2", 4, "from-trunk", "1", None),
        ("Message/ast_msg_queue", 4, "from-trunk", "1", None),
        ("PJSIP/101-00000001", 4, "from-internal", "102", Direction.INTERNAL),
        ("PJSIP/101-00000001", 4, "from-internal", "*97", Direction.INTERNAL),
        ("PJSIP/101-00000001", 4, "from-internal", "s", Direction.INTERNAL),
        ("PJSIP/101-00000001", 4, "from-internal", "+12125550199", Direction.OUTBOUND),
        ("PJSIP/101-00000001", 4, "from-internal", "912125550199", Direction.OUTBOUND),
        ("PJSIP/101-00000001", 4, "from-internal", "*672125550199", Direction.OUTBOUND),
    ],
)
def test_only_a_real_channel_born_in_ring_begins_a_call(
    channel: str, state: int, context: str, exten: str, direction: Direction | None
) -> None:
    chan = snapshot(channel, state=state, context=context, exten=exten)
    assert direction_of(chan, INBOUND) is direction


def test_an_exten_is_a_dialled_number_only_when_it_is_all_digits() -> None:
    assert all(map(is_dialled_number, ["+12125550100", "2125550100", "42"]))
    assert not any(map(is_dialled_number, ["s", "", "acct-main", "4", "21255501xx", "+"]))


# --- timers -----------------------------------------------------------------------------------


def test_timers_come_due_in_order_and_a_changed_one_only_once() -> None:
    timers = Timers()
    timers.set("a", 5.0)
    timers.set("b", 3.0)
    timers.set("a", 1.0)
    timers.set("c", 2.0)
    timers.set("c", None)
    assert timers.next() == 1.0
    assert timers.due(4.0) == ["a", "b"]
    assert timers.next() is None
    assert timers.due(10.0) == []


def test_timers_that_are_changed_for_ever_take_no_more_room() -> None:
    timers = Timers()
    for n in range(10_000):
        timers.set("a", float(n))
    assert len(timers._heap) < 200
    assert timers.due(1e9) == ["a"]


# --- graph ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "endpoint"),
    [
        ("PJSIP/acme-00000001", "PJSIP/acme"),
        ("PJSIP/acme-west-00000001", "PJSIP/acme-west"),
        ("DAHDI/i1/2125550100-1f", "DAHDI/i1/2125550100"),
        ("Message/ast_msg_queue", "Message/ast_msg_queue"),
    ],
)
def test_an_endpoint_is_the_channel_without_its_serial_number(channel: str, endpoint: str) -> None:
    assert endpoint_of(channel) == endpoint


def test_a_loop_of_parents_ends_and_owns_itself() -> None:
    # Only forged events can make one.
    graph = Topology()
    one = graph.add(snapshot("PJSIP/1-1", uniqueid="1"), 0, 0.0)
    two = graph.add(snapshot("PJSIP/2-1", uniqueid="2"), 0, 0.0)
    one.parent, two.parent = "2", "1"
    assert graph.first_caller(one) == "1"


def test_a_chain_of_local_channels_is_heard_through_to_its_end() -> None:
    graph = Topology()
    caller = graph.add(snapshot("PJSIP/trunk-1", uniqueid="c"), 0, 0.0)
    before = caller
    for n in range(5):
        one = graph.add(snapshot(f"Local/{n}@q-{n};1", uniqueid=f"{n}a"), 0, 0.0)
        two = graph.add(snapshot(f"Local/{n}@q-{n};2", uniqueid=f"{n}b"), 0, 0.0)
        graph.enter(before, BridgeInfo(f"b{n}", "basic", "simple_bridge"), 0)
        graph.enter(one, BridgeInfo(f"b{n}", "basic", "simple_bridge"), 0)
        before = two
    phone = graph.add(snapshot("PJSIP/101-1", uniqueid="p"), 0, 0.0)
    assert phone not in graph.together(caller)
    for channel in (before, phone):
        graph.enter(channel, BridgeInfo("last", "basic", "simple_bridge"), 0)
    assert phone in graph.together(caller)
    for uniqueid in list(graph.channels):
        graph.drop(uniqueid)
    assert not graph.bridges
    assert not graph.unpaired


# --- legs and the verdict ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "rang", "cause", "result"),
    [
        ("NOANSWER", True, 0, LegResult.NO_ANSWER),  # Dial timed out
        ("NOANSWER", True, 19, LegResult.NO_ANSWER),  # 480 after ringing: the phone gave up
        ("NOANSWER", True, 21, LegResult.BUSY),  # 603 after ringing
        ("NOANSWER", False, 21, LegResult.BUSY),  # 603 at once
        ("NOANSWER", False, 17, LegResult.BUSY),
        ("NOANSWER", False, 19, LegResult.UNREACHABLE),  # 480 at once
        ("NOANSWER", False, 3, LegResult.UNREACHABLE),  # 408: a phone that is gone
        ("NOANSWER", False, 0, LegResult.NO_ANSWER),  # a gateway that never says it rings
        ("BUSY", False, 17, LegResult.BUSY),
        ("CONGESTION", False, 34, LegResult.UNREACHABLE),
        ("CHANUNAVAIL", False, 20, LegResult.UNREACHABLE),
        ("CANCEL", True, 0, LegResult.NO_ANSWER),
        ("CANCEL", False, 0, LegResult.UNREACHABLE),
        ("CONTINUE", True, 16, LegResult.NO_ANSWER),
        ("ANSWER", True, 16, LegResult.NO_ANSWER),
        ("DONTCALL", True, 16, LegResult.BUSY),
        ("GOTO:ctx", True, 16, LegResult.NO_ANSWER),
        ("", True, 0, LegResult.NO_ANSWER),
    ],
)
def test_a_leg_is_judged_by_status_ring_and_cause(
    status: str, rang: bool, cause: int, result: LegResult
) -> None:
    assert judge_leg(status, rang=rang, cause=cause) is result


def test_a_leg_that_was_forwarded_counts_for_nothing_itself() -> None:
    assert judge_leg("CANCEL", rang=True, cause=0, forwarded=True) is LegResult.FORWARDED


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(), Outcome.IVR_ABANDONED),
        (Facts(dialled=True), Outcome.UNAVAILABLE),
        (Facts(no_answer=1, busy=1, unreachable=1, dialled=True), Outcome.NO_ANSWER),
        (Facts(busy=1, unreachable=1, dialled=True), Outcome.BUSY),
        (Facts(unreachable=1, dialled=True), Outcome.UNAVAILABLE),
        (Facts(queue_gave_up=True, busy=3), Outcome.NO_ANSWER),
        (Facts(in_queue=True, no_answer=3, rang_long=True), Outcome.QUEUE_ABANDONED),
        (Facts(ringing_left=True, no_answer=1), Outcome.ABANDONED),
        (Facts(ringing_left=True, rang_long=True), Outcome.NO_ANSWER),
        (Facts(voicemail=True, in_queue=True), Outcome.VOICEMAIL_NO_MESSAGE),
        (Facts(voicemail=True, message_left=True, no_answer=2), Outcome.VOICEMAIL_LEFT),
        (Facts(human=True, voicemail=True), Outcome.ANSWERED),
        (Facts(human=True, passed_on=True), Outcome.TRANSFER_UNANSWERED),
        (Facts(human=True, passed_on=True, parked=True), Outcome.PARKED_GIVEUP),
        (Facts(gap=True, no_answer=1), Outcome.UNKNOWN),
        (Facts(gap=True, human=True, passed_on=True), Outcome.ANSWERED),
        (Facts(tainted=True, human=True), Outcome.UNKNOWN),
    ],
)
def test_the_verdict_reads_its_table_from_the_top(facts: Facts, expected: Outcome) -> None:
    assert outcome(facts) is expected
    assert expected in may_become(facts)


# --- ring clock -------------------------------------------------------------------------------


def test_the_ring_clock_stands_still_while_stopped_and_never_runs_before_the_first_ring() -> None:
    clock = RingClock()
    clock.resume(1.0)
    assert clock.reaches(15.0) is None
    clock.start(10.0)
    assert clock.reaches(15.0) == 25.0
    clock.stop(14.0)
    assert (clock.read(100.0), clock.reaches(15.0)) == (4.0, None)
    clock.resume(100.0)
    assert (clock.read(101.0), clock.reaches(15.0)) == (5.0, 111.0)
