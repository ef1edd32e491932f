"""The page of health: what needs doing comes first, and what is done is written down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.console_rig import NOW, as_role, console
from textback.console import health_areas, health_todo, health_words
from textback.console.backend import Backend
from textback.console.findings import Finding, Findings
from textback.console.health import Health, PartHealth
from textback.console.health_todo import Weight, todo, urgent
from textback.model import OutboxState, Send
from textback.store import queue_lists
from textback.store.rows import RowFilter

HOSTILE = "<script>alert('x')</script>"
ALARM = {"because": "+1646555xxxx", "since": "2026-11-23T13:40:00+00:00", "count": 3}


def health_of(*parts: PartHealth, mode: str = "live") -> Health:
    return Health(mode, "0.5.0", parts)


def keys(
    *parts: PartHealth,
    findings: Sequence[Finding] = (),
    texts: dict[OutboxState, int] | None = None,
    mode: str = "live",
) -> list[str]:
    found = todo(health_of(*parts, mode=mode), Findings(tuple(findings)), texts or {})
    return [one.key for one in found]


# --- the list ----------------------------------------------------------------------------------


def test_a_healthy_service_has_nothing_to_do() -> None:
    assert keys(PartHealth("ami:pbx", True, "up"), PartHealth("store", True, "writable")) == []


def test_what_texts_hang_on_comes_before_what_waits_and_that_before_warnings() -> None:
    found = keys(
        PartHealth("outbox", False, "stuck"),
        PartHealth("alarms", False, "breaker_open", {"standing": {"breaker_open": ALARM}}),
        PartHealth("store", True, "writable", {"free_bytes": 10**8}),
        findings=[
            Finding("clock", "warn", "not kept by NTP", "enable it"),
            Finding("smpp carrier", "fail", "refused", "check the password"),
        ],
        texts={OutboxState.HELD: 2, OutboxState.UNCERTAIN: 1, OutboxState.QUEUED: 5},
        mode="shadow",
    )
    assert found == [
        "smpp:fail",
        "part:outbox",
        "alarm:breaker_open",
        "texts:uncertain",
        "texts:held",
        "disk",
        "clock:warn",
        "mode",
    ]


def test_one_illness_is_told_once() -> None:
    """A dead link is a failing part, a finding and an alarm; a dead webhook too."""
    link = PartHealth("smpp:carrier", False, "waiting")
    standing = {"route_down": ALARM, "telling_failed": ALARM}
    alarms = PartHealth("alarms", False, "", {"standing": standing})
    target = {"queued": 3, "oldest_queued_age": 20.0, "failures": 6, "says": "HTTP 502"}
    tell = PartHealth("tell", True, "failing: webhook crm", {"targets": {"webhook crm": target}})
    fail = Finding("smpp carrier", "fail", "the daemon's bind is waiting", "check it")
    assert keys(link, alarms, tell, findings=[fail]) == ["smpp:fail", "tell:crm"]
    assert keys(alarms) == ["alarm:route_down", "alarm:telling_failed"]


def test_what_was_found_of_one_subject_is_one_thing_to_do_with_all_its_points() -> None:
    findings = Findings(
        (
            *(Finding("config", "warn", f"key {n}", f"mend {n}") for n in range(3)),
            Finding("config", "warn", "mode: is shadow: nothing is sent", "live"),
        )
    )
    (one,) = todo(health_of(), findings, {})
    assert one.weight is Weight.WARN
    assert [point.found for point in one.points] == ["key 0", "key 1", "key 2"]
    assert [point.cure for point in one.points] == ["mend 0", "mend 1", "mend 2"]


@pytest.mark.parametrize(
    ("failures", "age", "weight"),
    [(0, 5.0, None), (1, 5.0, Weight.WARN), (5, 5.0, Weight.BAD), (0, 700.0, Weight.WARN)],
)
def test_a_webhook_is_worth_a_word_when_it_fails_or_is_late(
    failures: int, age: float, weight: Weight | None
) -> None:
    told = {"queued": 1, "oldest_queued_age": age, "failures": failures, "says": ""}
    part = PartHealth("tell", True, "", {"targets": {"webhook crm": told}})
    found = todo(health_of(part), Findings(), {})
    assert [one.weight for one in found] == ([weight] if weight is not None else [])


def test_every_alarm_and_every_part_has_plain_words() -> None:
    from textback.alarms import Alarm

    assert set(health_words.ALARMS) == {alarm.value for alarm in Alarm}
    for state in queue_lists.OPEN:
        assert all(health_words.state_words(state))


def test_every_area_the_doctor_names_has_plain_words() -> None:
    import re

    areas: set[str] = set()
    folder = Path(health_todo.__file__).parents[1]
    for file in [*folder.glob("doctor*.py"), folder / "examiner.py"]:
        text = file.read_text(encoding="utf-8")
        areas |= set(re.findall(r'(?:ok|warn|fail|level)\(\s*"([a-z]+)"', text))
        areas |= set(re.findall(r'^AREA = "([a-z]+)"', text, re.MULTILINE))
        areas |= set(re.findall(r'area = f"([a-z]+) ', text))
    shown = areas - {"daemon", "alarms"}  # neither is looked at from inside
    assert shown
    assert shown <= set(health_areas.AREAS), shown - set(health_areas.AREAS)


words = st.text(max_size=30)
numbers = st.integers(0, 10**6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.builds(Finding, words, st.sampled_from(["ok", "warn", "fail"]), words, words)),
    st.dictionaries(st.sampled_from(list(OutboxState)), numbers),
    st.booleans(),
    words,
)
def test_whatever_was_found_the_heaviest_comes_first_and_no_key_comes_twice(
    findings: list[Finding], texts: dict[OutboxState, int], ok: bool, state: str
) -> None:
    parts = [PartHealth("store", ok, state), PartHealth("intake", ok, state)]
    found = todo(health_of(*parts), Findings(tuple(findings), trouble=state), texts)
    weights = [list(Weight).index(one.weight) for one in found]
    assert weights == sorted(weights)
    assert len({one.key for one in found}) == len(found)
    assert urgent(found) == sum(one.weight in (Weight.BAD, Weight.TEXT) for one in found)


# --- the page ----------------------------------------------------------------------------------


class Fake:
    """An examiner that says what a test wants."""

    def __init__(self, *items: Finding, wait: float = 0.0) -> None:
        self.found = Findings(items, NOW - timedelta(minutes=3))
        self.wait = wait
        self.asked = 0

    async def look(self) -> Findings:
        return self.found

    def ask(self) -> float:
        self.asked += 1
        return self.wait


async def written(backend: Backend, state: OutboxState, text: str = "Sorry we missed you.") -> int:
    """A text in this state; its number."""
    now = datetime.now(UTC)
    end = now + timedelta(minutes=15)
    send = Send(to="+16465550147", sender="+12125550100", text=text, expires=end)
    row = await backend.store.enqueue(send, by="test", now=now)
    only = RowFilter(ids=frozenset({row.id}))
    if state is OutboxState.HELD:
        await backend.store.hold(only, reason="the breaker", by="test", now=now)
    if state is OutboxState.UNCERTAIN:
        await backend.store.claim(10, now)
        await backend.store.recover(now)
    return row.id


async def test_the_page_says_all_is_well_where_it_is(tmp_path: Path) -> None:
    async with console(tmp_path, role="viewer", examiner=Fake()) as (client, _):
        answer = await client.get("/health")
        page = await answer.text()
    assert answer.status == 200
    assert "All is well" in page
    assert "What needs doing" not in page
    assert "nav-count" not in page
    assert "Check again" not in page, "a viewer looks, and does nothing"


async def test_what_was_found_is_shown_with_its_cure_and_is_no_markup(tmp_path: Path) -> None:
    fake = Fake(Finding("contacts", "warn", HOSTILE, f"mend {HOSTILE}"))
    async with console(tmp_path, examiner=fake) as (client, _):
        page = await (await client.get("/health")).text()
    assert "A contact file needs attention" in page
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;") >= 2


async def test_check_again_asks_the_doctor_and_says_when_it_was_too_soon(tmp_path: Path) -> None:
    fake = Fake()
    async with console(tmp_path, role="agent", examiner=fake) as (client, _):
        answer = await client.post("/health/check", data={"csrf": "test-csrf"})
        assert answer.status == 200, "see there"
        assert fake.asked == 1
        assert "It is being checked" in await answer.text()
        fake.wait = 12.3
        answer = await client.post("/health/check", data={"csrf": "test-csrf"})
        assert "Try again in 13 seconds" in await answer.text()
        direct = await client.post("/api/v1/health/check")
        assert direct.status == 429
        assert direct.headers["Retry-After"] == "13"


async def test_a_viewer_has_nothing_checked(tmp_path: Path) -> None:
    fake = Fake()
    async with console(tmp_path, role="viewer", examiner=fake) as (client, _):
        assert (await client.post("/health/check", data={"csrf": "test-csrf"})).status == 403
        assert (await client.post("/api/v1/health/check")).status == 403
    assert fake.asked == 0


async def test_the_navigation_counts_what_waits_for_a_word(tmp_path: Path) -> None:
    async with console(tmp_path, examiner=Fake()) as (client, backend):
        await written(backend, OutboxState.HELD)
        page = await (await client.get("/health")).text()
        assert 'aria-hidden="true">1</span>' in page
        assert "Working, but some texts wait for you" in page
        assert "1 text is held back" in page


# --- the queue ---------------------------------------------------------------------------------


async def test_a_held_text_is_released_from_the_page_and_by_whom_is_kept(tmp_path: Path) -> None:
    kicks: list[int] = []
    async with console(tmp_path, examiner=Fake(), kick=lambda: kicks.append(1)) as (
        client,
        backend,
    ):
        row = await written(backend, OutboxState.HELD)
        page = await (await client.get("/health/queue")).text()
        assert "Send it" in page
        assert "Sorry we missed you." in page
        done = await client.post(
            f"/health/queue/{row}/release",
            data={"csrf": "test-csrf", "state": "held"},
            allow_redirects=False,
        )
        assert done.status == 303
        assert done.headers["Location"] == "/health/queue?state=held"
        kept = await backend.store.text(row)
        assert kept.state is OutboxState.QUEUED
        assert kept.reason == "released by admin (console)"
        assert kicks == [1]


async def test_a_text_past_its_time_gets_a_new_end_when_it_is_released(tmp_path: Path) -> None:
    late = datetime.now(UTC) + timedelta(hours=3)
    async with console(tmp_path, clock=lambda: late) as (client, backend):
        row = await written(backend, OutboxState.HELD)
        answer = await client.post(f"/api/v1/queue/{row}/release", json={"valid_for": 600})
        assert answer.status == 200, await answer.text()
        kept = await backend.store.text(row)
        assert kept.expires == late + timedelta(minutes=10)
        again = await client.post(f"/api/v1/queue/{row}/release", json={})
        assert again.status == 409
        assert (await again.json())["code"] == "state"


async def test_an_uncertain_text_is_given_up_and_stays_so(tmp_path: Path) -> None:
    async with console(tmp_path, examiner=Fake()) as (client, backend):
        row = await written(backend, OutboxState.UNCERTAIN)
        page = await (await client.get("/health/queue")).text()
        assert "it may come twice" in page
        answer = await client.post(
            f"/health/queue/{row}/drop", data={"csrf": "test-csrf", "state": "uncertain"}
        )
        assert "The text is given up." in await answer.text()
        assert (await backend.store.text(row)).state is OutboxState.DROPPED
        assert (await client.post(f"/api/v1/queue/{row}/drop")).status == 409
        assert (await client.post("/api/v1/queue/4711/drop")).status == 404


async def test_what_is_decided_about_a_text_is_in_the_audit_log_and_what_is_refused_is_not(
    tmp_path: Path,
) -> None:
    async with console(tmp_path, examiner=Fake()) as (client, backend):
        sent = await written(backend, OutboxState.HELD)
        assert (await client.post(f"/api/v1/queue/{sent}/release", json={})).status == 200
        assert (await client.post(f"/api/v1/queue/{sent}/release", json={})).status == 409
        assert (await client.post(f"/api/v1/queue/{sent}/drop")).status == 200
        assert (await client.post("/api/v1/queue/4711/drop")).status == 404
        lines = (await backend.store.audited())[::-1]
        assert [(one.who, one.action, one.subject) for one in lines] == [
            ("admin", "queue.release", f"text {sent}"),
            ("admin", "queue.drop", f"text {sent}"),
        ]


@pytest.mark.parametrize("role", ["viewer", "agent"])
async def test_only_an_admin_decides_about_held_texts(tmp_path: Path, role: str) -> None:
    async with console(tmp_path, role=role, examiner=Fake()) as (client, backend):
        row = await written(backend, OutboxState.HELD)
        page = await (await client.get("/health/queue?state=held")).text()
        assert "Sorry we missed you." in page
        assert "Send it" not in page
        for verb in ("release", "drop"):
            path = f"/health/queue/{row}/{verb}"
            assert (await client.post(path, data={"csrf": "test-csrf"})).status == 403
            assert (await client.post(f"/api/v1/queue/{row}/{verb}", json={})).status == 403
        assert (await backend.store.text(row)).state is OutboxState.HELD


async def test_the_queue_goes_on_page_by_page_and_shows_each_text_once(tmp_path: Path) -> None:
    async with console(tmp_path) as (client, backend):
        rows = [await written(backend, OutboxState.HELD, f"text {n}") for n in range(7)]
        seen: list[int] = []
        where: str = ""
        pages = 0
        while pages == 0 or where:
            asked: dict[str, Any] = {"state": "held", "limit": 3, "cursor": where}
            told = await (await client.get("/api/v1/queue", params=asked)).json()
            seen += [one["id"] for one in told["texts"]]
            where = told["next"]
            pages += 1
        assert seen == sorted(rows, reverse=True)
        assert pages == 3


async def test_a_state_that_is_none_is_no_page(tmp_path: Path) -> None:
    async with console(tmp_path, examiner=Fake()) as (client, _):
        for query in ("state=nonsense", "state=%00", "state=held&cursor=" + "x" * 500):
            assert (await client.get(f"/health/queue?{query}")).status == 404
        assert (await client.get("/health/queue?state=held&cursor=made-up")).status == 400


async def test_the_lists_go_by_the_index_of_states(tmp_path: Path) -> None:
    async with console(tmp_path) as (_, backend):
        for query in (
            queue_lists.counting(),
            queue_lists.query((OutboxState.HELD,), None, 50),
            queue_lists.query((OutboxState.REFUSED,), 10**6, 50),
        ):
            text = str(query.compile(compile_kwargs={"literal_binds": True}))

            def plan(db: Any, text: str = text) -> str:
                rows = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
                return " / ".join(str(row[-1]) for row in rows)

            said = await backend.store.read(plan)
            assert "ix_outbox_state" in said, said
            assert "SCAN outbox" not in said, said


async def test_the_service_that_cannot_read_its_store_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from textback.store.errors import StoreUnavailableError

    async with console(tmp_path, examiner=Fake()) as (client, backend):

        async def fails(*_: object) -> None:
            raise StoreUnavailableError("the disk is full")

        monkeypatch.setattr(backend.store, "read", fails)
        answer = await client.get("/api/v1/queue", headers=as_role("viewer"))
        assert answer.status == 503
        assert (await answer.json())["code"] == "store"
