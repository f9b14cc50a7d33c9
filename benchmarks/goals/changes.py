"""The changes that are measured, as edits of schema.json, each with a query that gives 1 after the change.

`benchmarks.shop.operations` has the same changes as operations of Django's migrations.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.process import ProcessFailed

LARGE, SMALL = "shop_order", "auth_user"
TO_CUSTOMER = "REFERENCES shop_customer (id) DEFERRABLE INITIALLY DEFERRED"
INDEX = {"name": "shop_order_comment", "columns": ["comment"]}


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a table: new definitions of columns, None for a dropped column, and a new index.

    `is_made`: the query that gives 1 after the change.
    """

    columns: dict[str, str | None]
    is_made: str
    table: str = LARGE
    index: dict[str, Any] | None = None

    def applied(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the schema.json after the change."""
        table = dict(schema[self.table])
        for name, definition in self.columns.items():
            if definition is None:
                del table[name]
                table["_dropped"] = [*table.get("_dropped", []), name]
            else:
                table[name] = definition
        if self.index is not None:
            table["_indexes"] = [*table.get("_indexes", []), self.index]
        return {**schema, self.table: table}


def _column(name: str, question: str, table: str = LARGE) -> str:
    return f"SELECT {question} FROM pragma_table_info('{table}') WHERE name = '{name}'"


def _sql(question: str) -> str:
    return f"SELECT {question} FROM sqlite_schema WHERE name = '{LARGE}'"


def _has_key(column: str) -> str:
    return f"SELECT count(*) FROM pragma_foreign_key_list('{LARGE}') WHERE \"from\" = '{column}'"


MAX_LENGTH = Change({"comment": "varchar(200) NOT NULL"}, _column("comment", "lower(type) = 'varchar(200)'"))
NOT_NULL_OFF = Change({"total": "decimal"}, _column("total", '"notnull" = 0'))
CHECK_OFF = Change({"quantity": "integer NOT NULL"}, _sql("sql NOT LIKE '%CHECK%'"))
FOREIGN_KEY_OFF = Change({"customer_id": "bigint NOT NULL"}, f"SELECT 1 - ({_has_key('customer_id')})")
ADDED_COLUMN = Change({"gift": "varchar(40)"}, _column("gift", "1"))
FIVE = (MAX_LENGTH, NOT_NULL_OFF, CHECK_OFF, FOREIGN_KEY_OFF, ADDED_COLUMN)

CHANGES = {
    "max_length": MAX_LENGTH,
    "not_null_off": NOT_NULL_OFF,
    "check_off": CHECK_OFF,
    "foreign_key_off": FOREIGN_KEY_OFF,
    "added_column": ADDED_COLUMN,
    "default": Change({"state": "varchar(20) DEFAULT 'new'"}, _column("state", "dflt_value = '''new'''")),
    "not_null_on": Change({"state": "varchar(20) NOT NULL"}, _column("state", '"notnull"')),
    "check_on": Change(
        {"weight": 'integer unsigned NOT NULL CHECK ("weight" >= 0)'}, _sql("sql LIKE '%\"weight\" >= 0%'")
    ),
    "foreign_key_on": Change({"recommended_by_id": f"bigint {TO_CUSTOMER}"}, _has_key("recommended_by_id")),
    "five": Change(
        {name: definition for change in FIVE for name, definition in change.columns.items()},
        " AND ".join(f"({change.is_made})" for change in FIVE).join(("SELECT ", "")),
    ),
    "dropped_column": Change({"weight": None}, f"SELECT 1 - ({_column('weight', 'count(*)')})"),
    "affinity": Change({"weight": "varchar(20) NOT NULL"}, f"SELECT typeof(weight) = 'text' FROM {LARGE} LIMIT 1"),
    "two_columns": Change(
        {"weight": "varchar(20) NOT NULL", "quantity": "real NOT NULL"},
        f"SELECT typeof(weight) = 'text' AND typeof(quantity) = 'real' FROM {LARGE} LIMIT 1",
    ),
    "index": Change({}, f"SELECT count(*) FROM pragma_index_info('{INDEX['name']}')", index=INDEX),
    "small_table": Change(
        {"date_joined": "blob NOT NULL"}, _column("date_joined", "lower(type) = 'blob'", SMALL), SMALL
    ),
}


def write(name: str, base: Path, path: Path) -> Path:
    """Write the schema.json after a change of `base` to `path`. Comments of `base` must be whole lines."""
    lines = base.read_text("utf-8").splitlines()
    schema = json.loads("\n".join(line for line in lines if not line.startswith("//")))
    path.write_text(json.dumps(CHANGES[name].applied(schema), indent=2), "utf-8")
    return path


def check(name: str, database: Path) -> None:
    """Raise ProcessFailed if the change has not been made, as its time would mean nothing."""
    with closing(sqlite3.connect(database)) as connection:
        if connection.execute(CHANGES[name].is_made).fetchone() != (1,):
            raise ProcessFailed(f"{database} does not have the change {name}")
