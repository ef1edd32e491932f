"""The table [inbox]: texts that come in."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from textback.config_values import DURATION, Seconds, Table, key


class InboxConfig(Table):
    """Texts from handsets."""

    partial_after: Annotated[Seconds, Field(ge=10, le=86_400)] = key(
        600.0,
        "A long text comes in parts. When they have not all come after this long, the text is "
        "shown as it is, with a mark for what is missing; a part that comes later still completes "
        "it.",
        allowed=DURATION + ", 10s to 24h",
    )
