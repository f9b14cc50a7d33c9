"""Compare two databases by sqlite3 alone: tables, columns by name, indexes, constraints, all rows.

Another column order is no fault, only counted. References to content types and permissions are compared by their names.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from .product import Allowed

OWN = "_schema_versions"
ALLOWED = (
    Allowed("django_migrations", "the time at which the migration ran", column="applied"),
    Allowed("django_content_type", "numbered as they come; that of schemasync's own model is among them", column="id"),
    Allowed("django_content_type", "schemasync's own model", where="app_label = 'schemasync'"),
    Allowed("auth_permission", "numbered as they come; those of schemasync's own model are among them", column="id"),
    Allowed(
        "auth_permission",
        "for schemasync's own model",
        where="content_type_id IN (SELECT id FROM django_content_type WHERE app_label = 'schemasync')",
    ),
    Allowed(
        "sqlite_sequence",
        "counts schemasync's content type and permissions, too",
        where="name IN ('django_content_type', 'auth_permission', '_schema_versions')",
    ),
    Allowed(
        "sqlite_sequence", "a counter at 0 is as good as none: the next row gets 1", where="seq = 0", only_full=True
    ),
    Allowed(
        "django_migrations", "schema.json takes the place of migrations: none is recorded", where="1", only_full=True
    ),
    Allowed("sqlite_sequence", "as none is recorded", where="name = 'django_migrations'", only_full=True),
)
NAMES = {
    "django_content_type": "SELECT id, app_label || '.' || model FROM django_content_type",
    "auth_permission": "SELECT p.id, c.app_label || '.' || c.model || '.' || p.codename FROM auth_permission p "
    "JOIN django_content_type c ON c.id = p.content_type_id",
}
"""The queries for the names by which references to these tables are compared."""
DEFERRED = ("not", "deferrable", "initially", "deferred", "immediate")
TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|[\w.$]+|\S""", re.DOTALL
)


@dataclass
class Comparison:
    faults: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        counts = self.counts
        order = f"; {counts['other order']} tables have another column order" if counts["other order"] else ""
        return (
            f"{counts['tables']} tables, {counts['columns']} columns, {counts['indexes']} indexes, {counts['foreign keys']} "
            f"foreign keys, {counts['rows']:,} rows, {counts['values']:,} values compared{order}"
        )


def compare(stock: Path, other: Path, allowed: Iterable[Allowed], *, is_exact: bool) -> Comparison:
    """Compare two databases. With `is_exact`, also compare the SQL of constraints and the order of columns."""
    found, allowed = Comparison(), [*allowed]
    with closing(_opened(stock)) as one, closing(_opened(other)) as two:
        _check(two, found)
        schemas = [_schema(side) for side in (one, two)]
        for name in sorted(schemas[0].keys() | schemas[1].keys()):
            pair = [schema.get(name) for schema in schemas]
            if None in pair:
                found.faults.append(f"only {'stock' if pair[1] is None else 'the other'} has {name}")
            else:
                _compare_object(name, *pair, found, is_exact=is_exact)
        for name in sorted(schemas[0].keys() & schemas[1].keys()):
            if schemas[0][name]["kind"] == "table":
                _compare_rows(name, one, two, [rule for rule in allowed if rule.table == name], found)
    return found


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.create_function("django_timestamp_diff", 2, lambda one, two: None)
    return connection


def _check(connection: sqlite3.Connection, found: Comparison) -> None:
    for pragma in ("integrity_check", "foreign_key_check"):
        rows = connection.execute(f"PRAGMA {pragma}").fetchall()
        if rows not in ([("ok",)], []):
            found.faults.append(f"{pragma}: {rows[:3]}")


def _schema(connection: sqlite3.Connection) -> dict[str, dict]:
    objects = {}
    for kind, name, table, sql in connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name"
    ):
        if OWN in (name, table) or kind == "index" or name.startswith("sqlite_stat"):
            continue
        objects[name] = {"kind": kind, "sql": _tokens(sql)} | (_table(connection, name, sql) if kind == "table" else {})
    return objects


def _table(connection: sqlite3.Connection, name: str, sql: str) -> dict:
    columns = {row[1]: row[2:] for row in _pragma(connection, "table_xinfo", name)}
    keys: dict[int, list] = {}
    for number, place, parent, *rest in _pragma(connection, "foreign_key_list", name):
        keys.setdefault(number, []).append((place, parent.lower(), *rest))
    indexes = Counter()
    for _, index, unique, origin, partial in _pragma(connection, "index_list", name):
        said = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", [index]).fetchone()[0]
        parts = tuple(row[2:] for row in _pragma(connection, "index_xinfo", index) if row[5])
        indexes[(index if origin == "c" else "", unique, origin, partial, parts, _tokens(said))] += 1
    return {
        "order": list(columns),
        "columns": {column: _column(*rest) for column, rest in columns.items()},
        "foreign keys": Counter(tuple(sorted(key)) for key in keys.values()),
        "indexes": indexes,
        "SQL": Counter(_parts(sql)),
        "constraints": Counter(_constraints(sql)),
    }


def _constraints(sql: str) -> Iterator[tuple]:
    """Yield the constraints that PRAGMAs do not show, in the same form for columns and for the table."""
    *parts, end = _parts(sql)
    yield ("after", *end)
    for part in parts[1:]:
        column = part[part.index("(") + 1 : part.index(")")] if "foreign" in part[:3] else part[:1]
        for place, token in enumerate(part):
            if token == "check":
                yield ("check", *_in_parentheses(part[place + 1 :]))
            elif token in ("collate", "as"):
                yield (column, *part[place : place + 2], *_in_parentheses(part[place + 1 :]))
            elif token == "references":
                yield (column, *(word for word in part[place:] if word in DEFERRED))
            elif token == "autoincrement":
                yield (column, token)


