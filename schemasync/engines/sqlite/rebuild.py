"""Building a generation: start from the old file, reshape, refill, index, finish.

The same steps run on a scratch database in memory when a plan is rehearsed, so that what does not fit is known
before anything is built.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote as url_quote

from ...diff.changes import AddIndex, ChangeIndex
from ...errors import Code, Failed, Problem, Refused
from ...plan.model import Action, Plan, Step
from ...schema import lexer
from ...schema.definition import ROWID_NAMES
from ...schema.model import Index, Sql, Table
from ...schema.names import fold, quote
from . import ddl, judge
from .connection import BUILD_CACHE_KIB, Connection, is_settled
from .inspect import Object, is_virtual, objects, shadow_tables
from .mapping import identity, mapping, rowid_name

CLONE_PAGES = 4096  # pages a step: often enough for a smooth progress bar, rare enough to cost nothing

# Each step ends with a look at all pages that wait to be written: with a large cache 300 MB took 1.4 s, with this 0.4.
CLONE_CACHE_KIB = 2 * 1024

REFILL_ROWS = 100_000  # rows a statement: a fraction of a second each, so that progress and Ctrl-C come through

Tick = Callable[[int, int], None]
"""Called with (done, total) of the phase that runs: pages, rows or indexes."""


def _silent(done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Carried:
    """Foreign objects whose own DDL is run again at the end, as it read after the renames."""

    indexes: tuple[Object, ...]
    triggers: tuple[Object, ...]
    views: tuple[Object, ...]


# --- start ------------------------------------------------------------------------------------------------------


def clone(source: Connection, target: Connection, tick: Tick = _silent) -> None:
    """Copy the database page by page. The caller holds a read transaction on `source`, so it never restarts."""
    target.execute(f"PRAGMA cache_size=-{CLONE_CACHE_KIB}")
    source.backup(target, pages=CLONE_PAGES, progress=lambda _, left, total: tick(total - left, total), sleep=0)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{BUILD_CACHE_KIB}"):
        target.execute(f"PRAGMA {pragma}").fetchall()


def start_empty(source: Connection | None, target: Connection) -> None:
    """Give an empty file the properties of the old one and all of its objects, without rows."""
    if source is None:
        return
    for pragma in ("page_size", "encoding", "auto_vacuum", "application_id", "user_version"):
        value = source.execute(f"PRAGMA {pragma}").fetchone()[0]
        target.execute(f"PRAGMA {pragma} = {quote(value) if isinstance(value, str) else int(value)}")
    recreate(target, all_objects(source), shadow_tables(source))


def all_objects(connection: Connection) -> tuple[Object, ...]:
    """Every object in an order in which it can be created again, our history included."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL")
    rank = {"table": 0, "index": 1, "view": 2, "trigger": 3}
    found = [Object(*row) for row in rows]
    wanted = (
        o for o in found if not fold(o.name).startswith("sqlite_") and not fold(o.name).startswith("_schemasync_")
    )
    return tuple(sorted(wanted, key=lambda o: rank[o.type]))


def recreate(target: Connection, found: Iterable[Object], shadows: frozenset[str]) -> None:
    """Run the DDL of all these objects; what virtual tables make for themselves is left to them."""
    for item in found:
        if fold(item.name) not in shadows and fold(item.table) not in shadows:
            target.execute(item.sql)


# --- reshape ----------------------------------------------------------------------------------------------------


def reshape(connection: Connection, plan: Plan) -> Carried:
    """Rename, drop and create until every table has its new shape; the rewritten ones are empty.

    Renames go first and through ALTER TABLE, while views and triggers still stand, so that SQLite itself
    follows every reference to them. Raises Refused where a foreign object does not let it.
    """
    _rename(connection, plan)
    carried = _take_off(connection, plan)
    for step in plan.steps:
        if step.action in (Action.DROP, Action.REWRITE):
            connection.execute(f"DROP TABLE {quote(_standing(connection, step))}")
    for step in plan.steps:
        if step.action in (Action.CREATE, Action.REWRITE) and step.new is not None:
            connection.execute(ddl.create_table(step.new))
    return carried


def _standing(connection: Connection, step: Step) -> str:
    """What a table is called once the renames are done; one that goes may have made room for another."""
    parked = parked_name(step.name)
    return parked if step.action is Action.DROP and _has(connection, parked) else step.name


def _has(connection: Connection, table: str) -> bool:
    query = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?"
    return connection.execute(query, (table,)).fetchone() is not None


