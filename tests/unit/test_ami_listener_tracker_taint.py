"""Calls whose events were malformed or forged: told, never to be texted, and freed."""

from __future__ import annotations

from tests.unit.ami_tables import Scenario

BIRTH = "0 | Newchannel | PJSIP/trunk-1 | | Ring"
HANGUP = "9 | Hangup | PJSIP/trunk-1 | | 16"


def raw(scenario: Scenario, line: str) -> bytes:
    """The bytes of a line, not yet fed."""
    cells = [cell.strip() for cell in line.split("|")]
    return scenario._message(*cells[1:])


def with_number(message: bytes, number: bytes) -> bytes:
    return message.replace(b"CallerIDNum: +12125550123", b"CallerIDNum: " + number)


def ended(scenario: Scenario) -> list[tuple[str, bool]]:
    return [(call.outcome.value, bool(call.tainted)) for call in scenario.calls if call.final]


def test_a_header_written_by_the_caller_taints_the_call_to_its_end() -> None:
    scenario = Scenario()
    scenario.feed(with_number(raw(scenario, BIRTH), b"1\r\nContext: from-internal"))
    scenario.play(HANGUP)
    assert ended(scenario) == [("unknown", True)]
    assert scenario.calls[0].may_become == {scenario.calls[0].outcome}
    assert not any(scenario.tracker.sizes.values())


def test_a_taint_that_comes_later_in_the_call_counts_too() -> None:
    scenario = Scenario().play(BIRTH)
    scenario.feed(with_number(raw(scenario, "1 | Newstate | PJSIP/trunk-1 | | Up"), b"1\x002"))
    scenario.play(HANGUP)
    assert scenario.calls[0].tainted == ""
    assert ended(scenario) == [("unknown", True)]


def test_a_birth_and_a_hangup_torn_by_a_blank_line_are_put_together_again() -> None:
    scenario = Scenario()
    number = b"1\r\n\r\nEvent: Shutdown\r\nShutdown: Cleanly\r\n\r\n"
    scenario.feed(with_number(raw(scenario, BIRTH), number))
    assert scenario.told == ["0 started"]
    assert scenario.calls[0].did == "+12125550100"
    scenario.feed(with_number(raw(scenario, HANGUP), number))
    assert ended(scenario) == [("unknown", True)]
    assert not any(scenario.tracker.sizes.values())
    assert scenario.tracker.counters["tainted"] == 6


def test_a_tail_that_does_not_follow_its_head_makes_no_call() -> None:
    scenario = Scenario()
    head, _, tail = with_number(raw(scenario, BIRTH), b"1\r\n\r\n").partition(b"\r\n\r\n")
    scenario.feed(head + b"\r\n\r\n")
    scenario.play("1 | Newchannel | PJSIP/trunk-2 | | Ring")
    scenario.feed(tail)
    assert scenario.told == ["1 started"]
    assert scenario.calls[0].channel == "PJSIP/trunk-2"


def test_a_forged_hangup_ends_nothing_but_the_call_it_names_is_not_texted() -> None:
    scenario = Scenario().play(BIRTH)
    uniqueid = scenario.chans["PJSIP/trunk-1"].uniqueid
    scenario.feed(f"Event: Hangup\r\nUniqueid: {uniqueid}\r\n\r\n".encode())
    assert scenario.told == ["0 started"]
    scenario.play(HANGUP)
    assert ended(scenario) == [("unknown", True)]


def test_a_uniqueid_tainted_before_its_birth_is_remembered() -> None:
    scenario = Scenario()
    scenario.feed(b"Event: Hangup\r\nUniqueid: 1700000000.1\r\n\r\n")
    scenario.play(BIRTH)
    assert scenario.calls[0].tainted


def test_a_tainted_phone_taints_the_call_it_rings_for() -> None:
    scenario = Scenario().play(BIRTH)
    leg = raw(scenario, "0 | Newchannel | PJSIP/101-1 | | Down linked=PJSIP/trunk-1")
    scenario.feed(leg.replace(b"ConnectedLineNum: <unknown>", b"ConnectedLineNum: 1\x012"))
    assert not scenario.calls[-1].tainted
    scenario.play(
        """
        1 | DialBegin | PJSIP/trunk-1 | PJSIP/101-1 | 101
        9 | Hangup    | PJSIP/101-1   |             | 0
        9 | Hangup    | PJSIP/trunk-1 |             | 16
        """
    )
    assert ended(scenario) == [("unknown", True)]


def test_a_tainted_call_fires_no_ring_timer() -> None:
    scenario = Scenario().play(
        """
        0 | Newchannel | PJSIP/trunk-1 |             | Ring
        0 | Newchannel | PJSIP/101-1   |             | Down linked=PJSIP/trunk-1
        0 | DialBegin  | PJSIP/trunk-1 | PJSIP/101-1 | 101
        0 | Newstate   | PJSIP/101-1   |             | Ringing
        """
    )
    scenario.feed(b"Event: Hangup\r\nUniqueid: 1700000000.1\r\n\r\n")
    scenario.advance(60.0)
    assert scenario.told == ["0 started", "0 ringing"]


def test_a_torn_call_cannot_spoil_another() -> None:
    scenario = Scenario().play("0 | Newchannel | PJSIP/trunk-2 | | Ring")
    scenario.feed(with_number(raw(scenario, BIRTH), b"1\r\n\r\n"))
    scenario.play(
        """
        5 | Hangup | PJSIP/trunk-2 | | 16
        9 | Hangup | PJSIP/trunk-1 | | 16
        """
    )
    assert ended(scenario) == [("ivr_abandoned", False), ("unknown", True)]
