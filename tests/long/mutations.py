"""The changes that make a mutant of a module: found with `ast`, and made in the text at the place of the node.

Code on which no test should depend is left out: texts for people (the arguments of errors), durations and sizes
(numbers of a module's own constants, and all floats), docstrings, annotations, and `assert`.
"""

from __future__ import annotations

import ast
import io
import itertools
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SWAPPED = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
SQL = (
    (r" NOT IN ", " IN "),
    (r" IS NOT (?!NULL)", " IS "),
    (r" IS NOT NULL", " IS NULL"),
    (r" AND ", " OR "),
    (r" OR (?!REPLACE|IGNORE|ABORT|FAIL|ROLLBACK)", " AND "),
    (r" OR (?:IGNORE|ABORT)", ""),
    (r" LEFT JOIN ", " JOIN "),
    (r"\bmax\(", "min("),
    (r"\bBEFORE\b", "AFTER"),
    (r"\bAFTER\b", "BEFORE"),
    (r"\bIMMEDIATE\b", "DEFERRED"),
    (r"=(?:FULL|EXTRA)\b", "=OFF"),
    (r"\bOLD\.", "NEW."),
    (r" COLLATE BINARY", ""),
    (r" > \?", " >= ?"),
    (r" <= \?", " < ?"),
    (r" DESC\b", ""),
    (r" IF EXISTS", ""),
)
NO_CONTEXT = '__import__("contextlib").nullcontext()'
REPORTED = {
    "Problem",
    "of",
    "assert_never",
    "NeedsPerson",
    "Failed",
    "Refused",
    "Busy",
    "Superseded",
    "unfit",
    "impossible",
}
"""Calls whose arguments are texts for people."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change to a module; `source` is the changed text of the module."""

    module: str
    function: str
    line: int
    what: str
    source: str

    @property
    def where(self) -> str:
        return f"{self.module}:{self.line}"

    @property
    def name(self) -> tuple[str, str, str]:
        """A name that stays the same when lines of the module move."""
        return self.module, self.function, self.what


def mutations(root: Path, module: str) -> tuple[Mutation, ...]:
    """Return every change to try in the module."""
    return _mutations(module, (root / module).read_text("utf-8"))


@cache
def _mutations(module: str, source: str) -> tuple[Mutation, ...]:
    return tuple(_changes(module, source))


def _changes(module: str, source: str) -> Iterator[Mutation]:
    text = _Text(source)
    tree = ast.parse(text.source)
    found = list(_Finder(text).of(tree))
    found += _sql(text, tree)
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    seen = set()
    for line, what, source in found:
        if source not in seen:
            seen.add(source)
            within = [f for f in functions if f.lineno <= line <= (f.end_lineno or 0)]
            function = ".".join(f.name for f in sorted(within, key=lambda f: f.lineno))
            yield Mutation(module, function, line, what, source)


Found = tuple[int, str, str]
"""(line, description of the change, changed text of the module)."""


