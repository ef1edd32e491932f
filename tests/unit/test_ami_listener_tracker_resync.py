"""What a gap in the AMI link may hide: resync after it, a restart, hangups that never come."""

from __future__ import annotations

from ami_listener.tracker import Inbound
from tests.unit.ami_tables import DID, Scenario, play

RINGING = """
        0 | Newchannel | PJSIP/trunk-1 |             | Ring
        0 | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0 | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0 | Newstate   | PJSIP/101-1   |             | Ringing
        5 | LinkLost   |               |             |
"""
STILL_RINGING = """
        9 | Row    | PJSIP/trunk-1 | | Ring duration=00:00:09 app=Dial
        9 | Row    | PJSIP/101-1   | | Ringing duration=00:00:09
        9 | Resync |               | |
"""
GIVES_UP = """
        20 | DialEnd | PJSIP/trunk-1 | PJSIP/101-1 | CANCEL
        20 | Hangup  | PJSIP/101-1   |             | 0
        20 | Hangup  | PJSIP/trunk-1 |             | 127
"""


def test_a_line_still_in_ring_after_the_gap_was_never_answered_and_goes_on_whole() -> None:
    scenario = Scenario().play(RINGING + STILL_RINGING + GIVES_UP)
    assert scenario.told[2:] == ["15 ring_timeout no_answer", "20 ended no_answer"]
    assert not scenario.calls[-1].gap


def test_the_ring_timer_waits_for_the_resync() -> None:
    scenario = Scenario().play(RINGING)
    scenario.advance(18.0)
    assert scenario.told == ["0 started", "0 ringing"]
    scenario.play(
        """
        19 | Row    | PJSIP/trunk-1 | | Ring
        19 | Row    | PJSIP/101-1   | | Ringing
        19 | Resync |               | |
        """
    )
    # Fourteen seconds of ringing were not seen, but nothing ended them.
    assert scenario.told[2:] == ["19 ring_timeout no_answer"]


def test_a_line_that_is_up_after_the_gap_is_unknown() -> None:
    scenario = Scenario().play(
        RINGING
        + """
        9  | Row    | PJSIP/trunk-1 | | Up duration=00:00:09 app=Playback
        9  | Resync |               | |
        20 | Hangup | PJSIP/trunk-1 | | 16
        """
    )
    assert scenario.told[2:] == ["20 ended unknown"]
    assert scenario.calls[-1].gap
    assert not any(scenario.tracker.sizes.values())


def test_a_caller_found_in_a_bridge_with_a_phone_is_answered_late() -> None:
    scenario = Scenario().play(
        RINGING
        + """
        9 | Row    | PJSIP/trunk-1 | | Up bridge=b1
        9 | Row    | PJSIP/101-1   | | Up bridge=b1
        9 | Resync |               | |
        """
    )
    assert scenario.told[2:] == ["9 answered"]
    assert scenario.calls[-1].late
    scenario.play(
        """
        20 | Hangup | PJSIP/101-1   | | 16
        20 | Hangup | PJSIP/trunk-1 | | 16
        """
    )
    assert scenario.told[-1] == "20 ended answered"


def test_a_call_that_vanished_in_the_gap_is_unknown() -> None:
    scenario = Scenario().play(RINGING + "9 | Resync | | |")
    assert scenario.told[2:] == ["9 ended unknown"]
    assert scenario.calls[-1].gap
    assert scenario.calls[-1].late
    assert not any(scenario.tracker.sizes.values())


def test_a_hangup_seen_before_its_row_wins() -> None:
    scenario = Scenario().play(
        RINGING
        + """
        8 | DialEnd | PJSIP/trunk-1 | PJSIP/101-1 | CANCEL
        8 | Hangup  | PJSIP/101-1   |             | 0
        8 | Hangup  | PJSIP/trunk-1 |             | 127
        9 | Row     | PJSIP/trunk-1 |             | Ring
        9 | Row     | PJSIP/101-1   |             | Ringing
        9 | Resync  |               |             |
        """
    )
    # It hung up in state Ring: not answered, whatever the gap hid.
    assert scenario.told[2:] == ["8 ended abandoned"]
    assert not any(scenario.tracker.sizes.values())


def test_a_hangup_in_state_up_during_the_gap_is_unknown() -> None:
    scenario = Scenario().play(
        """
        0 | Newchannel | PJSIP/trunk-1 | | Ring
        1 | Newstate   | PJSIP/trunk-1 | | Up
        5 | LinkLost   |               | |
        8 | Hangup     | PJSIP/trunk-1 | | 16
        9 | Resync     |               | |
        """
    )
    assert scenario.told == ["0 started", "8 ended unknown"]


