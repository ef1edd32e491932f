"""The way to systems: one signed HTTP POST, and what its answer means."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp

from textback import __version__
from textback.model import Event, Telling
from textback.tell_rules import Again, Answer, Gone, Told
from textback.tell_shapes import body

GONE = 410


def encoded(event: Event) -> bytes:
    """The body of an event, the same in every try."""
    # ASCII only: half a surrogate pair in somebody's name has no UTF-8, and is valid JSON.
    return json.dumps(body(event), separators=(",", ":")).encode("ascii")


def signature(secrets: Sequence[str], timestamp: int, content: bytes) -> str:
    """The value of X-Textback-Signature: one v1= for each secret, the newest first."""
    signed = b"%d.%s" % (timestamp, content)
    made = (hmac.new(s.encode(), signed, hashlib.sha256).hexdigest() for s in secrets)
    return ",".join([f"t={timestamp}", *(f"v1={one}" for one in made)])


def headers(
    event: Event, content: bytes, secrets: Sequence[str], now: datetime, attempt: int
) -> dict[str, str]:
    """Of one try, `attempt` counted from 1."""
    timestamp = int(now.timestamp())
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"textback/{__version__}",
        "X-Textback-Event": event.kind.value,
        "X-Textback-Delivery": event.key,
        "Idempotency-Key": event.key,
        "X-Textback-Attempt": str(attempt),
        "X-Textback-Timestamp": str(timestamp),
        "X-Textback-Signature": signature(secrets, timestamp, content),
    }


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds from a Retry-After, which is a number or a date; None: it says nothing."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return max(0.0, (at - now).total_seconds())


def tls(ca: str) -> ssl.SSLContext:
    """Verifies certificates, by the system's CAs or those in the file `ca`. Raises OSError."""
    return ssl.create_default_context(cafile=str(Path(ca)) if ca else None)


class Poster:
    """Tells one webhook; keeps its connection open between two events."""

    def __init__(
        self,
        url: str,
        secrets: Sequence[str],
        *,
        timeout: float,
        ca: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`secrets`: the newest first; `ca`: a file, for the system's certificates ""."""
        self._url = url
        self._secrets = tuple(secrets)
        self._timeout = timeout
        self._ca = ca
        self._context: ssl.SSLContext | None = None
        self._now = now
        self._session: aiohttp.ClientSession | None = None

    async def send(self, telling: Telling) -> Answer:
        """One try."""
        if self._context is None:
            try:
                self._context = await asyncio.to_thread(tls, self._ca)
            except OSError as error:  # it was there when the configuration was read
                return Again(f"tls_ca cannot be read ({error.strerror or 'not PEM'})")
        event, content = telling.event, encoded(telling.event)
        signed = headers(event, content, self._secrets, self._now(), telling.attempts + 1)
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._open().post(
                    self._url,
                    data=content,
                    headers=signed,
                    ssl=self._context,
                    # Elsewhere is not where the administrator said.
                    allow_redirects=False,
                ) as response,
            ):
                # What the answer says beside its status is nobody's business: it is not even read.
                return self._meaning(response)
        except TimeoutError:
            return Again(f"no answer within {self._timeout:g} s")
        except aiohttp.ClientError as error:
            return Again(_words(error))
        except (OSError, ValueError) as error:
            # Whatever a strange answer makes of the parser; its words may quote the address.
            return Again(f"no usable answer ({type(error).__name__})")

    def _meaning(self, response: aiohttp.ClientResponse) -> Answer:
        status = response.status
        if 200 <= status < 300:
            return Told(status)
        if status == GONE:
            return Gone("410: wants no more of it", status)
        if 300 <= status < 400:
            return Again(f"{status}: sends us elsewhere; set the address it means", status)
        asked = retry_after(response.headers.get("Retry-After", ""), self._now())
        return Again(f"answered {status}", status, asked)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._timeout),
                connector=aiohttp.TCPConnector(limit=1),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=True,  # a proxy, where the unit sets one
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _words(error: aiohttp.ClientError) -> str:
    """What went wrong on the way, without the address."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            inner = error.certificate_error if hasattr(error, "certificate_error") else error
            reason = getattr(inner, "verify_message", "") or type(inner).__name__
            return f"its certificate does not hold: {reason}"
        case aiohttp.ClientConnectorDNSError():
            return "its name is not known to DNS"
        case aiohttp.ClientConnectorError():
            return f"no connection: {error.os_error.strerror or type(error.os_error).__name__}"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return "the connection broke before an answer came"
        case aiohttp.InvalidURL():
            return "its address cannot be used"
        case _:
            return f"no usable answer ({type(error).__name__})"
