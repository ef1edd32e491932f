"""What pages need and takes long to make: made at the start, so that the first request is as quick
as the hundredth.

Compiling the templates takes a third of a second, the languages' names of days and months a tenth,
the description of the API as long again. It is done in a thread, while the links connect and before
the console listens: nothing of it is left to the event loop, where calls would wait for it.
"""

from __future__ import annotations

import pickle

import babel
import jinja2
import structlog

from textback.console import api, api_pages, i18n, render

log = structlog.get_logger(__name__)


def make_ready(table: tuple[api.Endpoint, ...]) -> None:
    """`table` is that of the API. What fails here is made, or fails again, when a page asks."""
    try:
        for language in i18n.LANGUAGES:
            i18n.catalogue(language)
            _ = babel.Locale.parse(language).datetime_formats  # reads all of the language
        render.static_files()
        environment = render.environment()
        for name in environment.list_templates():
            environment.get_template(name)
        api_pages.describe(table)
    except (
        *(jinja2.TemplateError, babel.UnknownLocaleError, OSError, LookupError),
        # Of files that are damaged: no UTF-8, or no data of a language (those are pickled).
        *(ValueError, EOFError, pickle.UnpicklingError),
    ) as error:
        # Texts matter more than the pages that show them.
        log.warning("console_not_ready", error=str(error))
