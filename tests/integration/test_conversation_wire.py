"""Texts from handsets over npm's `smpp`: long ones, all alphabets, restarts, what comes twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sms_gateway.link import Route
from sms_gateway.settings import RouteSettings
from tests.fakes.route import DID, HANDSET
from tests.smscs.peers import PATIENCE, ForeignSmsc, node_smsc
from tests.unit.configs import BASE
from textback import wiring
from textback.config_load import loads
from textback.inbox import Inbox
from textback.model import Incoming, Reply, TextIn
from textback.store.errors import StoreUnavailableError
from textback.store.store import Store

pytestmark = pytest.mark.smsc

UDH, BOTH = 0x40, {"from": HANDSET[1:], "to": DID[1:]}
TEXT = (
    "Grüße 📞 — the boiler in flat 12 has been leaking since Sunday, can somebody come? 🙏🏽 " * 3
)


class Desk:
    """A store, an inbox and a route; `gate` closed keeps texts from being stored."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.config = loads(BASE)
        rules = wiring.reply_rules(self.config)
        self.kept: asyncio.Queue[Incoming] = asyncio.Queue()
        self.inbox = Inbox(store, lambda: "US", rules=lambda: rules, on_kept=self.kept.put_nowait)
        self.gate = asyncio.Event()
        self.gate.set()
        self.came = asyncio.Event()
        self.done = asyncio.Event()
        self.failures: list[Exception] = []

    async def on_reply(self, reply: Reply) -> int:
        self.came.set()
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop()
        number = await self.inbox.reply(reply)
        self.done.set()
        return number

    async def on_receipt(self, receipt: Any) -> None:
        raise AssertionError(receipt)

    async def texts(self) -> list[TextIn]:
        found = [await self.store.conversation(t.id) for t in await self.store.threads_of(HANDSET)]
        return [line for one in found for line in one.lines if isinstance(line, TextIn)]


@asynccontextmanager
async def desk(path: Path, carrier: ForeignSmsc) -> AsyncIterator[Desk]:
    store = await Store.open(path / "textback.db")
    made = Desk(store)
    route = Route(
        RouteSettings(
            name="smsc",
            host="127.0.0.1",
            port=carrier.port,
            system_id="acme",
            password="secret",
            backoff_first=0.01,
            backoff_max=0.05,
        ),
        on_receipt=made.on_receipt,
        on_reply=wiring.or_not_now(made.on_reply),
        on_answered=made.inbox.answered,
    )
    tasks = [
        asyncio.create_task(route.run(), name="route"),
        asyncio.create_task(made.inbox.run(), name="inbox"),
    ]
    try:
        await carrier.event("bind")
        yield made
        await route.stop(5.0)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await store.close()


async def kept(made: Desk) -> Incoming:
    async with asyncio.timeout(PATIENCE):
        return await made.kept.get()


def cut(octets: bytes, size: int) -> list[bytes]:
    return [octets[n : n + size] for n in range(0, len(octets), size)]


def delivery(way: str, piece: bytes, number: int, total: int) -> dict[str, Any]:
    """A part as the carrier sends it."""
    if way == "udh8":
        header = bytes((5, 0, 3, 0x7F, total, number))
        return {"hex": (header + piece).hex(), "esm": UDH}
    if way == "udh16":
        header = bytes((6, 8, 4, 0x12, 0x34, total, number))
        return {"hex": (header + piece).hex(), "esm": UDH}
    if way == "udh in payload":
        header = bytes((5, 0, 3, 0x7F, total, number))
        return {"hex": (header + piece).hex(), "esm": UDH, "payload": True}
    tlvs = {"sar_msg_ref_num": 99, "sar_total_segments": total, "sar_segment_seqnum": number}
    return {"hex": piece.hex(), "tlvs": tlvs}


@pytest.mark.parametrize("way", ["udh8", "udh16", "udh in payload", "sar"])
async def test_a_long_text_with_emoji_cut_in_two_is_one_text(tmp_path: Path, way: str) -> None:
    # 133 octets: also through the middle of characters, and of surrogate pairs.
    pieces = cut(TEXT.encode("utf-16-be"), 133)
    async with node_smsc() as carrier, desk(tmp_path, carrier) as made:
        for number in reversed(range(len(pieces))):
            part = delivery(way, pieces[number], number + 1, len(pieces))
            await carrier.do("deliver", **BOTH, coding=8, **part)
            assert (await carrier.event("reply_resp"))["status"] == 0
        text = await kept(made)
        assert (text.text, text.parts, text.ours) == (TEXT, len(pieces), DID)


async def test_a_long_text_in_message_payload_is_one_text(tmp_path: Path) -> None:
    async with node_smsc() as carrier, desk(tmp_path, carrier) as made:
        octets = TEXT.encode("utf-16-be").hex()
        await carrier.do("deliver", **BOTH, hex=octets, coding=8, payload=True)
        assert (await kept(made)).text == TEXT


