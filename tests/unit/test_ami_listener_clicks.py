"""Click-to-dial over AMI: what the tracker makes of such a call, how it stands, what is asked."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_listener.actions import ActionRefused, ActionTimeout, AmiAction, NotConnected
from ami_listener.births import Inbound
from ami_listener.clicks import Clicks
from ami_listener.events import OriginateResponse, parse_event
from ami_listener.placed import MOST, PlacedCalls
from ami_listener.stream import Stream
from ami_listener.tracker import Tracker
from tests.unit.ami_tables import Scenario, play
from textback.model import Dialled, DialRefusal, DialRefusedError, DialStage, Moment

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
NUMBER = "+16465550123"

# --- the tracker ------------------------------------------------------------------------------

#: A click on Asterisk 16 and 22, as recorded: the phone is up before it dials, and both it and the
#: caller are in one bridge. Its Newchannel has no number: Exten is `s` until the phone is up.
CLICK = """
        0    | Newchannel  | PJSIP/1001-0 |               | Down to=s from=1001
        0.1  | DialBegin   |              | PJSIP/1001-0  | 1001
        0.1  | Newstate    | PJSIP/1001-0 |               | Ringing
        0.1  | DialState   |              | PJSIP/1001-0  | RINGING
        0.5  | Newstate    | PJSIP/1001-0 |               | Up
        0.5  | DialEnd     |              | PJSIP/1001-0  | ANSWER
        0.5  | Newexten    | PJSIP/1001-0 |               | Dial to={exten}
        0.6  | Newchannel  | PJSIP/trunk-1 |              | Down to=s linked=PJSIP/1001-0
        0.6  | DialBegin   | PJSIP/1001-0 | PJSIP/trunk-1 | +16465550123@trunk
        0.7  | Newstate    | PJSIP/trunk-1 |              | Ringing
        0.7  | DialState   | PJSIP/1001-0 | PJSIP/trunk-1 | RINGING
"""
ANSWERED = """
        1    | Newstate    | PJSIP/trunk-1 |              | Up
        1    | DialEnd     | PJSIP/1001-0 | PJSIP/trunk-1 | ANSWER
        1    | BridgeEnter | PJSIP/trunk-1 |              | b1
        1    | BridgeEnter | PJSIP/1001-0 |               | b1
        9    | BridgeLeave | PJSIP/trunk-1 |              | b1
        9    | BridgeLeave | PJSIP/1001-0 |               | b1
        9    | Hangup      | PJSIP/trunk-1 |              | 16
        9    | Hangup      | PJSIP/1001-0 |               | 16
"""
REFUSED = """
        1    | DialEnd     | PJSIP/1001-0 | PJSIP/trunk-1 | BUSY
        1    | Hangup      | PJSIP/trunk-1 |              | 17
        1    | Hangup      | PJSIP/1001-0 |               | 17
