"""The verdict where a call goes on after its first phone: queues, menus, transfers, parking,
and the calls that are nobody's missed call."""

from __future__ import annotations

from tests.unit.ami_tables import EPOCH, Scenario, play

# --- queue ------------------------------------------------------------------------------------

QUEUE = """
        0   | Newchannel      | PJSIP/trunk-1 |             | Ring
        0.1 | Newstate        | PJSIP/trunk-1 |             | Up
        2   | QueueCallerJoin | PJSIP/trunk-1 |             | support
        3   | Newchannel      | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        3   | DialBegin       | PJSIP/trunk-1 | PJSIP/101-1 | 101
        4   | Newstate        | PJSIP/101-1   |             | Ringing
"""


def test_a_caller_who_leaves_a_queue_by_hanging_up_abandoned_the_queue() -> None:
    scenario = Scenario().play(
        QUEUE
        + """
        30 | DialEnd            | PJSIP/trunk-1 | PJSIP/101-1 | CANCEL
        30 | DialEnd            | PJSIP/trunk-1 | PJSIP/101-1 | CANCEL
        30 | Hangup             | PJSIP/101-1   |             | 0
        30 | QueueCallerAbandon | PJSIP/trunk-1 |             | support
        30 | QueueCallerLeave   | PJSIP/trunk-1 |             | support
        30 | Hangup             | PJSIP/trunk-1 |             | 16
        """
    )
    # 26 seconds of ringing in a queue are no ring_timeout
    assert scenario.told == ["0 started", "4 ringing", "30 ended queue_abandoned"]
    assert scenario.calls[-1].queue == "support"
    assert scenario.calls[-1].waited == 28.0


def test_a_queue_that_gives_up_is_no_answer_though_it_says_abandon() -> None:
    # Asterisk 22 sends QueueCallerAbandon for a time-out too; QUEUESTATUS tells.
    told = play(
        QUEUE
        + """
        22 | DialEnd            | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        22 | Hangup             | PJSIP/101-1   |             | 0
        22 | QueueCallerAbandon | PJSIP/trunk-1 |             | support
        22 | QueueCallerLeave   | PJSIP/trunk-1 |             | support
        22 | VarSet             | PJSIP/trunk-1 |             | var=QUEUESTATUS value=TIMEOUT
        25 | Hangup             | PJSIP/trunk-1 |             | 16
        """
    )
    assert told == ["0 started", "4 ringing", "25 ended no_answer"]


def test_a_queue_nobody_was_logged_in_to_is_no_answer() -> None:
    told = play(
        """
        0 | Newchannel | PJSIP/trunk-1 | | Ring
        1 | VarSet     | PJSIP/trunk-1 | | var=QUEUESTATUS value=JOINEMPTY
        2 | Hangup     | PJSIP/trunk-1 | | 16
        """
    )
    assert told == ["0 started", "2 ended no_answer"]


def test_an_agent_who_takes_the_caller_answers_the_call() -> None:
    told = play(
        QUEUE
        + """
        9  | DialEnd          | PJSIP/trunk-1 | PJSIP/101-1 | ANSWER
        9  | QueueCallerLeave | PJSIP/trunk-1 |             | support
        9  | BridgeEnter      | PJSIP/trunk-1 |             | b1
        9  | BridgeEnter      | PJSIP/101-1   |             | b1
        60 | Hangup           | PJSIP/101-1   |             | 16
        60 | Hangup           | PJSIP/trunk-1 |             | 16
        """
    )
    assert told == ["0 started", "4 ringing", "9 answered", "60 ended answered"]


def test_the_ring_clock_stands_still_while_the_caller_is_in_a_queue() -> None:
    told = play(
        """
        0  | Newchannel       | PJSIP/trunk-1 |             | Ring
        0  | Newchannel       | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0  | DialBegin        | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0  | Newstate         | PJSIP/101-1   |             | Ringing
        10 | DialEnd          | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        10 | Hangup           | PJSIP/101-1   |             | 0
        10 | QueueCallerJoin  | PJSIP/trunk-1 |             | support
        90 | QueueCallerLeave | PJSIP/trunk-1 |             | support
        90 | VarSet           | PJSIP/trunk-1 |             | var=QUEUESTATUS value=TIMEOUT
        91 | Newchannel       | PJSIP/102-1   |             | Down linked=PJSIP/trunk-1
        91 | DialBegin        | PJSIP/trunk-1 | PJSIP/102-1 | 102
        91 | Newstate         | PJSIP/102-1   |             | Ringing
        99 | DialEnd          | PJSIP/trunk-1 | PJSIP/102-1 | CANCEL
        99 | Hangup           | PJSIP/102-1   |             | 0
        99 | Hangup           | PJSIP/trunk-1 |             | 16
        """
    )
    assert told == [
        "0 started",
        "0 ringing",
        "95 ring_timeout no_answer",
        "99 ended no_answer",
    ]


