"""Calls that are moved about without a transfer's event, and phones picked up a moment too late.

The tables are cut down from what Asterisk 22 sent for the rows of the same names in
`tests/lab/topologies.py`.
"""

from __future__ import annotations

from tests.unit.ami_tables import Scenario, play

TALKING = """
    0 | Newchannel  | PJSIP/trunk-1 |             | Ring
    0 | Newchannel  | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
    0 | DialBegin   | PJSIP/trunk-1 | PJSIP/101-1 | 101
    0 | Newstate    | PJSIP/101-1   |             | Ringing
    2 | DialEnd     | PJSIP/trunk-1 | PJSIP/101-1 | ANSWER
    2 | Newstate    | PJSIP/trunk-1 |             | Up
    2 | BridgeEnter | PJSIP/101-1   |             | b1
    2 | BridgeEnter | PJSIP/trunk-1 |             | b1
    """
#: AMI Redirect: the caller leaves, the phone is left behind.
REDIRECTED = """
    6 | BridgeLeave | PJSIP/trunk-1 |             | b1
    6 | BridgeLeave | PJSIP/101-1   |             | b1
    6 | Hangup      | PJSIP/101-1   |             | 16
    """
#: The dialplan goes on when the phone has hung up: Dial(...,g).
HUNG_UP_ON = """
    6 | BridgeLeave | PJSIP/101-1   |             | b1
    6 | BridgeLeave | PJSIP/trunk-1 |             | b1
    6 | Hangup      | PJSIP/101-1   |             | 16
    """
RINGS_102 = """
    7 | Newchannel  | PJSIP/102-1   |             | Down linked=PJSIP/trunk-1
    7 | DialBegin   | PJSIP/trunk-1 | PJSIP/102-1 | 102
    7 | Newstate    | PJSIP/102-1   |             | Ringing
    """
TAKES_102 = """
    9  | DialEnd     | PJSIP/trunk-1 | PJSIP/102-1 | ANSWER
    9  | BridgeEnter | PJSIP/102-1   |             | b2
    9  | BridgeEnter | PJSIP/trunk-1 |             | b2
    12 | BridgeLeave | PJSIP/102-1   |             | b2
    12 | BridgeLeave | PJSIP/trunk-1 |             | b2
    """
ENDS_102 = """
    15 | Hangup     | PJSIP/102-1   |             | 0
    15 | Hangup     | PJSIP/trunk-1 |             | 16
    """
ENDS = "15 | Hangup | PJSIP/trunk-1 | | 16"


def told(*tables: str) -> list[str]:
    return play("\n".join(tables))


def test_a_caller_moved_out_of_a_conversation_whom_nobody_takes_was_handed_on() -> None:
    facts = told(TALKING, REDIRECTED, RINGS_102, ENDS_102)
    assert facts == ["0 started", "0 ringing", "2 answered", "15 ended transfer_unanswered"]


def test_a_caller_moved_out_of_a_conversation_whom_somebody_takes_is_answered() -> None:
    assert told(TALKING, REDIRECTED, RINGS_102, TAKES_102, ENDS_102)[-1] == "15 ended answered"


def test_a_caller_moved_on_again_from_the_second_person_was_handed_on_again() -> None:
    moved = """
        10 | BridgeLeave | PJSIP/trunk-1 |             | b2
        10 | Hangup      | PJSIP/102-1   |             | 16
        11 | Newchannel  | PJSIP/103-1   |             | Down linked=PJSIP/trunk-1
        11 | DialBegin   | PJSIP/trunk-1 | PJSIP/103-1 | 103
        14 | Hangup      | PJSIP/103-1   |             | 0
        """
    takes = "\n".join(TAKES_102.strip().splitlines()[:3])
    facts = told(TALKING, REDIRECTED, RINGS_102, takes, moved, ENDS)
    assert facts[-1] == "15 ended transfer_unanswered"


