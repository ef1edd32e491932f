"""The console as one aiohttp application: its pages, its API, its files, and what guards them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog
from aiohttp import web

from textback.console import (
    account_api,
    account_pages,
    answer_api,
    api,
    api_pages,
    audit_pages,
    auth,
    calls_api,
    calls_pages,
    cases_api,
    cases_pages,
    events_api,
    figures_api,
    figures_pages,
    guard,
    headers,
    health,
    health_api,
    health_pages,
    inbox_api,
    inbox_pages,
    live,
    login_pages,
    messages_api,
    news_api,
    numbers_api,
    numbers_pages,
    queue_api,
    ready,
    render,
    search_api,
    search_pages,
    thread_acts_api,
    thread_api,
    thread_pages,
    words_api,
)
from textback.console.backend import BACKEND, Backend
from textback.console.ctx import WHO, Ctx, Page, Problem, ctx_of, only_ints, see_other
from textback.console.i18n import _, speaking
from textback.console.listening import WIRES, Wires
from textback.console.nav import ENTRIES
from textback.store.errors import StoreUnavailableError

log = structlog.get_logger(__name__)

#: Every page, subject by subject.
PAGES: tuple[Page, ...] = (
    *calls_pages.PAGES,
    *search_pages.PAGES,
    *inbox_pages.PAGES,
    *thread_pages.PAGES,
    *cases_pages.PAGES,
    *numbers_pages.PAGES,
    *figures_pages.PAGES,
    *health_pages.PAGES,
    *api_pages.PAGES,
    *login_pages.PAGES,
    *account_pages.PAGES,
    *audit_pages.PAGES,
)
#: Every entry of the API, subject by subject.
ENDPOINTS: tuple[api.Endpoint, ...] = (
    *calls_api.ENDPOINTS,
    *search_api.ENDPOINTS,
    *words_api.ENDPOINTS,
    *events_api.ENDPOINTS,
    *inbox_api.ENDPOINTS,
    *news_api.ENDPOINTS,
    *thread_api.ENDPOINTS,
    *answer_api.ENDPOINTS,
    *messages_api.ENDPOINTS,
    *thread_acts_api.ENDPOINTS,
    *cases_api.ENDPOINTS,
    *numbers_api.ENDPOINTS,
    *figures_api.ENDPOINTS,
    *health_api.ENDPOINTS,
    *queue_api.ENDPOINTS,
    *account_api.ENDPOINTS,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: All tabs hear of a change at the same moment. What they ask for then is made one after the other:
#: the event loop takes the calls too, which wait for one part at the most, not for everybody's.
_IN_TURN = web.AppKey("parts in turn", asyncio.Lock)
#: Seconds after which a part is made out of turn: one that hangs must not keep back all others.
_TURN = 5.0


def build_app(backend: Backend) -> web.Application:
    app = web.Application(middlewares=[_timed, _guarded], client_max_size=guard.LARGEST)
    app[BACKEND] = backend
    app[WIRES] = Wires()
    app[_IN_TURN] = asyncio.Lock()
    app.on_response_prepare.append(headers.harden)
    health.add_to(app, backend.health, backend.exposition)
    app.router.add_get("/", _home)
    app.router.add_get("/static/{name}", _static)
    app.router.add_get("/live", live.stream)
    for page in PAGES:
        app.router.add_route(page.method, only_ints(page.path), _page(page))
    api.add_to(app, ENDPOINTS)
    app.cleanup_ctx.append(_making_ready)
    app.on_shutdown.append(_shut)
    return app


async def _making_ready(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(ready.make_ready(app[api.TABLE]), name="console ready")
    yield
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("console_not_ready", error=str(error))


async def _shut(app: web.Application) -> None:
    # Streams have no end of their own, and the runner waits for every answer.
    app[BACKEND].feed.close()


async def _home(_request: web.Request) -> web.StreamResponse:
    return see_other(ENTRIES[0].path)


async def _static(request: web.Request) -> web.Response:
    """A file that was read at the start. By name out of a list: no path is ever opened."""
    file = render.static_files().get(request.match_info["name"])
    if file is None:
        raise web.HTTPNotFound
    fresh = request.query.get("v") == file.version
    age = "public, max-age=31536000, immutable" if fresh else "no-cache"
    response = web.Response(body=file.body, content_type=file.content_type)
    response.headers["Cache-Control"] = age
    return response


def _page(page: Page) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        ctx = ctx_of(request)
        if page.need is not None:
            if not ctx.who.name:
                return see_other(guard.login_path(request))
            if not ctx.may(page.need):
                raise Problem(403, "role", _("Your role does not allow this."))
        part = request.headers.get(render.PART, "")
        if request.method != "GET" or not part:
            return await made(ctx, part)
        turn = request.app[_IN_TURN]
        mine = await _had(turn)
        try:
            return await made(ctx, part)
        finally:
            if mine:
                turn.release()

    async def made(ctx: Ctx, part: str) -> web.StreamResponse:
        # Before anything is read: what changes meanwhile is asked for again.
        ctx.shown["tick"] = ctx.backend.feed.tick
        # A search is a POST, and a page too. Of parts only this one shows them.
        if ctx.who.name and part in ("", "nav"):
            ctx.shown["badges"] = await badges(ctx)
        return await page.handler(ctx)

    return answer


async def _had(turn: asyncio.Lock) -> bool:
    """Whether it is this request's turn; False: it was not in time."""
    try:
        async with asyncio.timeout(_TURN):
            return await turn.acquire()
    except TimeoutError:
        return False


