"""The configuration as it is read: defaults, inheritance, DIDs, lists, durations.

Each mistake by itself is a folder in tests/bad_configs.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.configs import BASE, write
from textback.config import ConfigError
from textback.config_load import catch_all, load, loads
from textback.config_values import duration_text, parse_duration
from textback.model import Outcome


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "textback.toml", BASE)
    return tmp_path


# --- what is read ------------------------------------------------------------------------------


def test_the_least_config_has_the_defaults_of_the_product(folder: Path) -> None:
    config = load(folder / "textback.toml")
    assert config.mode == "live"
    assert config.warnings == ()
    assert config.pbx[0].secret.get_secret_value() == "s3cret"
    assert (config.pbx[0].host, config.pbx[0].port) == ("127.0.0.1", 5038)
    assert config.smsc[0].window == 10
    number = config.number_for("12125550100")
    assert number is not None
    assert (number.ring_timeout, number.abandoned_after, number.cooldown) == (15, 5, 86_400)
    assert number.text_at == "ring_timeout"
    assert config.limits.max_age == 900
    assert config.limits.catch_up_max_age == 1800
    assert (config.limits.adjacent, config.limits.per_prefix) == (5, 50)
    assert (number.delay, number.message_again, number.quiet_spans) == (0, "", ())
    assert (number.quiet, number.quiet_zone) == ("defer", "caller")
    assert (number.follow_up, number.follow_up_after) == ("", 7_200)
    assert number.quiet_follow_up == "defer"
    assert (config.agi.enabled, config.agi.listen) == (True, "127.0.0.1:4574")
    assert (config.agi.deadline, config.agi.networks) == (0.2, ())
    assert (config.pbx[0].verstat, config.pbx[0].not_human) == ("ignore", ())


def test_a_number_inherits_what_it_does_not_say() -> None:
    config = loads(
        BASE
        + """\
ring_timeout = "20s"

[[number]]
did = "(212) 555-0101"
label = "Sales"
cooldown = 0
outcomes = ["busy"]

[defaults]
ring_timeout = 25
cooldown = "1h30m"
"""
    )
    first, second = config.number
    assert (first.ring_timeout, first.cooldown) == (20, 5400)
    assert (second.ring_timeout, second.cooldown) == (25, 0)
    assert second.outcomes == (Outcome.BUSY,)
    assert second.did == "+12125550101"


def test_quiet_hours_are_inherited_and_may_be_taken_back() -> None:
    config = loads(
        BASE
        + '[[number]]\ndid = "2125550101"\nquiet_hours = ""\n'
        + '[defaults]\nquiet_hours = "21:00-08:00"\n'
    )
    assert [len(number.quiet_spans) for number in config.number] == [1, 0]
    # What a catch-all makes of a DID keeps them.
    assert config.number_for("2125550100") == config.number[0]
    everything = catch_all(quiet_hours="21:00-08:00").number_for("2125550100")
    assert everything is not None
    assert everything.quiet_spans == config.number[0].quiet_spans


def test_a_named_message_is_found_by_its_name() -> None:
    config = loads(
        BASE
        + '[[message]]\nname = "directions"\ntext = "1 Example Street"\n'
        + '[[message]]\nname = "parts-2.b_c"\ntext = "In stock"\n'
    )
    for name, text in ((" directions ", "1 Example Street"), ("parts-2.b_c", "In stock")):
        named = config.message_named(name)
        assert named is not None
        assert named.text == text
    for name in ("", "Directions", "directions\x00", "*"):
        assert config.message_named(name) is None
    assert config.redacted()["message"][0] == {"name": "directions", "text": "1 Example Street"}


def test_who_may_use_hooks_is_told_by_addresses_and_networks() -> None:
    config = loads(BASE + '[agi]\nallow = ["192.0.2.10", "2001:db8::/32"]\ndeadline = "150ms"\n')
    assert [str(network) for network in config.agi.networks] == ["192.0.2.10/32", "2001:db8::/32"]
    assert config.agi.deadline == 0.15


def test_a_named_message_of_conf_d_is_added_and_its_mistakes_are_found_there(folder: Path) -> None:
    message = '[[message]]\nname = "a"\ntext = "A"\n'
    write(folder / "textback.toml", BASE + message)
    write(folder / "conf.d" / "50-more.toml", message.replace('"a"', '"b"'))
    assert [m.name for m in load(folder / "textback.toml").message] == ["a", "b"]
    write(folder / "conf.d" / "50-more.toml", message)
    with pytest.raises(ConfigError) as caught:
        load(folder / "textback.toml")
    assert len(caught.value.errors) == 1
    assert "50-more.toml:2: message.name: 'a' is already at " in caught.value.errors[0]


def test_hours_are_inherited_as_a_whole() -> None:
    config = loads(
        BASE
        + """\
