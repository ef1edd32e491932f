"""Imports go one way (CONTRIBUTING.md, "The map"); this walks the syntax trees to keep it so."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EDGES = ("agi", "ami_listener", "sms_gateway")

#: What an edge may know of the product.
EDGE_MAY_IMPORT = {"textback.model", "textback.phone"}

#: The modules of the product that may know the edges: the composition root and the command line.
KNOW_THE_EDGES = {
    *("daemon", "parts", "parts_exchange", "parts_life", "wiring", "console_wiring", "examiner"),
    *("cli", "doctor", "replay", "demo"),
}

#: Pure: `now` is an argument, nothing awaits, nothing reads a clock or a file.
PURE = (
    *(f"model/{path.stem}" for path in sorted((ROOT / "textback" / "model").glob("*.py"))),
    *("decide", "compose", "phone", "optout", "retry", "schedule"),
    *("answer", "case", "gates", "gates_call", "gates_caller", "gates_text"),
    *("message", "quiet", "breaker", "verstat", "follow_up", "past", "names", "robots"),
    *("answers", "optout_words", "optout_sentences", "optout_import", "desk_words"),
    *("contacts", "contacts_csv", "contacts_vcard"),
    *("linter", "linting", "keeping", "keeping_spelling", "figures_time"),
    *("keywords", "tell_rules", "tell_words", "tell_shapes"),
    *("figures", "advice", "advice_waits", "advice_numbers", "advice_verdicts", "recommend"),
)
IMPURE_IMPORTS = {
    "aiohttp",
    "aiosqlite",
    "asyncio",
    "os",
    "pathlib",
    "random",
    "socket",
    "sqlalchemy",
    "structlog",
    "threading",
}

#: What the lower rooms of the product must not know: the rooms above them.
BELOW = {
    "store": {"intake", "delivery", "inbox", "console"},
    "intake": {"console", "inbox"},
    "delivery": {"console", "intake", "inbox"},
    "inbox": {"console", "intake", "delivery"},
    "config": {"store", "intake", "delivery", "inbox", "console"},
    "log": {"daemon", "store", "intake", "delivery", "inbox", "console"},
}


def modules_of(package: str) -> Iterator[Path]:
    yield from sorted((ROOT / package).rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    """Every module named by an import in the file, relative ones made absolute."""
    found: set[str] = set()
    parts = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(parts[: len(parts) - node.level]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.add(module)
            # `from textback import model` names a module as well.
            found.update(f"{module}.{alias.name}" for alias in node.names)
    return found


def first_part(path: Path) -> str:
    """The room of a module of the product: `store` for store/tables.py, `cli` for cli_x."""
    name = path.relative_to(ROOT / "textback").parts[0].removesuffix(".py")
    if name.startswith("cli_") or name == "__main__":
        return "cli"
    return "doctor" if name.startswith("doctor_") else name


def product_imports(names: set[str]) -> set[str]:
    """The modules of `textback` among `names`, as `textback.<first part>`."""
    return {".".join(n.split(".")[:2]) for n in names if n.startswith("textback.")}


@pytest.mark.parametrize("edge", EDGES)
def test_an_edge_imports_nothing_of_the_product_but_the_types_and_the_numbers(edge: str) -> None:
    paths = list(modules_of(edge))
    assert paths, f"{edge} has no modules"
    for path in paths:
        modules = {
            n
            for n in product_imports(imports_of(path))
            if (ROOT / f"{n.replace('.', '/')}.py").exists()
            or (ROOT / n.replace(".", "/")).is_dir()
        }
        assert modules <= EDGE_MAY_IMPORT, (
            f"{path.relative_to(ROOT)} imports {modules - EDGE_MAY_IMPORT}"
        )


@pytest.mark.parametrize("edge", EDGES)
def test_an_edge_never_imports_another_edge(edge: str) -> None:
    for path in modules_of(edge):
        tops = {n.split(".")[0] for n in imports_of(path)}
        others = tops & (set(EDGES) - {edge})
        assert not others, f"{path.relative_to(ROOT)} imports {others}"


def test_only_the_daemon_and_the_command_line_import_the_edges() -> None:
    for path in modules_of("textback"):
        tops = {n.split(".")[0] for n in imports_of(path)}
        known = tops & set(EDGES)
        assert not known or first_part(path) in KNOW_THE_EDGES, (
            f"{path.relative_to(ROOT)} imports {known}"
        )


def test_nobody_imports_the_command_line_or_the_daemon_but_the_command_line() -> None:
    for path in modules_of("textback"):
        if first_part(path) in KNOW_THE_EDGES:
            continue
        names = {n.split(".")[1] for n in product_imports(imports_of(path))}
        above = {n for n in names if n in KNOW_THE_EDGES or n.startswith(("cli_", "doctor_"))}
        assert not above, f"{path.relative_to(ROOT)} imports {above}"


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_neither_awaits_nor_opens_anything(name: str) -> None:
    path = ROOT / "textback" / f"{name}.py"
    if not path.exists():
        pytest.skip(f"textback/{name}.py comes with a later issue")
    tops = {n.split(".")[0] for n in imports_of(path)}
    forbidden = IMPURE_IMPORTS if name == "model/moment" else IMPURE_IMPORTS | {"time"}
    assert not tops & forbidden, f"{path.name} imports {tops & forbidden}"
    product = {n.split(".")[1] for n in product_imports(imports_of(path))}
    rooms = {"store", "intake", "delivery", "inbox", "console", "daemon", "log"}
    assert not product & rooms, f"{path.name} imports {product & rooms}"


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_never_asks_for_the_time(name: str) -> None:
    path = ROOT / "textback" / f"{name}.py"
    if not path.exists():
        pytest.skip(f"textback/{name}.py comes with a later issue")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    # Moment.now is the one door to the clocks, for those who are not pure.
    door = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and (name, node.name) == ("model/moment", "now")
        for inner in ast.walk(node)
    }
    asked = [
        f"line {node.lineno}: .{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"now", "utcnow", "today", "monotonic"}
        and id(node) not in door
    ]
    assert not asked, f"{path.name} reads a clock: {asked}"


@pytest.mark.parametrize("room", sorted(BELOW))
def test_a_lower_room_does_not_know_the_rooms_above_it(room: str) -> None:
    paths = [p for p in modules_of("textback") if first_part(p) == room]
    if not paths:
        pytest.skip(f"textback/{room} comes with a later issue")
    for path in paths:
        names = {n.split(".")[1] for n in product_imports(imports_of(path))}
        assert not names & BELOW[room], f"{path.relative_to(ROOT)} imports {names & BELOW[room]}"


@pytest.mark.parametrize("folder", ["conf", "systemd"])
def test_a_folder_of_files_to_install_is_no_package(folder: str) -> None:
    assert not list((ROOT / folder).rglob("__init__.py"))
