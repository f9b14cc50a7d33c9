"""SQLite's rules for names: case, keywords, quoting."""

from __future__ import annotations

import string

_UPPER_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_LOWER_TO_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)

# https://www.sqlite.org/lang_createtable.html#rowid
ROWID_NAMES = ("rowid", "oid", "_rowid_")

# https://www.sqlite.org/lang_keywords.html
KEYWORDS = frozenset(
    """abort action add after all alter always analyze and as asc attach autoincrement before begin between by
    cascade case cast check collate column commit conflict constraint create cross current current_date
    current_time current_timestamp database default deferrable deferred delete desc detach distinct do drop each
    else end escape except exclude exclusive exists explain fail filter first following for foreign from full
    generated glob group groups having if ignore immediate in index indexed initially inner insert instead
    intersect into is isnull join key last left like limit match materialized natural no not nothing notnull null
    nulls of offset on or order others outer over partition plan pragma preceding primary query raise range
    recursive references regexp reindex release rename replace restrict returning right rollback row rows
    savepoint select set table temp temporary then ties to transaction trigger unbounded union unique update
    using vacuum values view virtual when where window with without""".split()
)

# Keywords that SQLite reads as a name where its grammar does not allow the keyword (`%fallback` in its parse.y),
# except those with a meaning of their own in an expression or after FROM, which have to be quoted there:
# `(with)` begins a subquery, `x like` an operator, `window end as` a WINDOW clause.
_HARMLESS = frozenset(
    """abort action after always analyze asc attach before begin by cascade column conflict current database
    deferred desc detach do each end exclude exclusive explain fail first following for generated groups if
    ignore immediate initially instead key last materialized no nulls of offset others partition plan pragma
    preceding query range recursive reindex release rename replace restrict rollback row rows savepoint temp
    temporary ties trigger unbounded vacuum view virtual without""".split()
)

# Unquoted TRUE and FALSE are numbers unless a column has the name; quoted they are never numbers.
_MUST_QUOTE = (KEYWORDS - _HARMLESS) | {"true", "false"}

BYTE_ORDER_MARK = "\ufeff"  # to SQLite a blank where a token could begin, and part of the word elsewhere


def fold(name: str) -> str:
    """The name in lower case as SQLite compares names: only A to Z change."""
    # the same for ASCII, in a fifth of the time: wide schemas fold hundreds of thousands of names
    return name.lower() if name.isascii() else name.translate(_UPPER_TO_LOWER)


def upper_ascii(text: str) -> str:
    """The text in upper case; only a to z change."""
    return text.translate(_LOWER_TO_UPPER)


def quote(name: str) -> str:
    """The name as a quoted SQL identifier. Raises ValueError if it has a NUL. Nothing else quotes names."""
    if "\0" in name:
        raise ValueError("a name cannot hold a NUL character")
    return '"' + name.replace('"', '""') + '"'


def string_literal(text: str) -> str:
    """The text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def is_plain(name: str) -> bool:
    """True if the name needs no quotes in SQL."""
    folded = fold(name)
    return (
        bool(folded)
        and not (folded[0].isdigit() and folded[0].isascii())
        and folded[0] not in ("$", BYTE_ORDER_MARK)
        and all(c == "_" or c == "$" or not c.isascii() or c.isalnum() for c in folded)
        and folded not in _MUST_QUOTE
    )


def spell(name: str) -> str:
    """The name as a person would write it: quoted only if necessary."""
    return name if is_plain(name) and fold(name) not in KEYWORDS else quote(name)


def canonical(name: str) -> str:
    """The name in canonical SQL: folded, and quoted only if necessary."""
    folded = fold(name)
    return folded if is_plain(folded) else quote(folded)


def is_special(key: str) -> bool:
    """True for a key of schema.json that begins with one _. Two are the escape for a name that begins with _."""
    return key.startswith("_") and not key.startswith("__")


def to_key(name: str) -> str:
    """The key of schema.json for a table, column, view or trigger of that name."""
    return "_" + name if name.startswith("_") else name


def from_key(key: str) -> str:
    """The name of a key of schema.json that is not special."""
    return key[1:] if key.startswith("__") else key
