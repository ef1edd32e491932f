"""No foreign page acts in somebody's name: a token in every form, and a look at who sends it.

The token of a session is derived from the session's own secret, so the store does not have it; the
form that signs in carries one derived from a cookie that was set beside it, else a page could sign
somebody in as its own user.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit

from aiohttp import web

from textback.console import headers
from textback.console.ctx import posted

HEADER, FIELD = "X-CSRF-Token", "csrf"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def token_of(secret: str, purpose: str) -> str:
    """What forms carry for this secret; it tells nothing of the secret."""
    made = hmac.new(secret.encode(), f"csrf {purpose}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def same(sent: str, wanted: str) -> bool:
    return bool(wanted) and hmac.compare_digest(
        sent.encode("utf-8", "surrogateescape"), wanted.encode()
    )


def foreign(request: web.Request, hosts: Iterable[str]) -> str:
    """Why the browser itself says that another page sends this; "" when it does not."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin").casefold()
    if site not in ("same-origin", "none"):
        return f"Sec-Fetch-Site {site}" if site in ("same-site", "cross-site") else "Sec-Fetch-Site"
    origin = request.headers.get("Origin")
    if origin is None:
        return ""
    try:
        there = urlsplit(origin)
    except ValueError:
        return "Origin"
    place = there.netloc.casefold()
    # Compared as written: a browser leaves the usual port out of both.
    here = {name.casefold() for name in (request.headers.get("Host", ""), *hosts)} - {""}
    # By https a page of the same name that came by http is another: anybody on the way wrote it.
    schemes = ("https",) if request.get(headers.SECURE) else ("http", "https")
    return "" if there.scheme in schemes and place in here else "Origin"


async def sent(request: web.Request) -> str:
    """The token a request carries, in its header or in a field of its form. Raises Problem 400."""
    if HEADER in request.headers:
        return request.headers[HEADER]
    if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        value = (await posted(request)).get(FIELD)
        return value if isinstance(value, str) else ""
    return ""
