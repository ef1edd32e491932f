"""Claims of several lanes on one outbox: each text by one route at a time, and none forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Connection, create_engine, event, insert, select, update

from tests.fakes.store import NOW
from textback.model import (
    Accepted,
    Later,
    OutboxRow,
    OutboxState,
    PartId,
    Receipt,
    ReceiptState,
    Refused,
    TextKind,
    Unsure,
)
from textback.routing import RouteRules, Routing, carrier, choose
from textback.store import outbox as verbs
from textback.store import receipts, routes, submissions
from textback.store.route_notes import RouteNote
from textback.store.rows import Among, Claim, Finished, plain_forms
from textback.store.schema import metadata
from textback.store.store import Store
from textback.store.tables import message_ids, operator_log, outbox, parts

NAMES = ("a", "b", "c")
KNOWN = frozenset(NAMES)
#: `a` carries everything and is the primary, `b` only one sender, `c` is everybody's backup.
RULES = (
    RouteRules(name="a"),
    RouteRules(name="b", senders=frozenset({"+12125550102"})),
    RouteRules(name="c", senders=frozenset({"+12125550101", "+12125550102"}), backup=True),
)
#: By sender: the routes its number names, and those that may carry it then.
NAMED = {"+12125550101": (), "+12125550102": ("b", "a"), "+12125550103": ()}
MAY = {
    "+12125550101": ("a", "c"),
    "+12125550102": ("b", "a", "c"),
    "+12125550103": ("a",),
}


def router(sender: str, to: str, _number: str, _route: str, _kind: TextKind) -> Routing:
    return choose(RULES, sender, to, named=NAMED.get(sender, ()))


@contextmanager
def database() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.connect() as db:
        yield db
    engine.dispose()


def values(number: int, sender: str = "+12125550101", route: str = "") -> dict[str, Any]:
    return {
        "kind": TextKind.TEST,
        "state": OutboxState.QUEUED,
        "recipient": f"+1646555{number:04d}",
        "sender": sender,
        "number": "",
        "text": "Sorry",
        "route": route,
        "attempts": 0,
        "tries": 0,
        "segments": 0,
        "maybe_sent": False,
        "created_at": NOW,
        "due_at": NOW,
        "expires_at": NOW + timedelta(days=1),
        "changed_at": NOW,
        "reason": "",
    }


def claim(route: str, standing: frozenset[str], **more: Any) -> Claim:
    how: dict[str, Any] = {"room": 10, "segments": lambda _: 1, "idle": True} | more
    return Claim(
        route=route,
        others=KNOWN - {route} if route == "a" else None,
        among=Among(KNOWN, standing),
        choose=router,
        down=dict.fromkeys(KNOWN - standing, "cut"),
        **how,
    )


def take(db: Connection, route: str, standing: str = "abc", **more: Any) -> list[int]:
    found = verbs.turn(db, (), claim(route, frozenset(standing), **more), NOW, plain_forms)
    return [row.id for row in found.claimed]


def put(db: Connection, *rows: dict[str, Any]) -> None:
    db.execute(insert(outbox), list(rows))


def back(
    db: Connection, row_id: int, route: str, submission: Any, state: OutboxState, **more: Any
) -> None:
    done = Finished(
        row_id=row_id,
        submission=submission,
        at=NOW,
        state=state,
        reason="",
        due=NOW,
        route=route,
        **more,
    )
    verbs.turn(db, [done], None, NOW, plain_forms)


def column(db: Connection, row_id: int, what: Any) -> Any:
    return db.execute(select(what).where(outbox.c.id == row_id)).scalar_one()


# --- the table, row by row --------------------------------------------------------------------


def test_a_text_goes_by_the_first_route_that_may_and_says_why() -> None:
    with database() as db:
        put(db, values(1), values(2, "+12125550102"), values(3, "+12125550103"))
        assert take(db, "c") == []  # it looks up the strays, and gives them to theirs
        assert take(db, "b") == [2]
        assert take(db, "a") == [1, 3]
        assert column(db, 2, outbox.c.routes) == "/b//a//c/"
        assert column(db, 2, outbox.c.routed) == "b, a (named by the number), then c (backup)"


def test_while_its_route_is_down_the_next_takes_it_and_that_is_written_down() -> None:
    with database() as db:
        put(
            db, values(1, route="a"), values(2, "+12125550102", "b"), values(3, "+12125550103", "a")
        )
        assert take(db, "c", "bc") == [1]  # 2 is b's, and 3 may go by a alone
        assert take(db, "c", "c") == [2]
        said = db.execute(select(operator_log.c.row_id, operator_log.c.detail)).all()
        assert [tuple(row) for row in said] == [
            (1, "by c instead of a: cut"),
            (2, "by c instead of b: cut"),
        ]
        assert take(db, "a", "c") == [3]  # nobody else may: it goes as soon as there is room


def test_a_route_that_is_bound_but_not_back_yet_leaves_its_texts_to_the_next() -> None:
    with database() as db:
        put(db, values(1, route="a"))
        assert take(db, "a", "bc") == []
        said = db.execute(select(operator_log.c.detail)).scalars().all()
        assert said == ["by c instead of a: cut"]
        assert take(db, "c", "bc") == [1]


THROTTLED = Later(after=0, detail="", name="ESME_RTHROTTLED", counts=False)


def test_a_text_that_has_been_tried_leaves_a_route_that_is_down_though_bound() -> None:
    with database() as db:
        put(db, values(1, route="a"))
        assert take(db, "a") == [1]
        back(db, 1, "a", THROTTLED, OutboxState.QUEUED)
        assert take(db, "a", "bc") == []
        assert take(db, "c", "bc") == [1]


def test_of_two_that_stand_the_first_in_the_texts_own_order_takes_it() -> None:
    with database() as db:
        put(db, values(1, "+12125550102", "b"))  # by b, then a, then c
        assert take(db, "b") == [1]
        back(db, 1, "b", THROTTLED, OutboxState.QUEUED)
        assert take(db, "c", "ac") == []
        assert take(db, "a", "ac") == [1]


def test_a_route_that_is_down_sends_the_rest_of_what_it_began() -> None:
    with database() as db:
        put(db, values(1, "+12125550102", "b"))
        assert take(db, "b") == [1]
        begun = replace(THROTTLED, parts=(PartId(1, 2, "x"),))
        back(db, 1, "b", begun, OutboxState.QUEUED)
        assert take(db, "a", "ac") == []
        assert take(db, "b", "ac") == [1]


def test_while_none_stands_each_carries_its_own() -> None:
    with database() as db:
        put(db, values(1, route="a"), values(2, "+12125550102", "b"), values(3))
        assert take(db, "b", "") == [2]
        assert take(db, "a", "") == [1, 3]


def test_while_none_stands_a_text_stays_at_the_backup_that_had_it() -> None:
    with database() as db:
        put(db, values(1, route="c"))
        assert take(db, "a", "") == []
        assert take(db, "c", "") == [1]


def test_what_no_route_may_carry_is_refused_with_a_sentence() -> None:
    with database() as db:
        put(db, values(1, "+12125550102"), values(2))
        rules = (RULES[1],)

        def choose_(sender: str, to: str, *_: object) -> Routing:
            return choose(rules, sender, to)

        how = replace(claim("b", frozenset("abc")), choose=choose_)
        found = verbs.turn(db, (), how, NOW, plain_forms)
        assert found.refused == (2,)
        assert column(db, 2, outbox.c.state) is OutboxState.REFUSED
        assert "b may not send from +12125550101" in column(db, 2, outbox.c.reason)


def test_a_text_with_an_accepted_part_never_leaves_its_route() -> None:
    with database() as db:
        put(db, values(1, "+12125550102", "b"))
        assert take(db, "b") == [1]
        first = PartId(1, 2, "x")
        later = Later(after=0, detail="", name="ESME_RTHROTTLED", counts=False, parts=(first,))
        back(db, 1, "b", later, OutboxState.QUEUED)
        assert take(db, "a", "ac") == []
        routes.forget(db)  # another configuration does not change that
        assert take(db, "a", "ac") == []
        assert take(db, "c", "ac") == []
        assert take(db, "b", "ac") == [1]


def test_the_rest_of_a_text_whose_route_is_gone_is_refused() -> None:
    with database() as db:
        put(db, values(1, route="a"))
        assert take(db, "a") == [1]
        db.execute(update(outbox).values(route="gone"))
        part = Later(after=0, detail="", name="x", parts=(PartId(1, 2, "x"),))
        back(db, 1, "gone", part, OutboxState.QUEUED)
        routes.forget(db)
        assert take(db, "a") == []
        assert "gone, which is not configured any more" in column(db, 1, outbox.c.reason)


@pytest.mark.parametrize(("resend", "taken"), [(False, []), (True, [1])])
def test_an_uncertain_text_moves_only_where_its_route_sends_again(
    resend: bool, taken: list[int]
) -> None:
    with database() as db:
        put(db, values(1, route="a"))
        take(db, "a")
        back(db, 1, "a", Unsure(detail="cut"), OutboxState.UNCERTAIN, resend=resend)
        assert take(db, "c", "bc") == taken


def test_sending_texts_are_nobodys() -> None:
    with database() as db:
        put(db, values(1, route="a"))
        assert take(db, "a") == [1]
        assert take(db, "c", "bc") == []
        assert take(db, "a") == []


def test_a_late_answer_belongs_to_the_route_that_gave_it() -> None:
    """Sent again by another route meanwhile: the first one's id is the first one's."""
    with database() as db:
        put(db, values(1, route="a"))
        take(db, "a")
        back(db, 1, "a", Unsure(detail="cut"), OutboxState.UNCERTAIN, resend=True)
        assert take(db, "c", "bc") == [1]
        no = Refused(status=1, name="ESME_RINVMSGLEN", detail="")
        assert submissions.late(db, 1, no, NOW, plain_forms, "a") is OutboxState.SENDING
        yes = Accepted(parts=(PartId(1, 1, "42"),), at=NOW)
        submissions.late(db, 1, yes, NOW, plain_forms, "a")
        found = db.execute(select(message_ids.c.route, message_ids.c.form)).all()
        assert [tuple(row) for row in found] == [("a", "42")]


def test_a_refusal_that_comes_late_from_elsewhere_ends_nothing() -> None:
    with database() as db:
        put(db, values(1, route="a"))
        take(db, "a")
        back(db, 1, "a", Unsure(detail="cut"), OutboxState.UNCERTAIN, resend=True)
        take(db, "c", "bc")
        back(db, 1, "c", Unsure(detail="cut"), OutboxState.UNCERTAIN)
        no = Refused(status=1, name="ESME_RINVMSGLEN", detail="")
        assert submissions.late(db, 1, no, NOW, plain_forms, "a") is OutboxState.UNCERTAIN


def test_a_name_within_a_name_is_not_found() -> None:
    names = ("main", "main2")
    with database() as db:
        put(db, values(1, route="main") | {"routes": "/main/"})
        how = Claim(
            route="main2",
            others=None,
            room=5,
            segments=lambda _: 1,
            idle=True,
            among=Among(frozenset(names), frozenset({"main2"})),
            choose=router,
        )
        assert verbs.turn(db, (), how, NOW, plain_forms).claimed == ()


def test_the_look_at_the_queue_goes_by_its_index_whatever_stands() -> None:
    with database() as db:
        asked: list[tuple[str, Any]] = []

        def hear(_c: Any, _u: Any, sql: str, values_: Any, _x: Any, _many: bool) -> None:
            if sql.startswith("SELECT"):
                asked.append((sql, values_))

        event.listen(db.engine, "before_cursor_execute", hear)
        for standing in ("abc", "c", "", "bc"):
            for route in NAMES:
                take(db, route, standing)
        event.remove(db.engine, "before_cursor_execute", hear)
        assert len(asked) >= 24
        for sql, with_ in asked:
            plan = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", with_).all()
            told = " / ".join(row[3] for row in plan)
            assert "SCAN outbox" not in told.replace("SCAN outbox USING INDEX ix_outbox", ""), told


# --- receipts ---------------------------------------------------------------------------------


def receipt(route: str, message_id: str, **more: Any) -> Receipt:
    fields: dict[str, Any] = {
        "route": route,
        "message_id": message_id,
        "id_forms": frozenset({message_id} if message_id else ()),
        "state": ReceiptState.DELIVERED,
        "error": "",
        "sender": "+16465550001",
        "recipient": "+12125550101",
        "done": None,
        "at": NOW,
    }
    return Receipt(**fields | more)


def sent(db: Connection, number: int, route: str, message_id: str) -> None:
    put(db, values(number, "+12125550102", route) | {"id": number})
    assert take(db, route, route) == [number]
    back(
        db, number, route, Accepted(parts=(PartId(1, 1, message_id),), at=NOW), OutboxState.ACCEPTED
    )


def test_two_carriers_with_the_same_ids_never_cross() -> None:
    with database() as db:
        sent(db, 1, "a", "7")
        sent(db, 2, "b", "7")
        for route, row in (("b", 2), ("a", 1)):
            handset = f"+1646555000{row}"
            told = receipt(route, "7", sender=handset, recipient="+12125550102")
            (matched,) = receipts.record(db, [told], plain_forms)
            assert (matched.row_id, matched.state) == (row, OutboxState.DELIVERED)


def test_a_receipt_of_the_other_carrier_is_left_even_where_it_is_the_only_one_with_that_id() -> (
    None
):
    with database() as db:
        sent(db, 1, "a", "7")
        told = receipt("b", "7", recipient="+12125550102")
        (matched,) = receipts.record(db, [told], plain_forms)
        assert matched.row_id is None
        assert column(db, 1, outbox.c.state) is OutboxState.ACCEPTED


def test_accounts_that_share_their_ids_take_each_others_receipts() -> None:
    with database() as db:
        sent(db, 1, "a", "7")
        told = receipt("b", "7", recipient="+12125550102", shared=frozenset("a"))
        (matched,) = receipts.record(db, [told], plain_forms)
        assert (matched.row_id, matched.state) == (1, OutboxState.DELIVERED)


def test_a_shared_receipt_waits_for_the_answer_it_overtook() -> None:
    with database() as db:
        put(db, values(1, "+12125550102", "a"))
        assert take(db, "a", "a") == [1]
        told = receipt("b", "7", recipient="+12125550102", shared=frozenset("a"))
        (matched,) = receipts.record(db, [told], plain_forms)
        assert matched.row_id is None
        back(db, 1, "a", Accepted(parts=(PartId(1, 1, "7"),), at=NOW), OutboxState.ACCEPTED)
        assert column(db, 1, outbox.c.state) is OutboxState.DELIVERED


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_shared_receipt_resolves_an_uncertain_text(first: bool) -> None:
    with database() as db:
        put(db, values(1, "+12125550102", "a"))
        assert take(db, "a", "a") == [1]
        told = receipt("b", "7", recipient="+12125550102", shared=frozenset("a"))
        if first:
            receipts.record(db, [told], plain_forms)
        back(db, 1, "a", Unsure(detail="cut"), OutboxState.UNCERTAIN)
        if not first:
            receipts.record(db, [told], plain_forms)
        assert column(db, 1, outbox.c.state) is OutboxState.DELIVERED
        assert db.execute(select(parts.c.route)).scalar_one() == "a"


# --- what is told -----------------------------------------------------------------------------


async def test_what_was_written_of_the_routes_is_read_again(store: Store) -> None:
    note = RouteNote(
        name="a",
        standing="down",
        since=NOW,
        why="cut",
        instead=("b", "c"),
        last_error="ESME_RTHROTTLED",
        last_error_at=NOW,
    )
    await store.note_routes([note, replace(note, name="b", last_error_at=None)])
    assert list(await store.route_notes()) == ["a", "b"]
    assert (await store.route_notes())["a"] == note
    await store.note_routes([replace(note, name="c")])
    assert list(await store.route_notes()) == ["c"]
    assert await store.route_queues() == {}


# --- any order of everything ------------------------------------------------------------------


class Lanes(RuleBasedStateMachine):
    """Three lanes, routes that fall and return, every answer a carrier may give."""

    resend = False

    @initialize(count=st.integers(1, 12), data=st.data())
    def fill(self, count: int, data: st.DataObject) -> None:
        self._context = database()
        self.db = self._context.__enter__()
        senders = st.sampled_from(sorted(MAY))
        wishes = st.sampled_from(["", "a", "b", "gone"])
        put(self.db, *(values(n, data.draw(senders), data.draw(wishes)) for n in range(count)))
        self.count = count
        self.now: datetime = NOW
        self.standing = KNOWN
        self.open: dict[int, tuple[str, OutboxRow]] = {}
        self.given: Counter[int] = Counter()  # times its bytes may have left
        self.bound_to: dict[int, str] = {}  # rows of which a part was accepted

    @rule(standing=st.sets(st.sampled_from(NAMES)))
    def weather(self, standing: set[str]) -> None:
        self.standing = frozenset(standing)

    @rule(route=st.sampled_from(NAMES), room=st.integers(0, 4))
    def lane(self, route: str, room: int) -> None:
        how = claim(route, self.standing, room=room)
        for row in verbs.turn(self.db, (), how, self.now, plain_forms).claimed:
            assert row.id not in self.open, "claimed while another lane had it"
            assert route in MAY[row.sender]
            bound = self.bound_to.get(row.id)
            assert bound in (None, route), "a part of it has gone by another route"
            best = carrier(MAY[row.sender], self.standing)
            if bound is None and best and route not in self.standing:
                raise AssertionError(f"{route} took it though {best} stands")
            self.open[row.id] = (route, row)
            self.given[row.id] += 1

    @rule(data=st.data(), what=st.sampled_from(["accepted", "later", "part", "unsure", "refused"]))
    def answer(self, data: st.DataObject, what: str) -> None:
        if not self.open:
            return
        row_id = data.draw(st.sampled_from(sorted(self.open)))
        route, row = self.open.pop(row_id)
        parts_ = (PartId(1, 2, f"{row_id}-1"),)
        match what:
            case "accepted":
                whole = (PartId(1, 1, f"{row_id}"),)
                taken = () if row.parts_done else whole
                yes = Accepted(parts=taken, at=self.now)
                back(self.db, row_id, route, yes, OutboxState.ACCEPTED)
            case "later":
                self.given[row_id] -= 1
                back(self.db, row_id, route, Later(after=0, detail=""), OutboxState.QUEUED)
            case "part":
                self.given[row_id] -= 1
                self.bound_to[row_id] = route
                some = Later(after=0, detail="", parts=parts_)
                back(self.db, row_id, route, some, OutboxState.QUEUED)
            case "unsure":
                self.given[row_id] -= self.resend
                unsure = Unsure(detail="cut")
                back(self.db, row_id, route, unsure, OutboxState.UNCERTAIN, resend=self.resend)
            case "refused":
                no = Refused(status=1, name="ESME_RINVMSGLEN", detail="")
                back(self.db, row_id, route, no, OutboxState.REFUSED)

    @rule()
    def another_configuration(self) -> None:
        routes.forget(self.db)

    @invariant()
    def nothing_is_doubled(self) -> None:
        assert all(times <= 1 for times in getattr(self, "given", {}).values())

    def teardown(self) -> None:
        if not hasattr(self, "db"):
            return
        for row_id, (route, _) in list(self.open.items()):
            back(self.db, row_id, route, Later(after=0, detail=""), OutboxState.QUEUED)
        self.open.clear()
        self.given.clear()
        self.standing = KNOWN
        for _ in range(3):
            for route in NAMES:
                self.lane(route, 100)
        left = self.db.execute(select(outbox.c.state)).scalars().all()
        assert OutboxState.QUEUED not in left, "a text that no lane takes"
        assert len(left) == self.count
        self._context.__exit__(None, None, None)


class LanesThatSendAgain(Lanes):
    resend = True


_BOUNDS = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLanes = Lanes.TestCase
TestLanes.settings = _BOUNDS
TestLanesThatSendAgain = LanesThatSendAgain.TestCase
TestLanesThatSendAgain.settings = _BOUNDS