def test_ringing_in_a_queue_does_not_start_the_ring_clock() -> None:
    told = play(
        QUEUE
        + """
        24 | DialEnd          | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        24 | Hangup           | PJSIP/101-1   |             | 0
        24 | QueueCallerLeave | PJSIP/trunk-1 |             | support
        25 | Newchannel       | PJSIP/102-1   |             | Down linked=PJSIP/trunk-1
        25 | DialBegin        | PJSIP/trunk-1 | PJSIP/102-1 | 102
        25 | Newstate         | PJSIP/102-1   |             | Ringing
        39 | DialEnd          | PJSIP/trunk-1 | PJSIP/102-1 | CANCEL
        39 | Hangup           | PJSIP/102-1   |             | 0
        39 | Hangup           | PJSIP/trunk-1 |             | 16
        """
    )
    assert told == ["0 started", "4 ringing", "39 ended abandoned"]


# --- menu, announcement, screening, fax -------------------------------------------------------


def test_a_menu_then_a_phone_that_rings_out_is_no_answer() -> None:
    told = play(
        """
        0  | Newchannel | PJSIP/trunk-1 |             | Ring
        0  | Newstate   | PJSIP/trunk-1 |             | Up
        8  | Newexten   | PJSIP/trunk-1 |             | Dial data=PJSIP/101,20
        8  | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        8  | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        8  | Newstate   | PJSIP/101-1   |             | Ringing
        28 | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        28 | Hangup     | PJSIP/101-1   |             | 0
        28 | Hangup     | PJSIP/trunk-1 |             | 16
        """
    )
    assert told == ["0 started", "8 ringing", "23 ring_timeout no_answer", "28 ended no_answer"]


def test_a_caller_who_leaves_the_menu_never_had_a_phone_ring() -> None:
    told = play(
        """
        0  | Newchannel | PJSIP/trunk-1 | | Ring
        0  | Newstate   | PJSIP/trunk-1 | | Up
        40 | Hangup     | PJSIP/trunk-1 | | 16
        """
    )
    assert told == ["0 started", "40 ended ivr_abandoned"]


def test_a_picked_up_phone_that_does_not_accept_the_screening_is_no_answer() -> None:
    told = play(
        """
        0   | Newchannel | PJSIP/trunk-1 |             | Ring
        0   | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0   | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0   | Newstate   | PJSIP/101-1   |             | Ringing
        3   | Newstate   | PJSIP/101-1   |             | Up
        5.4 | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | CONTINUE
        5.4 | VarSet     | PJSIP/trunk-1 |             | var=DIALSTATUS value=ANSWER
        5.4 | Hangup     | PJSIP/101-1   |             | 16
        5.5 | Hangup     | PJSIP/trunk-1 |             | 16
        """
    )
    assert told == ["0 started", "0 ringing", "5.5 ended no_answer"]


def test_a_fax_that_was_received_is_nobodys_missed_call() -> None:
    told = play(
        """
        0  | Newchannel | PJSIP/trunk-1 | | Ring
        0  | Newstate   | PJSIP/trunk-1 | | Up
        5  | Newexten   | PJSIP/trunk-1 | | ReceiveFAX data=/tmp/fax.tif
        70 | Hangup     | PJSIP/trunk-1 | | 16
        """
    )
    assert told == ["0 started", "70 ended answered"]


def test_a_caller_alone_in_a_conference_is_not_answered() -> None:
    told = play(
        """
        0  | Newchannel  | PJSIP/trunk-1  | | Ring
        0  | Newstate    | PJSIP/trunk-1  | | Up
        1  | BridgeEnter | PJSIP/trunk-1  | | conf tech=softmix type=base
        1  | Newchannel  | CBAnn/9-1;1    | | Down
        1  | Newchannel  | CBAnn/9-1;2    | | Down
        2  | BridgeEnter | CBAnn/9-1;2    | | conf tech=softmix type=base
        9  | Hangup      | CBAnn/9-1;2    | | 16
        9  | Hangup      | CBAnn/9-1;1    | | 16
        9  | Hangup      | PJSIP/trunk-1  | | 16
        """
    )
    assert told == ["0 started", "9 ended ivr_abandoned"]


# --- pickup, transfer, parking ----------------------------------------------------------------

RINGING = """
        0   | Newchannel  | PJSIP/trunk-1 |             | Ring
        0   | Newchannel  | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0   | DialBegin   | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0   | Newstate    | PJSIP/101-1   |             | Ringing
"""
TALKING = (
    RINGING
    + """
        2   | DialEnd     | PJSIP/trunk-1 | PJSIP/101-1 | ANSWER
        2   | Newstate    | PJSIP/trunk-1 |             | Up
        2   | BridgeEnter | PJSIP/trunk-1 |             | b1
        2   | BridgeEnter | PJSIP/101-1   |             | b1
"""
)


