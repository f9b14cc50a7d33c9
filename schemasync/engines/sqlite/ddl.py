"""Makes CREATE statements from a schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...schema.default import is_literal
from ...schema.model import (
    Check,
    Column,
    ForeignKey,
    Index,
    IndexedColumn,
    PrimaryKey,
    Sql,
    Table,
    Trigger,
    Unique,
    View,
)
from ...schema.names import quote


def create_table(table: Table, name: str | None = None) -> str:
    """CREATE TABLE or CREATE VIRTUAL TABLE, with another name if given."""
    shown = quote(name or table.name)
    if table.virtual is not None:
        return f"CREATE VIRTUAL TABLE {shown} USING {table.virtual.text}"
    inline = _inline_key(table)
    alone = {unique.columns[0].column: unique for unique in reversed(table.uniques) if _is_alone(unique)}
    lines = [
        _column(column, table.primary_key if column.name == inline else None, alone.get(column.name))
        for column in table.columns
    ]
    lines += _constraints(table, inline is None, [one for one in table.uniques if one not in alone.values()])
    options = ["STRICT"] * table.strict + ["WITHOUT ROWID"] * table.without_rowid
    return f"CREATE TABLE {shown} (\n  " + ",\n  ".join(lines) + "\n)" + (" " + ", ".join(options) if options else "")


def added_column(column: Column, checks: Sequence[Check], keys: Sequence[ForeignKey]) -> str:
    """Return a column as ALTER TABLE … ADD COLUMN accepts it, with its own constraints."""
    constraints = [*map(_check, checks), *(f"{_label(key.name)}{foreign_key_clause(key)}" for key in keys)]
    return " ".join([f"{quote(column.name)} {column_definition(column)}".rstrip(), *constraints])


def create_index(table: Table, index: Index) -> str:
    """CREATE INDEX."""
    unique = "UNIQUE " if index.unique else ""
    where = f" WHERE {index.where.text}" if index.where else ""
    columns = _columns(index.columns)
    return f"CREATE {unique}INDEX {quote(index.name)} ON {quote(table.name)} ({columns}){where}"


def create_view(view: View) -> str:
    """CREATE VIEW."""
    columns = f" ({', '.join(map(quote, view.columns))})" if view.columns else ""
    return f"CREATE VIEW {quote(view.name)}{columns} AS {view.select.text}"


def create_trigger(trigger: Trigger) -> str:
    """CREATE TRIGGER."""
    return f"CREATE TRIGGER {quote(trigger.name)} {trigger.body.text}"


def column_definition(column: Column) -> str:
    """The definition after the column's name, without the constraints of the table."""
    pieces = [column.type.text]
    if column.not_null is not None:
        pieces.append(_label(column.not_null.name) + "NOT NULL" + _conflict(column.not_null.conflict))
    if column.default is not None:
        pieces.append(f"DEFAULT {_default(column.default)}")
    if column.collation is not None:
        pieces.append(f"COLLATE {quote(column.collation)}")
    if column.generated is not None:
        pieces.append(f"GENERATED ALWAYS AS ({column.generated.text})" + (" STORED" if column.stored else ""))
    return " ".join(piece for piece in pieces if piece)


def foreign_key_clause(key: ForeignKey) -> str:
    """REFERENCES and the clauses after it."""
    references = f" ({_names(key.references)})" if key.references else ""
    clause = f"REFERENCES {quote(key.table)}{references}"
    if key.on_delete:
        clause += f" ON DELETE {key.on_delete}"
    if key.on_update:
        clause += f" ON UPDATE {key.on_update}"
    return clause + (" DEFERRABLE INITIALLY DEFERRED" if key.deferred else "")


def _column(column: Column, key: PrimaryKey | None, unique: Unique | None) -> str:
    line = f"{quote(column.name)} {column_definition(column)}".rstrip()
    if unique is not None:
        line += f" UNIQUE{_conflict(unique.conflict)}"
    if key is None:
        return line
    descending = " DESC" if key.columns[0].descending else ""
    auto = " AUTOINCREMENT" if key.autoincrement else ""
    return f"{line} {_label(key.name)}PRIMARY KEY{descending}{_conflict(key.conflict)}{auto}"


def _is_alone(unique: Unique) -> bool:
    """Return True for a UNIQUE that is written with its column: as a table constraint, Django's introspection, and all
    code that uses it, would take the word UNIQUE for the name of a column."""
    first = unique.columns[0]
    return unique.name is None and len(unique.columns) == 1 and first.collation is None and not first.descending


def _inline_key(table: Table) -> str | None:
    """Return the column with which the key must be written so that SQLite decides on the row id as before.

    An alias is easiest to read there; and a single INTEGER column that is no alias can only be an inline DESC.
    """
    key = table.primary_key
    if key is None or len(key.columns) != 1 or table.without_rowid:
        return None
    column = table.column(key.columns[0].column or "")
    return column.name if column is not None and column.type.canonical == "INTEGER" else None


def _constraints(table: Table, with_key: bool, uniques: Sequence[Unique]) -> Iterator[str]:
    if with_key and table.primary_key is not None:
        key = table.primary_key
        auto = " AUTOINCREMENT" if key.autoincrement else ""  # SQLite refuses it if the key is not the row id
        yield f"{_label(key.name)}PRIMARY KEY ({_columns(key.columns)}{auto}){_conflict(key.conflict)}"
    for unique in uniques:
        yield _unique(unique)
    for check in table.checks:
        yield _check(check)
    for foreign in table.foreign_keys:
        yield f"{_label(foreign.name)}FOREIGN KEY ({_names(foreign.columns)}) {foreign_key_clause(foreign)}"


def _unique(unique: Unique) -> str:
    return f"{_label(unique.name)}UNIQUE ({_columns(unique.columns)}){_conflict(unique.conflict)}"


def _check(check: Check) -> str:
    return f"{_label(check.name)}CHECK ({check.expression.text})"


def _names(names: Sequence[str]) -> str:
    return ", ".join(map(quote, names))


def _columns(columns: Sequence[IndexedColumn]) -> str:
    return ", ".join(map(indexed_column, columns))


def indexed_column(column: IndexedColumn) -> str:
    """A column of an index or key as SQL."""
    text = quote(column.column) if column.column is not None else column.expression.text if column.expression else ""
    if column.collation is not None:
        text += f" COLLATE {quote(column.collation)}"
    return text + (" DESC" if column.descending else "")


def _default(default: Sql) -> str:
    """Return a literal as it is, everything else in parentheses: SQLite reads an unquoted word that is no literal as a
    string."""
    return default.text if is_literal(default.text) else f"({default.text})"


def _label(name: str | None) -> str:
    return f"CONSTRAINT {quote(name)} " if name else ""


def _conflict(conflict: str | None) -> str:
    return f" ON CONFLICT {conflict}" if conflict else ""
