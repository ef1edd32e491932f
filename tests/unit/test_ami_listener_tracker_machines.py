"""Who answers by himself is nobody: door speakers, paging, intercoms; and dialplans that refuse.

The tables are cut down from what Asterisk 22 sent for the rows of the same names in
`tests/lab/topologies.py`.
"""

from __future__ import annotations

import pytest

from ami_listener.machines import not_human
from tests.unit.ami_tables import Scenario, play
from textback.model import Outcome

SPEAKER = ("PJSIP/lobby",)

TAKEN_BY_THE_SPEAKER = """
    0    | Newchannel  | PJSIP/trunk-1 |               | Ring
    0    | Newchannel  | PJSIP/lobby-1 |               | Down linked=PJSIP/trunk-1
    0    | DialBegin   | PJSIP/trunk-1 | PJSIP/lobby-1 | lobby
    0    | Newstate    | PJSIP/lobby-1 |               | Ringing
    0.1  | Newstate    | PJSIP/lobby-1 |               | Up
    0.1  | DialEnd     | PJSIP/trunk-1 | PJSIP/lobby-1 | ANSWER
    0.1  | Newstate    | PJSIP/trunk-1 |               | Up
    0.2  | BridgeEnter | PJSIP/lobby-1 |               | b1
    0.2  | BridgeEnter | PJSIP/trunk-1 |               | b1
    """
BOTH_HANG_UP = """
    {0} | BridgeLeave | PJSIP/trunk-1 | | b1
    {0} | Hangup      | PJSIP/trunk-1 | | 16
    {0} | Hangup      | PJSIP/lobby-1 | | 16
    """


def machine(*tables: str, names: tuple[str, ...] = SPEAKER) -> list[str]:
    scenario = Scenario(not_human=names)
    for table in tables:
        scenario.play(table)
    scenario.advance(10_000.0)
    assert scenario.live or not any(scenario.tracker.sizes.values()), scenario.tracker.sizes
    return scenario.told


# --- not_human ----------------------------------------------------------------------------------


def test_a_phone_that_answers_by_itself_does_not_answer_the_call() -> None:
    told = machine(TAKEN_BY_THE_SPEAKER, BOTH_HANG_UP.format(9))
    assert told == ["0 started", "0 ringing", "9 ended abandoned"]


def test_a_caller_who_stays_with_a_machine_is_told_of_at_ring_timeout() -> None:
    told = machine(TAKEN_BY_THE_SPEAKER, BOTH_HANG_UP.format(20))
    assert told == ["0 started", "0 ringing", "15 ring_timeout no_answer", "20 ended no_answer"]


def test_the_same_phone_is_a_person_unless_the_configuration_says_otherwise() -> None:
    told = machine(TAKEN_BY_THE_SPEAKER, BOTH_HANG_UP.format(9), names=("PJSIP/101",))
    assert told == ["0 started", "0 ringing", "0.2 answered", "9 ended answered"]


def test_a_person_who_joins_a_machine_and_the_caller_answers_the_call() -> None:
    joins = """
        5 | Newchannel  | PJSIP/101-1 | | Ring to=*5
        5 | BridgeEnter | PJSIP/101-1 | | b1
        9 | BridgeLeave | PJSIP/101-1 | | b1
        9 | Hangup      | PJSIP/101-1 | | 16
        """
    told = machine(TAKEN_BY_THE_SPEAKER, joins, BOTH_HANG_UP.format(20))
    assert [line for line in told if "internal" not in line] == [
        "0 started",
        "0 ringing",
        "5 answered",
        "20 ended answered",
    ]


