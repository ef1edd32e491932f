"""The verdict, topology by topology: each test is a pasted table of events and what is told of it.

The same topologies as a real Asterisk 22 sent them are in `tests/data/ami`
(`test_ami_listener_traces.py`).
"""

from __future__ import annotations

from tests.unit.ami_tables import Scenario, play

# --- one phone --------------------------------------------------------------------------------


def test_a_call_that_rings_out_is_told_at_ring_timeout_and_ends_as_no_answer() -> None:
    told = play(
        """
        0.0  | Newchannel | PJSIP/trunk-1 |             | Ring
        0.1  | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0.1  | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0.5  | Newstate   | PJSIP/101-1   |             | Ringing
        0.5  | DialState  | PJSIP/trunk-1 | PJSIP/101-1 | RINGING
        18.1 | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        18.1 | Hangup     | PJSIP/101-1   |             | 0
        18.2 | Hangup     | PJSIP/trunk-1 |             | 16
        """
    )
    assert told == [
        "0 started",
        "0.5 ringing",
        "15.5 ring_timeout no_answer",
        "18.2 ended no_answer",
    ]


def abandoned_at(seconds: float) -> list[str]:
    return play(
        f"""
        0.0 | Newchannel | PJSIP/trunk-1 |             | Ring
        0.0 | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0.0 | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0.0 | Newstate   | PJSIP/101-1   |             | Ringing
        {seconds} | DialEnd | PJSIP/trunk-1 | PJSIP/101-1 | CANCEL
        {seconds} | Hangup  | PJSIP/101-1   |             | 0
        {seconds} | VarSet  | PJSIP/trunk-1 |             | var=DIALSTATUS value=CANCEL
        {seconds} | Hangup  | PJSIP/trunk-1 |             | 127
        """
    )


def test_a_caller_who_hangs_up_after_2_8_or_14_seconds_of_ringing_abandoned() -> None:
    for seconds in (2, 8, 14):
        assert abandoned_at(seconds)[2:] == [f"{seconds} ended abandoned"]


def test_a_caller_who_hangs_up_after_ring_timeout_was_not_answered() -> None:
    assert abandoned_at(16)[2:] == ["15 ring_timeout no_answer", "16 ended no_answer"]


def test_the_wait_counts_from_the_first_ring_not_from_the_greeting_before_it() -> None:
    scenario = Scenario().play(
        """
        0  | Newchannel | PJSIP/trunk-1 |             | Ring
        1  | Newstate   | PJSIP/trunk-1 |             | Up
        20 | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        20 | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        21 | Newstate   | PJSIP/101-1   |             | Ringing
        30 | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | CANCEL
        30 | Hangup     | PJSIP/101-1   |             | 0
        30 | Hangup     | PJSIP/trunk-1 |             | 16
        """
    )
    assert scenario.told == ["0 started", "21 ringing", "30 ended abandoned"]
    assert scenario.calls[-1].waited == 9.0


def test_a_number_that_is_not_watched_has_no_ring_timer() -> None:
    told = play(
        """
        0  | Newchannel | PJSIP/trunk-1 |             | Ring
        0  | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0  | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0  | Newstate   | PJSIP/101-1   |             | Ringing
        40 | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        40 | Hangup     | PJSIP/101-1   |             | 0
        40 | Hangup     | PJSIP/trunk-1 |             | 16
        """,
        ring_timeout=None,
    )
    assert told == ["0 started", "0 ringing", "40 ended no_answer"]


def test_an_answered_call_is_answered_by_its_bridge_and_its_timer_is_off() -> None:
    told = play(
        """
        0  | Newchannel  | PJSIP/trunk-1 |             | Ring
        0  | Newchannel  | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0  | DialBegin   | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0  | Newstate    | PJSIP/101-1   |             | Ringing
        5  | Newstate    | PJSIP/101-1   |             | Up
        5  | DialEnd     | PJSIP/trunk-1 | PJSIP/101-1 | ANSWER
        5  | Newstate    | PJSIP/trunk-1 |             | Up
        5.1 | BridgeEnter | PJSIP/101-1   |            | b1
        5.2 | BridgeEnter | PJSIP/trunk-1 |            | b1
        30 | BridgeLeave | PJSIP/101-1   |             | b1
        30 | Hangup      | PJSIP/101-1   |             | 16
        30 | BridgeLeave | PJSIP/trunk-1 |             | b1
        30 | Hangup      | PJSIP/trunk-1 |             | 16
        """
    )
    assert told == ["0 started", "0 ringing", "5.2 answered", "30 ended answered"]


