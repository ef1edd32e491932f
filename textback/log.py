"""The log: one line per fact, beginning with the call it belongs to; JSON, or plain for a console.

`grep <call id>` tells one call's story, as with a mail log:

    pbx:1700000000.12 verdict=skip reason=cooldown caller=+1212***0123

Two promises are kept here and not left to the callers: a telephone number is masked wherever it
stands in a line (unless `log.mask = false`), and neither a secret nor the text of a message is ever
written. What others send us is escaped, so no caller id can begin a line of its own.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections import OrderedDict
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog

from textback import phone

EventDict = MutableMapping[str, Any]

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

#: Libraries that tell more than an operator wants, or that would print a message's parameters.
LIBRARY_LEVELS: Final = {
    "aiohttp": logging.WARNING,
    "aiosqlite": logging.WARNING,
    "alembic": logging.WARNING,
    "apprise": logging.CRITICAL,  # its URLs are secrets; what became of a try is told by us
    "asyncio": logging.WARNING,
    "panoramisk": logging.ERROR,  # our link tells of connects and losses itself
    "smpplib": logging.ERROR,
    "sqlalchemy": logging.WARNING,
    "urllib3": logging.WARNING,  # at debug it tells the paths that apprise asks, with their keys
}

#: Values that are never written, whatever they are.
SECRET_KEYS: Final = re.compile(r"secret|password|passwd|credential|token", re.IGNORECASE)
#: Values that are the words of a message: only their length is written.
TEXT_KEYS: Final = frozenset({"text", "message_text", "short_message", "body", "raw", "payload"})
#: Values that hold long digit runs which are no telephone numbers.
NUMBER_FREE_KEYS: Final = frozenset(
    {"call", "uniqueid", "linkedid", "message_id", "boot", "timestamp", "level", "event", "version"}
)

# What looks like a number and is none comes first and stays; the rest is masked.
_KEEP: Final = (
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?"  # a date, a time
    r"|\b\d{9,10}\.\d{1,9}\b"  # an Asterisk uniqueid
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"  # an IPv4 address
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"  # a uuid
    r"|-00[0-9a-f]{6}\b"  # the counter that ends a channel name
    r"|\b0x[0-9a-fA-F]+\b"
)
_NUMBER: Final = r"\+?\(?\d(?:(?!-00[0-9a-f]{6}\b)[ ().\-]{0,2}\d){6,}"
_PATTERN: Final = re.compile(f"(?P<keep>{_KEEP})|(?P<number>{_NUMBER})")
_MANY_DIGITS: Final = re.compile(r"\d(?:[ ().\-]{0,2}\d){6}")
#: C0, DEL, C1, the line separators of Unicode, and the marks that turn text around.
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


#: Whose call a text is, for the lines that know only the text. The newest few thousand.
_CALL_OF_ROW: OrderedDict[int, str] = OrderedDict()
_MOST_ROWS: Final = 5_000


def remember(row: int, call: str) -> None:
    """From now on a line with this `row` begins with this call as well."""
    _CALL_OF_ROW[row] = call
    if len(_CALL_OF_ROW) > _MOST_ROWS:
        _CALL_OF_ROW.popitem(last=False)


def mask_number(number: str) -> str:
    """`(212) 555-0123` -> `212***0123`: enough to recognise, not enough to ring."""
    return phone.mask(re.sub(r"[ ().\-]", "", number))


def mask_text(text: str) -> str:
    """Every telephone number in `text` masked; dates, addresses and call ids left alone."""
    if not _MANY_DIGITS.search(text):
        return text
    return _PATTERN.sub(lambda m: m["keep"] or mask_number(m["number"]), text)


def escape(text: str) -> str:
    """Control and direction characters made visible: a hostile name cannot forge a line."""
    return _CONTROLS.sub(lambda m: f"\\u{ord(m[0]):04x}", text)


class _Clean:
    """The processor that keeps the promises above, down into lists and dicts."""

    def __init__(self, *, mask: bool) -> None:
        self._mask = mask

    def __call__(self, _logger: Any, _name: str, event: EventDict) -> EventDict:
        return {escape(str(key)): self._value(str(key), value) for key, value in event.items()}

    def _value(self, key: str, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if SECRET_KEYS.search(key):
            return "***"
        if key in TEXT_KEYS:
            return f"<{len(value)} characters>" if isinstance(value, (str, bytes)) else "<hidden>"
        if isinstance(value, (int, float)):
            return value
        if isinstance(value, dict):
            return {escape(str(k)): self._value(str(k), v) for k, v in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._value(key, v) for v in value]
        text = escape(str(value)) if key != "exception" else _escape_lines(str(value))
        if self._mask and key not in NUMBER_FREE_KEYS:
            return mask_text(text)
        # An event of ours is one word; a sentence comes from a library and may quote anything.
        if self._mask and key == "event" and " " in text:
            return mask_text(text)
        return text


def _escape_lines(text: str) -> str:
    return "\n".join(escape(line) for line in text.split("\n"))


def _call_first(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """The call before all, then what happened: the line begins with what one greps for."""
    row = event.get("row")
    if "call" not in event and isinstance(row, int) and row in _CALL_OF_ROW:
        event["call"] = _CALL_OF_ROW[row]
    first = {key: event.pop(key) for key in ("call", "event") if key in event}
    last = {key: event.pop(key) for key in ("level", "timestamp", "exception") if key in event}
    return {**first, **event, **last}


def _as_json(_logger: Any, _name: str, event: EventDict) -> str:
    return json.dumps(event, ensure_ascii=False, default=str)


def _bare(value: Any) -> str:
    text = "true" if value is True else "false" if value is False else str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r'[\s"=]', text) or not text else text


def _as_line(_logger: Any, _name: str, event: EventDict) -> str:
    """`<call> <event> key=value ...`, level and time in front as a console shows them."""
    level = str(event.pop("level", "info"))
    stamp = str(event.pop("timestamp", ""))
    exception = event.pop("exception", None)
    head = [stamp[11:23], f"{level:<7}"]
    head += [str(event.pop(key)) for key in ("call", "event") if key in event]
    pairs = [f"{key}={_bare(value)}" for key, value in event.items() if value is not None]
    line = " ".join([*head, *pairs])
    return f"{line}\n{exception}" if exception else line


class _JournalFormatter(structlog.stdlib.ProcessorFormatter):
    """Puts systemd's `<priority>` before the line, so that `journalctl -p warning` works."""

    def format(self, record: logging.LogRecord) -> str:
        priority = 3 if record.levelno >= logging.ERROR else 6
        if record.levelno == logging.WARNING:
            priority = 4
        elif record.levelno <= logging.DEBUG:
            priority = 7
        return f"<{priority}>{super().format(record)}"


