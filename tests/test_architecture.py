"""The rules of the house, read with ``ast``: imports point downwards, nothing executes text, rooms stay small."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# what each package must not import; the command-line face of derive is the one exception
FORBIDDEN = {"derive": {"models", "verify"}, "verify": {"models"}, "tests/oracles": {"derive", "models", "verify"}}
SOURCES = sorted(p for top in ("derive", "models", "verify", "tests/oracles") for p in (ROOT / top).rglob("*.py"))


def imported(tree: ast.AST) -> set[str]:
    """Top-level packages a file imports anywhere, inside functions too; relative imports stay in their package."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
    return found


def called(tree: ast.AST) -> set[str]:
    return {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}


def violations(path: Path, source: str) -> list[str]:
    tree, place = ast.parse(source), path.relative_to(ROOT).as_posix()
    package = next(top for top in ("tests/oracles", "derive", "models", "verify") if place.startswith(top + "/"))
    face = path.parent == ROOT / "derive" and path.stem.split("_")[0] == "cli"
    wrong = set() if face else imported(tree) & FORBIDDEN.get(package, set())
    faults = [f"imports {name}" for name in sorted(wrong)]
    faults += [f"imports {name}" for name in sorted(imported(tree) & {"pickle", "dill", "cloudpickle", "shelve"})]
    faults += [f"calls {name}" for name in sorted(called(tree) & {"eval", "exec", "compile", "__import__"})]
    if (lines := source.count("\n")) > 450:
        faults.append(f"has {lines} lines: it holds two ideas")
    if path.stem in ("helpers", "utils", "util", "misc", "common") or path.stem.endswith("_old"):
        faults.append("has a name that says nothing")
    return faults


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_file_keeps_the_rules(path):
    assert violations(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("place", "source", "fault"),
    [
        ("derive/reduce.py", "def f():\n    import verify.sample", "imports verify"),
        ("derive/client.py", "from models import load", "imports models"),
        ("verify/plan.py", "from models.theorem import Theorem", "imports models"),
        ("models/lssvm.py", "import pickle", "imports pickle"),
        ("models/lssvm.py", "eval('1')", "calls eval"),
        ("tests/oracles/ridge.py", "from derive import limit", "imports derive"),
        ("derive/ring.py", "\n" * 451, "has 451 lines: it holds two ideas"),
    ],
)
def test_the_check_can_fail(place, source, fault):
    assert violations(ROOT / place, source) == [fault]


def test_the_command_may_import_downwards():
    assert violations(ROOT / "derive/cli_values.py", "import models") == []


@pytest.mark.parametrize("package", ["derive", "models", "verify"])
def test_no_circles(package):
    """Imports at module level form no cycle (``graphlib`` raises on one); those inside functions are not counted."""
    graph = {}
    for path in (ROOT / package).rglob("*.py"):
        here = path.relative_to(ROOT).with_suffix("").parts
        nodes = [
            n for n in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(n, ast.ImportFrom) and n.level
        ]
        graph[here] = {here[: len(here) - n.level] + tuple((n.module or "").split(".")) for n in nodes}
    tuple(TopologicalSorter(graph).static_order())


def test_every_room_is_read():
    assert {p.name for p in SOURCES} >= {"symbols.py", "catalogue.py", "marchenko_pastur.py"}
