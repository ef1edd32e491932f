"""What Asterisk 22 and 16 wrote down of every topology, held against what must come of it.

Recorded by `python -m tests.lab.records`. CEL must agree with AMI but for what it does not know;
CDR may say "unknown", and must never say "missed" where a person answered.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ami_listener.births import Inbound
from ami_listener.records.reader import RecordReader
from ami_listener.records.settings import RecordSettings
from tests.lab.records import CDR, SETS
from tests.lab.row import Row
from textback.config import PbxConfig
from textback.model import Call, Direction, Outcome

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
INBOUND = Inbound(frozenset(PbxConfig().inbound_contexts))
ROWS = {name: {row.name: row for row in made.rows} for name, made in SETS.items()}
#: An answered call of each set.
ANSWERED = {"22": "answered.csv", "16": "answered.csv", "22-freepbx": "did_answered.csv"}
WORDS = {"22": "Asterisk 22", "16": "Asterisk 16", "22-freepbx": "Asterisk 22, FreePBX's dialplan"}
MAILBOX = {"voicemail_left", "voicemail_no_message"}

#: What CDR says where it is wrong: in each, that a person answered, and nobody is texted.
ANSWERED_TOO_OFTEN = {
    "keyed_blonde_transfer_unanswered": "the Local half has the transferer's own talk as its own",
    "page": "the paged phones are in the conference with the caller",
    "agent_dump": "the agent's announcement looks like a talk",
    "follow_me_not_accepted": "whoever picked up and did not accept looks like a talk",
    "picked_up_too_late": "the moment of the pick-up is the moment of the hangup",
    # FreePBX
    "transferred_unanswered": "the transfer keeps the number that was dialled",
    "transferred_to_voicemail": "the same",
}
#: The same for CEL, in some runs: both sides were in the bridge for a moment.
CEL_ANSWERED_TOO_OFTEN = {"picked_up_too_late"}


def recorded(kind: str) -> list[tuple[str, str]]:
    """(version, row) of every recording of a row that is in the matrix."""
    return [
        (path.parent.name, path.stem)
        for path in sorted((DATA / kind).glob("*/*.csv"))
        if path.stem in ROWS.get(path.parent.name, {})
        and ROWS[path.parent.name][path.stem].direction == "inbound"
    ]


def read(kind: str, version: str, name: str) -> list[Call]:
    """The row's inbound calls. As in any real log there is an answered call beside them: a log
    without a single bridge is not believed."""
    folder, own = DATA / kind / version, (DATA / kind / version / f"{name}.csv").read_text()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "Master.csv"
        path.write_text(own + (folder / ANSWERED[version]).read_text())
        settings = RecordSettings(
            pbx="pbx",
            inbound=INBOUND,
            not_human=tuple(
                row.fill(pattern) for row in ROWS[version].values() for pattern in row.not_human
            ),
            utc=True,
            cdr_columns=CDR,
            cel_csv=path if kind == "cel" else None,
            cdr_csv=path if kind == "cdr" else None,
        )
        records = RecordReader(settings, _watch(ROWS[version][name])).read(0.0, "boot")
    assert records.unreadable == {}
    assert records.malformed == 0
    return [
        call
        for uniqueid, call in records.calls.items()
        if call.direction is Direction.INBOUND and f'"{uniqueid}"' in own
    ]


def _watch(row: Row) -> Callable[[str], float | None]:
    return lambda did: float(str(row.number.get("ring_timeout", "15")).removesuffix("s"))


def outcomes(calls: list[Call]) -> list[str]:
    return sorted(call.outcome.value for call in calls)


def same(row: Row, calls: list[Call]) -> bool:
    """What was expected, where a message left cannot be told from none."""
    told = ["mailbox" if outcome in MAILBOX else outcome for outcome in outcomes(calls)]
    expected = sorted("mailbox" if e.outcome in MAILBOX else e.outcome for e in row.expected)
    return sorted(told) == expected


@pytest.mark.parametrize(("version", "name"), recorded("cel"))
def test_cel_says_what_ami_says(version: str, name: str) -> None:
    row, calls = ROWS[version][name], read("cel", version, name)

    if name in CEL_ANSWERED_TOO_OFTEN and not same(row, calls):
        assert outcomes(calls) == ["answered"]
        return
    assert same(row, calls), outcomes(calls)
    for call in calls:
        assert call.late
        if call.outcome.value in MAILBOX:
            assert call.may_become == {Outcome.VOICEMAIL_LEFT, Outcome.VOICEMAIL_NO_MESSAGE}


@pytest.mark.parametrize(("version", "name"), recorded("cdr"))
def test_cdr_is_right_or_does_not_know_and_never_calls_an_answered_call_missed(
    version: str, name: str
) -> None:
    row, calls = ROWS[version][name], read("cdr", version, name)
    expected = Counter(e.outcome for e in row.expected)
    told = Counter(outcomes(calls))

    answered = expected["answered"] + expected["transfer_unanswered"] + expected["parked_giveup"]
    missed = sum(told.values()) - sum(
        told[o] for o in ("answered", "unknown", "transfer_unanswered", "parked_giveup")
    )
    assert missed <= len(row.expected) - answered, "missed, though a person answered"
    if not calls or "unknown" in told or same(row, calls):
        return
    (call,) = calls
    possible = {outcome.value for outcome in call.may_become}
    assert row.outcome in possible or (
        name in ANSWERED_TOO_OFTEN and call.outcome is Outcome.ANSWERED
    ), outcomes(calls)


@pytest.mark.parametrize("kind", ["cel", "cdr"])
@pytest.mark.parametrize("version", SETS)
def test_document_has_the_figures_of_these_recordings(kind: str, version: str) -> None:
    figures: Counter[str] = Counter()
    for recorded_by, name in recorded(kind):
        if recorded_by == version:
            row, calls = ROWS[version][name], read(kind, version, name)
            if same(row, calls):
                figures["right"] += 1
            elif not calls:
                figures["not shown"] += 1
            elif any(call.outcome is Outcome.UNKNOWN for call in calls):
                figures["unknown"] += 1
            elif outcomes(calls) == ["answered"]:
                figures["answered"] += 1
            else:
                figures["class not told"] += 1
    words = ("right", "class not told", "unknown", "not shown", "answered")
    line = f"| {kind.upper()}, {WORDS[version]} | " + " | ".join(str(figures[w]) for w in words)
    text = (ROOT / "OPERATIONS.md").read_text(encoding="utf-8")

    assert re.sub(r" +", " ", line) + " |" in text, line