def _rename(connection: Connection, plan: Plan) -> None:
    pairs = [(s.old.name, s.new.name) for s in plan.steps if s.old and s.new and s.old.name != s.new.name]
    taken = {fold(o.name) for o in objects(connection) if o.type in ("table", "view", "index")}
    leaving = [step.name for step in plan.steps if step.action is Action.DROP]
    for old, new in _through_scratch_names(pairs, taken, leaving):
        _alter(connection, f"ALTER TABLE {quote(old)} RENAME TO {quote(new)}")
    for step in plan.steps:
        if step.old is None or step.new is None or step.new.virtual is not None or step.old.virtual is not None:
            continue
        columns = {fold(column.name) for column in step.old.columns}
        sources = {fold(feed.source) for feed in step.feeds if feed.source is not None}
        lost = [column.name for column in step.old.columns if fold(column.name) not in sources]
        for old, new in _through_scratch_names(list(step.column_renames), columns, lost):
            _alter(connection, f"ALTER TABLE {quote(step.new.name)} RENAME COLUMN {quote(old)} TO {quote(new)}")


def _through_scratch_names(
    pairs: list[tuple[str, str]], taken: set[str], leaving: list[str]
) -> Iterator[tuple[str, str]]:
    """Renames one by one; where a new name is still borne by something, by way of a name that nothing bears.

    What is `leaving` and bears a name that is wanted goes to a scratch name too, to be dropped under it.
    """
    wanted = {fold(new) for _, new in pairs}
    for name in leaving:
        if fold(name) in wanted:
            yield name, parked_name(name)
    late = []
    for number, (old, new) in enumerate(pairs):
        if fold(new) in taken:
            scratch = f"_schemasync_rename_{number}"
            yield old, scratch
            late.append((scratch, new))
        else:
            yield old, new
    yield from late


def parked_name(name: str) -> str:
    """What something is called that is dropped while something else takes its name."""
    return f"_schemasync_dropped_{name}"


def _alter(connection: Connection, statement: str) -> None:
    try:
        connection.execute(statement)
    except sqlite3.Error as error:
        raise Refused.of(
            Code.FOREIGN_OBJECT,
            f"SQLite cannot follow a rename: {error}",
            "A view or trigger that does not fit its tables is in the way; mend or drop it by hand, then --repair.\n"
            + statement,
            sql=statement,
        ) from error


def _take_off(connection: Connection, plan: Plan) -> Carried:
    """Drop every view and trigger, and indexes that change; keep the DDL of those that are not ours."""
    ours = {*plan.old.object_names(), *plan.new.object_names()}
    rewritten = {fold(step.name) for step in plan.steps if step.action is Action.REWRITE}
    gone = {fold(_standing(connection, step)) for step in plan.steps if step.action is Action.DROP}
    shadows = shadow_tables(connection)
    foreign = [o for o in objects(connection) if o.key not in ours and fold(o.table) not in shadows | gone]
    carried = Carried(
        tuple(o for o in foreign if o.type == "index" and fold(o.table) in rewritten),
        tuple(o for o in foreign if o.type == "trigger"),
        tuple(o for o in foreign if o.type == "view"),
    )
    for kind in ("trigger", "view"):
        for item in objects(connection):
            if item.type == kind:
                connection.execute(f"DROP {kind.upper()} IF EXISTS {quote(item.name)}")
    for name in _stale_indexes(plan):
        connection.execute(f"DROP INDEX IF EXISTS {quote(name)}")
    return carried


def _stale_indexes(plan: Plan) -> Iterator[str]:
    """Indexes of kept tables that the new schema does not have, or has otherwise."""
    for step in plan.steps:
        if step.action is not Action.KEEP or step.old is None or step.new is None:
            continue
        wanted = {index.name for index in step.new.indexes} - {index.name for index in new_indexes(step)}
        yield from (index.name for index in step.old.indexes if index.name not in wanted)


def new_indexes(step: Step) -> tuple[Index, ...]:
    """The indexes that must be built: all of a table that is written, the added and changed ones of a kept one."""
    if step.new is None:
        return ()
    if step.action is not Action.KEEP:
        return step.new.indexes
    added = {c.index.name for c in step.changes if isinstance(c, AddIndex)}
    added |= {c.new.name for c in step.changes if isinstance(c, ChangeIndex)}
    return tuple(index for index in step.new.indexes if index.name in added)


# --- refill -----------------------------------------------------------------------------------------------------


def attach_old(connection: Connection, path: Path, *, closed: bool = False) -> None:
    """Attach the old file, for reading only, as `old`. A `closed` one, an archive, is left without side files."""
    mode = "ro&immutable=1" if closed and is_settled(path) else "ro"
    connection.execute("ATTACH ? AS old", (f"file:{url_quote(str(path.absolute()))}?mode={mode}",))


