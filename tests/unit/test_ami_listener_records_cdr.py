"""CDR rows -> how a call ended, as far as they tell; the traps they are known for."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener.births import Inbound
from ami_listener.records.cdr import judge
from ami_listener.records.rows import DISPOSITIONS, CdrRow, MalformedRowError, cdr_row
from ami_listener.records.times import Clock
from textback.model import Call, Outcome, Presentation, Source

T = 1795448055.0
TRUNK = "PJSIP/trunk-0"


def row(
    app: str = "Dial",
    other: str = "",
    disposition: str = "NO ANSWER",
    *,
    start: float = 0,
    end: float = 18,
    uniqueid: str = "0",
    linkedid: str = "0",
    channel: str = TRUNK,
    answer: float | None = None,
    **more: str,
) -> CdrRow:
    values = {
        "source": "+16465550100",
        "name": "",
        "destination": "+12125550100",
        "context": "from-trunk",
        "data": "",
        "did": "",
        "first_context": "",
        "presentation": "",
        "wish": "",
        **more,
    }
    return CdrRow(
        start=T + start,
        end=T + end,
        answer=None if answer is None else T + answer,
        duration=end - start,
        uniqueid=f"1795448055.{uniqueid}",
        linkedid=f"1795448055.{linkedid}",
        channel=channel,
        other=other,
        app=app,
        disposition=disposition,
        sequence=0,
        **values,
    )


def told(*rows: CdrRow, inbound: Inbound | None = None, **more: object) -> list[Call]:
    found = judge(
        rows,
        pbx="pbx",
        boot="boot",
        inbound=inbound or Inbound(frozenset({"from-trunk"})),
        watch=lambda _: 15.0,
        **more,  # type: ignore[arg-type]
    )
    return list(found.calls)


PHONE, LOCAL, HALF = "PJSIP/1001-1", "Local/1001@x-1;1", "Local/1001@x-1;2"
HANGUP = row("Hangup", start=18)


def half(**more: object) -> CdrRow:
    """A row of the second half of the Local channel."""
    return row(uniqueid="1", channel=HALF, context="x", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        ([row(other=PHONE), HANGUP], Outcome.NO_ANSWER),
        ([row(other=PHONE, end=8)], Outcome.ABANDONED),
        ([row(other=PHONE, disposition="BUSY", end=0)], Outcome.BUSY),
        ([row(other=PHONE, disposition="FAILED", end=0)], Outcome.UNAVAILABLE),
        ([row(disposition="FAILED", end=0)], Outcome.UNAVAILABLE),
        ([row(other=PHONE, disposition="ANSWERED", answer=4)], Outcome.ANSWERED),
        # Losers of a ring group are NO ANSWER, though the call was answered.
        (
            [row(other="PJSIP/1002-1"), row(other=PHONE, disposition="ANSWERED", answer=4)],
            Outcome.ANSWERED,
        ),
        # VoiceMail and menus are ANSWERED, by nobody.
        (
            [row(other=PHONE, end=6), row("VoiceMail", "", "ANSWERED", start=6)],
            Outcome.VOICEMAIL_NO_MESSAGE,
        ),
        ([row("Read", "", "ANSWERED", end=7, answer=0)], Outcome.IVR_ABANDONED),
        ([row("Queue", PHONE, end=5), row("Queue", PHONE, start=6)], Outcome.QUEUE_ABANDONED),
        ([row("Queue", PHONE, end=5), HANGUP], Outcome.NO_ANSWER),
        # A Local half that "answers" has a mailbox behind it, or a person.
        (
            [
                row(other=LOCAL, disposition="ANSWERED", answer=5),
                half(other=PHONE, end=5),
                half(app="VoiceMail", disposition="ANSWERED", start=5),
            ],
            Outcome.VOICEMAIL_NO_MESSAGE,
        ),
        (
            [
                row(other=LOCAL, disposition="ANSWERED", answer=5),
                half(other=PHONE, disposition="ANSWERED"),
            ],
            Outcome.ANSWERED,
        ),
        ([row(other=LOCAL), half(other=PHONE)], Outcome.NO_ANSWER),
        # Its rows are not there (yet): nobody can know.
        ([row(other=LOCAL, disposition="ANSWERED", answer=5)], Outcome.UNKNOWN),
        ([row("ConfBridge", "", "ANSWERED", answer=0)], Outcome.UNKNOWN),
        ([row("ConfBridge", "CBAnn/1", "ANSWERED", answer=0)], Outcome.UNKNOWN),
        ([row("Stasis", "", "ANSWERED", answer=0)], Outcome.UNKNOWN),
        # The row began with the menu: nobody knows for how long the phone rang.
        ([row(other=PHONE, end=8, answer=0)], Outcome.UNKNOWN),
        # Refused, or given up, at once.
        ([row(other=PHONE, end=1)], Outcome.UNKNOWN),
        # The first row is missing: it may have been the answered one.
        ([row(other=PHONE, start=9)], Outcome.UNKNOWN),
        # A person had the caller, and sent it on.
        (
            [
                row(other=PHONE, disposition="ANSWERED", end=4, answer=2),
                row(other="PJSIP/1002-1", start=4, destination="1002", context="from-internal"),
            ],
            Outcome.TRANSFER_UNANSWERED,
        ),
        (
            [
                row(other=PHONE, disposition="ANSWERED", end=4, answer=2),
                row("Park", "", "ANSWERED", start=4, answer=4),
            ],
            Outcome.PARKED_GIVEUP,
        ),
        ([row("ReceiveFAX", "", "ANSWERED", answer=0)], Outcome.ANSWERED),
    ],
)
def test_call_ends_as_its_rows_tell_it_or_is_unknown(rows: list[CdrRow], outcome: Outcome) -> None:
    (call,) = told(*rows)

    assert call.outcome is outcome
    assert (call.late, call.source) == (True, Source.CDR)
    assert call.gap == (outcome is Outcome.UNKNOWN)


def test_classes_that_cdr_does_not_tell_apart_are_both_named() -> None:
    (refused,) = told(row(other=PHONE, end=0), row("Hangup", start=0, end=0))
    (mailbox,) = told(row("VoiceMail", "", "ANSWERED", answer=0))
    (close,) = told(row(other=PHONE, end=15))  # of whole seconds
    (clear,) = told(row(other=PHONE, end=13))

    assert refused.may_become == {Outcome.BUSY, Outcome.UNAVAILABLE}
    assert close.may_become == {Outcome.ABANDONED, Outcome.NO_ANSWER}
    assert clear.may_become == {Outcome.ABANDONED}
    assert mailbox.may_become == {Outcome.VOICEMAIL_LEFT, Outcome.VOICEMAIL_NO_MESSAGE}


def test_what_answers_by_itself_is_no_person() -> None:
    (call,) = told(row(other="PJSIP/lobby-1", disposition="ANSWERED"), not_human=["PJSIP/lobby"])

    assert call.outcome is Outcome.NO_ANSWER


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({}, 1),
        ({"context": "from-internal"}, 0),
        # dcontext is the last context; what the dialplan noted is the first.
        ({"context": "from-internal", "first_context": "from-trunk"}, 1),
        ({"first_context": "from-internal"}, 0),
        # Inbound routes alone set CDR(did).
        ({"context": "ext-group", "did": "+12125550111"}, 1),
        ({"channel": HALF}, 0),
        ({"app": "AppDial2"}, 0),
        ({"uniqueid": "5"}, 0),
    ],
)
def test_caller_is_who_came_in_from_outside(change: dict[str, str], count: int) -> None:
    assert len(told(row(other=PHONE, **change))) == count  # type: ignore[arg-type]


def test_endpoint_must_match_as_well_where_it_is_configured() -> None:
    inbound = Inbound(frozenset({"from-trunk"}), frozenset({"trunk"}))

    assert len(told(row(other=PHONE), inbound=inbound)) == 1
    assert told(row(other=PHONE, channel="PJSIP/other-1"), inbound=inbound) == []
    did = {"context": "ext-group", "did": "+12125550111"}
    assert len(told(row(other=PHONE, **did), inbound=inbound)) == 1
    assert told(row(other=PHONE, channel="PJSIP/other-1", **did), inbound=inbound) == []


def test_second_line_of_a_phone_that_handed_a_caller_over_is_no_missed_call() -> None:
    caller = row(other=PHONE, disposition="ANSWERED", end=6, answer=2)
    line = row(
        other="PJSIP/1002-1",
        uniqueid="7",
        linkedid="7",
        channel="PJSIP/1001-2",
        source="1001",
        end=6,
    )
    found = {call.key.uniqueid: call.outcome for call in told(caller, line)}

    assert found == {"1795448055.0": Outcome.ANSWERED, "1795448055.7": Outcome.UNKNOWN}


def test_notes_and_fields_of_the_dialplan_are_read() -> None:
    noted = row(other=PHONE, did="+12125550111", presentation="prohib_not_screened", wish="no")
    (call,) = told(noted)

    assert (call.did, call.presentation) == ("+12125550111", Presentation.WITHHELD)
    assert call.handled


def test_damage_within_a_call_makes_it_unknown_and_a_line_break_taints_it() -> None:
    (damaged,) = told(row(other=PHONE), holes=[(T + 1, T + 2)])
    (hostile,) = told(row(other=PHONE, source="1\nEvent: x"))

    assert damaged.outcome is Outcome.UNKNOWN
    assert (hostile.outcome, bool(hostile.tainted)) == (Outcome.UNKNOWN, True)


# --- rows ----------------------------------------------------------------------------------------

GOOD = {
    "uniqueid": "1793511000.7",
    "start": "2026-11-01 01:30:00",
    "end": "2026-11-01 01:30:18",
    "duration": "18",
    "disposition": "no answer",
    "clid": '"Zoe" <+16465550100>',
}


def test_hour_that_comes_twice_is_told_by_the_uniqueid() -> None:
    clock = Clock(zone=ZoneInfo("America/New_York"))
    found = cdr_row(GOOD, clock)

    assert (found.start, found.end, found.name) == (1793511000.0, 1793511018.0, "Zoe")
    with pytest.raises(MalformedRowError, match="two instants"):
        cdr_row({**GOOD, "uniqueid": "1793500000.7"}, clock)


@pytest.mark.parametrize(
    "change",
    [
        {"uniqueid": ""},
        {"linkedid": "x"},
        {"disposition": "PERHAPS"},
        {"start": ""},
        {"duration": "-1"},
        {"duration": "1e9"},
        {"end": "2026-10-31 00:00:00"},
        {"sequence": "x"},
    ],
)
def test_row_that_cannot_be_one_is_malformed(change: dict[str, str]) -> None:
    with pytest.raises(MalformedRowError):
        cdr_row({**GOOD, **change}, Clock(utc=True))


# --- anything ------------------------------------------------------------------------------------

soup = st.builds(
    row,
    st.sampled_from(["Dial", "Queue", "VoiceMail", "Park", "ConfBridge", "", "AppDial"]),
    st.sampled_from(["", PHONE, LOCAL, HALF, "Local/x;1", "CBAnn/1"]),
    st.sampled_from(sorted(DISPOSITIONS)),
    start=st.integers(0, 9),
    end=st.integers(9, 40),
    uniqueid=st.sampled_from("012"),
    linkedid=st.sampled_from("012"),
    channel=st.sampled_from([TRUNK, HALF, LOCAL, PHONE, ""]),
    answer=st.sampled_from([None, 3.0]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(soup, max_size=12))
def test_no_rows_however_mad_raise_or_hide_a_person(rows: list[CdrRow]) -> None:
    for call in told(*rows):
        own = [r for r in rows if r.uniqueid == call.key.uniqueid]
        spoke = any(r.disposition == "ANSWERED" and r.other == PHONE for r in own)
        if spoke:
            assert call.outcome in (
                *(Outcome.ANSWERED, Outcome.TRANSFER_UNANSWERED, Outcome.PARKED_GIVEUP),
                Outcome.UNKNOWN,
            )
