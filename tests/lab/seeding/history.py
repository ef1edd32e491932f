"""The history itself: one loop through time in which people call, are texted, write and are called
back. What would come after the present does not happen, so the last hours look as hours do."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from heapq import heappop, heappush
from itertools import count
from zoneinfo import ZoneInfo

from tests.lab.seeding import talk, tidings
from tests.lab.seeding.calls import Calls, Ring
from tests.lab.seeding.cases import STAFF, Cases, Open
from tests.lab.seeding.people import Number, Person
from tests.lab.seeding.rows import Rows
from tests.lab.seeding.staff import Staff
from tests.lab.seeding.texts import Texts
from tests.lab.seeding.verdicts import Verdicts
from textback.callback import Configured
from textback.config import Config
from textback.model import Outcome, Reason

ZONE = ZoneInfo("America/New_York")
_HOUR, _DAY = 3600.0, 86_400.0
#: How busy the days and the hours of a week are.
_WEEKDAYS = (1.35, 1.1, 1.0, 1.05, 0.9, 0.3, 0.12)
_HOURS = (1, 1, 1, 1, 1, 2, 4, 20, 70, 95, 90, 75, 55, 80, 90, 85, 70, 40, 15, 8, 5, 3, 2, 1)
#: Calls that come of one that nobody answers.
_FOLLOWING = 0.85
#: How a call ends that nobody answers.
_OUTCOMES = (
    (Outcome.NO_ANSWER, 46),
    (Outcome.ABANDONED, 22),
    (Outcome.VOICEMAIL_NO_MESSAGE, 12),
    (Outcome.VOICEMAIL_LEFT, 8),
    (Outcome.BUSY, 6),
    (Outcome.QUEUE_ABANDONED, 5),
    (Outcome.UNAVAILABLE, 1),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything."""

    calls: int
    days: int
    numbers: Sequence[Number]
    people: Sequence[Person]
    answered: float  #: of the calls that come in by themselves
    shadow_days: int  #: at the beginning nothing was sent
    replies: float  #: of the texts that arrived
    regular: float  #: of the calls are of people who call often
    wanders: bool = False  #: callers call any number, not only their own