def detach_old(connection: Connection) -> None:
    """Let go of the old file."""
    connection.execute("DETACH old")


def rows_to_copy(connection: Connection, plan: Plan) -> int:
    """Rows of the attached old file that the plan writes again."""
    tables = [s.old.name for s in plan.steps if s.action is Action.REWRITE and s.old is not None]
    return sum(int(connection.execute(f"SELECT count(*) FROM old.{quote(name)}").fetchone()[0]) for name in tables)


def refill(connection: Connection, step: Step, tick: Callable[[int], None] = lambda rows: None) -> int:
    """Fill a rewritten table from the attached old file; return the number of rows. Raises Failed."""
    assert step.old is not None
    assert step.new is not None
    if step.new.virtual is not None:
        return _refill_virtual(connection, step)
    statement = refill_statement(step)
    rows = 0
    for part in _parts(connection, step.old):
        rows += _run(connection, step.new.name, statement + part)
        tick(rows)
    if step.new.primary_key is not None and step.new.primary_key.autoincrement:
        _carry_sequence(connection, step.old.name, step.new.name)
    return rows


def refill_statement(step: Step) -> str:
    """INSERT … SELECT of all rows of an ordinary table that is written again."""
    mapped = mapping(step)
    targets = [quote(name) for name, _ in mapped.columns]
    sources = [sql for _, sql in mapped.columns]
    if mapped.rowid is not None:
        targets.insert(0, mapped.rowid[0])
        sources.insert(0, mapped.rowid[1])
    if not targets:  # every column takes its default and row ids are given out anew
        targets, sources = [quote(mapped.new.columns[0].name)], ["NULL"]
    # OR ABORT outranks an ON CONFLICT clause of the table, which would drop rows without a word
    return (
        f"INSERT OR ABORT INTO main.{quote(mapped.new.name)} ({', '.join(targets)})"
        f" SELECT {', '.join(sources)} FROM old.{quote(mapped.old.name)}"
    )


