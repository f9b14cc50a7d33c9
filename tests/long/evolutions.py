"""Random evolutions of random databases against a model in Python, which knows no SQL but the affinity of columns.

A case is one database that goes through many changes of its schema, one to four at once, with writes in between. After
each sync every value and its type must be what the model says; a refused sync must leave everything as it was.
"""

from __future__ import annotations

import copy
import json
import random
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from schemasync.errors import Refused, SchemasyncError
from schemasync.schema import document
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync

STEPS = 25  # syncs of a database
TYPES = ("TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB")
NAMES = ("a", "b", "c", "d", "e", "order", "it's", "É", "two words", "_x")
TABLES = ("t", "u", "group", "w x")
Value = None | int | float | str | bytes


@dataclass
class Column:
    """A column. `was`: its name before the next sync, None for a new one. `fill`: the next sync's value for NULL."""

    name: str
    type: str
    is_required: bool = False
    default: Value = None
    was: str | None = None
    fill: Value = None


@dataclass
class Table:
    """A table. `rows`: by id, the values by the present column names of the file. `indexes`: pairs of a column and
    whether its values are unique."""

    name: str
    columns: list[Column]
    was: str | None = None
    rows: dict[int, dict[str, Value]] = field(default_factory=dict)
    indexes: list[tuple[str, bool]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    is_without_rowid: bool = False


@dataclass
class Model:
    tables: list[Table] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


class Impossible(Exception):
    """The chosen change makes no sense for this table."""


def evolutions(folder: Path, seed: int) -> Counter[str]:
    """Evolve one database. Raise AssertionError if it differs from the model."""
    chance, counts = random.Random(seed), Counter[str]()
    model = Model()
    _add_table(model, chance)
    model = _sync(folder / "db.sqlite3", model, SyncOptions(allow_older=True), counts)
    for number in range(STEPS):
        wanted, done = copy.deepcopy(model), []
        for _ in range(chance.choice((1, 1, 2, 3, 4))):
            change = chance.choice(CHANGES)
            try:
                change(wanted, chance)
            except Impossible:
                continue
            done.append(change.__name__.strip("_").replace("_", " "))
        options = SyncOptions(
            allow_older=True, block_writers=chance.random() < 0.5, rebuild_all=chance.random() < 0.15,
            verify_full=chance.random() < 0.1,
        )  # fmt: skip
        try:
            model = _sync(folder / "db.sqlite3", wanted, options, counts)
            counts.update(done)
        except AssertionError as error:
            raise AssertionError(f"step {number}, {done}, {options}:\n{error}") from error
        except Refused as refusal:
            counts[f"refused [{refusal.problems[0].code}]"] += 1
            _compare(folder / "db.sqlite3", model)
        except SchemasyncError as error:
            tree = json.dumps(_tree(wanted), ensure_ascii=False)
            raise AssertionError(f"step {number}, {done}, {options}:\n{tree}\n{error}") from error
        _write(folder / "db.sqlite3", model, chance)
        _compare(folder / "db.sqlite3", model)
    return counts


def _sync(link: Path, wanted: Model, options: SyncOptions, counts: Counter[str]) -> Model:
    """Sync, compare, and return the model afterwards. Raise Refused, or AssertionError for a difference."""
    tree = _tree(wanted)
    report = sync(target(link, keep=1), document.read(json.dumps(tree).encode()), options)
    counts[f"a sync {'of nothing' if report.result == 'current' else f'that is a {report.strategy}'}"] += 1
    after = _after(wanted)
    try:
        _compare(link, after)
    except AssertionError as error:
        raise AssertionError(f"{json.dumps(tree, ensure_ascii=False)}\n{error}") from error
    return after


# --- what the database must hold --------------------------------------------------------------------------------------


def _after(wanted: Model) -> Model:
    """Return the model after a sync to `wanted`."""
    tables = []
    for table in wanted.tables:
        rows = {key: {c.name: _moved(c, row) for c in table.columns} for key, row in table.rows.items()}
        columns = [Column(c.name, c.type, c.is_required, c.default, c.name) for c in table.columns]
        indexes, without = list(table.indexes), table.is_without_rowid
        tables.append(Table(table.name, columns, table.name, rows, indexes, [], without))
    return Model(tables)


def _moved(column: Column, row: dict[str, Value]) -> Value:
    if column.was is None:
        return _stored(column.type, column.default)
    value = row[column.was]
    return _stored(column.type, column.fill if value is None else value)


def _stored(affinity: str, value: Value) -> Value:
    """Return a value as a column of that affinity stores it: https://www.sqlite.org/datatype3.html#type_affinity"""
    match affinity, value:
        case "TEXT", int() | float():
            return str(value)
        case "INTEGER" | "NUMERIC", str():
            number = _number(value)
            return value if number is None else _stored("INTEGER", number)
        case "INTEGER" | "NUMERIC", float():
            return int(value) if value.is_integer() else value
        case "REAL", str():
            number = _number(value)
            return value if number is None else float(number)
        case "REAL", int():
            return float(value)
        case _:
            return value


def _number(text: str) -> int | float | None:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return None


def _compare(link: Path, model: Model) -> None:
    with closing(sqlite3.connect(link)) as connection:
        names = {n for (n,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        found = {name for name in names if not name.startswith(("sqlite_", "_schema"))}
        assert found == {table.name for table in model.tables}, found
        for table in model.tables:
            columns = ", ".join(_quoted(c.name) for c in table.columns)
            sql = f"SELECT id, {columns} FROM {_quoted(table.name)} ORDER BY id"
            there = {key: _typed(values) for key, *values in connection.execute(sql)}
            meant = {key: _typed(row[c.name] for c in table.columns) for key, row in table.rows.items()}
            assert there == meant, f"{table.name}:\n{there}\ninstead of\n{meant}"
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _typed(values):
    return [(type(value).__name__, value) for value in values]


# --- schema.json ------------------------------------------------------------------------------------------------------


def _tree(wanted: Model) -> dict[str, object]:
    tree: dict[str, object] = {_key(table.name): _table(table) for table in wanted.tables}
    return {**tree, "_dropped": wanted.dropped} if wanted.dropped else tree


def _table(table: Table) -> dict[str, object]:
    body: dict[str, object] = {
        "id": "INTEGER PRIMARY KEY NOT NULL" if table.is_without_rowid else "INTEGER PRIMARY KEY"
    }
    for column in table.columns:
        definition = column.type + (" NOT NULL" if column.is_required else "")
        if column.default is not None:
            definition += f" DEFAULT {_literal(column.default)}"
        if column.was not in (None, column.name) or column.fill is not None:
            hints: dict[str, object] = {"was": [column.was]} if column.was not in (None, column.name) else {}
            if column.fill is not None:
                hints["fill"] = f"coalesce({_quoted(column.was or column.name)}, {_literal(column.fill)})"
            body[_key(column.name)] = {"type": definition, **hints}
        else:
            body[_key(column.name)] = definition
    if table.indexes:
        body["_indexes"] = [
            {"columns": [name], **({"unique": True} if unique else {})} for name, unique in table.indexes
        ]
    if table.was not in (None, table.name):
        body["_was"] = [table.was]
    if table.dropped:
        body["_dropped"] = table.dropped
    if table.is_without_rowid:
        body["_without_rowid"] = True
    return body


def _key(name: str) -> str:
    return f"_{name}" if name.startswith("_") else name


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Value) -> str:
    match value:
        case None:
            return "NULL"
        case bytes():
            return f"X'{value.hex()}'"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            return str(value)


# --- random changes ---------------------------------------------------------------------------------------------------


def _value(chance: random.Random) -> Value:
    number = chance.randrange(1000)
    return chance.choice(
        (None, number, f"w{number}", str(number), number + 0.5, f"{number}.5", bytes([number % 256, 7]))
    )


def _one_table(model: Model, chance: random.Random) -> Table:
    if not model.tables:
        raise Impossible
    return chance.choice(model.tables)


def _one_column(table: Table, chance: random.Random) -> Column:
    if not table.columns:
        raise Impossible
    return chance.choice(table.columns)


def _free(names: tuple[str, ...], taken: list[str], chance: random.Random) -> str:
    found = [name for name in names if name not in taken]
    if not found:
        raise Impossible
    return chance.choice(found)


def _column(table: Table, chance: random.Random) -> Column:
    column = Column(_free(NAMES, [c.name for c in table.columns], chance), chance.choice(TYPES))
    column.default = _value(chance) if chance.random() < 0.5 else None
    column.is_required = column.default is not None and chance.random() < 0.5
    return column


def _add_table(model: Model, chance: random.Random) -> None:
    table = Table(_free(TABLES, [t.name for t in model.tables] + [t.was or "" for t in model.tables], chance), [])
    if table.name in model.dropped:
        raise Impossible
    for _ in range(chance.randrange(1, 5)):
        table.columns.append(_column(table, chance))
    model.tables.append(table)


def _drop_table(model: Model, chance: random.Random) -> None:
    table = _one_table(model, chance)
    if table.was is None or len(model.tables) == 1:
        raise Impossible
    model.tables.remove(table)
    model.dropped.append(table.was)


def _rename_table(model: Model, chance: random.Random) -> None:
    table = _one_table(model, chance)
    others = [t.name for t in model.tables] + [t.was or "" for t in model.tables] + model.dropped
    table.name = _free(TABLES, others, chance)


def _add_column(model: Model, chance: random.Random) -> None:
    table = _one_table(model, chance)
    table.columns.insert(chance.randrange(len(table.columns) + 1), _column(table, chance))


def _drop_column(model: Model, chance: random.Random) -> None:
    table = _one_table(model, chance)
    column = _one_column(table, chance)
    if column.was is None or any(column.name == name for name, _ in table.indexes) or len(table.columns) == 1:
        raise Impossible
    table.columns.remove(column)
    table.dropped.append(column.was)


def _rename_column(model: Model, chance: random.Random) -> None:
    table = _one_table(model, chance)
    column = _one_column(table, chance)
    old, column.name = column.name, _free(NAMES, [c.name for c in table.columns], chance)
    table.indexes = [(column.name if name == old else name, unique) for name, unique in table.indexes]


def _change_type(model: Model, chance: random.Random) -> None:
    _one_column(_one_table(model, chance), chance).type = chance.choice(TYPES)


def _change_default(model: Model, chance: random.Random) -> None:
    column = _one_column(_one_table(model, chance), chance)
    column.default = _value(chance)
    if column.was is None and column.default is None:
        column.is_required = False


def _require(model: Model, chance: random.Random) -> None:
    """Add NOT NULL, with a value for the rows that have none, or remove it."""
    column = _one_column(_one_table(model, chance), chance)
    column.is_required, column.fill = not column.is_required, None
    if column.is_required:
        while (value := _value(chance)) is None:
            pass
        if column.was is None:
            column.default = value
        elif chance.random() < 0.8:
            column.fill = value


def _reorder(model: Model, chance: random.Random) -> None:
    chance.shuffle(_one_table(model, chance).columns)


def _index(model: Model, chance: random.Random) -> None:
    table = _one_table(model, chance)
    if table.indexes and chance.random() < 0.5:
        table.indexes.remove(chance.choice(table.indexes))
        return
    name = _one_column(table, chance).name
    if any(name == other for other, _ in table.indexes):
        raise Impossible
    table.indexes.append((name, chance.random() < 0.3))


def _without_rowid(model: Model, chance: random.Random) -> None:
    table = _one_table(model, chance)
    table.is_without_rowid = not table.is_without_rowid


CHANGES = (
    _add_table, _drop_table, _rename_table, _add_column, _add_column, _drop_column, _rename_column, _rename_column,
    _change_type, _change_type, _change_default, _require, _reorder, _index, _without_rowid,
)  # fmt: skip


def _write(link: Path, model: Model, chance: random.Random) -> None:
    """Insert, update and delete rows in the file and in the model. Rows that violate a constraint are in neither."""
    with closing(sqlite3.connect(link, isolation_level=None)) as connection:
        for _ in range(chance.randrange(12)):
            table = _one_table(model, chance)
            name, key = _quoted(table.name), chance.randrange(1, 40)
            row = {c.name: _stored(c.type, _value(chance)) for c in table.columns}
            try:
                if key not in table.rows:
                    places = ", ".join("?" * (len(row) + 1))
                    columns = ", ".join(_quoted(column) for column in ("id", *row))
                    connection.execute(f"INSERT INTO {name} ({columns}) VALUES ({places})", (key, *row.values()))
                    table.rows[key] = row
                elif chance.random() < 0.6:
                    column = _one_column(table, chance).name
                    connection.execute(f"UPDATE {name} SET {_quoted(column)} = ? WHERE id = ?", (row[column], key))
                    table.rows[key][column] = row[column]
                else:
                    connection.execute(f"DELETE FROM {name} WHERE id = ?", (key,))
                    del table.rows[key]
            except sqlite3.IntegrityError:
                continue
