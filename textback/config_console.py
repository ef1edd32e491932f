"""The table [console]: where the pages are, who may reach them, and how people sign in."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from textback.config_values import DURATION, Line, Listen, Network, Seconds, Table, key
from textback.phone import printable

_HOST = re.compile(
    r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*)(?::\d{1,5})?"
)
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_DAY = 86_400.0
_NETWORKS = 'a list of addresses or networks: ["192.0.2.10", "192.0.2.0/24"]'


def _host(value: object) -> object:
    if isinstance(value, str) and not _HOST.fullmatch(value.strip()):
        shown = printable(value, 60)
        raise ValueError(f'{shown!r} is no host name; write it as in "pbx.example.net"')
    return value


def _header(value: object) -> object:
    if isinstance(value, str) and value.strip() and not _HEADER.fullmatch(value.strip()):
        shown = printable(value, 60)
        raise ValueError(f'{shown!r} is no name of a header; write it as in "X-Remote-User"')
    return value


HostName = Annotated[Line, Field(max_length=253), BeforeValidator(_host)]
Header = Annotated[Line, BeforeValidator(_header)]
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


class Console(Table):
    """The pages of textback, its API, /metrics and /healthz. People sign in with users made by
    `textback user add`, programs with tokens made by `textback token add`."""

    enabled: bool = key(True, "Whether to listen at all.")
    listen: Listen = key(
        "127.0.0.1:8480",
        "Where to listen. Beyond this host set tls_cert and tls_key, or put a reverse proxy before "
        "it: passwords would cross the network in the clear. A change needs a restart.",
        allowed="address:port",
    )
    hosts: tuple[HostName, ...] = key(
        (),
        "Names under which browsers may ask for it, besides localhost, this machine's own name and "
        "addresses: any other name is refused, so that no foreign page can be made to look like "
        "this one (DNS rebinding).",
        allowed='a list of names: ["pbx.example.net"]',
    )
    tls_cert: Line = key(
        "",
        "Certificate and those between it and the CA, PEM. With it the pages are https://. Read "
        "again at a reload; switching TLS on or off needs a restart.",
        allowed="a path",
    )
    tls_key: Line = key("", "Its key; empty: it is in tls_cert.", allowed="a path")
    proxies: tuple[Network, ...] = key(
        (),
        "Reverse proxies. X-Forwarded-For and X-Forwarded-Proto are believed from these addresses "
        "and from nobody else.",
        allowed=_NETWORKS,
    )
    proxy_user_header: Header = key(
        "",
        "The header in which a proxy says who has signed in to it: they need no password here. "
        "Believed only from `proxies`, and only together with proxy_secret; the proxy must take "
        "this header out of what browsers send. Empty: nobody signs in like that.",
        allowed='the name of a header: "X-Remote-User"',
    )
    proxy_role_header: Header = key(
        "",
        "The header in which it says their role (viewer, agent, admin); the proxy must take this "
        "one, too, out of what browsers send. For users made here the role here counts.",
        allowed='the name of a header: "X-Remote-Role"',
    )
    proxy_role: Literal["none", "viewer", "agent", "admin"] = key(
        "none",
        "The role of those who come through the proxy, are no users here, and have none in "
        "proxy_role_header; none: they may not come in.",
    )
    proxy_secret: SecretStr = key(
        SecretStr(""),
        "What the proxy sends in the header X-Textback-Proxy, so that no other programme on its "
        "host can say who it is. At least 16 characters; `openssl rand -hex 32` makes one.",
        secret=True,
    )
    proxy_secret_file: Line = key("", "Or a file that holds it.", allowed="a path")
    proxy_secret_credential: Line = key(
        "", "Or the name of a systemd credential (LoadCredential=) that holds it."
    )
    monitors: tuple[Network, ...] = key(
        (),
        "Who may read /metrics and /healthz without signing in, besides this host. Others need a "
        "token. Neither tells numbers or texts.",
        allowed=_NETWORKS,
    )
    session_idle: Annotated[Seconds, Field(ge=60, le=90 * _DAY)] = key(
        43_200.0,
        "Whoever does nothing for so long signs in again. A page that keeps itself up to date does "
        "nothing.",
        allowed=DURATION + ", 1m to 90d",
    )
    session_longest: Annotated[Seconds, Field(ge=300, le=366 * _DAY)] = key(
        30 * _DAY,
        "After so long everybody signs in again, however busy.",
        allowed=DURATION + ", 5m to 366d",
    )
    language: Literal["auto", "en", "de"] = key(
        "auto",
        "Language of the pages; auto: what the browser asks for. Each user may choose another.",
    )
    edit: bool = key(
        True,
        "Whether admins may change numbers there: written to conf.d/console.toml, which must be "
        "writable for the service.",
    )

    @property
    def tls(self) -> bool:
        return bool(self.tls_cert)

    @property
    def address(self) -> str:
        """The address of `listen`, without brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def proxy_networks(self) -> Networks:
        return _networks(self.proxies)

    @property
    def monitor_networks(self) -> Networks:
        return _networks(self.monitors)


def _networks(texts: tuple[str, ...]) -> Networks:
    return tuple(ipaddress.ip_network(text) for text in texts)
