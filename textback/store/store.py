"""The store: every verb of the product on its one database, each a transaction of its own.

What a verb does stands in the module of its subject (`judging`, `outbox`, `receipts`, `replies`,
`verbs`, `story`), as a plain function of a connection; here it is given a transaction. All verbs
raise StoreUnavailableError when the database cannot be used just now, and then changed nothing.
Every `now` is an aware datetime.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from sqlalchemy import Connection

from textback.decide import History
from textback.model import (
    Call,
    CallKey,
    CallStory,
    OutboxRow,
    OutboxState,
    Receipt,
    Send,
    Source,
    Submission,
    TextStory,
    Verdict,
)
from textback.store import (
    calls,
    cancelling,
    judging,
    learning,
    outbox,
    receipts,
    story,
    submissions,
    verbs,
)
from textback.store import migrate as migrations
from textback.store.besides import Besides
from textback.store.casework import Casework
from textback.store.changing import Changing
from textback.store.consenting import Consenting
from textback.store.conversations import Conversations
from textback.store.engine import Database, to_url
from textback.store.errors import StoreError
from textback.store.figuring import Figuring
from textback.store.history import history
from textback.store.keeping import Keeping
from textback.store.learning import CodesOf, no_codes
from textback.store.looking import Looking
from textback.store.people_of_console import ConsolePeople
from textback.store.phonebook import Phonebook
from textback.store.route_notes import Routes
from textback.store.rows import (
    CallFact,
    Changed,
    Claim,
    Finished,
    IdForms,
    Judged,
    Matched,
    Recovered,
    RowFilter,
    Settled,
    plain_forms,
)
from textback.store.telephones import Telephones
from textback.store.tidings import Tidings

T = TypeVar("T")


class Store(
    Besides,
    Conversations,
    Consenting,
    Casework,
    Phonebook,
    Tidings,
    Telephones,
    Keeping,
    Figuring,
    Routes,
    Looking,
    ConsolePeople,
    Changing,
):
    """Open with `Store.open`, close with `close`; belongs to the event loop it was opened on."""

    def __init__(self, database: Database, id_forms: IdForms) -> None:
        self._db = database
        self._forms = id_forms
        #: Which codes of a route mean that a handset opted out; set by who knows the configuration.
        self.codes: CodesOf = no_codes

    @classmethod
    async def open(
        cls, where: str | Path, *, migrate: bool = True, id_forms: IdForms = plain_forms
    ) -> Self:
        """Open the database at a path or URL, and bring its schema up to date.

        `id_forms(route, message_id)` gives the forms a message id is kept under. Raises
        StoreTooNewError, StoreForeignError, StoreUnavailableError; with `migrate=False` StoreError
        as well, when the schema is not this code's.
        """
        url = to_url(where)
        if not migrate and url.get_backend_name() == "sqlite":
            _require_file(Path(str(url.database)))
        database = Database(url)
        try:
            if migrate:
                await _migrate(database)
            else:
                await database.read(migrations.require_current)
        except BaseException:
            await database.close()
            raise
        return cls(database, id_forms)

    async def close(self) -> None:
        """Waits for what is being written. The store cannot be used afterwards."""
        await self._db.close()

    @property
    def trouble(self) -> str:
        """Why the last write failed, in words; "" when it did not. For /healthz."""
        return self._db.trouble

    async def read(self, work: Callable[[Connection], T]) -> T:
        """`work` on one snapshot: for queries that are nobody's verb (doctor, tests)."""
        return await self._db.read(work)

    # --- calls ---

    async def record_calls(self, facts: Sequence[CallFact], now: datetime) -> list[Judged]:
        """Several facts, in their order, with verdicts and texts, in one transaction."""
        return await self._db.write(lambda db: judging.judge_all(db, facts, now))

    async def judge(self, fact: CallFact, now: datetime) -> Judged:
        """One fact: history, verdict and text in one transaction. A repeat is a no-op."""
        return await self._db.write(lambda db: judging.judge(db, fact, now))

    async def record_fact(self, call: Call) -> int:
        """The call as this fact tells it, nothing decided; returns its number."""
        return await self._db.write(lambda db: calls.upsert(db, CallFact(call=call)).call_id)

    async def record_verdict(
        self, call: Call, verdict: Verdict, *, due: datetime, number: str = "", caller: str = ""
    ) -> OutboxRow | None:
        """Call, verdict and text in one transaction; None when it has a verdict, or for a Skip."""
        fact = CallFact(call=call, caller=caller, number=number)
        return await self._db.write(lambda db: calls.record_verdict(db, fact, verdict, due))

    async def history(
        self, caller: str, number: str, now: datetime, *, shadow: bool = False
    ) -> History:
        """What is known of `caller` (E.164) and of texts sent for `number`."""
        return await self._db.read(lambda db: history(db, caller, number, now, shadow=shadow))

    async def cancel_for_call(self, key: CallKey, reason: str, now: datetime) -> bool:
        """Cancels the call's text if no byte of it was sent. False: there was none."""
        return bool(await self._db.write(lambda db: cancelling.cancel_key(db, key, reason, now)))

    async def cancel_for_handset(self, number: str, reason: str, now: datetime) -> tuple[int, ...]:
        """Cancels every text to `number` (E.164) of which no byte was sent."""
        return await self._db.write(lambda db: cancelling.cancel_handset(db, number, reason, now))

    # --- delivery ---

    async def turn(
        self, finished: Sequence[Finished], claim: Claim | None, now: datetime
    ) -> Settled:
        """Record submissions that came back and claim what there is room for."""

        def work(db: Connection) -> Settled:
            # First: what a refusal tells must be known to the claim.
            learning.from_submissions(db, finished, self.codes)
            return outbox.turn(db, finished, claim, now, self._forms)

        return await self._db.write(work)

    async def claim(self, limit: int, now: datetime, route: str = "") -> list[OutboxRow]:
        """The oldest due rows of any route, at most `limit`, on the disk as `sending`."""
        claim = Claim(route=route, others=frozenset(), room=limit, segments=lambda _: 1, idle=True)
        return list((await self.turn((), claim, now)).claimed)

    async def record_submissions(
        self, finished: Sequence[Finished], now: datetime
    ) -> dict[int, OutboxState]:
        """Submissions that came back; returns where each text stands now."""
        return dict((await self.turn(finished, None, now)).states)

    async def record_late(
        self, row_id: int, submission: Submission, now: datetime, route: str = ""
    ) -> OutboxState:
        """The answer to a submission recorded as `Unsure`; returns where the text stands. `route`:
        by which it was submitted, where that may be another than the row's by now."""

        def work(db: Connection) -> OutboxState:
            learning.from_submission(db, row_id, submission, self.codes, now, route)
            return submissions.late(db, row_id, submission, now, self._forms, route)

        return await self._db.write(work)

    async def next_due(self) -> datetime | None:
        """When the next queued text may be claimed or expires; None: nothing is queued."""
        return await self._db.read(lambda db: outbox.next_due(db, "", frozenset()))

    async def recover(self, now: datetime, resend: Iterable[str] = ()) -> Recovered:
        """At start: texts found `sending` become `uncertain`, or queued on `resend` routes."""
        routes = frozenset(resend)
        return await self._db.write(lambda db: submissions.recover(db, now, routes, self._forms))

    # --- what handsets and carriers send ---

    async def record_receipts(self, found: Sequence[Receipt]) -> list[Matched]:

        def work(db: Connection) -> list[Matched]:
            matched = receipts.record(db, found, self._forms)
            learning.from_receipts(db, matched, self.codes)
            return matched

        return await self._db.write(work)

    async def record_receipt(self, receipt: Receipt) -> Matched:
        return (await self.record_receipts([receipt]))[0]

    # --- the operator ---

    async def hold(self, rows: RowFilter, *, reason: str, by: str, now: datetime) -> Changed:
        """Queued texts wait until released. Raises IllegalTransitionError, NoSuchRowError."""
        work = partial(verbs.change, verb="hold", rows=rows, reason=reason, by=by, now=now)
        return await self._db.write(work)

    async def release(
        self,
        rows: RowFilter,
        *,
        reason: str,
        by: str,
        now: datetime,
        expires: datetime | None = None,
    ) -> Changed:
        """Held, refused or uncertain texts go (again). One past its time needs `expires`."""
        work = partial(
            verbs.change,
            verb="release",
            rows=rows,
            reason=reason,
            by=by,
            now=now,
            expires=expires,
        )
        return await self._db.write(work)

    async def drop(self, rows: RowFilter, *, reason: str, by: str, now: datetime) -> Changed:
        """Queued, held or uncertain texts are given up."""
        work = partial(verbs.change, verb="drop", rows=rows, reason=reason, by=by, now=now)
        return await self._db.write(work)

    async def enqueue(self, send: Send, *, by: str, now: datetime) -> OutboxRow:
        """A text that belongs to no call, for `send-test`."""
        return await self._db.write(lambda db: verbs.enqueue(db, send, by=by, now=now))

    # --- looking ---

    async def text(self, row_id: int) -> OutboxRow:
        """Raises NoSuchRowError."""
        return await self._db.read(lambda db: verbs.get(db, row_id))

    async def queue(
        self, rows: RowFilter | None = None, *, limit: int = 200, newest_first: bool = False
    ) -> list[OutboxRow]:
        """Texts that fit the filter, oldest first."""
        wanted = rows or RowFilter()
        return await self._db.read(
            lambda db: verbs.queue(db, wanted, limit=limit, newest_first=newest_first)
        )

    async def counts(self) -> dict[OutboxState, int]:
        """Texts by state, every state named."""
        return await self._db.read(verbs.counts)

    async def oldest_queued(self, now: datetime | None = None) -> datetime | None:
        """Since when the text waits that ought to have left first; None: none waits that is due.

        A moment in the future: it was written before the clock was set back.
        """
        at = now or datetime.now(UTC)
        return await self._db.read(lambda db: verbs.oldest_queued(db, at))

    async def story(self, call_id: int) -> CallStory:
        """Raises NoSuchRowError."""
        return await self._db.read(lambda db: story.story(db, call_id))

    async def find(
        self, *wanted: str, since: datetime | None = None, limit: int = 20
    ) -> list[CallStory]:
        """Calls by a number or call-id in any of the spellings given, the newest first."""
        return await self._db.read(lambda db: story.find(db, wanted, since=since, limit=limit))

    async def find_texts(self, *wanted: str, limit: int = 20) -> list[TextStory]:
        """Texts to a number that belong to no call, the newest first."""
        return await self._db.read(lambda db: story.find_texts(db, wanted, limit=limit))

    async def calls(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        living: bool = False,
        inbound_only: bool = False,
        late: bool = False,
        sources: Sequence[Source] = (),
    ) -> list[CallStory]:
        """The newest calls; `late`: those learnt after the fact; `sources`: learnt from there."""
        return await self._db.read(
            lambda db: story.calls_list(
                db,
                since=since,
                until=until,
                limit=limit,
                living=living,
                inbound_only=inbound_only,
                late=late,
                sources=sources,
            )
        )


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise StoreError(f"there is no database at {path}")


async def _migrate(database: Database) -> None:
    # Looking costs no write: the command line may open a store on a full disk.
    if await database.read(migrations.is_current):
        return
    await database.restructure(migrations.upgrade)
