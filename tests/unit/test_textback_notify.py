"""What systemd hears from the daemon."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from textback.notify import Notifier


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.setblocking(False)
        yield sock


def test_each_fact_is_one_datagram(systemd: socket.socket) -> None:
    notifier = Notifier(systemd.getsockname())
    notifier.ready()
    notifier.reloading()
    notifier.stopping()
    notifier.alive()
    assert [systemd.recv(200).decode() for _ in range(4)] == [
        f"READY=1\nMAINPID={os.getpid()}",
        "RELOADING=1",
        "STOPPING=1",
        "WATCHDOG=1",
    ]


def test_a_status_is_sent_when_it_changed(systemd: socket.socket) -> None:
    notifier = Notifier(systemd.getsockname())
    notifier.status("a")
    notifier.status("a")
    notifier.status("b")
    assert [systemd.recv(200), systemd.recv(200)] == [b"STATUS=a", b"STATUS=b"]
    with pytest.raises(BlockingIOError):
        systemd.recv(200)


def test_an_abstract_address_begins_with_an_at_sign() -> None:
    name = f"textback-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0{name}")
        Notifier(f"@{name}").alive()
        assert sock.recv(200) == b"WATCHDOG=1"


def test_without_systemd_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    with capture_logs() as logs:
        Notifier().ready()
    assert logs == []


def test_a_supervisor_that_is_gone_is_logged_and_no_more(tmp_path: Path) -> None:
    with capture_logs() as logs:
        Notifier(str(tmp_path / "nobody")).ready()
    assert [entry["event"] for entry in logs] == ["systemd_unreachable"]


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("30000000", "", 15.0),
        ("30000000", "own", 15.0),
        ("30000000", "1", None),
        ("", "", None),
        ("0", "", None),
        ("soon", "", None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_asked(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str, seconds: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
    assert Notifier("").watchdog_interval == seconds
