"""The mixins that need no definition: timestamps, authorship, soft_delete and audit for tables, and roles.

Each of them is a function of a table to the keys of a mixin in schema.json. Their columns accept NULL and have no
default, so that they are added to tables of any size without writing a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .names import fold, spell, string_literal, to_key
from .placeholders import TableNames

Body = dict[str, Any]
Options = Mapping[str, Any]

ACTOR_TABLE = "schemasync_actor"
"""The table with at most one row: the actor of the open transaction, and other data to log."""

NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'"
"""The time in UTC as Django writes it, with six digits. SQLite knows three of them."""

ACTOR = f"(SELECT actor FROM {ACTOR_TABLE})"
METADATA = f"(SELECT metadata FROM {ACTOR_TABLE})"


@dataclass(frozen=True, slots=True)
class Facts:
    """The properties of a table that a mixin uses, once all columns are known.

    `columns`: all of them. `written`: those that statements write, without generated ones, and without those that
    mixins keep up to date by themselves. `key`: the columns of its primary key, else the row id.
    """

    names: TableNames
    columns: tuple[str, ...]
    written: tuple[str, ...]
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadyMixin:
    """A ready mixin. `early`: its columns and indexes, for the type that holds a time. `late`: the parts that depend on
    the whole table. `maintained`: the columns that its triggers write. `options`: the keys that its `_use` may have."""

    early: Callable[[str, Options], Body]
    late: Callable[[Facts, Options], Body]
    maintained: tuple[str, ...] = ()
    options: frozenset[str] = frozenset()


def _actor_table() -> Body:
    return {ACTOR_TABLE: {"id": "INTEGER PRIMARY KEY CHECK (id = 1)", "actor": "TEXT", "metadata": "TEXT"}}


def _triggers(facts: Facts, **bodies: str) -> Body:
    """Return triggers; the keys are the ends of their names, the values the SQL after the name. One without SQL is left
    out."""
    return {"_triggers": {to_key(f"{facts.names.table}_{name}"): sql for name, sql in bodies.items() if sql}}


def _on_update(facts: Facts, when: str, update: str) -> str:
    """Return a trigger on the columns that are not maintained, so that no trigger of a mixin fires another one; '' if
    the table has only maintained ones."""
    columns = ", ".join(map(spell, facts.written))
    return _on(facts, f"UPDATE OF {columns}", when, update) if columns else ""


def _on(facts: Facts, event: str, when: str, update: str) -> str:
    """Return a trigger that writes columns of the row that was written."""
    table, key = spell(facts.names.table), facts.names
    return (
        f"AFTER {event} ON {table} WHEN {when} BEGIN "
        f"UPDATE {table} SET {update} WHERE {key.key_of()} = {key.key_of('NEW')}; END"
    )


# --- timestamps -----------------------------------------------------------------------------------------------------


def _timestamps(facts: Facts, options: Options) -> Body:
    """Return the triggers. An explicit time is kept if it is later than the present one, so that no stale object resets
    it."""
    is_old = "NEW.updated_at IS NULL OR NEW.updated_at IS OLD.updated_at OR NEW.updated_at < OLD.updated_at"
    return _triggers(
        facts,
        timestamps_insert=_on(
            facts,
            "INSERT",
            "NEW.created_at IS NULL OR NEW.updated_at IS NULL",
            f"created_at = coalesce(created_at, {NOW}), updated_at = coalesce(updated_at, {NOW})",
        ),
        timestamps_update=_on_update(
            facts,
            f"{is_old} OR (NEW.created_at IS NULL AND OLD.created_at IS NOT NULL)",
            "created_at = coalesce(NEW.created_at, OLD.created_at), "
            f"updated_at = CASE WHEN {is_old} THEN {NOW} ELSE NEW.updated_at END",
        ),
    )


# --- authorship -----------------------------------------------------------------------------------------------------


def _authorship(facts: Facts, options: Options) -> Body:
    """Return the triggers. An explicit name is kept while no actor is known; a row that an unknown actor changes has no
    author."""
    author = f"coalesce({ACTOR}, CASE WHEN NEW.updated_by IS NOT OLD.updated_by THEN NEW.updated_by END)"
    return {
        "_tables": _actor_table(),
        **_triggers(
            facts,
            authorship_insert=_on(
                facts,
                "INSERT",
                f"(NEW.created_by IS NULL OR NEW.updated_by IS NULL) AND {ACTOR} IS NOT NULL",
                f"created_by = coalesce(created_by, {ACTOR}), updated_by = coalesce(updated_by, {ACTOR})",
            ),
            authorship_update=_on_update(
                facts,
                f"NEW.updated_by IS NOT {author} OR (NEW.created_by IS NULL AND OLD.created_by IS NOT NULL)",
                f"created_by = coalesce(NEW.created_by, OLD.created_by), updated_by = {author}",
            ),
        ),
    }


# --- soft delete ----------------------------------------------------------------------------------------------------


def _soft_delete(facts: Facts, options: Options) -> Body:
    """Return the view and triggers. Rows stay, with the time of their deletion; the view has the others, and a DELETE
    on it marks rows."""
    table, view = facts.names.table, f"{facts.names.table}_active"
    shown = ", ".join(map(spell, facts.columns))
    body: Body = {
        "_tables": _actor_table(),
        **_triggers(
            facts,
            soft_delete_actor=_on(
                facts,
                "UPDATE OF deleted_at",
                "(NEW.deleted_at IS NULL) <> (OLD.deleted_at IS NULL) AND NEW.deleted_by IS OLD.deleted_by",
                f"deleted_by = CASE WHEN NEW.deleted_at IS NOT NULL THEN {ACTOR} END",
            ),
        ),
        "_views": {to_key(view): {"select": f"SELECT {shown} FROM {spell(table)} WHERE deleted_at IS NULL"}},
    }
    if set(facts.names.key) <= set(facts.columns):
        mark = (
            f"INSTEAD OF DELETE ON {spell(view)} BEGIN UPDATE {spell(table)} SET deleted_at = {NOW} "
            f"WHERE {facts.names.key_of()} = {facts.names.key_of('OLD')}; END"
        )
        body["_views"][to_key(view)]["triggers"] = {to_key(f"{view}_delete"): mark}
    return body


def _soft_delete_columns(time: str, options: Options) -> Body:
    """Return the columns and indexes. `unique`: columns whose values are unique among the rows that are not deleted."""
    unique = [[columns] if isinstance(columns, str) else columns for columns in options.get("unique", ())]
    where = "deleted_at IS NULL"
    indexes = [{"columns": columns, "where": where, "unique": True} for columns in unique]
    return {"deleted_at": time, "deleted_by": "TEXT", **({"_indexes": indexes} if indexes else {})}


# --- audit ----------------------------------------------------------------------------------------------------------


def _audit(facts: Facts, options: Options) -> Body:
    """Return the log and its triggers. Each write of a row adds a row to the log, with the old and new values that
    changed."""
    log = str(options.get("log", "audit_log"))
    left_out = set(map(fold, options.get("without", ())))
    columns = [name for name in facts.written if fold(name) not in left_out]
    logged = {
        "INSERT": _logged(facts, log, "insert", "NEW", "NULL", _json(1), _values(columns, "NEW")),
        "DELETE": _logged(facts, log, "delete", "OLD", _json(1), "NULL", _values(columns, "OLD")),
    }
    if columns:
        changed = "column2 COLLATE BINARY IS NOT column3 OR typeof(column2) <> typeof(column3)"
        logged[f"UPDATE OF {', '.join(map(spell, columns))}"] = (
            _logged(facts, log, "update", "NEW", _json(1), _json(2), _values(columns, "OLD", "NEW"))
            + f" WHERE {changed} GROUP BY 'changed'"
        )
    table = spell(facts.names.table)
    return {
        "_tables": {**_actor_table(), to_key(log): _audit_log()},
        "_triggers": {
            to_key(f"{facts.names.table}_audit_{event.partition(' ')[0].lower()}"): (
                f"AFTER {event} ON {table} BEGIN {insert}; END"
            )
            for event, insert in logged.items()
        },
    }


def _audit_log() -> Body:
    return {
        "id": "INTEGER PRIMARY KEY",
        "at": f"datetime NOT NULL DEFAULT ({NOW})",
        "table_name": "TEXT NOT NULL",
        "row_key": "TEXT",
        "action": "TEXT NOT NULL CHECK (action IN ('insert', 'update', 'delete'))",
        "actor": "TEXT",
        "old_values": "TEXT",
        "new_values": "TEXT",
        "metadata": "TEXT",
        "_indexes": [["table_name", "row_key"]],
    }


def _logged(facts: Facts, log: str, action: str, row: str, old: str, new: str, values: str) -> str:
    """Return the statement that writes one row of the log. `values`: rows of (name, value, ...), aggregated to JSON."""
    return (
        f"INSERT INTO {spell(log)} (table_name, row_key, action, actor, metadata, old_values, new_values) "
        f"SELECT {string_literal(facts.names.table)}, {_row_key(facts, row)}, '{action}', {ACTOR}, {METADATA}, "
        f"{old}, {new} FROM ({values})"
    )


def _values(columns: Iterable[str], *rows: str) -> str:
    """Return a SELECT of a row for each column, with its name and its values.

    Without the unary plus, SQLite would give the columns of this table the names of those that it reads.
    """
    terms = [", ".join([string_literal(name), *(f"+{row}.{spell(name)}" for row in rows)]) for name in columns]
    if not terms:
        return "SELECT NULL AS column1, NULL AS column2 WHERE 0"
    return f"VALUES {', '.join(f'({term})' for term in terms)}"


def _json(number: int) -> str:
    """Return SQL for the names and their values as one JSON object; bytes are written in hex, because JSON has none."""
    return f"json_group_object(column1, {_plain(f'column{number + 1}')})"


def _plain(value: str) -> str:
    return f"CASE typeof({value}) WHEN 'blob' THEN hex({value}) ELSE {value} END"


def _row_key(facts: Facts, row: str) -> str:
    """Return SQL for the key of a row as text: its value, or a JSON list of several."""
    parts = [_plain(f"{row}.{spell(name)}") for name in facts.key]
    return parts[0] if len(parts) == 1 else f"json_array({', '.join(parts)})"


# --- roles ----------------------------------------------------------------------------------------------------------

ROLES = ("admin", "user", "guest")


def roles_group(options: Options, users: tuple[str, str, str] | None) -> Body:
    """Return tables of roles and permissions, with rows. `users`: a table, the column of its primary key and the type
    of that; None leaves out the table that gives users roles."""
    permissions: Mapping[str, list[str]] = options.get("permissions", {})
    roles = list(dict.fromkeys([*options.get("roles", ROLES), *permissions]))
    granted = [{"role": role, "permission": one} for role, names in permissions.items() for one in dict.fromkeys(names)]
    known = dict.fromkeys(one["permission"] for one in granted)
    tables: Body = {
        "roles": {"role": _NAME, "description": "TEXT", "_rows": [{"role": role} for role in roles]},
        "permissions": {
            "permission": _NAME,
            "description": "TEXT",
            **({"_rows": [{"permission": name} for name in known]} if known else {}),
        },
        "role_permissions": {
            "role": _refers("roles", "role"),
            "permission": _refers("permissions", "permission"),
            "_primary_key": ["role", "permission"],
            "_indexes": ["permission"],
            **({"_rows": granted} if granted else {}),
        },
    }
    if users is None:
        return {"_tables": tables}
    table, key, kind = users
    tables["user_roles"] = {
        "user_id": f"{kind} NOT NULL REFERENCES {spell(table)} ({spell(key)}) ON DELETE CASCADE".strip(),
        "role": _refers("roles", "role"),
        "_primary_key": ["user_id", "role"],
        "_indexes": ["role"],
    }
    select = "SELECT DISTINCT user_id, permission FROM user_roles JOIN role_permissions USING (role)"
    return {"_tables": tables, "_views": {"user_permissions": select}}


_NAME = "TEXT NOT NULL PRIMARY KEY"


def _refers(table: str, column: str) -> str:
    return f"TEXT NOT NULL REFERENCES {table} ({column}) ON UPDATE CASCADE ON DELETE CASCADE"


GROUPS: Mapping[str, frozenset[str]] = {"roles": frozenset({"users", "roles", "permissions"})}
"""The ready mixins for the `_use` at the top, with their options."""

READY: Mapping[str, ReadyMixin] = {
    "timestamps": ReadyMixin(
        lambda time, options: {"created_at": time, "updated_at": time}, _timestamps, ("created_at", "updated_at")
    ),
    "authorship": ReadyMixin(
        lambda time, options: {"created_by": "TEXT", "updated_by": "TEXT"}, _authorship, ("created_by", "updated_by")
    ),
    "soft_delete": ReadyMixin(_soft_delete_columns, _soft_delete, ("deleted_by",), frozenset({"unique"})),
    "audit": ReadyMixin(lambda time, options: {}, _audit, options=frozenset({"without", "log"})),
}
"""The ready mixins by the name that `_use` gives, unless the file itself defines a mixin of that name."""
