"""Finds every page a person can come to by clicking, one of each kind."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from playwright.async_api import BrowserContext

from textback.console.guard import LOGIN
from textback.console.nav import ENTRIES

_HREF = re.compile(r'<a\b[^>]*\bhref="([^"#]+)')
#: No pages: files, programs' doors, and what ends the visit.
_NOT = re.compile(r"/(static|api/v1|live|logout|healthz|metrics)\b")
#: What is asked of a page at most; lists have links to thousands of rows.
_MOST = 80


class Answer(NamedTuple):
    """What a path gave."""

    url: str  #: after redirects
    status: int
    content_type: str
    text: str


class Found(NamedTuple):
    """What can be come to by clicking."""

    pages: dict[str, str]  #: a path of each kind of page, by kind: `/inbox/N`
    broken: dict[str, str]  #: links that lead to no page, and what they give


async def pages(context: BrowserContext) -> Found:
    """As this visitor finds them."""

    async def get(path: str) -> Answer:
        response = await context.request.get(path)
        kind_of = response.headers.get("content-type", "")
        return Answer(response.url, response.status, kind_of, await response.text())

    return await crawl(get)


async def crawl(get: Callable[[str], Awaitable[Answer]]) -> Found:
    """The same, by whatever way pages are asked for."""
    found, broken = dict[str, str](), dict[str, str]()
    seen: set[str] = set()
    waiting = [entry.path for entry in ENTRIES]
    while waiting and len(seen) < _MOST:
        path = waiting.pop(0)
        if kind(path) in seen:
            continue
        seen.add(kind(path))
        answer = await get(path)
        at = urlsplit(answer.url)
        if answer.status != 200:
            broken[path] = f"answers {answer.status}"
        elif at.path == LOGIN:
            broken[path] = "asks to sign in"
        elif "text/html" in answer.content_type:
            real = at.path + (f"?{at.query}" if at.query else "")
            found[kind(path)] = path
            waiting += [link for link in links(answer.text, real) if kind(link) not in seen]
    return Found(found, broken)


def kind(path: str) -> str:
    """The same for two rows of one list; what was asked for counts by its names."""
    at = urlsplit(path)
    names = sorted(part.partition("=")[0] for part in at.query.split("&") if part)
    return re.sub(r"/\d+", "/N", at.path) + ("?" + "&".join(names) if names else "")


def links(html: str, base: str) -> Iterator[str]:
    for match in _HREF.finditer(html):
        link = urlsplit(urljoin(base, match[1].replace("&amp;", "&")))
        if link.netloc or link.scheme or _NOT.match(link.path):
            continue
        yield link.path + (f"?{link.query}" if link.query else "")
