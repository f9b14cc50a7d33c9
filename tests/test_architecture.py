"""The structure of the package: imports point down and form no circle, the pure rooms import no database and no Django,
SQL is in the engine, changes of the disk are in `files`. Each test reports all faults of all files; each rule is tested
on sources that break it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "schemasync"

# From the bottom up; a room may import from those before it, and from itself.
ROOMS = """
__init__ errors lazy_modules schema masking transforms metrics diff plan codegen history files engines sync texts process conf connect databases signals actor keep orm backends
models actions api task tenants management checks django_tasks caches testing pytest_plugin templatetags apps views urls admin
""".split()
WITH_DJANGO = set(ROOMS[ROOMS.index("conf") :])
PURE = {"__init__", "errors", "schema", "masking", "transforms", "metrics", "diff", "plan", "codegen"}

# Imports for type hints alone that close a circle. The list may only shrink.
FOR_TYPES = {
    ("backends.sqlite3.creation", "backends.sqlite3.base"),
    ("backends.sqlite3.measured", "backends.sqlite3.base"),
}

DISK_CALLS = set(
    """
    chmod chown copy2 copyfile copyfileobj copymode copystat copytree fsync ftruncate hardlink_to lchmod link makedirs
    mkdir mkdtemp mkfifo mknod mkstemp move removedirs rename rmdir rmtree symlink symlink_to touch truncate
    unlink utime write_bytes write_text
    """.split()
)
ALSO_OF_OTHERS = {"replace", "remove", "renames", "copy"}  # a change of the disk if the owner is one of these
ON_DISK = {"os", "shutil", "path", "output"}
NO_CHANGES_OF_THE_DISK = {  # calls that only look like one, or need no label
    ("admin/background_run.py", "output.truncate"): "a file that Disk.output has opened",
    ("admin/background_run.py", "errors.truncate"): "a file that Disk.output has opened",
    (
        "engines/sqlite/capture/write_overhead.py",
        "path.touch",
    ): "in a temporary folder that is gone after the measurement",
    ("engines/sqlite/rebuild/reshape.py", "statistics.rename"): "rows of sqlite_stat1",
    ("orm/migrate.py", "contenttypes.rename"): "rows of django_content_type",
}


@dataclass(frozen=True)
class Source:
    """A file of the package, by its path in the package."""

    path: str
    text: str

    @property
    def room(self) -> str:
        return self.path.partition("/")[0].removesuffix(".py")

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def imports(self) -> list[tuple[int, str]]:
        """The line and absolute name of each import, anywhere in the file."""
        package = ["schemasync", *self.path.split("/")[:-1]]
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                module = ".".join(filter(None, [*base, node.module]))
                found += [(node.lineno, f"{module}.{alias.name}") for alias in node.names]
        return found

    def calls(self) -> Iterator[tuple[ast.Call, str, str]]:
        """Yield the calls of attributes, each with the source text of its owner and its name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield node, ast.unparse(node.func.value), node.func.attr


SOURCES = [Source(str(path.relative_to(PACKAGE)), path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))]


# --- the rules: each yields the faults of one file ----------------------------------------------------------------


def upward_imports(source: Source) -> Iterator[str]:
    if source.room not in ROOMS:
        yield f"{source.path}: the room {source.room} has no place in ROOMS"
        return
    for line, name in source.imports:
        first, _, rest = name.partition(".")
        if first == "schemasync" and rest != "__version__":
            there = rest.split(".")[0]
            if there not in ROOMS[: ROOMS.index(source.room) + 1]:
                yield f"{source.path}:{line} imports {name}, which is not below {source.room}"


def django_below_the_glue(source: Source) -> Iterator[str]:
    for line, name in source.imports:
        if name.split(".")[0] == "django" and source.room not in WITH_DJANGO:
            yield f"{source.path}:{line} imports {name}"


def database_in_a_pure_room(source: Source) -> Iterator[str]:
    for line, name in source.imports:
        if name.split(".")[0] in ("sqlite3", "os", "shutil", "fcntl", "tempfile") and source.room in PURE:
            yield f"{source.path}:{line} imports {name}"