def test_a_colleague_dialled_after_the_machine_answers_the_call() -> None:
    goes_on = """
        6   | BridgeLeave | PJSIP/lobby-1 |             | b1
        6   | BridgeLeave | PJSIP/trunk-1 |             | b1
        6   | Hangup      | PJSIP/lobby-1 |             | 16
        6   | Newchannel  | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        6   | DialBegin   | PJSIP/trunk-1 | PJSIP/101-1 | 101
        6   | Newstate    | PJSIP/101-1   |             | Ringing
        8   | DialEnd     | PJSIP/trunk-1 | PJSIP/101-1 | ANSWER
        8   | BridgeEnter | PJSIP/101-1   |             | b2
        8   | BridgeEnter | PJSIP/trunk-1 |             | b2
        9   | Hangup      | PJSIP/101-1   |             | 16
        9   | Hangup      | PJSIP/trunk-1 |             | 16
        """
    told = machine(TAKEN_BY_THE_SPEAKER, goes_on)
    assert told == ["0 started", "0 ringing", "8 answered", "9 ended answered"]


INTERCOM = """
    0   | Newchannel  | PJSIP/trunk-1           | | Ring
    0   | Newchannel  | Local/*80101@i-1;1 | | Down linked=PJSIP/trunk-1
    0   | Newchannel  | Local/*80101@i-1;2 | | Ring linked=PJSIP/trunk-1
    0   | LocalBridge | Local/*80101@i-1;1 | Local/*80101@i-1;2 | Yes
    0   | DialBegin   | PJSIP/trunk-1           | Local/*80101@i-1;1 | *80101
    0   | Newchannel  | PJSIP/101-1             | | Down linked=PJSIP/trunk-1
    0   | DialBegin   | Local/*80101@i-1;2 | PJSIP/101-1           | 101
    0   | Newstate    | PJSIP/101-1             | | Ringing
    0.1 | DialEnd     | Local/*80101@i-1;2 | PJSIP/101-1           | ANSWER
    0.1 | BridgeEnter | PJSIP/101-1             | | b2
    0.1 | BridgeEnter | Local/*80101@i-1;2 | | b2
    0.1 | DialEnd     | PJSIP/trunk-1           | Local/*80101@i-1;1 | ANSWER
    0.1 | Newstate    | PJSIP/trunk-1           | | Up
    0.1 | BridgeEnter | Local/*80101@i-1;1 | | b1
    0.1 | BridgeEnter | PJSIP/trunk-1           | | b1
    """
INTERCOM_ENDS = """
    8 | Hangup | PJSIP/trunk-1             | | 16
    8 | Hangup | Local/*80101@i-1;1 | | 16
    8 | Hangup | Local/*80101@i-1;2 | | 16
    8 | Hangup | PJSIP/101-1               | | 16
    """


def test_a_phone_behind_a_local_extension_that_answers_by_itself_is_nobody() -> None:
    told = machine(INTERCOM, INTERCOM_ENDS, names=("Local/*80*@*",))
    assert told == ["0 started", "0 ringing", "8 ended abandoned"]


def test_it_stays_nobody_when_the_local_channel_is_optimized_away() -> None:
    optimized = """
        1 | BridgeEnter | PJSIP/101-1               | | b1
        1 | BridgeLeave | Local/*80101@i-1;1 | | b1
        1 | Hangup      | Local/*80101@i-1;1 | | 16
        1 | Hangup      | Local/*80101@i-1;2 | | 16
        8 | Hangup      | PJSIP/trunk-1             | | 16
        8 | Hangup      | PJSIP/101-1               | | 16
        """
    told = machine(INTERCOM, optimized, names=("Local/*80*@*",))
    assert told == ["0 started", "0 ringing", "8 ended abandoned"]


