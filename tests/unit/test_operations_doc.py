"""OPERATIONS.md says something about every state, reason, metric and alarming log line there is."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from ami_listener.journal import _LEVELS
from sms_gateway.link import COUNTERS
from textback.alarms import RULES, Alarm
from textback.metrics import Metrics
from textback.metrics_console import ConsoleMetrics
from textback.metrics_routes import RouteMetrics
from textback.metrics_tell import TellMetrics
from textback.model import OutboxState, Reason

ROOT = Path(__file__).parents[2]
PACKAGES = ("agi", "ami_listener", "sms_gateway", "textback")
DOCUMENT = (ROOT / "OPERATIONS.md").read_text(encoding="utf-8")
ALARMING = {"warning", "error", "critical", "exception"}
#: `log.log(level, "ami_" + state)`: the one place whose names are made at run time.
MADE_AT_RUN_TIME = ("ami_listener/journal.py", "log")


def section(title: str) -> str:
    """The part of OPERATIONS.md under this heading of the second level."""
    found = re.search(
        rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"OPERATIONS.md has no section {title!r}"
    return found[1]


def headings(text: str) -> list[str]:
    """Every `word` in the headings of the third level."""
    lines = re.findall(r"^### (.*)$", text, re.MULTILINE)
    return [word for line in lines for word in re.findall(r"`([a-z_]+)`", line)]


def first_cells(text: str) -> list[str]:
    """The `word` that begins each row of the tables."""
    return re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE)


# --- what the code says -------------------------------------------------------------------------


def _is_log(node: ast.expr) -> bool:
    """`log`, or a logger made on the spot."""
    if isinstance(node, ast.Name):
        return node.id == "log"
    made = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return made and node.func.attr == "get_logger"  # type: ignore[attr-defined]


def _method(node: ast.expr) -> str:
    """The name in `log.<name>`, else ""."""
    return node.attr if isinstance(node, ast.Attribute) and _is_log(node.value) else ""


def alarming_calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that log a warning or worse, also through a name: `say = log.error if ... else ...`."""
    aliases = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and any(isinstance(n, ast.Attribute) and _method(n) in ALARMING for n in _values(node))
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (
            _method(node.func) in ALARMING | {"log"}
            or (isinstance(node.func, ast.Name) and node.func.id in aliases)
        ):
            yield node


def _values(node: ast.Assign) -> Iterator[ast.AST]:
    """Everything in an assignment but what it calls: there `log.error` is a value."""
    called = {id(n.func) for n in ast.walk(node.value) if isinstance(n, ast.Call)}
    return (n for n in ast.walk(node.value) if id(n) not in called)


def alarming_events() -> dict[str, str]:
    """Name of each event logged at `warning` or above: where."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            for call in alarming_calls(ast.parse(path.read_text(encoding="utf-8"))):
                event = call.args[0] if call.args else None
                if isinstance(event, ast.Constant) and isinstance(event.value, str):
                    found[event.value] = f"{name}:{call.lineno}"
                else:
                    method = _method(call.func)
                    assert (name, method) == MADE_AT_RUN_TIME, f"{name}:{call.lineno}: no name"
    found.update(
        {
            f"ami_{state}": MADE_AT_RUN_TIME[0]
            for state, level in _LEVELS.items()
            if level >= logging.WARNING
        }
    )
    return found


# --- the tests ----------------------------------------------------------------------------------


def test_walker_finds_a_log_line_however_it_is_written() -> None:
    source = """
log.warning("plain")
structlog.get_logger(__name__).critical("made_on_the_spot", error=1)
say = log.error if bad else log.info
say("by_another_name", state=1)
log.exception("with_traceback")
log.info("nothing_to_worry_about")
found.warning(("mode",), "of another kind")
future = log.error("itself_no_alias")
"""
    names = [
        call.args[0].value
        for call in alarming_calls(ast.parse(source))
        if isinstance(call.args[0], ast.Constant)
    ]
    assert sorted(map(str, names)) == [
        "by_another_name",
        "itself_no_alias",
        "made_on_the_spot",
        "plain",
        "with_traceback",
    ]


def test_every_outbox_state_has_its_section() -> None:
    assert headings(section("Texts, state by state")) == [state.value for state in OutboxState]


def test_every_section_on_a_state_says_what_to_do_and_what_not() -> None:
    for text in section("Texts, state by state").split("\n### ")[1:]:
        for word in ("**Meaning**", "**Normal**", "**Stuck**", "**Do**", "**Do not**"):
            assert word in text, f"{word} is missing under {text.splitlines()[0]}"


def test_every_reason_has_its_row() -> None:
    rows = first_cells(section("Reasons"))
    assert sorted(rows) == sorted(reason.value for reason in Reason)


def test_every_alarming_log_event_has_its_section_and_no_other_has() -> None:
    documented, logged = set(headings(section("Log events"))), alarming_events()
    missing = {name: where for name, where in logged.items() if name not in documented}
    assert not missing
    assert not documented - logged.keys(), "in OPERATIONS.md, and nothing logs it"


def test_every_alarm_has_its_rule_and_its_section() -> None:
    assert headings(section("Alarms")) == [alarm.value for alarm in Alarm]
    assert RULES.keys() == set(Alarm)
    for text in section("Alarms").split("\n### ")[1:]:
        for word in ("**Meaning**", "**Do**", "**Cleared**"):
            assert word in text, f"{word} is missing under {text.splitlines()[0]}"


def test_every_metric_has_its_row() -> None:
    metrics = Metrics(mode="live")
    metrics.watch(list, list)
    metrics.watch_agi(dict)
    metrics.watch_alarms(list)
    metrics.watch_records(list)
    metrics.registry.register(TellMetrics(dict))
    metrics.registry.register(RouteMetrics(list))
    metrics.registry.register(ConsoleMetrics(dict))
    exposed = re.findall(r"^# TYPE (\S+) ", metrics.expose().decode(), re.MULTILINE)
    rows = first_cells(section("Metrics"))
    assert sorted(rows) == sorted(exposed)


def test_counters_named_for_the_smpp_link_exist() -> None:
    named = re.findall(r'textback_smpp_total\{[^}]*what="([a-z_]+)"', DOCUMENT)
    assert named
    assert set(named) <= set(COUNTERS)
