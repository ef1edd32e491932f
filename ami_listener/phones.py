"""A desk phone's side of the AMI link: SIP MESSAGEs to it, by the action MessageSend.

Seen on Asterisk 16 and 22: MessageSend needs `write = message`. It says Success as soon as the
message is on its way; an endpoint that is not registered, or is none, is an error; a phone that
refuses or does not answer is not told. One MessageSend reaches one contact of the endpoint, so the
contacts are asked for first (PJSIP_DIAL_CONTACTS, by Getvar), which leaves out those that
`qualify_frequency` found dead. A line of AMI ends at 1,024 bytes, so does a body in Base64 at
about 740; longer texts are several messages. In From a `;` behind an `@` cuts it off; without a
host Asterisk puts its own, but takes no display name.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
from typing import Protocol

from ami_listener.actions import ActionRefused, AmiError
from textback.model import PhoneAnswer, PhoneResult

#: Bytes of one message: in Base64 they fit a line of AMI, and a datagram with its SIP headers.
MAX_BODY = 700
#: Names of PJSIP endpoints that can stand in a dialplan function.
ENDPOINT = re.compile(r"PJSIP/([A-Za-z0-9][A-Za-z0-9_.+-]{0,79})")
_USER = re.compile(r"[+0-9A-Za-z_.-]{1,60}")
_NO_NAME = re.compile(r'[\x00-\x1f\x7f"\\<>;]')
_HOST = re.compile(r"sips?:(?:[^@;>]*@)?(\[[0-9A-Fa-f:.]+\]|[^:;>]+)")


class Link(Protocol):
    """`ami_listener.link.PbxLink`, as far as it is needed here."""

    async def action(self, name: str, **fields: str) -> list[dict[str, str]]: ...


class PhoneLine:
    """Tells the phones of one PBX."""

    def __init__(self, link: Link, *, host: str, sip_host: str = "") -> None:
        """`host` is where its AMI is; `sip_host` what phones call it, "" to find out."""
        self._link = link
        self._host = host
        self._sip_host = sip_host

    async def tell(self, endpoint: str, sender: str, name: str, body: str) -> PhoneAnswer:
        """Send `body` (at most `MAX_BODY` bytes) to every contact of `endpoint` ("PJSIP/101"), from
        `sender`, a number, with `name` for display. One contact that takes it is enough."""
        found = ENDPOINT.fullmatch(endpoint)
        if found is None or not _USER.fullmatch(sender):
            return PhoneAnswer(result=PhoneResult.REFUSED, detail="no endpoint or sender for SIP")
        try:
            contacts = await self._contacts(found[1])
            if not contacts:
                return PhoneAnswer(result=PhoneResult.AWAY, detail=f"{endpoint} is not registered")
            return await self._send(contacts, sender, name, body)
        except ActionRefused as refusal:
            if refusal.denied:
                return PhoneAnswer(result=PhoneResult.DENIED, detail=str(refusal))
            return PhoneAnswer(result=PhoneResult.REFUSED, detail=str(refusal))
        except AmiError as error:
            return PhoneAnswer(result=PhoneResult.DOWN, detail=str(error))
        except ValueError as error:  # a contact no AMI line can hold
            return PhoneAnswer(result=PhoneResult.REFUSED, detail=str(error))

    async def _contacts(self, endpoint: str) -> list[str]:
        """`endpoint/URI` of each contact that may be reached, as MessageSend takes them."""
        (answer,) = await self._link.action("Getvar", Variable=f"PJSIP_DIAL_CONTACTS({endpoint})")
        listed = answer.get("value", "")
        return [one for one in re.split(r"&?PJSIP/", listed) if one.startswith(f"{endpoint}/")]

    async def _send(self, contacts: list[str], sender: str, name: str, body: str) -> PhoneAnswer:
        encoded = base64.b64encode(body.encode("utf-8", "replace")).decode("ascii")
        refused: ActionRefused | None = None
        took = 0
        for contact in contacts:
            fields = {"From": self._from(contact, sender, name), "Base64Body": encoded}
            try:
                await self._link.action("MessageSend", To=f"pjsip:{contact}", **fields)
            except ActionRefused as refusal:
                if refusal.denied:
                    raise
                refused = refusal
            else:
                took += 1
        if refused is not None and not took:
            raise refused
        return PhoneAnswer(result=PhoneResult.TOOK, detail=f"{took} of {len(contacts)} contacts")

    def _from(self, contact: str, sender: str, name: str) -> str:
        """From whom it comes: a reply to it must reach this Asterisk with `sender` as its user."""
        host = self._sip_host or self._our_host(contact)
        if not host:
            return sender
        shown = _NO_NAME.sub("", name).strip()[:60]
        return f'"{shown}" <sip:{sender}@{host}>' if shown else f"<sip:{sender}@{host}>"

    def _our_host(self, contact: str) -> str:
        """The address of this Asterisk as the phone at `contact` knows it; "": cannot be told.

        An Asterisk elsewhere is where its AMI is. One on this host is at the address this host
        speaks from to the phone; the system is asked for that, and nothing is sent.
        """
        try:
            ours = ipaddress.ip_address(self._host)
        except ValueError:
            ours = None
        if (ours is None and self._host != "localhost") or (ours and not ours.is_loopback):
            return f"[{self._host}]" if ours is not None and ours.version == 6 else self._host
        found = _HOST.search(contact)
        try:
            phone = ipaddress.ip_address(found[1].strip("[]") if found else "")
        except ValueError:
            return ""
        family = socket.AF_INET6 if phone.version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((str(phone), 5060))
            except OSError:  # no way there
                return ""
            address = str(probe.getsockname()[0]).partition("%")[0]
        return f"[{address}]" if phone.version == 6 else address