async def test_an_escape_cut_from_its_character_is_read(tmp_path: Path) -> None:
    pieces = [b"price 5\x1b", b"\x65, \x1b", b"\x3cok\x1b\x3e"]
    async with node_smsc() as carrier, desk(tmp_path, carrier) as made:
        for number, piece in enumerate(pieces, 1):
            await carrier.do("deliver", **BOTH, **delivery("udh8", piece, number, 3))
        assert (await kept(made)).text == "price 5€, [ok]"


@pytest.mark.parametrize(
    ("language", "text"),
    [(1, "Yarın ğüneş açar, İşte €5"), (2, "¿Mañana? Sí, ÁÍÓÚ áíóú"), (3, "Não, à tarde: ãõç ÃÕ")],
    ids=["turkish", "spanish", "portuguese"],
)
async def test_national_shift_tables_are_read_as_another_library_writes_them(
    tmp_path: Path, language: int, text: str
) -> None:
    async with node_smsc() as carrier, desk(tmp_path, carrier) as made:
        header = bytes((6, 0x24, 1, language, 0x25, 1, language))
        await carrier.do("reply", **BOTH, text=text, udh=header.hex())
        assert (await kept(made)).text == text


@pytest.mark.parametrize(
    ("coding", "octets", "text"),
    [
        (0, b"\x02 \x1b\x65 \x40", "$ € ¡"),
        (3, "Façade".encode("latin-1"), "Façade"),
        (8, "日本語 📞".encode("utf-16-be"), "日本語 📞"),
        (4, b"8-bit", "8-bit"),
        (0xF4, b"8-bit", "8-bit"),
        (6, "Привет".encode("iso8859-5"), "Привет"),
        (0x18, "Ωmega".encode("utf-16-be"), "Ωmega"),
    ],
)
async def test_every_data_coding_is_read(
    tmp_path: Path, coding: int, octets: bytes, text: str
) -> None:
    async with node_smsc() as carrier, desk(tmp_path, carrier) as made:
        await carrier.do("deliver", **BOTH, hex=octets.hex(), coding=coding)
        assert (await kept(made)).text == text


async def test_a_restart_between_two_parts_loses_nothing(tmp_path: Path) -> None:
    pieces = cut(TEXT.encode("utf-16-be"), 134)
    async with node_smsc() as carrier:
        for number, piece in enumerate(pieces, 1):
            async with desk(tmp_path, carrier) as made:
                part = delivery("udh16", piece, number, len(pieces))
                await carrier.do("deliver", **BOTH, coding=8, **part)
                assert (await carrier.event("reply_resp"))["status"] == 0
                if number == len(pieces):
                    assert (await kept(made)).text == TEXT


async def test_what_is_delivered_again_after_a_cut_line_is_shown_once(tmp_path: Path) -> None:
    async with node_smsc() as carrier, desk(tmp_path, carrier) as made:
        made.gate.clear()
        await carrier.do("deliver", **BOTH, hex=b"ok".hex())
        async with asyncio.timeout(PATIENCE):
            await made.came.wait()
        await carrier.do("drop")
        await carrier.event("closed")
        made.gate.set()  # it is stored now, and there is nobody to tell
        await kept(made)
        await carrier.event("bind")
        await carrier.do("deliver", **BOTH, hex=b"ok".hex())
        assert (await carrier.event("reply_resp"))["status"] == 0
        (text,) = await made.texts()
        assert len(text.repeats) == 1
        # And the person who says it once more is heard.
        await carrier.do("deliver", **BOTH, hex=b"ok".hex())
        assert (await carrier.event("reply_resp"))["status"] == 0
        assert [text.text for text in await made.texts()] == ["ok", "ok"]


async def test_what_was_unbound_in_good_order_is_known_to_have_arrived(tmp_path: Path) -> None:
    async with node_smsc() as carrier:
        for _ in range(2):
            async with desk(tmp_path, carrier) as made:
                await carrier.do("deliver", **BOTH, hex=b"ok".hex())
                assert (await carrier.event("reply_resp"))["status"] == 0
                await kept(made)
        async with desk(tmp_path, carrier) as made:
            assert [(text.text, text.repeats) for text in await made.texts()] == [("ok", ())] * 2


async def test_a_store_that_fails_has_it_delivered_again(tmp_path: Path) -> None:
    async with node_smsc() as carrier, desk(tmp_path, carrier) as made:
        made.failures.append(StoreUnavailableError("disk full"))
        await carrier.do("deliver", **BOTH, hex=b"ok".hex())
        assert (await carrier.event("reply_resp"))["status"] == 0x64
        await carrier.do("deliver", **BOTH, hex=b"ok".hex())
        assert (await carrier.event("reply_resp"))["status"] == 0
        assert [text.text for text in await made.texts()] == ["ok"]
