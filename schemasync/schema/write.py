"""Writes a schema as the text of a schema.json, as a person would write it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from . import lexer, normalize
from .default import is_literal
from .model import (
    Check,
    Column,
    ForeignKey,
    Index,
    IndexedColumn,
    PrimaryKey,
    Schema,
    Sql,
    Table,
    Trigger,
    Unique,
    View,
)
from .names import fold, spell, to_key

Json = dict[str, Any]


def write(schema: Schema, comment: str = "", extra_keys: Mapping[str, Json] | None = None) -> str:
    """The text of a schema.json; reading it returns an equal schema. `comment` is written as the first line.

    `extra_keys`: keys to write first in a table, such as `_model`, by its folded name. They are not in the schema.
    """
    keys = extra_keys or {}
    tree: Json = {to_key(table.name): {**keys.get(fold(table.name), {}), **_table(table)} for table in schema.tables}
    if schema.views:
        tree["_views"] = {to_key(view.name): _view(view) for view in schema.views}
    head = f"// {comment}\n" if comment else ""
    return head + _pretty(tree, 0) + "\n"


def column_text(table: Table, column: Column) -> str:
    """The definition of a column with every constraint that refers to it alone."""
    pieces = [column.type.text]
    key = table.primary_key
    if key is not None and _inline_key(table) == column.name:
        auto = " AUTOINCREMENT" if key.autoincrement else ""
        descending = " DESC" if key.columns[0].descending else ""
        pieces.append(f"{_label(key.name)}PRIMARY KEY{descending}{_conflict(key.conflict)}{auto}")
    if column.not_null is not None:
        pieces.append(f"{_label(column.not_null.name)}NOT NULL{_conflict(column.not_null.conflict)}")
    pieces += [f"{_label(u.name)}UNIQUE{_conflict(u.conflict)}" for u in table.uniques if _alone(u) == column.name]
    if column.default is not None:
        pieces.append(f"DEFAULT {_default(column.default)}")
    if column.collation is not None:
        pieces.append(f"COLLATE {column.collation.upper()}")
    if column.generated is not None:
        stored = " STORED" if column.stored else ""
        pieces.append(f"GENERATED ALWAYS AS ({plain(column.generated)}){stored}")
    pieces += [f"{_label(c.name)}CHECK ({plain(c.expression)})" for c in table.checks if about(table, c) == column.name]
    pieces += [_label(k.name) + _references(k) for k in table.foreign_keys if k.columns == (column.name,)]
    return " ".join(piece for piece in pieces if piece)


def _table(table: Table) -> Json:
    if table.virtual is not None:
        return {"_virtual": table.virtual.text}
    body: Json = {to_key(column.name): column_text(table, column) for column in table.columns}
    constraints: list[str] = []
    key = table.primary_key
    if key is not None and _inline_key(table) is None:
        if key.name is not None or key.conflict:
            constraints.append(constraint_text(key))
        else:
            body["_primary_key"] = [_indexed(column) for column in key.columns]
    uniques = [u for u in table.uniques if _alone(u) is None]
    constraints += [constraint_text(u) for u in uniques if u.conflict]
    _add(body, "_unique_constraints", [_unique(u) for u in uniques if not u.conflict])
    _add(body, "_checks", [_check(c) for c in table.checks if about(table, c) is None])
    _add(body, "_foreign_keys", [_foreign_key(k) for k in table.foreign_keys if len(k.columns) > 1])
    _add(body, "_constraints", constraints)
    _add(body, "_indexes", [index_entry(table, index) for index in table.indexes])
    _add(body, "_triggers", _triggers(table.triggers))
    _add(body, "_strict", table.strict)
    _add(body, "_without_rowid", table.without_rowid)
    return body


def renamed(column: Column, old: str) -> str:
    """The column of schema.json with an earlier name added to its definition, ready to paste."""
    shape = _shape(column)
    return _entry(column, {**shape, "was": [old, *shape.get("was", ())]})


def filled(column: Column, fill: str) -> str:
    """The column of schema.json with a fill added to its definition, ready to paste."""
    return _entry(column, {**_shape(column), "fill": fill})


def _shape(column: Column) -> Json:
    value = json.loads(column.written) if column.written else column.type.text
    return value if isinstance(value, dict) else {"type": value}


def _entry(column: Column, shape: Json) -> str:
    return f"{json.dumps(to_key(column.name), ensure_ascii=False)}: {json.dumps(shape, ensure_ascii=False)}"


def constraint_text(one: PrimaryKey | Unique | Check | ForeignKey) -> str:
    """The SQL of a table constraint, with its name if it has one."""
    match one:
        case PrimaryKey():
            return f"{_label(one.name)}PRIMARY KEY ({_list(one.columns)}){_conflict(one.conflict)}"
        case Unique():
            return f"{_label(one.name)}UNIQUE ({_list(one.columns)}){_conflict(one.conflict)}"
        case Check():
            return f"{_label(one.name)}CHECK ({plain(one.expression)})"
        case _:
            columns = ", ".join(map(spell, one.columns))
            return f"{_label(one.name)}FOREIGN KEY ({columns}) {_references(one)}"


def clauses(table: Table) -> Iterator[tuple[str, str]]:
    """Yield (a key that identifies it, its SQL) for each part of a table besides its columns with their constraints."""
    if table.virtual is not None:
        yield "virtual", f"USING {table.virtual.text}"
    if table.primary_key is not None and _inline_key(table) is None:
        yield "primary key", constraint_text(table.primary_key)
    constraints: list[Unique | Check | ForeignKey] = [u for u in table.uniques if _alone(u) is None]
    constraints += [c for c in table.checks if about(table, c) is None]
    constraints += [k for k in table.foreign_keys if len(k.columns) > 1]
    for one in constraints:
        text = constraint_text(one)
        yield f"{type(one).__name__} {one.name or text}", text
    for index in table.indexes:
        yield f"index {index.name}", _index_text(table, index)
    yield from trigger_clauses(table.triggers)
    if table.strict:
        yield "strict", "STRICT"
    if table.without_rowid:
        yield "without rowid", "WITHOUT ROWID"


def trigger_clauses(triggers: Iterable[Trigger]) -> Iterator[tuple[str, str]]:
    """Yield (a key that identifies it, its SQL) for each trigger; views have triggers, too."""
    for trigger in triggers:
        yield f"trigger {trigger.name}", f"TRIGGER {spell(trigger.name)} {trigger.body.text}"


def _index_text(table: Table, index: Index) -> str:
    """An index; a name that only stands for its definition is left out."""
    own = normalize.index_name(table.name, index.columns, index.where, index.unique)
    name = "" if index.name == own else f"{spell(index.name)} "
    where = f" WHERE {plain(index.where)}" if index.where is not None else ""
    return f"{'UNIQUE ' if index.unique else ''}INDEX {name}({_list(index.columns)}){where}"


def document_json(table: Table) -> Json:
    """The value that `write` writes for a table."""
    return _table(table)


def pretty(value: Any) -> str:
    """The text of a table's value, as `write` formats it."""
    return _pretty(value, 1)