def test_a_row_does_not_undo_what_a_newer_event_told() -> None:
    scenario = Scenario().play(
        RINGING
        + """
        8 | Newstate    | PJSIP/trunk-1 | | Up
        8 | BridgeEnter | PJSIP/101-1   | | b1
        8 | BridgeEnter | PJSIP/trunk-1 | | b1
        # written before the two entered their bridge
        9 | Row         | PJSIP/trunk-1 | | Ring
        9 | Row         | PJSIP/101-1   | | Ringing
        9 | Resync      |               | |
        """
    )
    assert scenario.told[2:] == ["8 answered"]
    topology = scenario.tracker._book.topology
    assert len(topology.bridges["b1"].members) == 2
    assert topology.channels[scenario.chans["PJSIP/trunk-1"].uniqueid].state == 6


def test_a_call_born_after_the_link_was_back_is_whole_though_not_on_the_list() -> None:
    scenario = Scenario().play(
        """
        0 | LinkLost   |               | |
        2 | Newchannel | PJSIP/trunk-1 | | Ring
        3 | Resync     |               | |
        9 | Hangup     | PJSIP/trunk-1 | | 16
        """
    )
    assert scenario.told == ["2 started", "9 ended ivr_abandoned"]
    assert not scenario.calls[-1].gap


def test_a_call_born_while_we_were_away_is_told_as_seen_in_part() -> None:
    scenario = Scenario().play(
        f"""
        0  | LinkLost  |               |             |
        60 | Row | PJSIP/trunk-1 | | Ring to={DID} context=from-trunk duration=00:00:07
        60 | Row       | PJSIP/101-1   |             | Ringing linked=PJSIP/trunk-1
        60 | Resync    |               |             |
        80 | DialEnd   | PJSIP/trunk-1 | PJSIP/101-1 | CANCEL
        80 | Hangup    | PJSIP/101-1   |             | 0
        80 | Hangup    | PJSIP/trunk-1 |             | 16
        """
    )
    assert scenario.told == ["53 started", "60 ringing", "80 ended unknown"]
    assert all(call.gap and call.late for call in scenario.calls)
    assert not any(scenario.tracker.sizes.values())


def test_a_row_that_overtook_its_newchannel_does_not_spoil_the_call() -> None:
    scenario = Scenario().play(
        f"""
        0  | LinkLost   |               | |
        60 | Row        | PJSIP/trunk-1 | | Ring to={DID} context=from-trunk
        60 | Resync     |               | |
        60 | Newchannel | PJSIP/trunk-1 | | Ring
        66 | Hangup     | PJSIP/trunk-1 | | 16
        """
    )
    assert scenario.told == ["60 started", "66 ended ivr_abandoned"]
    assert not scenario.calls[-1].gap


def test_outbound_legs_on_the_list_are_no_callers() -> None:
    scenario = Scenario().play(
        """
        0  | LinkLost |               | |
        60 | Row      | PJSIP/101-1   | | Up to=+12125550199
        60 | Row      | PJSIP/trunk-1 | | Up linked=PJSIP/101-1 context=from-trunk
        60 | Row      | Local/1@x-1;2 | | Ring to=1 context=from-trunk
        60 | Resync   |               | |
        """
    )
    assert scenario.told == []


def test_a_caller_on_the_list_is_found_by_its_endpoint_when_the_context_has_moved() -> None:
    scenario = Scenario(inbound=Inbound(frozenset(), frozenset({"trunk"}))).play(
        """
        0  | LinkLost |               | |
        60 | Row      | PJSIP/trunk-1 | | Up to=s context=ivr-3
        60 | Resync   |               | |
        65 | Hangup   | PJSIP/trunk-1 | | 16
        """
    )
    assert scenario.told == ["60 started", "65 ended unknown"]


def test_a_line_that_comes_up_before_our_eyes_after_the_gap_was_not_up_within_it() -> None:
    scenario = Scenario().play(
        """
        0  | Newchannel | PJSIP/trunk-1 | | Ring
        5  | LinkLost   |               | |
        8  | Newstate   | PJSIP/trunk-1 | | Up
        9  | Row        | PJSIP/trunk-1 | | Up
        9  | Resync     |               | |
        20 | Hangup     | PJSIP/trunk-1 | | 16
        """
    )
    assert scenario.told == ["0 started", "20 ended ivr_abandoned"]


def test_a_second_loss_before_the_first_resync_is_still_one_gap() -> None:
    scenario = Scenario().play(
        RINGING
        + """
        6  | LinkLost |               | |
        9  | Row      | PJSIP/trunk-1 | | Up
        9  | Resync   |               | |
        20 | Hangup   | PJSIP/trunk-1 | | 16
        """
    )
    assert scenario.told[2:] == ["20 ended unknown"]


