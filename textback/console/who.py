"""Who asks: a person who signed in, or a program with a token, and what that role may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Each may do what the ones before it may."""

    VIEWER = "viewer"  #: looks at everything, changes nothing
    AGENT = "agent"  #: answers callers, works cases, calls back
    ADMIN = "admin"  #: changes numbers and texts, sees who did what

    def at_least(self, other: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """One who may use the console, for one request."""

    name: str
    role: Role
    via: str = "session"  #: "session", "token" or "proxy"
    language: str = ""  #: "en", "de"; "": what the browser asks for
    theme: str = ""  #: "light", "dark"; "": what the system has
    phone: str = ""  #: the desk phone as a dialplan dials it: "PJSIP/101"
    pbx: str = ""  #: the [[pbx]] of that phone
    session: str = ""  #: its key in the store; "" for a token
    csrf: str = ""  #: what forms of this session carry