class _Text:
    """The source of a module, in which the text of a node can be replaced."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._lines = source.splitlines(keepends=True)

    def at(self, line: int, column: int, *, is_bytes: bool = True) -> int:
        """Return the offset in the text of a position; `ast` counts bytes, `tokenize` characters."""
        within = self._lines[line - 1].encode()[:column].decode() if is_bytes else self._lines[line - 1][:column]
        return self._starts[line - 1] + len(within)

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        start = node.lineno
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            start = node.decorator_list[0].lineno
        return self.at(start, node.col_offset), self.at(node.end_lineno or 0, node.end_col_offset or 0)

    def of(self, node: ast.expr | ast.stmt) -> str:
        start, end = self.span(node)
        return self.source[start:end]

    def replaced(self, *parts: tuple[int, int, str]) -> str:
        """Return the text with the parts (start, end, words) replaced."""
        source = self.source
        for start, end, words in sorted(parts, reverse=True):
            source = source[:start] + words + source[end:]
        return source

    def with_(self, node: ast.expr | ast.stmt, words: str) -> str:
        return self.replaced((*self.span(node), words))


class _Finder(ast.NodeVisitor):
    """A visitor that collects the changes to statements and expressions."""

    def __init__(self, text: _Text) -> None:
        self.text, self.found, self.depth = text, list[Found](), 0

    def of(self, tree: ast.Module) -> list[Found]:
        self.visit(tree)
        return self.found

    def _add(self, node: ast.expr | ast.stmt, what: str, source: str) -> None:
        self.found.append((node.lineno, what, source))

    # --- statements -----------------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        if body and not _is_nothing(body):
            start, end = self.text.span(body[0])[0], self.text.span(body[-1])[1]
            words = "return; yield" if _yields(node) else "return None"
            if not any(_is_manager(d) for d in node.decorator_list):
                self._add(node, f"{node.name}: empty", self.text.replaced((start, end, words)))
        self.depth += 1
        self._body(body)
        for statement in body:
            self.visit(statement)
        self.depth -= 1

    def _body(self, body: list[ast.stmt]) -> None:
        for statement in body:
            if _can_go(statement, alone=len(body) == 1):
                self._add(statement, f"dropped: {_short(self.text.of(statement))}", self.text.with_(statement, "pass"))
        for one, other in itertools.pairwise(body):
            if isinstance(one, ast.Expr) and isinstance(other, ast.Expr) and ast.dump(one) != ast.dump(other):
                swapped = self.text.replaced(
                    (*self.text.span(one), self.text.of(other)), (*self.text.span(other), self.text.of(one))
                )
                self._add(one, f"after the next: {_short(self.text.of(one))}", swapped)

    def generic_visit(self, node: ast.AST) -> None:
        if self.depth:
            for part in ("body", "orelse", "finalbody"):
                inner = getattr(node, part, None)
                if isinstance(inner, list) and inner and isinstance(inner[0], ast.stmt):
                    self._body(inner)
        super().generic_visit(node)

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            call = item.context_expr
            plain = item.optional_vars is None and isinstance(call, ast.Call)
            if plain and _called(call) not in ("step", "suppress", "phase"):
                self._add(node, f"without: with {_short(self.text.of(call))}", self.text.with_(call, NO_CONTEXT))
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        self._negated(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self._negated(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negated(node.test)
        self.generic_visit(node)

    def _negated(self, test: ast.expr) -> None:
        if not isinstance(test, ast.Compare | ast.Constant):  # visit_Compare changes comparisons
            words = self.text.of(test)
            self._add(test, f"negated: {_short(words)}", self.text.with_(test, f"(not ({words}))"))

    def visit_Assert(self, node: ast.Assert) -> None: ...

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None and self.depth:
            self.visit(node.value)

    # --- expressions ----------------------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> None:
        if _called(node) not in REPORTED:
            self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for number, operator in enumerate(node.ops):
            operators = [*node.ops[:number], SWAPPED[type(operator)](), *node.ops[number + 1 :]]
            words = ast.unparse(ast.Compare(node.left, operators, node.comparators))
            self._add(node, f"{_short(self.text.of(node))} -> {_short(words)}", self.text.with_(node, f"({words})"))
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        # code like `name or ""` is only for the type checker
        for dropped in node.values if not any(isinstance(value, ast.Constant) for value in node.values) else ():
            kept = ast.BoolOp(node.op, [v for v in node.values if v is not dropped])
            words = ast.unparse(kept if len(kept.values) > 1 else kept.values[0])
            self._add(node, f"{_short(self.text.of(node))} -> {_short(words)}", self.text.with_(node, f"({words})"))
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        other = {ast.Add: ast.Sub, ast.Sub: ast.Add}.get(type(node.op))
        if other is not None and not _is_text(node):
            words = ast.unparse(ast.BinOp(node.left, other(), node.right))
            self._add(node, f"{_short(self.text.of(node))} -> {_short(words)}", self.text.with_(node, f"({words})"))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if not self.depth:
            return
        if isinstance(node.value, bool):
            self._add(node, f"{node.value} -> {not node.value}", self.text.with_(node, str(not node.value)))
        elif isinstance(node.value, int):
            self._add(node, f"{node.value} -> {node.value + 1}", self.text.with_(node, str(node.value + 1)))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None: ...  # nodes inside have no own positions before Python 3.12

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.slice, ast.Name):
            self.generic_visit(node)


def _sql(text: _Text, tree: ast.Module) -> Iterator[Found]:
    """Yield changes to words of SQL in strings."""
    left_out = list(_unread(tree))
    middle = getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)
    for token in tokenize.generate_tokens(io.StringIO(text.source).readline):
        if token.type not in (tokenize.STRING, middle) or any(a <= token.start[0] <= b for a, b in left_out):
            continue
        start = text.at(*token.start, is_bytes=False)
        end = text.at(*token.end, is_bytes=False)
        for pattern, words in SQL:
            for match in re.finditer(pattern, text.source[start:end]):
                near = text.source[max(start, start + match.start() - 24) : start + match.end() + 24]
                what = f"SQL{match.group()!r} -> {words!r} near {_short(near)!r}"
                yield token.start[0], what, text.replaced((start + match.start(), start + match.end(), words))


def _unread(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """Yield the (first, last) lines of docstrings and of texts for people."""
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or (isinstance(node, ast.Call) and _called(node) in REPORTED):
            yield node.lineno, node.end_lineno or 0


def _can_go(statement: ast.stmt, *, alone: bool) -> bool:
    """Return True if the function still runs without it. Without an assignment to a name, any test would fail."""
    match statement:
        case ast.Expr(value=ast.Yield() | ast.Constant()):
            return False
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Delete():
            return True
        case ast.Assign(targets=targets):
            return all(isinstance(target, ast.Attribute | ast.Subscript) for target in targets)
        case ast.Return(value=value):
            return value is not None and not alone
    return False


def _called(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _called(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_manager(node: ast.expr) -> bool:
    return _called(node) == "contextmanager"


def _is_nothing(body: list[ast.stmt]) -> bool:
    return all(
        isinstance(s, ast.Pass | ast.Raise) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
        for s in body
    )


def _yields(node: ast.FunctionDef) -> bool:
    return any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in ast.walk(node))


def _is_text(node: ast.BinOp) -> bool:
    strings = (ast.JoinedStr, ast.List, ast.Tuple)
    return any(
        isinstance(s, strings) or (isinstance(s, ast.Constant) and isinstance(s.value, str))
        for s in (node.left, node.right)
    )


def _short(words: str) -> str:
    words = " ".join(words.split())
    return words if len(words) <= 90 else words[:87] + "..."
