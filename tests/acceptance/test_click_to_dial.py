"""A click in the console on a real Asterisk: the agent's phone rings, then the missed caller's.

The agent signs in as people do. The drop-in is the shipped one, its commented line uncommented.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.evening import PATIENCE, line
from tests.acceptance.stage import Stage, renumbered, scene
from tests.lab.agent import Behaviour, Leg
from tests.lab.asterisk import AMI_SECRET, PRODUCT
from tests.lab.phones import answers, rejects, rings
from tests.lab.row import Row, configuration
from tests.lab.versions import VERSIONS

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(180)]

PASSWORD = "nine bright lamps"
#: An outside line as in many houses: 9, then the number as it is dialled in this country.
OUTSIDE = """\
exten => _91NXXNXXXXXX,1,NoOp(for ${TEXTBACK_NUMBER})
 same => n,Dial(PJSIP/+${EXTEN:1}@trunk,25)
 same => n,Hangup()
"""
_AS_SHIPPED = ";write = reporting,message,originate"

Said = dict[str, Any]


def files(rows: Sequence[Row], version: str, *, right: bool) -> Mapping[str, str]:
    drop_in = (PRODUCT / "manager.d" / "textback.conf").read_text()
    assert _AS_SHIPPED in drop_in
    if right:
        drop_in = drop_in.replace(_AS_SHIPPED, _AS_SHIPPED[1:])
    drop_in = drop_in.replace(";secret = change-me", f"secret = {AMI_SECRET}", 1)
    return {
        **configuration(rows),
        "extensions_inside.conf": OUTSIDE,
        "manager.d/textback.conf": VERSIONS[version].drop_in(drop_in),
    }


def picks_nothing_up() -> Behaviour:
    """A phone that rings and then has had enough."""

    async def play(leg: Leg) -> None:
        leg.ring()
        await asyncio.sleep(2.0)
        leg.reject(480)

    return play


class Browser:
    """One user's session, over HTTP as a browser has it."""

    def __init__(self, http: aiohttp.ClientSession, root: str) -> None:
        self._http = http
        self._root = root
        self._csrf = ""

    async def sign_in(self, name: str) -> None:
        form = {"name": name, "password": PASSWORD, "csrf": await self._field("/login")}
        async with self._http.post(f"{self._root}/login", data=form) as answer:
            page = await answer.text()
            assert answer.status == 200, page
        (self._csrf,) = re.findall(r'<meta name="csrf" content="([^"]+)"', page)

    async def _field(self, path: str) -> str:
        async with self._http.get(self._root + path) as answer:
            (token,) = set(re.findall(r'name="csrf" value="([^"]+)"', await answer.text()))
        return str(token)

    async def page(self, path: str) -> str:
        async with self._http.get(self._root + path) as answer:
            assert answer.status == 200
            return await answer.text()

    async def ask(self, method: str, path: str, body: Said | None = None) -> tuple[int, Said]:
        async with self._http.request(
            method,
            f"{self._root}/api/v1{path}",
            json=body,
            headers={"X-CSRF-Token": self._csrf, "Accept": "application/json"},
        ) as answer:
            told: Said = await answer.json()
            return answer.status, told

    async def case(self, caller: str, wanted: str = "open", within: float = 30.0) -> Said:
        """The case of a caller, once there is one."""
        async with asyncio.timeout(within):
            while True:
                _status, told = await self.ask("GET", f"/cases?stage={wanted}")
                for case in told["cases"]:
                    if case["caller"] == caller:
                        found: Said = case
                        return found
                await asyncio.sleep(0.1)

    async def ended(self, case: int, within: float = 30.0) -> Said:
        """How the call that was begun for this case ended."""
        async with asyncio.timeout(within):
            while True:
                _status, told = await self.ask("GET", f"/cases/{case}/dial")
                call: Said = told["call"]
                if call["over"]:
                    return call
                await asyncio.sleep(0.1)


