"""Finds values that are dropped and cannot be filled again: tables, columns, the content of virtual tables."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from contextlib import closing

from ....diff import changes as c
from ....diff.changes import Change
from ....diff.hazards import Hazard, HazardCode
from ....plan.model import Drop, Rewrite
from ....schema.model import Table
from ....schema.names import fold, quote
from ....schema.text import count
from .. import ddl
from ..connection import Connection, Opener
from ..mapping import identity
from ..rebuild.virtual import is_contentless, keeps_nothing, option, rounds, takes_rows
from ..table_sizes import count_of, count_rows
from ..unknown_names import module_of


def table(connection: Connection, step: Drop) -> Iterator[Hazard]:
    """A dropped table, with all of its rows."""
    rows = count_rows(connection, step.name)
    message = f'table "{step.name}" is dropped with {count(rows, "row")}'
    yield Hazard(HazardCode.ROWS_DROPPED, message, table=step.name, rows=rows)


def columns(connection: Connection, name: str, old: str, changes: Iterable[Change]) -> Iterator[Hazard]:
    """Yield hazards for dropped columns of a table that stays. `name`: its new name; `old`: its present name."""
    for change in changes:
        if isinstance(change, c.DropColumn) and change.column.generated is None:
            sql = f"SELECT count({quote(change.column.name)}) FROM {quote(old)}"
            rows = connection.execute(sql).fetchone()[0]
            message = f"{name}.{change.column.name} is dropped with {count(rows, 'value')}"
            yield Hazard(HazardCode.ROWS_DROPPED, message, "", name, change.column.name, rows)


def virtual(connection: Connection, step: Rewrite, allowed: frozenset[str], opener: Opener) -> Iterator[Hazard]:
    """Yield a hazard for a virtual table whose content the new one cannot get."""
    old, new = step.old.virtual, step.new.virtual
    if old is None or new is None:
        message = f'"{step.name}" cannot change from a virtual table into an ordinary one, or back'
    elif keeps_nothing(connection, step.old.name):
        return
    elif is_contentless(old):
        message = f"virtual table \"{step.name}\" keeps no text (content=''), so it cannot be filled again"
    elif not takes_rows(new, old):
        message = (
            f'the rows of virtual table "{step.name}" ({module_of(old)}) cannot be written again ({module_of(new)})'
        )
    else:
        yield from _lost_virtual_columns(connection, step.old, step.new, allowed, opener)
        yield from _rounded(connection, step, rounds(new, old), allowed)
        return
    hint = "Create a new table beside it, fill that from the application, and drop the old one."
    yield Hazard(HazardCode.VIRTUAL_CONTENT, message, hint, step.name)


def _rounded(connection: Connection, step: Rewrite, condition: str, allowed: frozenset[str]) -> Iterator[Hazard]:
    """Yield a hazard for coordinates of an R-Tree that meet the condition."""
    for name in identity(connection, "main", step.old.name)[1:] if condition else ():
        plain = f"{step.name}.{name[1:-1]}"
        rounded = f"typeof({name}) IN ('integer', 'real') AND ({condition.format(name)})"
        rows = count_of(connection, f"{quote(step.old.name)} WHERE {rounded}")
        if rows and fold(plain) not in allowed:
            message = f"{plain}: {count(rows, 'coordinate')} would be rounded"
            hint = f"If they may be rounded: --allow-drop {shlex.quote(plain)}"
            yield Hazard(HazardCode.VIRTUAL_CONTENT, message, hint, step.name, name[1:-1], rows)


def _lost_virtual_columns(
    connection: Connection, old: Table, new: Table, allowed: frozenset[str], opener: Opener
) -> Iterator[Hazard]:
    """Yield hazards for columns stored in a virtual table itself that its new arguments no longer name, or read from
    elsewhere."""
    if old.virtual is None or option(old.virtual, "content"):
        return
    stay: set[str] = set()
    if new.virtual is not None and option(new.virtual, "content") is None:
        with closing(opener.memory()) as scratch:
            scratch.execute(ddl.create_table(new))
            stay = {fold(name) for name in identity(scratch, "main", new.name)}
    for name in identity(connection, "main", old.name):
        plain = f"{new.name}.{name[1:-1]}"
        if fold(name) not in stay and fold(plain) not in allowed:
            message = f"{plain} would be dropped with its values"
            hint = f"If they may be lost: --allow-drop {shlex.quote(plain)}"
            yield Hazard(HazardCode.VIRTUAL_CONTENT, message, hint, new.name, name[1:-1])
