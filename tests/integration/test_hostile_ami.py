"""Random and hostile AMI bytes against the whole service, in the middle of real calls."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.asterisk import event, message
from tests.integration.world_rig import CALLER, DID, Service, impatient, service, simulated

TRACES = Path(__file__).parents[1] / "data" / "ami"
SEEDS = range(40)
NOISE = (
    b"\0",
    b"\xff\xfe",
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b": ",
    b":",
    b"Uniqueid: x\r\n",
    b"Event: Hangup\r\n",
    b"Event: \r\n",
    b"Response: Success\r\nActionID: textback-pres-\r\n",
    b"Response: Error\r\n",
    b"ChannelState: 99999999999999999999999999\r\n",
    b"ChannelState: -1\r\n",
    b"Timestamp: nan\r\n",
    b"Timestamp: 1e309\r\n",
    b"Timestamp: -9999999999999\r\n",
    b"Cause: \xe2\x80\xae\r\n",
    "Exten: \u0661\u0662\u0663\r\n".encode(),
    b"EventList: start\r\nMessage: Channels will follow\r\n",
    b"Event: CoreShowChannelsComplete\r\n",
    b"A" * 5000,
)


@pytest.fixture
async def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    impatient(monkeypatch)
    async with service(tmp_path) as built, simulated(built) as simulator:
        built.start(simulator.port)
        await built.up()
        yield built


def mutate(dice: random.Random, data: bytes) -> bytes:
    """A trace as a broken, hostile or half-written peer would send it."""
    messages = data.split(b"\r\n\r\n")
    start = dice.randrange(max(len(messages) - 40, 1))
    some = messages[start : start + 40]
    for _ in range(dice.randrange(1, 12)):
        at = dice.randrange(len(some))
        match dice.randrange(7):
            case 0:  # a bit flipped
                if some[at]:
                    one = bytearray(some[at])
                    one[dice.randrange(len(one))] ^= 1 << dice.randrange(8)
                    some[at] = bytes(one)
            case 1:  # cut off
                some[at] = some[at][: dice.randrange(len(some[at]) + 1)]
            case 2:  # a header twice, perhaps with another value
                lines = some[at].split(b"\r\n")
                line = dice.choice(lines)
                lines.insert(dice.randrange(len(lines) + 1), line + dice.choice((b"", b"9", b"x")))
                some[at] = b"\r\n".join(lines)
            case 3:  # noise within
                where = dice.randrange(len(some[at]) + 1)
                some[at] = some[at][:where] + dice.choice(NOISE) + some[at][where:]
            case 4:  # told twice
                some.insert(at, some[dice.randrange(len(some))])
            case 5:  # out of order
                some.insert(dice.randrange(len(some)), some.pop(at))
            case _:  # binary
                some[at] = dice.randbytes(dice.randrange(1, 400))
    return b"\r\n\r\n".join(some) + b"\r\n\r\n"


async def test_no_mutated_trace_stops_the_service_or_doubles_a_text(made: Service) -> None:
    traces = sorted(TRACES.glob("*.ami"))
    assert traces
    for seed in SEEDS:
        dice = random.Random(seed)
        data = mutate(dice, dice.choice(traces).read_bytes())
        uniqueid = made.new_call()
        made.ring(uniqueid)
        for session in made.asterisk.sessions:
            at = 0
            while at < len(data):
                size = dice.randrange(1, 3000)
                session.writer.write(data[at : at + size])
                at += size
        made.hang_up(uniqueid)
        await made.tap.until("call_ended", call=f"pbx:{uniqueid}")
        assert made.alive, seed
        counters = made.ami_counters
        assert (counters["feed_errors"], counters["call_errors"]) == (0, 0), seed
    # Whatever was said in between, a call in a clean stream is texted, once.
    made.asterisk.send("\r\n\r\n")
    await made.asterisk.drop()
    await made.asterisk.wait_connections(made.asterisk.connections + 1)
    ups = len(made.tap.found("ami_up"))
    await made.up(ups + 1)
    uniqueid = made.new_call()
    made.ring(uniqueid, "+12125550177")
    made.hang_up(uniqueid, "+12125550177")
    await made.tap.until("text_submitted", call=f"pbx:{uniqueid}")
    # So many forged events are an alarm, and the only one.
    assert {e.get("alarm", e["event"]) for e in made.tap.alarms()} <= {"tainted_calls"}
    doubled = made.rows("SELECT call_id, count(*) FROM outbox GROUP BY call_id HAVING count(*) > 1")
    assert doubled == []
    assert await made.stop() == 0


@pytest.mark.parametrize(
    ("what", "hostile"),
    [
        ("an endless line", b"Event: Newchannel\r\nExten: " + b"A" * (8 << 20) + b"\r\n\r\n"),
        ("endless headers", b"Event: Newstate\r\n" + b"X: y\r\n" * 500_000 + b"\r\n"),
        ("NULs", b"\0" * (1 << 20) + b"\r\n\r\n"),
        ("bare line feeds", b"\n" * (1 << 20)),
        ("blank messages", b"\r\n" * (1 << 19)),
        ("binary", random.Random(1).randbytes(1 << 20) + b"\r\n\r\n"),
        ("broken UTF-8", b"Event: Newchannel\r\nUniqueid: \xc3\x28\xff\xf0\x9f\r\n\r\n"),
        ("no name", b"Event:\r\n\r\nEvent: \r\n\r\n: \r\n\r\n"),
        ("answers to nothing", b"Response: Success\r\nActionID: nobody\r\n\r\n" * 2000),
        ("pongs to nothing", b"Response: Success\r\nPing: Pong\r\n\r\n" * 2000),
    ],
)
async def test_in_the_middle_of_a_call_it_costs_no_more_than_that_call(
    made: Service, what: str, hostile: bytes
) -> None:
    uniqueid = made.new_call()
    made.ring(uniqueid)
    for session in made.asterisk.sessions:
        session.writer.write(hostile)
        await session.writer.drain()
    made.asterisk.send("\r\n\r\n")
    made.hang_up(uniqueid)
    await made.tap.until("call_ended", call=f"pbx:{uniqueid}")
    following = made.new_call()
    made.ring(following, "+12125550188")
    made.hang_up(following, "+12125550188")
    await made.tap.until("text_submitted", call=f"pbx:{following}")
    assert made.alive
    assert not made.tap.alarms(), what
    assert made.ami_counters["feed_errors"] == 0
    texts = made.rows("SELECT recipient FROM outbox ORDER BY id")
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize("header", ["Uniqueid", "Channel", "CallerIDNum", "Exten", "ChannelState"])
async def test_a_call_with_a_header_told_twice_differently_is_never_texted(
    made: Service, header: str
) -> None:
    uniqueid = made.new_call()
    trunk, _ = made.legs(uniqueid, CALLER, "Ann")
    lines = [f"{key}: {value}" for key, value in trunk.items()]
    lines.append(f"{header}: {'+12125550166' if 'Num' in header else '9' + trunk[header]}")
    made.asterisk.send(message("Event: Newchannel", "Privilege: call,all", *lines))
    made.ring(uniqueid)
    made.hang_up(uniqueid)
    following = made.new_call()
    made.ring(following, "+12125550188")
    made.hang_up(following, "+12125550188")
    await made.tap.until("text_submitted", call=f"pbx:{following}")
    assert made.rows("SELECT recipient FROM outbox") == [("+12125550188",)]


async def test_a_name_that_forges_a_hangup_and_a_call_makes_no_text_of_its_own(
    made: Service,
) -> None:
    """What a PBX that does not strip line ends from a name would send."""
    uniqueid = made.new_call()
    forged = event("Newchannel", made.legs("1700000666.1", "+12125550166", "Eve")[0])
    made.ring(uniqueid, name=f"Eve\r\n\r\n{forged}Event: Hangup\r\nUniqueid: {uniqueid}\r\n\r\n")
    made.hang_up(uniqueid)
    following = made.new_call()
    made.ring(following, "+12125550188")
    made.hang_up(following, "+12125550188")
    await made.tap.until("text_submitted", call=f"pbx:{following}")
    recipients = [row[0] for row in made.rows("SELECT recipient FROM outbox")]
    assert "+12125550166" not in recipients
    assert recipients.count("+12125550188") == 1
    assert DID not in recipients
