"""What the dialplan says of a call, by hook, UserEvent and variable, as the tracker takes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ami_listener.events import Tainted, parse_event
from ami_listener.hints import MOST_CALLS, WAIT, WAIT_DOWN
from ami_listener.rules_hints import MOST_HINTS
from ami_listener.tracker import Tracker
from tests.unit.ami_tables import CALLER, DID, INBOUND
from textback.model import (
    Call,
    Direction,
    Hint,
    HintKind,
    Moment,
    Outcome,
    Phase,
    Presentation,
)

EPOCH = 1_700_000_000.0
TRUNK, PHONE = "PJSIP/trunk-00000001", "PJSIP/101-00000002"
UID, LEG = "1700000000.1", "1700000000.2"


def at(seconds: float) -> Moment:
    return Moment.at(EPOCH + seconds)


def snapshot(
    name: str, uniqueid: str, state: str = "4", context: str = "from-trunk", prefix: str = ""
) -> list[tuple[str, str]]:
    lines = {
        "Channel": name,
        "ChannelState": state,
        "ChannelStateDesc": "Ring",
        "CallerIDNum": CALLER,
        "CallerIDName": "<unknown>",
        "ConnectedLineNum": "<unknown>",
        "ConnectedLineName": "<unknown>",
        "Language": "en",
        "AccountCode": "",
        "Context": context,
        "Exten": DID,
        "Priority": "1",
        "Uniqueid": uniqueid,
        "Linkedid": UID,
    }
    return [(prefix + key, value) for key, value in lines.items()]


def raw(event: str, lines: list[tuple[str, str]], *more: tuple[str, str]) -> bytes:
    all_lines = [("Event", event), ("Privilege", "user,all"), *lines, *more]
    return "\r\n".join(f"{key}: {value}" for key, value in all_lines).encode()


class Site:
    """A tracker, fed with the bytes Asterisk would send, and all it told."""

    def __init__(self) -> None:
        self.handed: list[tuple[Hint, Call | None]] = []
        self.facts: list[Call] = []
        self.now = at(0)
        self.tracker = Tracker(
            pbx="pbx",
            boot="2026-01-01T00:00:00",
            inbound=INBOUND,
            watch=lambda _did: 15.0,
            on_hint=lambda hint, call: self.handed.append((hint, call)),
        )

    def feed(self, message: bytes, seconds: float = 1.0) -> list[Call]:
        event = parse_event(message)
        assert event is not None
        self.now = at(seconds)
        told = self.tracker.feed(event, self.now)
        self.facts += told
        return told

    def call(self, context: str = "from-trunk") -> None:
        self.feed(raw("Newchannel", snapshot(TRUNK, UID, context=context)), 0)

    def leg(self, name: str = PHONE, uniqueid: str = LEG) -> None:
        """A phone, dialled for the call."""
        self.feed(raw("Newchannel", snapshot(name, uniqueid, "0", "from-internal")))
        lines = snapshot(TRUNK, UID) + snapshot(name, uniqueid, "0", "from-internal", "Dest")
        self.feed(raw("DialBegin", lines, ("DialString", "101")))

    def user_event(
        self, *more: tuple[str, str], name: str = TRUNK, uniqueid: str = UID, seconds: float = 1.0
    ) -> list[Call]:
        lines = [*snapshot(name, uniqueid), ("UserEvent", "TextBack")]
        return self.feed(raw("UserEvent", lines, *more), seconds)

    def var(self, variable: str, value: str, name: str = TRUNK, uniqueid: str = UID) -> list[Call]:
        lines = snapshot(name, uniqueid)
        return self.feed(raw("VarSet", lines, ("Variable", variable), ("Value", value)))

    def hint(
        self, kind: HintKind, uniqueid: str = UID, *, told: bool = False, **rest: Any
    ) -> list[Call]:
        hint = Hint(kind=kind, pbx="pbx", uniqueid=uniqueid, at=self.now, source="agi", **rest)
        facts = self.tracker.hint(hint, self.now, told=told)
        self.facts += facts
        return facts

    def hang_up(self, seconds: float = 5.0) -> Call:
        told = self.feed(raw("Hangup", snapshot(TRUNK, UID), ("Cause", "16")), seconds)
        return told[-1]

    @property
    def standing(self) -> Call:
        call = self.tracker.call(UID, self.now)
        assert call is not None
        return call

    @property
    def counters(self) -> dict[str, int]:
        return self.tracker.counters


@pytest.fixture
def site() -> Site:
    made = Site()
    made.call()
    return made


# --- one word, three ways -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "source"), [("agi", "agi"), ("event", "UserEvent"), ("variable", "TEXTBACK=missed")]
)
def test_missed_is_told_at_once_whoever_says_it(site: Site, way: str, source: str) -> None:
    facts = {
        "agi": lambda: site.hint(HintKind.MISSED),
        "event": lambda: site.user_event(("Action", "missed")),
        "variable": lambda: site.var("TEXTBACK", "missed"),
    }[way]()

    assert [(f.phase, f.told_missed, f.handled) for f in facts] == [(Phase.HINTED, source, "")]
    assert facts[0].told_at == site.now
    assert facts[0].trail[-1][1] == f"dialplan: this call is missed ({source})"
    end = site.hang_up()
    assert (end.phase, end.told_missed, end.outcome) == (
        Phase.ENDED,
        source,
        Outcome.IVR_ABANDONED,
    )


@pytest.mark.parametrize("variable", ["TEXTBACK", "_TEXTBACK", "__TEXTBACK"])
@pytest.mark.parametrize("value", ["no", "NO", " no ", "handled", "0", "false", "off"])
def test_no_is_no_however_it_is_written(site: Site, variable: str, value: str) -> None:
    (fact,) = site.var(variable, value)

    assert fact.handled == f"TEXTBACK={value.strip()}"


@pytest.mark.parametrize("value", ["", "  ", "yes", "auto", "1"])
def test_what_says_nothing_changes_nothing(site: Site, value: str) -> None:
    site.var("__TEXTBACK", "no")

    assert site.var("__TEXTBACK", value) == []
    assert site.standing.handled == "TEXTBACK=no"


def test_a_value_we_do_not_know_stands_in_the_trail(site: Site) -> None:
    assert site.var("TEXTBACK", "perhaps") == []
    assert site.standing.trail[-1][1] == "dialplan: TEXTBACK=perhaps says nothing to us"
    assert site.counters["hints_unreadable"] == 1


def test_the_last_word_counts(site: Site) -> None:
    site.hint(HintKind.HANDLED)
    (missed,) = site.hint(HintKind.MISSED)
    assert (missed.handled, missed.told_missed) == ("", "agi")

    (handled,) = site.var("TEXTBACK", "no")
    assert (handled.handled, handled.told_missed, handled.told_at) == ("TEXTBACK=no", "", None)


def test_the_same_word_again_is_no_news(site: Site) -> None:
    assert len(site.hint(HintKind.HANDLED)) == 1
    assert site.hint(HintKind.HANDLED) == []


def test_a_message_is_chosen_by_name(site: Site) -> None:
    (by_variable,) = site.var("__TEXTBACK_MESSAGE", "closed")
    (by_event,) = site.user_event(("Action", "message"), ("Message", "parking"))
    (by_missed,) = site.hint(HintKind.MISSED, message="late")

    assert [f.message for f in (by_variable, by_event, by_missed)] == ["closed", "parking", "late"]
    assert site.hang_up().message == "late"


def test_verstat_is_kept_and_goes_with_the_next_fact(site: Site) -> None:
    assert site.var("__TEXTBACK_VERSTAT", "TN-Validation-Failed" + "x" * 500) == []

    end = site.hang_up()
    assert end.verstat.startswith("TN-Validation-Failed")
    assert len(end.verstat) == 80


def test_a_call_that_is_not_from_outside_tells_nothing_of_it() -> None:
    site = Site()
    site.call(context="from-internal")

    assert site.hint(HintKind.MISSED) == []
    assert site.hang_up().direction is Direction.OUTBOUND


def test_the_hooks_own_word_on_the_presentation_saves_asking(site: Site) -> None:
    (fact,) = site.hint(HintKind.MISSED, presentation=Presentation.ALLOWED)

    assert fact.presentation is Presentation.ALLOWED


def test_a_presentation_that_comes_after_missed_tells_missed_again(site: Site) -> None:
    (early,) = site.hint(HintKind.MISSED)
    answer = f"Response: Success\r\nActionID: textback-pres-{UID}\r\nValue: allowed"
    (again,) = site.feed(answer.encode())

    assert (early.presentation, again.presentation) == (
        Presentation.UNKNOWN,
        Presentation.ALLOWED,
    )
    assert (again.phase, again.told_missed) == (Phase.HINTED, "agi")


# --- what is not the call's alone -----------------------------------------------------------------


@pytest.mark.parametrize("action", ["optout", "optin"])
def test_a_wish_by_event_is_handed_over_with_its_call(site: Site, action: str) -> None:
    assert site.user_event(("Action", action)) == []

    ((hint, call),) = site.handed
    assert (hint.kind.value, hint.source, hint.uniqueid) == (action, "UserEvent", UID)
    assert call is not None
    assert (call.caller, call.did) == (CALLER, DID)


def test_an_offer_needs_its_message(site: Site) -> None:
    site.user_event(("Action", "offer"))
    assert site.handed == []
    assert "without a Message" in site.standing.trail[-1][1]

    site.user_event(("Action", "offer"), ("Message", "address"))
    assert [(hint.kind, hint.message) for hint, _ in site.handed] == [(HintKind.OFFER, "address")]


# --- legs and strangers ---------------------------------------------------------------------------


def test_a_word_on_a_leg_counts_for_the_call_it_rings_for(site: Site) -> None:
    site.leg()

    (by_variable,) = site.var("TEXTBACK", "no", PHONE, LEG)
    (by_hook,) = site.hint(HintKind.MISSED, LEG)
    (by_event,) = site.user_event(("Action", "handled"), name=PHONE, uniqueid=LEG)
    assert [f.key.uniqueid for f in (by_variable, by_hook, by_event)] == [UID] * 3


def test_a_word_on_a_leg_waits_for_its_dial_begin(site: Site) -> None:
    site.feed(raw("Newchannel", snapshot(PHONE, LEG, "0", "from-internal")))
    assert site.var("__TEXTBACK", "no", PHONE, LEG) == []

    lines = snapshot(TRUNK, UID) + snapshot(PHONE, LEG, "0", "from-internal", "Dest")
    (fact,) = site.feed(raw("DialBegin", lines, ("DialString", "101")))
    assert fact.handled == "TEXTBACK=no"


def test_a_leg_that_inherits_its_callers_variables_says_nothing_new(site: Site) -> None:
    site.var("__TEXTBACK", "no")
    site.leg()

    assert site.var("__TEXTBACK", "no", PHONE, LEG) == []


def test_a_word_on_a_channel_of_no_call_counts_for_nothing(site: Site) -> None:
    site.feed(raw("Newchannel", snapshot("PJSIP/102-9", "1700000000.9", "0", "from-internal")))
    site.var("TEXTBACK", "no", "PJSIP/102-9", "1700000000.9")
    site.tracker.expire(at(1 + WAIT + 1))

    assert site.standing.handled == ""
    assert site.counters["hints_unrelated"] == 1
    assert site.tracker.sizes["hints"] == 0


# --- early words ----------------------------------------------------------------------------------


def test_a_hook_that_overtakes_its_calls_birth_waits_for_it() -> None:
    site = Site()
    assert site.hint(HintKind.MESSAGE, message="closed") == []
    assert site.hint(HintKind.MISSED) == []
    site.call()

    assert [f.phase for f in site.facts] == [Phase.STARTED, Phase.HINTED, Phase.HINTED]
    assert (site.facts[-1].message, site.facts[-1].told_missed) == ("closed", "agi")
    assert site.handed == []
    assert site.tracker.next_deadline() is None
    assert site.tracker.sizes["hints"] == 0


def test_a_variable_that_comes_before_the_birth_waits_too() -> None:
    site = Site()
    site.var("TEXTBACK_VERSTAT", "passed")
    site.var("TEXTBACK", "no")
    site.call()

    assert (site.standing.verstat, site.standing.handled) == ("passed", "TEXTBACK=no")


def test_a_hook_no_call_comes_for_is_given_back() -> None:
    site = Site()
    site.hint(HintKind.MISSED)
    due = site.tracker.next_deadline()
    assert due == pytest.approx(EPOCH + WAIT)
    site.tracker.expire(at(WAIT))

    assert [(hint.kind, call) for hint, call in site.handed] == [(HintKind.MISSED, None)]
    assert site.tracker.next_deadline() is None


def test_a_hook_of_a_call_that_is_over_is_given_back_at_once(site: Site) -> None:
    site.hang_up()
    site.hint(HintKind.MISSED)

    assert [call for _, call in site.handed] == [None]


def test_what_intake_was_told_is_remembered_for_the_call_and_not_told_again() -> None:
    site = Site()
    site.hint(HintKind.MISSED, told=True)
    site.tracker.expire(at(WAIT_DOWN - 1))
    site.call()

    assert [f.phase for f in site.facts] == [Phase.STARTED]
    assert site.standing.told_missed == "agi"


def test_what_intake_was_told_is_forgotten_in_silence() -> None:
    site = Site()
    site.hint(HintKind.MISSED, told=True)
    site.tracker.expire(at(WAIT_DOWN + 1))

    assert site.handed == []
    assert site.tracker.sizes["hints"] == 0


def test_another_start_of_asterisk_knows_nothing_of_what_was_said() -> None:
    site = Site()
    site.hint(HintKind.HANDLED, told=True)
    site.tracker.restarted("2026-01-02T00:00:00", at(2))
    site.call()

    assert site.standing.handled == ""


def test_the_waiting_room_is_bounded() -> None:
    site = Site()
    for number in range(MOST_CALLS + 10):
        site.hint(HintKind.MISSED, f"1700000000.{number}")
    assert site.tracker.sizes["hints"] == MOST_CALLS
    assert len(site.handed) == 10

    for _ in range(100):
        site.hint(HintKind.MISSED, "1700000000.500")
    assert site.tracker.sizes["hints"] == MOST_CALLS
    site.tracker.expire(at(WAIT + 1))
    assert site.tracker.sizes["hints"] == 0
    assert len(site.handed) == MOST_CALLS + 10 + 100


# --- forged and hostile ---------------------------------------------------------------------------


def test_an_event_that_names_a_stranger_under_anothers_uniqueid_is_not_believed(
    site: Site,
) -> None:
    site.user_event(("Action", "optout"), name="PJSIP/trunk-000000ff")
    site.user_event(("Action", "optout"), uniqueid="1700000000.77")

    assert site.handed == []
    assert site.counters["hints_distrusted"] == 2


@pytest.mark.parametrize(
    "more",
    [
        (("Action", "missed"), ("Action", "optout")),
        (("Action", "missed"), ("Uniqueid", "1700000000.9")),
        (("Action", "missed"), ("UserEvent", "TextBack")),
    ],
)
def test_an_event_with_a_header_twice_is_ignored_and_taints(
    site: Site, more: tuple[tuple[str, str], ...]
) -> None:
    assert site.user_event(*more) == []
    assert site.handed == []
    assert site.standing.tainted
    assert site.standing.told_missed == ""


def test_a_tainted_call_is_not_spoken_for(site: Site) -> None:
    site.tracker.feed(Tainted(None, "Newstate", (UID,), "header exten more than once"), site.now)

    assert site.hint(HintKind.MISSED) == []
    assert site.user_event(("Action", "offer"), ("Message", "address")) == []
    assert site.handed == []
    assert site.counters["hints_distrusted"] == 2


def test_an_event_of_another_name_is_turned_away_unread() -> None:
    lines = [*snapshot(TRUNK, UID), ("UserEvent", "Other")]

    assert parse_event(raw("UserEvent", lines, ("Action", "missed"))) is None
    assert parse_event(raw("UserEvent", [*lines, ("X", "TextBack")])) is None


@pytest.mark.parametrize("name", ["TextBack", "textback", "TEXTBACK"])
def test_our_event_is_known_in_any_case_also_as_the_last_line(name: str) -> None:
    lines = [*snapshot(TRUNK, UID), ("Action", "missed"), ("UserEvent", name)]

    assert parse_event(raw("UserEvent", lines)) is not None


def test_an_action_we_do_not_know_stands_in_the_trail(site: Site) -> None:
    site.user_event(("Action", "explode"))

    assert site.standing.trail[-1][1] == (
        "dialplan: UserEvent(TextBack) with Action: explode says nothing to us"
    )


def test_a_dialplan_that_loops_is_heard_so_often_and_no_more(site: Site) -> None:
    for number in range(MOST_HINTS * 2):
        site.var("TEXTBACK_MESSAGE", f"m{number}")

    told = [f for f in site.facts if f.phase is Phase.HINTED]
    assert len(told) == MOST_HINTS
    assert site.standing.message == f"m{MOST_HINTS - 1}"


def test_the_call_of_a_channel_can_be_asked_for(site: Site) -> None:
    site.leg()

    assert site.standing == replace(site.standing, phase=Phase.HINTED)
    assert site.tracker.call(LEG, site.now) == site.standing
    assert site.tracker.call("1700000000.99", site.now) is None
    assert site.tracker.call("", site.now) is None
