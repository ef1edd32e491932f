"""An SMSC that speaks nonsense to the running service: hostile PDUs, before and between texts."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.smsc import (
    DATA_SM,
    DELIVER_SM,
    DELIVER_SM_RESP,
    ENQUIRE_LINK,
    ENQUIRE_LINK_RESP,
    HEADER,
    RESP,
    SUBMIT_SM,
    UNBIND,
    EvilSmsc,
    Peer,
    Raw,
    deliver,
    pack,
    read_submit,
    receipt_text,
    submit_resp,
    tlv,
)
from tests.integration.world_rig import Service, impatient, service

SEEDS = range(60)
COMMANDS = (
    *(0x1, 0x2, 0x3, 0x4, 0x5, 0x6, 0x7, 0x8, 0x9, 0xB, 0x15, 0x21, 0x102, 0x103, 0x111, 0x112),
    *(0, 0x7FFFFFFF, 0xDEADBEEF),
)


class Carrier:
    """The evil one's good side: takes binds, answers texts, until told something else."""

    def __init__(self, smsc: EvilSmsc) -> None:
        self.smsc = smsc
        self.submits: asyncio.Queue[Raw] = asyncio.Queue()
        self.answers: asyncio.Queue[Raw] = asyncio.Queue()
        self.peer: Peer | None = None
        self.bound = asyncio.Event()
        self.binds = 0

    async def run(self) -> None:
        """Serve one connection after the other."""
        while True:
            self.peer = None
            peer = await self.smsc.accept()
            try:
                await peer.bind()
                self.binds += 1
                self.peer = peer
                self.bound.set()
                await self._serve(peer)
            except (asyncio.IncompleteReadError, ConnectionError, AssertionError):
                self.bound.clear()
                await peer.close()

    async def _serve(self, peer: Peer) -> None:
        while True:
            pdu = await peer.read()
            if pdu.command == SUBMIT_SM:
                self.submits.put_nowait(pdu)
                await peer.send(submit_resp(pdu.sequence, f"{pdu.sequence:x}"))
            elif pdu.command == ENQUIRE_LINK:
                await peer.send(pack(ENQUIRE_LINK_RESP, pdu.sequence))
            elif pdu.command == UNBIND:
                await peer.send(pack(UNBIND | RESP, pdu.sequence))
            else:
                self.answers.put_nowait(pdu)

    async def says(self, *data: bytes) -> None:
        """To whoever is bound, as soon as somebody is."""
        async with asyncio.timeout(10):
            await self.bound.wait()
        assert self.peer is not None
        await self.peer.send(*data)


@pytest.fixture
async def made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Service, Carrier]]:
    impatient(monkeypatch)
    async with EvilSmsc() as smsc, service(tmp_path) as built:
        carrier = Carrier(smsc)
        task = asyncio.create_task(carrier.run(), name="carrier")
        built.start(smsc.port)
        await built.up()
        try:
            yield built, carrier
            await built.cleanup()
        finally:
            task.cancel()
            await asyncio.wait([task])


async def still_texts(made: Service, carrier: Carrier, caller: str) -> None:
    """The proof that all is well: a missed call becomes a text, once."""
    uniqueid = made.new_call()
    made.ring(uniqueid, caller)
    made.hang_up(uniqueid, caller)
    while True:
        async with asyncio.timeout(15):
            submit = await carrier.submits.get()
        if read_submit(submit.body).dest[2] == caller[1:]:
            break
    await made.tap.until("text_submitted", call=f"pbx:{uniqueid}")
    assert made.alive
    assert not made.tap.found("task_died")


def nonsense(dice: random.Random) -> bytes:
    """One PDU, or what is not quite one."""
    command = dice.choice(COMMANDS) | dice.choice((0, 0, RESP))
    sequence = dice.choice((0, 1, 2, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))
    status = dice.choice((0, 0, 0, 0x58, 0x14, 0x400, 0xFFFFFFFF))
    body = dice.randbytes(dice.randrange(0, 120))
    match dice.randrange(6):
        case 0:
            return pack(command, sequence, body, status)
        case 1:  # a length that lies
            length = dice.choice((0, 15, 16, 17, 65537, 0x7FFFFFFF, 0xFFFFFFFF))
            return HEADER.pack(length, command, status, sequence) + body
        case 2:  # a message with anything in it
            return deliver(
                sequence,
                dice.randbytes(dice.randrange(0, 255)),
                source=dice.randbytes(5).replace(b"\0", b"1"),
                esm_class=dice.randrange(256),
                tlvs=tlv(dice.choice((0x1E, 0x424, 0x427, 0x20C, 0x1403)), dice.randbytes(9)),
                command=dice.choice((DELIVER_SM, DATA_SM)),
            )
        case 3:  # parameters that end too early
            return deliver(sequence, b"hi", tlvs=struct.pack(">HH", 0x424, 60000) + b"x")
        case 4:  # a receipt for nothing, hostile in every field
            text = receipt_text("9" * dice.randrange(0, 60), dice.choice(("", "X" * 40, "DELIVRD")))
            return deliver(sequence, text[:254].replace(b"2611231201", b"9999999999"), esm_class=4)
        case _:
            return dice.randbytes(dice.randrange(1, 200))


