"""What every answer says to the browser: nothing from elsewhere, nothing inline, in no frame."""

from __future__ import annotations

from typing import Final

from aiohttp import web

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'none'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "manifest-src 'self'"
)
_NOT: Final = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid"),
    *("magnetometer", "microphone", "midi", "payment", "serial", "usb"),
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it a browser says "Origin: null" of its own forms, and the look at the
    # origin would have to let everybody's pass. Nothing is told to other sites either way.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _NOT),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "textback",  # without versions
}
#: A year. Only where the name is ours alone: it counts for every port of a name, and on port 80 of
#: a PBX there is often a FreePBX without TLS.
STRICT: Final = "max-age=31536000"
CACHE: Final = "Cache-Control"

#: Whether this answer goes by https; set by the middleware.
SECURE = web.RequestKey("secure", bool)
#: Cookies to set with whatever the answer will be.
COOKIES = web.RequestKey("cookies", list[str])


async def harden(request: web.Request, response: web.StreamResponse) -> None:
    """On every answer that is prepared: pages, files, errors, streams."""
    put(response)
    host = request.headers.get("Host", "")
    if request.get(SECURE) and ":" not in host.rpartition("]")[2]:
        response.headers["Strict-Transport-Security"] = STRICT
    for cookie in request.get(COOKIES, []):
        response.headers.add("Set-Cookie", cookie)


def put(response: web.StreamResponse) -> None:
    """What does not depend on who asks for what."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    response.headers.setdefault(CACHE, "no-store")


def set_cookie(request: web.Request, cookie: str) -> None:
    """A cookie (`cookies.header`) on the answer to this request."""
    request[COOKIES] = [*request.get(COOKIES, []), cookie]
