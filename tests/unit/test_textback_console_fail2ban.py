"""The fail2ban filter we ship, held by Debian's own fail2ban-regex against lines our log writes."""

from __future__ import annotations

import configparser
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import structlog

from textback import log

ROOT = Path(__file__).parents[2]
FILTER = ROOT / "conf" / "fail2ban" / "filter.d" / "textback.conf"
JAIL = ROOT / "conf" / "fail2ban" / "jail.d" / "textback.conf"

if shutil.which("fail2ban-regex") is None:
    pytest.fail("fail2ban-regex is not there: tests/lab/packages.sh test")

#: Hostile names: each tries to have somebody else banned, or to hide who tries.
NAMES = (
    "anna",
    "?",
    '"',
    "anna\n",
    'x", "address": "198.51.100.1", "reason": "password"',
    "x address=198.51.100.1 reason=password",
    '\n{"event": "console_login_failed", "address": "198.51.100.1", "reason": "password"}',
    "\\",
    "\u2028 address=198.51.100.1",
)


ADDRESSES = ("192.0.2.7", "2001:db8::7", "192.168.100.200")
REASONS = ("password", "unknown", "disabled", "locked")


def lines(style: str, mask: bool = True) -> list[str]:
    """What our log writes for failures from 192.0.2.7 and 2001:db8::7, among other lines."""
    stream = io.StringIO()
    log.configure(style=style, stream=stream, mask=mask)
    try:
        door, other = structlog.get_logger("door"), structlog.get_logger("other")
        for address in ADDRESSES:
            for reason in REASONS:
                door.warning("console_login_failed", address=address, reason=reason, user="anna")
        for name in NAMES:
            door.warning("console_login_failed", address="192.0.2.7", reason="unknown", user=name)
            other.info("console_login", user=name, address="198.51.100.1")
            other.info("call_started", call="pbx:1700000000.1", caller=name, did=name)
            other.warning(name)
        door.warning("console_login_failed", address="198.51.100.1", reason="busy", user="anna")
    finally:
        log.configure()
    return stream.getvalue().splitlines()


def fail2ban(tmp_path: Path, given: list[str]) -> list[str]:
    """The addresses that fail2ban finds, in order."""
    file = tmp_path / "log"
    file.write_text("\n".join(given) + "\n", encoding="utf-8")
    command = ["fail2ban-regex", "-o", "ip", str(file), str(FILTER)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(params=[("json", True), ("json", False), ("console", True), ("console", False)])
def written(request: pytest.FixtureRequest) -> list[str]:
    return lines(*request.param)


WANTED = [a for a in ADDRESSES for _ in REASONS] + ["192.0.2.7"] * len(NAMES)


def test_every_failure_is_found_and_nobody_elses_address(
    tmp_path: Path, written: list[str]
) -> None:
    assert fail2ban(tmp_path, written) == WANTED


def test_lines_of_the_journal_and_of_a_syslog_daemon_are_found(
    tmp_path: Path, written: list[str]
) -> None:
    journal = [f"Nov 23 21:00:00 pbx textback[4711]: {line}" for line in written]
    assert fail2ban(tmp_path, journal) == WANTED
    iso = [f"2026-11-23T21:00:00.123456+00:00 pbx textback[4711]: {line}" for line in written]
    assert fail2ban(tmp_path, iso) == WANTED


def test_the_time_of_a_json_line_is_read_as_utc(tmp_path: Path) -> None:
    line = next(one for one in lines("json") if "console_login_failed" in one)
    stamp = json.loads(line)["timestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", stamp)
    file = tmp_path / "log"
    file.write_text(line + "\n", encoding="utf-8")
    command = ["fail2ban-regex", "-v", str(file), str(FILTER)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert re.search(r"\[1\].*\"timestamp\"", told), told


def test_the_jail_reads_the_journal_of_our_unit_with_our_filter() -> None:
    jail = configparser.ConfigParser(interpolation=None)
    jail.read(JAIL)
    assert jail["textback"]["filter"] == "textback"
    assert jail["textback"]["backend"] == "systemd"
    assert jail["textback"]["port"] == "8480"
    rules = configparser.ConfigParser(interpolation=None)
    rules.read(FILTER)
    assert rules["Definition"]["journalmatch"] == "_SYSTEMD_UNIT=textback.service"