@asynccontextmanager
async def signed_in(lab: Stage, name: str, phone: str = "") -> AsyncIterator[Browser]:
    """A user is made by the command line, and signs in."""
    secret = lab.service.config.with_name("password")
    secret.write_text(PASSWORD + "\n")
    made = ("user", "add", name, "--role", "agent", "--password-file", str(secret))
    await lab.service.command(*made, *(("--phone", phone) if phone else ()))
    jar = aiohttp.CookieJar(unsafe=True)  # of an address, not of a name
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        browser = Browser(http, f"http://127.0.0.1:{lab.service.console_port}")
        await browser.sign_in(name)
        yield browser


async def missed(lab: Stage, row: Row) -> None:
    """The row's caller calls, and hangs up when nobody has answered."""
    lab.agent.behaviours[row.phone("a")] = row.phones["a"]
    leg = lab.agent.call(row.number_outside, row.did)
    try:
        await leg.over(PATIENCE)
    except TimeoutError:
        leg.hang_up()
    await leg.over()


@dataclass
class Clicks:
    """What the clicks came to."""

    rows: Mapping[str, Row]
    answers: dict[str, tuple[int, Said]] = field(default_factory=dict)  #: to the POST
    ends: dict[str, Said] = field(default_factory=dict)
    cases: dict[str, Said] = field(default_factory=dict)  #: afterwards
    shown: dict[str, str] = field(default_factory=dict)  #: From, as a phone got it
    page: str = ""  #: of an open case
    story: Said = field(default_factory=dict)
    why: list[Said] = field(default_factory=list)  #: calls, as the command line tells them
    log: list[Said] = field(default_factory=list)
    metrics: str = ""
    no_phone: dict[str, tuple[int, Said]] = field(default_factory=dict)


class Desk:
    """The agent, whose clicks come one after the other."""

    def __init__(self, lab: Stage, browser: Browser, clicks: Clicks) -> None:
        self.lab, self.browser, self.clicks = lab, browser, clicks
        self.phone = clicks.rows["spoken_to"].phone("b")

    async def click(
        self, name: str, phone: Behaviour, caller: Behaviour, *, after: Said | None = None
    ) -> int:
        """Call the case of this row, `after` a request with this in it; the case's number."""
        row, agent = self.clicks.rows[name], self.lab.agent

        def seen(who: str, then: Behaviour) -> Behaviour:
            async def play(leg: Leg) -> None:
                self.clicks.shown[f"{name} {who}"] = leg.invite.get("from")
                await then(leg)

            return play

        agent.behaviours[self.phone] = seen("phone", phone)
        agent.behaviours[row.number_outside] = seen("caller", caller)
        case = await self.browser.case(row.number_outside)
        path = f"/cases/{case['id']}/dial"
        if after is not None:
            self.clicks.answers[f"{name} with more"] = await self.browser.ask("POST", path, after)
        self.clicks.answers[name] = await self.browser.ask("POST", path)
        self.clicks.ends[name] = await self.browser.ended(case["id"])
        return int(case["id"])

    async def work(self) -> None:
        clicks, browser = self.clicks, self.browser
        talk = answers(0.5, talk=20.0)
        spoken = await self.click("spoken_to", talk, answers(1.0, talk=2.0))
        number = clicks.rows["spoken_to"].number_outside
        clicks.cases["spoken_to"] = await browser.case(number, "closed")
        clicks.story = (await browser.ask("GET", f"/cases/{spoken}"))[1]
        again = await browser.ask("POST", f"/cases/{spoken}/take", {"was": ""})
        clicks.answers["taken after the end"] = again
        other = {"number": clicks.rows["spoken_to"].out, "exten": "666"}
        await self.click("not_reached", talk, rejects(486), after=other)
        await self.click("nobody_at_the_desk", picks_nothing_up(), rings())
        await self.click("desk_is_busy", rejects(486), rings())
        for name in ("not_reached", "nobody_at_the_desk", "desk_is_busy"):
            number = clicks.rows[name].number_outside
            clicks.cases[name] = await browser.case(number)
        last = clicks.cases["desk_is_busy"]["id"]
        clicks.page = await browser.page(f"/callbacks/{last}")


