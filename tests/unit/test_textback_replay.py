"""Replaying captured AMI streams; the traces are written here, line for line as Asterisk does."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener.trace import TraceClock, timestamp_of
from tests.fakes.asterisk import channel, event, message
from textback.config import Config
from textback.replay import Replay, ReplayRow

#: 2026-11-23 12:00:00 UTC, a Monday.
NOON = 1795435200.0
BANNER = "Asterisk Call Manager/11.0.0\r\n"
DID, CALLER = "+12125550100", "+16465550123"


def at(seconds: float, text: str) -> str:
    """The message with a Timestamp header `seconds` after noon, where Asterisk puts it."""
    head, _, rest = text.partition("\r\n")
    if rest.startswith("Privilege: "):
        privilege, _, rest = rest.partition("\r\n")
        head = f"{head}\r\n{privilege}"
    return f"{head}\r\nTimestamp: {NOON + seconds:.6f}\r\n{rest}"


def line(uniqueid: str, **more: Any) -> dict[str, str]:
    more = {"caller": CALLER, "exten": DID, **more}
    return channel(uniqueid, f"PJSIP/trunk-{uniqueid.replace('.', '')}", **more)


def phone_leg(uniqueid: str, caller: str, state: int = 5) -> dict[str, str]:
    leg = channel(
        uniqueid,
        f"PJSIP/101-{uniqueid.replace('.', '')}",
        state=state,
        caller="101",
        context="from-internal",
        exten="",
        linkedid=caller,
    )
    return {f"Dest{key}": value for key, value in leg.items()}


def ring_out(uniqueid: str, start: float, seconds: float, **more: Any) -> str:
    """A caller whose call rings one phone from `start` + 1 for `seconds`, then hangs up."""
    caller, leg = line(uniqueid, **more), uniqueid + "9"
    up = {key.removeprefix("Dest"): value for key, value in phone_leg(leg, uniqueid).items()}
    end = start + 1 + seconds
    return "".join(
        (
            at(start, event("Newchannel", caller)),
            at(start + 1, event("Newchannel", {**up, "ChannelState": "0"})),
            at(
                start + 1,
                event("DialBegin", {**caller, **phone_leg(leg, uniqueid)}, DialString="101"),
            ),
            at(start + 1, event("Newstate", up)),
            at(end, event("DialEnd", {**caller, **phone_leg(leg, uniqueid)}, DialStatus="CANCEL")),
            at(end, event("Hangup", up, Cause="26")),
            at(end, event("Hangup", caller, Cause="0")),
        )
    )


def presentation(uniqueid: str, value: str) -> str:
    return message(
        "Response: Success",
        f"ActionID: textback-pres-{uniqueid}",
        "Variable: CALLERID(num-pres)",
        f"Value: {value}",
    )


def status(clock: str) -> str:
    return message("Response: Success", "CoreStartupDate: 2026-11-23", f"CoreStartupTime: {clock}")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "ami.trace"


def replayed(
    path: Path, data: str | bytes, config: Config | None = None
) -> tuple[list[ReplayRow], Replay]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    replay = Replay(path, config)
    return list(replay), replay


def verdicts(rows: list[ReplayRow]) -> list[tuple[str, str, str, str]]:
    return [(row.uniqueid, row.outcome, row.verdict, row.reason) for row in rows]


def a_config(**changes: Any) -> Config:
    raw: dict[str, Any] = {
        "business": {"name": "Acme Dental"},
        "pbx": [{"name": "office", "secret": "x"}],
        "number": [{"did": DID}],
        **changes,
    }
    return Config.model_validate(raw)


# --- the clock ----------------------------------------------------------------------------------


def test_the_verdict_falls_when_the_ring_timer_was_due_though_nothing_came_then(
    trace: Path,
) -> None:
    rows, _ = replayed(trace, BANNER + ring_out("1.1", 0, 40))
    assert rows == [
        ReplayRow(
            pbx="pbx",
            uniqueid="1.1",
            caller=CALLER,
            did=DID,
            outcome="no_answer",
            verdict="send",
            reason="send",
            time="2026-11-23T12:00:16.000Z",  # first ring at 1 s, 15 s later
            to=CALLER,
        )
    ]


def test_a_ring_timer_that_was_not_due_yet_decides_nothing(trace: Path) -> None:
    rows, _ = replayed(trace, BANNER + ring_out("1.1", 0, 2))
    assert verdicts(rows) == [("1.1", "abandoned", "skip", "too_short")]
    assert rows[0].time == "2026-11-23T12:00:03.000Z"
    assert rows[0].found == "waited 2.0 s (abandoned_after = 5s)"


def test_a_message_without_a_timestamp_happened_with_the_one_before(trace: Path) -> None:
    data = ring_out("1.1", 0, 8).replace(f"Timestamp: {NOON + 9:.6f}\r\n", "", 1)
    rows, _ = replayed(trace, BANNER + data)
    assert verdicts(rows) == [("1.1", "abandoned", "send", "send")]


def test_a_trace_without_timestamps_says_so(trace: Path) -> None:
    plain = "\r\n".join(
        text for text in ring_out("1.1", 0, 40).split("\r\n") if not text.startswith("Timestamp")
    )
    rows, replay = replayed(trace, BANNER + plain)
    assert [row.outcome for row in rows] == ["abandoned"]
    assert "timestampevents = yes" in replay.hints[0]


def test_a_clock_that_is_set_back_does_not_stop_the_ring_timer(trace: Path) -> None:
    first = ring_out("1.1", 0, 2)
    caller = line("1.2", caller="+16465550124")
    held = at(3600, event("Newchannel", line("9.9", caller="+16465550199")))
    data = first + held + ring_out("1.2", 10, 40, caller=caller["CallerIDNum"])
    rows, _ = replayed(trace, BANNER + data)
    assert ("1.2", "no_answer", "send", "send") in verdicts(rows)


def test_the_trace_clock_bears_disorder_and_steps_but_never_goes_back() -> None:
    clock = TraceClock(1000.0)
    steady = [clock.at(t).steady for t in (1000.0, 1001.0, 1000.9, 1002.0, 400.0, 401.0, 2000.0)]
    assert steady == [1000.0, 1001.0, 1001.0, 1002.0, 1002.0, 1003.0, 2602.0]
    assert clock.now.utc.timestamp() == 2000.0


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Timestamp: 1795435200.5", 1795435200.5),
        ("Timestamp: 1795435200", 1795435200.0),
        ("Timestamp: 99999999999999999999", None),
        ("Timestamp: nan", None),
        ("Timestamp: -1", None),
        ("X-Timestamp: 1795435200", None),
        ("Timestamp: 1795435200.5 and more", None),
    ],
)
def test_only_a_timestamp_asterisk_could_have_written_counts(
    header: str, expected: float | None
) -> None:
    assert timestamp_of(f"Event: Newchannel\r\n{header}\r\nChannel: x".encode()) == expected
    assert timestamp_of(f"Event: Newchannel\r\n{header}".encode()) == expected


# --- the history --------------------------------------------------------------------------------


def test_the_texts_of_the_replay_are_its_history(trace: Path) -> None:
    day = 86400.0
    data = ring_out("1.1", 0, 20) + ring_out("1.2", 100, 20) + ring_out("1.3", day + 200, 20)
    rows, _ = replayed(trace, BANNER + data)
    assert [(row.verdict, row.reason) for row in rows] == [
        ("send", "send"),
        ("skip", "cooldown"),
        ("send", "send"),
    ]


def test_the_caps_count_the_texts_of_the_replay(trace: Path) -> None:
    data = "".join(ring_out(f"1.{n}", n * 25, 16, caller=f"+1646555012{n}") for n in range(4))
    rows, _ = replayed(trace, BANNER + data, a_config(limits={"per_minute": 2}))
    assert [row.reason for row in rows] == ["send", "send", "cap_minute", "send"]


def test_two_replays_of_a_trace_are_the_same(trace: Path) -> None:
    data = BANNER + ring_out("1.1", 0, 20) + ring_out("1.2", 100, 2)
    assert replayed(trace, data)[0] == replayed(trace, data)[0]


# --- presentation -------------------------------------------------------------------------------


def test_a_trace_in_which_nobody_asked_passes_that_gate_and_says_so(trace: Path) -> None:
    rows, replay = replayed(trace, BANNER + ring_out("1.1", 0, 20), a_config())
    assert [row.verdict for row in rows] == ["send"]
    assert "never asked whether callers withheld" in replay.hints[0]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (presentation("1.1", "allowed_not_screened"), "send"),
        (presentation("1.1", "prohib_passed_screen"), "withheld"),
        (presentation("1.1", "unavailable"), "withheld"),
        (presentation("7.7", "allowed_not_screened"), "presentation_unknown"),
        (
            message("Response: Error", "ActionID: textback-pres-1.1", "Message: No such channel"),
            "presentation_unknown",
        ),
    ],
)
def test_answers_in_the_trace_count_as_live(trace: Path, answer: str, reason: str) -> None:
    born, separator, rest = ring_out("1.1", 0, 20).partition("\r\n\r\n")
    rows, replay = replayed(trace, BANNER + born + separator + answer + rest, a_config())
    assert [row.reason for row in rows] == [reason]
    assert replay.hints == []


def test_a_withheld_number_told_by_an_event_is_believed_without_any_question(trace: Path) -> None:
    born, separator, rest = ring_out("1.1", 0, 20).partition("\r\n\r\n")
    told = at(
        0.5,
        event("NewCallerid", line("1.1"), **{"CID-CallingPres": "32 (Presentation Prohibited)"}),
    )
    rows, _ = replayed(trace, BANNER + born + separator + told + rest)
    assert [row.reason for row in rows] == ["withheld"]


# --- beginnings, ends, gaps ---------------------------------------------------------------------


def test_a_call_still_open_at_the_end_is_pending_not_guessed(trace: Path) -> None:
    whole = ring_out("1.1", 0, 20).split("\r\n\r\n")
    early = "\r\n\r\n".join(whole[:4]) + "\r\n\r\n"
    rows, _ = replayed(trace, BANNER + early)
    assert verdicts(rows) == [("1.1", "unknown", "pending", "trace_ended")]
    assert rows[0].time == ""


def test_a_call_still_open_at_the_end_keeps_the_verdict_it_had(trace: Path) -> None:
    whole = ring_out("1.1", 0, 20).split("\r\n\r\n")
    early = "\r\n\r\n".join(whole[:4]) + "\r\n\r\n"
    later = at(30, event("Newstate", line("5.5", context="elsewhere")))
    rows, _ = replayed(trace, BANNER + early + later)
    assert verdicts(rows) == [("1.1", "unknown", "send", "send")]
    assert rows[0].time == "2026-11-23T12:00:16.000Z"


@pytest.mark.parametrize("cut", range(1, 400, 7))
def test_a_capture_may_begin_anywhere_and_harms_no_later_call(trace: Path, cut: int) -> None:
    data = (BANNER + ring_out("1.1", 0, 20) + ring_out("1.2", 100, 20, caller="+16465550124"))[cut:]
    rows, _ = replayed(trace, data)
    assert ("1.2", "no_answer", "send", "send") in verdicts(rows)
    assert all(row.verdict != "send" or row.outcome == "no_answer" for row in rows)


def test_a_capture_that_begins_within_an_event_does_not_taint_its_call(trace: Path) -> None:
    tail = "Exten: 100\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\n\r\n"
    rows, replay = replayed(trace, tail + ring_out("1.1", 0, 20))
    assert [row.verdict for row in rows] == ["send"]
    assert any("1 messages were cut off" in hint for hint in replay.hints)


@pytest.mark.parametrize("end", ["", "\r\n", "\r\n\r\n"])
def test_the_last_message_counts_when_it_is_whole(trace: Path, end: str) -> None:
    data = (BANNER + ring_out("1.1", 0, 20)).removesuffix("\r\n\r\n") + end
    rows, _ = replayed(trace, data)
    assert [row.outcome for row in rows] == ["no_answer"]


def test_the_last_message_is_left_out_when_it_is_cut(trace: Path) -> None:
    data = (BANNER + ring_out("1.1", 0, 20)).removesuffix("\r\n\r\n")[:-60]
    rows, _ = replayed(trace, data)
    assert [(row.outcome, row.verdict) for row in rows] == [("unknown", "send")]


def test_a_trace_saved_with_bare_line_feeds_is_read(trace: Path) -> None:
    data = (BANNER + ring_out("1.1", 0, 20)).replace("\r\n", "\n")
    assert verdicts(replayed(trace, data)[0]) == [("1.1", "no_answer", "send", "send")]


def test_a_second_connection_in_the_trace_is_a_gap(trace: Path) -> None:
    whole = ring_out("1.1", 0, 20).split("\r\n\r\n")
    before, after = "\r\n\r\n".join(whole[:4]), "\r\n\r\n".join(whole[4:])
    again = BANNER + status("11:00:00") + listing("1.1", "6")
    rows, _ = replayed(trace, BANNER + status("11:00:00") + before + "\r\n\r\n" + again + after)
    assert [(row.outcome, row.verdict, row.reason) for row in rows] == [
        ("unknown", "skip", "unknown_call")
    ]


def test_a_restart_of_asterisk_in_the_trace_voids_open_calls(trace: Path) -> None:
    whole = ring_out("1.1", 0, 20).split("\r\n\r\n")
    before = "\r\n\r\n".join(whole[:4]) + "\r\n\r\n"
    rows, _ = replayed(
        trace,
        BANNER + status("11:00:00") + before + "Event: Hang\r\n\r\n" + BANNER + status("12:00:05"),
    )
    assert [(row.outcome, row.reason) for row in rows] == [("unknown", "unknown_call")]


def listing(uniqueid: str, state: str) -> str:
    row = {**line(uniqueid), "ChannelState": state, "Duration": "00:00:02", "BridgeId": ""}
    return (
        message(
            "Response: Success", "ActionID: 1", "EventList: start", "Message: Channels will follow"
        )
        + message(
            "Event: CoreShowChannel",
            "ActionID: 1",
            *(f"{key}: {value}" for key, value in row.items()),
        )
        + message(
            "Event: CoreShowChannelsComplete", "ActionID: 1", "EventList: Complete", "ListItems: 1"
        )
    )


# --- files ----------------------------------------------------------------------------------------


def test_a_gzipped_trace_reads_as_the_plain_one(trace: Path) -> None:
    data = (BANNER + ring_out("1.1", 0, 20)).encode()
    assert replayed(trace, gzip.compress(data))[0] == replayed(trace, data)[0]


def test_a_gzip_file_cut_short_gives_what_it_has_and_says_so(trace: Path) -> None:
    data = BANNER + "".join(ring_out(f"1.{n}", n * 100, 20) for n in range(200))
    packed = gzip.compress(data.encode())
    rows, replay = replayed(trace, packed[: len(packed) // 2])
    assert 10 < len(rows) < 200
    assert any("the file ends early" in hint for hint in replay.hints)


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\x1f\x8b", b"\x1f\x8bnonsense"])
def test_a_file_without_a_message_gives_a_hint_and_no_rows(trace: Path, data: bytes) -> None:
    rows, replay = replayed(trace, data)
    assert rows == []
    assert replay.hints == [
        "no AMI message was found: is this what an Asterisk manager port sends?"
    ]


def test_a_file_that_is_not_there_is_an_os_error(trace: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Replay(trace, None)


@given(st.lists(st.binary(max_size=300), max_size=30), st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_no_bytes_at_all_raise(parts: list[bytes], kind: int) -> None:
    glue = (b"", b"\r\n", b"\r\n\r\n", b"\r\n\r\nEvent: Newchannel\r\nTimestamp: 1795435200.1\r\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace"
        replayed(path, glue[kind].join(parts))


def test_progress_grows_to_its_end(trace: Path) -> None:
    trace.write_text(BANNER + "".join(ring_out(f"1.{n}", n * 100, 20) for n in range(100)))
    seen: list[tuple[int, int]] = []
    list(Replay(trace, None, progress=lambda done, whole: seen.append((done, whole))))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > 0


# --- what is shown ------------------------------------------------------------------------------


def test_a_row_as_json_is_one_line_of_the_same(trace: Path) -> None:
    (row,), _ = replayed(trace, BANNER + ring_out("1.1", 0, 20, caller_name="Zoë\u2028"))
    text = row.as_json()
    assert "\n" not in text
    assert text.isascii()
    told = json.loads(text)
    assert {**told, "to": "", "found": ""} == {
        "pbx": "pbx",
        "uniqueid": "1.1",
        "caller": CALLER,
        "did": DID,
        "outcome": "no_answer",
        "verdict": "send",
        "reason": "send",
        "time": "2026-11-23T12:00:16.000Z",
        "to": "",
        "found": "",
    }


def test_contexts_that_do_not_count_as_inbound_are_named_with_their_births(trace: Path) -> None:
    data = ring_out("1.1", 0, 20, context="from-nowhere") + ring_out(
        "1.2", 99, 9, context="from-nowhere"
    )
    rows, replay = replayed(trace, BANNER + data)
    assert {row.reason for row in rows} == {"outbound"}
    assert any("from-nowhere (2)" in hint and "inbound_contexts" in hint for hint in replay.hints)


def test_a_configuration_names_the_pbx_and_its_numbers_and_ring_timeouts(trace: Path) -> None:
    config = a_config(number=[{"did": DID, "ring_timeout": "10s"}])
    other = ring_out("1.2", 50, 20, exten="+12125550109", caller="+16465550124")
    rows, _ = replayed(trace, BANNER + ring_out("1.1", 0, 20) + other, config)
    assert [(row.pbx, row.verdict, row.reason, row.time[11:19]) for row in rows] == [
        ("office", "send", "send", "12:00:11"),
        ("office", "skip", "not_watched", "12:01:11"),
    ]


def test_the_pbx_can_be_chosen_by_name(trace: Path) -> None:
    config = a_config(
        pbx=[
            {"name": "one", "secret": "x"},
            {"name": "two", "secret": "x", "inbound_contexts": ["door"]},
        ]
    )
    trace.write_text(BANNER + ring_out("1.1", 0, 20, context="door"))
    assert [row.reason for row in Replay(trace, config)] == ["outbound"]
    assert [(row.pbx, row.reason) for row in Replay(trace, config, pbx="two")] == [("two", "send")]
    with pytest.raises(ValueError, match="no \\[\\[pbx\\]\\] named 'three'"):
        Replay(trace, config, pbx="three")


def test_a_call_that_was_answered_after_the_text_shows_both(trace: Path) -> None:
    whole = ring_out("1.1", 0, 30).split("\r\n\r\n")
    bridge = {"BridgeUniqueid": "b", "BridgeType": "basic", "BridgeTechnology": "simple_bridge"}
    leg = {k.removeprefix("Dest"): v for k, v in phone_leg("1.19", "1.1", state=6).items()}
    talk = at(20, event("BridgeEnter", {**bridge, **leg})) + at(
        20, event("BridgeEnter", {**bridge, **line("1.1", state=6)})
    )
    data = "\r\n\r\n".join(whole[:4]) + "\r\n\r\n" + talk + "\r\n\r\n".join(whole[4:])
    rows, _ = replayed(trace, BANNER + data)
    assert verdicts(rows) == [("1.1", "answered", "send", "send")]


def test_a_phone_that_answers_by_itself_is_one_in_a_replay_too() -> None:
    data = Path(__file__).parents[1] / "data" / "ami"
    about = json.loads((data / "door_speaker.json").read_text())
    (path,) = data.glob("door_speaker.ami*")
    speaker = {"name": "office", "secret": "x", "not_human": about["pbx"]["not_human"]}
    for pbx, outcome in ((speaker, "abandoned"), ({**speaker, "not_human": []}, "answered")):
        rows = Replay(path, a_config(pbx=[pbx], number=about["numbers"]))
        assert [row.outcome for row in rows] == [outcome]
