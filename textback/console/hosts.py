"""Under which names we answer: a foreign page that has its own name lead here gets nothing.

A name of its own that suddenly leads to 127.0.0.1 (DNS rebinding) would make a browser take that
page and us for one site. A request by address cannot be one of those: the address is the site.
"""

from __future__ import annotations

import ipaddress
import socket

from textback.config_console import Console

_ALWAYS = frozenset({"localhost", "127.0.0.1", "::1"})


def split(host: str) -> str:
    """The name in a Host header, without port and brackets, lower case, without its last dot."""
    host = host.strip().casefold()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


def welcome(host: str, console: Console, *, machine: str | None = None) -> bool:
    """Whether a request that names us so is meant for us; `machine`: this host's own name."""
    name = split(host)
    if not name:
        return False
    if name in _ALWAYS or name == console.address.casefold():
        return True
    if name in {split(one) for one in console.hosts}:
        return True
    own = socket.gethostname() if machine is None else machine
    if name == own.casefold():
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