def test_a_busy_phone_makes_the_call_busy_without_any_ring() -> None:
    told = play(
        """
        0.0 | Newchannel | PJSIP/trunk-1 |             | Ring
        0.0 | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0.0 | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0.2 | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | BUSY
        0.2 | Hangup     | PJSIP/101-1   |             | 17
        0.3 | Hangup     | PJSIP/trunk-1 |             | 17
        """
    )
    assert told == ["0 started", "0.3 ended busy"]


def test_a_declined_call_is_busy_though_dial_calls_it_no_answer() -> None:
    told = play(
        """
        # 603: DialStatus NOANSWER as for a time-out; only the leg's own cause 21 tells
        0.0 | Newchannel | PJSIP/trunk-1 |             | Ring
        0.0 | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0.0 | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0.1 | Newstate   | PJSIP/101-1   |             | Ringing
        3.0 | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        3.0 | Hangup     | PJSIP/101-1   |             | 21
        3.1 | Hangup     | PJSIP/trunk-1 |             | 21
        """
    )
    assert told == ["0 started", "0.1 ringing", "3.1 ended busy"]


def test_a_declined_call_is_busy_when_its_own_hangup_comes_after_the_callers() -> None:
    # Seen on Asterisk 22: the two Hangups cross.
    told = play(
        """
        0.0 | Newchannel | PJSIP/trunk-1 |             | Ring
        0.0 | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0.0 | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0.2 | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        0.3 | Hangup     | PJSIP/trunk-1 |             | 21
        0.4 | Hangup     | PJSIP/101-1   |             | 21
        """
    )
    assert told == ["0 started", "0.3 ended busy"]


def test_a_phone_whose_hangup_never_comes_does_not_hold_the_end_back_for_long() -> None:
    scenario = Scenario().play(
        """
        0.0 | Newchannel | PJSIP/trunk-1 |             | Ring
        0.0 | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0.0 | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0.1 | Newstate   | PJSIP/101-1   |             | Ringing
        9.0 | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        9.0 | Hangup     | PJSIP/trunk-1 |             | 16
        10  | Wait       |               |             |
        """
    )
    assert scenario.told[-1] == "0.1 ringing"
    scenario.advance(12.0)
    assert scenario.told[-1] == "9 ended no_answer"


def test_a_declined_call_that_goes_on_to_an_announcement_is_not_ringing_any_more() -> None:
    told = play(
        """
        0.0 | Newchannel | PJSIP/trunk-1 |             | Ring
        0.0 | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0.0 | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0.1 | Newstate   | PJSIP/101-1   |             | Ringing
        3.0 | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        3.0 | Hangup     | PJSIP/101-1   |             | 21
        3.1 | Newstate   | PJSIP/trunk-1 |             | Up
        25  | Hangup     | PJSIP/trunk-1 |             | 16
        """
    )
    assert told == ["0 started", "0.1 ringing", "25 ended busy"]


def test_no_phone_registered_is_unavailable_though_no_dial_event_tells_of_it() -> None:
    told = play(
        """
        0.0 | Newchannel | PJSIP/trunk-1 | | Ring
        0.0 | Newexten   | PJSIP/trunk-1 | | Dial data=PJSIP/101,20
        0.0 | VarSet     | PJSIP/trunk-1 | | var=DIALSTATUS value=CHANUNAVAIL
        0.1 | Hangup     | PJSIP/trunk-1 | | 3
        """
    )
    assert told == ["0 started", "0.1 ended unavailable"]


def test_no_phone_registered_is_unavailable_even_without_the_dial_status() -> None:
    told = play(
        """
        0.0 | Newchannel | PJSIP/trunk-1 | | Ring
        0.0 | Newexten   | PJSIP/trunk-1 | | Dial data=PJSIP/101,20
        0.1 | Hangup     | PJSIP/trunk-1 | | 3
        """
    )
    assert told == ["0 started", "0.1 ended unavailable"]


def test_early_media_from_the_phone_starts_the_ring_clock() -> None:
    told = play(
        """
        0  | Newchannel | PJSIP/trunk-1 |              | Ring
        0  | Newchannel | PJSIP/gw-1    |              | Down linked=PJSIP/trunk-1
        0  | DialBegin  | PJSIP/trunk-1 | PJSIP/gw-1   | 101
        1  | DialState  | PJSIP/trunk-1 | PJSIP/gw-1   | PROCEEDING
        2  | DialState  | PJSIP/trunk-1 | PJSIP/gw-1   | PROGRESS
        20 | DialEnd    | PJSIP/trunk-1 | PJSIP/gw-1   | NOANSWER
        20 | Hangup     | PJSIP/gw-1    |              | 0
        20 | Hangup     | PJSIP/trunk-1 |              | 16
        """
    )
    assert told == [
        "0 started",
        "2 ringing",
        "17 ring_timeout no_answer",
        "20 ended no_answer",
    ]


