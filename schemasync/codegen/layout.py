"""Writes Python expressions as source, in the layout of `ruff format` and Black."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from typing import assert_never

from .code import Call, Code, Infix, Invert, ListOf, Literal, Name, TupleOf

WIDTH = 88  # of Django's own code, and the default of Black and Ruff
INDENT = "    "


def assignment(name: str, value: Code, indent: str) -> list[str]:
    """Return the lines of `name = value`."""
    lines = _lines(f"{indent}{name} = ", value, "")
    inner = _lines(indent + INDENT, value, "")
    is_long = width(lines[0]) > WIDTH and (len(inner) > 1 or width(inner[0]) <= WIDTH)
    return [f"{indent}{name} = (", *inner, f"{indent})"] if is_long else lines


def class_header(name: str, base: str, indent: str = "") -> list[str]:
    """Return the lines of `class name(base):`."""
    one = f"{indent}class {name}({base}):"
    return [one] if width(one) <= WIDTH else [f"{indent}class {name}(", f"{indent}{INDENT}{base}", f"{indent}):"]


def docstring(text: str, indent: str) -> list[str]:
    """Return the lines of a docstring, on one line if it fits; white space in the text is collapsed."""
    words = " ".join(_printable(text).split()).replace("\\", "\\\\").replace('"""', "'''")
    if words.endswith('"'):
        words = words[:-1] + "'"
    if words.startswith('"'):
        words = "'" + words[1:]
    one = f'{indent}"""{words}"""'
    if width(one) <= WIDTH:
        return [one]
    lines = textwrap.wrap(
        f'"""{words}',
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [*lines, f'{indent}"""']


def comment(text: str, indent: str = "") -> list[str]:
    """Return a comment as the lines that it needs."""
    return textwrap.wrap(
        _printable(text).rstrip(),
        WIDTH,
        initial_indent="# ",
        subsequent_indent=f"# {indent}",
        break_long_words=False,
        break_on_hyphens=False,
    )


def width(text: str) -> int:
    """Return the width of the text in columns, as formatters count: two for a wide character, none for an accent."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else _columns(c) for c in text)


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _printable(text: str) -> str:
    """Return the text with spaces for characters that Python cannot read or that end a line."""
    return "".join(c if c.isprintable() else " " for c in text)


def flat(code: Code) -> str:
    """Return the expression on one line."""
    match code:
        case Literal(value):
            return _literal(value)
        case Name(path):
            return path
        case Call(function):
            return f"{function}({', '.join(map(''.join, _flat_items(code)))})"
        case ListOf():
            return f"[{', '.join(map(''.join, _flat_items(code)))}]"
        case TupleOf(items):
            return f"({', '.join(map(flat, items))}{',' if len(items) == 1 else ''})"
        case Infix(left, operator, right):
            return f"{_operand(left, operator, first=True)} {operator} {_operand(right, operator, first=False)}"
        case Invert(operand):
            return f"~({flat(operand)})" if isinstance(operand, Infix) else f"~{flat(operand)}"
        case _:
            assert_never(code)


def _operand(code: Code, operator: str, *, first: bool) -> str:
    if isinstance(code, Infix) and not (first and code.operator == operator):
        return f"({flat(code)})"
    return flat(code)


def _items(code: Call | ListOf | TupleOf) -> list[tuple[str, Code]]:
    """Return (prefix, value) of each item between the brackets."""
    if isinstance(code, Call):
        return [*(("", one) for one in code.args), *((f"{name}=", one) for name, one in code.kwargs)]
    return [("", one) for one in code.items]


def _flat_items(code: Call | ListOf | TupleOf) -> list[tuple[str, str]]:
    return [(prefix, flat(one)) for prefix, one in _items(code)]


def _lines(head: str, code: Code, tail: str) -> list[str]:
    """Return the lines of the expression after `head` and before `tail`, split as the formatter splits it."""
    one = head + flat(code) + tail
    if width(one) <= WIDTH:
        return [one]
    indent = head[: len(head) - len(head.lstrip())]
    match code:
        case Call() | ListOf() | TupleOf() if _items(code):
            opening, closing = _brackets(code)
            body = list(_body(code, indent + INDENT))
            return [head + opening, *body, indent + closing + tail]
        case Infix():
            return list(_chain(head, code, tail, indent))
        case Invert(Infix() as operand):
            inner = indent + INDENT
            return [f"{head}~(", *_chain(inner, operand, "", inner), f"{indent}){tail}"]
        case Invert(operand):
            return _lines(f"{head}~", operand, tail)
        case _:
            return [one]


def _brackets(code: Call | ListOf | TupleOf) -> tuple[str, str]:
    if isinstance(code, Call):
        return f"{code.function}(", ")"
    return ("[", "]") if isinstance(code, ListOf) else ("(", ")")


def _body(code: Call | ListOf | TupleOf, indent: str) -> Iterator[str]:
    items = _items(code)
    one = indent + ", ".join(map("".join, _flat_items(code)))
    if isinstance(code, Call) and width(one) <= WIDTH:
        yield one
        return
    if isinstance(code, Call) and len(items) == 1 and items[0][0] == "" and isinstance(items[0][1], Infix):
        yield from _chain(indent, items[0][1], "", indent)
        return
    for prefix, value in items:
        yield from _lines(indent + prefix, value, ",")


def _chain(head: str, code: Infix, tail: str, indent: str) -> Iterator[str]:
    """Yield one line per operand, with its operator in front."""
    operands = list(_operands(code))
    for number, (operator, operand) in enumerate(operands):
        before = head if number == 0 else f"{indent}{operator} "
        after = tail if number == len(operands) - 1 else ""
        if isinstance(operand, Infix):
            one = f"{before}({flat(operand)}){after}"
            inner = indent + INDENT
            yield from (
                [one]
                if width(one) <= WIDTH
                else [f"{before}(", *_chain(inner, operand, "", inner), f"{indent}){after}"]
            )
        else:
            yield from _lines(before, operand, after)


def _operands(code: Infix) -> Sequence[tuple[str, Code]]:
    left = code.left
    first = _operands(left) if isinstance(left, Infix) and left.operator == code.operator else [("", left)]
    return [*first, (code.operator, code.right)]


def _literal(value: str | bytes | int | float | bool | None) -> str:
    if isinstance(value, bytes):
        return "b" + _quoted(repr(value)[2:-1], repr(value)[1])
    return _quoted(repr(value)[1:-1], repr(value)[0]) if type(value) is str else repr(value)


def _quoted(body: str, mark: str) -> str:
    """Return the escaped body of a string in the quotes that the formatter prefers: double quotes, unless single quotes
    need fewer escapes."""
    plain = body.replace("\\" + mark, mark)
    mark = '"' if plain.count('"') <= plain.count("'") else "'"
    return mark + plain.replace(mark, "\\" + mark) + mark
