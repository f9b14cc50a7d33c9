"""The plan of the house: imports point down, the pure rooms know no database and no Django, one door to the disk."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "schemasync"

# From the ground up; a room may import from those before it, and from itself.
ROOMS = [
    "errors",
    "schema",
    "diff",
    "plan",
    "history",
    "files",
    "engines",
    "sync",
    "texts",
    "conf",
    "connect",
    "databases",
    "orm",
    "management",
    "admin",
]
GLUE = {
    "conf",
    "connect",
    "databases",
    "management",
    "apps",
    "checks",
    "caches",
    "signals",
    "models",
    "admin",
    "backends",
    "orm",
    "testing",
    "templatetags",
}
PURE = {"errors", "schema", "diff", "plan"}
DISK_CALLS = {"rename", "replace", "unlink", "symlink_to", "hardlink_to", "fsync", "link", "symlink", "rmdir", "rmtree"}


SOURCES = pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Absolute names of all modules that a file imports, wherever in it."""
    parts = ("schemasync", *path.relative_to(PACKAGE).with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parts[: len(parts) - node.level]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            yield from (f"{module}.{alias.name}" for alias in node.names)


@SOURCES
def test_imports_point_down(path: Path) -> None:
    here = room(path)
    if here not in ROOMS:
        return
    for name in imports(path):
        if name.startswith("schemasync."):
            there = name.split(".")[1]
            if there in ROOMS:
                assert ROOMS.index(there) <= ROOMS.index(here), f"{path.name} imports {name}, which is above it"
            else:
                assert there == "__version__" or here in GLUE, f"{path.name} imports {name}"


@SOURCES
def test_only_the_glue_knows_django(path: Path) -> None:
    if room(path) not in GLUE:
        assert not [name for name in imports(path) if name.split(".")[0] == "django"]


@SOURCES
def test_the_pure_rooms_know_no_database(path: Path) -> None:
    if room(path) in PURE:
        assert not [name for name in imports(path) if name.split(".")[0] in ("sqlite3", "os", "shutil", "fcntl")]


@SOURCES
def test_only_the_door_changes_the_disk(path: Path) -> None:
    """Calls on paths and on os and shutil; str.replace and dataclasses.replace are something else."""
    if room(path) == "files":
        return
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = node.func.value
        on_disk = isinstance(owner, ast.Name) and owner.id in ("os", "shutil", "path", "output")
        if node.func.attr in DISK_CALLS and on_disk:
            raise AssertionError(f"{path.name}:{node.lineno} calls {ast.unparse(node.func)}")


@SOURCES
def test_only_the_files_ask_who_may_change_the_disk(path: Path) -> None:
    """The engine does before it opens a file: SQLite asks the same."""
    if room(path) in ("files", "engines"):
        return
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in ("access", "lexists", "getuid", "geteuid"):
            raise AssertionError(f"{path.name}:{node.lineno} asks {ast.unparse(node)}")


@SOURCES
def test_only_the_engine_speaks_sql(path: Path) -> None:
    if room(path) == "engines":
        return
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in ("execute", "executemany", "executescript"):
            raise AssertionError(f"{path.name}:{node.lineno} calls {ast.unparse(node)}")
