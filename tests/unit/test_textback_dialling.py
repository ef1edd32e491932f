"""Calls by a click: who may, how the number is dialled, how often, and how the last one stands."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from tests.unit.console_rig import CONFIG, config_of
from textback import dialling
from textback.config import Config
from textback.console.who import Role, Who
from textback.dialling import PER_MINUTE, Dialling
from textback.model import Dialled, DialRefusal, DialRefusedError, DialStage

NUMBER = "+16465550123"
ANNA = Who(name="anna", role=Role.AGENT, phone="PJSIP/101")


def config(*keys: str, second: str = "") -> Config:
    """With these keys in [[pbx]], and a second PBX with those."""
    text = CONFIG.replace('secret = "x"', "\n".join(['secret = "x"', *keys]), 1)
    if second:
        text += f'[[pbx]]\nname = "other"\nhost = "127.0.0.2"\nsecret = "x"\n{second}\n'
    return config_of(text)


ON = 'dial_context = "from-internal"'


@dataclass
class FakeClicks:
    refusal: DialRefusal | None = None
    stage: DialStage = DialStage.RINGING
    calls: dict[str, Dialled] = field(default_factory=dict)
    dialled: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def dial(
        self, phone: str, number: str, exten: str, *, name: str, ours: str, at: datetime
    ) -> Dialled:
        if self.gate is not None:
            await self.gate.wait()
        self.dialled.append(exten)
        call = Dialled(
            id=f"textback-{len(self.dialled)}",
            phone=phone,
            number=number,
            stage=self.stage,
            at=at,
        )
        self.calls[call.id] = call
        return call

    async def settled(self, call_id: str, seconds: float) -> Dialled | None:
        return self.get(call_id)

    def get(self, call_id: str) -> Dialled | None:
        return self.calls.get(call_id)

    def become(self, stage: DialStage) -> None:
        self.calls = {key: replace(call, stage=stage) for key, call in self.calls.items()}


@dataclass
class FakeLink:
    clicks: FakeClicks = field(default_factory=FakeClicks)
    state: str = "up"


@dataclass
class Desk:
    dialling: Dialling
    links: dict[str, FakeLink]
    counted: list[str]

    @property
    def clicks(self) -> FakeClicks:
        return self.links["pbx"].clicks

    async def click(self, who: Who = ANNA, number: str = NUMBER) -> Dialled:
        return await self.dialling.dial(who, number, name="Zoe", ours="+12125550100")

    async def refused(self, who: Who = ANNA, number: str = NUMBER) -> DialRefusal:
        with pytest.raises(DialRefusedError) as caught:
            await self.click(who, number)
        return caught.value.reason


def desk(rules: Config | None = None) -> Desk:
    inner = rules or config(ON)
    links = {pbx.name: FakeLink() for pbx in inner.pbx}
    counted: list[str] = []
    return Desk(Dialling(lambda: inner, lambda: links, on_dialled=counted.append), links, counted)


# --- who may --------------------------------------------------------------------------------------


def test_it_is_off_until_the_admin_names_a_context() -> None:
    assert desk(config()).dialling.refusal(ANNA) is DialRefusal.OFF
    assert desk().dialling.refusal(ANNA) is None


def test_a_user_needs_a_phone() -> None:
    assert desk().dialling.refusal(replace(ANNA, phone="")) is DialRefusal.NO_PHONE


def test_of_two_pbxs_the_users_one_rings_his_phone() -> None:
    both = desk(config(ON, second=ON))
    assert both.dialling.refusal(ANNA) is DialRefusal.NO_PBX
    assert both.dialling.refusal(replace(ANNA, pbx="other")) is None
    assert desk(config(ON, second="port = 5039")).dialling.refusal(ANNA) is None
    one = desk(config(ON, second="port = 5039"))
    assert one.dialling.refusal(replace(ANNA, pbx="other")) is DialRefusal.NO_PBX


def test_a_link_that_is_down_and_a_right_that_is_missing_are_told_apart() -> None:
    made = desk()
    made.links["pbx"].state = "waiting"
    assert made.dialling.refusal(ANNA) is DialRefusal.DOWN
    made.links["pbx"] = FakeLink(FakeClicks(refusal=DialRefusal.DENIED))
    assert made.dialling.refusal(ANNA) is DialRefusal.DENIED
    made.links.clear()
    assert made.dialling.refusal(ANNA) is DialRefusal.DOWN


# --- what is dialled ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "number", "dialled"),
    [
        ((), NUMBER, "16465550123"),
        (('dial_prefix = "9"',), NUMBER, "916465550123"),
        (('dial_format = "e164"',), NUMBER, NUMBER),
        (('dial_format = "e164"', 'dial_prefix = "*65"'), NUMBER, f"*65{NUMBER}"),
        ((), "+442079460123", "011442079460123"),
    ],
)
async def test_a_number_is_dialled_as_the_dialplan_wants_it(
    keys: tuple[str, ...], number: str, dialled: str
) -> None:
    made = desk(config(ON, *keys))
    call = await made.click(number=number)
    assert made.clicks.dialled == [dialled]
    assert (call.number, call.phone, call.stage) == (number, "PJSIP/101", DialStage.RINGING)
    assert made.counted == ["placed"]


@pytest.mark.parametrize(
    ("country", "number", "dialled"),
    [
        ("GB", "+442079460123", "02079460123"),
        ("GB", "+12125550123", "0012125550123"),
        ("DE", "+4930901820", "030901820"),
        ("IT", "+390669812345", "0669812345"),
        ("US", "+14165550123", "14165550123"),
        ("US", "nonsense", "nonsense"),
    ],
)
def test_people_of_each_country_dial_their_own_way(country: str, number: str, dialled: str) -> None:
    assert dialling.as_dialled(number, country) == dialled


@pytest.mark.parametrize(
    "number", ["", "911", "+19005550123", "+1\r\nAction: Command", "12125550123", "+1212"]
)
async def test_premium_short_and_nonsense_numbers_are_not_called(number: str) -> None:
    made = desk()
    assert await made.refused(number=number) is DialRefusal.NUMBER
    assert made.clicks.dialled == []
    assert made.counted == ["number"]


# --- how often ------------------------------------------------------------------------------------


async def test_a_second_click_while_the_phone_rings_calls_nobody() -> None:
    made = desk()
    await made.click()
    assert await made.refused() is DialRefusal.BUSY
    made.clicks.become(DialStage.NO_ANSWER)
    await made.click()
    assert len(made.clicks.dialled) == 2


async def test_two_clicks_at_the_same_moment_are_one_call() -> None:
    made = desk()
    made.clicks.gate = asyncio.Event()
    first = asyncio.create_task(made.click())
    await asyncio.sleep(0)
    assert await made.refused() is DialRefusal.BUSY
    made.clicks.gate.set()
    await first
    assert len(made.clicks.dialled) == 1


async def test_a_user_calls_so_often_in_a_minute_and_another_one_still_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("textback.dialling.time.monotonic", lambda: clock[0])
    made = desk()
    for _ in range(PER_MINUTE):
        await made.click()
        made.clicks.become(DialStage.OVER)
        clock[0] += 1.0
    assert await made.refused() is DialRefusal.TOO_MANY
    await made.click(replace(ANNA, name="ben", phone="PJSIP/102"))
    clock[0] += 60.0
    await made.click()


# --- how it stands --------------------------------------------------------------------------------


async def test_the_last_call_of_a_user_is_told_as_it_stands() -> None:
    made = desk()
    assert made.dialling.last(ANNA) is None
    await made.click()
    made.clicks.become(DialStage.SPEAKING)
    last = made.dialling.last(ANNA)
    assert last is not None
    assert last.stage is DialStage.SPEAKING
    assert made.dialling.last(replace(ANNA, name="ben")) is None


async def test_a_call_whose_link_is_gone_is_told_as_it_last_was() -> None:
    made = desk()
    await made.click()
    made.links.clear()
    last = made.dialling.last(ANNA)
    assert last is not None
    assert last.stage is DialStage.RINGING
