"""The store's verbs on conversations: threads, what came in, what staff answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from textback.model import Conversation, InboxList, OutboxRow, Reply, Thread
from textback.reply_rules import PLAIN, ReplyRules
from textback.store import (
    assembling,
    inbox_lists,
    news,
    repeats,
    replies,
    searching,
    talking,
    thread_lines,
    threads,
    unread,
)
from textback.store.engine import Database
from textback.store.inbox_lists import Cursor, Waiting
from textback.store.incoming import Taken
from textback.store.news import News
from textback.store.replies import Kept
from textback.store.searching import Before, Hits


class Conversations:
    """Part of `Store`; raises as its other verbs do."""

    _db: Database

    # --- what handsets write ---

    async def record_replies(self, found: Sequence[Reply], rules: ReplyRules = PLAIN) -> list[Kept]:
        """Keep them, put long texts together, and do what each brings about."""
        return await self._db.write(lambda db: replies.record(db, found, rules))

    async def record_reply(self, reply: Reply, rules: ReplyRules = PLAIN) -> Kept:
        return (await self.record_replies([reply], rules))[0]

    async def keep_unread(self, reply: Reply, *, shown: bool = True) -> Kept:
        """Keep a text without the rules, which failed at it: `unread`. Not `shown`: its octets."""
        return await self._db.write(lambda db: unread.keep(db, reply, shown=shown))

    async def give_up_unread(self, now: datetime) -> list[Taken]:
        """The text that waits longest for parts is taken without the rules, which failed at it."""
        return await self._db.write(lambda db: unread.give_up(db, now))

    async def give_up_partials(
        self, rules: ReplyRules, now: datetime, *, most: int = 0
    ) -> list[Taken]:
        """Texts whose parts did not come within `rules.partial_after` are taken as they are."""
        first = await self.oldest_partial()
        if first is None or first > now - rules.partial_after:
            return []
        return await self._db.write(lambda db: replies.give_up(db, rules, now, most))

    async def oldest_partial(self) -> datetime | None:
        """Since when the text waits for parts that waits longest; None: none does."""
        return await self._db.read(assembling.oldest_open)

    async def settle_replies(self, reply_ids: Sequence[int]) -> None:
        """The carrier is known to have our answer to these (`Kept.reply_id`)."""
        if reply_ids:
            await self._db.write(lambda db: repeats.settle(db, reply_ids))

    # --- looking ---

    async def inbox(
        self,
        which: InboxList = InboxList.NEEDS_YOU,
        *,
        number: str = "",
        after: Cursor | None = None,
        limit: int = 50,
    ) -> list[Thread]:
        """A page of conversations; the next one begins after `inbox_lists.position` of the last."""
        return await self._db.read(
            lambda db: inbox_lists.listed(db, which, number=number, after=after, limit=limit)
        )

    async def search_threads(self, words: str, *, limit: int = 50) -> list[Thread]:
        """Conversations by number, name or text, the newest first."""
        return await self._db.read(lambda db: searching.search_all(db, words, limit=limit))

    async def search_step(
        self, words: str, *, limit: int = 50, before: Before | None = None
    ) -> Hits:
        """One step of the same search, which takes the same time however many texts there are."""
        return await self._db.read(
            lambda db: searching.search(db, words, limit=limit, before=before)
        )

    async def waiting(self) -> Waiting:
        """How many conversations are unread, wait for an answer, or for a word on a STOP."""
        return await self._db.read(inbox_lists.waiting)

    async def news(self, seen: int | None) -> News:
        """Replies after `seen`, the `latest` of an earlier answer, that still want a person; None:
        only that."""
        return await self._db.read(lambda db: news.since(db, seen))

    async def open_thread(self, thread_id: int) -> Thread:
        """One conversation without what is in it. Raises NoThreadError."""
        return await self._db.read(lambda db: inbox_lists.one(db, thread_id))

    async def threads_of(self, handset: str) -> list[Thread]:
        """Every conversation of a handset (E.164), the one last written in first."""

        def work(db: Connection) -> list[Thread]:
            return inbox_lists.cards(db, threads.of_handset(db, handset))

        return await self._db.read(work)

    async def conversation(
        self, thread_id: int, *, before: datetime | None = None, limit: int = 200
    ) -> Conversation:
        """What was written and called, in order. Raises NoThreadError."""
        return await self._db.read(
            lambda db: thread_lines.conversation(db, thread_id, before=before, limit=limit)
        )

    # --- what people write ---

    async def reply(
        self,
        handset: str,
        ours: str,
        text: str,
        *,
        by: str,
        now: datetime,
        number: str | None = None,
        route: str | None = None,
        request: str = "",
        expires: datetime | None = None,
    ) -> OutboxRow:
        """The one verb by which a person of the business writes to a handset: `talking.reply`.

        Raises ReplyRefusedError: OptedOutError, NoThreadError, WhichNumberError, or for a text
        that is empty or too long.
        """
        return await self._db.write(
            lambda db: talking.reply(
                db,
                handset,
                ours,
                text,
                by=by,
                now=now,
                number=number,
                route=route,
                request=request,
                expires=expires,
            )
        )

    async def mark_read(self, thread_id: int) -> bool:
        """Somebody looked at this thread. False: there was nothing new."""
        return await self._db.write(lambda db: threads.read(db, thread_id))

    async def mark_unread(self, thread_id: int) -> bool:
        """Somebody is to look again. False: it is unread, or nothing ever came in."""
        return await self._db.write(lambda db: threads.unread(db, thread_id))

    async def wait_again(self, thread_id: int) -> bool:
        """Its newest text does want an answer: takes back `done`. False: it waits already, or
        nothing ever came in."""
        return await self._db.write(lambda db: threads.wait_again(db, thread_id))

    async def done(self, thread_id: int) -> bool:
        """Nothing in this thread waits for an answer. False: nothing did."""
        return await self._db.write(lambda db: threads.done(db, thread_id))