def test_a_call_picked_up_at_another_phone_is_answered_and_its_zombie_changes_nothing() -> None:
    told = play(
        RINGING
        + """
        3   | Newchannel  | PJSIP/102-1   |               | Ring to=*8
        3.5 | Pickup      | PJSIP/102-1   | PJSIP/101-1   |
        3.5 | DialEnd     | PJSIP/trunk-1 | PJSIP/101-1   | CANCEL
        3.5 | DialBegin   | PJSIP/trunk-1 | PJSIP/102-1   | 102
        3.5 | Rename      | PJSIP/102-1   |               | to_name=PJSIP/102-1<MASQ>
        3.5 | Rename      | PJSIP/101-1   |               | to_name=PJSIP/101-1<ZOMBIE>
        3.5 | Rename      | PJSIP/102-1<MASQ> |           | to_name=PJSIP/102-1
        3.5 | Hangup      | PJSIP/101-1<ZOMBIE> |         | 26
        3.5 | DialEnd     | PJSIP/trunk-1 | PJSIP/102-1   | ANSWER
        3.5 | BridgeEnter | PJSIP/trunk-1 |               | b1
        3.5 | BridgeEnter | PJSIP/102-1   |               | b1
        20  | Hangup      | PJSIP/102-1   |               | 16
        20  | Hangup      | PJSIP/trunk-1 |               | 16
        """
    )
    assert told == [
        "0 started",
        "0 ringing",
        "3.5 answered",
        "20 ended answered (internal)",
        "20 ended answered",
    ]


BLIND = (
    TALKING
    + """
        9   | BlindTransfer | PJSIP/101-1   | PJSIP/trunk-1 | 102
        9   | BridgeLeave   | PJSIP/101-1   |               | b1
        9   | BridgeLeave   | PJSIP/trunk-1 |               | b1
        9   | Hangup        | PJSIP/101-1   |               | 16
        9.1 | Newchannel    | PJSIP/102-1   |               | Down linked=PJSIP/trunk-1
        9.1 | DialBegin     | PJSIP/trunk-1 | PJSIP/102-1   | 102
        9.2 | Newstate      | PJSIP/102-1   |               | Ringing
"""
)


def test_a_blind_transfer_nobody_takes_is_transfer_unanswered() -> None:
    told = play(
        BLIND
        + """
        40 | DialEnd | PJSIP/trunk-1 | PJSIP/102-1 | NOANSWER
        40 | Hangup  | PJSIP/102-1   |             | 0
        40 | Hangup  | PJSIP/trunk-1 |             | 16
        """
    )
    assert told == ["0 started", "0 ringing", "2 answered", "40 ended transfer_unanswered"]


def test_a_blind_transfer_somebody_takes_stays_answered() -> None:
    told = play(
        BLIND
        + """
        15 | DialEnd     | PJSIP/trunk-1 | PJSIP/102-1 | ANSWER
        15 | BridgeEnter | PJSIP/trunk-1 |             | b2
        15 | BridgeEnter | PJSIP/102-1   |             | b2
        40 | Hangup      | PJSIP/102-1   |             | 16
        40 | Hangup      | PJSIP/trunk-1 |             | 16
        """
    )
    assert told[-1] == "40 ended answered"


def test_a_blind_transfer_into_voicemail_is_transfer_unanswered() -> None:
    told = play(
        TALKING
        + """
        9  | BlindTransfer | PJSIP/101-1   | PJSIP/trunk-1 | *101
        9  | BridgeLeave   | PJSIP/trunk-1 |               | b1
        9  | Hangup        | PJSIP/101-1   |               | 16
        9  | Newexten      | PJSIP/trunk-1 |               | VoiceMail data=101@default
        30 | VarSet        | PJSIP/trunk-1 |               | var=VMSTATUS value=SUCCESS
        30 | Hangup        | PJSIP/trunk-1 |               | 16
        """
    )
    assert told == ["0 started", "0 ringing", "2 answered", "30 ended transfer_unanswered"]


def test_a_colleague_who_transfers_the_one_they_called_was_answered() -> None:
    told = play(
        """
        0  | Newchannel    | PJSIP/101-1 |             | Ring from=101 to=102
        0  | Newchannel    | PJSIP/102-1 |             | Down linked=PJSIP/101-1
        0  | DialBegin     | PJSIP/101-1 | PJSIP/102-1 | 102
        4  | BridgeEnter   | PJSIP/101-1 |             | b1
        4  | BridgeEnter   | PJSIP/102-1 |             | b1
        9  | BlindTransfer | PJSIP/101-1 | PJSIP/102-1 | 103
        9  | Hangup        | PJSIP/101-1 |             | 16
        20 | Hangup        | PJSIP/102-1 |             | 16
        """
    )
    assert told == ["9 ended answered (internal)"]


CONSULT = (
    TALKING
    + """
        9   | Newchannel | PJSIP/101-2 |             | Ring to=102
        9   | Newchannel | PJSIP/102-1 |             | Down linked=PJSIP/101-2
        9   | DialBegin  | PJSIP/101-2 | PJSIP/102-1 | 102
        9.2 | Newstate   | PJSIP/102-1 |             | Ringing
"""
)