def test_early_media_to_the_caller_alone_is_an_announcement() -> None:
    told = play(
        """
        0 | Newchannel | PJSIP/trunk-1 | | Ring
        7 | Hangup     | PJSIP/trunk-1 | | 127
        """
    )
    assert told == ["0 started", "7 ended ivr_abandoned"]


def test_a_leg_that_rings_before_its_dial_begin_rings_for_its_call() -> None:
    told = play(
        """
        0   | Newchannel | PJSIP/trunk-1 |             | Ring
        0   | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0.1 | Newstate   | PJSIP/101-1   |             | Ringing
        0.2 | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        1   | Hangup     | PJSIP/101-1   |             | 0
        1   | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | CANCEL
        1   | Hangup     | PJSIP/trunk-1 |             | 127
        """
    )
    assert told == ["0 started", "0.2 ringing", "1 ended abandoned"]


def test_a_birth_told_twice_is_one_call() -> None:
    told = play(
        """
        0 | Newchannel     | PJSIP/trunk-1 | | Ring
        1 | MessageWaiting | PJSIP/trunk-1 | | 101 new=1
        2 | Newchannel     | PJSIP/trunk-1 | | Ring
        5 | Hangup         | PJSIP/trunk-1 | | 16
        6 | Newchannel     | PJSIP/trunk-1 | | Ring
        """
    )
    assert told == ["0 started", "1 voicemail voicemail_left", "5 ended voicemail_left"]


# --- several phones ---------------------------------------------------------------------------

GROUP = """
        0   | Newchannel | PJSIP/trunk-1 |             | Ring
        0   | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0   | Newchannel | PJSIP/102-1   |             | Down linked=PJSIP/trunk-1
        0   | Newchannel | PJSIP/103-1   |             | Down linked=PJSIP/trunk-1
        0   | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0   | DialBegin  | PJSIP/trunk-1 | PJSIP/102-1 | 102
        0   | DialBegin  | PJSIP/trunk-1 | PJSIP/103-1 | 103
        0   | DialEnd    | PJSIP/trunk-1 | PJSIP/103-1 | BUSY
        0   | Hangup     | PJSIP/103-1   |             | 17
        0   | Newstate   | PJSIP/101-1   |             | Ringing
        1   | Newstate   | PJSIP/102-1   |             | Ringing
"""


def test_a_group_in_which_nobody_answers_is_one_missed_call() -> None:
    told = play(
        GROUP
        + """
        18 | DialEnd | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        18 | DialEnd | PJSIP/trunk-1 | PJSIP/102-1 | NOANSWER
        18 | Hangup  | PJSIP/101-1   |             | 0
        18 | Hangup  | PJSIP/102-1   |             | 0
        18 | Hangup  | PJSIP/trunk-1 |             | 17
        """
    )
    assert told == [
        "0 started",
        "0 ringing",
        "15 ring_timeout no_answer",
        "18 ended no_answer",
    ]


def test_the_losers_of_a_group_do_not_make_the_call_missed() -> None:
    told = play(
        GROUP
        + """
        4   | DialEnd     | PJSIP/trunk-1 | PJSIP/101-1 | CANCEL
        4   | Hangup      | PJSIP/101-1   |             | 26
        4   | DialEnd     | PJSIP/trunk-1 | PJSIP/102-1 | ANSWER
        4   | BridgeEnter | PJSIP/trunk-1 |             | b1
        4.1 | BridgeEnter | PJSIP/102-1   |             | b1
        20  | Hangup      | PJSIP/102-1   |             | 16
        20  | Hangup      | PJSIP/trunk-1 |             | 16
        """
    )
    assert told == ["0 started", "0 ringing", "4.1 answered", "20 ended answered"]


def test_two_identical_phones_are_two_legs_of_one_call() -> None:
    told = play(
        """
        0 | Newchannel | PJSIP/trunk-1 |             | Ring
        0 | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0 | Newchannel | PJSIP/101-2   |             | Down linked=PJSIP/trunk-1
        0 | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0 | DialBegin  | PJSIP/trunk-1 | PJSIP/101-2 | 101
        0 | Newstate   | PJSIP/101-1   |             | Ringing
        0 | Newstate   | PJSIP/101-2   |             | Ringing
        1 | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | BUSY
        1 | Hangup     | PJSIP/101-1   |             | 17
        9 | DialEnd    | PJSIP/trunk-1 | PJSIP/101-2 | NOANSWER
        9 | Hangup     | PJSIP/101-2   |             | 0
        9 | Hangup     | PJSIP/trunk-1 |             | 16
        """
    )
    assert told == ["0 started", "0 ringing", "9 ended no_answer"]


