"""Who is at the other end: the address, by which way, and what a reverse proxy says of it.

X-Forwarded-For and X-Forwarded-Proto count from `[console] proxies` only. That somebody has signed
in to the proxy counts only together with the shared secret: on a host with several users any of
them could send a header from loopback, and the address alone would make him whoever he likes.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from textback.config_console import Console, Networks
from textback.console.who import Role

#: The header that has [console] proxy_secret.
SECRET_HEADER = "X-Textback-Proxy"  # noqa: S105 - the name of a header
#: What says that a proxy has sent this.
FORWARDED = (
    *("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Server"),
    *("Forwarded", "X-Real-IP", "Via"),
)
_MOST_HOPS = 20

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Seen:
    """The other end of one request."""

    address: str  #: of the browser; "" where there is none to tell
    secure: bool  #: by https, all the way or up to the proxy
    trusted: bool  #: through one of `proxies`
    #: Says that it was forwarded, and not for whom, or not by one of `proxies`: the address is a
    #: proxy's.
    stray: bool

    @property
    def local(self) -> bool:
        """A programme on this very host."""
        found = read(self.address)
        return found is not None and found.is_loopback and not self.stray


def read(text: str) -> Address | None:
    """An address as it stands in headers: with brackets, port, zone; IPv4 in its own form."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def inside(address: Address | None, networks: Networks) -> bool:
    return address is not None and any(
        address.version == network.version and address in network for network in networks
    )


def look(request: web.Request, console: Console) -> Seen:
    peer = read(request.remote or "")
    forwarded = any(name in request.headers for name in FORWARDED)
    if not inside(peer, console.proxy_networks):
        return Seen(str(peer or ""), request.secure, False, forwarded)
    # The last word on the scheme is that of the proxy next to us.
    schemes = ",".join(request.headers.getall("X-Forwarded-Proto", [])).split(",")
    secure = request.secure or schemes[-1].strip().casefold() == "https"
    hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    address = None
    # From the right: each proxy puts its peer at the end, and what is further left anybody wrote.
    for hop in list(reversed(hops))[:_MOST_HOPS]:
        found = read(hop)
        if found is None:
            break
        address = found
        if not inside(found, console.proxy_networks):
            break
    return Seen(str(address or peer or ""), secure, True, forwarded and address is None)


@dataclass(frozen=True, slots=True)
class Claim:
    """Whom a proxy says it has let in."""

    name: str
    role: Role | None  #: as its header says; None: it does not, or not so that we know it


def claimed(request: web.Request, console: Console, seen: Seen) -> Claim | Literal[False] | None:
    """The claim; None: there is none; False: there is one and it must not be believed."""
    if not console.proxy_user_header:
        return None
    names = request.headers.getall(console.proxy_user_header, [])
    if not names or not any(name.strip() for name in names):
        return None
    secret = console.proxy_secret.get_secret_value().encode()
    sent = request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogateescape")
    header = console.proxy_role_header
    roles = request.headers.getall(header, []) if header else []
    # Two of one header: the proxy has put its own beside that of the browser.
    doubled = len(names) != 1 or len(roles) > 1
    if not (seen.trusted and secret and hmac.compare_digest(sent, secret)) or doubled:
        return False
    role = roles[0].strip() if roles else ""
    known = Role(role) if role in list(Role) else None
    return Claim(names[0].strip(), known)
