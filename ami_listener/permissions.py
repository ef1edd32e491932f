"""What the manager user may and may not do, asked of Asterisk itself: for `doctor` and the link.

`write =` shows in ListCommands, which names only what this user may do. `read =` shows nowhere in
AMI; the dialplan function AST_CONFIG reads it from manager.conf, where Asterisk has that function.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ami_listener.actions import ActionRefused, AmiAction
from ami_listener.connection import Connection

#: `read =` classes and what is blind without them.
READ_CLASSES = {
    "system": "a restart of Asterisk goes unnoticed",
    "call": "no call is seen at all",
    "agent": "callers waiting in queues are not told from others",
    "dialplan": "voicemail, and calls to a queue that gave up, are not told from others",
}
#: The same for what only some dialplans use.
OPTIONAL_READ_CLASSES = {
    "user": "UserEvent(TextBack,...) in the dialplan is not heard; AGI and variables are",
}
#: The actions textback uses; `write = reporting` allows them all.
NEEDED_ACTIONS = ("CoreShowChannels", "CoreStatus", "CoreSettings", "Getvar")
#: What it takes to tell desk phones of texts; `write = message`.
DESK_ACTIONS = ("MessageSend",)
#: What it takes to call by a click (`dial_context`); `write = originate`.
DIAL_ACTIONS = ("Originate",)
#: What no listener should be allowed: each of them makes a stolen secret a stolen PBX.
DANGEROUS_ACTIONS = (
    "Originate",
    "Command",
    "UpdateConfig",
    "GetConfig",
    "DBPut",
    "Redirect",
    "Setvar",
    "AGI",
    "ModuleLoad",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """None: Asterisk would not say."""

    missing_read: tuple[str, ...] | None
    missing_optional: tuple[str, ...] | None  #: of `OPTIONAL_READ_CLASSES`
    missing_actions: tuple[str, ...]
    missing_desk_actions: tuple[str, ...] = ()  #: of `DESK_ACTIONS`
    missing_dial_actions: tuple[str, ...] = ()  #: of `DIAL_ACTIONS`
    excess_actions: tuple[str, ...]  #: dangerous ones that are allowed
    timestamps: bool | None  #: [general] timestampevents


async def check_permissions(connection: Connection, username: str, seconds: float) -> Permissions:
    """Ask over a connection that is logged in. Raises as `Connection.ask` does."""
    (allowed,) = await connection.ask(AmiAction({"Action": "ListCommands"}), seconds)
    read = await _setting(connection, username, "read", seconds)
    stamps = await _setting(connection, "general", "timestampevents", seconds)
    return Permissions(
        missing_read=not_given(read) if read is not None else None,
        missing_optional=not_given(read, OPTIONAL_READ_CLASSES) if read is not None else None,
        missing_actions=tuple(name for name in NEEDED_ACTIONS if name.lower() not in allowed),
        missing_desk_actions=tuple(n for n in DESK_ACTIONS if n.lower() not in allowed),
        missing_dial_actions=tuple(n for n in DIAL_ACTIONS if n.lower() not in allowed),
        excess_actions=tuple(name for name in DANGEROUS_ACTIONS if name.lower() in allowed),
        timestamps=stamps.lower() in ("yes", "true", "y", "t", "1", "on") if stamps else None,
    )


async def what_is_not_read(connection: Connection, username: str, seconds: float) -> str:
    """The classes of `READ_CLASSES` that the user does not have, in words; "" for none, and where
    Asterisk would not say."""
    read = await _setting(connection, username, "read", seconds)
    missing = not_given(read) if read is not None else ()
    return "; ".join(f"`read` lacks {name}: {READ_CLASSES[name]}" for name in missing)


async def may(connection: Connection, action: str, seconds: float) -> bool:
    """Whether the user may do this. Raises as `Connection.ask` does."""
    (allowed,) = await connection.ask(AmiAction({"Action": "ListCommands"}), seconds)
    return action.lower() in allowed


def not_given(read: str, classes: Iterable[str] = READ_CLASSES) -> tuple[str, ...]:
    """Those of `classes` that this `read =` line does not give."""
    given = {word.strip().lower() for word in read.split(",")}
    return () if "all" in given else tuple(name for name in classes if name not in given)


async def _setting(connection: Connection, section: str, key: str, seconds: float) -> str | None:
    """One line of manager.conf; None when it cannot be had (or is not there)."""
    if any(c in section for c in ",()[]"):  # it would end the function's argument
        return None
    variable = f"AST_CONFIG(manager.conf,{section},{key})"
    action = AmiAction({"Action": "Getvar", "Variable": variable})
    try:
        (answer,) = await connection.ask(action, seconds)
    except ActionRefused:
        return None
    return answer.get("value") or None
