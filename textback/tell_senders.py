"""From a [[webhook]] or [[notify]] to the way there."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from textback.config import Config
from textback.config_tell import NotifyConfig, WebhookConfig
from textback.model import Telling
from textback.tell_apprise import Messenger
from textback.tell_lane import Sender
from textback.tell_rules import WEBHOOK, Answer, Target
from textback.tell_webhook import Poster
from textback.tell_words import note

#: Events in one message to people: beyond its lines they are only counted.
TOGETHER = 100


class ToSystem:
    """One event, one request."""

    takes = 1
    every = 0.0

    def __init__(self, table: WebhookConfig) -> None:
        secrets = [s.get_secret_value() for s in (table.secret, table.old_secret)]
        self._poster = Poster(
            table.url.get_secret_value(),
            [secret for secret in secrets if secret],
            timeout=table.timeout,
            ca=table.tls_ca,
        )

    async def send(self, tellings: Sequence[Telling]) -> Answer:
        return await self._poster.send(tellings[0])

    async def close(self) -> None:
        await self._poster.close()


class ToPeople:
    """Whatever waits goes in one message."""

    takes = TOGETHER

    def __init__(self, table: NotifyConfig, zone: ZoneInfo, business: str) -> None:
        self.every = table.every
        self._full = table.body == "full"
        self._zone = zone
        self._business = business
        self.listening = False  #: keep what Apprise says, for the operator's own terminal
        self.messenger = Messenger(table.url.get_secret_value(), timeout=table.timeout)

    async def send(self, tellings: Sequence[Telling]) -> Answer:
        events = [telling.event for telling in tellings]
        made = note(events, self._zone, self._business, full=self._full)
        return await self.messenger.send(made, listen=self.listening)

    async def close(self) -> None:
        """Nothing is kept open."""


def table_of(config: Config, target: Target) -> WebhookConfig | NotifyConfig:
    tables: Sequence[WebhookConfig | NotifyConfig] = (
        config.webhook if target.channel == WEBHOOK else config.notify
    )
    return next(table for table in tables if table.name == target.name)


def sender(config: Config, target: Target) -> Sender:
    """The way to one target."""
    table = table_of(config, target)
    if isinstance(table, WebhookConfig):
        return ToSystem(table)
    return ToPeople(table, ZoneInfo(config.business.timezone), config.business.name)
