"""The problems that an export refuses, with hints for the user."""

from __future__ import annotations

import shlex

from ..errors import Code, Problem
from ..schema import write
from ..schema.affinity import Affinity, affinity
from ..schema.model import Column, Table
from ..schema.names import from_key, to_key
from ..schema.text import literal
from ..schema.write import Json
from .fills import NeedsFill
from .merge import beyond


def unseen_migration(name: str) -> Problem:
    return Problem(
        Code.DATA_MIGRATION,
        f"the migration {name} is new, and runs Python or SQL of its own, which a schema cannot describe",
        f"Read it. To accept it: manage.py schemasync export --accept-data-migration {name}\n"
        f'To let its app keep its migrations: SCHEMASYNC["MIGRATED_APPS"] = ["{name.partition(".")[0]}"]\n'
        "If your rows need it: do the same work in a receiver of schemasync.signals.before_swap, or, for databases of\n"
        f'several releases, in a function: SCHEMASYNC["DATA_MIGRATIONS"] = {{"{name}": "its dotted path"}}',
        {"migration": name},
    )


def unclaimed(key: str, label: str) -> Problem:
    return Problem(
        Code.UNCLAIMED_TABLE,
        f"the table {literal(key)} differs from its model {label}, and has no _model, so export does not change it",
        "To let models own their tables: manage.py schemasync export --claim\n"
        f"To keep it as schema.json has it: managed = False in the Meta of {label}",
        {"table": from_key(key), "model": label},
    )


def unmarked_move(key: str, table: Table, before: Table, label: str) -> Problem:
    marks: Json = {"_model": label}
    if keep := beyond(table, before):
        marks["_keep"] = list(keep)
    return Problem(
        Code.RENAME_OR_DROP,
        f'the model {label} (table "{table.name}") is new and similar to the table {literal(key)}, which has no _model'
        ". Renamed?",
        f"If renamed: in {literal(key)} of schema.json, {literal(marks)[1:-1]}\n"
        f"If not, to keep it unchanged: manage.py schemasync export --drop {shlex.quote(before.name)}",
    )


def unfilled(model: Table, column: Column) -> Problem:
    name = f"{model.name}.{column.name}"
    return Problem(
        Code.RENAME_OR_DROP,
        f"no field names the column {name}, which is NOT NULL and has no default, so that Django cannot insert a row",
        f"To drop it with the data: manage.py schemasync export --claim --drop {shlex.quote(name)}\n"
        "To keep it: give it a DEFAULT in schema.json.",
    )


def needs_fill(label: str, table: Table, column: Column, needs: NeedsFill, form: str) -> Problem:
    def entry(fill: str) -> str:
        body = {"type": write.column_text(table, column), "fill": form.format(fill)}
        return f"{literal(to_key(column.name))}: {literal(body)}"

    place = literal(to_key(table.name))
    is_text = affinity(column, table.strict) is Affinity.TEXT
    one = entry("'VALUE'" if is_text else "0")
    hints = [f"If all rows get one value, in {place} of schema.json: {one}"]
    if is_text:
        hints.append(f"If each row gets its own random text: {entry('lower(hex(randomblob(16)))')}")
    if column.not_null is None:
        hints.append(f"If they get none: {entry('NULL')}")
    return Problem(
        Code.CALLABLE_DEFAULT,
        f"the default of {label}.{column.name} is the function {needs.function}: its value in schema.json would be "
        "the same for every row of every database",
        "\n".join([*hints, "To call the function for each row, use a receiver of before_swap."]),
        {"table": table.name, "column": column.name, "function": needs.function},
    )
