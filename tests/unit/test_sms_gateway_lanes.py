"""Ordered, bounded work beside the read path."""

from __future__ import annotations

import asyncio

import pytest

from sms_gateway.lanes import Lanes


async def test_jobs_with_one_key_keep_their_order_while_others_pass() -> None:
    lanes = Lanes("test", 100)
    done: list[str] = []
    gate, passed = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        await gate.wait()
        done.append("slow")

    async def note(text: str) -> None:
        done.append(text)
        passed.set()

    runner = asyncio.create_task(lanes.run(), name="lanes")
    # Keys that fall into one lane with "a" wait too: only some other key must pass.
    lanes.put("a", slow)
    lanes.put("a", lambda: note("after slow"))
    for key in "bcdefghi":
        lanes.put(key, lambda: note("other"))
    await passed.wait()
    assert "slow" not in done
    gate.set()
    await lanes.drained()
    assert done.index("slow") < done.index("after slow")
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)


async def test_a_full_set_of_lanes_takes_no_more() -> None:
    lanes = Lanes("test", 2)

    async def nothing() -> None:
        return

    assert lanes.put("a", nothing)
    assert lanes.put("b", nothing)
    assert not lanes.put("c", nothing)
    assert lanes.load == 2
    runner = asyncio.create_task(lanes.run(), name="lanes")
    await lanes.drained()
    assert lanes.load == 0
    assert lanes.put("c", nothing)
    await lanes.drained()
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)


async def test_a_job_that_raises_ends_the_lanes_loudly() -> None:
    lanes = Lanes("test", 2)

    async def fail() -> None:
        raise RuntimeError("a defect")

    lanes.put("a", fail)
    with pytest.raises(ExceptionGroup) as caught:
        await lanes.run()
    assert isinstance(caught.value.exceptions[0], RuntimeError)
