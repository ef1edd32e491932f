"""Configurations and templates mutated at random: a clear list of mistakes, never a traceback."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.world_rig import FORGERY
from textback import compose, wiring
from textback.config import ConfigError
from textback.config_load import load, loads

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = (ROOT / "conf" / "textback.toml").read_text(encoding="utf-8")
#: The sample with every default written out, so that every key is mutated, not only its comment.
FULL = re.sub(r"(?m)^#([a-z_]+ = )", r"\1", SAMPLE)
VALUES = (
    *("nan", "inf", "-1", "1e400", "99999999999999999999999", "0x41", "true", '""', "[]", "{}"),
    *('"\\u0000"', '"\\u202e"', '"A\\nB"', "1979-05-27T07:32:00Z", "[[[[]]]]", '"*"', '"%s%n"'),
    *(
        '"../../etc/passwd"',
        '"/dev/zero"',
        '"/proc/self/mem"',
        "'{{ x }}'",
        '"😀"',
        '"+"',
        "[1, {}]",
    ),
    *('"١٢٣"', '["\\ud7ff"]', '"1h-1m"', '"9" ', '"1e9s"', '"{{" ', "{a.b = 1}", '"\\uFEFF"', "07"),
)
LINES = (
    *("[", "]]", "[[number]]", "[number]", "[defaults.x.y]", "a.b.c = 1", "= 1", '"" = 1', "\x00"),
    *("[number.hours]", "[[pbx.x]]", "mode = 1", "'''", '"""', "\ufeff", "#" * 5000, "é = 1"),
)


def read(text: str, folder: Path) -> str:
    """ "valid", or every mistake on a line of its own. Anything else than ConfigError fails."""
    try:
        wiring.check(loads(text, folder=folder, measure=wiring.measure))
    except ConfigError as error:
        assert error.errors
        for said in error.errors:
            assert said.strip()
            assert not FORGERY.search(said), said
            assert "\n" not in said, said
            assert "Traceback" not in said
            assert len(said) < 2000, len(said)
        return "\n".join(error.errors)
    return "valid"


def mutate(dice: random.Random, text: str) -> str:
    lines = text.splitlines()
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(lines))
        match dice.randrange(8):
            case 0 | 1 | 2:  # another value
                keys = [n for n, line in enumerate(lines) if re.match(r"[a-z_]+ = ", line)]
                at = dice.choice(keys or [at])
                lines[at] = lines[at].partition("=")[0] + "= " + dice.choice(VALUES)
            case 3:
                lines.insert(at, dice.choice(LINES))
            case 4:
                del lines[at]
            case 5:
                lines.insert(dice.randrange(len(lines)), lines[at])
            case 6:  # a character
                line = lines[at]
                where = dice.randrange(len(line) + 1)
                lines[at] = line[:where] + chr(dice.choice((0, 9, 34, 91, 0x202E, 0x1F600)))
                lines[at] += line[where + 1 :]
            case _:  # cut off
                lines = lines[: max(at, 1)]
    return "\n".join(lines)