def test_a_machine_behind_two_local_channels_is_nobody() -> None:
    inner = """
        0   | Newchannel  | PJSIP/trunk-1   |                 | Ring
        0   | Newchannel  | Local/7@page-1;1 |                | Down linked=PJSIP/trunk-1
        0   | Newchannel  | Local/7@page-1;2 |                | Ring linked=PJSIP/trunk-1
        0   | DialBegin   | PJSIP/trunk-1   | Local/7@page-1;1 | 7
        0   | Newchannel  | Local/101@x-1;1 |                 | Down linked=PJSIP/trunk-1
        0   | Newchannel  | Local/101@x-1;2 |                 | Ring linked=PJSIP/trunk-1
        0   | DialBegin   | Local/7@page-1;2 | Local/101@x-1;1 | 101
        0   | Newchannel  | PJSIP/101-1     |                 | Down linked=PJSIP/trunk-1
        0   | DialBegin   | Local/101@x-1;2 | PJSIP/101-1     | 101
        1   | BridgeEnter | PJSIP/101-1     |                 | b3
        1   | BridgeEnter | Local/101@x-1;2 |                 | b3
        1   | BridgeEnter | Local/101@x-1;1 |                 | b2
        1   | BridgeEnter | Local/7@page-1;2 |                | b2
        1   | BridgeEnter | Local/7@page-1;1 |                | b1
        1   | BridgeEnter | PJSIP/trunk-1   |                 | b1
        2   | Hangup      | PJSIP/trunk-1   |                 | 16
        """
    assert machine(inner, names=("Local/*@page",))[-1] == "2 ended abandoned"
    assert machine(inner, names=("Local/*@other",))[-1] == "2 ended answered"


def test_phones_that_ring_after_the_machine_say_how_the_call_was_missed() -> None:
    rings_out = """
        3 | BridgeLeave | PJSIP/trunk-1 |             | b1
        3 | Hangup      | PJSIP/lobby-1 |             | 16
        3 | Newchannel  | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        3 | DialBegin   | PJSIP/trunk-1 | PJSIP/101-1 | 101
        3 | Newstate    | PJSIP/101-1   |             | Ringing
        9 | DialEnd     | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        9 | Hangup      | PJSIP/101-1   |             | 0
        9 | Hangup      | PJSIP/trunk-1 |             | 16
        """
    assert machine(TAKEN_BY_THE_SPEAKER, rings_out)[-1] == "9 ended no_answer"


def lobby_rings_out(*ends: str) -> str:
    return machine(
        """
        0 | Newchannel | PJSIP/trunk-1 |               | Ring
        0 | Newchannel | PJSIP/lobby-1 |               | Down linked=PJSIP/trunk-1
        0 | DialBegin  | PJSIP/trunk-1 | PJSIP/lobby-1 | lobby
        0 | Newstate   | PJSIP/lobby-1 |               | Ringing
        8 | DialEnd    | PJSIP/trunk-1 | PJSIP/lobby-1 | NOANSWER
        """,
        "\n".join(f"8 | Hangup | {name} | | 0" for name in ends),
    )[-1]


def test_a_machine_that_rings_and_does_not_answer_is_a_phone_like_any_other() -> None:
    assert lobby_rings_out("PJSIP/lobby-1", "PJSIP/trunk-1") == "8 ended no_answer"
    assert lobby_rings_out("PJSIP/trunk-1") == "8 ended no_answer"  # its Hangup never comes


def test_a_trunk_that_is_called_a_machine_by_mistake_makes_nobody_else_one() -> None:
    taken = TAKEN_BY_THE_SPEAKER.replace("lobby", "101")
    assert machine(taken, names=("PJSIP/trunk",))[-1] == "0.2 answered"


def test_a_caller_alone_is_not_taken_for_the_machine() -> None:
    alone = """
        0 | Newchannel  | PJSIP/trunk-1 | | Ring
        0 | Newstate    | PJSIP/trunk-1 | | Up
        1 | BridgeEnter | PJSIP/trunk-1 | | b1 type=base tech=softmix
        9 | Hangup      | PJSIP/trunk-1 | | 16
        """
    assert machine(alone, names=("PJSIP/trunk",))[-1] == "9 ended ivr_abandoned"


