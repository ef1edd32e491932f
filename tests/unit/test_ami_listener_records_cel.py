"""CEL rows -> how a call ended: what the log says, and what it must not be taken to say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener.births import Inbound
from ami_listener.records.cel import judge
from ami_listener.records.found import Found
from ami_listener.records.rows import CEL_EVENTS, CelRow, MalformedRowError, cel_row, note_of
from ami_listener.records.times import Clock
from textback.model import Outcome, Presentation, Source

T = 1795448055.0
TRUNK, PHONE = "PJSIP/trunk-0", "PJSIP/1001-1"


def row(kind: str, at: float, channel: str, uniqueid: str, *, linkedid: str = "0", **more: object):  # type: ignore[no-untyped-def]
    values = {
        "number": "+16465550100",
        "name": "",
        "exten": "+12125550100",
        "context": "from-trunk",
        "app": "",
        "data": "",
        "userfield": "",
        "extra": {},
        **more,
    }
    return CelRow(
        kind=kind,
        at=T + at,
        uniqueid=f"1795448055.{uniqueid}",
        linkedid=f"1795448055.{linkedid}",
        channel=channel,
        **values,  # type: ignore[arg-type]
    )


def bridge(technology: str = "simple_bridge") -> dict[str, str]:
    return {"bridge_id": "b", "bridge_technology": technology}


def over(cause: int = 16, source: str = "") -> dict[str, str]:
    return {"hangupcause": str(cause), "hangupsource": source}


DIAL = {"app": "Dial", "data": "PJSIP/1001,18"}
LEG = {"number": "1001", "exten": "s", "context": "from-internal"}
APPDIAL = {**LEG, "app": "AppDial"}
BIRTHS = [
    row("CHAN_START", 0, TRUNK, "0"),
    row("APP_START", 0, TRUNK, "0", **DIAL),
    row("CHAN_START", 0, PHONE, "1", **LEG),
]
RANG_OUT = [
    *BIRTHS,
    row("APP_END", 18, TRUNK, "0", **DIAL),
    row("HANGUP", 18, PHONE, "1", **APPDIAL, extra=over(0)),
    row("HANGUP", 18, TRUNK, "0", extra=over(16, "dialplan/builtin")),
]
GAVE_UP = [
    *BIRTHS,
    row("HANGUP", 8, PHONE, "1", **APPDIAL, extra=over(127)),
    row("APP_END", 8, TRUNK, "0", **DIAL),
    row("HANGUP", 8, TRUNK, "0", extra=over(127, TRUNK)),
]
ANSWERED = [
    *BIRTHS,
    row("ANSWER", 4, PHONE, "1", **APPDIAL),
    row("ANSWER", 4, TRUNK, "0", **DIAL),
    row("BRIDGE_ENTER", 4, PHONE, "1", **APPDIAL, extra=bridge()),
    row("BRIDGE_ENTER", 4, TRUNK, "0", **DIAL, extra=bridge()),
    row("BRIDGE_EXIT", 8, PHONE, "1", **APPDIAL, extra=bridge()),
    row("BRIDGE_EXIT", 8, TRUNK, "0", **DIAL, extra=bridge()),
    row("HANGUP", 8, PHONE, "1", **APPDIAL, extra=over()),
    row("APP_END", 8, TRUNK, "0", **DIAL),
    row("HANGUP", 8, TRUNK, "0", extra=over(16, PHONE)),
]


def told(rows: list[CelRow], **more: object) -> Found:
    return judge(
        rows,
        pbx="pbx",
        boot="boot",
        inbound=Inbound(frozenset({"from-trunk"})),
        watch=lambda _: 15.0,
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("rows", "outcome", "waited"),
    [
        (RANG_OUT, Outcome.NO_ANSWER, 18.0),
        (GAVE_UP, Outcome.ABANDONED, 8.0),
        (ANSWERED, Outcome.ANSWERED, 4.0),
    ],
)
def test_call_ends_as_the_log_tells_it(rows: list[CelRow], outcome: Outcome, waited: float) -> None:
    (call,) = told(rows).calls

    assert (call.outcome, call.waited) == (outcome, waited)
    assert (call.late, call.source, call.gap) == (True, Source.CEL, False)
    assert (call.caller, call.did) == ("+16465550100", "+12125550100")
    assert call.presentation is Presentation.UNKNOWN


@pytest.mark.parametrize("rows", [RANG_OUT, GAVE_UP, ANSWERED])
def test_log_without_the_ends_of_applications_says_the_same(rows: list[CelRow]) -> None:
    (call,) = told(rows).calls
    (less,) = told([row for row in rows if row.kind != "APP_END"]).calls

    assert less.outcome is call.outcome


def test_log_that_has_no_bridges_is_not_believed_about_answered_phones() -> None:
    rows = [row for row in ANSWERED if not row.kind.startswith("BRIDGE")]
    (call,) = told(rows).calls

    assert (call.outcome, call.gap) == (Outcome.UNKNOWN, True)
    assert told(RANG_OUT).calls[0].outcome is Outcome.NO_ANSWER, "no phone answered here"


def test_bridge_that_does_not_say_which_it_is_leaves_the_call_unknown() -> None:
    rows = [replace(row, extra={}) if "BRIDGE" in row.kind else row for row in ANSWERED]
    (call,) = told(rows).calls

    assert call.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("hole", "outcome"),
    [
        ((T + 3, T + 5), Outcome.UNKNOWN),
        ((T - 9, T + 1), Outcome.UNKNOWN),
        ((T + 17, float("inf")), Outcome.UNKNOWN),
        ((T + 19, T + 20), Outcome.NO_ANSWER),
        ((float("-inf"), T - 1), Outcome.NO_ANSWER),
    ],
)
def test_damage_within_a_call_makes_it_unknown(hole: tuple[float, float], outcome: Outcome) -> None:
    (call,) = told(RANG_OUT, holes=[hole]).calls

    assert call.outcome is outcome


def test_answer_that_is_there_stays_one_whatever_is_damaged() -> None:
    (call,) = told(ANSWERED, holes=[(T + 5, T + 6)]).calls

    assert call.outcome is Outcome.ANSWERED


def test_call_without_an_end_is_open_and_unknown() -> None:
    found = told(RANG_OUT[:3])

    assert found.calls == ()
    (call,) = found.open.values()
    assert (call.outcome, call.gap, call.at.steady) == (Outcome.UNKNOWN, True, T)


def test_call_whose_birth_was_cut_off_is_nobodys() -> None:
    assert told(RANG_OUT[1:]).calls == ()


def test_call_at_the_edge_of_a_cut_log_is_left_out() -> None:
    assert told(RANG_OUT, truncated=True).calls == ()


def test_note_of_the_dialplan_tells_presentation_number_and_wish() -> None:
    note = " did=+12125550111 context=from-trunk textback=no pres=prohib_not_screened"
    noted = [replace(row, userfield=note) if row.kind == "APP_END" else row for row in RANG_OUT]
    lines = [replace(row, exten="s") if row.kind == "CHAN_START" else row for row in noted]
    (call,) = told(lines).calls

    assert call.did == "+12125550111"
    assert call.presentation is Presentation.WITHHELD
    assert call.handled


def test_number_with_a_line_break_taints_the_call() -> None:
    rows = [replace(row, number="1\nEvent: Hangup") for row in RANG_OUT]
    (call,) = told(rows).calls

    assert (call.outcome, bool(call.tainted)) == (Outcome.UNKNOWN, True)


def test_originated_call_through_the_trunk_is_no_caller() -> None:
    rows = [
        row("CHAN_START", 0, TRUNK, "0", exten="s", number=""),
        row("ANSWER", 2, TRUNK, "0", app="AppDial2"),
        row("HANGUP", 5, TRUNK, "0", app="AppDial2", extra=over()),
    ]

    assert [call for call in told(rows).calls if call.direction == "inbound"] == []


def test_outbound_call_that_was_answered_is_told_as_one() -> None:
    office, mobile = "PJSIP/1001-0", "PJSIP/trunk-1"
    out = {"exten": "+16465550100", "context": "from-internal", "number": "1001"}
    rows = [
        row("CHAN_START", 0, office, "0", **out),
        row("APP_START", 0, office, "0", **out, app="Dial", data="PJSIP/+16465550100@trunk"),
        row("CHAN_START", 0, mobile, "1", exten="s", number=""),
        row("ANSWER", 2, mobile, "1", app="AppDial"),
        row("BRIDGE_ENTER", 2, mobile, "1", extra=bridge()),
        row("BRIDGE_ENTER", 2, office, "0", **out, extra=bridge()),
        row("HANGUP", 9, office, "0", **out, extra=over()),
    ]
    (call,) = told(rows).calls

    assert (call.direction, call.outcome, call.did) == ("outbound", "answered", "+16465550100")


# --- rows ----------------------------------------------------------------------------------------

GOOD = {
    "eventtype": "HANGUP",
    "eventtime": "1795448055.5",
    "uniqueid": "pbx-1-1795448055.7",
    "linkedid": "1795448055.7",
    "channame": "PJSIP/trunk-0",
    "eventextra": '{"hangupcause":16,"dialstatus":null,"x":["y"]}',
}


def test_row_is_read_by_its_fields() -> None:
    found = cel_row(GOOD, Clock())

    assert found is not None
    assert (found.kind, found.at, found.uniqueid) == ("HANGUP", 1795448055.5, GOOD["uniqueid"])
    assert dict(found.extra) == {"hangupcause": "16", "x": "['y']"}


@pytest.mark.parametrize(
    "change",
    [
        {"eventtype": ""},
        {"eventtype": "HANGUP\n"},
        {"eventtime": ""},
        {"eventtime": "soon"},
        {"uniqueid": "1"},
        {"uniqueid": "1795448055.1; rm"},
        {"linkedid": ""},
    ],
)
def test_row_that_cannot_be_one_is_malformed(change: dict[str, str]) -> None:
    with pytest.raises(MalformedRowError):
        cel_row({**GOOD, **change}, Clock())


def test_event_of_another_kind_is_passed_over() -> None:
    assert cel_row({**GOOD, "eventtype": "STREAM_BEGIN"}, Clock()) is None
    assert cel_row({**GOOD, "eventtype": "My-Own Event"}, Clock()) is None


@pytest.mark.parametrize("extra", ["{", "[1]", "{" * 50_000, '{"a": ' * 3000, "text"])
def test_extra_that_is_no_json_is_empty(extra: str) -> None:
    found = cel_row({**GOOD, "eventextra": extra}, Clock())

    assert found is not None
    assert dict(found.extra) == {}


def test_last_note_counts_for_each_word() -> None:
    assert note_of("vip did=x pres=allowed;pres=prohib, noise=1") == {"did": "x", "pres": "prohib"}


# --- anything ------------------------------------------------------------------------------------

names = st.sampled_from([TRUNK, PHONE, "Local/1@x-0;1", "Local/1@x-0;2", "CBAnn/1", "", "a\nb"])
ids = st.sampled_from("0123")
extras = st.dictionaries(
    st.sampled_from(
        [
            "bridge_id",
            "bridge_technology",
            "hangupcause",
            "hangupsource",
            "channel2_uniqueid",
            "forward",
            "reason",
            "transferee_channel_uniqueid",
            "pickup_channel_uniqueid",
        ]
    ),
    st.sampled_from(["", "b", "16", "99999", TRUNK, "1795448055.1", "holding_bridge"]),
)
soup = st.builds(
    row,
    st.sampled_from(sorted(CEL_EVENTS)),
    st.floats(-10, 100),
    names,
    ids,
    linkedid=ids,
    exten=st.sampled_from(["s", "", "+12125550100"]),
    app=st.sampled_from(["", "Dial", "Queue", "VoiceMail", "AppDial", "AppDial2", "Page"]),
    data=st.sampled_from(["", "PJSIP/1001,18"]),
    userfield=st.sampled_from(["", "pres=allowed", "did=5"]),
    extra=extras,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(soup, max_size=40))
def test_no_log_however_mad_raises_or_tells_a_call_twice(rows: list[CelRow]) -> None:
    found = told(rows)

    keys = [call.key.uniqueid for call in found.calls]
    assert len(keys) == len(set(keys))
    assert not set(keys) & found.open.keys()
