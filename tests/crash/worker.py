"""The product from the store to the wire, forked off ready-made so that it can die 200 times.

`python -m tests.crash.worker` imports everything once, then forks a worker for each line
`{"db": PATH, "port": N, "window": N, "policy": "hold"|"resend"}` on stdin and prints its pid. The
worker runs store, delivery, inbox and route exactly as the daemon wires them, until it is killed,
or until SIGTERM, on which it stops in good order. The zygote reaps it and prints how it ended.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from typing import Any

from sms_gateway.link import Route, RouteSettings
from sms_gateway.receipts import stored_forms
from textback.delivery import Delivery
from textback.inbox import Inbox
from textback.log import configure
from textback.retry import RetryRules
from textback.store.store import Store

PR_SET_PDEATHSIG = 1


async def work(order: dict[str, Any]) -> None:
    def forms(_route: str, message_id: str) -> frozenset[str]:
        return stored_forms(message_id)

    store = await Store.open(order["db"], id_forms=forms)
    inbox = Inbox(store, lambda: "US")
    settings = RouteSettings(
        name="smsc",
        host="127.0.0.1",
        port=order["port"],
        system_id="textback",
        password="secret",
        window=order["window"],
        rate=0.0,
        id_format="hex_dec",
        backoff_first=0.02,
        backoff_max=0.1,
    )
    deliveries: list[Delivery] = []
    route = Route(
        settings,
        on_receipt=inbox.receipt,
        on_reply=inbox.reply,
        on_late=lambda row, submission: deliveries[0].late(row, submission),
    )
    delivery = Delivery(
        store,
        [route],
        segments=lambda _route, _text: 1,
        rules=lambda _: RetryRules(on_uncertain=order["policy"]),
    )
    deliveries.append(delivery)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    running = [
        asyncio.create_task(route.run(), name="route"),
        asyncio.create_task(delivery.run(), name="delivery"),
    ]
    stopped = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait([*running, stopped], return_when=asyncio.FIRST_COMPLETED)
    for task in running:
        if task.done():
            task.result()
    await asyncio.gather(delivery.stop(), route.stop(10.0))
    await asyncio.gather(*running)
    await store.close()


def main() -> None:
    configure(level="error", stream=sys.stderr)
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            # The zygote's pipes are not the worker's, and no worker outlives the zygote.
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, 0)
            os.dup2(nothing, 1)
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            status = 1
            try:
                asyncio.run(work(order))
                status = 0
            finally:
                sys.stderr.flush()
                os._exit(status)
        print(json.dumps({"pid": pid}), flush=True)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"pid": pid, "status": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
