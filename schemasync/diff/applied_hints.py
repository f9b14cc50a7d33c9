"""Finds the hints of a schema.json that do not act again on a database, and removes them from its text."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ..schema.document import Document
from ..schema.edit import unwrapped, without
from ..schema.jsonc import Path
from ..schema.model import ColumnName
from ..schema.names import fold, from_key, is_special
from .compare import AddedTable, Diff, TablePair
from .hint_keys import HintKey, column_rename, fill, table_fill, table_rename


@dataclass(frozen=True, slots=True)
class AppliedHint:
    """One hint of the file: its path, and its label, such as `was on Users.full_name`."""

    path: Path
    text: str


def applied_hints(document: Document, diff: Diff) -> tuple[AppliedHint, ...]:
    """Return the hints that do not act again on the database that `diff` compares with the document, in the order of
    the file: those that the history records, and names in `_dropped` that the database no longer has."""
    present = _Present(diff)
    return tuple(hint for path in document.places for hint in _applied(document, path, diff.spent, present))


def without_hints(document: Document, hints: Collection[AppliedHint]) -> str:
    """Return the text without these hints, and without lists that they leave empty. Comments and the order of keys
    stay. A column that keeps only its definition becomes a string."""
    found = {hint.path for hint in hints}
    kept = {path[:-1] for path in document.places if path not in found}
    removed = {path if path[:-1] in kept or path[-1] == "fill" else path[:-1] for path in found}
    columns = {path[:2] for path in found if path[1] != "_dropped" and path[1] != "_was" and len(path) > 2}
    return unwrapped(without(document.text, removed), columns)


class _Present:
    """Folded names of the tables of a database, and of their columns by the new name of the table."""

    def __init__(self, diff: Diff) -> None:
        self.old = {fold(one.new.name): one.old for one in diff.tables if isinstance(one, TablePair)}
        self.tables = {fold(one.old.name) for one in diff.tables if not isinstance(one, AddedTable)}

    def lacks_column(self, table: str, column: str) -> bool:
        """Return True if a table of the database lacks the column. False if the table is missing: a rename may still
        make it."""
        old = self.old.get(fold(table))
        return old is not None and old.column(column) is None


def _applied(document: Document, path: Path, spent: Collection[HintKey], present: _Present) -> Iterator[AppliedHint]:
    hints = document.hints
    match path:
        case ("_dropped", int(index)):
            name = hints.dropped_tables[index]
            if fold(name) not in present.tables:
                yield AppliedHint(path, f"_dropped of {name}")
        case (str(key), *_) if is_special(key):
            return
        case (str(key), "_dropped", int(index)):
            table = from_key(key)
            name = hints.dropped_columns[table][index]
            if present.lacks_column(table, name):
                yield AppliedHint(path, f"_dropped of {table}.{name}")
        case (str(key), "_was", int(index)):
            table = from_key(key)
            if table_rename(table, hints.tables_were[table][index]) in spent:
                yield AppliedHint(path, f"_was on {table}")
        case (str(key), "_from"):
            table = from_key(key)
            if table_fill(table, hints.derivations[table].select) in spent:
                yield AppliedHint(path, f"_from on {table}")
        case (str(key), str(column), "was", int(index)) if not is_special(column):
            where = ColumnName(from_key(key), from_key(column))
            if column_rename(*where, hints.columns_were[where][index]) in spent:
                yield AppliedHint(path, f"was on {'.'.join(where)}")
        case (str(key), str(column), "fill") if not is_special(column):
            where = ColumnName(from_key(key), from_key(column))
            if fill(*where, hints.fills[where]) in spent:
                yield AppliedHint(path, f"fill on {'.'.join(where)}")
        case _:
            return
