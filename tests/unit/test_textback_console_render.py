"""Times as pages show them, through the hours that a clock set back goes through twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from textback.console import render

TWICE = (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC))


@pytest.fixture
def viewed() -> Iterator[None]:
    zone = ZoneInfo("America/New_York")
    token = render._VIEW.set(render.View(zone, "en", "US", TWICE[0], ""))
    yield
    render._VIEW.reset(token)


@pytest.mark.usefixtures("viewed")
def test_two_moments_of_the_same_local_time_are_told_apart_by_their_zone() -> None:
    here = [at.astimezone(ZoneInfo("America/New_York")) for at in TWICE]
    assert here[0] == here[1]  # why the cache goes by UTC
    first, second = (render.full(at) for at in here)
    assert "1:30:00\u202fAM Eastern Daylight Time" in first
    assert "1:30:00\u202fAM Eastern Standard Time" in second
