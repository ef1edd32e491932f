"""A SIP MESSAGE as the dialplan has it: what the hook `reply` asks Asterisk for, and reads.

Asterisk runs the dialplan of a MESSAGE on one channel of its own, Message/ast_msg_queue, whose
FastAGI head says nothing of the message; MESSAGE(body) and MESSAGE(from) do. A text may hold line
ends and parentheses, and could so forge an answer, or the next one: it is asked for in URIENCODE,
and its length besides. (BASE64_ENCODE loses the last bytes on Asterisk 16.) Asterisk takes bodies
of at most 1,023 bytes; of a longer one it keeps nothing, and still tells the phone 202.

Who wrote it: MESSAGE(from) is the From header. Its user is the endpoint whose password Asterisk
asked for where endpoints are identified by user name, which is the default; MESSAGE_DATA is worth
nothing, a phone may write any of it as a header. Where endpoints are identified in other ways
(`identify`, auth_username), the dialplan names the endpoint: a message_context for each phone
sets TEXTBACK_ENDPOINT.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote, unquote_to_bytes

from agi.protocol import AgiRequest
from textback.model import Moment, PhoneText

#: What Asterisk is asked, in this order.
QUESTIONS = (
    "${LEN(${MESSAGE(body)})}",
    "${URIENCODE(${MESSAGE(body)})}",
    "${URIENCODE(${MESSAGE(from)})}",
    "${URIENCODE(${TEXTBACK_ENDPOINT})}",
)
#: Bytes of a body that Asterisk takes at most.
MAX_BODY = 1_023
_FROM = re.compile(r"(?:.*<)?sips?:([^@;<>\s]{1,80})(?:@[^<>\s]*)?>?\s*", re.DOTALL)


class Unreadable(Exception):  # noqa: N818
    """There is nothing that could be sent on; the message is for the phone's user."""


def value_of(reply: str) -> str:
    """The value in the reply to GET FULL VARIABLE: `result=1 (VALUE)`; "" for `result=0`."""
    head, found, rest = reply.partition("result=1 (")
    return rest.removesuffix(")") if found and not head else ""


def read(request: AgiRequest, answers: Sequence[str], at: Moment, pbx: str) -> PhoneText:
    """The message, from Asterisk's answers to `QUESTIONS`. Raises Unreadable."""
    if request.lines.get("agi_type") != "Message":
        raise Unreadable("reply is for the context of a phone's SIP MESSAGEs (message_context)")
    length, body, sender, named = answers
    raw = unquote_to_bytes(body)
    if length != str(len(raw)):
        raise Unreadable("Not sent: the text came damaged.")
    if not raw.strip():
        raise Unreadable(
            f"Not sent: there is no text in it, or more than the {MAX_BODY} bytes Asterisk takes."
        )
    name = unquote(named).strip().removeprefix("PJSIP/")
    if not name:
        found = _FROM.fullmatch(unquote(sender))
        if found is None:
            raise Unreadable("Not sent: who wrote it is not to be seen in its From header.")
        name = unquote(found[1])
    return PhoneText(
        pbx=pbx,
        endpoint=f"PJSIP/{name[:80]}",
        vouched=bool(named),
        handset=request.extension[:80],
        text=_decoded(raw),
        at=at,
    )


def _decoded(raw: bytes) -> str:
    """SIP's text is UTF-8 unless told otherwise, and old phones tell nothing."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