def test_all_phones_of_a_group_busy_or_declining_make_the_call_busy() -> None:
    told = play(
        """
        0 | Newchannel | PJSIP/trunk-1 |             | Ring
        0 | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0 | Newchannel | PJSIP/102-1   |             | Down linked=PJSIP/trunk-1
        0 | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0 | DialBegin  | PJSIP/trunk-1 | PJSIP/102-1 | 102
        0 | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | BUSY
        0 | Hangup     | PJSIP/101-1   |             | 17
        2 | Newstate   | PJSIP/102-1   |             | Ringing
        4 | DialEnd    | PJSIP/trunk-1 | PJSIP/102-1 | NOANSWER
        4 | Hangup     | PJSIP/102-1   |             | 21
        4 | Hangup     | PJSIP/trunk-1 |             | 17
        """
    )
    assert told == ["0 started", "2 ringing", "4 ended busy"]


HUNT = """
        0  | Newchannel | PJSIP/trunk-1 |             | Ring
        0  | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0  | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0  | Newstate   | PJSIP/101-1   |             | Ringing
        8  | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        8  | Hangup     | PJSIP/101-1   |             | 0
        8  | VarSet     | PJSIP/trunk-1 |             | var=DIALSTATUS value=NOANSWER
        9  | Newchannel | PJSIP/102-1   |             | Down linked=PJSIP/trunk-1
        9  | DialBegin  | PJSIP/trunk-1 | PJSIP/102-1 | 102
        9  | Newstate   | PJSIP/102-1   |             | Ringing
"""


def test_a_hunt_in_which_nobody_answers_waits_as_one_call() -> None:
    told = play(
        HUNT
        + """
        17 | DialEnd | PJSIP/trunk-1 | PJSIP/102-1 | NOANSWER
        17 | Hangup  | PJSIP/102-1   |             | 0
        17 | Hangup  | PJSIP/trunk-1 |             | 16
        """
    )
    assert told[1:] == ["0 ringing", "15 ring_timeout no_answer", "17 ended no_answer"]


def test_the_dial_status_of_phones_that_were_dialled_says_nothing_new() -> None:
    scenario = Scenario().play(HUNT)
    scenario.play("10 | Hangup | PJSIP/trunk-1 | | 16")
    assert not [line for line in scenario.trail if "no phone" in line]


def test_a_hunt_answered_at_the_second_phone_is_answered() -> None:
    told = play(
        HUNT
        + """
        12 | DialEnd     | PJSIP/trunk-1 | PJSIP/102-1 | ANSWER
        12 | BridgeEnter | PJSIP/trunk-1 |             | b1
        12 | BridgeEnter | PJSIP/102-1   |             | b1
        20 | Hangup      | PJSIP/102-1   |             | 16
        20 | Hangup      | PJSIP/trunk-1 |             | 16
        """
    )
    assert told[1:] == ["0 ringing", "12 answered", "20 ended answered"]


def test_a_caller_who_gives_up_at_the_second_phone_abandoned() -> None:
    told = play(
        HUNT
        + """
        11 | DialEnd | PJSIP/trunk-1 | PJSIP/102-1 | CANCEL
        11 | Hangup  | PJSIP/102-1   |             | 0
        11 | Hangup  | PJSIP/trunk-1 |             | 127
        """
    )
    assert told[1:] == ["0 ringing", "11 ended abandoned"]


# --- Local channels ---------------------------------------------------------------------------

LOCAL_GROUP = """
        0   | Newchannel  | PJSIP/trunk-1   |                 | Ring
        0   | Newchannel  | Local/101@q-1;1 |                 | Down linked=PJSIP/trunk-1
        0   | Newchannel  | Local/101@q-1;2 |                 | Ring linked=PJSIP/trunk-1 to=101
        0   | Newchannel  | Local/102@q-2;1 |                 | Down linked=PJSIP/trunk-1
        0   | Newchannel  | Local/102@q-2;2 |                 | Ring linked=PJSIP/trunk-1 to=102
        0   | LocalBridge | Local/101@q-1;1 | Local/101@q-1;2 | No
        0   | DialBegin   | PJSIP/trunk-1   | Local/101@q-1;1 | 101@q
        0   | LocalBridge | Local/102@q-2;1 | Local/102@q-2;2 | No
        0   | DialBegin   | PJSIP/trunk-1   | Local/102@q-2;1 | 102@q
        0.1 | Newchannel  | PJSIP/101-1     |                 | Down linked=PJSIP/trunk-1
        0.1 | DialBegin   | Local/101@q-1;2 | PJSIP/101-1     | 101
        0.1 | Newchannel  | PJSIP/102-1     |                 | Down linked=PJSIP/trunk-1
        0.1 | DialBegin   | Local/102@q-2;2 | PJSIP/102-1     | 102
        0.2 | Newstate    | PJSIP/101-1     |                 | Ringing
        0.2 | DialState   | PJSIP/trunk-1   | Local/101@q-1;1 | RINGING
        0.3 | Newstate    | PJSIP/102-1     |                 | Ringing
"""


