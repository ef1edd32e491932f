"""A whole conversation on real Asterisks: missed, texted, replied, answered from a desk, called.

The desk phone is baresip, the carrier npm's `smpp`, the dialplan and the manager user are the
files as shipped. One conversation is played for each Asterisk; the tests look at what came of it.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.stage import Stage, admin, renumbered, stage
from tests.lab import sip
from tests.lab.asterisk import AMI_SECRET, PRODUCT, free_port
from tests.lab.baresip import Baresip, Shown
from tests.lab.phones import answers, rings
from tests.lab.row import Row, configuration, row
from tests.lab.versions import VERSIONS
from tests.smscs.peers import ForeignSmsc, node_smsc

pytestmark = [pytest.mark.asterisk, pytest.mark.smsc, pytest.mark.timeout(240)]

DESK, OTHER, SOFT, SECRET = "101", "102", "103", "s3cret-of-a-phone"
(LINE,) = renumbered(
    row(
        "front",
        "Dial(PJSIP/@a@,20) | Hangup()",
        "",
        a=rings(),
        number={"desk": [f"PJSIP/{DESK}"], "ring_timeout": "2s", "abandoned_after": "0s"},
    )
)
CALLER, OURS = LINE.number_outside, LINE.did
#: A long reply in two parts, with what no carrier's alphabet has.
PARTS = ("Grüße 😀! Could I come on Tuesday, or is there an earlier one ", "today? Zoë 🦷")
QUESTION = "".join(PARTS)
ANSWER = "Hi Zoë, today at 5 is free 😀"
PHONES = """
[registered](!)
type = aor
max_contacts = 1
remove_existing = yes
"""


#: What the shipped file says to do where From is not to be believed: the dialplan names the phone.
NAMED = f"""
[textback-messages-{SOFT}]
exten => _+X.,1,Set(TEXTBACK_ENDPOINT={DESK})
 same => n,Goto(textback-message,${{EXTEN}},1)
"""
#: Eight parts, more than one SIP MESSAGE holds.
LONG = [f"{number}:" + " and so on" * 10 for number in range(1, 9)]


def phone(user: str, context: str = "textback-messages") -> str:
    return f"""