def test_an_attended_transfer_is_answered_when_the_caller_joined_before_the_event() -> None:
    told = play(
        CONSULT
        + """
        12 | DialEnd          | PJSIP/101-2   | PJSIP/102-1 | ANSWER
        12 | BridgeEnter      | PJSIP/101-2   |             | b2
        12 | BridgeEnter      | PJSIP/102-1   |             | b2
        14 | BridgeLeave      | PJSIP/trunk-1 |             | b1
        14 | BridgeEnter      | PJSIP/trunk-1 |             | b2
        14 | AttendedTransfer | PJSIP/101-1   | PJSIP/101-2 | Bridge transferee=PJSIP/trunk-1
        14 | BridgeLeave      | PJSIP/101-2   |             | b2
        14 | Hangup           | PJSIP/101-2   |             | 16
        14 | Hangup           | PJSIP/101-1   |             | 16
        50 | Hangup           | PJSIP/102-1   |             | 16
        50 | Hangup           | PJSIP/trunk-1 |             | 16
        """
    )
    assert told == [
        "0 started",
        "0 ringing",
        "2 answered",
        "14 ended answered (internal)",
        "50 ended answered",
    ]


def test_an_attended_transfer_is_answered_when_the_caller_joins_after_the_event() -> None:
    told = play(
        CONSULT
        + """
        12 | BridgeEnter      | PJSIP/101-2   |             | b2
        12 | BridgeEnter      | PJSIP/102-1   |             | b2
        14 | AttendedTransfer | PJSIP/101-1   | PJSIP/101-2 | Bridge transferee=PJSIP/trunk-1
        14 | BridgeEnter      | PJSIP/trunk-1 |             | b2
        14 | Hangup           | PJSIP/101-2   |             | 16
        14 | Hangup           | PJSIP/101-1   |             | 16
        50 | Hangup           | PJSIP/102-1   |             | 16
        50 | Hangup           | PJSIP/trunk-1 |             | 16
        """
    )
    assert told[-1] == "50 ended answered"


def test_a_blonde_transfer_nobody_takes_is_transfer_unanswered_at_the_hangup() -> None:
    # The masquerade says DialEnd NOANSWER though 102 still rings: nothing may follow from it.
    told = play(
        CONSULT
        + """
        12 | AttendedTransfer | PJSIP/101-1   | PJSIP/101-2 | App transferee=PJSIP/trunk-1
        12 | DialEnd          | PJSIP/101-2   | PJSIP/102-1 | NOANSWER
        12 | DialBegin        | PJSIP/trunk-1 | PJSIP/102-1 | 102
        12 | BridgeLeave      | PJSIP/trunk-1 |             | b1
        12 | Hangup           | PJSIP/101-2   |             | 16
        12 | Hangup           | PJSIP/101-1   |             | 16
        30 | DialEnd          | PJSIP/trunk-1 | PJSIP/102-1 | CANCEL
        30 | Hangup           | PJSIP/102-1   |             | 0
        30 | Hangup           | PJSIP/trunk-1 |             | 16
        """
    )
    assert told[2] == "2 answered"
    assert told[-1] == "30 ended transfer_unanswered"


def test_a_blonde_transfer_somebody_takes_is_answered() -> None:
    told = play(
        CONSULT
        + """
        12 | AttendedTransfer | PJSIP/101-1   | PJSIP/101-2 | App transferee=PJSIP/trunk-1
        12 | DialEnd          | PJSIP/101-2   | PJSIP/102-1 | NOANSWER
        12 | DialBegin        | PJSIP/trunk-1 | PJSIP/102-1 | 102
        12 | BridgeLeave      | PJSIP/trunk-1 |             | b1
        12 | Hangup           | PJSIP/101-2   |             | 16
        12 | Hangup           | PJSIP/101-1   |             | 16
        16 | DialEnd          | PJSIP/trunk-1 | PJSIP/102-1 | ANSWER
        16 | BridgeEnter      | PJSIP/trunk-1 |             | b3
        16 | BridgeEnter      | PJSIP/102-1   |             | b3
        30 | Hangup           | PJSIP/102-1   |             | 16
        30 | Hangup           | PJSIP/trunk-1 |             | 16
        """
    )
    assert told[-1] == "30 ended answered"


def test_a_phone_given_away_by_a_masquerade_rings_for_its_new_caller_only() -> None:
    told = play(
        RINGING
        + """
        3  | Newchannel | PJSIP/trunk-2 |             | Ring
        4  | DialBegin  | PJSIP/trunk-2 | PJSIP/101-1 | 101
        4  | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        5  | Hangup     | PJSIP/trunk-1 |             | 16
        9  | DialEnd    | PJSIP/trunk-2 | PJSIP/101-1 | BUSY
        9  | Hangup     | PJSIP/101-1   |             | 0
        9  | Hangup     | PJSIP/trunk-2 |             | 16
        """
    )
    assert told[1:] == [
        "0 ringing",
        "3 started",
        "4 ringing",
        "5 ended no_answer",
        "9 ended busy",
    ]