def changes_of_the_disk(source: Source) -> Iterator[str]:
    """Changes of the disk outside of `files`; a call whose first argument is a DiskStep goes through `files`."""
    if source.room == "files":
        return
    for node, owner, name in source.calls():
        changes = name in DISK_CALLS or (name in ALSO_OF_OTHERS and owner in ON_DISK) or _opened_to_write(node, name)
        has_step = bool(node.args) and ast.unparse(node.args[0]).startswith("DiskStep.")
        if changes and not has_step and (source.path, f"{owner}.{name}") not in NO_CHANGES_OF_THE_DISK:
            yield f"{source.path}:{node.lineno} calls {owner}.{name}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and _opened_to_write(node, node.func.id):
            yield f"{source.path}:{node.lineno} calls {ast.unparse(node)}"
    for line, name in source.imports:
        owner, _, call = name.rpartition(".")
        if owner in ("os", "shutil", "tempfile") and call in DISK_CALLS | ALSO_OF_OTHERS:
            yield f"{source.path}:{line} imports {name}, whose calls this rule does not see"


def _opened_to_write(node: ast.Call, name: str) -> bool:
    first = 1 if isinstance(node.func, ast.Name) else 0  # Path.open has no argument for the path
    given = [*node.args[first:2], *(keyword.value for keyword in node.keywords if keyword.arg == "mode")]
    modes = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return name == "open" and any(len(mode) < 4 and set(mode) & set("wax+") for mode in modes)


def questions_to_the_disk(source: Source) -> Iterator[str]:
    """Checks of permissions outside of `files` and the engines; an engine checks before it opens a file, as SQLite
    does."""
    if source.room not in ("files", "engines"):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Attribute) and node.attr in ("access", "lexists", "getuid", "geteuid"):
                yield f"{source.path}:{node.lineno} asks {ast.unparse(node)}"


def sql_outside_the_engine(source: Source) -> Iterator[str]:
    """SQL outside of the engines. `testing` reads and writes databases itself, to be independent of the engine that it
    checks."""
    if source.room not in ("engines", "testing"):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Attribute) and node.attr in ("execute", "executemany", "executescript"):
                yield f"{source.path}:{node.lineno} runs {ast.unparse(node)}"


