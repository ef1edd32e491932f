"""The link's table, its settings, its questions, and the manager.conf drop-in that goes with it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ami_listener import presentation
from ami_listener.actions import AmiAction
from ami_listener.events import APPLICATIONS, USED, VARIABLES
from ami_listener.journal import Journal
from ami_listener.permissions import (
    NEEDED_ACTIONS,
    OPTIONAL_READ_CLASSES,
    READ_CLASSES,
    not_given,
)
from ami_listener.presentation import PresentationAsker
from ami_listener.settings import TRANSITIONS, LinkState, PbxSettings
from ami_listener.tracker import Inbound
from tests.unit.test_ami_listener_pump import fact

CONF = Path(__file__).parents[2] / "conf" / "asterisk" / "manager.d" / "textback.conf"


def some_settings(**changes: Any) -> PbxSettings:
    values: dict[str, Any] = {
        "name": "pbx",
        "host": "127.0.0.1",
        "username": "textback",
        "secret": "s3cret",
        "inbound": Inbound(contexts=frozenset({"from-trunk"})),
        **changes,
    }
    return PbxSettings(**values)


# --- the table ----------------------------------------------------------------------------------


def test_every_state_is_in_the_table_and_can_be_reached_and_left() -> None:
    assert set(TRANSITIONS) == set(LinkState)
    assert set().union(*TRANSITIONS.values()) == set(LinkState)
    assert all(TRANSITIONS.values())


def test_a_step_that_is_not_in_the_table_is_a_bug() -> None:
    journal = Journal("pbx", None)
    with pytest.raises(RuntimeError, match="stopped -> up is not in the table"):
        journal.to(LinkState.UP, "")


def test_counters_of_old_connections_are_kept() -> None:
    journal = Journal("pbx", None)
    journal.count_all({"bytes_received": 10})
    assert journal.counters_with({"bytes_received": 5, "events_unused": 1}) == {
        "bytes_received": 15,
        "events_unused": 1,
    }


# --- settings -----------------------------------------------------------------------------------


def test_the_secret_is_in_no_representation() -> None:
    assert "s3cret" not in repr(some_settings())


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"secret": "a\r\nAction: Command"}, "Secret contains a line break"),
        ({"username": "a\nb"}, "Username contains a line break"),
        ({"secret": "x" * 2000}, "longer than"),
        ({"host": ""}, "a host and a port"),
        ({"port": 0}, "a host and a port"),
        ({"port": 65536}, "a host and a port"),
        ({"ping_timeout": 0}, "ping_timeout must be above 0"),
        ({"queue_size": 0}, "queue_size must be above 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        some_settings(**changes)


# --- the presentation -----------------------------------------------------------------------------


class Asked:
    """Stands for a connection: keeps the actions, answers when told."""

    def __init__(self) -> None:
        self.actions: list[AmiAction] = []
        self.forgotten: list[str] = []

    def send(self, action: AmiAction) -> asyncio.Future[Any]:
        self.actions.append(action)
        future: asyncio.Future[Any] = action.future
        return future

    def forget(self, action_id: str) -> None:
        self.forgotten.append(action_id)


async def test_open_presentation_questions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presentation, "MAX_OPEN", 3)
    asker, connection = PresentationAsker(lambda refusal: None), Asked()
    for number in range(5):
        asker.ask(connection, fact(f"1.{number}"))  # type: ignore[arg-type]
    assert len(connection.actions) == 3
    assert asker.counters["presentation_skipped"] == 2


async def test_old_presentation_questions_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asker, connection = PresentationAsker(lambda refusal: None), Asked()
    asker.ask(connection, fact("1.1"))  # type: ignore[arg-type]
    monkeypatch.setattr(presentation, "TIMEOUT", -1.0)
    asker.ask(connection, fact("1.2"))  # type: ignore[arg-type]
    assert connection.forgotten == ["textback-pres-1.1"]
    assert asker.counters["presentation_unanswered"] == 1


async def test_a_call_without_a_channel_name_is_not_asked_about() -> None:
    """Asterisk answers `allowed_not_screened` to a Getvar without a channel."""
    asker, connection = PresentationAsker(lambda refusal: None), Asked()
    asker.ask(connection, replace(fact("1.1"), channel=""))  # type: ignore[arg-type]
    assert connection.actions == []
    assert asker.counters["presentation_skipped"] == 1


# --- permissions and the drop-in ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "missing"),
    [
        ("system,call,agent,dialplan", ()),
        ("all", ()),
        ("system, call,user", ("agent", "dialplan")),
        ("", ("system", "call", "agent", "dialplan")),
    ],
)
def test_missing_read_classes_are_named(read: str, missing: tuple[str, ...]) -> None:
    assert not_given(read) == missing


def setting(name: str) -> str:
    found = re.search(rf"^{name} = (.*)$", CONF.read_text(), re.MULTILINE)
    assert found is not None, f"{name} is not in {CONF.name}"
    return found[1]


def test_the_drop_in_gives_what_is_needed_and_nothing_else() -> None:
    assert setting("read").split(",") == [*READ_CLASSES, *OPTIONAL_READ_CLASSES]
    assert setting("write") == "reporting,message"
    assert setting("permit") == "127.0.0.1/255.255.255.255"
    assert int(setting("writetimeout")) >= 1000
    assert setting("timestampevents") == "yes"
    assert "Getvar" in NEEDED_ACTIONS


def test_the_drop_in_has_no_secret_of_its_own() -> None:
    """A secret everybody can read in the sources is none; without one nobody can log in."""
    assert not re.search(r"^secret", CONF.read_text(), re.MULTILINE)
    assert re.search(r"^;secret = ", CONF.read_text(), re.MULTILINE)


def filters(prefix: str) -> str:
    lines = CONF.read_text().splitlines()
    return "\n".join(line for line in lines if line.startswith(prefix))


#: Not every one of them is wanted: filtered by what is in them.
PICKED = {b"CoreShowChannel", b"VarSet", b"Newexten", b"UserEvent"}
NAMES = sorted(name.decode() for name in USED - PICKED)


def test_the_filters_let_through_exactly_the_events_that_are_used() -> None:
    advanced = re.findall(
        r"^eventfilter\(action\(include\),name\((\w+)\)\) =$", filters("event"), re.M
    )
    assert sorted(advanced) == NAMES
    legacy = re.search(
        r"^;eventfilter = \^Event: \(([\w|]+)\)\[\[:cntrl:\]\]$", filters(";event"), re.M
    )
    assert legacy is not None
    assert sorted(legacy[1].split("|")) == NAMES


@pytest.mark.parametrize("prefix", ["event", ";event"])
@pytest.mark.parametrize(("event", "values"), [("VarSet", VARIABLES), ("Newexten", APPLICATIONS)])
def test_the_filters_know_the_variables_and_applications_that_are_used(
    prefix: str, event: str, values: frozenset[bytes]
) -> None:
    (line,) = [line for line in filters(prefix).splitlines() if event in line]
    found = re.search(r"\(([A-Za-z_|]+)\)(?:\$|\[\[:cntrl:\]\])$", line)
    assert found is not None
    assert set(found[1].split("|")) == {value.decode() for value in values}


def test_the_legacy_filters_match_events_as_asterisk_writes_them() -> None:
    """POSIX [[:cntrl:]] is a CR here; `.` crosses lines."""
    patterns = [
        re.compile(
            line.removeprefix(";eventfilter = ").replace("[[:cntrl:]]", r"[\x00-\x1f]"), re.S
        )
        for line in filters(";event").splitlines()
    ]

    def passes(text: str) -> bool:
        return any(pattern.search(text) for pattern in patterns)

    assert passes("Event: Hangup\r\nPrivilege: call,all\r\n")
    assert not passes("Event: HangupRequest\r\nPrivilege: call,all\r\n")
    assert passes("Event: VarSet\r\nChannel: x\r\nVariable: __FROM_DID\r\nValue: 1\r\n")
    assert not passes("Event: VarSet\r\nChannel: x\r\nVariable: SIPCALLID\r\nValue: 1\r\n")
    assert passes("Event: Newexten\r\nApplication: VoiceMail\r\nAppData: 1\r\n")
    assert not passes("Event: Newexten\r\nApplication: NoOp\r\nAppData: 1\r\n")
    assert passes("Event: UserEvent\r\nUniqueid: 1\r\nUserEvent: TextBack\r\nAction: missed\r\n")
    assert not passes("Event: UserEvent\r\nUniqueid: 1\r\nUserEvent: Other\r\nA: TextBack\r\n")
    assert not passes("Event: RTCPSent\r\nChannel: Event: Hangup\r\n")
