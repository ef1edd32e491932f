"""Whatever order events come in: nothing raises, stays, is told twice or texted after a talk."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener.events import Splitter, Tainted, parse_event
from ami_listener.tracker import Tracker
from tests.unit.ami_tables import INBOUND, Scenario
from textback.model import Moment, Outcome, Phase

#: What a call may end as when a person was on the line once, and is not answered.
PERSON = {Outcome.TRANSFER_UNANSWERED, Outcome.PARKED_GIVEUP}
CHANNELS = [
    "PJSIP/trunk-1",
    "PJSIP/trunk-2",
    "PJSIP/101-1",
    "PJSIP/102-1",
    "Local/1@q-1;1",
    "Local/1@q-1;2",
    "Local/2@q-2;1",
    "Local/2@q-2;2",
]
_chan = st.sampled_from(CHANNELS)
_bridge = st.sampled_from(["b1", "b2", "b3 tech=softmix", "lot tech=holding_bridge"])


def _line(event: str, details: st.SearchStrategy[str], *, other: bool = False) -> st.SearchStrategy:
    others = _chan if other else st.just("")
    return st.tuples(st.just(event), _chan, others, details)


SOUP = st.one_of(
    _line("Newchannel", st.sampled_from(["Ring", "Down", "Ring linked=PJSIP/trunk-1"])),
    _line("Newstate", st.sampled_from(["Ring", "Ringing", "Up linked=PJSIP/trunk-2", "Down"])),
    _line("DialBegin", st.just("x"), other=True),
    st.tuples(st.just("DialBegin"), st.just(""), _chan, st.just("x")),
    _line("DialState", st.sampled_from(["RINGING", "PROGRESS", "PROCEEDING"]), other=True),
    _line(
        "DialEnd",
        st.sampled_from(
            ["ANSWER", "NOANSWER", "CANCEL", "BUSY", "CHANUNAVAIL", "CANCEL forward=x"]
        ),
        other=True,
    ),
    _line("BridgeEnter", _bridge),
    _line("BridgeLeave", _bridge),
    st.just(("BridgeMerge", "", "", "to=b1 gone=b2")),
    _line("LocalBridge", st.just("Yes"), other=True),
    _line("Pickup", st.just(""), other=True),
    _line("BlindTransfer", st.just("102"), other=True),
    _line(
        "AttendedTransfer", st.sampled_from(["App", "Bridge transferee=PJSIP/trunk-1"]), other=True
    ),
    _line("ParkedCall", st.just("701")),
    _line("ParkedCallTimeOut", st.just("701")),
    _line("QueueCallerJoin", st.just("q")),
    _line("QueueCallerLeave", st.just("q")),
    _line("QueueCallerAbandon", st.just("q")),
    _line("Newexten", st.sampled_from(["VoiceMail data=101", "Dial", "Queue", "ReceiveFAX"])),
    _line(
        "Newexten", st.sampled_from(["Page data=x", "Page data=x,d", "Busy data=", "Congestion"])
    ),
    _line(
        "VarSet",
        st.sampled_from(
            [
                "var=DIALSTATUS value=CHANUNAVAIL",
                "var=DIALSTATUS value=",
                "var=QUEUESTATUS value=TIMEOUT",
                "var=VMSTATUS value=SUCCESS",
                "var=__FROM_DID value=2125550100",
            ]
        ),
    ),
    _line("MessageWaiting", st.just("101 new=1")),
    _line("NewCallerid", st.sampled_from(["0", "32", "x"])),
    _line("Hangup", st.sampled_from(["16", "17", "21"])),
    st.just(("LinkLost", "", "", "")),
    _line("Row", st.sampled_from(["Ring", "Up bridge=b1", "Ringing", "Up app=VoiceMail"])),
    st.just(("Resync", "", "", "")),
    st.just(("Wait", "", "", "")),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(SOUP, max_size=80), st.floats(0, 8))
def test_event_soup_raises_nothing_leaks_nothing_and_tells_nothing_twice(
    soup: list[tuple[str, str, str, str]], pace: float
) -> None:
    scenario = Scenario(not_human=("PJSIP/102",))
    for name in CHANNELS:
        scenario.chan(name)
    for number, line in enumerate(soup):
        scenario.play(" | ".join((f"{number * pace:.3f}", *line)))
    end = len(soup) * pace
    for name in CHANNELS:
        scenario.play(f"{end + 1} | Hangup | {name} | | 16")
    for event, channel, other, details in soup:  # some events come again after the Hangup
        if event not in ("Row", "Resync"):
            scenario.play(f"{end + 2} | {event} | {channel} | {other} | {details}")
    scenario.advance(end + 100)
    assert not any(scenario.tracker.sizes.values()), scenario.tracker.sizes
    told = [(call.key, call.phase) for call in scenario.calls]
    assert len(told) == len(set(told))
    ended = {call.key for call in scenario.calls if call.final}
    assert ended == {call.key for call in scenario.calls}
    for call in scenario.calls:
        assert len(call.trail) <= 60
        assert call.waited >= 0
        assert call.outcome in call.may_become
        if call.phase is Phase.ENDED:
            assert call.may_become == {call.outcome}
    ends = {call.key: call.outcome for call in scenario.calls if call.final}
    for call in scenario.calls:
        # Handed on and parked stand behind `answered` until there was a person.
        may = call.may_become | (PERSON if Outcome.ANSWERED in call.may_become else set())
        assert ends[call.key] in may, (call.phase, call.may_become, ends[call.key])


#: The caller, two people and a machine: who is with whom is told by these events and no others.
MEETING = st.tuples(
    st.sampled_from(["BridgeEnter"] * 3 + ["BridgeLeave", "DialBegin", "DialEnd", "VoiceMail"]),
    st.sampled_from(["PJSIP/trunk-1", "PJSIP/101-1", "PJSIP/102-1", "PJSIP/lobby-1"]),
    st.sampled_from(["b1", "b2"]),
    st.sampled_from(["ANSWER", "NOANSWER", "CANCEL"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(MEETING, max_size=25))
def test_a_caller_who_was_with_a_person_is_never_missed_and_with_a_machine_never_answered(
    meeting: list[tuple[str, str, str, str]],
) -> None:
    scenario = Scenario(not_human=("PJSIP/lobby",)).play("0 | Newchannel | PJSIP/trunk-1 | | Ring")
    for name in ("PJSIP/101-1", "PJSIP/102-1", "PJSIP/lobby-1"):
        scenario.play(f"0 | Newchannel | {name} | | Down linked=PJSIP/trunk-1")
    where: dict[str, str] = {}
    spoke = False
    for at, (event, name, bridge, status) in enumerate(meeting):
        if event == "VoiceMail":
            scenario.play(f"{at} | Newexten | {name} | | VoiceMail data=101")
        elif event in ("DialBegin", "DialEnd"):
            if name != "PJSIP/trunk-1":
                scenario.play(f"{at} | {event} | PJSIP/trunk-1 | {name} | {status}")
        else:
            bridge = where.pop(name, bridge) if event == "BridgeLeave" else bridge
            scenario.play(f"{at} | {event} | {name} | | {bridge}")
            if event == "BridgeEnter":
                where[name] = bridge
            caller = where.get("PJSIP/trunk-1")
            spoke = spoke or any(
                caller and where.get(person) == caller for person in ("PJSIP/101-1", "PJSIP/102-1")
            )
    scenario.play(f"{len(meeting)} | Hangup | PJSIP/trunk-1 | | 16").advance(1000)
    (end,) = (call for call in scenario.calls if call.final)
    assert (end.outcome in PERSON | {Outcome.ANSWERED}) is spoke


@settings(max_examples=100, deadline=None)
@given(st.lists(SOUP, max_size=60))
def test_event_soup_that_never_hangs_up_is_cleared_by_a_restart(
    soup: list[tuple[str, str, str, str]],
) -> None:
    scenario = Scenario(max_channels=5)
    for number, line in enumerate(soup):
        scenario.play(" | ".join((str(number), *line)))
        assert scenario.tracker.sizes["channels"] <= 5
    scenario.play(f"{len(soup)} | Restarted | | |")
    assert not any(scenario.tracker.sizes.values()), scenario.tracker.sizes


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=20), st.integers(0, 200))
def test_bytes_spilt_into_a_call_never_raise_and_never_make_a_whole_one(
    spills: list[bytes], where: int
) -> None:
    scenario = Scenario()
    lines = [
        "0 | Newchannel | PJSIP/trunk-1 | | Ring",
        "1 | Newstate | PJSIP/trunk-1 | | Up",
        "2 | Hangup | PJSIP/trunk-1 | | 16",
    ]
    stream = b"".join(
        scenario._message(*[c.strip() for c in line.split("|")][1:]) for line in lines
    )
    where %= len(stream)
    stream = stream[:where] + b"".join(spills) + stream[where:]
    tracker = Tracker(pbx="p", boot="b", inbound=INBOUND, watch=lambda did: 15.0)
    damaged = False
    for number, raw in enumerate(Splitter().receive_data(stream)):
        event = parse_event(raw)
        damaged = damaged or isinstance(event, Tainted)
        if event is not None:
            calls = tracker.feed(event, Moment.at(float(number)))
            assert not damaged or all(c.outcome.value != "answered" for c in calls)