def _in_parentheses(tokens: tuple[str, ...]) -> tuple[str, ...]:
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token == "(") - (token == ")")
        if depth == 0:
            return tokens[: place + 1]
    return tokens


def _column(kind: str, needed: int, default: str | None, key: int, hidden: int) -> tuple:
    """Return a column to compare. A row id is never NULL, so there NOT NULL makes no difference."""
    return kind.lower(), needed or int(kind.lower() == "integer" and key > 0), default, key, hidden


def _pragma(connection: sqlite3.Connection, pragma: str, name: str) -> list[tuple]:
    return connection.execute(f"SELECT * FROM pragma_{pragma}(?)", [name]).fetchall()


def _tokens(sql: str | None) -> tuple[str, ...]:
    """Return the words of a statement without comments. Names lose their quotes, and all but strings is lower case."""
    found = (token for token in TOKEN.findall(sql or "") if not token.startswith(("--", "/*")))
    return tuple(token if token[0] == "'" else token.strip('"`[]').lower() for token in found)


def _parts(sql: str) -> Iterator[tuple[str, ...]]:
    """Yield the tokens of a CREATE TABLE in parts: before its definitions, each definition, and after them."""
    depth, part = 0, []
    for token in _tokens(sql):
        depth -= token == ")"
        if depth == 0 or (depth == 1 and token == ","):
            yield tuple(part)
            part = []
        else:
            part.append(token)
        depth += token == "("
    yield tuple(part)


def _compare_object(name: str, one: dict, two: dict, found: Comparison, *, is_exact: bool) -> None:
    if one["kind"] != "table":
        if one["sql"] != two["sql"]:
            found.faults.append(f"{name}: {' '.join(one['sql'])} is {' '.join(two['sql'])}")
        return
    found.counts["tables"] += 1
    found.counts["columns"] += len(one["columns"])
    for what in ("indexes", "foreign keys"):
        found.counts[what] += sum(one[what].values())
    for what in ("columns", "foreign keys", "indexes", "constraints", *(["SQL"] if is_exact else [])):
        mine, theirs = ({*side[what].items()} for side in (one, two))
        if mine != theirs:
            found.faults.append(
                f"{name}, {what}: only stock {sorted(mine - theirs, key=str)}, only the other {sorted(theirs - mine, key=str)}"
            )
    if one["order"] != two["order"]:
        found.counts["other order"] += 1
        if is_exact:
            found.faults.append(f"{name}: the columns stand in another order: {one['order']}, {two['order']}")


def _compare_rows(name: str, one, two, rules: list[Allowed], found: Comparison) -> None:
    columns = [row[1] for row in _pragma(one, "table_xinfo", name)]
    if {*columns} ^ {row[1] for row in _pragma(two, "table_xinfo", name)}:
        return  # the comparison of the columns reports that
    compared = sorted({*columns} - {rule.column for rule in rules if rule.where is None})
    mine, theirs = (_rows(side, name, compared, rules) for side in (one, two))
    found.counts["rows"] += mine.total()
    found.counts["values"] += mine.total() * len(compared)
    if mine != theirs:
        only = [list((a - b).elements()) for a, b in ((mine, theirs), (theirs, mine))]
        found.faults.append(
            f"{name}: {mine.total():,} and {theirs.total():,} rows, of which {len(only[0]):,} and {len(only[1]):,} the other has not; "
            f"{compared}: {only[0][:2]} and {only[1][:2]}"[:1500]
        )


def _rows(connection, name: str, columns: list[str], rules: list[Allowed]) -> Counter:
    left_out = " OR ".join(f"({rule.where})" for rule in rules if rule.where and rule.column is None) or "0"
    listed = ", ".join(f'{_value(column, rules)}, typeof("{column}")' for column in columns)
    referring = {row[3]: row[2] for row in _pragma(connection, "foreign_key_list", name) if row[2] in NAMES}
    names = {column: dict(connection.execute(NAMES[parent])) for column, parent in referring.items()}
    rows = connection.execute(f'SELECT {listed} FROM "{name}" WHERE NOT ({left_out})')
    places = [(columns.index(column) * 2, names[column]) for column in referring if column in columns]
    return Counter(_named(row, places) for row in rows)


def _value(column: str, rules: list[Allowed]) -> str:
    """Return SQL for the column, with NULL in the rows where it may differ."""
    where = " OR ".join(f"({rule.where})" for rule in rules if rule.where and rule.column == column)
    return f'CASE WHEN {where} THEN NULL ELSE "{column}" END' if where else f'"{column}"'


def _named(row: tuple, places: list[tuple[int, dict]]) -> tuple:
    if not places:
        return row
    row = list(row)
    for place, names in places:
        row[place] = names.get(row[place], row[place])
    return tuple(row)


def kept_numbers(old: Path, new: Path) -> list[str]:
    """Return a fault for each id of a content type or permission that has another name in the new database."""
    with closing(_opened(old)) as one, closing(_opened(new)) as two:
        faults = []
        for table, query in NAMES.items():
            there = dict(two.execute(query))
            gone = [(key, name) for key, name in one.execute(query) if there.get(key) != name]
            faults += [f"{table} {key} was {name}, and is {there.get(key)}" for key, name in gone]
        return faults


def counted(path: Path) -> dict[str, int]:
    """Return the number of rows of each table."""
    with closing(_opened(path)) as connection:
        names = [name for name, one in _schema(connection).items() if one["kind"] == "table"]
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}
