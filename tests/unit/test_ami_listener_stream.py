"""From raw messages to facts, the same for a live link and a replay."""

from __future__ import annotations

import pytest

from ami_listener.identity import boot_by_uptime, boot_of
from ami_listener.stream import LIST_ID, MAX_CONTEXTS, SYNC_ID, Stream
from ami_listener.tracker import Inbound, Tracker
from tests.fakes.asterisk import channel, event, message
from textback.model import Call, Moment, Outcome, Phase, Presentation

START = Moment.at(1795435200.0)
INBOUND = Inbound(contexts=frozenset({"from-trunk"}))


def a_stream() -> Stream:
    return Stream(
        lambda boot: Tracker(pbx="pbx", boot=boot, inbound=INBOUND, watch=lambda did: 15.0)
    )


def feed(stream: Stream, *texts: str, at: float = 0.0) -> list[Call]:
    calls: list[Call] = []
    for text in texts:
        calls += stream.message(text.removesuffix("\r\n\r\n").encode(), START.plus(at))
    return calls


def born(uniqueid: str = "1.1", **more: str) -> str:
    return event("Newchannel", channel(uniqueid, f"PJSIP/trunk-{uniqueid}", **more))  # type: ignore[arg-type]


def hangup(uniqueid: str = "1.1") -> str:
    return event("Hangup", channel(uniqueid, f"PJSIP/trunk-{uniqueid}"), Cause="16")


def announced(action_id: str) -> str:
    return message("Response: Success", f"ActionID: {action_id}", "EventList: start")


def row(uniqueid: str, action_id: str) -> str:
    lines = {**channel(uniqueid, f"PJSIP/trunk-{uniqueid}"), "Duration": "00:00:09", "BridgeId": ""}
    return message(
        "Event: CoreShowChannel", f"ActionID: {action_id}", *(f"{k}: {v}" for k, v in lines.items())
    )


def complete(action_id: str, how: str = "Complete") -> str:
    return message("Event: CoreShowChannelsComplete", f"ActionID: {action_id}", f"EventList: {how}")


def pong(action_id: str) -> str:
    return message("Response: Success", f"ActionID: {action_id}", "Ping: Pong")


def ended(calls: list[Call]) -> list[tuple[str, Outcome]]:
    return [(call.key.uniqueid, call.outcome) for call in calls if call.phase is Phase.ENDED]


def test_our_list_counts_at_the_pong_after_it_so_a_held_back_hangup_wins() -> None:
    stream = a_stream()
    feed(stream, born())
    stream.lost(START.plus(1))
    calls = feed(stream, announced(LIST_ID + "1"), complete(LIST_ID + "1"), at=2)
    assert ended(calls) == []
    feed(stream, hangup(), at=2)
    feed(stream, pong(SYNC_ID + "1"), at=2)
    assert stream.counters["resyncs"] == 1


def test_our_list_closes_what_is_not_on_it_at_the_pong() -> None:
    stream = a_stream()
    feed(stream, born("1.1"), born("1.2"))
    stream.lost(START.plus(1))
    feed(stream, announced(LIST_ID + "1"), row("1.2", LIST_ID + "1"), complete(LIST_ID + "1"), at=2)
    calls = feed(stream, pong(SYNC_ID + "1"), at=2)
    assert ended(calls) == [("1.1", Outcome.UNKNOWN)]


def test_a_list_somebody_else_asked_for_counts_at_its_end() -> None:
    stream = a_stream()
    feed(stream, born())
    stream.lost(START.plus(1))
    assert ended(feed(stream, complete("7"), at=2)) == [("1.1", Outcome.UNKNOWN)]


@pytest.mark.parametrize("how", ["cancelled", "Cancelled"])
def test_a_list_that_was_cut_short_closes_nothing(how: str) -> None:
    stream = a_stream()
    feed(stream, born())
    stream.lost(START.plus(1))
    calls = feed(
        stream, announced(LIST_ID + "1"), complete(LIST_ID + "1", how), pong(SYNC_ID + "1")
    )
    assert ended(calls) == []
    assert stream.counters["stream_lists_dropped"] == 1


def test_a_pong_without_a_list_is_just_a_pong() -> None:
    stream = a_stream()
    feed(stream, born(), pong(SYNC_ID + "9"))
    assert "resyncs" not in stream.counters


def test_a_list_of_something_else_is_none_of_ours() -> None:
    stream = a_stream()
    feed(stream, message("Response: Success", "ActionID: q", "EventList: start", "Message: Queues"))
    feed(stream, born(), pong(SYNC_ID + "1"))
    assert "resyncs" not in stream.counters


def test_a_banner_in_the_stream_is_a_new_connection_and_so_a_gap() -> None:
    stream = a_stream()
    feed(stream, born(), "Asterisk Call Manager/11.0.0")
    assert stream.counters["links_lost"] == 1


def test_core_status_tells_the_boot_and_another_one_voids_the_open_calls() -> None:
    stream = a_stream()
    stream.identify("2026-11-23T11:00:00", START)
    same = message("Response: Success", "CoreStartupDate: 2026-11-23", "CoreStartupTime: 11:00:00")
    other = same.replace("11:00:00", "12:00:01")
    (started,) = feed(stream, born())
    assert started.key.boot == "2026-11-23T11:00:00"
    assert feed(stream, same) == []
    assert ended(feed(stream, other)) == [("1.1", Outcome.UNKNOWN)]
    assert stream.boot == "2026-11-23T12:00:01"