@given(st.integers(0, 2**32))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_mutated_configuration_is_valid_or_a_list_of_mistakes(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    dice = random.Random(seed)
    read(mutate(dice, dice.choice((SAMPLE, FULL, FULL))), tmp_path_factory.getbasetemp())


@given(st.binary(max_size=300), st.integers(0, len(SAMPLE)))
@settings(max_examples=60, deadline=None)
def test_any_octets_in_the_file_are_valid_or_a_list_of_mistakes(
    tmp_path_factory: pytest.TempPathFactory, octets: bytes, at: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "hostile.toml"
    data = SAMPLE.encode()
    path.write_bytes(data[:at] + octets + data[at:])
    try:
        wiring.check(load(path, measure=wiring.measure))
    except ConfigError as error:
        assert error.errors
        assert not FORGERY.search("".join(error.errors))


@pytest.mark.parametrize(
    "body",
    [
        "\x00" * 100,
        "mode = " + "[" * 20_000,
        "a." * 5_000 + "b = 1",
        "[a" + ".a" * 20_000 + "]",
        SAMPLE + '\n[[number]]\ndid = "+12125550100"\nmessage = "{{' + "(" * 5000 + '"\n',
        SAMPLE + "\n".join(f'[[number]]\ndid = "+1212{n:07}"' for n in range(300)),
        SAMPLE.replace('"', "\u201c"),
    ],
    ids=["NULs", "deep list", "deep key", "deep table", "deep template", "long", "smart quotes"],
)
def test_the_command_ends_with_two_and_words_whatever_the_file(tmp_path: Path, body: str) -> None:
    path = tmp_path / "textback.toml"
    path.write_text(body, encoding="utf-8")
    words = [sys.executable, "-m", "textback", "--config", str(path), "check-config"]
    ended = subprocess.run(words, capture_output=True, check=False, cwd=ROOT, timeout=60)
    assert ended.returncode in (0, 2), ended.stderr.decode()
    assert b"Traceback" not in ended.stderr
    assert ended.stderr if ended.returncode else ended.stdout


SUBJECT = compose.Subject(
    contact_name="{{ 7*7 }}",
    contact_fallback="there",
    business_name="Acme",
    number_label="Front {% desk",
    number_phone="(212) 555-0100",
    number_did="+12125550100",
    call_time="3:45 PM",
    call_date="25 December",
    call_day="Friday",
)
_word = st.sampled_from(
    [
        *("{{", "}}", "{%", "%}", "{#", "#}", "|", ".", "(", ")", "[", "]", "__class__", "if"),
        *("contact.name", "business.name", "call", "upper", "truncate(", "default(", "*", "9" * 30),
        *(
            "endif",
            "else",
            "for x in",
            "''",
            '"',
            "~",
            "==",
            "not",
            " ",
            "self",
            "lipsum",
            "\u202e",
        ),
        *("\ud800", "\0", "a" * 300, "%s", "truncate(-1)", "truncate(10**9)", "loop", "raw", "-"),
    ]
)


@given(st.lists(_word, max_size=14).map("".join))
@settings(max_examples=100, deadline=None)
def test_a_template_becomes_a_bounded_text_or_a_template_error(template: str) -> None:
    try:
        compose.check(template)
        text = compose.render(template, SUBJECT)
    except compose.TemplateError as error:
        assert str(error).strip()
        assert not FORGERY.search(str(error)), error
        return
    assert 0 < len(text) <= compose.MAX_TEXT
    assert "49" not in text
    text.encode()  # no lone surrogate: neither the store nor a PDU can take one


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ contact.name.__class__ }}",
        "{{ contact['name'] }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 9**9**9 }}",
        "{% for x in range(10**9) %}x{% endfor %}",
        "{% include '/etc/passwd' %}",
        "{{ contact.name|attr('__class__') }}",
        "{{ contact.name.format(x) }}",
        "{% set x = 1 %}",
        "{{" * 500,
    ],
)
def test_a_template_that_reaches_for_more_is_refused_when_the_file_is_read(template: str) -> None:
    with pytest.raises(compose.TemplateError):
        compose.check(template)


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ("[never]", 'block_files = ["{pipe}"]'),
        ("[[pbx]]", 'secret_file = "{pipe}"'),
        ("[[smsc]]", 'tls = true\ntls_ca = "{pipe}"'),
        ("[[smsc]]", 'tls = true\ntls_cert = "{pipe}"\ntls_key = "{pipe}"'),
    ],
)
def test_a_pipe_in_place_of_a_file_hangs_neither_a_start_nor_a_reload(
    tmp_path: Path, table: str, keys: str
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    body = SAMPLE if table != "[[pbx]]" else SAMPLE.replace('secret = "change-me"\n', "")
    body = body.replace(f"{table}\n", f"{table}\n{keys.format(pipe=pipe)}\n", 1)
    assert "it is a pipe" in read(body, tmp_path)