def test_a_leave_from_a_bridge_that_was_merged_away_does_not_part_its_members() -> None:
    told = play(
        RINGING
        + """
        2 | BridgeEnter | PJSIP/trunk-1 | | b2
        3 | BridgeMerge |               | | to=b1 gone=b2
        3 | BridgeLeave | PJSIP/trunk-1 | | b2
        4 | BridgeEnter | PJSIP/101-1   | | b1
        9 | Hangup      | PJSIP/101-1   | | 16
        9 | Hangup      | PJSIP/trunk-1 | | 16
        """
    )
    assert told[2:] == ["4 answered", "9 ended answered"]


def test_bridges_that_merge_join_their_members() -> None:
    told = play(
        RINGING
        + """
        2  | BridgeEnter | PJSIP/trunk-1 | | b1
        2  | BridgeEnter | PJSIP/101-1   | | b2
        3  | BridgeMerge |               | | to=b1 gone=b2
        3  | BridgeLeave | PJSIP/101-1   | | b2
        9  | Hangup      | PJSIP/101-1   | | 16
        9  | Hangup      | PJSIP/trunk-1 | | 16
        """
    )
    assert told == ["0 started", "0 ringing", "3 answered", "9 ended answered"]


PARKED = (
    TALKING
    + """
        9  | BlindTransfer | PJSIP/101-1   | PJSIP/trunk-1 | 700
        9  | BridgeLeave   | PJSIP/trunk-1 |               | b1
        9  | BridgeEnter   | PJSIP/trunk-1 |               | lot tech=holding_bridge type=parking
        9  | ParkedCall    | PJSIP/trunk-1 |               | 701
        9  | Hangup        | PJSIP/101-1   |               | 16
"""
)


def test_a_parked_caller_who_gives_up_is_parked_giveup() -> None:
    told = play(
        PARKED
        + """
        60 | ParkedCallGiveUp | PJSIP/trunk-1 | | 701
        60 | BridgeLeave      | PJSIP/trunk-1 | | lot
        60 | Hangup           | PJSIP/trunk-1 | | 16
        """
    )
    assert told == ["0 started", "0 ringing", "2 answered", "60 ended parked_giveup"]


def test_two_callers_in_one_parking_lot_do_not_answer_each_other() -> None:
    told = play(
        """
        0 | Newchannel  | PJSIP/trunk-1 | | Ring
        0 | Newchannel  | PJSIP/trunk-2 | | Ring
        1 | BridgeEnter | PJSIP/trunk-1 | | lot tech=holding_bridge type=parking
        1 | BridgeEnter | PJSIP/trunk-2 | | lot tech=holding_bridge type=parking
        5 | Hangup      | PJSIP/trunk-1 | | 16
        6 | Hangup      | PJSIP/trunk-2 | | 16
        """
    )
    assert told[2:] == ["5 ended ivr_abandoned", "6 ended ivr_abandoned"]


def test_a_parked_caller_who_is_fetched_is_answered() -> None:
    told = play(
        PARKED
        + """
        20 | Newchannel   | PJSIP/102-1   |             | Ring to=701
        20 | UnParkedCall | PJSIP/trunk-1 | PJSIP/102-1 | 701
        20 | BridgeLeave  | PJSIP/trunk-1 |             | lot
        20 | BridgeEnter  | PJSIP/102-1   |             | b4
        20 | BridgeEnter  | PJSIP/trunk-1 |             | b4
        50 | Hangup       | PJSIP/102-1   |             | 16
        50 | Hangup       | PJSIP/trunk-1 |             | 16
        """
    )
    assert told[-1] == "50 ended answered"


def test_a_parked_caller_whose_parker_does_not_take_the_call_back_is_parked_giveup() -> None:
    told = play(
        PARKED
        + """
        54 | ParkedCallTimeOut | PJSIP/trunk-1 |             | 701
        54 | BridgeLeave       | PJSIP/trunk-1 |             | lot
        54 | Newchannel        | PJSIP/101-3   |             | Down linked=PJSIP/trunk-1
        54 | DialBegin         | PJSIP/trunk-1 | PJSIP/101-3 | 101
        54 | Newstate          | PJSIP/101-3   |             | Ringing
        80 | DialEnd           | PJSIP/trunk-1 | PJSIP/101-3 | NOANSWER
        80 | Hangup            | PJSIP/101-3   |             | 0
        80 | Hangup            | PJSIP/trunk-1 |             | 16
        """
    )
    assert told[2:] == ["2 answered", "80 ended parked_giveup"]


# --- out of the house -------------------------------------------------------------------------

