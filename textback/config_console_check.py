"""What is wrong, or probably not meant, in [console]: proxies, sign-in by a header, open nets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textback.config import Config
from textback.config_findings import Findings
from textback.config_values import is_loopback

#: Headers that say something else, or that anybody may send.
_TAKEN = frozenset(
    {"authorization", "cookie", "host", "origin", "x-csrf-token", "x-textback-proxy"}
    | {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "content-type", "user-agent"}
)

LEAST_SECRET = 16


def check(parts: Mapping[str, Any], found: Findings) -> None:
    """Errors; `parts["console"]` is None when the table is wrong by itself."""
    console = parts["console"]
    if console is None:
        return
    if console.session_idle > console.session_longest:
        text = "is longer than session_longest, and so without effect; make it shorter"
        found.error(("console", "session_idle"), text)
    for name in ("proxy_user_header", "proxy_role_header"):
        if getattr(console, name).casefold() in _TAKEN:
            text = f"{getattr(console, name)} says something else; write X-Remote-User, or alike"
            found.error(("console", name), text)
    if not console.proxy_user_header:
        if console.proxy_role_header:
            text = "is set without proxy_user_header; set both"
            found.error(("console", "proxy_role_header"), text)
        return
    if console.proxy_user_header.casefold() == console.proxy_role_header.casefold():
        found.error(("console", "proxy_role_header"), "is the header of the user; name another")
    if not console.proxies:
        text = 'is set without proxies; say which addresses may send it, as in ["127.0.0.1"]'
        found.error(("console", "proxy_user_header"), text)
    ways = ("proxy_secret_credential", "proxy_secret_file")
    secret = console.proxy_secret.get_secret_value()
    if not secret and not any(getattr(console, way) for way in ways):
        text = "is set without proxy_secret; any programme on the proxy's host could send it"
        hint = f"set one of proxy_secret, {', '.join(ways)}"
        found.error(("console", "proxy_user_header"), f"{text}; {hint}")
    elif 0 < len(secret) < LEAST_SECRET:
        text = f"is too short to be a secret; at least {LEAST_SECRET} characters"
        found.error(("console", "proxy_secret"), text)


def warn(config: Config, found: Findings) -> None:
    """Warnings on a config that can be used."""
    console = config.console
    if not console.enabled:
        return
    if not is_loopback(console.address) and not console.tls and not console.proxies:
        text = "passwords cross the network in the clear; set tls_cert and tls_key, or proxies"
        found.warning(("console", "listen"), text)
    for name, networks in (
        ("proxies", console.proxy_networks),
        ("monitors", console.monitor_networks),
    ):
        if any(network.prefixlen == 0 for network in networks):
            found.warning(("console", name), "is everybody; name the addresses")
    if console.proxy_role == "admin":
        text = "is admin: everybody whom the proxy lets in may change numbers and users' texts"
        found.warning(("console", "proxy_role"), text)
    if console.proxy_role != "none" and not console.proxy_user_header:
        found.warning(("console", "proxy_role"), "has no effect without proxy_user_header")
