"""One request as the pages see it, what a page is, and how one says that something is wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from textback.config import Config
from textback.console import proxy, render
from textback.console.backend import BACKEND, Backend
from textback.console.i18n import _, preferred
from textback.console.who import Role, Who
from textback.log import mask_text
from textback.store.store import Store

#: Who asks; set by the middleware before any handler is called.
WHO = web.RequestKey("who", Who)
#: The handler has written its own line into the audit log.
ACTED = web.RequestKey("acted", bool)
#: Flash messages of one session that are kept at the most.
_MOST_SAID = 5
#: Sessions for which any are kept.
_MOST_TOLD = 1_000


class Problem(Exception):  # noqa: N818 -- the name of it in RFC 9457
    """Something that cannot be done, with its HTTP status and the reason in words.

    A page shows it; the API answers `application/problem+json`. `code` is a word for programs,
    `fields` names what was wrong in which field.
    """

    def __init__(self, status: int, code: str, detail: str, /, **fields: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.fields = status, code, detail, fields
        #: Headers of the answer: Allow, Retry-After.
        self.headers: dict[str, str] = {}


@dataclass(slots=True)
class Ctx:
    """One request, with all that a handler needs to answer it."""

    request: web.Request
    who: Who
    now: datetime
    shown: dict[str, Any] = field(default_factory=dict)  #: values every template of it gets

    @property
    def backend(self) -> Backend:
        return self.request.app[BACKEND]

    @property
    def store(self) -> Store:
        return self.backend.store

    @property
    def config(self) -> Config:
        return self.backend.config()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(str(self.config.business.timezone))

    @property
    def language(self) -> str:
        said = self.config.console.language
        chosen = self.who.language or (said if said != "auto" else "")
        return chosen or preferred(self.request.headers.get("Accept-Language", ""))

    def path_int(self, name: str) -> int:
        """A number in the path; it is one, or the path would not have matched."""
        return int(self.request.match_info[name])

    def may(self, role: Role | str) -> bool:
        return self.who.role.at_least(Role(role))

    async def form(self) -> dict[str, str]:
        """The fields of a POST; of one that came twice the last. Files are refused."""
        sent = await posted(self.request)
        fields: dict[str, str] = {}
        for name, value in sent.items():
            if not isinstance(value, str):
                raise Problem(400, "no_files", "A file was sent where a word was expected.")
            fields[name] = value
        return fields

    def render(self, template: str, *, status: int = 200, **values: Any) -> web.Response:
        """A page of a template; only one block of it when the request asks for a part."""
        return render.page(self, template, status, values)

    def redirect(self, path: str, *, said: str = "") -> web.Response:
        """See there (303), with a word on what was done."""
        ours = path.startswith("/") and not path.startswith("//") and path.isprintable()
        if not ours or "\\" in path:
            raise ValueError(f"not a path of ours: {path!r}")
        if said and self.who.session:
            flashes = self.backend.flashes
            mine = flashes.setdefault(self.who.session, [])
            mine.append(said)
            del mine[:-_MOST_SAID]
            while len(flashes) > _MOST_TOLD:  # browsers that were closed before they were told
                del flashes[next(iter(flashes))]
        return see_other(path)

    def flashed(self) -> list[str]:
        """What was said since the last page, once."""
        return self.backend.flashes.pop(self.who.session, []) if self.who.session else []

    async def act(self, action: str, subject: str = "", **detail: Any) -> None:
        """Write into the audit log that `who` did this: `act("thread.reply", "thread 17")`.

        Of callers the numbers of rows only. For what is not written in a transaction with its own
        line (`store.auditing.audit`).
        """
        self.request[ACTED] = True
        words = " ".join(f"{name}={value}" for name, value in detail.items())
        await self.store.audit(
            self.who.name,
            self.who.via,
            self.address,
            action,
            mask_text(subject),
            mask_text(words),
            now=self.now,
        )

    @property
    def address(self) -> str:
        """Of who asks; through a trusted proxy that of the browser."""
        return proxy.look(self.request, self.config.console).address


async def posted(request: web.Request) -> Mapping[str, object]:
    """What a form sent, also that of somebody who has not signed in. Raises Problem 400 for what
    is none: half a multipart, an encoding that does not exist, characters that are none."""
    try:
        sent = await request.post()
        for value in (text for pair in sent.items() for text in pair if isinstance(text, str)):
            value.encode()  # no half of a surrogate pair: it can be neither stored nor shown
    except (ValueError, LookupError, RuntimeError, HttpProcessingError) as error:
        raise Problem(400, "form", _("This form cannot be read.")) from error
    return sent


Handler = Callable[[Ctx], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: where it is and who may see it."""

    method: str
    path: str  #: parameters are numbers: "/inbox/{thread}"
    handler: Handler
    need: Role | None = Role.VIEWER  #: None: anybody, signed in or not


def ctx_of(request: web.Request) -> Ctx:
    """As whoever the middleware has found out asks; nobody before it has."""
    return Ctx(request, request.get(WHO) or nobody(), request.app[BACKEND].clock())


def only_ints(path: str) -> str:
    """A path for the router: every parameter is a row's number; anything else is no page."""
    return path.replace("}", r":[0-9]{1,18}}")


def see_other(path: str) -> web.Response:
    """303; as an answer, not as aiohttp's exception, which must not be returned."""
    return web.Response(status=303, headers={"Location": path})


def nobody() -> Who:
    """Who has not signed in."""
    return Who(name="", role=Role.VIEWER, via="")