def test_a_local_channel_group_with_an_answer_is_answered_through_the_local_pair() -> None:
    scenario = Scenario().play(
        LOCAL_GROUP
        + """
        4   | DialEnd     | Local/102@q-2;2 | PJSIP/102-1     | ANSWER
        4   | BridgeEnter | PJSIP/102-1     |                 | b2
        4   | BridgeEnter | Local/102@q-2;2 |                 | b2
        4.1 | DialEnd     | PJSIP/trunk-1   | Local/101@q-1;1 | CANCEL
        4.1 | DialEnd     | PJSIP/trunk-1   | Local/102@q-2;1 | ANSWER
        4.2 | BridgeEnter | Local/102@q-2;1 |                 | b1
        4.3 | BridgeEnter | PJSIP/trunk-1   |                 | b1
        4.4 | Hangup      | Local/101@q-1;1 |                 | 26
        4.4 | DialEnd     | Local/101@q-1;2 | PJSIP/101-1     | CANCEL
        4.4 | Hangup      | PJSIP/101-1     |                 | 26
        4.4 | Hangup      | Local/101@q-1;2 |                 | 0
        """
    )
    assert scenario.told == ["0 started", "0.2 ringing", "4.3 answered"]
    scenario.play(
        """
        30 | Hangup | PJSIP/102-1     | | 16
        30 | Hangup | Local/102@q-2;2 | | 16
        30 | Hangup | Local/102@q-2;1 | | 16
        30 | Hangup | PJSIP/trunk-1   | | 16
        """
    )
    assert scenario.told[-1] == "30 ended answered"
    assert "bridged with PJSIP/102 through Local/102@q" in scenario.trail
    assert not any(scenario.tracker.sizes.values())


def test_a_local_channel_group_that_times_out_early_is_no_answer_not_abandoned() -> None:
    # The phones' own legs end CANCEL (their ;2 was hung up), but the caller did not give up.
    told = play(
        LOCAL_GROUP
        + """
        10   | DialEnd | PJSIP/trunk-1   | Local/101@q-1;1 | NOANSWER
        10   | DialEnd | PJSIP/trunk-1   | Local/102@q-2;1 | NOANSWER
        10   | Hangup  | Local/101@q-1;1 |                 | 0
        10   | Hangup  | Local/102@q-2;1 |                 | 0
        10   | DialEnd | Local/101@q-1;2 | PJSIP/101-1     | CANCEL
        10   | DialEnd | Local/102@q-2;2 | PJSIP/102-1     | CANCEL
        10   | Hangup  | PJSIP/101-1     |                 | 0
        10   | Hangup  | PJSIP/102-1     |                 | 0
        10   | Hangup  | Local/101@q-1;2 |                 | 0
        10   | Hangup  | Local/102@q-2;2 |                 | 0
        10.2 | Hangup  | PJSIP/trunk-1   |                 | 16
        """
    )
    assert told == ["0 started", "0.2 ringing", "10.2 ended no_answer"]


def test_phones_behind_a_local_channel_may_end_after_the_caller() -> None:
    told = play(
        LOCAL_GROUP
        + """
        10   | DialEnd | PJSIP/trunk-1   | Local/101@q-1;1 | NOANSWER
        10   | DialEnd | PJSIP/trunk-1   | Local/102@q-2;1 | NOANSWER
        10   | Hangup  | Local/101@q-1;1 |                 | 0
        10   | Hangup  | Local/102@q-2;1 |                 | 0
        10.2 | Hangup  | PJSIP/trunk-1   |                 | 16
        10.3 | DialEnd | Local/101@q-1;2 | PJSIP/101-1     | CANCEL
        10.3 | DialEnd | Local/102@q-2;2 | PJSIP/102-1     | CANCEL
        10.3 | Hangup  | PJSIP/101-1     |                 | 0
        10.3 | Hangup  | PJSIP/102-1     |                 | 0
        10.3 | Hangup  | Local/101@q-1;2 |                 | 0
        10.3 | Hangup  | Local/102@q-2;2 |                 | 0
        """
    )
    assert told == ["0 started", "0.2 ringing", "10.2 ended no_answer"]


