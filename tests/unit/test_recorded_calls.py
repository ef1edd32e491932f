"""`textback replay` on every trace of a real Asterisk: it says what the live daemon said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.played import Matrix
from tests.lab import tables
from tests.lab.record import stale
from textback.config import Config
from textback.replay import Replay

DATA = Path(__file__).parents[1] / "data" / "ami"
TRACES = sorted([*DATA.rglob("*.ami"), *DATA.rglob("*.ami.gz")])
NOBODYS = {"did": "+12125550199"}  #: a configuration has to watch a number


@pytest.mark.parametrize("cls", tables.recorded(), ids=lambda cls: cls.__name__)
def test_each_row_of_a_table_was_recorded_and_nothing_else_is_kept(cls: type[Matrix]) -> None:
    folder = tables.folder(cls)
    others = [one for one in tables.recorded() if tables.folder(one) == folder]
    assert stale(folder, {row.name for one in others for row in one.rows()}) == []
    for row in cls.rows():
        for kind in ("", ".filtered"):
            names = (f"{row.name}{kind}.ami", f"{row.name}{kind}.ami.gz")
            assert sum((folder / name).is_file() for name in names) == 1, "run: make traces"
        about = json.loads((folder / f"{row.name}.json").read_text())
        assert [(e["outcome"], e["verdict"], e["reason"]) for e in about["expected"]] == [
            (call.outcome, call.verdict, call.reason) for call in row.expected
        ], "run: make traces"
        assert about["asterisk"].startswith(f"Asterisk {cls.version}."), row.name


def configuration(about: dict[str, Any]) -> Config:
    """What the acceptance test gave the daemon that took the call."""
    return Config.model_validate(
        {
            "business": {"name": "Acme Dental", "country": "US", **about["business"]},
            "pbx": [{"name": "pbx", "secret": "x", **about["pbx"]}],
            "number": about["numbers"] or [NOBODYS],
            "limits": about["limits"],
            "defaults": about["defaults"],
            "never": {"staff": about["staff"]},
        }
    )


@pytest.mark.parametrize("path", TRACES, ids=lambda path: str(path.relative_to(DATA)))
def test_replay_comes_to_the_verdict_of_the_live_call(path: Path) -> None:
    about = json.loads(path.with_name(path.name.partition(".")[0] + ".json").read_text())
    replay = Replay(path, configuration(about))
    rows = list(replay)
    told = sorted((row.outcome, row.verdict, row.reason) for row in rows)
    expected = sorted((e["outcome"], e["verdict"], e["reason"]) for e in about["expected"])

    assert [one for one in told if one in expected] == expected, rows
    others = [row for row in rows if (row.outcome, row.verdict, row.reason) not in expected]
    assert not [row for row in others if row.verdict != "skip"], "nobody else is texted"
    assert not [hint for hint in replay.hints if "cut off" in hint or "ends early" in hint]