FORWARDED = """
        0   | Newchannel | PJSIP/trunk-1   |                 | Ring
        0   | Newchannel | PJSIP/101-1     |                 | Down linked=PJSIP/trunk-1
        0   | DialBegin  | PJSIP/trunk-1   | PJSIP/101-1     | 101
        0.1 | DialEnd    | PJSIP/trunk-1   | PJSIP/101-1     | CANCEL forward=Local/0199@out
        0.1 | Newchannel | Local/0199@o;1  |                 | Down linked=PJSIP/trunk-1
        0.1 | Newchannel | Local/0199@o;2  |                 | Ring linked=PJSIP/trunk-1
        0.1 | DialBegin  | PJSIP/trunk-1   | Local/0199@o;1  | 0199@out
        0.1 | Hangup     | PJSIP/101-1     |                 | 0
        0.2 | Newchannel | PJSIP/trunk-2   |                 | Down linked=PJSIP/trunk-1
        0.2 | DialBegin  | Local/0199@o;2  | PJSIP/trunk-2   | +12125550199@trunk
        1   | DialState  | Local/0199@o;2  | PJSIP/trunk-2   | PROGRESS
"""


def test_a_call_forwarded_out_the_trunk_that_rings_out_is_one_missed_call() -> None:
    told = play(
        FORWARDED
        + """
        19 | DialEnd | PJSIP/trunk-1  | Local/0199@o;1 | NOANSWER
        19 | Hangup  | Local/0199@o;1 |                | 0
        19 | DialEnd | Local/0199@o;2 | PJSIP/trunk-2  | CANCEL
        19 | Hangup  | PJSIP/trunk-2  |                | 0
        19 | Hangup  | Local/0199@o;2 |                | 0
        19 | Hangup  | PJSIP/trunk-1  |                | 16
        """
    )
    assert told == ["0 started", "1 ringing", "16 ring_timeout no_answer", "19 ended no_answer"]


def test_a_call_forwarded_out_the_trunk_and_taken_there_is_answered() -> None:
    told = play(
        FORWARDED
        + """
        6  | BridgeEnter | PJSIP/trunk-2  | | b2
        6  | BridgeEnter | Local/0199@o;2 | | b2
        6  | BridgeEnter | Local/0199@o;1 | | b1
        6  | BridgeEnter | PJSIP/trunk-1  | | b1
        30 | Hangup      | PJSIP/trunk-2  | | 16
        30 | Hangup      | Local/0199@o;2 | | 16
        30 | Hangup      | Local/0199@o;1 | | 16
        30 | Hangup      | PJSIP/trunk-1  | | 16
        """
    )
    assert told == ["0 started", "1 ringing", "6 answered", "30 ended answered"]


def test_a_dialled_trunk_channel_is_no_caller_even_in_the_inbound_context() -> None:
    # Hairpin: two trunk channels, one Linkedid, one verdict.
    scenario = Scenario().play(
        """
        0  | Newchannel | PJSIP/trunk-1 |               | Ring
        0  | Newchannel | PJSIP/trunk-2 | | Down linked=PJSIP/trunk-1 context=from-trunk
        0  | DialBegin  | PJSIP/trunk-1 | PJSIP/trunk-2 | +12125550199@trunk
        1  | Newstate   | PJSIP/trunk-2 |               | Ringing
        2  | Newstate   | PJSIP/trunk-2 |               | Ring
        9  | DialEnd    | PJSIP/trunk-1 | PJSIP/trunk-2 | CANCEL
        9  | Hangup     | PJSIP/trunk-2 |               | 0
        9  | Hangup     | PJSIP/trunk-1 |               | 127
        """
    )
    assert scenario.told == ["0 started", "1 ringing", "9 ended abandoned"]
    assert list(scenario.ends) == ["PJSIP/trunk-1"]


def test_an_outbound_call_tells_only_its_end() -> None:
    told = play(
        """
        0  | Newchannel  | PJSIP/101-1   |               | Ring from=101 to=+12125550199
        0  | Newchannel  | PJSIP/trunk-1 | | Down linked=PJSIP/101-1 context=from-trunk
        0  | DialBegin   | PJSIP/101-1   | PJSIP/trunk-1 | +12125550199@trunk
        1  | Newstate    | PJSIP/trunk-1 |               | Ringing
        20 | DialEnd     | PJSIP/101-1   | PJSIP/trunk-1 | NOANSWER
        20 | Hangup      | PJSIP/trunk-1 |               | 0
        20 | Hangup      | PJSIP/101-1   |               | 16
        """
    )
    assert told == ["20 ended no_answer (outbound)"]


def test_an_internal_call_tells_only_its_end() -> None:
    told = play(
        """
        0 | Newchannel  | PJSIP/101-1 |             | Ring from=101 to=102
        0 | Newchannel  | PJSIP/102-1 |             | Down linked=PJSIP/101-1
        0 | DialBegin   | PJSIP/101-1 | PJSIP/102-1 | 102
        1 | Newstate    | PJSIP/102-1 |             | Ringing
        4 | BridgeEnter | PJSIP/101-1 |             | b1
        4 | BridgeEnter | PJSIP/102-1 |             | b1
        9 | Hangup      | PJSIP/102-1 |             | 16
        9 | Hangup      | PJSIP/101-1 |             | 16
        """
    )
    assert told == ["9 ended answered (internal)"]


