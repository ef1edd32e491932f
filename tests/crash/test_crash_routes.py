"""Two carriers, one of which comes and goes under load while the process is killed again and again.

As in `test_crash`, but what both SMSCs saw is held against the one outbox: a text that went over to
the other route must not have reached the first one. The first drops TCP at every thirtieth submit;
the routes are given up and taken back within tenths of a second, so that each kill and each cut
comes at another moment of a failover. TEXTBACK_ROUTE_KILLS changes the number of kills (8).
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select, update

from tests.crash.test_crash import (
    RESPONSE_MS,
    WINDOW,
    make_outbox,
    report,
    settle,
    states,
    submits,
    until,
    zygote,
)
from tests.crash.worker import NUMBERS
from tests.smscs.peers import ForeignSmsc, node_smsc
from textback.model import OutboxState
from textback.store.routes import FAILOVER
from textback.store.tables import attempts, operator_log, outbox

KILLS = int(os.environ.get("TEXTBACK_ROUTE_KILLS", "8"))
EVERY = 30

pytestmark = [pytest.mark.crash, pytest.mark.smsc, pytest.mark.timeout(300)]


async def two_numbers(path: Path, count: int) -> None:
    """An outbox with half of its texts from each number, and so for each carrier."""
    await make_outbox(path, count)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as db:
        db.execute(
            update(outbox)
            .where(outbox.c.id % 2 == 0)
            .values(sender=NUMBERS[1], number=NUMBERS[1], route="spare")
        )
    engine.dispose()


async def seen(*smscs: ForeignSmsc) -> Counter[str]:
    """How often each handset was texted, by all carriers together."""
    times: Counter[str] = Counter()
    for smsc in smscs:
        await smsc.do("seen")
        times.update((await smsc.event("seen"))["times"])
    return times


def taken_over(path: Path) -> tuple[int, int]:
    """Texts that went over to the other route, and attempts in all."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as db:
        query = select(func.count()).where(operator_log.c.verb == FAILOVER)
        found = db.execute(query).scalar_one()
        tried = db.execute(select(func.count()).select_from(attempts)).scalar_one()
    engine.dispose()
    return found, tried


async def figures_of(path: Path, *smscs: ForeignSmsc) -> dict[str, int]:
    times, said = await seen(*smscs), states(path)
    assert not times.keys() - said.keys(), "an SMSC got a text that is not in the outbox"
    sent = {OutboxState.ACCEPTED, OutboxState.DELIVERED}
    over, _ = taken_over(path)
    return {
        "texts": len(said),
        "sent": len(times),
        "doubled": sum(count - 1 for count in times.values()),
        "uncertain": sum(state is OutboxState.UNCERTAIN for state in said.values()),
        "lost": sum(1 for to, state in said.items() if state in sent and to not in times),
        "taken_over": over,
    }


@pytest.mark.parametrize("policy", ["hold", "resend"])
async def test_kills_with_two_carriers_of_which_one_flaps_lose_and_double_nothing(
    policy: str, tmp_path: Path
) -> None:
    path = tmp_path / "textback.db"
    dice = random.Random(policy)
    await two_numbers(path, KILLS * 60 + 600)
    flapping = {"quiet": True, "receipt": False, "respDelay": RESPONSE_MS, "dropEvery": EVERY}
    steady = {"quiet": True, "receipt": False, "respDelay": RESPONSE_MS}
    async with (
        node_smsc(**flapping) as first,
        node_smsc(**steady) as second,
        zygote() as nursery,
    ):
        order = {
            "db": str(path),
            "port": first.port,
            "spare": second.port,
            "window": WINDOW,
            "policy": policy,
        }
        for number in range(KILLS):
            # By turns, so that some kills come while the other one carries alone.
            watched = (first, second)[number % 2]
            before = await submits(watched)
            pid = await nursery.fork(**order)
            await until(watched, before + dice.randrange(1, 30))
            os.kill(pid, signal.SIGKILL)
            assert await nursery.ended() == -signal.SIGKILL
            open_now = Counter(states(path).values())[OutboxState.SENDING]
            assert open_now <= 2 * WINDOW, "more rows in doubt than one window of each route"
        assert OutboxState.QUEUED in set(states(path).values()), "the load ran out first"
        pid = await nursery.fork(**order)
        calm = {OutboxState.ACCEPTED, OutboxState.DELIVERED, OutboxState.UNCERTAIN}
        await settle(path, calm)
        os.kill(pid, signal.SIGTERM)
        assert await nursery.ended() == 0
        drops = int((await first.stats())["drops"])
        figures = await figures_of(path, first, second)
    report(
        f"two routes, one flapping, kill -9, {policy}, window {WINDOW}",
        {"kills": KILLS, "drops": drops, **figures},
    )
    most = 2 * WINDOW * KILLS + WINDOW * drops
    assert drops > 0
    assert figures["taken_over"] > 0, "the other route never carried for it"
    assert figures["lost"] == 0
    if policy == "hold":
        assert figures["doubled"] == 0
        assert 0 < figures["uncertain"] <= most
        assert figures["sent"] + figures["uncertain"] >= figures["texts"]
    else:
        assert figures["uncertain"] == 0
        assert figures["sent"] == figures["texts"]
        assert figures["doubled"] <= most
