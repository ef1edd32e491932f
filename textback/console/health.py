"""`/metrics` and `/healthz`: what a monitor asks, on the console's port.

Both tell of the service, never of a caller: no number and no text is in either.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import web

from textback.console import headers

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class PartHealth:
    """One part of the service: whether it does its work, and what it says of itself."""

    name: str  #: "ami:pbx", "smpp:smsc", "store", "outbox"
    ok: bool
    state: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """All parts. The service is well when each of them is."""

    mode: str
    version: str
    parts: tuple[PartHealth, ...]

    @property
    def ok(self) -> bool:
        return all(part.ok for part in self.parts)

    def as_dict(self) -> dict[str, Any]:
        return {
            "status": "ok" if self.ok else "failing",
            "version": self.version,
            "mode": self.mode,
            "failing": [part.name for part in self.parts if not part.ok],
            "parts": {part.name: _part(part) for part in self.parts},
        }


def _part(part: PartHealth) -> dict[str, Any]:
    told = asdict(part)
    del told["name"]
    return {**told.pop("detail"), **told}


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the two pages get what they say."""

    health: Callable[[], Awaitable[Health]]
    exposition: Callable[[], Awaitable[bytes]]


SOURCES = web.AppKey("sources", Sources)


async def healthz(request: web.Request) -> web.Response:
    """200 when every part is well, else 503; the same JSON either way."""
    health = await request.app[SOURCES].health()
    return web.json_response(
        health.as_dict(),
        status=200 if health.ok else 503,
        headers={"Cache-Control": "no-store"},
    )


async def metrics(request: web.Request) -> web.Response:
    return web.Response(
        body=await request.app[SOURCES].exposition(),
        headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"},
    )


def add_to(
    app: web.Application,
    health: Callable[[], Awaitable[Health]],
    exposition: Callable[[], Awaitable[bytes]],
) -> None:
    """/healthz and /metrics; `exposition` gives the body of the second."""
    app[SOURCES] = Sources(health, exposition)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)


def build_app(
    health: Callable[[], Awaitable[Health]], exposition: Callable[[], Awaitable[bytes]]
) -> web.Application:
    """An application that has nothing but these two."""
    app = web.Application()
    app.on_response_prepare.append(headers.harden)
    add_to(app, health, exposition)
    return app
