"""Finds migrations that act only on PostgreSQL: the SQLite file lacks their result, so a move cannot bring it there."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from django.db.migrations import Migration, RunPython, SeparateDatabaseAndState
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from . import migration_modules

_OPERATIONS = "django.contrib.postgres.operations"  # importing it needs psycopg
_MADE = {"CreateExtension": "CREATE EXTENSION IF NOT EXISTS {}", "CreateCollation": "the collation {}"}
"""Operations of that module that do nothing on SQLite. The results of the others are in the models, or they fail on
SQLite."""


def notes() -> list[str]:
    """Return a note for each migration of an installed app that acts only on PostgreSQL, or whose code checks the
    database system."""
    try:
        there = _on_disk()
    except Exception as error:  # noqa: BLE001  code of the project
        why = f"{type(error).__name__}: {error}"
        return [f"the migrations could not be searched for what they do on PostgreSQL alone: {why}"]
    replaced = {key for migration in there.values() for key in migration.replaces}
    return [
        f"migration {'.'.join(key)} {what}" for key in sorted(there.keys() - replaced) for what in _found(there[key])
    ]


def _on_disk() -> Mapping[tuple[str, str], Migration]:
    with migration_modules.suspended():
        loader = MigrationLoader(None, load=False)
        loader.load_disk()  # without the graph, which migrations that nobody runs any more may break
        return loader.disk_migrations


def _found(migration: Migration) -> Iterator[str]:
    operations = list(_operations(migration.operations))
    for operation in operations:
        if made := _made(operation):
            yield f"acts on PostgreSQL alone, and a move runs no migration. To be done there by hand: {made}"
    if said := _mention(migration, operations):
        yield (
            f"has code that may act on PostgreSQL alone ({said}), and a move runs no migration. "
            "Read it, and do by hand what is missing there"
        )


def _operations(operations: Iterable[Operation]) -> Iterator[Operation]:
    for one in operations:
        yield one
        if isinstance(one, SeparateDatabaseAndState):
            yield from _operations(one.database_operations)


def _made(operation: Operation) -> str | None:
    for kind in type(operation).__mro__:
        if kind.__module__ == _OPERATIONS and kind.__name__ in _MADE:
            return _MADE[kind.__name__].format(getattr(operation, "name", ""))
    return None


def _mention(migration: Migration, operations: list[Operation]) -> str | None:
    """Return the first mention of PostgreSQL in the code of a migration: its own file, and its functions and operations
    from other modules. None if there is none."""
    for code in (sys.modules.get(type(migration).__module__), *map(_code_of, operations)):
        for node in ast.walk(_parsed(code)):
            if said := _says(node):
                return said
    return None


def _code_of(operation: Operation) -> Any:
    """Return the function or class that an operation runs; None if it is Django's."""
    code: Any = operation.code if isinstance(operation, RunPython) else type(operation)
    while isinstance(code, partial):
        code = code.func
    return None if str(getattr(code, "__module__", "")).startswith("django.") else code


def _parsed(code: Any) -> ast.AST:
    """Return the syntax tree of the code; an empty one if the source is missing."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, TypeError, SyntaxError):
        return ast.Module([], [])


def _says(node: ast.AST) -> str | None:
    match node:
        case ast.Attribute(attr="vendor", value=on) if "conn" in ast.unparse(on):
            return ast.unparse(node)
        case ast.Attribute(attr="postgres", value=ast.Attribute(attr="contrib")):
            return None  # a field or an index, which is in the models
        case ast.Name(id=name) | ast.Attribute(attr=name) if "postgres" in name.lower():
            return name
        case ast.Constant(value=str(text)) if "postgres" in text.lower():
            return textwrap.shorten(text, 60)
        case _:
            return None