def test_a_click_to_call_is_originated_and_tells_only_its_end() -> None:
    told = play(
        """
        # the phone first, without a caller; then it dials out as a caller itself
        0  | Newchannel | PJSIP/101-1 |               | Down to=+12125550199
        0  | DialBegin  |             | PJSIP/101-1   | 101
        1  | Newstate   | PJSIP/101-1 |               | Ringing
        3  | Newstate   | PJSIP/101-1 |               | Up
        3  | Newchannel | PJSIP/trunk-1 |             | Down linked=PJSIP/101-1
        3  | DialBegin  | PJSIP/101-1 | PJSIP/trunk-1 | +12125550199@trunk
        30 | DialEnd    | PJSIP/101-1 | PJSIP/trunk-1 | NOANSWER
        30 | Hangup     | PJSIP/trunk-1 |             | 0
        30 | Hangup     | PJSIP/101-1 |               | 16
        """
    )
    assert told == ["30 ended no_answer (originated)"]


def test_phones_rung_by_an_ari_application_ring_for_the_caller_whose_linkedid_they_share() -> None:
    told = play(
        """
        0  | Newchannel  | PJSIP/trunk-1 |             | Ring
        1  | Newchannel  | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        1  | DialBegin   |               | PJSIP/101-1 | 101
        2  | Newstate    | PJSIP/101-1   |             | Ringing
        20 | DialEnd     |               | PJSIP/101-1 | NOANSWER
        20 | Hangup      | PJSIP/101-1   |             | 0
        20 | Hangup      | PJSIP/trunk-1 |             | 16
        """
    )
    assert told == ["0 started", "2 ringing", "17 ring_timeout no_answer", "20 ended no_answer"]


# --- who, whom, twice -------------------------------------------------------------------------


def test_the_same_caller_twice_makes_two_calls() -> None:
    scenario = Scenario().play(
        """
        0  | Newchannel | PJSIP/trunk-1 | | Ring
        2  | Hangup     | PJSIP/trunk-1 | | 16
        3  | Newchannel | PJSIP/trunk-2 | | Ring
        9  | Hangup     | PJSIP/trunk-2 | | 16
        """
    )
    assert scenario.told[1::2] == ["2 ended ivr_abandoned", "9 ended ivr_abandoned"]
    assert len({call.key.uniqueid for call in scenario.calls}) == 2
    assert len({call.caller for call in scenario.calls}) == 1


def test_two_callers_who_share_a_linkedid_keep_their_own_ends() -> None:
    told = play(
        """
        0  | Newchannel  | PJSIP/trunk-1 |             | Ring
        1  | Newchannel  | PJSIP/trunk-2 |             | Ring
        1  | Newchannel  | PJSIP/101-1   |             | Down linked=PJSIP/trunk-2
        1  | DialBegin   | PJSIP/trunk-2 | PJSIP/101-1 | 101
        2  | BridgeEnter | PJSIP/trunk-2 |             | b1
        2  | BridgeEnter | PJSIP/101-1   |             | b1
        5  | Newstate    | PJSIP/trunk-2 |             | Up linked=PJSIP/trunk-1
        6  | Hangup      | PJSIP/trunk-1 |             | 16
        7  | Hangup      | PJSIP/101-1   |             | 16
        7  | Hangup      | PJSIP/trunk-2 |             | 16
        """
    )
    assert told[-2:] == ["6 ended ivr_abandoned", "7 ended answered"]


def test_a_chan_sip_caller_is_born_down_and_becomes_a_caller_in_ring() -> None:
    scenario = Scenario().play(
        """
        0  | Newchannel | SIP/trunk-1 | | Down from=+12125550123 to=+12125550100 context=from-trunk
        0  | Newstate   | SIP/trunk-1 | | Ring
        4  | Hangup     | SIP/trunk-1 | | 16
        """
    )
    assert scenario.told == ["0 started", "4 ended ivr_abandoned"]
    assert scenario.calls[0].did == "+12125550100"


def test_from_did_counts_when_the_first_exten_is_no_number() -> None:
    asked: list[str] = []

    def watch(did: str) -> float | None:
        asked.append(did)
        return 15.0 if did == "2125550100" else None

    for first in ("s", "acct-main"):
        scenario = Scenario(watch=watch).play(
            f"""
            0   | Newchannel | PJSIP/trunk-1 | | Ring to={first} context=from-trunk
            0.1 | VarSet     | PJSIP/trunk-1 | | var=__FROM_DID value=2125550100
            0.2 | VarSet     | PJSIP/trunk-1 | | var=FROM_DID value=2125550107
            4   | Hangup     | PJSIP/trunk-1 | | 16
            """
        )
        assert scenario.calls[0].did == first
        assert scenario.calls[-1].did == "2125550100"
    assert asked == ["s", "2125550100", "acct-main", "2125550100"]