def test_a_caller_moved_into_voicemail_was_handed_on() -> None:
    box = """
        7 | Newexten | PJSIP/trunk-1 | | VoiceMail data=101
        9 | VarSet   | PJSIP/trunk-1 | | var=VMSTATUS value=SUCCESS
        """
    assert told(TALKING, REDIRECTED, box, ENDS)[-1] == "15 ended transfer_unanswered"


def test_a_caller_moved_into_a_queue_was_handed_on_until_an_agent_takes_the_call() -> None:
    queue = "7 | QueueCallerJoin | PJSIP/trunk-1 | | sales"
    assert told(TALKING, REDIRECTED, queue, ENDS)[-1] == "15 ended transfer_unanswered"
    taken = told(TALKING, REDIRECTED, queue, RINGS_102, TAKES_102, ENDS_102)
    assert taken[-1] == "15 ended answered"


def test_a_person_who_hung_up_first_has_handed_nobody_on() -> None:
    assert told(TALKING, HUNG_UP_ON, RINGS_102, ENDS_102)[-1] == "15 ended answered"


def test_a_caller_who_hangs_up_leaves_a_person_behind_and_was_answered() -> None:
    assert told(TALKING, REDIRECTED, ENDS)[-1] == "15 ended answered"


def test_a_caller_moved_while_a_phone_rings_is_judged_by_the_phones_after_that_too() -> None:
    ringing = "\n".join(TALKING.strip().splitlines()[:4])
    moved = """
        4 | DialEnd | PJSIP/trunk-1 | PJSIP/101-1 | CANCEL
        4 | Hangup  | PJSIP/101-1   |             | 0
        """
    assert told(ringing, moved, RINGS_102, ENDS_102)[-2:] == [
        "15 ring_timeout no_answer",
        "15 ended no_answer",
    ]


def test_a_caller_moved_from_a_ringing_phone_into_an_empty_queue_did_not_give_up() -> None:
    ringing = "\n".join(TALKING.strip().splitlines()[:4])
    moved = """
        4 | DialEnd          | PJSIP/trunk-1 | PJSIP/101-1 | CANCEL
        4 | Hangup           | PJSIP/101-1   |             | 0
        4 | QueueCallerJoin  | PJSIP/trunk-1 |             | sales
        8 | QueueCallerLeave | PJSIP/trunk-1 |             | sales
        8 | VarSet           | PJSIP/trunk-1 |             | var=QUEUESTATUS value=LEAVEEMPTY
        9 | Hangup           | PJSIP/trunk-1 |             | 16
        """
    assert told(ringing, moved)[-1] == "9 ended no_answer"


# --- parked by the dialplan, before anybody spoke -------------------------------------------------

PARKED = """
    0 | Newchannel  | PJSIP/trunk-1 | | Ring
    0 | Newstate    | PJSIP/trunk-1 | | Up
    0 | BridgeEnter | PJSIP/trunk-1 | | p1 type=parking tech=holding_bridge
    0 | ParkedCall  | PJSIP/trunk-1 | | 701
    """


def test_a_caller_parked_by_the_dialplan_who_hangs_up_there_is_parked_giveup() -> None:
    facts = told(PARKED, "8 | ParkedCallGiveUp | PJSIP/trunk-1 | | 701", ENDS)
    assert facts[-1] == "15 ended parked_giveup"


def test_once_the_dialplan_goes_on_with_it_the_phones_and_voicemail_count() -> None:
    out = """
        6  | ParkedCallTimeOut | PJSIP/trunk-1 |         | 701
        6  | BridgeLeave | PJSIP/trunk-1 |             | p1
        6  | Newchannel  | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        6  | DialBegin   | PJSIP/trunk-1 | PJSIP/101-1 | 101
        6  | Newstate    | PJSIP/101-1   |             | Ringing
        12 | DialEnd     | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        12 | Hangup      | PJSIP/101-1   |             | 0
        """
    box = "12 | Newexten | PJSIP/trunk-1 | | VoiceMail data=101"
    assert told(PARKED, out, ENDS)[-1] == "15 ended no_answer"
    assert told(PARKED, out, box, ENDS)[-2:] == [
        "12 voicemail voicemail_no_message",
        "15 ended voicemail_no_message",
    ]


