"""Finds files of the project, as opposed to those of Python and of installed distributions, and their imports."""

from __future__ import annotations

import ast
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

NOT_REGULAR = ("/dev/", "/proc/", "/sys/")


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    """Return the folders of Python and of installed distributions, whose content a version identifies."""
    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [*site.getsitepackages(), site.getusersitepackages()]
    return tuple({f"{folder}/" for path in paths for folder in (path, str(Path(path).resolve()))})


def is_of_project(path: str) -> bool:
    """True for a file of the project."""
    return path.startswith("/") and not path.startswith((*_installed(), *NOT_REGULAR)) and "/__pycache__/" not in path


def file_of(module: str) -> str | None:
    """Return the file of an imported module of the project; None for other modules."""
    path = getattr(sys.modules.get(module), "__file__", None)
    return path if path is not None and is_of_project(path) else None


def imported(modules: Iterable[str]) -> set[str]:
    """Return the files of the project among these modules and all modules that they import, directly or not, also
    within functions."""
    seen, files, waiting = set[str](), set[str](), list(modules)
    while waiting:
        module = waiting.pop()
        if module in seen or not module:
            continue
        seen.add(module)
        waiting.append(module.rpartition(".")[0])  # a package runs before its modules
        path = file_of(module)
        if path is not None and path.endswith(".py"):
            files.add(path)
            waiting.extend(_imports(path, module))
    return files


def _imports(path: str, module: str) -> Iterator[str]:
    """Yield the modules that a file may import. In `from a import b`, b may be a module, too."""
    package = module if Path(path).name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(Path(path).read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _base(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def modules_of(files: Iterable[str]) -> Iterator[str]:
    """Yield the names of the imported modules of these files."""
    wanted = set(files)
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) in wanted:
            yield name
