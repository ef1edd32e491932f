"""Warnings on a configuration that can be used and is probably not meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.configs import BASE
from textback.config_load import loads

# --- warnings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        ("[business]", 'mode = "shadow"\n[business]', ":1: mode: is shadow"),
        ('name = "Acme', 'country = "GB"\nname = "Acme', "business.timezone: is not set"),
        ('secret = "s3cret"', 'secret = "changeme"', ":5: pbx.secret: is still the sample's"),
        ('secret = "s', 'host = "10.0.0.5"\nsecret = "s', ":5: pbx.host: the AMI secret crosses"),
        ('secret = "s', 'unknown_presentation = "send"\nsecret = "s', "callers who withheld"),
        ('secret = "s', 'verstat = "passed"\nsecret = "s', "unless the dialplan sets TEXTBACK_VER"),
        ('secret = "s', 'cdr_utc = true\nsecret = "s', "pbx.cdr_utc: has no effect without"),
        ('"pa55"', '"pa55"\nreceipts = false', "smsc.receipts: no text is ever known"),
        ('"pa55"', '"pa55"\nreceipts_by_text = true', "what then passes for a receipt"),
        ('"pa55"', '"pa55"\non_uncertain = "resend"', "up to 10 callers may get the same text"),
        (
            "0100",
            '0100"\nreplies = false\nsender = "AcmeDental',
            "number.sender: letters are one-way",
        ),
        ("0100", '0100"\ncooldown = "0s', "number.cooldown: is 0"),
        ("0100", '0100"\nring_timeout = "60s', "number.ring_timeout: after 1m most callers"),
        ("0100", '0100"\nmessage = "Hi! {{business.name}}', "does not say how to opt out"),
        ("0100", '0100"\nmessage = "Reply STOP', "does not say who writes"),
        ("0100", '0100"\nafter_hours_message = "{{business.name}} STOP', "there are no hours"),
        ("+12125550100", "*", "number.did: texts from every number of the PBX"),
        ('"+12125550100"', '"+12125550100"\noutcomes = []', "no call is ever texted"),
        ('"+12125550100"', '"+12125550100"\nenabled = false', "every number is switched off"),
        ('"+12125550100"', '"+12125550100"\nhours = { mon = "24h" }', "have no effect without"),
        ("0100", '0100"\nonce_per = "1h', "number.once_per: has no effect: cooldown is longer"),
        (
            "0100",
            '0100"\nonce_per = "3d"\nmessage_again = "{{business.name}} again, STOP',
            "number.message_again: is never sent, since once_per",
        ),
        ('secret = "s', 'astdb = true\nastdb_sqlite = "/a"\nsecret = "s', "pbx.astdb: has no eff"),
        ("[business]", '[contacts]\nfiles = ["none.csv"]\n[business]', "none.csv is not there"),
        ("0100", '0100"\nquiet = "skip', "number.quiet: has no effect without quiet_hours"),
        (
            "0100",
            '0100"\nfollow_up_after = "1h',
            "follow_up_after: has no effect without follow_up",
        ),
        (
            "0100",
            '0100"\nquiet_hours = "21:00-08:00"\nquiet_follow_up = "skip',
            "number.quiet_follow_up: has no effect without follow_up",
        ),
        (
            "0100",
            '0100"\nfollow_up = "{{business.name}} STOP"\nquiet_follow_up = "skip',
            "number.quiet_follow_up: has no effect without quiet_hours",
        ),
        (
            "0100",
            '0100"\nfollow_up = "{{business.name}} STOP"\nreplies = false\nsender = "Acme',
            "number.follow_up: comes whoever would have replied",
        ),
        ("0100", '0100"\nfollow_up = "{{business.name}}', "follow_up: does not say how"),
        ("0100", '0100"\nquiet_zone = "business', "number.quiet_zone: has no effect without"),
        (
            "0100",
            '0100"\ncooldown = 0\nmessage_again = "{{business.name}} STOP',
            "number.message_again: is never sent, since cooldown is 0",
        ),
        ("0100", '0100"\nmessage_again = "{{business.name}}', "message_again: does not say how"),
        ("[[pbx]]", '[agi]\nlisten = "0.0.0.0:4574"\n[[pbx]]', "agi.allow lets nobody in"),
        (
            "[[pbx]]",
            '[agi]\nlisten = "[::]:4574"\n[[pbx]]\nhost = "pbx.example.net"\ntls = true',
            "agi.listen: a hook from pbx.example.net is refused: a name",
        ),
        (
            "[[pbx]]",
            '[agi]\nlisten = "0.0.0.0:4574"\nallow = ["0.0.0.0/0"]\n[[pbx]]',
            "agi.allow: lets everybody in",
        ),
        (
            "[[pbx]]",
            '[console]\nlisten = "0.0.0.0:8480"\n[[pbx]]',
            "passwords cross the network in the clear",
        ),
        ("[[pbx]]", '[limits]\ncountries = ["*"]\n[[pbx]]', "any country may be texted"),
    ],
)
def test_what_is_probably_not_meant_is_warned_of(old: str, new: str, warning: str) -> None:
    assert old in BASE
    warnings = loads(BASE.replace(old, new, 1)).warnings
    assert len([w for w in warnings if warning in w]) == 1, warnings


@pytest.mark.parametrize(
    "table",
    [
        '[agi]\nlisten = "0.0.0.0:4574"\nallow = ["192.0.2.0/24"]\n',
        '[agi]\nlisten = "0.0.0.0:4574"\nenabled = false\n',
        '[[pbx]]\nname = "other"\nhost = "192.0.2.10"\nsecret = "s3cret"\ntls = true\n'
        '[agi]\nlisten = "0.0.0.0:4574"\n',
        '[defaults]\nquiet = "skip"\nquiet_hours = "21:00-08:00"\n',
        '[defaults]\nfollow_up = "{{business.name}} STOP"\nfollow_up_after = "5m"\n'
        'quiet_hours = "21:00-08:00"\nquiet_follow_up = "skip"\n',
        '[[message]]\nname = "directions"\ntext = "{{business.name}}, 1 Example Street. STOP"\n',
    ],
)
def test_what_may_well_be_meant_is_not_warned_of(table: str) -> None:
    assert loads(BASE + table).warnings == ()


def test_a_warning_on_an_inherited_message_is_given_once_where_it_is_written() -> None:
    text = BASE + '[[number]]\ndid = "2125550101"\n[defaults]\nmessage = "Hi"\n'
    warnings = loads(text).warnings
    assert len(warnings) == 2
    assert all(w.startswith("textback.toml:17: defaults.message: ") for w in warnings)


def fake_measure(text: str) -> tuple[int, str, tuple[str, ...]]:
    odd = tuple(sorted({c for c in text if ord(c) > 255}))
    size = 70 if odd else 160
    return -(-len(text) // size), "UCS-2" if odd else "GSM 03.38", odd


@pytest.mark.parametrize(
    ("message", "warnings"),
    [
        ("{{business.name}} STOP " + "x" * 100, []),
        ("{{business.name}} STOP " + "x" * 150, ["is 2 segments"]),
        ("{{business.name}} STOP ☎", ["'☎' cannot be sent in GSM 03.38 but in UCS-2"]),
        ("{{business.name}} STOP ☎" + "x" * 60, ["cannot be sent", "is 2 segments"]),
    ],
)
def test_the_size_of_a_message_is_warned_of(message: str, warnings: list[str]) -> None:
    measure: Callable[[str], tuple[int, str, tuple[str, ...]]] = fake_measure
    config = loads(BASE + f'message = "{message}"\n', measure=measure)
    assert len(config.warnings) == len(warnings)
    for given_warning, expected in zip(config.warnings, warnings, strict=True):
        assert expected in given_warning


def test_a_named_message_is_sized_for_the_number_with_the_longest_words() -> None:
    text = "{{number.label}} STOP {{business.name}}" + "x" * 110
    named = f'[[message]]\nname = "a"\ntext = "{text} ☎"\n'
    numbers = 'label = "A"\n[[number]]\ndid = "+12125550101"\nlabel = "' + "B" * 40 + '"\n'
    warnings = loads(BASE + numbers + named, measure=fake_measure).warnings
    assert len(warnings) == 2
    assert "message.text: '☎' cannot be sent in GSM 03.38" in warnings[0]
    assert "message.text: is 3 segments" in warnings[1]
