"""Who calls and who is called: names, numbers of fiction ranges, the numbers of a business."""

from __future__ import annotations

import random
from dataclasses import dataclass

import phonenumbers

_GIVEN = (
    *("Maria", "James", "Aisha", "Robert", "Linh", "Patricia", "Carlos", "Jennifer", "Dmitri"),
    *("Elizabeth", "Kwame", "Susan", "Yusuf", "Jessica", "Tomás", "Sarah", "Wei", "Karen", "Noah"),
    *("Zoë", "Priya", "Daniel", "Fatima", "Grace", "Hiroshi", "Olivia", "Mateo", "Ruth", "Ivan"),
    *("Camille", "Oscar", "Naomi", "Leon", "Amara", "Peter", "Björn", "Chloe", "Samuel", "Rosa"),
)
_FAMILY = (
    *("Alvarez", "Johnson", "Okafor", "Smith", "Nguyen", "Brown", "García", "Miller", "Petrov"),
    *("Davis", "Mensah", "Wilson", "Demir", "Anderson", "Ibáñez", "Taylor", "Chen", "Moore"),
    *("Jackson", "Weiß", "Raman", "Lee", "Haddad", "Harris", "Tanaka", "Clark", "Rossi", "Cohen"),
    *("Kowalski", "Dubois", "Lindqvist", "Adeyemi", "Walker", "Hall", "O'Neill", "Young", "Silva"),
)
_FIRMS = ("Hudson Dental Lab", "Cityline Couriers", "Greenpoint Supply Co.", "Metro Insurance Desk")
_NO_NAMES = ("WIRELESS CALLER", "NEW YORK NY", "BROOKLYN NY", "", "", "UNKNOWN")
#: Where the callers of a small practice live.
_NEAR = (212, 332, 646, 917, 718, 347, 929, 201, 551, 914, 516)

#: Labels of the numbers of a big business.
_TOWNS = (
    *("Midtown", "Harlem", "Brooklyn", "Astoria", "Jersey City", "Yonkers", "Hoboken", "Newark"),
    *("Stamford", "Albany", "Boston", "Hartford", "Buffalo", "Philadelphia", "Trenton", "Syracuse"),
    *("Providence", "Worcester", "New Haven", "White Plains"),
)


@dataclass(frozen=True, slots=True)
class Number:
    """One [[number]] of the business."""

    did: str
    label: str
    message: str
    extensions: tuple[str, ...]
    weight: float = 1.0  #: how many of the calls are for it


@dataclass(slots=True)
class Person:
    """Somebody who calls."""

    number: str
    name: str
    cnam: str  #: what the network calls them
    known: bool = False  #: among the contacts
    organization: str = ""
    tags: tuple[str, ...] = ()
    trait: str = ""  #: "no_text", "withheld"
    opted_out: bool = False


def area_codes() -> list[int]:
    """Of the United States and Canada, as far as the numbering plan gives them to places."""
    found = []
    for area in range(201, 990):
        number = phonenumbers.parse(f"+1{area}5550123", None)
        if phonenumbers.region_code_for_number(number) in {"US", "CA"}:
            found.append(area)
    return found


def callers(count: int, rng: random.Random) -> list[Person]:
    """So many, each with a number of its own; those of a small practice live near it."""
    areas = area_codes() if count > len(_NEAR) * 88 else list(_NEAR)
    # 0100 to 0110 are the business's own, 0199 is for whom a test puts in.
    numbers = [f"+1{a}555{line:04}" for a in areas for line in range(111, 199)]
    if count > len(numbers):
        raise ValueError(f"there are only {len(numbers)} numbers of fiction here")
    rng.shuffle(numbers)
    return [_person(number, rng) for number in numbers[:count]]


def _person(number: str, rng: random.Random) -> Person:
    name = f"{rng.choice(_GIVEN)} {rng.choice(_FAMILY)}"
    given, family = name.split(" ", 1)
    kind = rng.random()
    cnam = f"{family.upper()}, {given.upper()}" if kind < 0.6 else rng.choice(_NO_NAMES)
    person = Person(number, name, cnam, known=rng.random() < 0.45)
    if rng.random() < 0.03:
        person.name = person.organization = rng.choice(_FIRMS)
        person.cnam, person.known, person.tags = person.name.upper(), True, ("vendor",)
    elif person.known and rng.random() < 0.12:
        person.tags = ("vip",)
    fate = rng.random()
    if fate < 0.03:
        person.trait = "withheld"
    elif fate < 0.05 and person.known:
        person.trait = "no_text"
    return person


#: The demo: a dentist's in New York.
DEMO = (
    Number(
        "+12125550100",
        "Front desk",
        "Hi {{contact.name}}, this is {{business.name}}. Sorry we missed your call! "
        "How can we help? Reply STOP to opt out.",
        ("PJSIP/101", "PJSIP/102"),
        5.0,
    ),
    Number(
        "+12125550101",
        "New patients",
        "Welcome to {{business.name}}! Sorry we missed you. Text us your name and what you need, "
        "we write back soon. Reply STOP to opt out.",
        ("PJSIP/102", "PJSIP/103"),
        2.0,
    ),
    Number(
        "+12125550102",
        "Orthodontics",
        "{{business.name}}, orthodontics: sorry we missed your call. Write here and Dr. Okafor's "
        "team will answer. Reply STOP to opt out.",
        ("PJSIP/110",),
        1.5,
    ),
    Number(
        "+16465550103",
        "Brooklyn office",
        "{{business.name}} Brooklyn: sorry we missed your call. What can we do for you? "
        "Reply STOP to opt out.",
        ("PJSIP/201", "PJSIP/202"),
        2.5,
    ),
    Number(
        "+12125550104",
        "Emergencies",
        "{{business.name}}: sorry we missed you. In pain? Write URGENT and Dr. Lee calls back. "
        "Reply STOP to opt out.",
        ("PJSIP/301",),
        0.6,
    ),
)


def chain(count: int) -> tuple[Number, ...]:
    """The numbers of a business with many branches."""
    return tuple(
        Number(
            f"+1{_NEAR[i % len(_NEAR)]}555{100 + i // len(_NEAR):04}",
            _TOWNS[i % len(_TOWNS)],
            "{{business.name}}: sorry we missed your call. How can we help? Reply STOP to opt out.",
            (f"PJSIP/{101 + 10 * i}", f"PJSIP/{102 + 10 * i}"),
            1.0 + (i % 5) / 2,
        )
        for i in range(count)
    )
