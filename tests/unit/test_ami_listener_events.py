"""The AMI byte stream: cut into messages, read into events, and what gives a forgery away."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener import events, wire
from ami_listener.events import (
    USED,
    AmiEvent,
    BridgeEnter,
    ChannelRow,
    DialBegin,
    FullyBooted,
    Hangup,
    NewChannel,
    NewExten,
    PresentationAnswer,
    Splitter,
    Tainted,
    VarSet,
    event_name,
    parse_event,
    parse_headers,
)
from ami_listener.wire import parse_plain

NEWCHANNEL = (
    "Event: Newchannel\r\n"
    "Privilege: call,all\r\n"
    "Timestamp: 1700000000.250000\r\n"
    "Channel: PJSIP/trunk-00000001\r\n"
    "ChannelState: 4\r\n"
    "ChannelStateDesc: Ring\r\n"
    "CallerIDNum: {number}\r\n"
    "CallerIDName: Zoë <b>x</b>\r\n"
    "ConnectedLineNum: <unknown>\r\n"
    "ConnectedLineName: <unknown>\r\n"
    "Language: en\r\n"
    "AccountCode: \r\n"
    "Context: from-trunk\r\n"
    "Exten: +12125550100\r\n"
    "Priority: 1\r\n"
    "Uniqueid: 1700000000.1\r\n"
    "Linkedid: 1700000000.1"
)


def newchannel(number: str = "+12125550123", **replaced: str) -> bytes:
    text = NEWCHANNEL.format(number=number)
    for key, value in replaced.items():
        lines = [line for line in text.split("\r\n") if line.startswith(f"{key}:")]
        text = text.replace(lines[0], f"{key}: {value}")
    return text.encode()


def without(raw: bytes, key: str) -> bytes:
    return b"\r\n".join(x for x in raw.split(b"\r\n") if not x.startswith(key.encode() + b":"))


def event(name: str, *lines: str) -> bytes:
    body = newchannel().partition(b"\r\n")[2]
    return f"Event: {name}\r\n".encode() + body + "".join(f"\r\n{x}" for x in lines).encode()


def tainted(raw: bytes) -> Tainted:
    found = parse_event(raw)
    assert isinstance(found, Tainted), found
    return found


# --- splitter ---------------------------------------------------------------------------------

STREAM = (
    b"Asterisk Call Manager/11.0.0\r\n"
    b"Response: Success\r\nMessage: Authentication accepted\r\n\r\n"
    + newchannel()
    + b"\r\n\r\n"
    + event("Hangup", "Cause: 16")
    + b"\r\n\r\n\r\n\r\nEvent: Newexten\r\nApplication: Playback"
)


def test_the_splitter_gives_the_greeting_and_then_whole_messages_in_order() -> None:
    splitter = Splitter()
    messages = splitter.receive_data(STREAM)
    assert messages[0] == b"Asterisk Call Manager/11.0.0"
    assert messages[1].startswith(b"Response: Success")
    assert [event_name(raw) for raw in messages[2:]] == [b"Newchannel", b"Hangup"]
    assert splitter.receive_data(b"\r\n\r\n") == [b"Event: Newexten\r\nApplication: Playback"]


def test_the_greeting_is_given_before_anything_follows_it() -> None:
    splitter = Splitter()
    assert splitter.receive_data(b"Asterisk Call Man") == []
    assert splitter.receive_data(b"ager/9.0.0\r\n") == [b"Asterisk Call Manager/9.0.0"]


def test_a_recording_of_two_connections_is_cut_right_when_a_blank_line_parts_them() -> None:
    messages = Splitter().receive_data(b"Event: Hang" + b"\r\n\r\n" + STREAM)
    assert messages[:2] == [b"Event: Hang", b"Asterisk Call Manager/11.0.0"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=40))
def test_any_chunking_gives_the_same_messages(sizes: list[int]) -> None:
    splitter = Splitter()
    messages: list[bytes] = []
    rest = STREAM
    for size in sizes:
        messages += splitter.receive_data(rest[:size])
        rest = rest[size:]
    messages += splitter.receive_data(rest)
    assert messages == Splitter().receive_data(STREAM)


def test_a_name_cut_at_every_byte_keeps_its_letters() -> None:
    raw = newchannel() + b"\r\n\r\n"
    for cut in range(1, len(raw)):
        splitter = Splitter()
        messages = splitter.receive_data(raw[:cut]) + splitter.receive_data(raw[cut:])
        found = parse_event(messages[0])
        assert isinstance(found, NewChannel)
        assert found.chan.caller_name == "Zoë <b>x</b>"


def test_an_endless_message_is_dropped_counted_and_costs_no_memory() -> None:
    splitter = Splitter(max_message=1000)
    for _ in range(1000):
        assert splitter.receive_data(b"Key: " + b"x" * 200) == []
        assert len(splitter._buffer) <= 1205
    assert splitter.oversized == 1
    assert splitter.receive_data(b"\r\n\r\nEvent: Hangup\r\n\r\n") == [b"Event: Hangup"]
    assert splitter.oversized == 1


def test_a_long_message_that_comes_in_one_piece_is_dropped_too() -> None:
    splitter = Splitter(max_message=100)
    data = b"Event: A\r\nX: " + b"x" * 200 + b"\r\n\r\nEvent: B\r\n\r\n"
    assert splitter.receive_data(data) == [b"Event: B"]
    assert splitter.oversized == 1


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_the_end_of_a_dropped_message_is_found_across_a_seam(cut: int) -> None:
    splitter = Splitter(max_message=50)
    end = b"\r\n\r\n"
    splitter.receive_data(b"x" * 100 + end[:cut])
    assert splitter.receive_data(end[cut:] + b"Event: B\r\n\r\n") == [b"Event: B"]


# --- headers ----------------------------------------------------------------------------------


def test_header_names_fold_case_and_repeated_ones_are_all_kept() -> None:
    headers = parse_headers(b"Response: Success\r\nUniqueID: 1.1\r\nOutput: a\r\nOutput: b\r\nX:")
    assert headers["uniqueid"] == "1.1"
    assert headers["output"] == "a"
    assert headers.all("output") == ["a", "b"]
    assert headers.all("uniqueid") == ["1.1"]
    assert headers.all("missing") == []
    assert headers["x"] == ""


def test_plain_headers_are_read_alike_both_ways_and_others_not_at_all() -> None:
    raw = newchannel()
    assert parse_headers(raw) == parse_plain(raw)  # and it has learnt the names
    assert parse_plain(raw)["uniqueid"] == "1700000000.1"
    for unusual in (b"\r\nUniqueid: 1.1", b"\r\nPriority", b"\r\nNever-seen: 1", b"\r\nx"):
        assert parse_plain(raw + unusual) is None
    assert parse_plain(without(raw, "Priority") + b"\r\nPriority") is None


def test_header_names_a_caller_makes_up_are_not_learnt_without_end() -> None:
    for number in range(3000):
        parse_headers(f"Made-Up-{number}: x".encode())
    assert len(wire._FOLDED) <= wire._MOST_NAMES


def test_bytes_that_are_no_utf8_become_a_mark_and_raise_nothing() -> None:
    assert parse_headers(b"CallerIDName: Zo\xeb")["calleridname"] == "Zo�"


def test_a_value_keeps_its_colons() -> None:
    assert parse_headers(b"AppData: a: b: c")["appdata"] == "a: b: c"


def test_the_name_of_an_event_costs_no_dict_and_a_response_has_none() -> None:
    assert event_name(b"Event: Newexten\r\nX: y") == b"Newexten"
    assert event_name(b"Event: Shutdown") == b"Shutdown"
    assert event_name(b"Response: Success\r\nEvent: Newexten") is None


# --- events -----------------------------------------------------------------------------------


def test_a_new_channel_is_read_whole() -> None:
    found = parse_event(newchannel())
    assert isinstance(found, NewChannel)
    assert found.at == 1700000000.25
    assert found.chan.uniqueid == found.chan.linkedid == "1700000000.1"
    assert (found.chan.caller, found.chan.exten) == ("+12125550123", "+12125550100")
    assert (found.chan.state, found.chan.context) == (4, "from-trunk")


def test_an_event_we_do_not_use_is_never_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(raw: bytes) -> object:
        raise AssertionError("parsed")

    monkeypatch.setattr(events, "parse_headers", refuse)
    monkeypatch.setattr(events, "parse_plain", refuse)
    assert parse_event(event("RTCPSent", "SSRC: 1")) is None
    assert parse_event(event("VarSet", "Variable: __SIPCALLID", "Value: x")) is None
    assert parse_event(event("Newexten", "Application: Set", "AppData: x")) is None
    assert parse_event(b"Response: Success\r\nPing: Pong") is None
    assert parse_event(b"Asterisk Call Manager/9.0.0") is None


def test_the_variables_and_applications_we_use_are_read() -> None:
    found = parse_event(event("VarSet", "Variable: __FROM_DID", "Value: 2125550100"))
    assert isinstance(found, VarSet)
    assert (found.variable, found.value) == ("FROM_DID", "2125550100")
    found = parse_event(event("Newexten", "Application: VoiceMail", "AppData: 101@default,u"))
    assert isinstance(found, NewExten)
    assert (found.application, found.data) == ("VoiceMail", "101@default,u")


def test_a_global_variable_belongs_to_no_channel_and_is_no_forgery() -> None:
    raw = b"Event: VarSet\r\nPrivilege: dialplan,all\r\nChannel: none\r\nUniqueid: none\r\n"
    assert parse_event(raw + b"Variable: DIALSTATUS\r\nValue: x") is None


def test_a_dial_begin_without_a_caller_has_none() -> None:
    lines = newchannel().decode().split("\r\n")[3:]
    dest = "\r\n".join(f"Dest{line}" for line in lines)
    raw = f"Event: DialBegin\r\nPrivilege: call,all\r\n{dest}\r\nDialString: 101".encode()
    found = parse_event(raw)
    assert isinstance(found, DialBegin)
    assert found.caller is None
    assert found.dest.uniqueid == "1700000000.1"


def test_repeated_channel_variables_are_no_taint() -> None:
    raw = event("Hangup", "ChanVariable: a=1", "ChanVariable: b=2", "Cause: 17")
    found = parse_event(raw)
    assert isinstance(found, Hangup)
    assert found.cause == 17


def test_an_asterisk_13_event_without_a_timestamp_or_tenant_is_read() -> None:
    raw = without(event("BridgeEnter", "BridgeUniqueid: b1", "BridgeType: basic"), "Timestamp")
    found = parse_event(raw)
    assert isinstance(found, BridgeEnter)
    assert found.at is None
    assert (found.bridge.id, found.bridge.technology) == ("b1", "")


def test_a_row_of_the_channel_list_has_no_privilege_and_is_no_forgery() -> None:
    row = without(without(event("CoreShowChannel"), "Privilege"), "Timestamp")
    found = parse_event(row + b"\r\nActionID: x-1\r\nDuration: 01:02:03\r\nBridgeId: b7")
    assert isinstance(found, ChannelRow)
    assert (found.duration, found.bridge, found.action_id) == (3723.0, "b7", "x-1")
    assert isinstance(parse_event(row), Tainted)


def test_fully_booted_tells_the_uptime_where_asterisk_does() -> None:
    raw = b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted"
    assert parse_event(raw) == FullyBooted(None, None)
    assert parse_event(raw + b"\r\nUptime: 61") == FullyBooted(None, 61.0)


def test_the_answer_about_the_presentation_names_its_channel() -> None:
    answer = b"Response: Success\r\nActionID: textback-pres-1700000000.1\r\nVariable: X\r\n"
    found = parse_event(answer + b"Value: prohib_not_screened")
    assert found == PresentationAnswer(None, "1700000000.1", "prohib_not_screened")
    refused = b"Response: Error\r\nActionID: textback-pres-1.1\r\nMessage: No such channel"
    assert parse_event(refused) == PresentationAnswer(None, "1.1", "")
    assert parse_event(b"Response: Success\r\nActionID: other-1\r\nValue: x") is None


def test_an_answer_about_the_presentation_with_a_value_twice_says_nothing() -> None:
    answer = b"Response: Success\r\nActionID: textback-pres-1.1\r\n"
    found = parse_event(answer + b"Value: prohib\r\nValue: allowed")
    assert found == PresentationAnswer(None, "1.1", "")


# --- forgeries --------------------------------------------------------------------------------


def test_a_second_uniqueid_taints_both_channels() -> None:
    found = tainted(newchannel("1\r\nUniqueid: 1.1\r\nCallerIDNum: +12125550199"))
    assert set(found.uniqueids) == {"1.1", "1700000000.1"}
    assert "more than once" in found.reason
    # Nothing the caller writes comes after the genuine one.
    assert isinstance(found.event, NewChannel)
    assert found.event.chan.uniqueid == "1700000000.1"


def test_a_second_uniqueid_in_an_event_with_two_snapshots_leaves_nothing_to_use() -> None:
    lines = newchannel().decode().split("\r\n")[3:]
    dest = "".join(f"\r\nDest{line}" for line in lines)
    raw = event("DialBegin") + dest.encode() + b"\r\nUniqueid: 1.1"
    assert tainted(raw).event is None


@pytest.mark.parametrize("key", ["Context", "Exten", "ChannelState", "Priority", "Privilege"])
def test_any_single_header_twice_taints_but_keeps_what_frees_the_channel(key: str) -> None:
    found = tainted(newchannel(f"1\r\n{key}: 5"))
    assert found.uniqueids == ("1700000000.1",)
    assert isinstance(found.event, NewChannel)


def test_a_second_event_header_taints() -> None:
    found = tainted(newchannel("1\r\nEvent: Hangup"))
    assert found.event is None
    assert found.uniqueids == ("1700000000.1",)


def test_an_event_without_privilege_is_forged() -> None:
    found = tainted(b"Event: Hangup\r\nChannel: x\r\nUniqueid: 1700000000.1\r\nCause: 16")
    assert found.event is None
    assert found.uniqueids == ("1700000000.1",)


def test_a_whole_event_in_eighty_bytes_lacks_a_snapshot() -> None:
    raw = b"Event: Hangup\r\nPrivilege: call\r\nUniqueid: 1700000000.1\r\nCause: 1"
    assert len(raw) < 80
    assert tainted(raw).event is None


@pytest.mark.parametrize("key", ["Uniqueid", "Linkedid", "Channel", "ChannelState", "Context"])
def test_an_event_with_a_hole_in_its_snapshot_is_tainted(key: str) -> None:
    found = tainted(without(newchannel(), key))
    assert found.reason == f"header {key.lower()} is missing"
    assert found.event is None


def test_an_empty_uniqueid_is_a_missing_one() -> None:
    assert tainted(newchannel(Uniqueid="")).event is None


@pytest.mark.parametrize("control", ["\x00", "\n", "\r", "\x1b", "\x7f", "\t"])
def test_a_control_character_in_a_number_taints_and_is_taken_out(control: str) -> None:
    found = tainted(newchannel(f"1{control}2"))
    assert found.reason == "control character in calleridnum"
    assert isinstance(found.event, NewChannel)
    assert found.event.chan.caller == "12"


def test_a_control_character_in_a_name_is_only_taken_out() -> None:
    found = parse_event(newchannel(CallerIDName="A\tB"))
    assert isinstance(found, NewChannel)
    assert found.chan.caller_name == "AB"


def test_a_line_without_a_colon_taints() -> None:
    found = tainted(newchannel("1\r\nhello"))
    assert found.reason == "a line without a colon"
    assert isinstance(found.event, NewChannel)


def test_the_tail_of_a_torn_event_still_names_its_channel() -> None:
    messages = Splitter().receive_data(newchannel("1\r\n\r\nEvent: Foo") + b"\r\n\r\n")
    assert len(messages) == 2
    head = tainted(messages[0])
    assert (head.name, head.uniqueids) == ("Newchannel", ())
    messages = Splitter().receive_data(newchannel("1\r\n\r\n+12125550199") + b"\r\n\r\n")
    tail = tainted(messages[1])
    assert (tail.name, tail.uniqueids) == ("", ("1700000000.1",))


def test_bridge_ids_are_no_channels() -> None:
    raw = without(event("BridgeEnter", "BridgeUniqueid: b1"), "Privilege")
    assert tainted(raw).uniqueids == ("1700000000.1",)


# --- anything ---------------------------------------------------------------------------------

_LINES = st.sampled_from(
    [
        *(f"Event: {name.decode()}" for name in sorted(USED)),
        *NEWCHANNEL.format(number="1").split("\r\n"),
        "Uniqueid: 1.2",
        "DestUniqueid: 1.3",
        "BridgeUniqueid: b",
        "DialStatus: BUSY",
        "Cause: x",
        "Duration: a:b:c",
        "Timestamp: never",
        "Response: Success",
        "ActionID: textback-pres-1.1",
        ": ",
        ":",
        "",
        "\x00\xff",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_LINES | st.text(max_size=30), max_size=30), st.sampled_from(sorted(USED)))
def test_whatever_asterisk_sends_parse_event_raises_nothing(lines: list[str], name: bytes) -> None:
    raw = b"Event: " + name + "".join(f"\r\n{line}" for line in lines).encode("utf-8", "replace")
    found = parse_event(raw)
    assert found is None or isinstance(found, AmiEvent)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=2000))
def test_random_bytes_raise_nothing(data: bytes) -> None:
    for raw in Splitter(max_message=500).receive_data(data + b"\r\n\r\n"):
        parse_headers(raw)
        found = parse_event(raw)
        assert found is None or isinstance(found, AmiEvent)


def test_random_chunks_of_a_real_trace_give_identical_events() -> None:
    (path,) = (Path(__file__).parents[1] / "data" / "ami").glob("hostile_name.ami*")
    trace = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    whole = [parse_event(raw) for raw in Splitter().receive_data(trace)]
    assert sum(found is not None for found in whole) > 10
    rng = random.Random(7)
    for most in (1, 3, 64, 1460, 65536):
        splitter, found, rest = Splitter(), [], trace
        while rest:
            size = rng.randint(1, most)
            found += [parse_event(raw) for raw in splitter.receive_data(rest[:size])]
            rest = rest[size:]
        assert found == whole