def test_what_is_behind_a_machine_is_still_nobody_after_the_link_was_lost() -> None:
    rows = """
        2 | LinkLost |  | |
        3 | Row | PJSIP/trunk-1 | | Up bridge=b1
        3 | Row | Local/*80101@i-1;1 | | Up bridge=b1
        3 | Row | Local/*80101@i-1;2 | | Up bridge=b2
        3 | Row | PJSIP/101-1 | | Up bridge=b2
        3 | Resync | | |
        """
    told = machine(INTERCOM, rows, INTERCOM_ENDS, names=("Local/*80*@*",))
    assert told == ["0 started", "0 ringing", "8 ended unknown"]


def test_after_a_restart_a_machine_is_a_machine() -> None:
    scenario = Scenario(not_human=SPEAKER).play("0 | Restarted | | |").play(TAKEN_BY_THE_SPEAKER)
    assert scenario.told == ["0 started", "0 ringing"]


def test_a_channel_that_becomes_another_by_a_masquerade_is_what_its_name_says() -> None:
    becomes = """
        1 | Rename      | PJSIP/lobby-1 | | to_name=PJSIP/101-9
        1 | BridgeEnter | PJSIP/101-9   | | b1
        """
    assert machine(TAKEN_BY_THE_SPEAKER, becomes)[-1] == "1 answered"


@pytest.mark.parametrize(
    ("pattern", "channel", "meant"),
    [
        ("PJSIP/lobby", "PJSIP/lobby-00000001", True),
        ("PJSIP/lobby", "PJSIP/lobby-2-00000001", False),
        ("PJSIP/door?", "PJSIP/door1-00000001", True),
        ("Local/*@page", "Local/700@page-00000001;1", True),
        ("Local/*80@*", "Local/*80@from-internal-00000001;1", True),
        ("Local/*80@*", "Local/1180@from-internal-00000001;1", False),
        ("Local/*80*@*", "Local/*80101@from-internal-00000001;2", True),
        ("Local/*80*@*", "Local/80101@from-internal-00000001;2", False),
        ("PJSIP/a.b", "PJSIP/axb-00000001", False),
        ("PJSIP/[ab]", "PJSIP/a-00000001", False),
    ],
)
def test_a_pattern_means_a_name_and_a_star_before_a_digit_is_the_star_key(
    pattern: str, channel: str, meant: bool
) -> None:
    assert not_human(["SIP/other", pattern])(channel) is meant
    assert not not_human([])(channel)


# --- Page() -------------------------------------------------------------------------------------


def paged(options: str, *, told_of_page: bool = True) -> list[str]:
    page = f"0.5 | Newexten | PJSIP/trunk-1 | | Page data=PJSIP/101&PJSIP/102,{options},10"
    return play(
        f"""
        0    | Newchannel  | PJSIP/trunk-1 |             | Ring
        0    | Newstate    | PJSIP/trunk-1 |             | Up
        {page if told_of_page else ""}
        0.5  | Newchannel  | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0.5  | DialBegin   |               | PJSIP/101-1 | 101
        0.5  | Newchannel  | PJSIP/102-1   |             | Down linked=PJSIP/trunk-1
        0.5  | DialBegin   |               | PJSIP/102-1 | 102
        0.6  | Newstate    | PJSIP/101-1   |             | Ringing
        0.7  | DialEnd     |               | PJSIP/101-1 | ANSWER
        0.7  | DialEnd     |               | PJSIP/102-1 | ANSWER
        0.7  | BridgeEnter | PJSIP/101-1   |             | b1 type=base tech=softmix
        0.7  | BridgeEnter | PJSIP/102-1   |             | b1 type=base tech=softmix
        0.9  | BridgeEnter | PJSIP/trunk-1 |             | b1 type=base tech=softmix
        9    | BridgeLeave | PJSIP/trunk-1 |             | b1
        9    | BridgeLeave | PJSIP/101-1   |             | b1
        9    | BridgeLeave | PJSIP/102-1   |             | b1
        9    | Hangup      | PJSIP/101-1   |             | 16
        9    | Hangup      | PJSIP/102-1   |             | 16
        9    | Hangup      | PJSIP/trunk-1 |             | 16
        """
    )


