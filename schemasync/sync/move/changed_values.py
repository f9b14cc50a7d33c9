"""Lists every value that a policy changed: the values of the closed file that PostgreSQL has in another form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ...engines.postgres.moved import MovedTable
from ...engines.sqlite.connection import Connection
from ...engines.sqlite.for_postgres.misfits import listed
from ...engines.sqlite.transactions import snapshot
from ...errors import SchemasyncError
from ...files.disk import DiskStep
from ...files.layout import Generation
from ..run.error_translation import translated_errors
from ..run.target import Target

Counts = Mapping[tuple[str, str, str], int]
"""How many values were changed, by (table, column, what was wrong)."""


@dataclass(frozen=True, slots=True)
class ChangedValues:
    """`path`: the list, a line of JSON for each value; None if there is none. `note`: why it could not be written."""

    path: Path | None = None
    counts: Counts = field(default_factory=dict)
    note: str = ""


def list_changed_values(
    target: Target, generation: Generation, tables: Iterable[MovedTable], columns: Mapping[str, Collection[str]]
) -> ChangedValues:
    """Write the list, from the file as it was closed. `columns`: by table, the folded names of those in which a policy
    may have changed values. The move is done, so that a failure is a note."""
    path, counts = target.layout.changed_values(generation), Counter[tuple[str, str, str]]()
    some = [table for table in tables if columns.get(table.name)]
    try:
        with translated_errors(target.layout.link), closing(target.opener.read(generation.path)) as source:
            like = generation.path.stat()
            with snapshot(source):
                lines = _lines(target, source, some, columns, counts)
                target.disk.write_private(DiskStep.OUTPUT_WRITE, path, like, lines)
    except (OSError, SchemasyncError) as error:
        return ChangedValues(note=f"The list of the values that were changed could not be written: {error}. {_AGAIN}")
    return ChangedValues(path if counts else None, counts)


_AGAIN = "The same move once more writes it."


def _lines(
    target: Target,
    source: Connection,
    tables: Collection[MovedTable],
    columns: Mapping[str, Collection[str]],
    counts: Counter[tuple[str, str, str]],
) -> Iterator[str]:
    with target.progress.phase("changed values", "tables") as advance:
        for number, table in enumerate(tables):
            for one, line in listed(source, table, columns[table.name]):
                counts[table.name, one.column.name, one.judged.fault.value] += 1
                yield line
            advance(number + 1, len(tables))


def forget(target: Target, generation: Generation) -> None:
    """Remove the list of an earlier move of the file, which was undone."""
    path = target.layout.changed_values(generation)
    if path.exists():
        target.disk.remove(DiskStep.PRUNE_REMOVE, (path,))