def _parts(connection: Connection, old: Table) -> Iterator[str]:
    """WHERE clauses that cut a table into ranges of row ids, so that there is progress to show."""
    name = rowid_name(old)
    if name is None:
        yield ""
        return
    table = f"old.{quote(old.name)}"
    # two queries: SQLite looks at one end of the table for each, and reads all of it for both together
    low, high = connection.execute(
        f"SELECT (SELECT min({name}) FROM {table}), (SELECT max({name}) FROM {table})"
    ).fetchone()
    if low is None:
        return
    count = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    parts = max(1, count // REFILL_ROWS)
    bounds = [low + (high - low) * part // parts for part in range(1, parts)]
    for below, above in zip([None, *bounds], [*bounds, None], strict=True):
        terms = [f"{name} > {below}"] * (below is not None) + [f"{name} <= {above}"] * (above is not None)
        yield f" WHERE {' AND '.join(terms)}" if terms else ""


def copy_same(connection: Connection, old: str, new: str, table: Table | None) -> int:
    """Copy a table whose shape does not change, row ids kept: what a fresh file needs beside the rewritten ones."""
    columns = identity(connection, "main", new)
    sources = identity(connection, "old", old)
    name = hidden_rowid(connection, new)
    if name is not None:
        columns, sources = [name, *columns], [name, *sources]
    rows = _run(
        connection,
        new,
        f"INSERT OR ABORT INTO main.{quote(new)} ({', '.join(columns)})"
        f" SELECT {', '.join(sources)} FROM old.{quote(old)}",
    )
    if table is None or (table.primary_key is not None and table.primary_key.autoincrement):
        _carry_sequence(connection, old, new)
    return rows


def hidden_rowid(connection: Connection, table: str) -> str | None:
    """A name for the row id of a table that has one and does not show it as a column; asked of SQLite."""
    names = {fold(name) for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}
    for name in ROWID_NAMES:
        if name in names:
            continue
        try:
            connection.execute(f"SELECT {name} FROM main.{quote(table)} LIMIT 0")
        except sqlite3.OperationalError:
            return None
        return None if _has_alias(connection, table) else name
    return None


def _has_alias(connection: Connection, table: str) -> bool:
    """True where the primary key is the row id: then no index was made for it."""
    keys = connection.execute("SELECT count(*) FROM pragma_table_info(?) WHERE pk > 0", (table,)).fetchone()[0]
    made = connection.execute("SELECT count(*) FROM pragma_index_list(?) WHERE origin = 'pk'", (table,)).fetchone()[0]
    return bool(keys and not made)


def copy_shadows(connection: Connection, plan: Plan) -> None:
    """Copy the content of unchanged virtual tables as VACUUM does: through the tables in which they keep it."""
    for old, new in unchanged_shadows(connection, plan):
        columns = ", ".join(identity(connection, "main", new))
        connection.execute(f"DELETE FROM main.{quote(new)}")
        connection.execute(f"INSERT INTO main.{quote(new)} ({columns}) SELECT {columns} FROM old.{quote(old)}")


def unchanged_shadows(connection: Connection, plan: Plan) -> list[tuple[str, str]]:
    """(old name, new name) of the tables in which virtual tables that are not written again keep their content."""
    written = {fold(s.name) for s in plan.steps if s.action in (Action.REWRITE, Action.CREATE)}
    before = {fold(s.new.name): s.old.name for s in plan.steps if s.new and s.old and s.new.virtual is not None}
    rows = connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'virtual'")
    owners = sorted((fold(name) for (name,) in rows), key=len, reverse=True)  # f_more_data is of f_more, not of f
    found = []
    for name in sorted(shadow_tables(connection)):
        owner = next(owner for owner in owners if name.startswith(owner + "_"))
        if owner not in written:
            found.append((before.get(owner, owner) + name[len(owner) :], name))
    return found


def unchanged_tables(connection: Connection, plan: Plan) -> list[tuple[str, str, Table | None]]:
    """(old name, new name, table) of every ordinary table that is not written again; foreign ones without a model."""
    kept = {
        fold(s.new.name): (s.old.name, s.new)
        for s in plan.steps
        if s.action is Action.KEEP and s.old is not None and s.new is not None
    }
    written = {fold(s.name) for s in plan.steps if s.action in (Action.REWRITE, Action.CREATE)}
    rows = connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_schemasync\\_%' ESCAPE '\\' ORDER BY name"
    ).fetchall()
    found: list[tuple[str, str, Table | None]] = []
    for (name,) in rows:
        if fold(name) in written:
            continue
        old, table = kept.get(fold(name), (name, None))
        found.append((old, name, table))
    return found


def take_indexes(connection: Connection) -> tuple[Object, ...]:
    """Drop all indexes of a fresh file, to build them when the rows are there."""
    found = tuple(o for o in objects(connection) if o.type == "index")
    for item in found:
        connection.execute(f"DROP INDEX {quote(item.name)}")
    return found


def put_indexes(connection: Connection, found: Iterable[Object]) -> None:
    """Build the indexes that were taken off."""
    for item in found:
        connection.execute(item.sql)


def _run(connection: Connection, table: str, statement: str) -> int:
    try:
        return connection.execute(statement).rowcount
    except sqlite3.IntegrityError as error:
        raise Failed.of(
            Code.DATA_BREAKS_SHAPE,
            f'rows of "{table}" do not fit its new shape: {error}',
            "Mend the rows, or give the column a fill.",
            table=table,
        ) from error


def _carry_sequence(connection: Connection, old: str, new: str) -> None:
    """AUTOINCREMENT goes on where it was: ids of deleted rows are not given out again."""
    if not connection.execute("SELECT 1 FROM old.sqlite_schema WHERE name = 'sqlite_sequence'").fetchone():
        return
    row = connection.execute("SELECT max(seq) FROM old.sqlite_sequence WHERE name = ?", (old,)).fetchone()
    if row[0] is None:
        return
    have = connection.execute("SELECT max(seq) FROM main.sqlite_sequence WHERE name = ?", (new,)).fetchone()[0]
    connection.execute("DELETE FROM main.sqlite_sequence WHERE name = ?", (new,))
    connection.execute("INSERT INTO main.sqlite_sequence (name, seq) VALUES (?, ?)", (new, max(row[0], have or 0)))


# --- virtual tables ---------------------------------------------------------------------------------------------


def option(virtual: Sql, name: str) -> str | None:
    """The value of `name=` among the arguments of a virtual table, None where it is not given."""
    parts = lexer.tokens(virtual.text)
    for index in range(len(parts) - 2):
        if parts[index].word == name and parts[index + 1].text == "=":
            return parts[index + 2].value
    return None


def is_contentless(virtual: Sql) -> bool:
    """True for a full-text index that keeps no text: it cannot be read back, only made again by its owner."""
    return option(virtual, "content") == ""


def keeps_text(virtual: Sql) -> bool:
    """True for a full-text table with its own copy of the text, and so with row ids that mean something."""
    return fold(virtual.text).startswith("fts") and option(virtual, "content") is None


def _refill_virtual(connection: Connection, step: Step) -> int:
    assert step.old is not None
    assert step.new is not None
    assert step.new.virtual is not None
    name = quote(step.new.name)
    if option(step.new.virtual, "content"):
        return 0  # its text is in another table: `rebuild_external` reads it there when that is filled
    common = set(identity(connection, "old", step.old.name))
    columns = [column for column in identity(connection, "main", step.new.name) if column in common]
    with_rowid = ["rowid", *columns] if keeps_text(step.new.virtual) else columns
    return _run(
        connection,
        step.new.name,
        f"INSERT INTO main.{name} ({', '.join(with_rowid)}) SELECT {', '.join(with_rowid)}"
        f" FROM old.{quote(step.old.name)}",
    )


def rebuild_external(connection: Connection, plan: Plan) -> None:
    """Rebuild full-text indexes, foreign ones too, whose text stands in a table that was written, or that are new.

    Where it stands in a view, any table that was written may have changed it.
    """
    written = {fold(s.name) for s in plan.steps if s.action in (Action.REWRITE, Action.CREATE)}
    found = objects(connection)
    stale = written | ({fold(o.name) for o in found if o.type == "view"} if written else set())
    for item in found:
        content = option(Sql("", item.sql), "content") if is_virtual(item) else None
        if content and (fold(content) in stale or fold(item.name) in written):
            name = quote(item.name)
            try:
                connection.execute(f"INSERT INTO {name} ({name}) VALUES ('rebuild')")
            except sqlite3.Error as error:
                raise Refused(_unfit("virtual table", item.name, error, item.sql)) from error


# --- index and finish -------------------------------------------------------------------------------------------


def build_index(connection: Connection, table: Table, index: Index) -> None:
    """Create an index of a filled table. Raises Failed where rows break a unique one."""
    _run(connection, table.name, ddl.create_index(table, index))


def analyze(connection: Connection, plan: Plan) -> None:
    """Gather statistics of what was written, so that the first queries after the swap are planned well."""
    for step in plan.steps:
        if step.action is Action.REWRITE and step.new is not None and step.new.virtual is None:
            connection.execute(f"ANALYZE main.{quote(step.new.name)}")


def finish(connection: Connection, plan: Plan, carried: Carried, broken: frozenset[str] = frozenset()) -> None:
    """Create views and triggers, ours and foreign ones, and let each prepare. Raises Refused with all that do not.
    Then what is computed from other tables or views is computed again.

    `broken` are the names of those that did not prepare in the old file either: that is their owner's to mend.
    """
    for view in plan.new.views:
        connection.execute(ddl.create_view(view))
    problems = list(_again(connection, (*carried.indexes, *carried.views, *carried.triggers)))
    for owner in plan.new.owners:
        for trigger in owner.triggers:
            connection.execute(ddl.create_trigger(trigger))
    problems += [problem for problem in _unprepared(connection) if problem.facts["object"] not in broken]
    if problems:
        raise Refused(problems)
    rebuild_external(connection, plan)


def _again(connection: Connection, found: Iterable[Object]) -> Iterator[Problem]:
    for item in found:
        try:
            connection.execute(item.sql)
        except sqlite3.Error as error:
            yield _unfit(item.type, item.name, error, item.sql)


def broken(connection: Connection) -> frozenset[str]:
    """Names of views, and of tables whose triggers, do not prepare as the database stands."""
    return frozenset(str(problem.facts["object"]) for problem in _unprepared(connection))


def _unprepared(connection: Connection) -> Iterator[Problem]:
    for item in objects(connection):
        if item.type == "view":
            try:
                connection.execute(f"EXPLAIN SELECT * FROM {quote(item.name)}")
            except sqlite3.Error as error:
                yield _unfit("view", item.name, error, item.sql)
    triggers = [item for item in objects(connection) if item.type == "trigger"]
    for owner in sorted({item.table for item in triggers}):
        if error_text := judge.compile_triggers(connection, owner):
            its = [item for item in triggers if item.table == owner]
            names = ", ".join(f'"{item.name}"' for item in its)
            yield _unfit(f"a trigger ({names}) on", owner, error_text, "\n".join(item.sql for item in its))


def _unfit(kind: str, name: str, error: sqlite3.Error | str, sql: str) -> Problem:
    return Problem(
        Code.FOREIGN_OBJECT,
        f'{kind} "{name}" does not fit the new schema: {error}',
        "Change it in schema.json; or, if schema.json does not name it, drop it by hand or take it in with inspect.\n"
        + sql,
        {"object": name, "sql": sql},
    )
