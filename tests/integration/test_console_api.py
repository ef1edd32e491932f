"""The API does what its OpenAPI file says, whatever it is asked, and nobody may do more than that.

Schemathesis makes the requests, from the file itself: such as fit it, and such as do not. They go
over a real socket to a console with the database of a small business behind it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.api_rig import DOCUMENT, PATIENCE, ROWS, Api, api, example, name, path_of
from textback.console import cursor, openapi
from textback.console.api import ROOT, Endpoint
from textback.console.app import ENDPOINTS
from textback.console.who import Role

load_all_checks()
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    positive_data_acceptance,
]
# What a cursor is, only the page before knows: see the tests on pages below.
schemathesis.openapi.format("cursor", st.just(""))
schemathesis.openapi.format("phone", st.integers(100, 199).map(lambda n: f"+164655501{n - 100:02}"))
SCHEMA: Any = schemathesis.openapi.from_dict(DOCUMENT)
# A NUL is refused everywhere, which JSON Schema cannot say: see `test_nul_...` below.
SCHEMA.config.generation.update(allow_x00=False)
SETTINGS = settings(
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with api(tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_endpoint_answers_as_its_description_says(
    served: Api, endpoint: Endpoint, mode: GenerationMode
) -> None:
    operation = SCHEMA[endpoint.path][endpoint.method]
    if mode is GenerationMode.NEGATIVE and not (
        endpoint.query is not None or endpoint.body is not None or "{" in endpoint.path
    ):
        return  # nothing in it can be wrong
    known = {
        parameter: served.ids(*ROWS[parameter])
        for parameter in re.findall(r"{(\w+)}", endpoint.path)
        if parameter in ROWS
    }

    @SETTINGS
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def ask(case: Any, data: st.DataObject) -> None:
        for parameter, ids in known.items():
            if mode is GenerationMode.POSITIVE and ids and data.draw(st.booleans()):
                case.path_parameters[parameter] = data.draw(st.sampled_from(ids))
        case.call_and_validate(
            base_url=served.base + ROOT,
            headers=served.headers(Role.ADMIN),
            checks=CHECKS,
            timeout=PATIENCE,
            allow_redirects=False,
        )

    ask()


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name)
def test_nobody_is_answered_without_a_token(served: Api, endpoint: Endpoint) -> None:
    bad = {"Authorization": "Bearer tbk_" + "A" * 43}
    for headers in ({}, bad, {"Authorization": "Basic dGVzdDp0ZXN0"}):
        answer = requests.request(
            endpoint.method,
            path_of(endpoint, served),
            json=example(endpoint),
            headers=headers,
            timeout=PATIENCE,
            allow_redirects=False,
        )
        assert answer.status_code == 401, answer.text
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def changed(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> dict[str, Any]:
    """Which tables are not as they were, and how."""
    assert before.keys() == after.keys()
    return {
        name: [row for row in after[name] if row not in before[name]] or "rows are gone"
        for name in before
        if before[name] != after[name]
    }


UNSAFE = [one for one in ENDPOINTS if one.method != "GET"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT])
def test_a_token_changes_nothing_that_its_role_may_not(served: Api, role: Role) -> None:
    before = served.content()
    for endpoint in UNSAFE:
        if role.at_least(endpoint.need):
            continue
        answer = requests.request(
            endpoint.method,
            path_of(endpoint, served),
            json=example(endpoint),
            headers=served.headers(role),
            timeout=PATIENCE,
        )
        assert answer.status_code == 403, (endpoint.path, answer.text)
        assert answer.json()["code"] == "role"
    assert changed(before, served.content()) == {}


def test_what_a_viewer_may_ask_by_post_changes_nothing(served: Api) -> None:
    """A search is a POST, because no number or name belongs into an address."""
    asked = [one for one in UNSAFE if one.need is Role.VIEWER]
    before = served.content()
    for endpoint in asked:
        answer = requests.request(
            endpoint.method,
            path_of(endpoint, served),
            json=example(endpoint),
            headers=served.headers(Role.VIEWER),
            timeout=PATIENCE,
        )
        assert answer.status_code == 200, (endpoint.path, answer.text)
    assert changed(before, served.content()) == {}
    assert {one.path.rpartition("/")[2] for one in asked} <= {"search", "preview", "measure"}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name)
def test_methods_that_are_none_are_refused_with_those_that_are(
    served: Api, endpoint: Endpoint
) -> None:
    path, headers = path_of(endpoint, served), served.headers(Role.ADMIN)
    same = {one.method for one in ENDPOINTS if one.path == endpoint.path}
    allowed = same | {"OPTIONS"} | ({"HEAD"} if "GET" in same else set())
    said = requests.options(path, headers=headers, timeout=PATIENCE)
    assert said.status_code == 204
    assert set(said.headers["Allow"].split(", ")) == allowed
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - allowed:
        answer = requests.request(method, path, headers=headers, timeout=PATIENCE)
        assert answer.status_code == 405, method
        assert answer.json()["status"] == 405
        assert set(answer.headers["Allow"].replace(" ", "").split(",")) == allowed


READS = [one for one in ENDPOINTS if one.method == "GET"]


@pytest.mark.parametrize("endpoint", READS, ids=name)
def test_head_says_what_get_says_without_the_body(served: Api, endpoint: Endpoint) -> None:
    path, headers = path_of(endpoint, served), served.headers(Role.VIEWER)
    if not Role.VIEWER.at_least(endpoint.need):
        headers = served.headers(endpoint.need)
    whole = requests.get(path, headers=headers, timeout=PATIENCE)
    head = requests.head(path, headers=headers, timeout=PATIENCE)
    assert head.status_code == whole.status_code
    assert head.headers["Content-Type"] == whole.headers["Content-Type"]
    assert head.content == b""


@pytest.mark.parametrize("endpoint", READS, ids=name)
def test_what_is_no_json_is_not_to_be_had(served: Api, endpoint: Endpoint) -> None:
    headers = {**served.headers(Role.ADMIN), "Accept": "text/csv"}
    answer = requests.get(path_of(endpoint, served), headers=headers, timeout=PATIENCE)
    assert answer.status_code == 406


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if one.body is not None], ids=name)
def test_a_body_that_is_no_json_of_its_kind_is_refused(served: Api, endpoint: Endpoint) -> None:
    path, token = path_of(endpoint, served), served.headers(Role.ADMIN)

    def answer(body: bytes, kind: str = "application/json") -> tuple[int, str]:
        headers = {**token, "Content-Type": kind}
        said = requests.request(endpoint.method, path, data=body, headers=headers, timeout=PATIENCE)
        assert said.headers["Content-Type"].startswith("application/problem+json")
        return said.status_code, said.json()["code"]

    assert answer(b"{}", "text/plain")[0] == 415
    assert answer(b"{}", "application/x-www-form-urlencoded")[0] == 415
    for broken in (b"", b"{", b'{"a": NaN}', b"\xff\xfe", b"[" * 100_000):
        if broken or not endpoint.body_optional:
            assert answer(broken) == (400, "json"), broken[:20]
    assert answer(b"[]") == (422, "fields")
    assert answer(b'{"no such field": 1}') == (422, "fields")
    assert answer(b'{"a": "' + b"x" * 300_000 + b'"}')[0] == 413


LISTS = [
    one
    for one in ENDPOINTS
    if any("cursor" in model.model_fields for model in (one.query, one.body) if model is not None)
]


def asked(served: Api, endpoint: Endpoint, **fields: Any) -> requests.Response:
    """A list, by query or by body."""
    headers, path = served.headers(Role.ADMIN), path_of(endpoint, served)
    if endpoint.body is None:
        return requests.get(path, params=fields, headers=headers, timeout=PATIENCE)
    body = {**example(endpoint), **fields}
    return requests.post(path, json=body, headers=headers, timeout=PATIENCE)


@pytest.mark.parametrize("endpoint", LISTS, ids=name)
def test_a_cursor_that_is_none_is_refused_before_anybody_looks(
    served: Api, endpoint: Endpoint
) -> None:
    others = [cursor.write("another list", 1), cursor.write("another list", 1, "a", None)]
    made_up = ["x", "AAAA", "....", "4Qm1x2vFWzE3LDE5XQ", "é", "A" * 400]
    for word in (*others, *made_up):
        answer = asked(served, endpoint, cursor=word)
        assert answer.status_code == 400, (word, answer.text)
        assert answer.json()["code"] == "cursor"
    assert asked(served, endpoint, cursor="A" * 401).status_code == 422


@pytest.mark.parametrize("endpoint", READS, ids=name)
def test_nul_and_what_else_is_no_character_is_refused_in_a_query(
    served: Api, endpoint: Endpoint
) -> None:
    headers, path = served.headers(Role.ADMIN), path_of(endpoint, served)
    words = [
        field
        for field, said in (endpoint.query.model_fields if endpoint.query else {}).items()
        if said.annotation is str
    ]
    for field in words:
        answer = requests.get(path, params={field: "a\0b"}, headers=headers, timeout=PATIENCE)
        assert answer.status_code == 422, field


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if one.body is not None], ids=name)
def test_nul_and_half_a_character_are_refused_in_a_body(served: Api, endpoint: Endpoint) -> None:
    for broken in ("a\0b", "a\ud800b"):
        body = dict.fromkeys(example(endpoint), broken) or {"x": broken}
        answer = requests.request(
            endpoint.method,
            path_of(endpoint, served),
            data=json.dumps(body),
            headers={**served.headers(Role.ADMIN), "Content-Type": "application/json"},
            timeout=PATIENCE,
        )
        assert answer.status_code == 422, answer.text


def test_what_there_is_not_is_said_as_all_else_is(served: Api) -> None:
    headers = served.headers(Role.ADMIN)
    for path in ("/api/v1/none", "/api/v1/", "/api/v2/threads", "/api/v1/threads/x", "/api/nope"):
        answer = requests.get(served.base + path, headers=headers, timeout=PATIENCE)
        assert answer.status_code == 404, path
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert answer.json()["status"] == 404


def test_the_description_is_served_to_who_may_ask(served: Api) -> None:
    path = f"{served.base}{ROOT}/openapi.json"
    assert requests.get(path, timeout=PATIENCE).status_code == 401
    answer = requests.get(path, headers=served.headers(Role.VIEWER), timeout=PATIENCE)
    assert answer.json() == DOCUMENT


def test_no_number_of_the_description_is_anybodys() -> None:
    text = openapi.text(ENDPOINTS)
    for number in re.findall(r"\+[0-9]{8,15}", text):
        assert re.fullmatch(r"\+1[0-9]{3}55501[0-9]{2}", number), number


def test_every_model_and_field_says_what_it_is() -> None:
    silent: list[str] = []
    for model, schema in DOCUMENT["components"]["schemas"].items():
        if not (schema.get("description") or "enum" in schema):
            silent.append(model)
        for field, said in schema.get("properties", {}).items():
            if not (said.get("description") or "$ref" in said or "const" in said):
                silent.append(f"{model}.{field}")
    assert silent == []
    for path, methods in DOCUMENT["paths"].items():
        for method, said in methods.items():
            assert said["summary"], (method, path)
            for parameter in said.get("parameters", ()):
                assert parameter["description"], (method, path, parameter["name"])


def test_the_description_is_sound_openapi() -> None:
    SCHEMA.validate()
    names = [
        said["operationId"] for methods in DOCUMENT["paths"].values() for said in methods.values()
    ]
    assert len(names) == len(set(names)) == len(ENDPOINTS)


def test_names_of_a_request_hold_in_the_header_as_in_the_body(served: Api) -> None:
    headers, thread = served.headers(Role.AGENT), writable(served)
    path = f"{served.base}{ROOT}/threads/{thread}/replies"

    def ask(name: str, text: str) -> requests.Response:
        named = {**headers, "Idempotency-Key": name}
        return requests.post(path, json={"text": text}, headers=named, timeout=PATIENCE)

    first, again = ask("ticket-1", "at four"), ask("ticket-1", "at four")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert ask("ticket-2", "at four").json()["id"] != first.json()["id"]
    assert ask("ticket-1", "at five").json()["code"] == "request_used"
    for bad in ("x" * 101, "two words"):
        answer = ask(bad, "at six")
        assert (answer.status_code, list(answer.json()["fields"])) == (422, ["Idempotency-Key"])
    told = requests.get(
        f"{served.base}{ROOT}/messages/{first.json()['id']}", headers=headers, timeout=PATIENCE
    ).json()
    assert (told["text"], told["thread"], told["kind"]) == ("at four", thread, "reply")


def writable(served: Api) -> int:
    """A conversation in which an answer can be sent."""
    headers = served.headers(Role.VIEWER)
    for thread in served.ids("threads"):
        path = f"{served.base}{ROOT}/threads/{thread}"
        if requests.get(path, headers=headers, timeout=PATIENCE).json()["may_write"]:
            return thread
    raise AssertionError("nobody may be written to")


def test_a_model_with_a_field_of_its_own_name_is_refused() -> None:
    """Generated clients give a variable both names."""

    class Wish(BaseModel):
        """A wish."""

        wish: str = ""

    bad = Endpoint(method="GET", path="/wishes", handler=None, answer=Wish, summary="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="own name"):
        openapi.document([bad])
