"""Finds code of the project that compares ENGINE with the name of Django's own backend: with schemasync's it is
False."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.apps import apps
from django.conf import settings

from ..databases import ENGINE
from .data_migrations import is_packaged

DJANGO_S = "django.db.backends.sqlite3"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison with the name of Django's backend, at a line of a file."""

    path: Path
    line: int
    text: str


def comparisons() -> Iterator[Comparison]:
    """Yield the comparisons in the settings and in the project's own apps, but not in installed packages, and not if
    the same line also names schemasync's backend. Files that cannot be read or parsed are skipped."""
    for path in sorted(_files()):
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if DJANGO_S in text:
            yield from _in_text(path, text)


def _files() -> set[Path]:
    """Return the Python files of the package of the settings, and of the project's own apps."""
    module = sys.modules.get(settings.SETTINGS_MODULE) if settings.configured else None
    found = {Path(module.__file__)} if module is not None and module.__file__ is not None else set()
    folders = [Path(config.path) for config in apps.get_app_configs()]
    folders += [path.parent for path in found if (path.parent / "__init__.py").exists()]
    for folder in folders:
        if not is_packaged(folder):
            found |= {path for path in folder.rglob("*.py") if not is_packaged(path)}
    return {path for path in found if not path.is_relative_to(Path(__file__).parents[1])}


def _in_text(path: Path, text: str) -> Iterator[Comparison]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in sorted(ast.walk(tree), key=lambda one: getattr(one, "lineno", 0)):
        compared = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        if isinstance(node, ast.MatchValue):
            compared = [node.value]
        if any(map(_names_it, compared)):
            line = getattr(node, "lineno", 1)
            code = text.splitlines()[line - 1].strip()
            if ENGINE not in code:
                yield Comparison(path, line, code)


def _names_it(node: ast.expr) -> bool:
    """True for the name itself, and for a tuple, list or set that contains it."""
    match node:
        case ast.Constant(value):
            return bool(value == DJANGO_S)
        case ast.Tuple(elts) | ast.List(elts) | ast.Set(elts):
            return any(map(_names_it, elts))
        case _:
            return False