"""


def click(exten: str, then: str, *, placed: str = "") -> Scenario:
    scenario = Scenario()
    if placed:
        scenario.tracker.placed("1700000000.1", placed)
    return scenario.play(CLICK.format(exten=exten) + then)


def test_a_click_to_dial_that_is_answered_is_a_call_to_the_number_it_dials() -> None:
    scenario = click("16465550123", ANSWERED)
    assert scenario.told == ["9 ended answered (originated)"]
    assert scenario.calls[-1].did == "16465550123"
    assert scenario.calls[-1].answered is not None


def test_one_that_is_not_answered_spoke_with_nobody_though_the_phone_was_picked_up() -> None:
    scenario = click("16465550123", REFUSED)
    assert scenario.told == ["1 ended busy (originated)"]
    assert scenario.calls[-1].answered is None


def test_a_dialplan_that_dials_from_a_macro_hides_the_number_but_of_our_own_clicks() -> None:
    """FreePBX dials in macro-dialout-trunk, extension s."""
    assert click("s", ANSWERED).calls[-1].did == "s"
    assert click("s", ANSWERED, placed=NUMBER).calls[-1].did == NUMBER


def test_a_click_that_rings_an_extension_is_no_call_to_a_number() -> None:
    assert click("1002", ANSWERED).calls[-1].did == "s"


def test_a_local_channel_is_up_with_the_phone_behind_it_so_its_number_is_not_believed() -> None:
    told = play(
        """
        # Originate Channel=Local/101@inside: ;1 dials on once the phone behind ;2 is picked up
        0   | Newchannel  | Local/101@in-1;1 |                  | Down to=s
        0   | Newchannel  | Local/101@in-1;2 |                  | Ring linked=Local/101@in-1;1
        0   | LocalBridge | Local/101@in-1;1 | Local/101@in-1;2 |
        0   | DialBegin   |                  | Local/101@in-1;1 | 101@in
        0   | Newchannel  | PJSIP/101-1      |                  | Down linked=Local/101@in-1;1
        0   | DialBegin   | Local/101@in-1;2 | PJSIP/101-1      | 101
        1   | Newstate    | PJSIP/101-1      |                  | Up
        1   | BridgeEnter | PJSIP/101-1      |                  | b1
        1   | BridgeEnter | Local/101@in-1;2 |                  | b1
        1   | Newstate    | Local/101@in-1;1 |                  | Up
        2   | Newexten    | Local/101@in-1;1 |                  | Dial to=16465550123
        2   | Newchannel  | PJSIP/trunk-1    |                  | Down linked=Local/101@in-1;1
        2   | DialBegin   | Local/101@in-1;1 | PJSIP/trunk-1    | x
        9   | DialEnd     | Local/101@in-1;1 | PJSIP/trunk-1    | NOANSWER
        9   | Hangup      | PJSIP/trunk-1    |                  | 0
        9   | Hangup      | Local/101@in-1;1 |                  | 16
        9   | Hangup      | Local/101@in-1;2 |                  | 16
        9   | Hangup      | PJSIP/101-1      |                  | 16
        """
    )
    assert told == ["9 ended answered (originated)"]


def test_what_it_dials_after_a_conversation_is_not_whom_that_was_with() -> None:
    scenario = Scenario().play(
        """
        0 | Newchannel  | PJSIP/101-1   |               | Down to=s
        0 | DialBegin   |               | PJSIP/101-1   | 101
        1 | Newstate    | PJSIP/101-1   |               | Up
        1 | Newchannel  | PJSIP/102-1   |               | Down linked=PJSIP/101-1
        1 | Newexten    | PJSIP/101-1   |               | Dial to=102
        1 | DialBegin   | PJSIP/101-1   | PJSIP/102-1   | 102
        2 | BridgeEnter | PJSIP/101-1   |               | b1
        2 | BridgeEnter | PJSIP/102-1   |               | b1
        3 | BridgeLeave | PJSIP/101-1   |               | b1
        3 | Hangup      | PJSIP/102-1   |               | 16
        3 | Newexten    | PJSIP/101-1   |               | Dial to=16465550123
        3 | Newchannel  | PJSIP/trunk-1 |               | Down linked=PJSIP/101-1
        3 | DialBegin   | PJSIP/101-1   | PJSIP/trunk-1 | x
        9 | Hangup      | PJSIP/trunk-1 |               | 17
        9 | Hangup      | PJSIP/101-1   |               | 17
        """
    )
    assert scenario.calls[-1].did == "s"


# --- how far it has come ----------------------------------------------------------------------


def event(name: str, uniqueid: str = "textback-1", **headers: str) -> bytes:
    snapshot = {
        "Channel": "PJSIP/101-1",
        "ChannelState": "0",
        "CallerIDNum": "101",
        "CallerIDName": "",
        "Context": "from-internal",
        "Exten": "s",
        "Uniqueid": uniqueid,
        "Linkedid": uniqueid,
    }
    lines = {"Event": name, "Privilege": "call,all", **snapshot, **headers}
    return "".join(f"{key}: {value}\r\n" for key, value in lines.items()).encode() + b"\r\n"


BORN = event("Newchannel")
RINGS = event("Newstate", ChannelState="5")
UP = event("Newstate", ChannelState="6")
BRIDGED = event(
    "BridgeEnter", BridgeUniqueid="b", BridgeType="basic", BridgeTechnology="simple_bridge"
)
HELD = event(
    "BridgeEnter", BridgeUniqueid="b", BridgeType="base", BridgeTechnology="holding_bridge"
)


def hung_up(cause: int) -> bytes:
    return event("Hangup", Cause=str(cause))


def response(said: str, call_id: str = "textback-1") -> bytes:
    return event("OriginateResponse", ActionID=f"textback-dial-{call_id}", Response=said)


def placed_call(number: int = 1) -> Dialled:
    return Dialled(
        id=f"textback-{number}",
        phone="PJSIP/101",
        number=NUMBER,
        stage=DialStage.ASKED,
        at=NOW,
    )


def stages(*raw: bytes) -> list[str]:
    """Each stage a call comes to by these events."""
    seen: list[str] = []
    calls = PlacedCalls()
    calls.on_change = lambda call: seen.append(call.stage.value)
    calls.begin(placed_call())
    for one in raw:
        parsed = parse_event(one)
        assert parsed is not None
        calls.heard(parsed)
    return seen


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ((BORN, RINGS, UP, BRIDGED, hung_up(16)), ["ringing", "calling", "speaking", "over"]),
        ((BORN, RINGS, UP, hung_up(17)), ["ringing", "calling", "not_reached"]),
        ((BORN, UP, HELD, hung_up(16)), ["calling", "not_reached"]),
        ((BORN, RINGS, hung_up(19)), ["ringing", "no_answer"]),
        ((BORN, RINGS, hung_up(21)), ["ringing", "busy"]),
        ((BORN, hung_up(17)), ["busy"]),
        ((BORN, hung_up(20)), ["unreachable"]),
        # busy, as Asterisk 22 tells it: the response says nothing of use, and comes first
        ((BORN, response("Failure"), hung_up(17)), ["busy"]),
        ((response("Failure"),), ["unreachable"]),
        ((response("Success"), BORN, RINGS), ["ringing"]),
        ((BORN, RINGS, UP, RINGS, UP), ["ringing", "calling"]),
        ((BORN, hung_up(17), RINGS, UP), ["busy"]),
        ((event("Newstate", "textback-2", ChannelState="5"),), []),
        ((response("Failure", "textback-2"),), []),
    ],
)
def test_a_call_comes_to_its_stages_by_the_events_of_its_phone(
    raw: tuple[bytes, ...], told: list[str]
) -> None:
    assert stages(*raw) == told


def test_somebody_elses_originate_is_no_event_of_ours() -> None:
    other = event("OriginateResponse", ActionID="crm-7", Response="Failure")
    assert parse_event(other) is None
    ours = parse_event(response("Failure"))
    assert isinstance(ours, OriginateResponse)
    assert (ours.call_id, ours.success) == ("textback-1", False)


def test_a_lost_link_ends_what_was_open() -> None:
    calls = PlacedCalls()
    calls.begin(placed_call())
    calls.lost()
    found = calls.get("textback-1")
    assert found is not None
    assert found.stage is DialStage.LOST
    assert not calls.waiting


def test_no_more_calls_are_remembered_than_there_is_room_for() -> None:
    calls = PlacedCalls()
    for number in range(MOST + 10):
        calls.begin(placed_call(number))
    assert calls.get("textback-9") is None
    assert calls.get("textback-10") is not None
    for number in range(MOST + 10):
        calls.failed(f"textback-{number}", DialStage.LOST)
    assert not calls.waiting


# --- what is asked of Asterisk ----------------------------------------------------------------


@dataclass
class FakeLink:
    contacts: str = "PJSIP/101/sip:101@127.0.0.1:5070"
    known: str = "1"
    callerid: str = '"Front desk" <101>'
    refuse: dict[str, Exception] = field(default_factory=dict)
    sent: list[dict[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def action(self, name: str, **fields: str) -> list[dict[str, str]]:
        AmiAction({"Action": name, **fields})  # raises for what no line can hold
        if name in self.refuse:
            raise self.refuse[name]
        if name == "Getvar":
            self.asked.append(fields["Variable"])
            function = fields["Variable"].partition("(")[0]
            value = {
                "PJSIP_DIAL_CONTACTS": self.contacts,
                "DIALPLAN_EXISTS": self.known,
                "PJSIP_ENDPOINT": self.callerid,
            }[function]
            return [{"response": "Success", "value": value}]
        assert name == "Originate"
        self.sent.append(fields)
        return [{"response": "Success", "message": "Originate successfully queued"}]


def stream() -> Stream:
    inbound = Inbound(frozenset({"from-trunk"}))
    return Stream(
        lambda boot: Tracker(pbx="pbx", boot=boot, inbound=inbound, watch=lambda did: None)
    )


async def clicks(link: FakeLink, *, context: str = "from-internal", right: bool = True) -> Clicks:
    warnings: dict[str, str | None] = {}
    made = Clicks(link, stream(), context=context, warn=warnings.__setitem__)

    async def may(action: str) -> bool:
        assert action == "Originate"
        return right

    await made.check(may)
    assert bool(warnings.get("write_originate")) is (bool(context) and not right)
    return made


async def dialled(made: Clicks, **changed: str) -> Dialled:
    asked = {
        "phone": "PJSIP/101",
        "number": NUMBER,
        "exten": "916465550123",
        "name": "Zoë Martin",
        "ours": "+12125550100",
        **changed,
    }
    phone, number, exten = (asked.pop(key) for key in ("phone", "number", "exten"))
    return await made.dial(phone, number, exten, **asked, at=NOW)


async def refused(made: Clicks, **changed: str) -> DialRefusal:
    with pytest.raises(DialRefusedError) as caught:
        await dialled(made, **changed)
    return caught.value.reason


async def test_a_click_originates_the_phone_into_the_context_with_the_number() -> None:
    link = FakeLink()
    call = await dialled(await clicks(link))
    (sent,) = link.sent
    assert sent["Channel"] == "PJSIP/101"
    assert (sent["Context"], sent["Exten"], sent["Priority"]) == (
        *("from-internal", "916465550123", "1"),
    )
    assert (sent["Async"], sent["ChannelId"], sent["Timeout"]) == ("true", call.id, "30000")
    assert sent["ActionID"] == f"textback-dial-{call.id}"
    assert call.stage is DialStage.ASKED
    assert link.asked[:2] == [
        "PJSIP_DIAL_CONTACTS(101)",
        "DIALPLAN_EXISTS(from-internal,916465550123,1)",
    ]


async def test_the_phone_shows_whom_it_calls_and_the_line_outside_does_not() -> None:
    link = FakeLink()
    await dialled(await clicks(link))
    (sent,) = link.sent
    assert sent["Variable"] == (
        "__TEXTBACK_NUMBER=+12125550100,CONNECTEDLINE(num)=+16465550123,"
        "CONNECTEDLINE(name)=Zoë Martin"
    )
    assert "CallerID" not in sent


async def test_an_endpoint_without_a_caller_id_calls_with_its_own_number() -> None:
    link = FakeLink(callerid='"" <>')
    await dialled(await clicks(link))
    assert link.sent[0]["Variable"].endswith(",CALLERID(num)=101")


@settings(max_examples=200, deadline=None)
@given(name=st.text(max_size=120), ours=st.text(max_size=30))
def test_no_name_and_no_number_of_ours_adds_a_variable_or_a_header(name: str, ours: str) -> None:
    async def work() -> None:
        link = FakeLink()
        await dialled(await clicks(link), name=name, ours=ours)
        said = link.sent[0]["Variable"]
        keys = [one.partition("=")[0] for one in said.split(",")]
        allowed = {"__TEXTBACK_NUMBER", "CONNECTEDLINE(num)", "CONNECTEDLINE(name)"}
        assert set(keys) <= allowed
        assert len(keys) == len(set(keys))
        assert not re.search(r'[\x00-\x1f"<>;\\${}\[\]]', said)

    asyncio.run(work())


@settings(max_examples=200, deadline=None)
@given(exten=st.text(max_size=40), number=st.text(max_size=40))
def test_what_is_no_number_is_dialled_by_nobody(exten: str, number: str) -> None:
    async def work() -> None:
        link = FakeLink()
        made = await clicks(link)
        try:
            await dialled(made, exten=exten, number=number)
        except DialRefusedError as error:
            assert error.reason is DialRefusal.NUMBER
            assert not link.asked
        else:
            assert re.fullmatch(r"[0-9*#+]+", exten, re.ASCII)

    asyncio.run(work())


@pytest.mark.parametrize(
    "exten", ["1\r\nAction: Command", "1,1)&SHELL(id", "1&Local/9@x", "${X}", "12125550123@x", ""]
)
async def test_a_hostile_number_is_refused_before_anything_is_asked(exten: str) -> None:
    link = FakeLink()
    assert await refused(await clicks(link), exten=exten) is DialRefusal.NUMBER
    assert link.asked == []


@pytest.mark.parametrize("phone", ["", "Local/101@from-internal", "PJSIP/1&PJSIP/2", "SIP/101"])
async def test_only_a_pjsip_phone_is_rung(phone: str) -> None:
    assert await refused(await clicks(FakeLink()), phone=phone) is DialRefusal.NO_PHONE


async def test_a_phone_that_is_not_registered_and_a_number_without_a_way_are_told_at_once() -> None:
    assert await refused(await clicks(FakeLink(contacts=""))) is DialRefusal.UNREACHABLE
    assert await refused(await clicks(FakeLink(known="0"))) is DialRefusal.NO_WAY


async def test_without_a_context_or_the_right_nobody_is_called() -> None:
    off = await clicks(FakeLink(), context="")
    assert off.refusal is DialRefusal.OFF
    assert await refused(off) is DialRefusal.OFF
    denied = await clicks(FakeLink(), right=False)
    assert denied.refusal is DialRefusal.DENIED
    assert await refused(denied) is DialRefusal.DENIED


async def test_a_right_that_was_taken_away_meanwhile_is_noticed() -> None:
    link = FakeLink()
    made = await clicks(link)
    assert made.refusal is None
    link.refuse["Originate"] = ActionRefused("Originate", "Permission denied")
    assert await refused(made) is DialRefusal.DENIED
    assert made.refusal is DialRefusal.DENIED


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ActionRefused("Originate", "Extension does not exist."), DialRefusal.REFUSED),
        (NotConnected("down"), DialRefusal.DOWN),
        (ActionTimeout("no answer to Originate"), DialRefusal.DOWN),
    ],
)
async def test_what_asterisk_answers_becomes_a_reason(
    error: Exception, reason: DialRefusal
) -> None:
    link = FakeLink(refuse={"Originate": error})
    made = await clicks(link)
    told: list[Dialled] = []
    made.watch(told.append)
    assert await refused(made) is reason
    assert told[-1].stage.is_final


async def test_a_click_waits_until_the_phone_rings_and_no_longer_than_it_is_told() -> None:
    link = FakeLink()
    source = stream()
    made = Clicks(link, source, context="from-internal", warn=lambda key, text: None)

    async def may(_action: str) -> bool:
        return True

    await made.check(may)
    call = await dialled(made)
    still = await made.settled(call.id, 0.01)
    assert still is not None
    assert still.stage is DialStage.ASKED
    waiting = asyncio.create_task(made.settled(call.id, 10.0))
    await asyncio.sleep(0)
    source.message(event("Newchannel", call.id), Moment.now())
    source.message(event("Newstate", call.id, ChannelState="5"), Moment.now())
    rung = await waiting
    assert rung is not None
    assert rung.stage is DialStage.RINGING