def _view(view: View) -> Json | str:
    if not view.columns and not view.triggers:
        return view.select.text
    shape: Json = {"select": view.select.text}
    _add(shape, "columns", list(view.columns))
    _add(shape, "triggers", _triggers(view.triggers))
    return shape


def _add(body: Json, key: str, value: object) -> None:
    if value:
        body[key] = value


def _triggers(triggers: Iterable[Trigger]) -> dict[str, str]:
    return {to_key(trigger.name): trigger.body.text for trigger in triggers}


def _inline_key(table: Table) -> str | None:
    """Return the column whose definition holds the primary key, if that means the same; otherwise None."""
    key = table.primary_key
    if key is None or len(key.columns) != 1:
        return None
    only = key.columns[0]
    if only.column is None or only.collation is not None:
        return None
    column = table.column(only.column)
    is_integer = column is not None and column.type.canonical == "INTEGER"
    # on INTEGER an inline DESC means that the key is not the row id; on other types it can only be in the list
    return only.column if not only.descending or (is_integer and not table.without_rowid) else None


def _alone(unique: Unique) -> str | None:
    only = unique.columns[0]
    plain = len(unique.columns) == 1 and only.collation is None and not only.descending
    return only.column if plain else None


def about(table: Table, check: Check) -> str | None:
    """The one column that a CHECK refers to, None if it refers to none or several."""
    names = {fold(column.name): column.name for column in table.columns}
    words = {fold(token.value) for token in lexer.tokens(check.expression.canonical)}
    spoken = [name for folded, name in names.items() if folded in words]
    return spoken[0] if len(spoken) == 1 else None


