"""`textback cases`: the list, the story and the changes, as people type and read them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.fakes.store import EveryMiss, call, fact
from tests.unit.test_textback_cli import CALLER, DID, OTHER, Run, config, run
from textback.cli_cases import moment
from textback.cli_common import UserError
from textback.model import CallKey, Direction, Moment, Outcome, Reason, Skip
from textback.store.store import Store

__all__ = ["config", "run"]

pytestmark = pytest.mark.usefixtures("logging_as_before")

HOUR = timedelta(hours=1)


@pytest.fixture
def filled(config: Path) -> Path:
    """Case 1 of CALLER, overdue, case 2 of OTHER, called back."""
    now = datetime.now(UTC)

    def told(number: int, caller: str, ago: timedelta, **changes: Any) -> Any:
        begin = now - ago
        at = Moment(begin, begin.timestamp())
        one = call(f"1.{number}", started=at, at=at.plus(20), caller=caller, did=DID, **changes)
        key = CallKey(pbx="pbx", boot="2026-11-01T00:00:00", uniqueid=f"1.{number}")
        skip = Skip(reason=Reason.COOLDOWN)
        return fact(replace(one, key=key), skip, caller=caller, cases=EveryMiss(HOUR))

    async def work() -> None:
        store = await Store.open(config.with_name("textback.db"))
        await store.judge(told(1, CALLER, 3 * HOUR, caller_name="[red]Ann[/red]"), now)
        await store.judge(told(2, OTHER, 2 * HOUR), now)
        answered = Moment(now - HOUR, 0.0)
        back = told(
            3,
            "101",
            HOUR + timedelta(seconds=5),
            direction=Direction.OUTBOUND,
            answered=answered,
            outcome=Outcome.ANSWERED,
            channel="PJSIP/101-00000001",
        )
        await store.judge(replace(back, caller="", number="", called_back=OTHER), now)
        await store.close()

    asyncio.run(work())
    return config


def rows(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.usefixtures("filled")
def test_without_a_command_the_open_cases_are_listed(run: Run) -> None:
    told = run("cases")
    assert told.exit_code == 0
    assert CALLER in told.output
    assert OTHER not in told.output
    assert "2 h overdue" in told.output
    assert "Front desk" in told.output
    assert "red Ann red" in told.output
    assert "open: 1 missed; 1 case overdue" in told.output
    assert run("cases", "list").stdout == told.output


@pytest.mark.usefixtures("filled")
def test_the_list_is_narrowed_and_masked(run: Run) -> None:
    assert [c["case"] for c in rows(run("cases", "--owner", "101", "--json").stdout)] == [1]
    assert rows(run("cases", "--owner", "", "--json").stdout) == []
    assert [c["case"] for c in rows(run("cases", "--overdue", "--json").stdout)] == [1]
    assert [c["case"] for c in rows(run("cases", "--number", "front desk", "--json").stdout)] == [1]
    assert [c["case"] for c in rows(run("cases", "--caller", "2125550123", "--json").stdout)] == [1]
    (closed,) = rows(run("cases", "--closed", "24h", "--json").stdout)
    assert (closed["case"], closed["stage"], closed["closed_by"]) == (2, "called_back", "PJSIP/101")
    assert CALLER not in run("cases", "--mask").output
    assert CALLER not in run("cases", "--mask", "--json").output


@pytest.mark.usefixtures("filled")
def test_a_story_is_told_and_its_names_are_no_markup(run: Run) -> None:
    told = run("cases", "show", "1").output
    assert "Case 1: " + CALLER in told
    assert "red Ann red" in told  # fit for a display
    assert "missed call (no_answer)" in told
    assert "101" in told
    assert CALLER not in run("cases", "show", "1", "--mask").output
    (whole,) = rows(run("cases", "show", "2", "--json").stdout)
    assert [event["kind"] for event in whole["events"]] == ["call", "call", "verdict"]


@pytest.mark.usefixtures("filled")
def test_a_case_is_taken_put_off_noted_closed_and_opened_again(run: Run) -> None:
    def changed(*words: str) -> dict[str, Any]:
        (case,) = rows(run("cases", *words, "--json").stdout)
        return case

    assert changed("take", "1", "--as", "Ann")["owner"] == "Ann"
    assert changed("assign", "1", "102")["owner"] == "102"
    later = changed("due", "1", "2h")["due"]
    assert timedelta(hours=1.9) < datetime.fromisoformat(later) - datetime.now(UTC) < 2 * HOUR
    assert changed("due", "1", "none")["due"] is None
    assert changed("note", "1", "[b]wants a crown[/b]")["note"] == "[b]wants a crown[/b]"
    assert "[b]wants a crown[/b]" in run("cases").output
    done = changed("done", "1", "--reason", "moved away")
    assert (done["stage"], done["spoken"]) == ("dismissed", None)
    refused = run("cases", "take", "1")
    assert (refused.exit_code, "case 1 is closed: dismissed" in refused.output) == (2, True)
    assert changed("reopen", "1")["stage"] == "missed"
    story = run("cases", "show", "1").output
    for words in ("assign (101 -> Ann)", "note ([b]wants a crown[/b])", "done (moved away)"):
        assert words in story


@pytest.mark.usefixtures("filled")
def test_why_and_stats_tell_of_cases(run: Run) -> None:
    assert "Case 1: missed, 1 missed call, 101's, due" in run("why", CALLER).output
    (told,) = rows(run("why", OTHER, "--json").stdout)
    assert (told["case"]["case"], told["case"]["stage"]) == (2, "called_back")
    counted = [r for r in rows(run("stats", "--json").stdout) if r["type"] == "recovery"]
    (one,) = counted
    assert (one["cases"], one["called_back"], one["open"], one["rate"]) == (2, 1, 1, 0.5)
    assert 3500 < one["seconds_median"] < 3700
    assert "50% of 2" in run("stats").output


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("show", "99"), "there is no case 99"),
        (("due", "1", "soon"), "is no time"),
        (("due", "1", "2026-13-01"), "is no time"),
        (("--stage", "lost"), "is no stage"),
        (("--stage", "dismissed"), "say since when: --closed 7d"),
        (("--number", "sales"), "is no number and no label"),
        (("--caller", "sales"), "is no telephone number"),
        (("--after", "99"), "there is no case 99"),
        (("note", "1", "x" * 1001), "1000 is the most"),
    ],
)
@pytest.mark.usefixtures("filled")
def test_a_mistake_is_said_in_words(
    run: Run,
    words: tuple[str, ...],
    why: str,
) -> None:
    told = run("cases", *words)
    assert told.exit_code == 2
    assert why in told.output
    assert "Traceback" not in told.output


def test_a_due_time_is_typed_by_the_business_clock() -> None:
    now, zone = datetime(2026, 11, 23, 14, 0, tzinfo=UTC), ZoneInfo("America/New_York")
    assert moment("90m", now, zone) == now + timedelta(minutes=90)
    assert moment("2026-11-24T15:00", now, zone) == datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
    assert moment("2026-11-24T15:00+01:00", now, zone) == datetime(2026, 11, 24, 14, tzinfo=UTC)
    assert moment("None", now, zone) is None
    with pytest.raises(UserError, match="no time"):
        moment("", now, zone)
