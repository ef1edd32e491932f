"""Where the configuration comes from: conf.d, secrets, lines, and hostile files."""

from __future__ import annotations

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.configs import BASE, errors, write
from textback.config import Config, ConfigError
from textback.config_files import MAX_FILE
from textback.config_lines import line_of, locate
from textback.config_load import load, loads


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "textback.toml", BASE)
    return tmp_path


# --- conf.d ------------------------------------------------------------------------------------


def test_conf_d_overrides_keys_and_adds_tables_in_the_order_of_names(folder: Path) -> None:
    write(
        folder / "conf.d" / "20-b.toml", '[business]\nname = "B"\n[[number]]\ndid = "2125550102"\n'
    )
    write(
        folder / "conf.d" / "10-a.toml", '[business]\nname = "A"\n[[number]]\ndid = "2125550101"\n'
    )
    write(folder / "conf.d" / "ignored.conf", "not toml at all")
    config = load(folder / "textback.toml")
    assert config.business.name == "B"
    assert [n.did for n in config.number] == ["+12125550100", "+12125550101", "+12125550102"]


def test_a_mistake_in_conf_d_is_reported_in_its_own_file_and_line(folder: Path) -> None:
    more = write(
        folder / "conf.d" / "10.toml",
        '[[number]]\ndid = "2125550101"\n\n[[number]]\ndid = "2125550102"\nring_timeout = "x"\n'
        "[business]\ncountry = 5\n",
    )
    with pytest.raises(ConfigError) as caught:
        load(folder / "textback.toml")
    lines = [e.partition(": ")[0] for e in caught.value.errors]
    assert lines == [f"{more}:6", f"{more}:8"]


def test_syntax_errors_of_all_files_are_reported_together(folder: Path) -> None:
    write(folder / "textback.toml", "a = \n")
    write(folder / "conf.d" / "1.toml", "\n\n[x\n")
    with pytest.raises(ConfigError) as caught:
        load(folder / "textback.toml")
    assert len(caught.value.errors) == 2


def test_the_first_week_needs_no_carrier() -> None:
    without = BASE[: BASE.index("[[smsc]]")] + BASE[BASE.index("[[number]]") :]
    with pytest.raises(ConfigError, match="no carrier account to send with"):
        loads(without)
    config = loads('mode = "shadow"\n' + without)
    assert config.smsc == ()
    assert config.smsc_named("") is None


# --- secrets -----------------------------------------------------------------------------------


