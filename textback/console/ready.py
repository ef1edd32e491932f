"""What pages need and takes long to make: made once the service stands, so that the first request
is as quick as the hundredth.

Compiling the templates takes a third of a second, the languages' names of days and months a tenth,
the description of the API as long again. It is done in a thread, piece by piece: calls come first,
also in the seconds after a start. A page that is asked for before makes what it needs itself.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from functools import partial

import babel
import jinja2
import structlog

from textback.console import api, api_pages, i18n, render

log = structlog.get_logger(__name__)


#: Seconds after the console's start until the first piece: links connect just then.
AFTER = 1.0
#: Seconds between two pieces.
PAUSE = 0.02


async def make_ready(table: tuple[api.Endpoint, ...]) -> None:
    """`table` is that of the API. What fails here is made, or fails again, when a page asks."""
    await asyncio.sleep(AFTER)
    try:
        pieces = await asyncio.to_thread(_pieces, table)
        for make in pieces:
            await asyncio.to_thread(make)
            await asyncio.sleep(PAUSE)
    except (
        *(jinja2.TemplateError, babel.UnknownLocaleError, OSError, LookupError),
        # Of files that are damaged: no UTF-8, or no data of a language (those are pickled).
        *(ValueError, EOFError, pickle.UnpicklingError),
    ) as error:
        # Texts matter more than the pages that show them.
        log.warning("console_not_ready", error=str(error))
    else:
        log.debug("console_ready", pieces=len(pieces))


def _pieces(table: tuple[api.Endpoint, ...]) -> list[Callable[[], object]]:
    environment = render.environment()
    return [
        *(partial(_speak, language) for language in i18n.LANGUAGES),
        render.static_files,
        *(partial(environment.get_template, name) for name in environment.list_templates()),
        partial(api_pages.describe, table),
    ]


def _speak(language: str) -> None:
    i18n.catalogue(language)
    _ = babel.Locale.parse(language).datetime_formats  # reads all of the language