[{user}]
type = auth
auth_type = userpass
username = {user}
password = {SECRET}
[{user}](registered)
[{user}](phone)
aors = {user}
auth = {user}
callerid = Desk {user} <{user}>
message_context = {context}
"""


def asterisk_files(agi_port: int, **more: str) -> Callable[[Sequence[Row]], Mapping[str, str]]:
    """The generated dialplan, the product's own files with this run's port, and two desk phones."""
    names = ("extensions-textback.conf", "extensions-textback-messages.conf")
    shipped = "\n".join((PRODUCT / name).read_text() for name in names) + NAMED
    assert shipped.count(":4574/") == 1, "one place names the port"

    def files(rows: Sequence[Row]) -> Mapping[str, str]:
        made = configuration(rows)
        made["pjsip_phones.conf"] += PHONES + phone(DESK) + phone(OTHER)
        made["pjsip_phones.conf"] += phone(SOFT, f"textback-messages-{SOFT}")
        made["extensions-textback.conf"] = shipped.replace(":4574/", f":{agi_port}/")
        return {**made, **more}

    return files


@dataclass
class Set:
    """Everything that takes part."""

    lab: Stage
    carrier: ForeignSmsc
    folder: Path

    @asynccontextmanager
    async def phone(self, user: str = DESK) -> AsyncIterator[Baresip]:
        port = self.lab.asterisk.sip_port
        made = Baresip.running(
            self.folder / f"baresip-{user}", user, SECRET, sip_port=port, contacts=(CALLER,)
        )
        async with made as one:
            await one.registered()
            yield one

    async def handset(self, text: str, udh: str = "") -> None:
        await self.carrier.do("reply", **{"from": CALLER[1:], "to": OURS[1:]}, text=text, udh=udh)
        assert (await self.carrier.event("reply_resp"))["status"] == 0

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(f"file:{self.folder / 'textback.db'}?mode=ro", uri=True) as db:
            return db.execute(query).fetchall()

    async def until(self, query: str, wanted: list[tuple[Any, ...]]) -> None:
        """Until this is what the query finds."""
        found: list[tuple[Any, ...]] = []
        try:
            async with asyncio.timeout(30):
                while (found := self.rows(query)) != wanted:
                    await self.lab.service.news(0.2)
        except TimeoutError:
            log = self.lab.service.log_tail()
            raise AssertionError(f"{query}: {found}, not {wanted}\n{log}") from None

    async def missed(self) -> None:
        """The caller is missed, and has the text."""
        leg = await self.lab.ring(LINE)
        await asyncio.sleep(2.5)
        leg.hang_up()
        await self.carrier.event("text")
        await self.until("SELECT state FROM outbox", [("delivered",)])


@asynccontextmanager
async def opened(
    folder: Path, version: str, *, healthy: bool = True, **files: str
) -> AsyncIterator[Set]:
    port = free_port()
    async with node_smsc() as carrier:
        account = {"host": "127.0.0.1", "port": carrier.port, "system_id": "a", "password": "b"}
        staged = stage(
            folder,
            [LINE],
            account,
            version=version,
            files=asterisk_files(port, **files),
            agi_port=port,
        )
        async with staged as lab:
            await lab.service.start(healthy=healthy)
            yield Set(lab, carrier, folder)


# --- the conversation -----------------------------------------------------------------------------


@dataclass
class Conversation:
    """What came of it."""

    texts: list[dict[str, Any]] = field(default_factory=list)  #: that the carrier was given
    shown: dict[str, Shown] = field(default_factory=dict)  #: on the desk phone
    outbox: list[tuple[Any, ...]] = field(default_factory=list)
    phone_messages: list[tuple[Any, ...]] = field(default_factory=list)
    case: list[tuple[Any, ...]] = field(default_factory=list)
    forged: list[int] = field(default_factory=list)  #: what Asterisk answered


async def converse(folder: Path, version: str) -> Conversation:
    told = Conversation()
    async with opened(folder, version) as play, play.phone() as desk:
        await play.missed()

        # The second part comes first.
        await play.handset(PARTS[1], udh="050003070202")
        await play.handset(PARTS[0], udh="050003070201")
        told.shown["question"] = await desk.message()

        await desk.write(ANSWER)
        told.texts.append(await play.carrier.event("text"))
        await play.until(
            "SELECT state FROM outbox WHERE kind = 'reply'",
            [("delivered",)],
        )

        await desk.off()
        await play.handset("Are you there?")
        await play.lab.service.logged("desk_phone_not_told")
        async with play.phone() as desk_again:
            told.shown["after it was off"] = await desk_again.message()
            await play.until("SELECT count(*) FROM phone_messages WHERE state = 'queued'", [(0,)])
            told.phone_messages = play.rows(
                "SELECT pbx, endpoint, state, attempts > 1 FROM phone_messages ORDER BY id"
            )

            async with play.phone(OTHER) as other:
                await other.write("I am not at the desk")
                told.shown["not at the desk"] = await other.message()
            told.forged.append(await forge(play))
            async with play.phone(SOFT) as soft:
                await soft.write("From my laptop")
                told.texts.append(await play.carrier.event("text"))

            for number, part in enumerate(LONG, 1):
                await play.handset(part, udh=f"05000308{len(LONG):02x}{number:02x}")
            told.shown["long, first"] = await desk_again.message()
            told.shown["long, second"] = await desk_again.message()

            lab = play.lab
            lab.agent.behaviours[CALLER] = answers(0.5, talk=1.0)
            await lab.agent.call(LINE.phone("b"), CALLER).over()
            await play.until("SELECT closed_at IS NOT NULL FROM cases", [(1,)])
            told.case = play.rows("SELECT caller, number, stage, closed_by FROM cases")

            await freeze_and_stop(play, desk_again, told)

            await play.handset("STOP")
            told.shown["stop"] = await desk_again.message()
            await desk_again.write("Please come anyway")
            told.shown["after stop"] = await desk_again.message()
            told.outbox = play.rows(
                "SELECT kind, author, sender, recipient FROM outbox WHERE kind = 'reply' "
                "ORDER BY id"
            )
    return told


async def freeze_and_stop(play: Set, desk: Baresip, told: Conversation) -> None:
    """textback is frozen while the phone sends; then stopped; then there again."""
    service = play.lab.service
    assert service.process is not None
    service.process.send_signal(signal.SIGSTOP)
    try:
        await desk.write("While it is frozen")
        told.shown["frozen"] = await desk.message()
    finally:
        service.process.send_signal(signal.SIGCONT)
    await service.well()
    assert await service.stop() == 0
    await desk.write("While it is stopped")
    told.shown["stopped"] = await desk.message()
    await service.start()
    await desk.write("While it is there")
    told.texts.append(await play.carrier.event("text"))


async def forge(play: Set) -> int:
    """Write in the desk phone's name without its password: what Asterisk answers."""
    server, own = f"127.0.0.1:{play.lab.asterisk.sip_port}", free_port(socket.SOCK_DGRAM)
    message = sip.Message(
        f"MESSAGE sip:{CALLER}@{server} SIP/2.0",
        [
            ("Via", f"SIP/2.0/UDP 127.0.0.1:{own};branch={sip.branch()};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{DESK}@{server}>;tag={sip.token()}"),
            ("To", f"<sip:{CALLER}@{server}>"),
            ("Call-ID", sip.token()),
            ("CSeq", "1 MESSAGE"),
            ("Content-Type", "text/plain"),
        ],
        "Send money",
    )
    answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    class Ear(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            if not answer.done():
                answer.set_result(data)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Ear, local_addr=("127.0.0.1", own)
    )
    try:
        transport.sendto(message.render(), ("127.0.0.1", play.lab.asterisk.sip_port))
        async with asyncio.timeout(10):
            return sip.parse(await answer).status
    finally:
        transport.close()