@pytest.mark.parametrize("options", ["", "q", "ib(default^add^1)", "A(beep)"])
def test_phones_of_a_page_only_listen_so_nobody_has_answered(options: str) -> None:
    assert paged(options) == ["0 started", "0.6 ringing", "9 ended abandoned"]


@pytest.mark.parametrize("options", ["d", "qd", "db(default^add^1)"])
def test_phones_of_a_page_that_goes_both_ways_can_speak_to_the_caller(options: str) -> None:
    assert paged(options)[-2:] == ["0.9 answered", "9 ended answered"]


def test_a_page_nobody_told_us_of_counts_as_a_conversation() -> None:
    # Without `dialplan` rights there is no Newexten: when in doubt, no text.
    assert paged("", told_of_page=False)[-1] == "9 ended answered"


def test_phones_of_a_page_behind_local_channels_only_listen_too() -> None:
    told = play(
        """
        0   | Newchannel  | PJSIP/trunk-1 |             | Ring
        0   | Newexten    | PJSIP/trunk-1 |             | Page data=Local/101@x&PJSIP/102
        0   | Newchannel  | Local/101@x-1;1 |           | Down linked=PJSIP/trunk-1
        0   | Newchannel  | Local/101@x-1;2 |           | Ring linked=PJSIP/trunk-1
        0   | DialBegin   |               | Local/101@x-1;1 | 101
        0   | Newexten    | Local/101@x-1;2 |           | Dial data=PJSIP/101
        0   | Newchannel  | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0   | DialBegin   | Local/101@x-1;2 | PJSIP/101-1 | 101
        0   | Newchannel  | PJSIP/102-1   |             | Down linked=PJSIP/trunk-1
        0   | DialBegin   |               | PJSIP/102-1 | 102
        1   | BridgeEnter | PJSIP/101-1   |             | b2
        1   | BridgeEnter | Local/101@x-1;2 |           | b2
        1   | BridgeEnter | Local/101@x-1;1 |           | b1 type=base tech=softmix
        1   | BridgeEnter | PJSIP/102-1   |             | b1 type=base tech=softmix
        1   | BridgeEnter | PJSIP/trunk-1 |             | b1 type=base tech=softmix
        9   | Hangup      | PJSIP/trunk-1 |             | 16
        """
    )
    assert told[-1] == "9 ended abandoned"


def test_a_page_that_reaches_no_phone_is_unavailable() -> None:
    told = play(
        """
        0 | Newchannel | PJSIP/trunk-1 | | Ring
        0 | Newstate   | PJSIP/trunk-1 | | Up
        0 | Newexten   | PJSIP/trunk-1 | | Page data=PJSIP/101
        1 | Hangup     | PJSIP/trunk-1 | | 16
        """
    )
    assert told[-1] == "1 ended unavailable"


def test_phones_called_by_others_after_the_page_are_people_again() -> None:
    told = play(
        """
        0 | Newchannel  | PJSIP/trunk-1 |             | Ring
        0 | Newexten    | PJSIP/trunk-1 |             | Page data=PJSIP/102
        1 | Newexten    | PJSIP/trunk-1 |             | Queue data=sales
        1 | Newchannel  | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        1 | DialBegin   |               | PJSIP/101-1 | 101
        2 | BridgeEnter | PJSIP/101-1   |             | b1
        2 | BridgeEnter | PJSIP/trunk-1 |             | b1
        3 | Hangup      | PJSIP/101-1   |             | 16
        3 | Hangup      | PJSIP/trunk-1 |             | 16
        """
    )
    assert told[-1] == "3 ended answered"


