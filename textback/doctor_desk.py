"""The doctor's eyes on desk phones: is one there, registered, and do its answers arrive."""

from __future__ import annotations

from ami_listener.actions import ActionRefused, AmiAction
from ami_listener.connection import Connection
from textback.doctor import Check, ok, warn

#: Seconds for an answer of Asterisk.
ACTION_WAIT = 10.0


async def check_phone(area: str, endpoint: str, connection: Connection) -> Check:
    """Whether this phone of a `desk` can be told, and can answer."""
    fix = "see conf/asterisk/extensions-textback-messages.conf"
    name = endpoint.removeprefix("PJSIP/")
    if not await _asked(connection, f"PJSIP_ENDPOINT({name},aors)"):
        return warn(area, f"desk phone {endpoint}: Asterisk has no such endpoint", fix)
    context = await _asked(connection, f"PJSIP_ENDPOINT({name},message_context)")
    reply = f"DIALPLAN_EXISTS({context},+12125550100,1)"
    if not context or await _asked(connection, reply) != "1":
        told = f"its message_context ({context})" if context else "no message_context: what it"
        return warn(
            area,
            f"desk phone {endpoint} cannot answer: {told} "
            + ("takes no telephone numbers" if context else "writes leads nowhere"),
            f"message_context = textback-messages for this endpoint; {fix}",
        )
    if not await _asked(connection, f"PJSIP_DIAL_CONTACTS({name})"):
        return warn(
            area,
            f"desk phone {endpoint} is not registered; what is written meanwhile waits for it",
            "is it switched on?",
        )
    return ok(area, f"desk phone {endpoint} is registered, and can answer")


async def _asked(connection: Connection, variable: str) -> str:
    """A dialplan function's value; "" also when Asterisk would not say."""
    action = AmiAction({"Action": "Getvar", "Variable": variable})
    try:
        (answer,) = await connection.ask(action, ACTION_WAIT)
    except ActionRefused:
        return ""
    return answer.get("value", "")
