"""LIKE and GLOB."""

from __future__ import annotations

from sqlglot import exp

from ....schema.names import string_literal
from .patterns import glob_as_regex
from .values import Translating, Value, ValueKind, as_text, in_c


def like(to: Translating, node: exp.Like) -> Value:
    return _matched(to, node, "''")


def escape(to: Translating, node: exp.Escape) -> Value:
    sign = to.value(node.expression).literal
    if (
        not isinstance(node.this, exp.Like)
        or not isinstance(sign, str)
        or len(sign) != 1
        or not sign.isascii()
        or sign.isalpha()
    ):
        return to.refused("ESCAPE with this sign")
    pattern = to.value(node.this.expression).literal
    if not isinstance(pattern, str) or _ends_in(pattern, sign):
        return to.refused("LIKE with ESCAPE and a pattern that is not complete")
    return _matched(to, node.this, string_literal(sign))


def _ends_in(pattern: str, sign: str) -> bool:
    at = 0
    while at < len(pattern):
        if pattern[at] == sign:
            if at + 1 == len(pattern):
                return True
            at += 1
        at += 1
    return False


def _matched(to: Translating, node: exp.Like, sign: str) -> Value:
    """Translate LIKE: SQLite's matches A with a, but not É with é, like ILIKE under the collation C."""
    value, pattern = to.text(node.this, "LIKE"), to.text(node.expression, "LIKE")
    negated = "NOT " if node.args.get("negate") else ""
    return Value(f"({in_c(value)} {negated}ILIKE {as_text(pattern)} ESCAPE {sign})", ValueKind.BOOL)


def glob(to: Translating, node: exp.Glob) -> Value:
    value, pattern = to.text(node.this, "GLOB"), to.value(node.expression).literal
    regex = glob_as_regex(pattern) if isinstance(pattern, str) else None
    if regex is None:
        return to.refused("GLOB with this pattern")
    return Value(f"({in_c(value)} ~ {string_literal(regex)})", ValueKind.BOOL)