async def play(directory: Path, version: str) -> Clicks:
    rows = renumbered(
        line("spoken_to", rings()),
        line("not_reached", rings()),
        line("nobody_at_the_desk", rings()),
        line("desk_is_busy", rings()),
    )
    clicks = Clicks({row.name: row for row in rows})
    settings: dict[str, Any] = {
        "version": version,
        "files": lambda rows: files(rows, version, right=True),
        "defaults": {"ring_timeout": "3s", "abandoned_after": "1s"},
        "pbx": {"dial_context": "from-internal", "dial_prefix": "9"},
    }
    async with scene(directory, rows, **settings) as (lab, _carrier):
        await lab.service.start()
        async with asyncio.TaskGroup() as calls:
            for row in rows:
                calls.create_task(missed(lab, row), name=row.name)
        phone = clicks.rows["spoken_to"].phone("b")
        async with signed_in(lab, "anna", f"PJSIP/{phone}") as browser:
            await Desk(lab, browser, clicks).work()
            case = clicks.cases["desk_is_busy"]["id"]
        async with signed_in(lab, "vera") as browser:
            clicks.no_phone["GET"] = await browser.ask("GET", f"/cases/{case}/dial")
            clicks.no_phone["POST"] = await browser.ask("POST", f"/cases/{case}/dial")
        clicks.why = await lab.service.stories("calls", "--all", "-n", "100")
        clicks.log = lab.service.events()
        clicks.metrics = await metrics(lab)
    return clicks


async def metrics(lab: Stage) -> str:
    root = f"http://127.0.0.1:{lab.service.console_port}"
    async with aiohttp.ClientSession() as http, http.get(f"{root}/metrics") as answer:
        return await answer.text()


@pytest.fixture(scope="module", params=["22", "16"])
def clicks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Clicks:
    version: str = request.param
    return asyncio.run(play(tmp_path_factory.mktemp(f"click{version}"), version))


def test_a_click_rings_the_agents_phone_and_then_the_callers(clicks: Clicks) -> None:
    status, told = clicks.answers["spoken_to"]
    phone = clicks.rows["spoken_to"].phone("b")
    assert (status, told["phone"]) == (200, f"PJSIP/{phone}")
    assert told["stage"] in ("ringing", "calling", "speaking")
    assert clicks.ends["spoken_to"]["stage"] == "over"


def test_the_case_is_closed_by_the_call_that_the_click_began(clicks: Clicks) -> None:
    phone = clicks.rows["spoken_to"].phone("b")
    case = clicks.cases["spoken_to"]
    assert (case["stage"], case["closed_by"]) == ("called_back", f"PJSIP/{phone}")
    kinds = [entry["kind"] for entry in clicks.story["story"]]
    assert [kind for kind in kinds if kind != "text"] == [
        *("missed", "change", "called_back", "closed"),
    ]
    assert clicks.answers["taken after the end"][0] == 409


def test_the_call_is_one_to_the_callers_number(clicks: Clicks) -> None:
    number = clicks.rows["spoken_to"].number_outside
    (call,) = [c for c in clicks.why if c["direction"] == "originated" and c["did"] == number]
    assert call["outcome"] == "answered"


def test_the_agents_phone_shows_whom_it_calls_and_the_caller_sees_the_phones_own_number(
    clicks: Clicks,
) -> None:
    row = clicks.rows["spoken_to"]
    assert f"sip:{row.number_outside}@" in clicks.shown["spoken_to phone"]
    outward = clicks.shown["spoken_to caller"]
    assert f"sip:{row.phone('b')}@" in outward
    assert row.number_outside not in outward


def test_a_caller_who_does_not_answer_leaves_the_case_open(clicks: Clicks) -> None:
    assert clicks.ends["not_reached"]["stage"] == "not_reached"
    assert clicks.cases["not_reached"]["open"]