def test_the_first_exten_counts_when_it_is_a_number() -> None:
    scenario = Scenario().play(
        """
        0 | Newchannel | PJSIP/trunk-1 | | Ring
        1 | VarSet     | PJSIP/trunk-1 | | var=FROM_DID value=2125550107
        1 | Newstate   | PJSIP/trunk-1 | | Up to=s context=ivr-1
        4 | Hangup     | PJSIP/trunk-1 | | 16
        """
    )
    assert scenario.calls[-1].did == "+12125550100"
    assert scenario.calls[-1].context == "from-trunk"


def test_the_callers_number_is_kept_as_first_seen_and_as_it_was_at_the_first_dial() -> None:
    scenario = Scenario().play(
        """
        0 | Newchannel  | PJSIP/trunk-1 |             | Ring
        1 | NewCallerid | PJSIP/trunk-1 |             | 0 from=2125550123
        2 | Newchannel  | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        2 | DialBegin   | PJSIP/trunk-1 | PJSIP/101-1 | 101
        3 | NewCallerid | PJSIP/trunk-1 |             | 0 from=999
        4 | Hangup      | PJSIP/101-1   |             | 0
        4 | Hangup      | PJSIP/trunk-1 |             | 16
        """
    )
    assert scenario.calls[-1].caller == "+12125550123"
    assert scenario.calls[-1].caller_final == "2125550123"


def test_a_number_that_comes_after_the_first_ring_is_the_callers() -> None:
    scenario = Scenario().play(
        """
        0 | Newchannel  | DAHDI/1-1 | | Ring from=<unknown> to=s context=from-trunk
        2 | NewCallerid | DAHDI/1-1 | | 0 from=2125550123
        4 | Hangup      | DAHDI/1-1 | | 16
        """
    )
    assert scenario.calls[0].caller == "<unknown>"
    assert scenario.calls[-1].caller == "2125550123"


def presentation(answer: str, calling_pres: str = "") -> str:
    scenario = Scenario().play("0 | Newchannel | PJSIP/trunk-1 | | Ring")
    uniqueid = scenario.chans["PJSIP/trunk-1"].uniqueid
    if calling_pres:
        scenario.play(f"0 | NewCallerid | PJSIP/trunk-1 | | {calling_pres}")
    if answer:
        scenario.feed(
            f"Response: Success\r\nActionID: textback-pres-{uniqueid}\r\n"
            f"Variable: CALLERID(num-pres)\r\nValue: {answer}\r\n\r\n".encode()
        )
    scenario.play("1 | Hangup | PJSIP/trunk-1 | | 16")
    return scenario.calls[-1].presentation.value


def test_the_presentation_is_what_asterisk_answers() -> None:
    assert presentation("") == "unknown"
    for value in ("allowed", "allowed_not_screened", "allowed_passed_screen"):
        assert presentation(value) == "allowed"
    for value in ("prohib", "prohib_not_screened", "prohib_passed_screen", "unavailable"):
        assert presentation(value) == "withheld"
    assert presentation("something-new") == "unknown"


def test_the_presentation_is_read_from_new_caller_id_and_once_withheld_stays_withheld() -> None:
    assert presentation("", "0 (Presentation Allowed, Not Screened)") == "allowed"
    assert presentation("", "3 (Presentation Allowed, Network Number)") == "allowed"
    for code in (32, 33, 34, 35, 67):
        assert presentation("", f"{code} (Presentation Prohibited)") == "withheld"
        assert presentation("allowed_not_screened", f"{code} (...)") == "withheld"


def test_two_trackers_key_the_same_uniqueid_by_pbx_and_start() -> None:
    call = Scenario().play("0 | Newchannel | PJSIP/trunk-1 | | Ring").calls[0]
    assert (call.key.pbx, call.key.boot, call.key.uniqueid) == ("lab", "boot-1", "1700000000.1")
    assert call.started.steady == EPOCH


def test_what_a_call_may_become_shrinks_as_it_goes_on() -> None:
    scenario = Scenario().play(
        """
        0  | Newchannel | PJSIP/trunk-1 |             | Ring
        0  | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0  | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0  | Newstate   | PJSIP/101-1   |             | Ringing
        18 | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        18 | Hangup     | PJSIP/101-1   |             | 0
        18 | Newexten   | PJSIP/trunk-1 |             | VoiceMail data=101
        30 | Hangup     | PJSIP/trunk-1 |             | 16
        """
    )
    may = {call.phase.value: {o.value for o in call.may_become} for call in scenario.calls}
    assert "ivr_abandoned" in may["started"]
    assert "ivr_abandoned" not in may["ringing"]
    assert "abandoned" in may["ringing"]
    assert "abandoned" not in may["ring_timeout"]
    assert {"no_answer", "voicemail_left"} < may["ring_timeout"]
    assert may["voicemail"] == {"voicemail_left", "voicemail_no_message", "answered", "unknown"}
    assert may["ended"] == {"voicemail_no_message"}
