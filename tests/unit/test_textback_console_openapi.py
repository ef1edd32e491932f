"""The description of the API is made from its table; cursors and requests are read strictly."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, Field

from tests.unit.console_rig import console
from textback.console import api, api_reading, api_reference, cursor, openapi, openapi_words
from textback.console.api import Endpoint
from textback.console.app import ENDPOINTS
from textback.console.ctx import Ctx, Problem
from textback.console.who import Role

CONF = Path(__file__).parents[2] / "conf"


class Colour(StrEnum):
    RED = "red"


class Ask(BaseModel):
    """What to ask."""

    since: AwareDatetime | None = Field(None, description="From then on.")
    many: int = Field(5, description="How many.", ge=1, le=9)
    deep: bool = Field(False, description="All of it.")
    colours: list[Colour] = Field(default=[], description="Of these.")
    cursor: str = Field("", description="Where.", max_length=9)


class Made(BaseModel):
    """What was made."""

    to: str = Field(description="To whom.", examples=["+16465550147"])
    count: int = Field(description="How many.")


async def make(ctx: Ctx, *, thread: int, query: Ask, body: Made) -> Made:
    """Make something.

    With a second paragraph.
    """
    return body


TOY = (
    Endpoint(
        method="POST",
        path="/things/{thread}/make",
        handler=make,
        answer=Made,
        body=Made,
        query=Ask,
        need=Role.AGENT,
        status=201,
        summary="Make it",
        errors=(409,),
    ),
)


def test_an_entry_is_described_with_all_it_takes_and_gives() -> None:
    document = openapi.document(TOY)
    said = document["paths"]["/things/{thread}/make"]["post"]
    assert said["operationId"] == "post_things_thread_make"
    assert said["tags"] == ["things"]
    assert (
        said["description"] == "Make something.\n\nWith a second paragraph. For agents and admins."
    )
    by_name = {one["name"]: one for one in said["parameters"]}
    assert by_name["thread"]["in"] == "path"
    assert by_name["since"]["schema"] == {"type": "string", "format": "date-time"}
    many = {"type": "integer", "minimum": 1, "maximum": 9, "default": 5}
    assert by_name["many"]["schema"] == many
    assert by_name["colours"]["explode"]
    assert by_name["cursor"]["schema"]["format"] == "cursor"
    assert set(said["responses"]) == {
        "201",
        "400",
        "401",
        "403",
        "404",
        "406",
        "409",
        "413",
        "415",
        "422",
        "503",
    }
    body = said["requestBody"]["content"]["application/json"]
    assert body["example"] == {"to": "+16465550147", "count": 1}
    assert document["components"]["schemas"]["Made"]["additionalProperties"] is False
    assert "Ask" not in document["components"]["schemas"]


def test_two_models_of_one_name_are_a_mistake() -> None:
    class Other(BaseModel):
        x: int

    Other.__name__ = Other.__qualname__ = "Made"
    other = Endpoint(method="GET", path="/other", handler=make, answer=Other, summary="x")
    with pytest.raises(ValueError, match="called Made"):
        openapi.document((*TOY, other))


def test_every_reference_leads_somewhere() -> None:
    document = openapi.document(ENDPOINTS)
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert named <= set(document["components"]["schemas"])


def test_the_words_name_every_entry_and_model() -> None:
    told = openapi_words.reference(ENDPOINTS)
    assert len(told.entries) == len(ENDPOINTS)
    assert len({one.anchor for one in told.entries}) == len(ENDPOINTS)
    for entry in told.entries:
        assert entry.answer in told.models
        assert not entry.body or entry.body in told.models
    for model in told.models.values():
        assert all(not one.refers or one.refers in told.models for one in model.fields)


# --- what is checked in ------------------------------------------------------------------------


def test_the_openapi_file_is_up_to_date() -> None:
    written = (CONF / "textback-openapi.json").read_text(encoding="utf-8")
    assert written == api_reference.document(), (
        "python -m textback.console.api_reference openapi > conf/textback-openapi.json"
    )


def test_the_man_page_of_the_api_is_up_to_date() -> None:
    written = (CONF / "man" / "textback-api.7").read_text(encoding="utf-8")
    assert written == api_reference.man_page(), (
        "python -m textback.console.api_reference man > conf/man/textback-api.7"
    )


def test_the_man_page_of_the_api_is_clean_roff(tmp_path: Path) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed")
    page = tmp_path / "textback-api.7"
    page.write_text(api_reference.man_page(), encoding="utf-8")
    done = subprocess.run(
        [groff, "-man", "-Tutf8", "-Kutf8", "-ww", str(page)],
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert done.stderr == b""


def test_the_examples_of_the_man_page_ask_what_there_is() -> None:
    page = api_reference.man_page().replace("\\-", "-")
    asked = re.findall(r'"\$base(/[^"?]*)', page) + re.findall(r"8480/api/v1(/\S+)", page)
    known = [re.sub(r"{\w+}", "[0-9]+", one.path) for one in ENDPOINTS]
    assert len(asked) >= 3
    for path in asked:
        assert any(re.fullmatch(pattern, path) for pattern in known), path


# --- pages of the description ------------------------------------------------------------------


async def test_the_page_about_the_api_has_every_entry(tmp_path: Path) -> None:
    async with console(tmp_path, role="viewer") as (client, _):
        page = await (await client.get("/api")).text()
    for entry in openapi_words.reference(ENDPOINTS).entries:
        assert f'id="{entry.anchor}"' in page
    assert "<script>" not in page


async def test_the_file_is_served_to_those_who_signed_in(tmp_path: Path) -> None:
    async with console(tmp_path, role="") as (client, _):
        assert (await client.get("/api/v1/openapi.json")).status == 401
    async with console(tmp_path, role="viewer") as (client, _):
        answer = await client.get("/api/v1/openapi.json")
        assert await answer.text() == api_reference.document()


# --- queries and bodies ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("many=0", "many"),
        ("many=10", "many"),
        ("many=x", "many"),
        ("many=1.5", "many"),
        ("many=1_0", "many"),
        ("many=%201", "many"),
        ("many=1&many=2", "many"),
        ("deep=yes", "deep"),
        ("deep=1", "deep"),
        ("since=2026-05-04", "since"),
        ("since=2026-05-04T10:00:00", "since"),
        ("since=1700000000", "since"),
        ("colours=blue", "colours.0"),
        ("nonsense=1", "nonsense"),
        ("cursor=0123456789", "cursor"),
    ],
)
async def test_a_query_is_read_strictly(query: str, wrong: str) -> None:
    from aiohttp.test_utils import make_mocked_request

    with pytest.raises(Problem) as caught:
        api_reading.query(Ask, make_mocked_request("GET", f"/x?{query}"))
    assert caught.value.status == 422
    assert wrong in caught.value.fields


@pytest.mark.parametrize(
    ("body", "kinds"),
    [
        (rb'[1,"\ud800"]', (int, str)),
        (b'[{"at":"0001-01-01T00:00:00+14:00"},1]', (datetime, int)),
    ],
    ids=["half of a surrogate pair", "before all time"],
)
def test_a_cursor_with_a_good_checksum_and_values_no_query_takes_is_none(
    body: bytes, kinds: tuple[type, ...]
) -> None:
    """How the checksum is made, everybody can read."""
    word = base64.urlsafe_b64encode(cursor._check("x", body) + body).decode()
    with pytest.raises(Problem) as caught:
        cursor.read("x", word, *kinds)
    assert (caught.value.status, caught.value.code) == (400, "cursor")


async def test_a_query_becomes_what_it_stands_for() -> None:
    from aiohttp.test_utils import make_mocked_request

    words = "many=3&deep=true&colours=red&colours=red&since=2026-05-04T10:00:00%2B02:00"
    found = api_reading.query(Ask, make_mocked_request("GET", f"/x?{words}"))
    assert isinstance(found, Ask)
    assert found.many == 3
    assert found.deep is True
    assert found.colours == [Colour.RED, Colour.RED]
    assert found.since == datetime(2026, 5, 4, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("accept", "takes"),
    [
        ("*/*", True),
        ("application/json", True),
        ("text/html, application/json;q=0.5", True),
        ("application/*", True),
        ("application/problem+json", True),
        ("text/html", False),
        ("application/xml, text/*", False),
    ],
)
def test_json_is_what_there_is(accept: str, takes: bool) -> None:
    assert api._takes_json(accept) is takes


# --- cursors -----------------------------------------------------------------------------------

values = st.one_of(
    st.none(),
    st.integers(-(2**62), 2**62),
    st.text(max_size=20),
    st.datetimes(timezones=st.just(UTC)),
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(values, max_size=3))
def test_a_cursor_tells_what_was_written_into_it(found: list[cursor.Value]) -> None:
    word = cursor.write("calls", *found)
    assert cursor.read("calls", word, *([object] * len(found))) == tuple(found)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: raw.hex()))
def test_a_word_that_is_no_cursor_is_refused_and_nothing_else(word: str) -> None:
    with pytest.raises(Problem) as caught:
        cursor.read("calls", word, int)
    assert caught.value.status == 400


def test_a_cursor_is_good_for_its_own_list_and_kind_only() -> None:
    word = cursor.write("calls", 17)
    assert cursor.read("calls", word, int) == (17,)
    for listing, kinds in (("inbox", [int]), ("calls", [str]), ("calls", [int, int])):
        with pytest.raises(Problem):
            cursor.read(listing, word, *kinds)
    changed = word[:-1] + ("A" if word[-1] != "A" else "B")
    with pytest.raises(Problem):
        cursor.read("calls", changed, int)
