"""Renames, drops and creates until every table has its new schema, without rows yet."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache

from ....errors import Code, Refused
from ....plan.model import Create, Drop, FilledStep, Plan, Rewrite, StandingStep
from ....schema.names import ROWID_NAMES, fold, quote
from .. import ddl
from ..connection import Connection
from ..objects import OWN_PREFIX, Object, has_table, has_virtual_tables, objects, owners_of_shadows, shadow_tables
from ..unknown_names import stand_in_collations
from . import alter, indexes, statistics
from .before_renames import drop_obstacles, has_renames


@dataclass(frozen=True, slots=True)
class Carried:
    """Foreign objects with their text after the renames: `indexes`, `triggers` and `views` are created again at the
    end; `standing` are the tables, and the indexes of tables that are not rewritten, which are never dropped. `texts`:
    by type and name, the old statements of our own views and triggers."""

    indexes: tuple[Object, ...]
    triggers: tuple[Object, ...]
    views: tuple[Object, ...]
    standing: tuple[Object, ...]
    texts: Mapping[tuple[str, str], str]


def reshape(connection: Connection, plan: Plan) -> Carried:
    """Rename, drop and create until every table has its new schema; the rewritten ones are empty.

    Renames come first and use ALTER TABLE, while foreign views and triggers still exist, so that SQLite itself follows
    every reference in them. Raises Refused if a foreign object prevents it, and CannotEdit.
    """
    carried = renamed(connection, plan)
    for step in plan.steps:
        if isinstance(step, Drop | Rewrite) or (isinstance(step, FilledStep) and step.replaced is not None):
            connection.execute(f"DROP TABLE {quote(_standing(connection, step))}")
    for step in plan.steps:
        if isinstance(step, Create | FilledStep | Rewrite):
            connection.execute(ddl.create_table(step.new))
    alter.edit(connection, plan)
    return carried


def renamed(connection: Connection, plan: Plan) -> Carried:
    """Rename, and drop all views and triggers, and the indexes that change. Raises Refused."""
    before = _texts(connection)
    aside = drop_obstacles(connection, plan) if has_renames(plan) else ()
    apply_renames(connection, plan)
    carried = _take_off(connection, plan)
    return replace(
        carried,
        texts={**before, **carried.texts},
        triggers=(*carried.triggers, *(item for item in aside if item.type == "trigger")),
        views=(*carried.views, *(item for item in aside if item.type == "view")),
    )


def _texts(connection: Connection) -> dict[tuple[str, str], str]:
    return {item.named: item.sql for item in objects(connection) if item.type in ("view", "trigger")}


def _standing(connection: Connection, step: Drop | FilledStep | Rewrite) -> str:
    """Return the name of a table after the renames; a dropped table may have got a scratch name."""
    parked = parked_name(step.name)
    return parked if isinstance(step, Drop) and has_table(connection, parked) else step.name


def apply_renames(connection: Connection, plan: Plan) -> None:
    """Rename tables and columns. SQLite follows in views and triggers, and raises an error if one does not compile."""
    if has_renames(plan):
        with stand_in_collations(connection):
            _apply_renames(connection, plan)


def _apply_renames(connection: Connection, plan: Plan) -> None:
    names = [*((step.old.name, step.new.name) for step in plan.carried), *plan.replaced]
    pairs = [(old, new) for old, new in names if old != new]
    taken = {fold(o.name) for o in objects(connection) if o.type in ("table", "view", "index")}
    leaving = [step.name for step in plan.dropped]
    for old, new in _through_scratch_names(pairs, taken, leaving):
        with _whole_rename(connection, old):
            _alter(connection, f"ALTER TABLE {quote(old)} RENAME TO {quote(new)}")
    parked = [name for name in leaving if has_table(connection, parked_name(name))]
    statistics.rename(connection, dict(pairs), parked)
    for step in plan.carried:
        if step.is_virtual:
            continue
        columns = {fold(column.name) for column in step.old.columns}
        sources = {fold(feed.source) for feed in step.feeds if feed.source is not None}
        lost = [column.name for column in step.old.columns if fold(column.name) not in sources]
        renames = list(_through_scratch_names(list(step.column_renames), columns, lost))
        for old, new in renames if _can_rename(renames) else []:
            _alter(connection, f"ALTER TABLE {quote(step.new.name)} RENAME COLUMN {quote(old)} TO {quote(new)}")


@contextmanager
def _whole_rename(connection: Connection, name: str) -> Iterator[None]:
    """A block that renames a table. Raises Refused for a virtual table if the tables with its rows keep their names: a
    module is not obliged to rename these. https://www.sqlite.org/vtab.html#the_xrename_method"""
    parts = _parts(connection, name)
    yield
    if parts & {fold(o.name) for o in objects(connection) if parts and o.type == "table"}:
        raise Refused.of(
            Code.SQLITE_REFUSES,
            f'virtual table "{name}" cannot be renamed: its module does not rename the tables that hold its rows',
            "Leave its name, or create a new table beside it, and fill that from the application.",
            object=name,
        )