RULES = [
    upward_imports,
    django_below_the_glue,
    database_in_a_pure_room,
    changes_of_the_disk,
    questions_to_the_disk,
    sql_outside_the_engine,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_file_breaks_the_rule(rule: Callable[[Source], Iterator[str]]) -> None:
    faults = [fault for source in SOURCES for fault in rule(source)]
    assert not faults, "\n".join(["", *faults])


# --- circles ------------------------------------------------------------------------------------------------------


def graph(sources: list[Source]) -> dict[str, set[str]]:
    """Return the imported modules of each module."""
    modules = {source.module for source in sources}
    found: dict[str, set[str]] = {}
    for source in sources:
        names = [name.removeprefix("schemasync.") for _, name in source.imports]
        both = {name if name in modules else name.rpartition(".")[0] for name in names}
        found[source.module] = (both & modules) - {source.module}
    return found


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other, directly or indirectly."""
    reached = {module: _reached(imports, module) for module in imports}
    found = {frozenset(other for other in reached[one] if one in reached[other]) for one in imports}
    return sorted(sorted(circle) for circle in found if circle)


def _reached(imports: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    ahead = list(imports[start])
    while ahead:
        if (module := ahead.pop()) not in found:
            found.add(module)
            ahead += imports[module]
    return found


def without(imports: dict[str, set[str]], left_out: set[tuple[str, str]]) -> dict[str, set[str]]:
    return {one: {other for other in others if (one, other) not in left_out} for one, others in imports.items()}


def test_no_modules_import_each_other() -> None:
    assert circles(without(graph(SOURCES), FOR_TYPES)) == []


@pytest.mark.parametrize("pair", sorted(FOR_TYPES), ids=" to ".join)
def test_each_exception_is_needed_and_is_for_types_alone(pair: tuple[str, str]) -> None:
    assert circles(without(graph(SOURCES), FOR_TYPES - {pair})), "it closes no circle: take it off the list"
    (source,) = [source for source in SOURCES if source.module == pair[0]]
    types = [
        node for node in ast.walk(source.tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    at_runtime = Source(source.path, ast.unparse(_removed(source.tree, types)))
    assert pair[1] not in graph([at_runtime, *(one for one in SOURCES if one is not source)])[pair[0]]


def _removed(tree: ast.Module, nodes: list[ast.If]) -> ast.Module:
    return ast.Module([node for node in tree.body if node not in nodes], [])


def test_each_call_that_may_look_like_a_change_of_the_disk_is_there() -> None:
    there = {(source.path, f"{owner}.{name}") for source in SOURCES for _, owner, name in source.calls()}
    assert not set(NO_CHANGES_OF_THE_DISK) - there, "take them off the list"


# --- each rule finds its faults -----------------------------------------------------------------------------------

BROKEN = [
    (upward_imports, "backends/superseded.py", "def f():\n    from .. import admin, models", 2),
    (upward_imports, "backends/sqlite3/base.py", "from ...models import SchemaVersion", 1),
    (upward_imports, "checks.py", "from .admin import pages\nfrom . import apps", 2),
    (upward_imports, "signals.py", "from .orm.models import read", 1),
    (upward_imports, "models.py", "import schemasync.management.options", 1),
    (upward_imports, "testing/a.py", "from schemasync import admin", 1),
    (upward_imports, "plan/__init__.py", "from ..files import disk", 1),
    (upward_imports, "schema/column.py", "if x:\n    from ..conf import setting", 1),
    (upward_imports, "newcomer/a.py", "", 1),
    (django_below_the_glue, "sync/look.py", "def f():\n    import django.db", 1),
    (django_below_the_glue, "texts.py", "from django.utils import timezone", 1),
    (database_in_a_pure_room, "plan/make.py", "import sqlite3, os.path", 2),
    (changes_of_the_disk, "sync/run/limits.py", "layout.link.unlink(); layout.link.rename('y')\n(a / 'x').unlink()", 3),
    (changes_of_the_disk, "orm/a.py", "a.symlink_to(b); a.rmdir(); a.touch(); a.chmod(1); a.mkdir(); f().write_text('')", 6),
    (changes_of_the_disk, "orm/a.py", "path.write_bytes(b''); os.replace(a, b); os.remove(a); shutil.copy(a, b)", 4),
    (changes_of_the_disk, "orm/a.py", "open('a', 'w'); path.open('ab'); path.open(mode='r+'); open(name, mode='x')", 4),
    (changes_of_the_disk, "orm/a.py", "from os import unlink, replace as put\nfrom shutil import rmtree", 3),
    (questions_to_the_disk, "sync/a.py", "import os\nos.access(a, os.W_OK)", 1),
    (sql_outside_the_engine, "sync/a.py", "connection.execute('SELECT 1'); run = cursor.executemany", 2),
]  # fmt: skip
SOUND = [
    (upward_imports, "admin/a.py", "from ..models import SchemaVersion\nfrom .. import __version__, conf\nimport json"),
    (changes_of_the_disk, "orm/a.py", "disk.write_text(DiskStep.OUTPUT_WRITE, path, text); 'a'.replace('a', 'b'); x.remove(1)"),
    (changes_of_the_disk, "orm/a.py", "open('a'); path.open('rb'); open(name, encoding='utf-8')"),
    (changes_of_the_disk, "files/disk.py", "path.unlink()"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "text", "count"), BROKEN)
def test_each_fault_is_found(rule: Callable[[Source], Iterator[str]], path: str, text: str, count: int) -> None:
    faults = list(rule(Source(path, text)))
    assert len(faults) == count, faults
    assert all(fault.startswith(path) for fault in faults)


@pytest.mark.parametrize(("rule", "path", "text"), SOUND)
def test_what_is_right_is_no_fault(rule: Callable[[Source], Iterator[str]], path: str, text: str) -> None:
    assert not list(rule(Source(path, text)))


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ({"sync/a.py": "from .b import x", "sync/b.py": "def f():\n    from . import a"}, [["sync.a", "sync.b"]]),
        (
            {"sync/a.py": "from ..plan import b", "plan/b.py": "from .c import d", "plan/c.py": "import schemasync.sync.a"},
            [["plan.b", "plan.c", "sync.a"]],
        ),
        ({"sync/a.py": "from . import b, c", "sync/b.py": "from . import c", "sync/c.py": ""}, []),
        ({"plan/__init__.py": "from .b import x", "plan/b.py": "from . import y"}, [["plan", "plan.b"]]),
    ],
    ids=["two", "three", "none", "a package"],
)  # fmt: skip
def test_circles_are_found(texts: dict[str, str], found: list[list[str]]) -> None:
    assert circles(graph([Source(path, text) for path, text in texts.items()])) == found
