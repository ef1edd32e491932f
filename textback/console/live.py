"""`/live`: what changed, as server-sent events. Of one browser each tab that is looked at has a
stream, and one for those that are not.

    event: hello      after each connection, with the feed's tick: who has seen another one asks
                      for all it shows
    event: topics     what changed, words with spaces between them (`textback.console.feed`); its
                      id is the tick
    event: crowded    the last: newer tabs of the same session have taken its place
    event: here       a sign of life, so that no proxy closes the stream, and a computer that slept
                      notices that the connection is gone

Nothing is kept for who was away: who comes back asks for what it shows, once, which is also what a
slow one is told when too much has gathered.
"""

from __future__ import annotations

import asyncio

import structlog
from aiohttp import web

from textback.console import auth
from textback.console.backend import BACKEND, Backend
from textback.console.ctx import WHO, Problem
from textback.console.feed import EVERYTHING, Listener
from textback.console.i18n import _
from textback.console.who import Who
from textback.store.errors import StoreError

log = structlog.get_logger(__name__)

#: Seconds between two signs of life; as often it is asked whether the session still stands.
BEAT = 15.0
#: Seconds until a tab that was closed is missed: a browser that goes to another page says nothing.
LOOK = 1.0
#: Seconds a tab may take to take what it was sent.
PATIENCE = 10.0
#: Milliseconds after which a browser comes back by itself.
RETRY = 2_000
#: Streams of one session, the oldest of which give way, and of all together.
MOST_OF_ONE, MOST = 12, 300


async def stream(request: web.Request) -> web.StreamResponse:
    """Until the tab is closed or slow, the session ends, or the service stops."""
    backend, who = request.app[BACKEND], request.get(WHO)
    if who is None or not who.name:
        raise Problem(401, "unauthorized", _("Sign in, or send a token."))
    if len(backend.feed) >= MOST:
        busy = Problem(429, "streams", _("Too many pages listen already."))
        busy.headers["Retry-After"] = "30"
        raise busy
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    response.content_type = "text/event-stream"
    response.charset = "utf-8"
    response.force_close()  # what ends has ended: nothing follows on this connection
    listener = backend.feed.listen(_key(who), most=MOST_OF_ONE)
    try:
        await response.prepare(request)
        hello = b"retry: %d\n\nevent: hello\ndata: %d\n\n"
        await _write(response, hello % (RETRY, backend.feed.settled))
        await _follow(request, response, listener, who)
    except TimeoutError:
        # Closing would wait for what is not taken; what is in the socket's buffer is not missed.
        log.debug("live_too_slow", who=who.name)
        if request.transport is not None:
            request.transport.abort()
    except ConnectionError:
        log.debug("live_gone", who=who.name)
    finally:
        backend.feed.leave(listener)
    return response


async def _follow(
    request: web.Request, response: web.StreamResponse, listener: Listener, who: Who
) -> None:
    backend, loop = request.app[BACKEND], asyncio.get_running_loop()
    beat = loop.time() + BEAT
    while True:
        topics: tuple[str, ...] = ()
        try:
            async with asyncio.timeout(min(LOOK, max(0.0, beat - loop.time()))):
                topics = await listener.next()
        except TimeoutError:
            pass  # nothing was said: time to look
        if listener.closed or request.transport is None or request.transport.is_closing():
            break
        # Another process may have ended the session as well.
        if loop.time() >= beat or EVERYTHING in topics:
            if not await _stands(backend, request, who):
                break
            beat = loop.time() + BEAT
            if not topics:
                await _write(response, b"event: here\ndata: -\n\n")
        if topics:
            words = " ".join(topics).encode()
            told = b"id: %d\nevent: topics\ndata: %b\n\n" % (backend.feed.settled, words)
            await _write(response, told)
    if listener.crowded:
        await _write(response, b"event: crowded\ndata: now\n\n")


async def _write(response: web.StreamResponse, data: bytes) -> None:
    """Raises TimeoutError for a tab that does not read, ConnectionError for one that is gone."""
    async with asyncio.timeout(PATIENCE):
        await response.write(data)


async def _stands(backend: Backend, request: web.Request, who: Who) -> bool:
    """Whether who began to listen may still do so: has not signed out, was not shut out. While the
    store does not answer they may: they are told words, and what these are about is in the store.
    """
    try:
        now = await auth.identify(request, backend)
    except StoreError as error:
        # Not out of here: the answer has begun, and another would be written into it.
        log.debug("live_not_asked", who=who.name, error=str(error))
        return True
    return now is not None and _key(now) == _key(who)


def _key(who: Who) -> str:
    """Whose streams are counted together: a session's, else a token's or a proxy's user's."""
    return who.session or f"{who.via} {who.name}"
