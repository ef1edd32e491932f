"""The JSON API: a table of endpoints, and how a request becomes a call of one.

Asked in this order, each with its answer: is there such a path (404) and method (405), who asks
(401) and may they (403), is JSON wanted (406) and sent (415, 413), can it be read (400) and does it
fit the model (422). Then the handler, which may say anything of `Endpoint.errors`. Every answer
that is no success is `application/problem+json` (RFC 9457).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from textback.console import api_reading
from textback.console.ctx import Ctx, Problem, ctx_of, only_ints
from textback.console.i18n import _
from textback.console.who import Role

ROOT = "/api/v1"
JSON, PROBLEM = "application/json", "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One entry: where it is, what it takes and gives, and who may ask.

    `handler(ctx, *, <path parameters as int>, query=, body=)` gets what the entry declares.
    """

    method: str
    path: str  #: below /api/v1; parameters are numbers: "/threads/{thread}"
    handler: Callable[..., Awaitable[BaseModel]]
    answer: type[BaseModel]
    summary: str
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    body_optional: bool = False  #: without one, the body is as its fields' defaults are
    need: Role = Role.VIEWER
    status: int = 200
    errors: tuple[int, ...] = ()  #: besides those that every entry has


class ProblemDetails(BaseModel):
    """What every answer that is no success says (RFC 9457)."""

    type: str = Field(description="Always about:blank.", examples=["about:blank"])
    title: str = Field(description="The status in words.", examples=["Unprocessable Content"])
    status: int = Field(description="The HTTP status again.", examples=[422])
    code: str = Field(description="What went wrong, as a word for programs.", examples=["fields"])
    detail: str = Field(
        description="What went wrong, as a sentence for people.", examples=["A field is wrong."]
    )
    fields: dict[str, str] = Field(
        description="By the name of each field that is wrong, why; empty where none is to blame.",
        examples=[{"to": "This is no telephone number."}],
    )


#: The table that is served, for who describes it.
TABLE = web.AppKey("api table", tuple[Endpoint, ...])


def add_to(app: web.Application, endpoints: Sequence[Endpoint]) -> None:
    app[TABLE] = tuple(endpoints)
    methods: dict[str, set[str]] = {}
    for endpoint in endpoints:
        path = ROOT + only_ints(endpoint.path)
        answer = _handler(endpoint)
        methods.setdefault(path, {"OPTIONS"}).add(endpoint.method)
        app.router.add_route(endpoint.method, path, answer)
        if endpoint.method == "GET":
            methods[path].add("HEAD")
            app.router.add_route("HEAD", path, answer)
    for path, allowed in methods.items():
        app.router.add_route("OPTIONS", path, _options(", ".join(sorted(allowed))))


def caller(request: web.Request, need: Role = Role.VIEWER) -> Ctx:
    """The request of one who may ask. Raises Problem 401, 403, 406."""
    ctx = ctx_of(request)
    if not ctx.who.name:
        raise Problem(401, "unauthorized", _("Sign in, or send a token."))
    if not ctx.may(need):
        raise Problem(403, "role", _("Your role does not allow this."))
    if not _takes_json(request.headers.get("Accept", "*/*")):
        raise Problem(406, "accept", _("There is JSON, and nothing else."))
    return ctx


def _handler(endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        ctx = caller(request, endpoint.need)
        asked: dict[str, Any] = {name: int(text) for name, text in request.match_info.items()}
        if endpoint.query is not None:
            asked["query"] = api_reading.query(endpoint.query, request)
        elif request.query:
            unknown = {
                api_reading.phrase(k): _("There is no such parameter.") for k in request.query
            }
            raise Problem(422, "fields", _("A field is wrong."), **unknown)
        if endpoint.body is not None:
            asked["body"] = await api_reading.body(
                endpoint.body, request, optional=endpoint.body_optional
            )
        said = await endpoint.handler(ctx, **asked)
        return answered(endpoint.status, said.model_dump_json(by_alias=True))

    return answer


def _options(allowed: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        caller(request)
        return web.Response(status=204, headers={"Allow": allowed})

    return answer


def _takes_json(accept: str) -> bool:
    wanted = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return bool(wanted & {"", "*/*", "application/*", JSON, PROBLEM})


def problem(wrong: Problem) -> web.Response:
    """An error as RFC 9457 has it."""
    told = ProblemDetails(
        type="about:blank",
        title=HTTPStatus(wrong.status).phrase,
        status=wrong.status,
        code=wrong.code,
        detail=wrong.detail,
        fields=wrong.fields,
    )
    response = answered(wrong.status, json.dumps(told.model_dump()), PROBLEM)
    if wrong.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="textback"'
    response.headers.update(wrong.headers)
    return response


def answered(status: int, body: str, content_type: str = JSON) -> web.Response:
    return web.Response(
        text=body, status=status, content_type=content_type, headers={"Cache-Control": "no-store"}
    )
