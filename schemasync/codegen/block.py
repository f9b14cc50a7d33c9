"""The generated block of a file, between two marking comments; everything else in the file stays."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .code import ModelClass
from .layout import comment
from .module import class_lines, import_lines, imports

BEGIN = "# --- begin: models of {} ---"
END = "# --- end: models of {} ---"
_ANY_BEGIN = re.compile(r"# --- begin: models of .* ---\s*$")
_ANY_END = re.compile(r"# --- end: models of .* ---\s*$")


class NotPython(ValueError):
    """The file is not Python, or its two marks are not once each and in order."""


@dataclass(frozen=True, slots=True)
class Block:
    """The content of a block. `source`: the name of the schema.json, as in the marks. `command`: the command that
    writes it. `notes`: parts of the schema that the models do not express."""

    source: str
    command: str
    models: Sequence[ModelClass]
    notes: Sequence[str] = ()


def replaced(text: str, block: Block) -> str:
    """Return the file with the new block: in place of the old one, with every other byte unchanged, or else after the
    imports. Raises NotPython."""
    if "\r\n" in text:
        return replaced(text.replace("\r\n", "\n"), block).replace("\n", "\r\n")
    before, after = _around(text, block.source)
    known = _imported(_outside(before))
    needed = {
        module: missing
        for module, names in imports(block.models).items()
        if (missing := [name for name in names if known.get(name) != module])
    }
    lines = [BEGIN.format(block.source), *_head(block), ""]
    if needed:
        lines += [*import_lines(needed), "", ""]
    elif block.models:
        lines.append("")
    for model in block.models:
        lines += [*class_lines(model), "", ""]
    lines.append(END.format(block.source))
    begin, end = _marks(text, block.source)
    if begin >= 0:
        there = text.split("\n")
        return "\n".join([*there[:begin], *lines, *there[end + 1 :]])
    body = "\n".join(lines) + "\n"
    head = before.rstrip("\n") + "\n\n\n" if before.strip() else ""
    if before.strip() and _ends_with_import(before):
        head = before.rstrip("\n") + "\n\n"
    tail = after.strip("\n")
    return head + body + (f"\n\n{tail}\n" if tail else "")


def classes(text: str, source: str) -> frozenset[str]:
    """Return the names of the classes in the block of a file. Raises NotPython."""
    begin, end = _marks(text, source)
    if begin < 0:
        return frozenset()
    block = "\n".join(text.split("\n")[begin:end])
    return frozenset(node.name for node in _parsed(block).body if isinstance(node, ast.ClassDef))


def names_outside(text: str, source: str) -> frozenset[str]:
    """Return the names that the code around the block binds at module level, in lower case. Raises NotPython."""
    before, after = _around(text, source)
    nodes = [node for part in (before, after) for node in _parsed(part).body]
    found = [node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)]
    found += [
        (alias.asname or alias.name).partition(".")[0]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]
    targets = [target for node in nodes if isinstance(node, ast.Assign) for target in node.targets]
    found += [target.id for target in targets if isinstance(target, ast.Name)]
    return frozenset(name.lower() for name in found)


def _head(block: Block) -> list[str]:
    lines = [f"# Written by: {block.command}"]
    lines += comment(f"The next run replaces this block. Change {block.source}, or write code of your own outside.")
    if block.notes:
        lines += ["#", *comment("The database has what these models do not express:")]
        for note in block.notes:
            lines += comment(f"- {note}", "  ")
    return lines


def _around(text: str, source: str) -> tuple[str, str]:
    """Return the text before the block and the text after it; without a block, the text up to the imports and the
    rest."""
    begin, end = _marks(text, source)
    lines = text.split("\n")
    if begin >= 0:
        return "\n".join(lines[:begin]), "\n".join(lines[end + 1 :])
    at = _behind_imports(text)
    if any(_ANY_BEGIN.match(line) for line in lines[:at]):  # the imports belong to the block of another schema
        at = len(lines)
    return "\n".join(lines[:at]), "\n".join(lines[at:])


def _outside(text: str) -> str:
    """Return the text without the blocks of other schemas."""
    kept, is_inside = [], False
    for line in text.split("\n"):
        is_inside = is_inside or bool(_ANY_BEGIN.match(line))
        if not is_inside:
            kept.append(line)
        is_inside = is_inside and not _ANY_END.match(line)
    return "\n".join(kept)


def _marks(text: str, source: str) -> tuple[int, int]:
    """Return the line numbers of the two marks; -1 for both if the file has none. Raises NotPython."""
    lines = [line.rstrip() for line in text.split("\n")]
    found = [[i for i, line in enumerate(lines) if line == mark.format(source)] for mark in (BEGIN, END)]
    if found == [[], []]:
        return -1, -1
    if not all(len(one) == 1 for one in found) or found[0][0] > found[1][0]:
        raise NotPython(f'it must have "{BEGIN.format(source)}" and "{END.format(source)}" once, in this order')
    return found[0][0], found[1][0]


def _behind_imports(text: str) -> int:
    """Return the number of lines up to the last import at the top, including the module's docstring."""
    last = 0
    for number, node in enumerate(_parsed(text).body):
        is_doc = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (is_doc or isinstance(node, ast.Import | ast.ImportFrom)):
            break
        last = node.end_lineno or last
    return last


def _imported(text: str) -> dict[str, str]:
    """Map each name that the text imports without an alias to its module."""
    nodes = [node for node in _parsed(text).body if isinstance(node, ast.ImportFrom) and node.level == 0]
    return {alias.name: node.module or "" for node in nodes for alias in node.names if alias.asname is None}


def _ends_with_import(text: str) -> bool:
    body = _parsed(text).body
    return bool(body) and isinstance(body[-1], ast.Import | ast.ImportFrom)


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise NotPython(f"line {error.lineno}: {error.msg}") from error
    except ValueError as error:  # a NUL, with Python 3.11
        raise NotPython(str(error)) from error