def test_a_restart_voids_every_open_call() -> None:
    scenario = Scenario().play(
        RINGING
        + """
        9  | Restarted  |               | |
        10 | Newchannel | PJSIP/trunk-9 | | Ring
        12 | Hangup     | PJSIP/trunk-9 | | 16
        """
    )
    assert scenario.told[2:] == ["9 ended unknown", "10 started", "12 ended ivr_abandoned"]
    assert [call.key.boot for call in scenario.calls][1:] == ["boot-1", "boot-1", *["boot-2"] * 2]
    assert not any(scenario.tracker.sizes.values())


def test_a_hangup_that_never_comes_is_made_up_for_by_a_resync_without_a_loss() -> None:
    scenario = Scenario().play(
        """
        0   | Newchannel | PJSIP/trunk-1 | | Ring
        50  | Newchannel | PJSIP/trunk-2 | | Ring
        # trunk-2 was born while the list was written: its absence says nothing yet
        51  | Resync     |               | |
        """
    )
    assert scenario.told == ["0 started", "50 started", "51 ended unknown"]
    assert scenario.calls[-1].channel == "PJSIP/trunk-1"


def test_a_flood_of_births_gives_up_the_oldest_and_counts_them() -> None:
    scenario = Scenario(max_channels=50)
    for number in range(500):
        scenario.play(f"{number} | Newchannel | PJSIP/trunk-{number} | | Ring")
    assert scenario.tracker.sizes["channels"] == 50
    assert scenario.tracker.sizes["calls"] == 50
    assert scenario.tracker.counters["channels_evicted"] == 450
    ended = [call for call in scenario.calls if call.final]
    assert [call.channel for call in ended] == [f"PJSIP/trunk-{n}" for n in range(450)]
    assert {call.outcome.value for call in ended} == {"unknown"}


def test_a_call_in_a_queue_over_the_gap_is_unknown_even_if_it_abandons() -> None:
    scenario = Scenario().play(
        """
        0  | Newchannel         | PJSIP/trunk-1 | | Ring
        1  | Newstate           | PJSIP/trunk-1 | | Up
        2  | QueueCallerJoin    | PJSIP/trunk-1 | | support
        9  | LinkLost           |               | |
        9  | Row                | PJSIP/trunk-1 | | Up app=Queue
        9  | Resync             |               | |
        20 | QueueCallerAbandon | PJSIP/trunk-1 | | support
        20 | QueueCallerLeave   | PJSIP/trunk-1 | | support
        20 | Hangup             | PJSIP/trunk-1 | | 16
        """
    )
    assert scenario.told[-1] == "20 ended unknown"


def test_the_trail_stays_bounded_in_a_queue_that_rings_for_hours() -> None:
    lines = ["0 | Newchannel | PJSIP/trunk-1 | | Ring", "0 | QueueCallerJoin | PJSIP/trunk-1 | | q"]
    for n in range(300):
        at, leg = 5 * n + 1, f"PJSIP/101-{n}"
        lines += [
            f"{at} | Newchannel | {leg} | | Down linked=PJSIP/trunk-1",
            f"{at} | DialBegin | PJSIP/trunk-1 | {leg} | 101",
            f"{at} | Newstate | {leg} | | Ringing",
            f"{at + 4} | DialEnd | PJSIP/trunk-1 | {leg} | NOANSWER",
            f"{at + 4} | Hangup | {leg} | | 0",
        ]
    scenario = Scenario().play("\n".join([*lines, "1600 | Hangup | PJSIP/trunk-1 | | 16"]))
    trail = scenario.calls[-1].trail
    assert len(trail) == 60
    assert trail[40][1] == "(844 lines left out)"
    assert trail[-1][1] == "hung up (cause 16)"
    assert scenario.told[-1] == "1600 ended queue_abandoned"


def test_events_of_channels_never_seen_change_nothing() -> None:
    told = play(
        """
        0 | Newstate           | PJSIP/trunk-1 | | Up
        0 | VarSet             | PJSIP/trunk-1 | | var=DIALSTATUS value=BUSY
        0 | QueueCallerJoin    | PJSIP/trunk-1 | | support
        0 | NewCallerid        | PJSIP/trunk-1 | | 0
        0 | Rename             | PJSIP/trunk-1 | | to_name=PJSIP/trunk-2
        0 | Hangup             | PJSIP/trunk-2 | | 16
        """
    )
    assert told == []


def test_what_a_gap_may_have_hidden_leaves_open_what_it_turns_out_not_to_have_hidden() -> None:
    scenario = Scenario().play(
        """
        0 | Newchannel     | PJSIP/trunk-1 | | Ring
        1 | LinkLost       |               | |
        2 | MessageWaiting | PJSIP/trunk-1 | | 101 new=1
        3 | Hangup         | PJSIP/trunk-1 | | 16
        """
    )
    told = {call.phase.value: call for call in scenario.calls}
    assert told["voicemail"].outcome.value == "unknown"
    assert told["ended"].outcome in told["voicemail"].may_become
    assert told["ended"].outcome.value == "voicemail_left"
