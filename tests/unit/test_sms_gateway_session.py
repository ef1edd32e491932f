"""The SMPP session against octets packed by hand: the table, the window, the timers, bad peers."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_gateway.session import Session
from sms_gateway.session_states import (
    LEAVE_GRACE,
    MAX_SEQUENCE,
    TRANSITIONS,
    Answered,
    Bound,
    Closing,
    Ending,
    Incoming,
    Role,
    State,
    Step,
    Unanswered,
)
from sms_gateway.settings import RouteSettings
from tests.fakes import smsc

FIELDS: dict[str, Any] = {"destination_addr": "12125550123", "short_message": b"Hi"}


def session_for(role: Role = "transceiver", first_sequence: int = 1, **more: Any) -> Session[str]:
    given_settings = {"name": "test", "host": "127.0.0.1", "system_id": "acme", **more}
    return Session(RouteSettings(**given_settings), role, first_sequence=first_sequence)


def sent(session: Session[str]) -> list[smsc.Raw]:
    return smsc.unpack(session.data_to_send())


def bound_session(**more: Any) -> Session[str]:
    """Bound at time 0; its bind had sequence 1."""
    session = session_for(**more)
    session.connection_made(0.0)
    (bind,) = sent(session)
    session.receive_data(smsc.bind_resp(bind.sequence), 0.0)
    assert session.events_received() == [Bound("evil")]
    return session


def submit(session: Session[str], key: str, now: float = 0.0) -> int:
    session.submit(key, now, (), FIELDS)
    (found,) = sent(session)
    assert found.command == smsc.SUBMIT_SM
    return found.sequence


def closing(session: Session[str]) -> Closing:
    found = [event for event in session.events_received() if isinstance(event, Closing)]
    assert len(found) == 1
    return found[0]


# --- the table --------------------------------------------------------------------------------


def test_every_state_but_closed_can_close() -> None:
    for state in State:
        assert (Step.CLOSE in TRANSITIONS[state]) == (state is not State.CLOSED)


def test_a_bind_is_reached_only_through_its_own_answer() -> None:
    ways = {
        (state, step)
        for state, steps in TRANSITIONS.items()
        for step, to in steps.items()
        if to is State.BOUND
    }
    assert ways == {(State.BINDING, Step.BIND_ACCEPTED)}


def test_bind_carries_the_account() -> None:
    session = session_for(password="secret", system_type="vma")
    session.connection_made(0.0)
    (bind,) = sent(session)
    assert bind == (smsc.BIND_TRANSCEIVER, 0, 1, b"acme\0secret\0vma\0\x34\0\0\0")
    assert session.state is State.BINDING


@pytest.mark.parametrize(
    ("role", "command"),
    [("transmitter", smsc.BIND_TRANSMITTER), ("receiver", smsc.BIND_RECEIVER)],
)
def test_each_role_has_its_own_bind_and_answer(role: Role, command: int) -> None:
    session = session_for(role)
    session.connection_made(0.0)
    assert sent(session)[0].command == command
    session.receive_data(smsc.bind_resp(1, command=command), 0.0)
    assert session.state is State.BOUND
    assert session.window == (10 if role == "transmitter" else 0)


def test_enquire_link_before_bind_resp_does_not_bind() -> None:
    session = session_for()
    session.connection_made(0.0)
    sent(session)
    session.receive_data(smsc.pack(smsc.ENQUIRE_LINK, 1), 0.0)
    assert session.state is State.BINDING
    assert sent(session) == [(smsc.ENQUIRE_LINK_RESP, 0, 1, b"")]
    session.receive_data(smsc.bind_resp(1, smsc.RBINDFAIL), 0.1)
    assert closing(session) == Closing(
        Ending.REFUSED, "bind answered with status 0x0000000d", smsc.RBINDFAIL
    )


def test_a_deliver_sm_that_overtakes_bind_resp_is_not_lost() -> None:
    session = session_for()
    session.connection_made(0.0)
    session.receive_data(smsc.deliver(7, b"Hello"), 0.0)
    (event,) = session.events_received()
    assert isinstance(event, Incoming)
    assert session.state is State.BINDING


def test_the_answer_to_another_bind_does_not_bind() -> None:
    session = session_for("transmitter")
    session.connection_made(0.0)
    session.receive_data(smsc.bind_resp(1), 0.0)
    assert session.state is State.BINDING
    assert session.counters["unmatched_responses"] == 1


@pytest.mark.parametrize("status", [smsc.ROK, smsc.RBINDFAIL])
def test_a_second_answer_to_the_bind_changes_nothing(status: int) -> None:
    session = bound_session()
    session.receive_data(smsc.bind_resp(1, status), 0.0)
    assert session.state is State.BOUND
    assert session.events_received() == []
    assert session.counters["unmatched_responses"] == 1


def test_a_nacked_bind_is_refused() -> None:
    session = session_for()
    session.connection_made(0.0)
    session.receive_data(smsc.pack(smsc.GENERIC_NACK, 1, status=smsc.RINVCMDID), 0.0)
    assert closing(session).status == smsc.RINVCMDID


def test_a_bind_without_an_answer_times_out() -> None:
    session = session_for(bind_timeout=5.0)
    session.connection_made(100.0)
    assert session.next_deadline() == 105.0
    session.tick(104.9)
    assert session.state is State.BINDING
    session.tick(105.0)
    assert closing(session).ending is Ending.TIMEOUT
    assert session.next_deadline() is None


# --- submits ----------------------------------------------------------------------------------


def test_submit_is_answered_by_its_sequence_number() -> None:
    session = bound_session()
    first, second = submit(session, "a", 1.0), submit(session, "b", 2.0)
    session.receive_data(smsc.submit_resp(second, "B") + smsc.submit_resp(first, "A"), 3.0)
    assert session.events_received() == [Answered("b", 0, "B", 2.0), Answered("a", 0, "A", 1.0)]


def test_the_window_limits_what_is_open() -> None:
    session = bound_session(window=2)
    first = submit(session, "a")
    submit(session, "b")
    assert session.window == 0
    with pytest.raises(RuntimeError, match="no window"):
        session.submit("c", 0.0, (), FIELDS)
    session.receive_data(smsc.submit_resp(first), 0.0)
    assert session.window == 1


def test_a_submit_that_cannot_be_encoded_leaves_no_trace() -> None:
    session = bound_session()
    with pytest.raises(ValueError, match="destination_addr"):
        session.submit("a", 0.0, (), {"destination_addr": "1" * 40, "short_message": b"Hi"})
    assert session.in_flight == 0
    assert session.data_to_send() == b""


@pytest.mark.parametrize("body", [b"", b"\0", smsc.tlv(0x001D, b"no credit")])
def test_an_error_answer_needs_no_body(body: bytes) -> None:
    session = bound_session()
    sequence = submit(session, "a")
    session.receive_data(smsc.pack(smsc.SUBMIT_SM_RESP, sequence, body, smsc.RINVDSTADR), 0.0)
    assert session.events_received() == [Answered("a", smsc.RINVDSTADR, "", 0.0)]


@pytest.mark.parametrize("length", [64, 65, 200])
def test_message_ids_of_any_length_are_kept_whole(length: int) -> None:
    session = bound_session()
    sequence = submit(session, "a")
    session.receive_data(smsc.submit_resp(sequence, "f" * length), 0.0)
    assert session.events_received() == [Answered("a", 0, "f" * length, 0.0)]


def test_a_response_with_a_wrong_sequence_answers_nothing() -> None:
    session = bound_session()
    submit(session, "a")
    session.receive_data(smsc.submit_resp(4711), 0.0)
    assert session.events_received() == []
    assert session.in_flight == 1
    assert session.counters["unmatched_responses"] == 1
    assert session.data_to_send() == b"", "a response is never answered"


def test_a_second_response_is_counted_and_ignored() -> None:
    session = bound_session()
    sequence = submit(session, "a")
    session.receive_data(smsc.submit_resp(sequence, "1") * 2, 0.0)
    assert session.events_received() == [Answered("a", 0, "1", 0.0)]
    assert session.counters["unmatched_responses"] == 1


def test_a_submit_without_answer_leaves_the_window_and_is_answered_late() -> None:
    session = bound_session(response_timeout=30.0, enquire_link=1000.0, window=1)
    sequence = submit(session, "a", 5.0)
    assert session.next_deadline() == 35.0
    session.tick(35.0)
    assert session.events_received() == [Unanswered("a", "no answer within 30 s")]
    assert session.window == 1
    session.receive_data(smsc.submit_resp(sequence, "late"), 50.0)
    assert session.events_received() == [Answered("a", 0, "late", 5.0, late=True)]
    session.receive_data(smsc.submit_resp(sequence, "late"), 51.0)
    assert session.events_received() == []
    assert session.counters["late_responses"] == 1


def test_a_generic_nack_answers_the_submit_it_names() -> None:
    session = bound_session()
    sequence = submit(session, "a")
    session.receive_data(smsc.pack(smsc.GENERIC_NACK, sequence, status=smsc.RINVCMDLEN), 0.0)
    assert session.events_received() == [Answered("a", smsc.RINVCMDLEN, "", 0.0)]
    session.receive_data(smsc.pack(smsc.GENERIC_NACK, 0, status=smsc.RINVCMDLEN), 0.0)
    assert session.events_received() == []
    assert session.counters["nacks_received"] == 2


def test_sequence_numbers_wrap_and_skip_open_ones() -> None:
    session = bound_session(first_sequence=1, window=5)
    session._sequence = MAX_SEQUENCE - 1
    assert [submit(session, key) for key in "abc"] == [MAX_SEQUENCE - 1, MAX_SEQUENCE, 1]
    session._sequence = MAX_SEQUENCE
    assert submit(session, "d") == 2


def test_a_lost_connection_leaves_every_open_submit_unanswered_once() -> None:
    session = bound_session()
    submit(session, "a")
    submit(session, "b")
    session.connection_lost("reset by peer")
    assert session.events_received() == [
        Unanswered("a", "no answer, then: reset by peer"),
        Unanswered("b", "no answer, then: reset by peer"),
        Closing(Ending.LOST, "reset by peer"),
    ]
    session.connection_lost("again")
    session.receive_data(smsc.submit_resp(2), 0.0)
    session.tick(1e9)
    assert session.events_received() == []


# --- requests of the SMSC ---------------------------------------------------------------------


def test_deliver_sm_is_answered_by_the_caller_alone() -> None:
    session = bound_session()
    session.receive_data(smsc.deliver(9, b"Hello"), 0.0)
    (event,) = session.events_received()
    assert isinstance(event, Incoming)
    assert session.data_to_send() == b""
    session.respond(event.pdu, smsc.RX_T_APPN)
    (answer,) = sent(session)
    assert (answer.command, answer.status, answer.sequence) == (smsc.DELIVER_SM_RESP, 0x64, 9)


def test_data_sm_is_answered_with_data_sm_resp() -> None:
    session = bound_session()
    session.receive_data(smsc.deliver(10, b"Hello", command=smsc.DATA_SM), 0.0)
    (event,) = session.events_received()
    assert isinstance(event, Incoming)
    session.respond(event.pdu, smsc.ROK)
    assert sent(session)[0][:3] == (smsc.DATA_SM_RESP, 0, 10)


def test_nothing_is_answered_on_a_closed_session() -> None:
    session = bound_session()
    session.receive_data(smsc.deliver(9, b"Hello"), 0.0)
    (event,) = session.events_received()
    assert isinstance(event, Incoming)
    session.connection_lost("gone")
    session.respond(event.pdu, 0)
    assert session.data_to_send() == b""


@pytest.mark.parametrize("sequence", [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_any_sequence_of_the_smsc_is_echoed(sequence: int) -> None:
    session = bound_session()
    session.receive_data(smsc.pack(smsc.ENQUIRE_LINK, sequence), 0.0)
    assert sent(session) == [(smsc.ENQUIRE_LINK_RESP, 0, sequence, b"")]


@pytest.mark.parametrize("command", [0x0, 0x3, 0x4, 0x7, 0x8, 0x9, 0x21, 0x112, 0x10200, 0x7FFF])
def test_a_request_we_do_not_serve_gets_generic_nack(command: int) -> None:
    session = bound_session()
    frame = smsc.pack(command, 77, smsc.deliver(1, b"x")[16:])
    session.receive_data(frame, 0.0)
    (answer,) = sent(session)
    assert (answer.command, answer.sequence) == (smsc.GENERIC_NACK, 77)
    assert session.state is State.BOUND


def test_alert_notification_and_outbind_are_noted_and_not_answered() -> None:
    session = bound_session()
    alert = smsc.pack(smsc.ALERT_NOTIFICATION, 3, b"\1\1" + b"1555\0" + b"\1\1" + b"1777\0")
    session.receive_data(alert + smsc.pack(smsc.OUTBIND, 4, b"smsc\0pw\0"), 0.0)
    assert session.data_to_send() == b""
    assert session.counters["alert_notifications"] == 1
    assert session.counters["outbinds"] == 1


def test_a_deliver_sm_that_is_cut_is_answered_with_an_error() -> None:
    session = bound_session()
    whole = smsc.deliver(5, b"Hello world")
    cut = smsc.pack(smsc.DELIVER_SM, 5, whole[16:-4])
    session.receive_data(cut, 0.0)
    (answer,) = sent(session)
    assert (answer.command, answer.sequence) == (smsc.DELIVER_SM_RESP, 5)
    assert answer.status != 0
    assert session.state is State.BOUND
    assert session.counters["bad_pdus"] == 1


# --- taking leave -----------------------------------------------------------------------------


def test_unbind_of_the_smsc_is_answered_at_once_when_nothing_is_open() -> None:
    session = bound_session()
    session.receive_data(smsc.pack(smsc.UNBIND, 42), 0.0)
    assert sent(session) == [(smsc.UNBIND_RESP, 0, 42, b"")]
    assert closing(session) == Closing(Ending.UNBOUND, "the SMSC unbound")


def test_unbind_of_the_smsc_waits_a_little_for_open_answers() -> None:
    session = bound_session()
    sequence = submit(session, "a")
    session.receive_data(smsc.pack(smsc.UNBIND, 42), 1.0)
    assert session.state is State.LEAVING
    assert session.window == 0
    assert session.data_to_send() == b""
    session.receive_data(smsc.submit_resp(sequence), 1.5)
    assert sent(session) == [(smsc.UNBIND_RESP, 0, 42, b"")]
    answered, end = session.events_received()
    assert isinstance(answered, Answered)
    assert isinstance(end, Closing)


def test_unbind_of_the_smsc_is_agreed_to_when_answers_do_not_come() -> None:
    session = bound_session()
    submit(session, "a")
    session.receive_data(smsc.pack(smsc.UNBIND, 42), 1.0)
    assert session.next_deadline() == 1.0 + LEAVE_GRACE
    session.tick(1.0 + LEAVE_GRACE)
    assert sent(session) == [(smsc.UNBIND_RESP, 0, 42, b"")]
    assert session.events_received() == [
        Unanswered("a", "no answer, then: the SMSC unbound"),
        Closing(Ending.UNBOUND, "the SMSC unbound"),
    ]


def test_our_unbind_ends_with_its_answer() -> None:
    session = bound_session()
    session.unbind(0.0)
    (unbind,) = sent(session)
    assert unbind.command == smsc.UNBIND
    session.receive_data(smsc.deliver(8, b"one more"), 0.0)
    assert isinstance(session.events_received()[0], Incoming)
    session.receive_data(smsc.pack(smsc.UNBIND_RESP, unbind.sequence), 0.0)
    assert closing(session) == Closing(Ending.STOPPED, "unbound")


def test_our_unbind_without_an_answer_ends_all_the_same() -> None:
    session = bound_session(bind_timeout=5.0)
    session.unbind(10.0)
    assert session.next_deadline() == 15.0
    session.tick(15.0)
    assert closing(session).ending is Ending.STOPPED


def test_two_unbinds_that_cross_end_the_session() -> None:
    session = bound_session()
    session.unbind(0.0)
    sent(session)
    session.receive_data(smsc.pack(smsc.UNBIND, 42), 0.0)
    assert sent(session) == [(smsc.UNBIND_RESP, 0, 42, b"")]
    assert closing(session).ending is Ending.STOPPED


def test_unbind_before_the_bind_just_closes() -> None:
    session = session_for()
    session.connection_made(0.0)
    session.unbind(0.0)
    assert closing(session) == Closing(Ending.STOPPED, "stopped")


# --- signs of life ----------------------------------------------------------------------------


def test_enquire_link_is_sent_only_when_idle() -> None:
    session = bound_session(enquire_link=30.0)
    for now in (10.0, 20.0, 30.0, 40.0):
        session.receive_data(smsc.deliver(int(now), b"x"), now)
        session.tick(now)
    assert session.data_to_send() == b""
    assert session.next_deadline() == 70.0
    session.tick(70.0)
    assert [pdu.command for pdu in sent(session)] == [smsc.ENQUIRE_LINK]


def test_two_enquire_links_without_an_answer_are_a_dead_link() -> None:
    session = bound_session(enquire_link=30.0, enquire_timeout=10.0)
    submit(session, "a", 25.0)
    session.tick(30.0)
    session.tick(40.0)
    assert [pdu.command for pdu in sent(session)] == [smsc.ENQUIRE_LINK] * 2
    session.tick(50.0)
    unanswered, end = session.events_received()
    assert isinstance(unanswered, Unanswered)
    assert end == Closing(Ending.DEAD, "no sign of life, 2 enquire_link unanswered")
    assert session.counters["enquire_links_missed"] == 2


def test_any_pdu_is_a_sign_of_life_but_half_of_one_is_not() -> None:
    session = bound_session(enquire_link=30.0, enquire_timeout=10.0)
    session.tick(30.0)
    frame = smsc.submit_resp(99)
    session.receive_data(frame[:10], 35.0)
    assert session.next_deadline() == 40.0
    session.receive_data(frame[10:], 36.0)
    assert session.next_deadline() == 66.0


def test_a_sign_of_life_forgives_an_enquire_link_that_was_missed() -> None:
    session = bound_session(enquire_link=30.0, enquire_timeout=10.0)
    session.tick(30.0)
    session.tick(40.0)
    session.receive_data(smsc.submit_resp(99), 45.0)
    session.tick(75.0)
    session.tick(85.0)
    assert session.state is State.BOUND
    session.tick(95.0)
    assert closing(session).ending is Ending.DEAD


# --- what is not SMPP -------------------------------------------------------------------------


def test_a_stream_cut_into_single_octets_reads_the_same() -> None:
    session = session_for()
    session.connection_made(0.0)
    sent(session)
    stream = smsc.bind_resp(1) + smsc.deliver(5, b"Hello") + smsc.pack(smsc.ENQUIRE_LINK, 6)
    for at in range(len(stream)):
        session.receive_data(stream[at : at + 1], 0.0)
    bound, incoming = session.events_received()
    assert bound == Bound("evil")
    assert isinstance(incoming, Incoming)
    assert sent(session) == [(smsc.ENQUIRE_LINK_RESP, 0, 6, b"")]


@pytest.mark.parametrize("length", [0, 3, 15, 65537, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_an_impossible_length_closes_after_what_came_before_it(length: int) -> None:
    session = bound_session()
    sequence = submit(session, "a")
    submit(session, "b")
    bad = struct.pack(">IIII", length, smsc.DELIVER_SM, 0, 5)
    session.receive_data(smsc.submit_resp(sequence, "1") + bad, 0.0)
    answered, unanswered, end = session.events_received()
    assert answered == Answered("a", 0, "1", 0.0)
    assert isinstance(unanswered, Unanswered)
    assert unanswered.key == "b"
    assert isinstance(end, Closing)
    assert end.ending is Ending.BROKEN
    (nack,) = sent(session)
    assert nack.command == smsc.GENERIC_NACK
    assert nack.status == smsc.RINVCMDLEN


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=6), st.booleans())
def test_no_octets_raise_and_every_submit_ends_once(chunks: list[bytes], framed: bool) -> None:
    session = bound_session()
    for key in "abc":
        submit(session, key)
    for number, chunk in enumerate(chunks):
        data = smsc.pack(int.from_bytes(chunk[:4], "big"), number, chunk) if framed else chunk
        session.receive_data(data, 0.0)
    session.connection_lost("over")
    events = session.events_received()
    ended = [event.key for event in events if isinstance(event, Answered | Unanswered)]
    assert sorted(ended) == ["a", "b", "c"]
    assert sum(isinstance(event, Closing) for event in events) == 1
    smsc.unpack(session.data_to_send())


COMMANDS = (
    *(smsc.BIND_TRANSCEIVER_RESP, smsc.SUBMIT_SM_RESP, smsc.DELIVER_SM, smsc.UNBIND),
    *(smsc.UNBIND_RESP, smsc.ENQUIRE_LINK, smsc.ENQUIRE_LINK_RESP, smsc.GENERIC_NACK, 0x999),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["receive", "submit", "unbind", "tick"]),
            st.sampled_from(COMMANDS),
            st.integers(0, 6),
            st.sampled_from([0, 0x58, 0x0B]),
        ),
        max_size=30,
    )
)
def test_any_order_of_steps_keeps_the_books(steps: list[tuple[str, int, int, int]]) -> None:
    session = session_for(window=3, bind_timeout=20, enquire_link=15, response_timeout=30)
    session.connection_made(0.0)
    begun: list[str] = []
    events: list[Any] = []
    for number, (what, command, sequence, status) in enumerate(steps):
        now = number * 10.0
        if what == "receive":
            session.receive_data(smsc.pack(command, sequence, b"x\0", status), now)
        elif what == "submit" and session.window > 0:
            session.submit(f"{number}", now, (), FIELDS)
            begun.append(f"{number}")
        elif what == "unbind":
            session.unbind(now)
        else:
            session.tick(now)
        assert 0 <= session.in_flight <= 3
        events += session.events_received()
    session.connection_lost("over")
    events += session.events_received()
    first = [
        event.key
        for event in events
        if isinstance(event, Unanswered) or (isinstance(event, Answered) and not event.late)
    ]
    assert sorted(first) == sorted(begun)
    assert sum(isinstance(event, Closing) for event in events) == 1
    assert session.state is State.CLOSED