def test_a_caller_who_leaves_a_local_channel_group_abandoned_though_the_phones_end_later() -> None:
    told = play(
        LOCAL_GROUP
        + """
        6   | DialEnd | PJSIP/trunk-1   | Local/101@q-1;1 | CANCEL
        6   | DialEnd | PJSIP/trunk-1   | Local/102@q-2;1 | CANCEL
        6   | Hangup  | Local/101@q-1;1 |                 | 0
        6   | Hangup  | Local/102@q-2;1 |                 | 0
        6   | Hangup  | PJSIP/trunk-1   |                 | 127
        6.1 | DialEnd | Local/101@q-1;2 | PJSIP/101-1     | CANCEL
        6.1 | Hangup  | PJSIP/101-1     |                 | 0
        6.1 | Hangup  | Local/101@q-1;2 |                 | 0
        6.1 | DialEnd | Local/102@q-2;2 | PJSIP/102-1     | CANCEL
        6.1 | Hangup  | PJSIP/102-1     |                 | 0
        6.1 | Hangup  | Local/102@q-2;2 |                 | 0
        """
    )
    assert told == ["0 started", "0.2 ringing", "6 ended abandoned"]


def test_a_local_channel_with_no_phone_behind_it_is_unavailable() -> None:
    told = play(
        """
        0   | Newchannel | PJSIP/trunk-1   |                 | Ring
        0   | Newchannel | Local/101@q-1;1 |                 | Down linked=PJSIP/trunk-1
        0   | Newchannel | Local/101@q-1;2 |                 | Ring linked=PJSIP/trunk-1 to=101
        0   | DialBegin  | PJSIP/trunk-1   | Local/101@q-1;1 | 101@q
        0   | VarSet     | Local/101@q-1;2 |                 | var=DIALSTATUS value=CHANUNAVAIL
        # its dialplan then runs Busy(), which says nothing about the phones
        0.1 | Hangup     | Local/101@q-1;2 |                 | 17
        0.1 | DialEnd    | PJSIP/trunk-1   | Local/101@q-1;1 | BUSY
        0.1 | Hangup     | Local/101@q-1;1 |                 | 3
        0.2 | Hangup     | PJSIP/trunk-1   |                 | 3
        """
    )
    assert told == ["0 started", "0.2 ended unavailable"]


def test_a_local_channel_that_dials_nothing_is_judged_by_its_own_status() -> None:
    told = play(
        """
        0   | Newchannel | PJSIP/trunk-1   |                 | Ring
        0   | Newchannel | Local/101@q-1;1 |                 | Down linked=PJSIP/trunk-1
        0   | Newchannel | Local/101@q-1;2 |                 | Ring linked=PJSIP/trunk-1 to=101
        0   | DialBegin  | PJSIP/trunk-1   | Local/101@q-1;1 | 101@q
        0.1 | DialEnd    | PJSIP/trunk-1   | Local/101@q-1;1 | BUSY
        0.1 | Hangup     | Local/101@q-1;2 |                 | 17
        0.1 | Hangup     | Local/101@q-1;1 |                 | 17
        0.2 | Hangup     | PJSIP/trunk-1   |                 | 17
        """
    )
    assert told == ["0 started", "0.2 ended busy"]


def test_a_phone_behind_a_local_channel_that_never_rang_was_not_reached() -> None:
    told = play(
        """
        0  | Newchannel | PJSIP/trunk-1   |                 | Ring
        0  | Newchannel | Local/101@q-1;1 |                 | Down linked=PJSIP/trunk-1
        0  | Newchannel | Local/101@q-1;2 |                 | Ring linked=PJSIP/trunk-1 to=101
        0  | DialBegin  | PJSIP/trunk-1   | Local/101@q-1;1 | 101@q
        0  | Newchannel | PJSIP/101-1     |                 | Down linked=PJSIP/trunk-1
        0  | DialBegin  | Local/101@q-1;2 | PJSIP/101-1     | 101
        20 | DialEnd    | PJSIP/trunk-1   | Local/101@q-1;1 | NOANSWER
        20 | Hangup     | Local/101@q-1;1 |                 | 0
        20 | Hangup     | PJSIP/trunk-1   |                 | 16
        20 | DialEnd    | Local/101@q-1;2 | PJSIP/101-1     | CANCEL
        20 | Hangup     | PJSIP/101-1     |                 | 0
        20 | Hangup     | Local/101@q-1;2 |                 | 0
        """
    )
    assert told == ["0 started", "20 ended unavailable"]


