"""`/metrics` and `/healthz`: what a monitor asks, on the console's port.

Both tell of the service, never of a caller: no number and no text is in either.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import web

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


async def _harden(_request: web.Request, response: web.StreamResponse) -> None:
    """No sniffing, no framing, on every answer, errors as well."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"


def build_app(
    health: Callable[[], Awaitable[Health]], exposition: Callable[[], Awaitable[bytes]]
) -> web.Application:
    """The aiohttp application; `exposition` gives the body of /metrics."""
    app = web.Application()
    app.on_response_prepare.append(_harden)
    app[SOURCES] = Sources(health, exposition)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)
    return app


async def serve(app: web.Application, listen: str) -> Callable[[], Awaitable[None]]:
    """Listen on `address:port`; the result closes it. Raises OSError when that cannot be had."""
    host, _, port = listen.rpartition(":")
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host.strip("[]"), int(port)).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner.cleanup