# --- refused by the dialplan --------------------------------------------------------------------


def refused(lines: str, state: str, cause: int) -> str:
    return play(
        f"""
        0 | Newchannel | PJSIP/trunk-1 | | Ring
        {lines}
        3 | Newstate   | PJSIP/trunk-1 | | {state}
        3 | Hangup     | PJSIP/trunk-1 | | {cause}
        """
    )[-1].split()[-1]


def test_busy_and_congestion_of_the_dialplan_are_busy_and_unavailable() -> None:
    assert refused("0 | Newexten | PJSIP/trunk-1 | | Busy data=3", "Up", 16) == "busy"
    assert refused("0 | Newexten | PJSIP/trunk-1 | | Congestion data=3", "Up", 16) == "unavailable"


def test_a_line_that_never_came_up_tells_it_by_its_cause_alone() -> None:
    # ExecIf(...?Busy()) sends no Newexten for Busy, nor does Hangup(17).
    assert refused("", "Busy", 17) == "busy"
    assert refused("", "Ring", 17) == "busy"
    assert refused("", "Ring", 34) == "unavailable"
    assert refused("", "Ring", 127) == "ivr_abandoned"


def test_a_line_that_was_up_does_not_for_then_the_cause_is_the_callers() -> None:
    assert refused("", "Up", 17) == "ivr_abandoned"
    assert refused("", "Up", 34) == "ivr_abandoned"


def test_where_phones_were_dialled_they_say_how_it_was_not_the_tone_that_follows() -> None:
    told = play(
        """
        0  | Newchannel | PJSIP/trunk-1 |             | Ring
        0  | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0  | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0  | Newstate   | PJSIP/101-1   |             | Ringing
        12 | DialEnd    | PJSIP/trunk-1 | PJSIP/101-1 | NOANSWER
        12 | Hangup     | PJSIP/101-1   |             | 0
        12 | Newexten   | PJSIP/trunk-1 |             | Busy data=2
        14 | Hangup     | PJSIP/trunk-1 |             | 17
        """
    )
    assert told[-1] == "14 ended no_answer"


def test_a_busy_tone_does_not_hide_that_no_phone_could_be_reached() -> None:
    told = play(
        """
        0 | Newchannel | PJSIP/trunk-1 | | Ring
        0 | VarSet     | PJSIP/trunk-1 | | var=DIALSTATUS value=CHANUNAVAIL
        0 | Newexten   | PJSIP/trunk-1 | | Busy data=2
        2 | Newstate   | PJSIP/trunk-1 | | Busy
        2 | Hangup     | PJSIP/trunk-1 | | 17
        """
    )
    assert told[-1] == "2 ended unavailable"


def test_a_busy_tone_after_a_dial_of_which_nothing_was_heard_is_unavailable() -> None:
    told = play(
        """
        0 | Newchannel | PJSIP/trunk-1 | | Ring
        0 | Newexten   | PJSIP/trunk-1 | | Dial data=PJSIP/101
        2 | Hangup     | PJSIP/trunk-1 | | 17
        """
    )
    assert told[-1] == "2 ended unavailable"


def test_a_refusal_is_told_once_in_the_trail() -> None:
    scenario = Scenario().play(
        """
        0 | Newchannel | PJSIP/trunk-1 | | Ring
        0 | Newexten   | PJSIP/trunk-1 | | Busy data=2
        2 | Hangup     | PJSIP/trunk-1 | | 17
        """
    )
    assert sum("busy" in line for line in scenario.trail) == 1


def test_a_refusal_is_within_what_the_call_may_become() -> None:
    scenario = Scenario().play(
        """
        0 | Newchannel | PJSIP/trunk-1 | | Ring
        3 | Hangup     | PJSIP/trunk-1 | | 17
        """
    )
    started, ended = scenario.calls
    assert ended.outcome is Outcome.BUSY
    assert ended.outcome in started.may_become
