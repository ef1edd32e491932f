"""The page of figures and its API: what they show, in which words, and that both are the same."""

from __future__ import annotations

import asyncio
import csv
import io
import random
import re
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from tests.fakes.busy_days import NUMBERS, BusyDays
from tests.unit.console_rig import CONFIG, as_role, config_of, console
from textback.advice import Advice, Topic
from textback.console.backend import Backend
from textback.console.figures_models import Counts
from textback.figures_keeper import Advised, FiguresKeeper
from textback.store.figures_keep import Filling
from textback.store.tables_figures import COUNTS

Client = TestClient[web.Request, web.Application]
#: 9 in the morning in New York.
NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
THREE = CONFIG + '[[number]]\ndid = "+12125550102"\nlabel = "<b>Third</b> & Co"\n'


async def no_sleep(_: float) -> None:
    return


async def lived(backend: Backend, days: int = 35, seed: int = 4) -> None:
    """Some busy days until now, counted."""
    life = BusyDays(backend.store, random.Random(seed), NOW - timedelta(days=days))
    while life.now < NOW - timedelta(hours=3):
        await life.step()
    await counted(backend)


async def counted(backend: Backend) -> None:
    await FiguresKeeper(backend.store, backend.config, now=lambda: NOW, sleep=no_sleep).turn()


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of busy days, made once."""
    folder = tmp_path_factory.mktemp("past")

    async def live() -> None:
        async with console(folder, config_of(THREE), clock=lambda: NOW) as (_, backend):
            await lived(backend)

    asyncio.run(live())
    return folder / "textback.db"


@pytest.fixture
async def client(past: Path, tmp_path: Path) -> AsyncIterator[Client]:
    shutil.copy(past, tmp_path / "textback.db")
    async with console(tmp_path, config_of(THREE), clock=lambda: NOW) as (client, _):
        yield client


async def page(client: Client, path: str = "/figures", status: int = 200, **headers: str) -> str:
    answer = await client.get(path, headers=headers)
    assert answer.status == status, await answer.text()
    return await answer.text()


async def asked(client: Client, path: str, status: int = 200) -> dict[str, Any]:
    answer = await client.get("/api/v1" + path)
    found: dict[str, Any] = await answer.json()
    assert answer.status == status, found
    return found


# --- the API ------------------------------------------------------------------------------------


async def test_days_add_up_to_the_summary_and_numbers_to_all(client: Client) -> None:
    span = "since=2026-10-20&until=2026-11-23"
    days = await asked(client, f"/figures?{span}")
    whole = await asked(client, f"/figures/summary?{span}")
    assert [step["day"] for step in days["steps"]][:2] == ["2026-10-20", "2026-10-21"]
    assert len(days["steps"]) == 35
    for name in COUNTS:
        assert sum(step["counts"][name] for step in days["steps"]) == whole["counts"][name], name
    assert whole["counts"]["calls"] > 50
    assert sum(one["missed"] for one in whole["numbers"]) == whole["counts"]["missed"]
    for one in whole["numbers"]:
        assert sum(one["missed_by_step"]) == one["missed"]
    assert sum(one["missed"] for one in whole["week"]) == whole["counts"]["missed"]
    assert (
        sum(b["texts"] for b in whole["time_to_text"]["histogram"])
        == (whole["time_to_text"]["texts"])
    )


@pytest.mark.parametrize("by", ["hour", "week", "month"])
async def test_other_steps_have_the_same_calls(client: Client, by: str) -> None:
    span = "since=2026-11-02&until=2026-11-23"
    days = await asked(client, f"/figures?{span}")
    other = await asked(client, f"/figures?{span}&by={by}")
    calls = [sum(step["counts"]["calls"] for step in found["steps"]) for found in (days, other)]
    assert calls[0] == calls[1] > 0
    begins = [step["day"] for step in other["steps"]]
    if by == "week":
        assert begins == ["2026-11-02", "2026-11-09", "2026-11-16", "2026-11-23"]
    if by == "month":
        assert begins == ["2026-11-02"]


async def test_a_day_begins_at_midnight_of_the_business(client: Client) -> None:
    found = await asked(client, "/figures?since=2026-11-22&until=2026-11-23")
    assert [step["start"] for step in found["steps"]] == [
        "2026-11-22T05:00:00Z",
        "2026-11-23T05:00:00Z",
    ]
    assert found["timezone"] == "America/New_York"


async def test_without_a_span_it_is_thirty_days_and_never_the_future(client: Client) -> None:
    found = await asked(client, "/figures?until=2099-01-01")
    assert (found["since"], found["until"]) == ("2026-10-25", "2026-11-23")
    nothing = await asked(client, "/figures?since=2026-11-20&until=2026-11-10")
    assert nothing["steps"] == []
    assert (await asked(client, "/figures/summary?since=2099-01-01"))["counts"]["calls"] == 0


async def test_long_spans_are_cut_at_the_older_end(client: Client) -> None:
    found = await asked(client, "/figures?since=0001-01-01")
    assert found["truncated"] is True
    assert len(found["steps"]) == 1_500
    assert found["steps"][-1]["day"] == "2026-11-23"
    hours = await asked(client, "/figures?since=2026-10-01&by=hour")
    assert hours["truncated"] is False
    assert hours["steps"][-1]["day"] == "2026-11-23"


async def test_a_number_nobody_knows_is_not_found(client: Client) -> None:
    for path in ("/figures", "/figures/summary"):
        told = await asked(client, path + "?number=%2B19995550100", 404)
        assert told["code"] == "number"
    one = await asked(client, "/figures/summary?number=%2B12125550100")
    assert one["number"] == NUMBERS[0]
    assert 0 < one["counts"]["calls"] < (await asked(client, "/figures/summary"))["counts"]["calls"]


async def test_the_span_before_goes_up_to_the_same_hour(tmp_path: Path) -> None:
    async with console(tmp_path, clock=lambda: NOW) as (client, backend):
        life = BusyDays(backend.store, random.Random(1), NOW)
        # Yesterday at 9:30 and at 11:30 in the morning, and today at 8.
        for hours in (-23.5, -21.5, -1.0):
            life.now = NOW + timedelta(hours=hours)
            await life.answered()
        await counted(backend)
        found = await asked(client, "/figures/summary?since=2026-11-23")
        assert found["counts"]["calls"] == 1
        assert found["before"]["calls"] == 1
        whole = await asked(client, "/figures/summary?since=2026-11-22&until=2026-11-22")
        assert whole["counts"]["calls"] == 2


def test_every_count_has_its_field_and_its_words() -> None:
    assert set(Counts.model_fields) == set(COUNTS)
    assert all(field.description for field in Counts.model_fields.values())


async def test_nobody_who_has_not_signed_in_sees_figures(tmp_path: Path) -> None:
    async with console(tmp_path, role="") as (client, _):
        assert (await client.get("/api/v1/figures")).status == 401
        answer = await client.get("/figures", allow_redirects=False)
        assert answer.status in (302, 303)
        assert (await client.get("/figures", headers=as_role("viewer"))).status == 200


# --- the page -----------------------------------------------------------------------------------


async def test_the_page_shows_what_the_api_tells(client: Client) -> None:
    text = await page(client, "/figures?period=30d")
    told = (await asked(client, "/figures/summary"))["counts"]
    assert f'<dd class="kpi-value">{told["calls"]}</dd>' in text
    assert f'<dd class="kpi-value">{told["missed"]}</dd>' in text
    assert f"{told['missed']} of {told['calls']} calls were missed" in text
    assert text.count('class="plot-col') >= 30 + 7 * 24


async def test_every_plot_says_its_finding_and_has_a_table_with_the_same_figures(
    client: Client,
) -> None:
    text = await page(client, "/figures?period=7d")
    for svg in re.findall(r'<svg class="(?:plot-area|spark)[^>]*>', text):
        assert 'role="img"' in svg
        said = re.search(r'aria-label="([^"]+)"', svg)
        assert said is not None
        assert said[1].endswith(".")
    days = await asked(client, "/figures?since=2026-11-17")
    table = text[text.index('id="over-time-table"') :]
    rows = re.findall(
        r"<tr><th scope=\"row\">(.*?)</th>(.*?)</tr>", table[: table.index("</table")]
    )
    assert len(rows) == 7
    for (name, cells), step in zip(rows, days["steps"], strict=True):
        values = [int(n) for n in re.findall(r"<td class=\"num\">(\d+)</td>", cells)]
        assert sum(values) == step["counts"]["calls"], name
        assert values[0] == step["counts"]["answered"]
    assert rows[-1][0] == "Monday, November 23, 2026 (not over yet)"


async def test_periods_are_links_that_keep_the_number_and_the_other_way(client: Client) -> None:
    text = await page(client, "/figures?period=90d&number=%2B12125550101")
    assert 'href="/figures?period=7d&amp;number=%2B12125550101"' in text
    assert 'href="/figures?period=90d&amp;number=%2B12125550101" aria-current="true"' in text
    assert '<option value="+12125550101" selected>Second line</option>' in text
    assert '<input type="hidden" name="period" value="90d">' in text


async def test_a_year_is_shown_by_weeks_with_the_time_before_there_were_figures(
    client: Client,
) -> None:
    text = await page(client, "/figures?period=12m")
    assert text.count("plot-unknown") > 40
    assert "Figures begin on Oct 1" in text
    assert "(not over yet)" in text


async def test_what_is_none_of_the_choices_is_the_usual_page_or_not_found(client: Client) -> None:
    assert "30 days</a>" in await page(client, "/figures?period=%3Cscript%3E")
    await page(client, "/figures?number=%3Cscript%3E", 404)


async def test_names_of_numbers_are_words_and_nothing_else(client: Client) -> None:
    text = await page(client)
    assert "<b>Third" not in text
    assert "&lt;b&gt;Third&lt;/b&gt; &amp; Co" in text
    assert "style=" not in text
    assert "<script>" not in text


async def test_a_part_is_the_inside_of_the_page_alone(client: Client) -> None:
    part = await page(client, **{"X-Part": "figures"})
    assert "<html" not in part
    assert 'id="over-time"' in part
    assert part in await page(client)


async def test_it_speaks_german_with_german_numbers_and_days(client: Client) -> None:
    answer = await client.get("/figures", headers={"Accept-Language": "de"})
    text = await answer.text()
    assert "Montag" in text


async def test_without_calls_there_is_a_word_on_what_will_be_here(tmp_path: Path) -> None:
    async with console(tmp_path, clock=lambda: NOW) as (client, backend):
        await counted(backend)
        text = await page(client)
        assert "No figures yet" in text
        assert "<table" not in text
        assert (await client.get("/figures.csv")).status == 200


async def test_while_older_calls_are_counted_the_page_says_how_far_it_is(tmp_path: Path) -> None:
    async with console(tmp_path, clock=lambda: NOW) as (client, backend):
        await lived(backend, days=5)
        newest = TODAY.toordinal()
        await backend.store.figures_note(
            Filling(zone="America/New_York", newest=newest, next=newest - 25, oldest=newest - 99)
        )
        text = await page(client)
        assert "25% is done" in text
        assert (await asked(client, "/figures/summary"))["counting"]["share"] == 0.25


async def test_in_shadow_mode_it_says_what_would_have_been_sent(tmp_path: Path) -> None:
    shadow = config_of(CONFIG.replace('mode = "live"', 'mode = "shadow"'))
    async with console(tmp_path, shadow, clock=lambda: NOW) as (client, backend):
        await lived(backend, days=5)
        assert "In shadow mode nothing is sent" in await page(client)


async def test_advice_is_what_was_last_said_and_of_the_number_shown(tmp_path: Path) -> None:
    told = Advised(
        NOW - timedelta(hours=2),
        NOW - timedelta(days=30),
        (
            Advice(topic=Topic.RING_TIMEOUT, found="<i>x</i> rings", cure="wait", serious=True),
            Advice(topic=Topic.CAPS, found="capped", cure="more", serious=False, number=NUMBERS[1]),
        ),
    )
    async with console(tmp_path, clock=lambda: NOW, advised=lambda: told) as (client, backend):
        await lived(backend, days=5)
        text = await page(client)
        assert "&lt;i&gt;x&lt;/i&gt; rings" in text
        assert "capped" in text
        assert "capped" not in await page(client, "/figures?number=%2B12125550100")
        api = await asked(client, "/figures/advice")
        assert [one["topic"] for one in api["advice"]] == ["ring_timeout", "caps"]


async def test_without_advice_yet_the_page_says_when_there_will_be(client: Client) -> None:
    assert "looked at a few minutes after the start" in await page(client)
    assert await asked(client, "/figures/advice") == {"at": None, "advice": []}


# --- the file -----------------------------------------------------------------------------------


async def test_the_file_has_the_figures_of_the_page_day_by_day(client: Client) -> None:
    answer = await client.get("/figures.csv?period=7d&number=%2B12125550100")
    assert answer.content_type == "text/csv"
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="textback-figures-2026-11-17-2026-11-23.csv"'
    )
    rows = list(csv.DictReader(io.StringIO(await answer.text())))
    days = await asked(client, "/figures?since=2026-11-17&number=%2B12125550100")
    assert [row["day"] for row in rows] == [step["day"] for step in days["steps"]]
    assert [{name: int(row[name]) for name in COUNTS} for row in rows] == [
        step["counts"] for step in days["steps"]
    ]