async def badges(ctx: Ctx) -> dict[str, int]:
    """The little numbers beside the navigation, by path."""
    found = {}
    for path, count in COUNTS.items():
        found[path] = await count(ctx)
    return found


#: What waits under each page; cheap queries.
COUNTS: dict[str, Callable[[Ctx], Awaitable[int]]] = {
    "/inbox": inbox_pages.waiting,
    "/callbacks": cases_pages.overdue,
    "/health": health_pages.waiting,
}


@web.middleware
async def _timed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Keeps in mind which connection is at work."""
    wires, transport = request.app[WIRES], request.transport
    wires.begin(request)
    try:
        return await handler(request)
    finally:
        wires.end(request, transport)


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Says who asks, and answers what goes wrong in the words and the shape that was asked for."""
    backend = request.app[BACKEND]
    ctx = ctx_of(request)
    with speaking(ctx.language):
        try:
            guard.check_host(request, backend)
            who = await auth.identify(request, backend)
        except Problem as problem:
            return _failed(ctx, problem)
        except StoreUnavailableError:
            return _failed(ctx, Problem(503, "store", _words(503)))
    if who is not None:
        request[WHO] = who
    ctx = ctx_of(request)
    with speaking(ctx.language):
        try:
            await guard.check(request, backend, who)
            answer = await handler(request)
            await guard.note(ctx)
            return answer
        except Problem as problem:
            return _failed(ctx, problem)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            refused = Problem(error.status, "http", _words(error.status))
            refused.headers |= {k: v for k, v in error.headers.items() if k == "Allow"}
            return _failed(ctx, refused)
        except StoreUnavailableError:
            # The store has logged why; what was asked for may be asked again.
            return _failed(ctx, Problem(503, "store", _words(503)))
        except ConnectionError:
            raise
        except Exception:
            log.exception("console_failed", page=_route(request))
            return _failed(ctx, Problem(500, "failed", _words(500)))


def _route(request: web.Request) -> str:
    """The page's pattern: a path itself may have anything in it."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


def _words(status: int) -> str:
    words = {
        404: _("There is no such page."),
        405: _("This page takes no such request."),
        413: _("That is more than a request may have."),
        500: _("Something went wrong here. The log says what."),
        503: _("The database cannot be used just now. Try again in a moment."),
    }
    return words.get(status, _("This cannot be done."))


def _failed(ctx: Ctx, problem: Problem) -> web.Response:
    if ctx.request.path.startswith("/api/") or ctx.request.path in guard.MONITORED:
        return api.problem(problem)
    shown = ctx.render("error.html", status=problem.status, problem=problem)
    shown.headers.update(problem.headers)
    return shown
