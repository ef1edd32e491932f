"""The API on who asks, and on who did what."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, Field

from textback.console import cursor
from textback.console.api import Endpoint
from textback.console.ctx import Ctx
from textback.console.who import Role
from textback.store.auditing import Entry


class AuditQuery(BaseModel):
    """Which lines of the audit log."""

    who: str = Field("", max_length=80, description="Of this user or token only.")
    action: str = Field(
        "",
        max_length=40,
        pattern=r"^[a-z.]*$",
        description="One action, or the first word of several: login, user, thread.",
    )
    since: AwareDatetime | None = Field(None, description="Not older than this.")
    limit: int = Field(100, ge=1, le=500, description="At most so many.")
    cursor: str = Field("", max_length=cursor.LONGEST, description="`next` of the page before.")


class AuditLine(BaseModel):
    """One thing that was done."""

    id: int
    at: AwareDatetime
    who: str = Field(description="User, token or operator; empty for nobody we know.")
    via: str = Field(description="session, token, proxy, cli, or login for a sign-in.")
    address: str = Field(description="From where; empty for the command line.")
    action: str = Field(description="What was done.", examples=["thread.reply"])
    subject: str = Field(description="To what, by the number of its row.", examples=["thread 17"])
    detail: str = Field(description="What else there is to say.")
    times: int = Field(description="How often until `last`: failed sign-ins are counted.")
    last: AwareDatetime


class AuditPage(BaseModel):
    """Lines of the audit log, the newest first."""

    lines: list[AuditLine]
    next: str = Field(description="The cursor of the next page; empty: there is none.")


async def audit(ctx: Ctx, *, query: AuditQuery) -> AuditPage:
    before = 0
    if query.cursor:
        (found,) = cursor.read("audit", query.cursor, int)
        before = found if isinstance(found, int) else 0
    rows = await ctx.store.audited(
        before=before,
        since=query.since,
        who=query.who,
        action=query.action,
        limit=query.limit + 1,
    )
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    return AuditPage(
        lines=[line(row) for row in rows],
        next=cursor.write("audit", rows[-1].id) if more else "",
    )


def line(row: Entry) -> AuditLine:
    return AuditLine(
        id=row.id,
        at=row.at,
        who=row.who,
        via=row.via,
        address=row.address,
        action=row.action,
        subject=row.subject,
        detail=row.detail,
        times=row.times,
        last=row.last,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/audit",
        handler=audit,
        answer=AuditPage,
        query=AuditQuery,
        need=Role.ADMIN,
        summary="Who did what",
        errors=(400,),
    ),
)