def _is_journal(stream: TextIO) -> bool:
    """Whether `stream` is the very one systemd connected to the journal (JOURNAL_STREAM)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    if not (device and inode):
        return False
    try:
        stat = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or no file at all
        return False
    return (str(stat.st_dev), str(stat.st_ino)) == (device, inode)


def configure(
    *, style: str = "json", level: str = "info", mask: bool = True, stream: TextIO | None = None
) -> None:
    """Send everything, our log and the libraries', to `stream` (stderr). May be called again.

    `style` is "json" or "console"; `level` is a key of LEVELS.
    """
    out = stream or sys.stderr
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            stamp,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = _JournalFormatter if _is_journal(out) else structlog.stdlib.ProcessorFormatter
    # A handler of the standard library never lets a full disk or a closed pipe reach the caller.
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        formatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.StackInfoRenderer(),
                structlog.processors.format_exc_info,
                _Clean(mask=mask),
                _call_first,
                _as_json if style == "json" else _as_line,
            ],
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                stamp,
            ],
        )
    )
    root = logging.getLogger()
    for old in [h for h in root.handlers if getattr(h, "textback", False)]:
        root.removeHandler(old)
    handler.textback = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(LEVELS[level])
    for name, library_level in LIBRARY_LEVELS.items():
        logging.getLogger(name).setLevel(max(library_level, LEVELS[level]))
    logging.raiseExceptions = False
    logging.captureWarnings(True)