[number.hours]
mon = "09:00-17:00"

[[number]]
did = "+12125550101"

[defaults.hours]
days = "sat"
open = "10:00-12:00"
"""
    )
    own, inherited = (n.hours for n in config.number)
    assert own is not None
    assert (own.mon, own.days) == ("09:00-17:00", "")
    assert inherited is not None
    assert inherited.open == "10:00-12:00"


@pytest.mark.parametrize(
    ("did", "spelt"),
    [
        ("+12125550100", ["+12125550100", "12125550100", "2125550100", "0112125550100"]),
        ("2125550100", ["+12125550100", "2125550100", " 2125550100 ", "0012125550100"]),
        ("5000", ["5000"]),
        ("s", ["s"]),
    ],
)
def test_a_did_is_recognised_however_the_trunk_spells_it(did: str, spelt: list[str]) -> None:
    text = BASE.replace('"+12125550100"', f'"{did}"\nsender = "+12125550100"')
    config = loads(text)
    for received in spelt:
        found = config.number_for(received)
        if received == "0112125550100":  # 011 does not lead home; the plan says so
            continue
        assert found is not None, received
        assert found.sender == "+12125550100"
    for other in ("+12125550109", "", "h", "anonymous", "x" * 1000):
        assert config.number_for(other) is None


def test_a_number_abroad_is_found_as_its_own_trunk_spells_it() -> None:
    config = loads(BASE + '\n[[number]]\ndid = "+442079460131"\nlabel = "London"\n')
    for received in ("02079460131", "+442079460131", "442079460131", "011442079460131"):
        found = config.number_for(received)
        assert found is not None, received
        assert (found.label, found.did) == ("London", "+442079460131")
    for other in ("02079460132", "7946013", "s", ""):
        assert config.number_for(other) is None
    main = config.number_for("2125550100")
    assert main is not None
    assert main.did == "+12125550100"


def test_callers_are_read_as_in_the_numbers_country_and_then_as_in_the_businesss() -> None:
    config = loads(
        BASE
        + '\n[[number]]\ndid = "+442079460131"\n'
        + '\n[[number]]\ndid = "5000"\nsender = "Acme"\nreplies = false\n'
        + '\n[[number]]\ndid = "*"\n'
    )
    for received, countries in {
        "2125550100": ("US",),
        "02079460131": ("GB", "US"),
        "5000": ("US",),
        "+493023125123": ("DE", "US"),  # the catch-all's
    }.items():
        assert config.countries_read(config.number_for(received)) == countries
    assert config.countries_read(None) == ("US",)


def test_a_catch_all_takes_what_no_other_number_takes() -> None:
    config = loads(BASE + '\n[[number]]\ndid = "*"\nlabel = "Rest"\n')
    main, rest = config.number_for("2125550100"), config.number_for("2125550109")
    assert main is not None
    assert main.label == ""
    assert rest is not None
    assert (rest.label, rest.did) == ("Rest", "+12125550109")
    extension = config.number_for("5000")
    assert extension is not None
    assert extension.did == "5000"
    odd = config.number_for("+15551230100")  # no number of any plan, and dialled all the same
    assert odd is not None
    assert odd.did == "+15551230100"
    assert config.number_for("s") is None


def test_a_config_for_replay_needs_no_file() -> None:
    config = catch_all("GB", ring_timeout="20s", unknown_presentation="send")
    assert config.mode == "shadow"
    number = config.number_for("020 7946 0123")
    assert number is not None
    assert (number.did, number.ring_timeout) == ("+442079460123", 20)
    assert config.pbx[0].unknown_presentation == "send"


def test_relative_paths_begin_at_the_folder_of_the_config(folder: Path) -> None:
    text = BASE + '\n[store]\npath = "db/textback.db"\n'
    text = text.replace('secret = "s3cret"', 'secret_file = "ami.secret"\nrecord = "ami.trace"')
    write(folder / "textback.toml", text)
    write(folder / "ami.secret", "from-file\n", mode=0o600)
    config = load(folder / "textback.toml")
    assert config.store.path == str(folder / "db/textback.db")
    assert config.pbx[0].record == str(folder / "ami.trace")
    assert config.pbx[0].secret.get_secret_value() == "from-file"
    assert loads(BASE + '\n[store]\npath = ":memory:"\n').store.path == ":memory:"
    url = "postgresql://db/textback"
    assert loads(BASE + f'\n[store]\npath = "{url}"\n').store.path == url


def test_own_numbers_are_all_that_callers_may_not_show() -> None:
    text = BASE.replace('name = "Acme Dental"', 'name = "A"\nnumbers = ["2125550180"]')
    config = loads(text + 'sender = "212-555-0102"\n')
    assert config.own_numbers == {"+12125550100", "+12125550102", "+12125550180"}


# --- lists -------------------------------------------------------------------------------------


def test_staff_and_block_lists_come_from_keys_and_files(folder: Path) -> None:
    text = (
        BASE
        + """
