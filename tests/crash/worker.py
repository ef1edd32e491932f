"""The product from the store to the wire, forked off ready-made so that it can die 200 times.

`python -m tests.crash.worker` imports everything once, then forks a worker for each line
`{"db": PATH, "port": N, "window": N, "policy": "hold"|"resend"}` on stdin and prints its pid. With
"spare": N there is a second carrier at that port; each of two numbers has one of them first. The
worker runs store, delivery, inbox and routes exactly as the daemon wires them, until it is killed,
or until SIGTERM, on which it stops in good order. The zygote reaps it and prints how it ended.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from sms_gateway.link import Route, RouteSettings, RouteState
from sms_gateway.receipts import stored_forms
from textback.config import Config
from textback.delivery import Delivery
from textback.failover import Patience
from textback.fleet import Fleet
from textback.inbox import Inbox
from textback.log import configure
from textback.retry import RetryRules
from textback.store.store import Store

PR_SET_PDEATHSIG = 1
#: Of two carriers the first is the first's, the second the second's.
NUMBERS = ("+12125550100", "+12125550101")


async def work(order: dict[str, Any]) -> None:
    def forms(_route: str, message_id: str) -> frozenset[str]:
        return stored_forms(message_id)

    store = await Store.open(order["db"], id_forms=forms)
    inbox = Inbox(store, lambda: "US")
    ports = {"smsc": order["port"]} | ({"spare": order["spare"]} if "spare" in order else {})
    fleet = _fleet(store, list(ports), lambda: deliveries[0].kick()) if len(ports) > 1 else None
    deliveries: list[Delivery] = []
    routes = [_route(order, name, port, inbox, deliveries, fleet) for name, port in ports.items()]
    delivery = Delivery(
        store,
        routes,
        segments=lambda _route, _text: 1,
        # Patience is not what is shown here: a shorter wait is more moments to be killed in.
        rules=lambda _: RetryRules(on_uncertain=order["policy"], first=0.2, longest=2.0),
        fleet=fleet,
    )
    deliveries.append(delivery)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    running = [asyncio.create_task(route.run(), name=route.name) for route in routes]
    running.append(asyncio.create_task(delivery.run(), name="delivery"))
    stopped = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait([*running, stopped], return_when=asyncio.FIRST_COMPLETED)
    for task in running:
        if task.done():
            task.result()
    await asyncio.gather(delivery.stop(), *(route.stop(10.0) for route in routes))
    await asyncio.gather(*running)
    if fleet is not None:
        await store.note_routes(fleet.notes())
    await store.close()


def _fleet(store: Store, names: list[str], kick: Callable[[], None]) -> Fleet:
    """Quick to give a route up and to take it back, so that both happen often under load."""
    smscs = [{"name": name, "host": "127.0.0.1", "system_id": "textback"} for name in names]
    numbers = [
        {"did": did, "smsc": order}
        for did, order in zip(NUMBERS, (names, names[::-1]), strict=True)
    ]
    config = Config.model_validate({"business": {"name": "Acme"}, "smsc": smscs, "number": numbers})
    patience = dict.fromkeys(names, Patience(failover_after=0.005, return_after=0.03))
    return Fleet(store, config.router, patience, on_change=kick)


def _route(
    order: dict[str, Any],
    name: str,
    port: int,
    inbox: Inbox,
    deliveries: list[Delivery],
    fleet: Fleet | None,
) -> Route:
    def state(now: RouteState, detail: str) -> None:
        if fleet is not None:
            fleet.heard(name, now is RouteState.BOUND, detail, refused=now is RouteState.REFUSED)

    settings = RouteSettings(
        name=name,
        host="127.0.0.1",
        port=port,
        system_id="textback",
        password="secret",
        window=order["window"],
        rate=0.0,
        id_format="hex_dec",
        # Of two the one that is cut stays away long enough to be given up.
        backoff_first=0.02 if fleet is None else 0.1,
        backoff_max=0.1,
    )
    return Route(
        settings,
        on_receipt=inbox.receipt,
        on_reply=inbox.reply,
        on_late=lambda row, submission: deliveries[0].late(row, submission, name),
        on_state=state,
    )


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