def test_secrets_come_from_systemd_credentials(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = BASE.replace('secret = "s3cret"', 'secret_credential = "ami"')
    write(folder / "textback.toml", text)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigError, match="LoadCredential"):
        load(folder / "textback.toml")
    outside = load(folder / "textback.toml", need_secrets=False)
    assert outside.pbx[0].secret.get_secret_value() == ""
    (warning,) = outside.warnings
    assert "pbx.secret_credential: is a systemd credential" in warning
    assert "`textback doctor`" in warning
    write(folder / "credentials" / "ami", "from-systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder / "credentials"))
    inside = load(folder / "textback.toml")
    assert inside.pbx[0].secret.get_secret_value() == "from-systemd"
    assert inside.warnings == ()


@pytest.mark.parametrize("content", ["", "\n", "a\nb", "x" * 5000, "\x00"])
def test_a_secret_file_must_hold_one_secret(folder: Path, content: str) -> None:
    write(folder / "textback.toml", BASE.replace('password = "pa55"', 'password_file = "smpp"'))
    write(folder / "smpp", content)
    with pytest.raises(ConfigError, match=r"smsc\.password_file"):
        load(folder / "textback.toml")


def test_an_empty_password_is_allowed_where_it_is_written() -> None:
    config = loads(BASE.replace('"pa55"', '""'))
    assert config.smsc[0].password.get_secret_value() == ""


@pytest.mark.parametrize("readable", ["textback.toml", "ami.secret"])
def test_a_secret_everybody_can_read_is_warned_of(folder: Path, readable: str) -> None:
    text = BASE.replace('secret = "s3cret"', 'secret_file = "ami.secret"')
    write(folder / "textback.toml", text)
    write(folder / "ami.secret", "x")
    assert load(folder / "textback.toml").warnings == ()
    (folder / readable).chmod(0o644)
    warnings = load(folder / "textback.toml").warnings
    assert len(warnings) == 1
    assert f"{readable} holds a secret and is readable by everybody" in warnings[0]


def test_secrets_are_never_shown() -> None:
    config = loads(BASE)
    shown = json.dumps(config.redacted()) + repr(config) + str(config)
    assert "s3cret" not in shown
    assert "pa55" not in shown
    assert config.redacted()["pbx"][0]["secret"] == "**********"
    # A secret in the wrong type, in a table that is wrong elsewhere, or under an unknown key.
    for wrong in (
        BASE.replace('secret = "s3cret"', "secret = 314159"),
        BASE.replace('password = "pa55"', 'password = ["314159"]'),
        BASE.replace('password = "pa55"', 'password = "31\\n4159"'),
        BASE.replace('password = "pa55"', 'pasword = "314159"'),
        BASE.replace('password = "pa55"', 'password = "314159'),
        BASE.replace('password = "pa55"', 'password = "314159"\nport = "x"'),
    ):
        assert "4159" not in "\n".join(errors(wrong))


def test_what_is_shown_reads_back_as_the_same_config() -> None:
    config = loads(BASE + 'cooldown = "90m"\n[number.hours]\nmon = "09:00-17:00"\n')
    shown = config.redacted()
    assert shown["number"][0]["cooldown"] == "1h30m"
    shown["pbx"][0]["secret"] = "s3cret"
    shown["smsc"][0]["password"] = "pa55"
    again = Config.model_validate(shown)
    assert again.redacted() == config.redacted()
    assert again.number == config.number


@pytest.mark.parametrize(("key", "value"), [("tls_ca", "ca.pem"), ("tls_cert", "own.pem")])
def test_a_certificate_that_is_no_certificate_is_refused(
    folder: Path, key: str, value: str
) -> None:
    write(folder / value, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    text = BASE.replace('"pa55"', f'"pa55"\ntls = true\n{key} = "{value}"')
    write(folder / "textback.toml", text)
    with pytest.raises(ConfigError, match=rf":12: smsc\.{key}: cannot be used"):
        load(folder / "textback.toml")


def test_an_encrypted_key_is_refused_and_no_password_is_asked_for(folder: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    subprocess.run(
        (
            f"{openssl} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=x "
            "-keyout key.pem -out own.pem -passout pass:abcd"
        ).split(),
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=30,
    )
    tls = 'tls = true\ntls_cert = "own.pem"\ntls_key = "key.pem"'
    write(folder / "textback.toml", BASE.replace('"pa55"', f'"pa55"\n{tls}'))
    with pytest.raises(ConfigError, match=r"smsc\.tls_cert: cannot be used"):
        load(folder / "textback.toml")


# --- lines -------------------------------------------------------------------------------------


def test_every_key_is_found_in_its_line() -> None:
    text = '''\
mode = "live"  # [not] = a table
"quoted key" = 1
a.b = 2
list = [
  "one", # comment with ]
  "[two]",
]
text = """
[business]
fake = 1
"""
[business]  # comment
name = 'it''s'
[[number]]
did = "1"
[number.hours]
mon = "x"
[[number]]
  did = "2"
tlvs = { "a" = "}", b = 2 }
[number.hours]
tue = "y"
'''.replace("'it''s'", "'its'")
    tomllib.loads(text)
    found = locate(text)
    for path, line in {
        ("mode",): 1,
        ("quoted key",): 2,
        ("a", "b"): 3,
        ("list",): 4,
        ("text",): 8,
        ("business",): 12,
        ("business", "name"): 13,
        ("number", 0): 14,
        ("number", 0, "did"): 15,
        ("number", 0, "hours"): 16,
        ("number", 0, "hours", "mon"): 17,
        ("number", 1, "did"): 19,
        ("number", 1, "tlvs"): 20,
        ("number", 1, "hours", "tue"): 22,
    }.items():
        assert found[path] == line, path
    assert ("business", "fake") not in found
    assert line_of(found, ("number", 1, "tlvs", "b")) == 20
    assert line_of(found, ("number", 0, "label")) == 14
    assert line_of(found, ("never", "staff")) == 1


@given(st.text(max_size=300) | st.text(alphabet="[]{}=\"'#.,\n ab1\\", max_size=60))
@settings(max_examples=200, deadline=None)
def test_the_line_finder_survives_any_text(text: str) -> None:
    assert all(1 <= line <= text.count("\n") + 1 for line in locate(text).values())


# --- files that are not what they should be ----------------------------------------------------


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read \(No such file"):
        load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load("nul\0byte.toml")


def test_a_file_too_large_for_a_config_is_not_parsed(tmp_path: Path) -> None:
    path = write(tmp_path / "textback.toml", "#" * (MAX_FILE + 1))
    with pytest.raises(ConfigError, match="larger than"):
        load(path)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(folder: Path) -> None:
    path = folder / "textback.toml"
    path.write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert load(path).business.name == "Acme Dental"


SAMPLE_LINES = [line for line in BASE.splitlines() if line] + [
    'mode = "shadow"', "[defaults]", "[never]", "[limits]", "[number.hours]", "[console]",
    'message = "{{contact.name}}"', "ring_timeout = 1", 'staff = ["+1*"]', 'days = "mon"',
    'secret_file = "/"', 'tls_ca = "/dev/null"', "tls = true", 'open = "24h"', "a.b.c = 1",
    '[[number]]', "[number]", "[business.name]", 'did = "*"', "port = 1.5", "outcomes = 1",
    'outcomes = [1, "busy"]', "tlvs = { a = 1 }", "hours = 5", 'block_files = ["/etc"]',
    "cooldown = 1979-05-27T07:32:00Z", "name = inf", "numbers = [[[]]]", '"" = 1', "[[pbx.x]]",
    "countries = [1]", 'listen = "x:99999999999"', "sender = 5", 'timezone = "../../etc/passwd"',
    'timezone = ""', 'country = "ß"', 'smsc = "x"', 'holidays = [2026-12-25, "02-30"]',
]  # fmt: skip


@given(st.lists(st.sampled_from(SAMPLE_LINES), max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_mix_of_lines_is_a_config_or_a_list_of_errors(lines: list[str]) -> None:
    try:
        config = loads("\n".join(lines))
    except ConfigError as error:
        assert error.errors
        assert all(e.startswith("textback.toml:") and e.isprintable() for e in error.errors)
    else:
        assert config.number


MUTATION = st.tuples(
    st.integers(0, len(BASE)),
    st.integers(0, 12),
    st.text(max_size=8) | st.sampled_from(SAMPLE_LINES).map(lambda line: f"\n{line}\n"),
)


@given(st.lists(MUTATION, max_size=4))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_damaged_config_is_a_config_or_a_list_of_errors(
    mutations: list[tuple[int, int, str]],
) -> None:
    text = BASE
    for at, cut, insert in mutations:
        text = text[:at] + insert + text[at + cut :]
    try:
        config = loads(text)
    except ConfigError as error:
        assert error.errors
        assert all(":" in e for e in error.errors)
    else:
        assert isinstance(config, Config)


@given(st.binary(max_size=200))
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_are_an_error_in_words(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "textback.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError):
        load(path)