def test_a_local_channel_optimised_away_leaves_the_phone_in_its_place() -> None:
    told = play(
        """
        0   | Newchannel  | PJSIP/trunk-1   |                 | Ring
        0   | Newchannel  | Local/101@q-1;1 |                 | Down linked=PJSIP/trunk-1
        0   | Newchannel  | Local/101@q-1;2 |                 | Ring linked=PJSIP/trunk-1 to=101
        0   | LocalBridge | Local/101@q-1;1 | Local/101@q-1;2 | Yes
        0   | DialBegin   | PJSIP/trunk-1   | Local/101@q-1;1 | 101@q
        0   | Newchannel  | PJSIP/101-1     |                 | Down linked=PJSIP/trunk-1
        0   | DialBegin   | Local/101@q-1;2 | PJSIP/101-1     | 101
        0   | Newstate    | PJSIP/101-1     |                 | Ringing
        4   | DialEnd     | Local/101@q-1;2 | PJSIP/101-1     | ANSWER
        4   | DialEnd     | PJSIP/trunk-1   | Local/101@q-1;1 | ANSWER
        4   | BridgeEnter | Local/101@q-1;1 |                 | b1
        4   | BridgeEnter | PJSIP/trunk-1   |                 | b1
        # the phone never shares a bridge with ;2: it takes the place of ;1
        4.1 | BridgeEnter | PJSIP/101-1     |                 | b1
        4.1 | BridgeLeave | Local/101@q-1;1 |                 | b1
        4.2 | Hangup      | Local/101@q-1;1 |                 | 16
        4.2 | Hangup      | Local/101@q-1;2 |                 | 16
        20  | Hangup      | PJSIP/101-1     |                 | 16
        20  | Hangup      | PJSIP/trunk-1   |                 | 16
        """
    )
    assert told == ["0 started", "0 ringing", "4.1 answered", "20 ended answered"]


# --- voicemail --------------------------------------------------------------------------------

VOICEMAIL = """
        0   | Newchannel | PJSIP/trunk-1 |             | Ring
        0   | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0   | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0   | Newstate   | PJSIP/101-1   |             | Ringing
        6   | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        6   | Hangup     | PJSIP/101-1   |             | 0
        6   | Newexten   | PJSIP/trunk-1 |             | VoiceMail data=101@default,u
        6.1 | Newstate   | PJSIP/trunk-1 |             | Up
"""


def test_a_message_left_is_told_at_voicemail_and_at_the_end() -> None:
    told = play(
        VOICEMAIL
        + """
        30 | MessageWaiting | PJSIP/trunk-1 | | 101@default new=1
        30 | VarSet         | PJSIP/trunk-1 | | var=VMSTATUS value=SUCCESS
        30 | Hangup         | PJSIP/trunk-1 | | 16
        """
    )
    assert told == [
        "0 started",
        "0 ringing",
        "6 voicemail voicemail_no_message",
        "30 ended voicemail_left",
    ]


def test_voicemail_without_a_message_stops_the_ring_clock() -> None:
    told = play(
        VOICEMAIL
        + """
        30 | VarSet | PJSIP/trunk-1 | | var=VMSTATUS value=FAILED
        30 | Hangup | PJSIP/trunk-1 | | 16
        """
    )
    assert told[2:] == ["6 voicemail voicemail_no_message", "30 ended voicemail_no_message"]


def test_a_message_is_known_from_message_waiting_alone_without_dialplan_rights() -> None:
    told = play(
        """
        0   | Newchannel     | PJSIP/trunk-1 | | Ring
        0.1 | Newstate       | PJSIP/trunk-1 | | Up
        12  | MessageWaiting | PJSIP/trunk-1 | | 101@default new=3
        12  | Hangup         | PJSIP/trunk-1 | | 16
        """
    )
    assert told == ["0 started", "12 voicemail voicemail_left", "12 ended voicemail_left"]


def test_a_caller_who_dials_out_of_voicemail_to_a_person_is_answered() -> None:
    told = play(
        VOICEMAIL
        + """
        9  | VarSet      | PJSIP/trunk-1 |             | var=VMSTATUS value=USEREXIT
        9  | Newchannel  | PJSIP/102-1   |             | Down linked=PJSIP/trunk-1
        9  | DialBegin   | PJSIP/trunk-1 | PJSIP/102-1 | 102
        9  | Newstate    | PJSIP/102-1   |             | Ringing
        12 | BridgeEnter | PJSIP/trunk-1 |             | b1
        12 | BridgeEnter | PJSIP/102-1   |             | b1
        40 | Hangup      | PJSIP/102-1   |             | 16
        40 | Hangup      | PJSIP/trunk-1 |             | 16
        """
    )
    assert told[2:] == [
        "6 voicemail voicemail_no_message",
        "12 answered",
        "40 ended answered",
    ]


