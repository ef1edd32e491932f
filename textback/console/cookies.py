"""The console's two cookies: of who has signed in, and of who has not (for the form to do so).

Lax, not Strict: a link in a mail leads to a page, and acting needs a token besides. By https the
name begins with __Host-, which a browser takes from nobody but this very host. The port is in the
name: cookies know none, and two services on one host would sign each other's people out.
"""

from __future__ import annotations

import hashlib
import secrets

from textback.config_console import Console

SESSION, VISITOR = "textback", "textback-visitor"


def name(kind: str, console: Console, *, secure: bool) -> str:
    port = console.listen.rpartition(":")[2]
    return f"{'__Host-' if secure else ''}{kind}-{port}"


def header(cookie: str, value: str, *, secure: bool, age: int | None = None) -> str:
    """The value of Set-Cookie; `age` in seconds, 0 takes the cookie away, None: until the browser
    is closed."""
    parts = [f"{cookie}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if age is not None:
        parts.append(f"Max-Age={age}")
    if secure:
        parts.append("Secure")
    return "; ".join(parts)


def fresh() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What the store has of a token. It is random, so no salt and no slow hash is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