# --- a transfer by feature code -------------------------------------------------------------------


def test_a_target_that_still_rings_in_the_callers_bridge_has_not_taken_the_call() -> None:
    # The half of the Local channel that leads to the ringing phone stands in the bridge itself.
    facts = told(
        TALKING,
        """
        6  | Newchannel  | Local/102@i-1;1 |               | Down linked=PJSIP/trunk-1
        6  | Newchannel  | Local/102@i-1;2 |               | Ring linked=PJSIP/trunk-1
        6  | LocalBridge | Local/102@i-1;1 | Local/102@i-1;2 | No
        6  | BridgeEnter | Local/102@i-1;1 |               | b2
        6  | BridgeLeave | PJSIP/101-1     |               | b1
        6  | BridgeEnter | PJSIP/101-1     |               | b2
        6  | Newchannel  | PJSIP/102-1     |               | Down linked=PJSIP/trunk-1
        6  | DialBegin   | Local/102@i-1;2 | PJSIP/102-1   | 102
        6  | Newstate    | PJSIP/102-1     |               | Ringing
        9  | BridgeLeave | PJSIP/101-1     |               | b2
        9  | BridgeMerge |                 |               | to=b1 gone=b2
        9  | BridgeLeave | Local/102@i-1;1 |               | b2
        9  | BridgeEnter | Local/102@i-1;1 |               | b1
        9  | AttendedTransfer | PJSIP/101-1 | PJSIP/101-1  | Bridge transferee=PJSIP/trunk-1
        12 | BridgeLeave | Local/102@i-1;1 |               | b1
        12 | Hangup      | Local/102@i-1;1 |               | 16
        12 | DialEnd     | Local/102@i-1;2 | PJSIP/102-1   | CANCEL
        12 | Hangup      | Local/102@i-1;2 |               | 16
        12 | Hangup      | PJSIP/102-1     |               | 16
        13 | Hangup      | PJSIP/101-1     |               | 16
        """,
        ENDS,
    )
    assert facts[-1] == "15 ended transfer_unanswered"


# --- picked up a moment too late ------------------------------------------------------------------


def given_up_at(seconds: float, *ends: str, line: str = "Ring") -> str:
    lines = "\n".join(f"{seconds} | DialEnd | PJSIP/trunk-1 | PJSIP/101-1 | {e}" for e in ends)
    return play(
        f"""
        0 | Newchannel | PJSIP/trunk-1 |             | Ring
        0 | Newstate   | PJSIP/trunk-1 |             | {line}
        0 | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0 | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0 | Newstate   | PJSIP/101-1   |             | Ringing
        {seconds} | Newstate | PJSIP/101-1 |         | Up
        {lines}
        {seconds} | Hangup | PJSIP/101-1   |         | 16
        {seconds} | Hangup | PJSIP/trunk-1 |         | 16
        """
    )[-1].split()[-1]


def test_a_caller_who_hangs_up_as_the_phone_is_picked_up_gave_up() -> None:
    # Asterisk 22 says NOANSWER, then ANSWER, and joins nobody.
    assert given_up_at(3, "NOANSWER", "ANSWER") == "abandoned"
    assert given_up_at(3, "NOANSWER", "ANSWER", line="Up") == "abandoned"
    assert given_up_at(3, "ANSWER") == "abandoned"
    assert given_up_at(16, "NOANSWER", "ANSWER") == "no_answer"


def test_a_phone_picked_up_and_never_joined_on_an_open_line_did_not_take_the_call() -> None:
    # FollowMe(): picked up, the call not accepted, and FollowMe gives up; the line is Up all along.
    assert given_up_at(3, "ANSWER", line="Up") == "no_answer"


def test_the_trail_says_that_the_caller_was_moved() -> None:
    trail = Scenario().play("\n".join((TALKING, REDIRECTED, RINGS_102, ENDS_102))).trail
    assert "taken away from whom it talked to, and sent on" in trail
