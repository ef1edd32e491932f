"""Which connections have had their time, and which change of [console] a reload cannot bring."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from textback.config_console import Console
from textback.console.listening import BODY, FIRST, IDLE, Wires, needs_restart


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def request(wire: asyncio.Transport, *, read: bool) -> Any:
    """One under way on this connection; `read`: all of its body has come."""
    return SimpleNamespace(transport=wire, content=SimpleNamespace(is_eof=lambda: read))


def test_an_answer_may_take_its_time_and_a_body_may_not() -> None:
    """A page that listens is one long answer: it must not be cut off for being slow."""
    clock = Clock()
    wires, listens, sends = Wires(clock), asyncio.Transport(), asyncio.Transport()
    wires.begin(request(listens, read=True))
    wires.begin(request(sends, read=False))
    clock.now += BODY - 0.1
    assert wires.overdue([listens, sends]) == []
    clock.now += 0.2
    assert wires.overdue([listens, sends]) == [sends]
    clock.now += 86_400.0
    assert wires.overdue([listens, sends]) == [sends]


def test_a_connection_that_was_served_may_be_quiet_for_longer() -> None:
    clock = Clock()
    wires, fresh, served = Wires(clock), asyncio.Transport(), asyncio.Transport()
    asked = request(served, read=True)
    wires.begin(asked)
    wires.end(asked, served)
    assert wires.overdue([fresh, served]) == []
    clock.now += FIRST
    assert wires.overdue([fresh, served]) == [fresh]
    clock.now += IDLE - FIRST
    assert set(wires.overdue([fresh, served])) == {fresh, served}


@pytest.mark.parametrize(
    ("changed", "needed"),
    [
        ({}, False),
        ({"session_idle": 60.0}, False),
        ({"enabled": False}, True),
        ({"listen": "127.0.0.1:8481"}, True),
        ({"tls_cert": "/etc/textback/cert.pem"}, True),
    ],
)
def test_a_port_and_whether_it_speaks_tls_need_a_restart(
    changed: dict[str, Any], needed: bool
) -> None:
    old = Console()
    assert needs_restart(old, old.model_copy(update=changed)) is needed


def test_another_certificate_needs_no_restart() -> None:
    old = Console().model_copy(update={"tls_cert": "/etc/textback/one.pem"})
    assert not needs_restart(old, old.model_copy(update={"tls_cert": "/etc/textback/two.pem"}))