def test_births_are_counted_by_context_and_bounded() -> None:
    stream = a_stream()
    feed(stream, born("1.1"), born("1.2"), born("1.3", context="lobby"))
    feed(stream, event("Newchannel", channel("1.4", "Local/1@x-1;2", context="inner")))
    feed(stream, event("Newchannel", channel("1.5", state=0, context="phones")))
    assert stream.contexts == {"from-trunk": 2, "lobby": 1}
    assert stream.unlisted(INBOUND) == {"lobby": 1}
    feed(stream, *(born(f"2.{n}", context=f"c{n}") for n in range(MAX_CONTEXTS + 10)))
    assert len(stream.births) == MAX_CONTEXTS
    assert stream.counters["stream_contexts_dropped"] >= 10


def test_the_rest_of_a_torn_event_taints_its_call() -> None:
    stream = a_stream()
    feed(stream, born(), "Exten: 100\r\nUniqueid: 1.1\r\nLinkedid: 1.1")
    (call,) = [c for c in feed(stream, hangup(), at=9) if c.final]
    assert call.tainted


def test_the_boot_of_core_status_needs_both_date_and_time() -> None:
    assert boot_of({"corestartupdate": "2026-11-23", "corestartuptime": "12:00:00"}) == (
        "2026-11-23T12:00:00"
    )
    assert boot_of({"corestartupdate": "2026-11-23"}) == ""


@pytest.mark.parametrize(
    ("known", "uptime", "expected"),
    [
        ("", 100, "2026-11-23T11:58:20"),
        ("2026-11-23T11:58:20", 100, "2026-11-23T11:58:20"),
        ("2026-11-23T11:58:18", 100, "2026-11-23T11:58:18"),  # two readings of one start
        ("2026-11-23T11:58:20", 10, "2026-11-23T11:59:50"),
        ("nonsense", 0, "2026-11-23T12:00:00"),
    ],
)
def test_the_boot_by_uptime_stays_while_it_is_the_same_start(
    known: str, uptime: float, expected: str
) -> None:
    assert boot_by_uptime(START.utc, uptime, known) == expected


def ringing(uniqueid: str = "1.1") -> tuple[dict[str, str], dict[str, str], list[str]]:
    caller = channel(uniqueid, f"PJSIP/trunk-{uniqueid}")
    phone = channel("1.2", "PJSIP/101-1.2", state=0, context="internal", linkedid=uniqueid)
    dest = {f"Dest{key}": value for key, value in phone.items()}
    begun = event("DialBegin", {**caller, **dest}, DialString="101")
    rings = event("Newstate", {**phone, "ChannelState": "5", "ChannelStateDesc": "Ringing"})
    return caller, phone, [event("Newchannel", caller), event("Newchannel", phone), begun, rings]


def answered(caller: dict[str, str], phone: dict[str, str]) -> list[str]:
    bridge = {
        "BridgeUniqueid": "b-1",
        "BridgeType": "basic",
        "BridgeTechnology": "simple_bridge",
        "BridgeCreator": "<unknown>",
        "BridgeName": "<unknown>",
        "BridgeNumChannels": "1",
    }
    return [event("BridgeEnter", {**bridge, **one, "ChannelState": "6"}) for one in (caller, phone)]


@pytest.mark.parametrize(("live", "told"), [(True, False), (False, True)])
def test_live_an_answer_that_waited_with_an_overdue_ring_timer_counts_first(
    live: bool, told: bool
) -> None:
    stream = Stream(
        lambda boot: Tracker(pbx="pbx", boot=boot, inbound=INBOUND, watch=lambda did: 15.0),
        timers_between=not live,
    )
    caller, phone, begun = ringing()
    feed(stream, *begun)
    calls = feed(stream, *answered(caller, phone), at=15.5)
    calls += stream.advance(START.plus(15.5))
    assert Phase.ANSWERED in [call.phase for call in calls]
    assert (Phase.RING_TIMEOUT in [call.phase for call in calls]) is told


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["CALLERID(num-pres)=allowed_not_screened"], Presentation.ALLOWED),
        (["CALLERID(num-pres)=prohib_passed_screen"], Presentation.WITHHELD),
        (["CDR(x)=1", "CALLERID(num-pres)=allowed"], Presentation.ALLOWED),
        # Two of them: one is forged, neither is believed.
        (["CALLERID(num-pres)=prohib", "CALLERID(num-pres)=allowed"], Presentation.UNKNOWN),
        ([], Presentation.UNKNOWN),
    ],
)
def test_a_call_gone_before_asterisk_could_be_asked_has_its_presentation_from_channelvars(
    lines: list[str], expected: Presentation
) -> None:
    stream = a_stream()
    variables = "".join(f"ChanVariable: {line}\r\n" for line in lines)
    raw = hangup().replace("Uniqueid:", f"{variables}Uniqueid:")
    (call,) = [c for c in feed(stream, born(), raw) if c.phase is Phase.ENDED]
    assert call.presentation is expected


def test_a_presentation_that_was_asked_for_is_not_lifted_by_the_hangup() -> None:
    stream = a_stream()
    answer = message(
        "Response: Success",
        "ActionID: textback-pres-1.1",
        "Variable: CALLERID(num-pres)",
        "Value: prohib",
    )
    raw = hangup().replace("Uniqueid:", "ChanVariable: CALLERID(num-pres)=allowed\r\nUniqueid:")
    (call,) = [c for c in feed(stream, born(), answer, raw) if c.phase is Phase.ENDED]
    assert call.presentation is Presentation.WITHHELD