class History:
    """Tells it into `rows`."""

    def __init__(
        self, rows: Rows, plan: Plan, config: Config, rng: random.Random, now: datetime
    ) -> None:
        self._plan, self._rng = plan, rng
        self._now = now.timestamp()
        self._calls = Calls(rows, Verdicts(config), rng)
        self._verdicts = Verdicts(config)
        self.texts = Texts(rows, rng, self._now)
        self.cases = Cases(rows, rng, self._now)
        self.told = tidings.Tidings(rows, rng, self._now)
        self._staff = Staff(self, self._calls, self.cases, self.told, rng, self._now)
        self._rules = Configured(config)
        self._rows = rows
        self._later: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        self._last_text: dict[tuple[str, str], float] = {}
        self._weights = [n.weight for n in plan.numbers]
        self._regulars = plan.people[: max(1, len(plan.people) // 12)]
        self._begin = self._now - plan.days * _DAY

    def tell(self) -> None:
        for at in self._arrivals():
            while self._later and self._later[0][0] <= at:
                due, _, what = heappop(self._later)
                what(due)
            self._call(at)
        while self._later and self._later[0][0] <= self._now:
            due, _, what = heappop(self._later)
            what(due)

    def close(self) -> None:
        self.texts.close()
        self.cases.close()

    def scene(self, person: Person, number: Number, at: float, script: Sequence[talk.Line]) -> None:
        """A missed call that was texted, and what was written after it: all of it."""
        place = self.cases.place(person, number)
        ring = self._calls.missed(
            person, number, at - 40, Outcome.NO_ANSWER, Reason.SEND, case=place[0]
        )
        due = self._rules.due(number.did, datetime.fromtimestamp(at, UTC))
        case = self.cases.missed(*place, person, number, ring, due.timestamp() if due else None)
        name = person.name if person.known else ""
        made = self._verdicts.of(Reason.SEND, ring.outcome, number.did, person.number, name)
        row, _, case.texted = self.texts.out(
            person,
            number,
            ring.decided,
            made.text,
            kind="missed",
            call=ring.call_id,
            state="delivered",
        )
        self.told.call_missed(person, number, ring, "send", row)
        pause = min(20.0, (self._now - at) / (len(script) + 1))
        for line in script:
            at += min(line.wait * 60, pause)
            self._say(person, number, at, line, "operator Dana")

    def living(self) -> None:
        """Calls that go on while one looks."""
        people, numbers = self._plan.people, self._plan.numbers
        self._calls.living(people[3], numbers[0], self._now - 96, talks=True)
        self._calls.living(people[8], numbers[-2], self._now - 9, talks=False)

    def soon(self, at: float, what: Callable[[float], None]) -> None:
        heappush(self._later, (at, next(self._order), what))

    def _arrivals(self) -> list[float]:
        """When somebody calls by themselves; what comes of it are calls as well."""
        first = datetime.fromtimestamp(self._begin, UTC).astimezone(ZONE).date()
        days = [first + timedelta(days=i) for i in range(self._plan.days + 1)]
        weights = [_WEEKDAYS[day.weekday()] * self._rng.uniform(0.85, 1.15) for day in days]
        # Of a call that nobody answered come others: callbacks, second tries.
        own = self._plan.calls / (1 + _FOLLOWING * (1 - self._plan.answered))
        per_weight = own / sum(weights)
        found: list[float] = []
        for day, weight in zip(days, weights, strict=True):
            found += self._day(day, round(weight * per_weight))
        found.sort()
        return [at for at in found if self._begin <= at <= self._now]

    def _day(self, day: date, calls: int) -> list[float]:
        midnight = datetime.combine(day, time(), ZONE).timestamp()
        hours = self._rng.choices(range(24), _HOURS, k=calls)
        return [midnight + hour * _HOUR + self._rng.random() * _HOUR for hour in hours]

    # --- what happens ---

    def _call(self, at: float) -> None:
        rng, plan = self._rng, self._plan
        regular = rng.random() < plan.regular
        person = rng.choice(self._regulars if regular else plan.people)
        number = rng.choices(plan.numbers, self._weights)[0]
        if not plan.wanders and rng.random() < 0.8:
            # Most people have one number of the business that they call.
            number = plan.numbers[hash_of(person.number) % len(plan.numbers)]
        local = datetime.fromtimestamp(at, ZONE)
        staffed = local.weekday() < 5 and 8 <= local.hour < 18
        chance = plan.answered * (1.08 if staffed else 0.35)
        if rng.random() < chance:
            self.answered(person, number, at)
        else:
            self._missed(person, number, at)

    def answered(self, person: Person, number: Number, at: float) -> Ring:
        ring = self._calls.answered(person, number, at)
        for case in self.cases.of(person):
            self.cases.spoken(case, "recovered", ring, "the PBX")
            self.told.case_closed(case, "recovered", ring.started, "the PBX", ring.call_id)
        self.spoken(person, ring)
        return ring

    def spoken(self, person: Person, ring: Ring) -> None:
        for number in self._plan.numbers:
            thread = self.texts.threads.get((person.number, number.did))
            if thread is not None and thread.waits is not None and thread.waits <= ring.started:
                thread.waits = None

    def _missed(self, person: Person, number: Number, at: float) -> None:
        rng = self._rng
        outcome = rng.choices([o for o, _ in _OUTCOMES], [w for _, w in _OUTCOMES])[0]
        reason, hours_ago = self._reason(person, number, at, outcome)
        place: tuple[int, Open | None] | None = None
        if person.trait != "withheld":
            place = self.cases.place(person, number)
        ring = self._calls.missed(
            person,
            number,
            at,
            outcome,
            reason,
            case=place[0] if place else None,
            hours_ago=hours_ago,
        )
        case: Open | None = None
        if place is not None:
            due = self._rules.due(number.did, datetime.fromtimestamp(at, UTC))
            case = self.cases.missed(*place, person, number, ring, due.timestamp() if due else None)
            if case.misses == 1:
                self.told.case_opened(case)
                self._staff.plan(case, at)
        text = self._text(person, number, ring, case) if reason is Reason.SEND else None
        self.told.call_missed(person, number, ring, reason.value, text)

    def _reason(
        self, person: Person, number: Number, at: float, outcome: Outcome
    ) -> tuple[Reason, int]:
        if outcome is Outcome.ABANDONED and self._rng.random() < 0.3:
            return Reason.TOO_SHORT, 0
        if person.trait == "withheld":
            return Reason.WITHHELD, 0
        if person.trait == "no_text":
            return Reason.CONTACT_NO_TEXT, 0
        if person.opted_out:
            return Reason.OPTED_OUT, 0
        last = self._last_text.get((person.number, number.did))
        if last is not None and at - last < 24 * _HOUR - 60:
            return Reason.COOLDOWN, max(1, min(23, int((at - last) // _HOUR)))
        return Reason.SEND, 0

    def _text(self, person: Person, number: Number, ring: Ring, case: Open | None) -> int:
        name = person.name if person.known else ""
        made = self._verdicts.of(Reason.SEND, ring.outcome, number.did, person.number, name)
        shadow = ring.decided < self._begin + self._plan.shadow_days * _DAY
        row, state, took = self.texts.out(
            person,
            number,
            ring.decided,
            made.text,
            kind="missed",
            call=ring.call_id,
            state="shadow" if shadow else "",
            expires=made.expires,
        )
        if not shadow:
            self._last_text[person.number, number.did] = ring.decided
        if case is not None and case.texted is None and state in {"accepted", "delivered"}:
            case.texted = took
        if state in {"undelivered", "refused", "expired"}:
            self.told.text_failed(person, number, row, state, took, ring.call_id)
        if state == "delivered" and self._rng.random() < self._plan.replies:
            self._talk(person, number, took)
        return row

    # --- conversations ---

    def _talk(self, person: Person, number: Number, at: float) -> None:
        rng = self._rng
        fate = rng.random()
        script: Sequence[talk.Line] = rng.choice(talk.CONVERSATIONS)
        if fate < 0.06:
            script = (talk.STOP[0]._replace(text=rng.choice(talk.STOPS)),)
        elif fate < 0.07:
            script = talk.HELP
        elif fate < 0.10:
            script = talk.DOUBTFUL
        elif number.label == "Emergencies" or fate < 0.13:
            script = talk.URGENT
        author = f"operator {rng.choice(STAFF)}" if rng.random() < 0.8 else number.extensions[0]
        for line in script:
            at += line.wait * 60 * rng.uniform(0.4, 1.8)
            self.soon(at, lambda due, line=line: self._say(person, number, due, line, author))  # type: ignore[misc]

    def _say(self, person: Person, number: Number, at: float, line: talk.Line, author: str) -> None:
        if person.opted_out:
            return
        if line.who == "out":
            self.texts.out(person, number, at, line.text, kind="reply", author=author)
            return
        incoming = self.texts.come_in(person, number, at, line)
        self.told.reply(
            person, number, at, incoming, self.texts.thread(person.number, number, at).id, line
        )
        case = self.cases.open.get((person.number, number.did))
        if line.word == "stop":
            person.opted_out = True
            self.texts.opted_out(person, at, line.text, incoming)
            self.told.opted_out(person, number, at, line.text)
            words = f"{tidings.NAME}: you get no more texts from us. Reply START to get them again."
            self.texts.out(person, number, at + 0.2, words, kind="confirm", state="delivered")
            self._looked(person, number, at)
        elif line.word == "help":
            self.texts.evidence(person, at, "help", line.text, incoming)
            words = f"{tidings.NAME}: we text back when we miss your call. Reply STOP to opt out."
            self.texts.out(person, number, at + 0.2, words, kind="help", state="delivered")
            self._looked(person, number, at)
        elif case is not None and case.replied is None:
            case.replied = at
        if line.review:
            self.told.review(person, number, at, incoming, line.text)
        elif not line.word:
            # Sooner or later somebody looks, whether there is an answer or not.
            wait = self._rng.uniform(0.2, 5) * _HOUR
            self.soon(at + wait, lambda due: self._looked(person, number, due))

    def _looked(self, person: Person, number: Number, _at: float) -> None:
        thread = self.texts.thread(person.number, number, _at)
        thread.unread = 0
        if self._rng.random() < 0.97:
            thread.waits = None


def hash_of(number: str) -> int:
    """The same on every run, unlike Python's own."""
    return int(number[-7:]) * 2_654_435_761 % 2**32