def test_a_number_in_the_request_is_not_dialled(clicks: Clicks) -> None:
    """A browser may send what it likes: the number is that of the case."""
    status, told = clicks.answers["not_reached with more"]
    assert status == 422
    assert {"number", "exten"} <= set(told["fields"])
    assert "not_reached caller" in clicks.shown
    other = clicks.rows["spoken_to"].out
    assert other not in {call["did"] for call in clicks.why}


def test_an_agent_who_does_not_pick_up_calls_nobody(clicks: Clicks) -> None:
    assert clicks.ends["nobody_at_the_desk"]["stage"] == "no_answer"
    assert clicks.ends["desk_is_busy"]["stage"] == "busy"
    assert {key for key in clicks.shown if key.endswith("caller")} == {
        *("spoken_to caller", "not_reached caller"),
    }
    for name in ("nobody_at_the_desk", "desk_is_busy"):
        assert clicks.cases[name]["open"]


def test_the_page_has_the_button_and_says_how_the_last_call_went(clicks: Clicks) -> None:
    assert 'id="dial"' in clicks.page
    assert "Your phone was busy, or the call was declined." in clicks.page


def test_a_user_without_a_phone_is_told_so(clicks: Clicks) -> None:
    status, told = clicks.no_phone["GET"]
    assert (status, told["possible"], told["code"]) == (200, False, "no_phone")
    status, told = clicks.no_phone["POST"]
    assert (status, told["code"]) == (409, "dial_no_phone")


def test_clicks_are_logged_and_counted(clicks: Clicks) -> None:
    placed = [event for event in clicks.log if event["event"] == "dial_placed"]
    assert [event["by"] for event in placed] == ["anna"] * 4
    assert 'textback_dials_total{result="placed"} 4.0' in clicks.metrics
    assert 'textback_dials_total{result="no_phone"} 1.0' in clicks.metrics


# --- without the right ----------------------------------------------------------------------------


@dataclass
class Denied:
    """What is seen where Asterisk does not give the right."""

    told: tuple[int, Said]
    page: str
    health: str
    rang: list[str]


async def without_the_right(directory: Path) -> Denied:
    (row,) = renumbered(line("denied", rings()))
    settings: dict[str, Any] = {
        "files": lambda rows: files(rows, "22", right=False),
        "defaults": {"ring_timeout": "3s", "abandoned_after": "1s"},
        "pbx": {"dial_context": "from-internal", "dial_prefix": "9"},
    }
    rang: list[str] = []

    async def phone(leg: Leg) -> None:
        rang.append(leg.invite.user)
        await rings()(leg)

    async with scene(directory, [row], **settings) as (lab, _carrier):
        await lab.service.start()
        await missed(lab, row)
        lab.agent.behaviours[row.phone("b")] = phone
        async with signed_in(lab, "anna", f"PJSIP/{row.phone('b')}") as browser:
            case = await browser.case(row.number_outside)
            told = await browser.ask("POST", f"/cases/{case['id']}/dial")
            page = await browser.page(f"/callbacks/{case['id']}")
        return Denied(told, page, str(await lab.service.health()), rang)


@pytest.fixture(scope="module")
def denied(tmp_path_factory: pytest.TempPathFactory) -> Denied:
    return asyncio.run(without_the_right(tmp_path_factory.mktemp("denied")))


def test_without_the_right_the_api_says_why(denied: Denied) -> None:
    status, told = denied.told
    assert (status, told["code"]) == (409, "dial_denied")
    assert "originate" in told["detail"]


def test_without_the_right_there_is_no_button_and_nothing_rings(denied: Denied) -> None:
    assert 'id="dial"' not in denied.page
    assert "Asterisk does not allow calls by a click" in denied.page
    assert denied.rang == []


def test_without_the_right_the_health_page_names_it(denied: Denied) -> None:
    assert "write = originate" in denied.health