[never]
staff = ["212-555-0190"]
block = ["+1900*"]
staff_files = ["staff.txt"]
block_files = ["block.txt"]
"""
    )
    write(folder / "textback.toml", text)
    write(folder / "staff.txt", "# mobiles\n\n(212) 555-0191   # Ann\r\n")
    write(folder / "block.txt", "\ufeff+12125550177\n+1976*\n")
    config = load(folder / "textback.toml")
    assert list(config.staff) == ["+12125550190", "+12125550191"]
    assert list(config.blocked) == ["+12125550177", "+1900*", "+1976*"]
    assert config.never.staff == ("212-555-0190",)


# --- durations ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *(("15s", 15), ("5m", 300), ("24h", 86_400), ("7d", 604_800), ("1h30m", 5400)),
        *(("15", 15), (15, 15), (0.5, 0.5), ("0s", 0), (" 5 M ", 300), ("1d 12h", 129_600)),
        *(("1.5h", 5400), ("200ms", 0.2), ("1s500ms", 1.5)),
    ],
)
def test_a_duration_is_read(value: object, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value",
    ["", "s", "-5s", "5 years", "1e3s", "５s", None, True, -1, float("nan"), 1e300, [], "9999d"],
)
def test_a_wrong_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="write"):
        parse_duration(value)


@given(st.integers(0, 315_000_000) | st.floats(0, 59))
@settings(max_examples=200, deadline=None)
def test_a_duration_in_words_reads_back_as_itself(seconds: float) -> None:
    assert parse_duration(duration_text(seconds)) == round(seconds, 3)


def with_tlvs(table: str) -> str:
    return BASE.replace("[[smsc]]", f"[[smsc]]\ntlvs = {table}")


def test_vendor_parameters_come_from_a_config_table() -> None:
    config = loads(with_tlvs('{ "0x1400" = "1101234", "5121" = "hex:00 ff" }'))
    assert config.smsc[0].tlv_bytes == ((0x1400, b"1101234"), (0x1401, b"\x00\xff"))


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("DLT", "1", "write it as"),
        ("0x10000", "1", "0x0001"),
        ("0", "1", "0x0001"),
        ("0x1400", "hex:0", "pairs of hex digits"),
        ("0x1400", "€", "latin-1"),
    ],
)
def test_a_bad_parameter_of_a_config_says_what_is_allowed(key: str, value: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        loads(with_tlvs(f'{{ "{key}" = "{value}" }}'))