LOCAL_VOICEMAIL = """
        0   | Newchannel  | PJSIP/trunk-1   |                 | Ring
        0   | Newchannel  | Local/101@q-1;1 |                 | Down linked=PJSIP/trunk-1
        0   | Newchannel  | Local/101@q-1;2 |                 | Ring linked=PJSIP/trunk-1 to=101
        0   | LocalBridge | Local/101@q-1;1 | Local/101@q-1;2 | No
        0   | DialBegin   | PJSIP/trunk-1   | Local/101@q-1;1 | 101@q
        0   | Newchannel  | PJSIP/101-1     |                 | Down linked=PJSIP/trunk-1
        0   | DialBegin   | Local/101@q-1;2 | PJSIP/101-1     | 101
        0   | Newstate    | PJSIP/101-1     |                 | Ringing
        5   | DialEnd     | Local/101@q-1;2 | PJSIP/101-1     | NOANSWER
        5   | Hangup      | PJSIP/101-1     |                 | 0
        5   | Newexten    | Local/101@q-1;2 |                 | VoiceMail data=101@default,u
        5   | DialEnd     | PJSIP/trunk-1   | Local/101@q-1;1 | ANSWER
        5   | Newstate    | PJSIP/trunk-1   |                 | Up
        5   | BridgeEnter | Local/101@q-1;1 |                 | b1
        5.1 | BridgeEnter | PJSIP/trunk-1   |                 | b1
"""


def test_voicemail_behind_a_local_leg_is_no_answer_and_its_late_message_counts() -> None:
    # As Asterisk 22 sends it: the message is told after the caller's own Hangup.
    told = play(
        LOCAL_VOICEMAIL
        + """
        17   | BridgeLeave    | PJSIP/trunk-1   | | b1
        17   | Hangup         | PJSIP/trunk-1   | | 16
        17   | Hangup         | Local/101@q-1;1 | | 16
        17.1 | MessageWaiting | Local/101@q-1;2 | | 101@default new=1
        17.1 | VarSet         | Local/101@q-1;2 | | var=VMSTATUS value=SUCCESS
        17.1 | Hangup         | Local/101@q-1;2 | | 16
        """
    )
    assert told == [
        "0 started",
        "0 ringing",
        "5.1 voicemail voicemail_no_message",
        "17 ended voicemail_left",
    ]


def test_voicemail_behind_a_local_leg_that_never_reports_ends_without_a_message() -> None:
    scenario = Scenario().play(
        LOCAL_VOICEMAIL
        + """
        17 | Hangup | PJSIP/trunk-1 | | 16
        26 | Wait   |               | |
        """
    )
    assert scenario.told[-1].startswith("5.1 voicemail")
    scenario.advance(27.0)
    assert scenario.told[-1] == "17 ended voicemail_no_message"


def test_voicemail_that_answers_in_one_leg_does_not_count_until_the_caller_hears_it() -> None:
    told = play(
        """
        0  | Newchannel  | PJSIP/trunk-1   |                 | Ring
        0  | Newchannel  | Local/101@q-1;1 |                 | Down linked=PJSIP/trunk-1
        0  | Newchannel  | Local/101@q-1;2 |                 | Ring linked=PJSIP/trunk-1 to=101
        0  | DialBegin   | PJSIP/trunk-1   | Local/101@q-1;1 | 101@q
        0  | Newchannel  | PJSIP/102-1     |                 | Down linked=PJSIP/trunk-1
        0  | DialBegin   | PJSIP/trunk-1   | PJSIP/102-1     | 102
        0  | Newexten    | Local/101@q-1;2 |                 | VoiceMail data=101@default
        1  | BridgeEnter | PJSIP/trunk-1   |                 | b1
        1  | BridgeEnter | PJSIP/102-1     |                 | b1
        2  | Hangup      | Local/101@q-1;1 |                 | 26
        2  | Hangup      | Local/101@q-1;2 |                 | 26
        9  | Hangup      | PJSIP/102-1     |                 | 16
        9  | Hangup      | PJSIP/trunk-1   |                 | 16
        """
    )
    assert told == ["0 started", "1 answered", "9 ended answered"]
