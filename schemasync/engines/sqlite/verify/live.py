"""Verifies a live database: its integrity, its references and its schema."""

from __future__ import annotations

from collections.abc import Iterator

from ....errors import Code, Problem
from ....schema.model import Schema
from ....schema.names import quote
from ....schema.subset import differing, ours
from ....schema.text import count
from ..connection import Connection
from ..inspect import inspect
from ..name_errors import hint_for
from . import integrity_check


def live(connection: Connection, schema: Schema) -> Iterator[Problem]:
    """Return the problems of a database that should have this `schema`, read in the caller's snapshot."""
    lines = integrity_check.integrity(connection)
    if unchecked := [line for line in lines if integrity_check.NOT_CHECKED in line]:
        yield Problem(
            Code.VERIFY_IMPOSSIBLE,
            f"integrity_check: {integrity_check.listed(unchecked)}",
            hint_for(unchecked[0]),
            {"check": "integrity", "found": unchecked[: integrity_check.SAMPLES], "count": len(unchecked)},
        )
    if found := [line for line in lines if line not in unchecked]:
        yield Problem(
            Code.VERIFY_DIFFERS,
            f"integrity_check: {integrity_check.listed(found)}",
            "If it names only indexes, as after an upgrade of SQLite, to build them again: manage.py schemasync "
            "--rebuild-all. Otherwise roll back to a whole file (manage.py schemasync history, then rollback), or "
            "restore your backup.",
            {"check": "integrity", "found": found[: integrity_check.SAMPLES], "count": len(found)},
        )
    for table, rows in integrity_check.dangling_rows(connection):
        yield Problem(
            Code.VERIFY_DIFFERS,
            f'"{table}": {count(rows, "row refers", "rows refer")} to rows that do not exist',
            f"Which: PRAGMA foreign_key_check({quote(table)})",
            {"check": "references", "table": table, "rows": rows},
        )
    for name in sorted(differing(schema, ours(inspect(connection).schema, schema))):
        yield Problem(
            Code.VERIFY_DIFFERS,
            f'"{name}" differs from schema.json',
            "To restore it: manage.py schemasync --repair",
            {"check": "structure", "object": name},
        )
