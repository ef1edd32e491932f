"""The second matrix: a dialplan in the shape of FreePBX 17's, on a real Asterisk.

The table is `tests/lab/freepbx_matrix.py`, the dialplan `tests/lab/freepbx`; what must hold of each
row is in `tests/acceptance/played.py`. The inbound contexts are the product's defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.acceptance.played import Matrix, Played, played
from tests.acceptance.stage import admin, scene
from tests.lab.freepbx import configuration
from tests.lab.freepbx_matrix import BRITISH, GERMAN, ROWS
from tests.lab.row import Row, nobody, play

__all__ = ["played"]  # the fixture of the classes
pytestmark = [pytest.mark.asterisk, pytest.mark.smsc, pytest.mark.timeout(300)]

COUNTRIES = {"countries": ["US", "CA", "GB", "DE"]}
CALLED_BACK = next(row for row in ROWS if row.name == "called_back")


class Freepbx(Matrix):
    dialplan = "FreePBX"
    files = staticmethod(configuration)
    settings: ClassVar[Mapping[str, Any]] = {"limits": COUNTRIES}

    PICKED: ClassVar[Mapping[str, Callable[[Row], bool]]] = {
        **Matrix.PICKED,
        "timed": lambda row: row.early and not row.outcome.startswith("voicemail"),
        "from_outside": lambda row: row.direction == "inbound",
    }

    def test_caller_is_read_in_full_however_the_trunk_spells_the_number(
        self, played: Played, from_outside: Row
    ) -> None:
        assert played.story(from_outside)["caller"] == from_outside.number_outside

    def test_nothing_inside_counts_as_a_call_from_outside(self, played: Played) -> None:
        inbound = [story for story in played.stories if story["direction"] == "inbound"]
        placed = [r for r in self.rows() if r.direction == "inbound" and r.caller is not nobody]

        assert len(inbound) == len(placed)


class TestFreepbx(Freepbx):
    table = ROWS


class TestFreepbxOnAsterisk16(Freepbx):
    table = ROWS
    version = "16"


class TestFreepbxInGermany(Freepbx):
    """The business's own country has a trunk prefix, and its trunk leaves the plus out."""

    table = GERMAN
    settings: ClassVar[Mapping[str, Any]] = {
        "limits": COUNTRIES,
        "business": {"country": "DE", "timezone": "Europe/Berlin"},
    }


class TestFreepbxInBritain(Freepbx):
    table = BRITISH
    settings: ClassVar[Mapping[str, Any]] = {
        "limits": COUNTRIES,
        "business": {"country": "GB", "timezone": "Europe/London"},
    }


class TestCallBack:
    async def test_calling_back_behind_an_outside_line_takes_the_waiting_text_away(
        self, tmp_path: Path
    ) -> None:
        rows = (CALLED_BACK,)
        async with (
            scene(
                tmp_path,
                rows,
                files=configuration,
                defaults={"delay": "60s"},
            ) as (lab, carrier),
            admin(lab.asterisk) as hand,
        ):
            await lab.service.start()
            await play(CALLED_BACK, lab.agent, hand)
            told = await lab.service.logged("text_cancelled")
            stories = await lab.service.stories("calls", "--all")

        assert carrier.texts == []
        texts = {story["direction"]: story["text"] for story in stories}
        assert texts["inbound"]["state"] == "cancelled", told
        assert "called back" in texts["inbound"]["reason"]
        outbound = next(story for story in stories if story["direction"] == "outbound")
        assert (outbound["outcome"], outbound["reason"]) == ("answered", "outbound")
