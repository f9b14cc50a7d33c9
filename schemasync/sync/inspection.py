"""Reads the schema of any SQLite file, or of a folder of SQL scripts, for `inspect`, without writing."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from ..engines.sqlite import sql_files
from ..engines.sqlite.connection import Opener
from ..engines.sqlite.inspect import inspect
from ..engines.sqlite.name_errors import Unknown
from ..engines.sqlite.uncompiled import LeftOut, creatable, unknown_to
from ..errors import Code, Refused, SchemasyncError
from ..history.rows import find, schema_of
from ..schema.digest import version
from ..schema.model import Schema
from ..schema.spelling import respelled, texts
from . import history
from .run.error_translation import translated_errors
from .run.target import Target


@dataclass(frozen=True, slots=True)
class Inspected:
    """The schema of a file or folder; `rows` that scripts inserted, and `left_out` files, are for the output only."""

    schema: Schema
    version: str
    rows: dict[str, int]
    left_out: tuple[str, ...] = ()
    not_created: tuple[LeftOut, ...] = ()
    unknown: Unknown = Unknown()  # noqa: RUF009  it is frozen


def written_schema(opener: Opener, path: Path) -> Schema:
    """The schema of a database file, with its SQL as written. Raises a SchemasyncError if it cannot be read."""
    with translated_errors(path), closing(opener.read(path)) as connection:
        return inspect(connection).schema


def recorded(target: Target, wanted: str) -> Inspected:
    """The schema of a generation, or of a version, as the history records it, with its SQL as written if the file is
    there. Raises Refused if the history knows neither."""
    row = find(history.rows(target), wanted)
    generation, known = target.layout.generation(row.generation), texts([])
    if generation is not None:
        with suppress(SchemasyncError, FileNotFoundError):
            known = texts([written_schema(target.opener, generation.path)])
    return Inspected(respelled(schema_of(row), known), row.version, {})


def inspect_path(opener: Opener, path: Path) -> Inspected:
    """Read any SQLite file, or run a folder of .sql files in memory. Raises Refused."""
    with translated_errors(path):
        if path.is_dir():
            replayed = sql_files.replay(path, opener)
            with closing(replayed.connection) as connection:
                schema = inspect(connection).schema
            return Inspected(schema, version(schema), replayed.rows, replayed.left_out)
        if not path.exists():
            raise Refused.of(
                Code.NO_DATABASE,
                f"there is nothing at {path}",
                "Name a SQLite file, a folder of .sql files, or a generation.",
            )
        with closing(opener.read(path)) as connection:
            unknown = unknown_to(connection, opener)
            schema, left_out = creatable(connection, inspect(connection).schema, opener, unknown)
        return Inspected(schema, version(schema), {}, not_created=left_out, unknown=unknown)