def _unique(unique: Unique) -> Json | list[str]:
    columns = [_indexed(column) for column in unique.columns]
    return columns if unique.name is None else {"name": unique.name, "columns": columns}


def _check(check: Check) -> Json | str:
    text = plain(check.expression)
    return text if check.name is None else {"name": check.name, "check": text}


def _foreign_key(key: ForeignKey) -> Json:
    shape: Json = {} if key.name is None else {"name": key.name}
    shape["columns"] = list(key.columns)
    shape["references"] = {"table": key.table, "columns": list(key.references)}
    _add(shape, "on_delete", key.on_delete)
    _add(shape, "on_update", key.on_update)
    _add(shape, "deferrable", key.deferred)
    return shape


def index_entry(table: Table, index: Index) -> Json | list[str] | str:
    """The entry of an index in `_indexes`."""
    columns = [_indexed(column) for column in index.columns]
    own = normalize.index_name(table.name, index.columns, index.where, index.unique)
    if index.name == own and index.where is None and not index.unique:
        return columns[0] if len(columns) == 1 else columns
    shape: Json = {} if index.name == own else {"name": index.name}
    shape["columns"] = columns
    if index.where is not None:
        shape["where"] = plain(index.where)
    _add(shape, "unique", index.unique)
    return shape


def _indexed(column: IndexedColumn) -> str:
    if column.column is not None and column.collation is None and not column.descending:
        return column.column
    text = spell(column.column) if column.column is not None else plain(column.expression or Sql(""))
    if column.collation is not None:
        text += f" COLLATE {column.collation.upper()}"
    return text + (" DESC" if column.descending else "")


def _list(columns: Sequence[IndexedColumn]) -> str:
    return ", ".join(
        spell(c.column) if c.column is not None and not c.collation and not c.descending else _indexed(c)
        for c in columns
    )


def _references(key: ForeignKey) -> str:
    text = f"REFERENCES {spell(key.table)}"
    if key.references:
        text += f" ({', '.join(map(spell, key.references))})"
    if key.on_delete:
        text += f" ON DELETE {key.on_delete}"
    if key.on_update:
        text += f" ON UPDATE {key.on_update}"
    return text + (" DEFERRABLE INITIALLY DEFERRED" if key.deferred else "")


def _default(default: Sql) -> str:
    text = plain(default)
    return text if is_literal(text) else f"({text})"


def plain(sql: Sql) -> str:
    """The text as written, or its canonical spelling if a comment in it would end the definition."""
    commented = any(token.kind is lexer.TokenKind.COMMENT for token in lexer.tokens(sql.text, comments=True))
    return sql.canonical if commented else sql.text


def _label(name: str | None) -> str:
    return f"CONSTRAINT {spell(name)} " if name is not None else ""


def _conflict(conflict: str | None) -> str:
    return f" ON CONFLICT {conflict}" if conflict else ""


WIDTH = 110  # a value that fits on a line of this width is not broken


def _pretty(value: Any, depth: int) -> str:
    """Return JSON as in the examples of the format: short values on one line, others with one item on each line."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value:
        return flat
    pad = "  " * (depth + 1)
    if depth >= 2 and len(flat) + len(pad) <= WIDTH:
        return flat
    if isinstance(value, dict):
        items = [f"{json.dumps(key, ensure_ascii=False)}: {_pretty(item, depth + 1)}" for key, item in value.items()]
        opening, closing = "{", "}"
    else:
        items = [_pretty(item, depth + 1) for item in value]
        opening, closing = "[", "]"
    return opening + "\n" + ",\n".join(pad + item for item in items) + "\n" + "  " * depth + closing