async def test_no_nonsense_of_the_carrier_stops_the_service(made: tuple[Service, Carrier]) -> None:
    site, carrier = made
    for seed in SEEDS:
        dice = random.Random(seed)
        try:
            await carrier.says(*(nonsense(dice) for _ in range(dice.randrange(1, 6))))
        except ConnectionError:
            continue  # it hung up on us in the middle of our nonsense, as it may
    # A torn message still open swallows what follows: a new connection begins clean.
    if carrier.peer is not None:
        carrier.peer.drop()
    await still_texts(site, carrier, "+12125550188")
    errors = [e for e in site.tap.alarms() if e["event"] not in ("smpp_state",)]
    assert not errors, errors[:3]
    doubled = site.rows("SELECT recipient FROM outbox GROUP BY call_id HAVING count(*) > 1")
    assert doubled == []


HOSTILE_TEXTS = {
    "sql": b"'); DROP TABLE outbox; --",
    "nul": b"a\0b\0",
    "escapes": b"\x1b[2J\x1b]0;pwned\x07\r\nforged line",
    "template": b"{{ 7*7 }}{% for x in () %}",
    "every octet": bytes(range(1, 255)),
    "empty": b"",
}


@pytest.mark.parametrize("coding", [0, 3, 4, 8, 0xF5, 0xFF])
async def test_any_text_of_a_handset_is_kept_and_answered(
    made: tuple[Service, Carrier], coding: int
) -> None:
    site, carrier = made
    for number, text in enumerate(HOSTILE_TEXTS.values(), 1):
        pdu = bytearray(deliver(1000 + number, text, source=b"1212555017%d" % number))
        # data_coding stands two octets before the text.
        pdu[len(pdu) - len(text) - 3] = coding
        await carrier.says(bytes(pdu))
    answers = [await asyncio.wait_for(carrier.answers.get(), 10) for _ in HOSTILE_TEXTS]
    assert sorted(a.sequence for a in answers) == [1000 + n for n in range(1, 7)]
    assert {(a.command, a.status) for a in answers} == {(DELIVER_SM_RESP, 0)}
    assert len(site.rows("SELECT id FROM replies")) == len(HOSTILE_TEXTS)
    await still_texts(site, carrier, "+12125550188")
    assert not site.tap.alarms()


async def test_message_ids_of_any_kind_are_kept(made: tuple[Service, Carrier]) -> None:
    """Ids in submit_sm_resp that are huge, empty, not ASCII, or the same for every text."""
    site, carrier = made
    ids: list[bytes] = [b"", b"\xff\xfe", b"A" * 64, b"9" * 64, b"' OR 1=1", b"0", b"0", b"\x1b[2J"]

    async def answer(peer: Peer, pdu: Raw) -> None:
        await peer.send(pack(SUBMIT_SM | RESP, pdu.sequence, ids.pop() + b"\0"))

    async def serve(peer: Peer) -> None:
        while True:
            pdu = await peer.read()
            if pdu.command == SUBMIT_SM:
                await answer(peer, pdu)
            elif pdu.command == UNBIND:
                await peer.send(pack(UNBIND | RESP, pdu.sequence))

    carrier._serve = serve  # type: ignore[method-assign]
    assert carrier.peer is not None
    carrier.peer.drop()
    for number in range(len(ids)):
        uniqueid = site.new_call()
        site.ring(uniqueid, f"+1212555017{number}")
        site.hang_up(uniqueid, f"+1212555017{number}")
    await site.tap.until("text_submitted", 8)
    await carrier.says(deliver(7, receipt_text("9" * 64), esm_class=4))
    states = site.rows("SELECT state, count(*) FROM outbox GROUP BY state")
    assert sum(count for _, count in states) == 8
    assert {state for state, _ in states} <= {"accepted", "delivered", "uncertain"}, states
    assert not site.tap.alarms()


async def test_a_carrier_that_hangs_up_on_every_bind_is_outlived(
    made: tuple[Service, Carrier],
) -> None:
    site, carrier = made
    for _ in range(15):
        async with asyncio.timeout(10):
            await carrier.bound.wait()
        assert carrier.peer is not None
        carrier.bound.clear()
        carrier.peer.drop()
    await still_texts(site, carrier, "+12125550188")
    assert carrier.binds >= 15
