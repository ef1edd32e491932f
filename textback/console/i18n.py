"""The console's languages: catalogues by gettext, read from the .po files themselves.

Sources are English. `_` and `ngettext` speak the language of the request that is being answered
(`speaking`); `N_` marks a word that is translated where it is shown.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import resources

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

#: The first is what the sources are written in.
LANGUAGES = ("en", "de")

_SPOKEN: ContextVar[gettext.NullTranslations | None] = ContextVar("spoken", default=None)


def N_(message: str) -> str:  # noqa: N802 -- the field's own name for it
    return message


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The texts of a language; of one that is not there the sources as they are."""
    if language not in LANGUAGES[1:]:
        return gettext.NullTranslations()
    folder = resources.files("textback.console") / "locale" / language / "LC_MESSAGES"
    file = folder / "textback.po"
    if not file.is_file():
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    token = _SPOKEN.set(catalogue(language))
    try:
        yield
    finally:
        _SPOKEN.reset(token)


def _(message: str) -> str:
    spoken = _SPOKEN.get()
    return spoken.gettext(message) if spoken is not None else message


def ngettext(one: str, many: str, number: int) -> str:
    spoken = _SPOKEN.get()
    if spoken is not None:
        return spoken.ngettext(one, many, number)
    return one if number == 1 else many


def preferred(header: str) -> str:
    """The first language of an Accept-Language header that there is; else the sources'."""
    weighed: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.split(",")[:20]):
        tag, _sep, parameter = part.strip().partition(";")
        quality = parameter.strip().removeprefix("q=") if parameter else "1"
        try:
            weight = float(quality)
        except ValueError:
            continue
        weighed.append((-weight, place, tag.strip().lower().partition("-")[0]))
    return next((tag for w, _p, tag in sorted(weighed) if tag in LANGUAGES and w < 0), LANGUAGES[0])
