"""Restores the author's text of SQL that was stored in its canonical spelling, for people to read.

The history stores schemas in canonical spelling, `status in ( 'new' , 'done' )`. The database files have the text that
was executed, `status IN ('new', 'done')`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast

from . import lexer
from .lexer import Token, TokenKind
from .model import Schema, Sql, Table, View
from .names import KEYWORDS, fold

_Value = TypeVar("_Value")

CALLED = frozenset({"cast", "raise", "replace", "glob", "like"})  # keywords that are written like functions, too
OPERATORS = frozenset("+ - * / % = == != <> < > <= >= || & | << >> -> ->>".split())


Texts = Mapping[tuple[str, str], str]
"""(folded name of a table or view, or "" for any; canonical spelling) -> text as written."""


def texts(schemas: Iterable[Schema]) -> Texts:
    """The text as written of each piece of SQL in the schemas; of several texts in one table, the first."""
    found: dict[tuple[str, str], str] = {}
    for owner in (owner for schema in schemas for owner in schema.owners):
        for sql in _pieces(owner):
            found.setdefault((fold(owner.name), sql.canonical), sql.text)
            found.setdefault(("", sql.canonical), sql.text)
    return found


def respelled(value: _Value, known: Texts, owner: str = "") -> _Value:
    """Return the value with the known text of each piece of SQL, or with the usual spaces between tokens if it is
    unknown.

    `value` is a schema, or anything made of dataclasses and tuples that has parts of one, such as a plan. The result is
    equal to it, because only canonical spellings are compared.
    """
    found: Any = value
    match found:
        case Sql(canonical):
            found = Sql(canonical, _known(known, owner, canonical) or spaced(canonical))
        case Table(name, virtual=Sql(canonical)):  # a virtual table has no other SQL
            text = _known(known, fold(name), canonical) or arguments(canonical)
            found = replace(found, virtual=Sql(canonical, text))
        case tuple():
            found = tuple(respelled(item, known, owner) for item in found)
        case _ if is_dataclass(found) and not isinstance(found, type):
            if isinstance(found, Table | View):
                owner = fold(found.name)
            parts = {field.name: getattr(found, field.name) for field in fields(found) if field.init}
            found = replace(found, **{name: respelled(part, known, owner) for name, part in parts.items()})
    return cast("_Value", found)


def _known(known: Texts, owner: str, canonical: str) -> str | None:
    return known.get((owner, canonical)) or known.get(("", canonical))


def arguments(canonical: str) -> str:
    """Return the module of a virtual table and its arguments, in their canonical spelling, as `fts4(body,
    prefix="2,4")`: FTS4 refuses a space before the `=`. https://www.sqlite.org/fts3.html#fts4_options"""
    parts = lexer.tokens(spaced(canonical))
    text = ""
    for before, token in zip((None, *parts), parts, strict=False):
        gap = before is not None and before.end < token.start and "=" not in (before.text, token.text)
        text += (" " if gap else "") + token.text
    return text


def spaced(canonical: str) -> str:
    """The canonical spelling with the spaces that people write: `count(x) in (1, -2)`."""
    parts = lexer.tokens(canonical)
    text = ""
    for index, token in enumerate(parts):
        text += ("" if index == 0 or _is_close(parts, index) else " ") + token.text
    return text


def _is_close(parts: Sequence[Token], index: int) -> bool:
    """True if no space is written between a token and the one before it."""
    before, token = parts[index - 1], parts[index]
    if token.text in (",", ")", ";", ".") or before.text in ("(", "."):
        return True
    if token.text == "(":
        return before.kind is TokenKind.QUOTED or (before.word != "" and before.word not in KEYWORDS - CALLED)
    return before.text in ("-", "+", "~") and _is_sign(parts, index - 1)


def _is_sign(parts: Sequence[Token], index: int) -> bool:
    """Return True for an operator without an operand on its left side."""
    if index == 0 or parts[index].text == "~":
        return True
    left = parts[index - 1]
    return left.text in ("(", ",") or left.text in OPERATORS or left.word in KEYWORDS


def _pieces(value: object) -> Iterator[Sql]:
    match value:
        case Sql():
            yield value
        case tuple():
            for item in value:
                yield from _pieces(item)
        case _ if is_dataclass(value) and not isinstance(value, type):
            for field in filter(lambda field: field.init, fields(value)):
                yield from _pieces(getattr(value, field.name))