def _parts(connection: Connection, name: str) -> set[str]:
    if not has_virtual_tables(connection):
        return set()
    return {part for part, owner in owners_of_shadows(connection).items() if owner == fold(name)}


def renames_rowid_names(plan: Plan) -> set[str]:
    """Return the tables in which a column gets, or had, a name of the row id. They are rewritten, because not every
    SQLite renames such a column, and the row ids have different names in the old file and the new one."""
    return {step.name for step in plan.carried if _has_rowid_name(step.column_renames)}


def _has_rowid_name(columns: Iterable[tuple[str, str]]) -> bool:
    return not {fold(name) for pair in columns for name in pair}.isdisjoint(ROWID_NAMES)


def _can_rename(columns: list[tuple[str, str]]) -> bool:
    """Return False if ALTER TABLE refuses; then references to the columns do not follow, and our table is rewritten."""
    return not _has_rowid_name(columns) or _renames_rowid_names()


@cache
def _renames_rowid_names() -> bool:
    """True if ALTER TABLE renames a column with a name of the row id, which SQLite 3.54 and later do not."""
    with closing(sqlite3.connect(":memory:")) as scratch:
        scratch.execute("CREATE TABLE t (oid, x)")
        try:
            scratch.execute("ALTER TABLE t RENAME COLUMN oid TO y")
        except sqlite3.OperationalError:
            return False
    return True


def _through_scratch_names(
    pairs: list[tuple[str, str]], taken: set[str], leaving: list[str]
) -> Iterator[tuple[str, str]]:
    """Rename one by one; if a new name is still in use, go through a scratch name.

    Objects that are `leaving` and have a wanted name also get a scratch name, and are dropped under it.
    """
    wanted = {fold(new) for _, new in pairs}
    for name in leaving:
        if fold(name) in wanted:
            yield name, parked_name(name)
    late = []
    for number, (old, new) in enumerate(pairs):
        if fold(new) in taken:
            scratch = f"{OWN_PREFIX}rename_{number}"
            yield old, scratch
            late.append((scratch, new))
        else:
            yield old, new
    yield from late


def parked_name(name: str) -> str:
    """Return the temporary name of an object that is dropped while another one gets its name."""
    return f"{OWN_PREFIX}dropped_{name}"


def _alter(connection: Connection, statement: str) -> None:
    try:
        connection.execute(statement)
    except sqlite3.Error as error:
        raise Refused.of(
            Code.FOREIGN_OBJECT,
            f"SQLite cannot follow a rename: {error}",
            "A view or trigger that does not fit its tables prevents it; fix or drop it by hand, then --repair.\n"
            + statement,
            sql=statement,
        ) from error


def _take_off(connection: Connection, plan: Plan) -> Carried:
    """Drop every view and trigger, and indexes that change; keep the DDL of foreign ones."""
    ours = {*plan.old.object_names(), *plan.new.object_names()}
    rewritten = {fold(step.name) for step in plan.rewritten} | {fold(new) for _, new in plan.replaced}
    gone = {fold(_standing(connection, step)) for step in plan.dropped}
    shadows = shadow_tables(connection)
    others = [o for o in objects(connection) if o.key not in ours and fold(o.table) not in gone]
    foreign = [o for o in others if fold(o.table) not in shadows]
    left = shadows - _shadows_of(shadows, [*gone, *_no_longer_virtual(plan)])
    carried = Carried(
        tuple(o for o in foreign if o.type == "index" and fold(o.table) in rewritten),
        tuple(o for o in others if o.type == "trigger" and (o in foreign or fold(o.table) in left)),
        tuple(o for o in foreign if o.type == "view"),
        tuple(o for o in foreign if o.type == "table" or (o.type == "index" and fold(o.table) not in rewritten)),
        _texts(connection),
    )
    for kind in ("trigger", "view"):
        for item in objects(connection):
            if item.type == kind:
                connection.execute(f"DROP {kind.upper()} IF EXISTS {quote(item.name)}")
    drop_stale_indexes(connection, plan)
    return carried


def _no_longer_virtual(plan: Plan) -> Iterator[str]:
    return (fold(step.name) for step in plan.rewritten if step.old.virtual is not None and step.new.virtual is None)


def _shadows_of(shadows: Iterable[str], owners: Iterable[str]) -> set[str]:
    prefixes = tuple(f"{owner}_" for owner in owners)
    return {name for name in shadows if name.startswith(prefixes)}


def drop_stale_indexes(connection: Connection, plan: Plan) -> None:
    """Drop the indexes of kept tables that the new schema changes or does not have."""
    for name in stale_indexes(plan):
        connection.execute(f"DROP INDEX IF EXISTS {quote(name)}")


def stale_indexes(plan: Plan) -> Iterator[str]:
    """The names of these indexes."""
    for step in plan.steps:
        if not isinstance(step, StandingStep):
            continue
        wanted = {index.name for index in step.new.indexes} - {index.name for index in indexes.new(step)}
        yield from (index.name for index in step.old.indexes if index.name not in wanted)
