"""What is answered to a request that is none: in few words, with the headers of every answer.

aiohttp answers these by itself, before there is a page to ask: with its version, without our
headers, and with a piece of what was sent, which it writes into the log as well. There may be a
password in that piece.
"""

from __future__ import annotations

from http import HTTPStatus

import structlog
from aiohttp import web

from textback.console import headers

log = structlog.get_logger(__name__)

_WORDS = {
    400: "This request cannot be read.",
    500: "Something went wrong here. The log says what.",
}


class Serving(web.RequestHandler):
    """One connection, served; its own errors are told in our words."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Raises ConnectionError when an answer has begun: another would be written into it."""
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            # Anybody can send this as often as he likes, so it is no warning.
            name = type(exc).__name__ if exc is not None else ""
            log.debug("console_unreadable", address=request.remote or "", error=name)
            if request.writer.output_size > 0:
                raise ConnectionError("the answer has begun")
        else:
            super().handle_error(request, status, exc, message)  # it logs what happened
        answer = web.Response(status=status, text=_WORDS.get(status, HTTPStatus(status).phrase))
        headers.put(answer)
        answer.force_close()
        return answer