@pytest.fixture(scope="module", params=list(VERSIONS))
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Conversation:
    folder = tmp_path_factory.mktemp(f"conversation-{request.param}")
    return asyncio.run(converse(folder, request.param))


def test_long_reply_with_emoji_is_whole_on_the_desk_phone(told: Conversation) -> None:
    shown = told.shown["question"]
    assert shown.text == QUESTION
    assert shown.number == CALLER, "pressing reply writes to the handset"
    assert shown.name == f"Text from {CALLER}"


def test_answer_of_the_desk_phone_goes_out_on_that_thread(told: Conversation) -> None:
    sent = told.texts[0]
    assert (sent["source"], sent["destination"]) == (OURS[1:], CALLER[1:])
    assert sent["text"] == ANSWER
    assert ("reply", f"PJSIP/{DESK}", OURS, CALLER) in told.outbox


def test_phone_that_was_off_is_told_when_it_is_on_again(told: Conversation) -> None:
    assert told.shown["after it was off"].text == "Are you there?"
    assert told.phone_messages == [
        ("pbx", f"PJSIP/{DESK}", "sent", 0),
        ("pbx", f"PJSIP/{DESK}", "sent", 1),
    ]


def test_phone_of_no_desk_is_told_that_it_may_not(told: Conversation) -> None:
    shown = told.shown["not at the desk"]
    assert shown.text == "Not sent: this phone is in no `desk` of textback's numbers."
    assert shown.number == CALLER


def test_nobody_writes_in_a_desk_phones_name_without_its_password(told: Conversation) -> None:
    assert told.forged == [401]


def test_case_closes_itself_when_the_caller_is_called_back(told: Conversation) -> None:
    assert told.case == [(CALLER, OURS, "called_back", f"PJSIP/{LINE.phone('b')}")]


def test_phone_hears_that_textback_is_frozen_or_stopped(told: Conversation) -> None:
    assert told.shown["frozen"].text.startswith("textback gave no answer")
    assert told.shown["stopped"].text == "Not sent: textback cannot be reached."
    assert told.texts[2]["text"] == "While it is there"


def test_answer_after_stop_is_refused_on_the_phone(told: Conversation) -> None:
    assert told.shown["stop"].text == "STOP"
    assert told.shown["after stop"].text == "Not sent: this number has opted out of your texts."
    assert len(told.outbox) == 3, "what was refused, frozen and stopped was never written"


def test_text_too_long_for_one_message_comes_in_pieces(told: Conversation) -> None:
    first, second = told.shown["long, first"].text, told.shown["long, second"].text
    assert (first[:6], second[:6]) == ("(1/2) ", "(2/2) ")
    assert f"{first[6:]} {second[6:]}" == "".join(LONG)


def test_endpoint_that_the_dialplan_names_counts_and_not_from(told: Conversation) -> None:
    assert told.texts[1]["text"] == "From my laptop"
    assert {author for _, author, _, _ in told.outbox} == {f"PJSIP/{DESK}"}


# --- without the right ----------------------------------------------------------------------------


@pytest.mark.parametrize("version", list(VERSIONS))
async def test_without_write_message_it_is_said_and_told_once_the_right_is_there(
    tmp_path: Path, version: str
) -> None:
    shipped = (PRODUCT / "manager.d" / "textback.conf").read_text()
    given = VERSIONS[version].drop_in(
        shipped.replace(";secret = change-me", f"secret = {AMI_SECRET}", 1)
    )
    denied = given.replace("write = reporting,message", "write = reporting", 1)
    assert denied != given
    async with (
        opened(tmp_path, version, **{"manager.d/textback.conf": denied}) as play,
        play.phone() as desk,
    ):
        lab = play.lab
        await play.missed()
        await play.handset("Hello?")
        await lab.service.logged("desk_denied")
        doctor = await lab.service.command("doctor", "--listen", "0", code=1)
        assert "MessageSend" in doctor
        assert "write = reporting,message" in doctor

        (lab.asterisk.directory / "etc" / "manager.d" / "textback.conf").write_text(given)
        async with admin(lab.asterisk) as session:
            session.act("Command", Command="manager reload")
            await session.until(rb"Response: [A-Z]")
        # A session keeps the rights it was given at its login.
        assert await lab.service.stop() == 0
        await lab.service.start()
        assert (await desk.message()).text == "Hello?"
        await play.until("SELECT state FROM phone_messages", [("sent",)])
