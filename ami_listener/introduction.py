"""After a login: which Asterisk this is, which start of it, and what it lets us do.

What we may not do is a warning of the journal and no reason to end the connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from ami_listener.actions import ActionRefused
from ami_listener.clicks import Clicks
from ami_listener.connection import Connection
from ami_listener.identity import boot_by_uptime, boot_of
from ami_listener.journal import Journal
from ami_listener.permissions import may, what_is_not_read
from ami_listener.settings import PbxSettings
from textback.model import Moment

log = structlog.get_logger()


class Introduction:
    """Of one link, over all its connections."""

    def __init__(
        self,
        settings: PbxSettings,
        journal: Journal,
        *,
        action: Callable[[str], Awaitable[list[dict[str, str]]]],
        clock: Callable[[], Moment],
    ) -> None:
        """`action` as `PbxLink.action`."""
        self._settings = settings
        self._journal = journal
        self._action = action
        self._clock = clock
        self.boot = ""
        self.version = ""

    async def booted(self, connection: Connection) -> float | None:
        """Wait until Asterisk is loaded. Seconds since its start, where it says so."""
        booted = await connection.wait_booted(self._settings.boot_timeout)
        self._journal.warn(
            "fully_booted",
            None
            if booted
            else "no FullyBooted event came: the manager user lacks `read = system`, or Asterisk "
            "is still loading; a restart of Asterisk may go unnoticed",
        )
        return connection.uptime

    async def identify(self, uptime: float | None) -> str:
        """Learn which start of Asterisk this is; "" for one that cannot be known."""
        boot = ""
        try:
            status = (await self._action("CoreStatus"))[0]
            boot = boot_of(status)
            self.version = (await self._action("CoreSettings"))[0].get("asteriskversion", "")
            self._journal.warn("write_reporting", None)
        except ActionRefused as refusal:
            self.denied(refusal)
        if not boot and uptime is not None:
            boot = boot_by_uptime(self._clock().utc, uptime, self.boot)
        if self.boot and boot != self.boot:
            self._journal.count("restarts")
            log.warning("ami_asterisk_restarted", pbx=self._settings.name, boot=boot)
        self.boot = boot
        return boot

    async def check_rights(self, connection: Connection, clicks: Clicks) -> None:
        s = self._settings
        lacks = await what_is_not_read(connection, s.username, s.action_timeout)
        self._journal.warn("read", lacks or None)
        await clicks.check(lambda action: may(connection, action, s.action_timeout))

    def denied(self, refusal: ActionRefused) -> None:
        """Go on without what was not allowed. Raises what was refused for another reason."""
        self._journal.count("actions_denied")
        if not refusal.denied:
            raise refusal
        self._journal.warn(
            "write_reporting",
            "the manager user lacks `write = reporting`: withheld numbers cannot be told from "
            "others, and calls in progress cannot be compared after an interruption",
        )
