"""Full-text indexes of text in another table or view (`content=`): decides which are copied, and which are rebuilt.

'rebuild' is not a copy: an application may keep rows or text out of its index, such as deleted documents. So an index
is rebuilt only if the text that it indexes may change, and only if it matches its content exactly
(https://www.sqlite.org/fts5.html#the_integrity_check_command).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from ....plan.model import CarriedStep, ColumnSource, NewTableStep, Origin, Plan, Rewrite, StandingStep
from ....schema import lexer
from ....schema.model import Column, Sql
from ....schema.names import fold, quote
from ..connection import Connection, Opener
from ..hazards.effects import Effects, words
from ..mapping import mapping
from ..objects import OWN_PREFIX, has_virtual_tables, is_virtual, objects

_POINTERS = ("content", "content_rowid")  # options that name the place of the text, and do not change the index


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a full-text table. `columns`: (name, the tokens after it, such as UNINDEXED)."""

    module: str
    columns: tuple[tuple[str, tuple[str, ...]], ...]
    options: Mapping[str, tuple[str, ...]]

    @property
    def content(self) -> str | None:
        """The table or view that has the text; '' if none has it, None if the index keeps the text itself."""
        return self._value("content")

    @property
    def content_rowid(self) -> str:
        """The column of the content that identifies its rows."""
        return self._value("content_rowid") or "rowid"

    @property
    def layout(self) -> tuple[object, ...]:
        """A value that is equal for indexes that keep the same text in the same bytes."""
        options = {name: value for name, value in self.options.items() if name not in _POINTERS}
        return self.module, [marks for _, marks in self.columns], options

    def is_indexed(self, column: str) -> bool:
        """Return False for a column that is stored but not indexed."""
        marks = {fold(name): rest for name, rest in self.columns}.get(fold(column), ())
        return "unindexed" not in map(fold, marks) and fold(column) != fold(self._value("notindexed") or "")

    def _value(self, option: str) -> str | None:
        value = self.options.get(option)
        return lexer.tokens(value[0])[0].value if value else None


def arguments(virtual: Sql) -> Arguments | None:
    """The arguments of a full-text table; None for another module. Accepts CREATE VIRTUAL TABLE or its end."""
    parts = lexer.tokens(virtual.text)
    using = next((number for number, token in enumerate(parts) if token.word == "using"), -1)
    module = fold(parts[using + 1].value)
    if module not in ("fts4", "fts5"):
        return None
    columns: list[tuple[str, tuple[str, ...]]] = []
    options: dict[str, tuple[str, ...]] = {}
    for argument in _split(parts[using + 3 : -1]):
        rest = tuple(token.text for token in argument[1:])
        if rest[:1] == ("=",):
            options[fold(argument[0].value)] = rest[1:]
        else:
            columns.append((argument[0].value, rest))
    return Arguments(module, tuple(columns), options)


def _split(parts: Sequence[lexer.Token]) -> Iterator[list[lexer.Token]]:
    """The tokens of each argument."""
    depth, argument = 0, list[lexer.Token]()
    for token in parts:
        if token.text == "," and depth == 0:
            yield argument
            argument = []
            continue
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        argument.append(token)
    if argument:
        yield argument


@dataclass(frozen=True, slots=True)
class External:
    """A full-text index whose text is elsewhere, before the plan (`before`, None if it is new) and after it.

    `is_copied`: True if nothing that it indexes changes. `is_remade`: True if its table is dropped and created again.
    """

    name: str
    old_name: str
    before: Arguments | None
    after: Arguments
    is_copied: bool
    is_remade: bool
    sql: str

    @property
    def is_rebuilt(self) -> bool:
        """True if the index must be built again from its content."""
        return not self.is_copied and bool(self.after.content)

    @property
    def needs_all(self) -> bool:
        """True if an existing index is built again: then it must match its content."""
        return not self.is_copied and self.before is not None and bool(self.before.content)


def external_indexes(connection: Connection, plan: Plan) -> list[External]:
    """Return all such indexes: those of the new schema, and foreign ones in the connection's file."""
    virtual = [(step, step.new.virtual) for step in plan.with_new_table if step.new.virtual is not None]
    if not virtual and not has_virtual_tables(connection):
        return []
    views = _views(connection, plan)
    found = [_of_step(plan, step, definition, views) for step, definition in virtual]
    ours = {*plan.old.object_names(), *plan.new.object_names()}
    for item in objects(connection):
        if item.type == "table" and is_virtual(item) and item.key not in ours:
            same = arguments(Sql("", item.sql))
            if same is not None:
                is_copied = _comes_along(plan, same, same, views)
                found.append(External(item.name, item.name, same, same, is_copied, False, item.sql))
    return [one for one in found if one is not None and (one.after.content or (one.before and one.before.content))]


def _of_step(plan: Plan, step: NewTableStep, virtual: Sql, views: Mapping[str, Sql]) -> External | None:
    after = arguments(virtual)
    old = step.old if isinstance(step, CarriedStep) else None
    before = arguments(old.virtual) if old is not None and old.virtual is not None else None
    if after is None:
        return None
    is_copied = before is not None and _comes_along(plan, before, after, views)
    old_name = old.name if old is not None else ""
    return External(step.name, old_name, before, after, is_copied, isinstance(step, Rewrite), virtual.text)


def _views(connection: Connection, plan: Plan) -> dict[str, Sql]:
    """Map the folded name of each view, of the new schema or foreign, to its SELECT."""
    found = {fold(o.name): Sql("", o.sql) for o in objects(connection) if o.type == "view"}
    for view in plan.old.views:
        found.pop(fold(view.name), None)
    return found | {fold(view.name): view.select for view in plan.new.views}


def _comes_along(plan: Plan, before: Arguments, after: Arguments, views: Mapping[str, Sql]) -> bool:
    """Return True if the index may be the same after the plan as before."""
    if before.layout != after.layout or not before.content or not after.content:
        return False
    if fold(after.content) in views:
        same = fold(before.content) == fold(after.content) and before.columns == after.columns
        return same and before.content_rowid == after.content_rowid and not _view_changes(plan, after.content, views)
    step = plan.step(after.content)
    if step is None:
        return fold(before.content) == fold(after.content)
    if not isinstance(step, CarriedStep) or fold(step.old.name) != fold(before.content):
        return False
    return step.old.virtual is not None or _same_text(step, before, after)


def _view_changes(plan: Plan, view: str, views: Mapping[str, Sql]) -> bool:
    """True if the rows of a view may change with the plan."""
    before = {fold(v.name): (v.select, v.columns) for v in plan.old.views}
    after = {fold(v.name): (v.select, v.columns) for v in plan.new.views}
    reads = _read_by(view, views)
    if any(before.get(name) != after.get(name) for name in reads & views.keys()):
        return True
    changed: tuple[CarriedStep, ...] = (*plan.rewritten, *plan.altered)
    steps = [step for step in changed if reads & {fold(step.old.name), fold(step.new.name)}]
    return any(not _keeps_rowids(step) or any(_alters(step, feed) for feed in step.feeds) for step in steps)


def _read_by(view: str, views: Mapping[str, Sql]) -> set[str]:
    """Return the folded names that the view may refer to, those of the views that it reads, and its own."""
    found, new = {fold(view)}, {fold(view)}
    while new:
        new = {name for one in new & views.keys() for name in words(views[one])} - found
        found |= new
    return found


def _same_text(step: CarriedStep, before: Arguments, after: Arguments) -> bool:
    """True if the plan does not change the row ids and the indexed columns of the content table."""
    old, new = _columns(before, step.old.columns), _columns(after, step.new.columns)
    if len(old) != len(new) or not _same_row_ids(step, before.content_rowid, after.content_rowid):
        return False
    pairs = zip(old, new, strict=True)
    return all(_same_column(step, was, now) for was, now in pairs if after.is_indexed(now))


def _columns(found: Arguments, content: tuple[Column, ...]) -> list[str]:
    """Return its columns; those of its content for an FTS4 table that names none."""
    if found.columns or found.module != "fts4":
        return [name for name, _ in found.columns]
    return [column.name for column in content]


def _same_row_ids(step: CarriedStep, before: str, after: str) -> bool:
    column = step.new.column(after)
    if column is not None and column.name != step.new.rowid_column:
        return _same_column(step, before, after)
    old = step.old.column(before)
    return (old is None or old.name == step.old.rowid_column) and _keeps_rowids(step)


def _keeps_rowids(step: CarriedStep) -> bool:
    """True if each row keeps its row id in the plan."""
    if isinstance(step, StandingStep):
        return True
    if step.old.without_rowid or step.new.without_rowid:
        return step.old.without_rowid and step.new.without_rowid
    if mapping(step).rowid is not None:
        return True
    feed = next((feed for feed in step.feeds if feed.column == step.new.rowid_column), None)
    return feed is not None and not _alters(step, feed) and feed.source == step.old.rowid_column


def _same_column(step: CarriedStep, before: str, after: str) -> bool:
    feed = next((feed for feed in step.feeds if fold(feed.column) == fold(after)), None)
    if feed is None:
        return step.old.column(before) is None and fold(before) == fold(after)
    return fold(feed.source or "") == fold(before) and not _alters(step, feed)


def _alters(step: CarriedStep, feed: ColumnSource) -> bool:
    """Return True if an existing column gets other values than before."""
    if feed.origin is Origin.CARRIED:
        return not feed.same
    if feed.origin is Origin.GENERATED:
        return feed.source is not None and Effects(step).changes_value(feed.column)
    return feed.source is not None or feed.origin is Origin.FILLED


# --- does an index match its content? ------------------------------------------------------------------------------


def is_whole(connection: Connection, index: External) -> bool:
    """Return True if an index that `needs_all` is known to have exactly the rows and the text of its content."""
    found = index.before
    if found is None or (found.module == "fts5" and not tells_content_apart()):
        return False
    return holds_its_content(connection, index.old_name, found)


def holds_its_content(connection: Connection, name: str, found: Arguments) -> bool:
    """Return True if a full-text index of the connection's file has exactly the rows and the text of its content.

    Checked on a copy in TEMP tables, because the command is a write, and the file may be open for reading only.
    """
    assert found.content
    is_fts5 = found.module == "fts5"
    copy, place = f"{OWN_PREFIX}index", f"{OWN_PREFIX}content"
    rowid = f"{OWN_PREFIX}id" if is_fts5 else "rowid"
    columns = [quote(name) for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (name,))]
    marks = [rest for _, rest in found.columns] or [()] * len(columns)
    options = {option: value for option, value in found.options.items() if option not in _POINTERS}
    options |= {"content": (quote(place),)} | ({"content_rowid": (quote(rowid),)} if is_fts5 else {})
    texts = [" ".join([column, *rest]) for column, rest in zip(columns, marks, strict=True)]
    texts += [f"{option}={' '.join(value)}" for option, value in options.items()]
    dropped = [f"TABLE IF EXISTS temp.{copy}", f"TABLE IF EXISTS temp.{copy}_", f"VIEW IF EXISTS temp.{place}"]
    with _temp(connection, dropped):
        connection.execute(
            f"CREATE TEMP VIEW {place} AS"
            f" SELECT {quote(found.content_rowid)} AS {rowid}, * FROM main.{quote(found.content)}"
        )
        connection.execute(f"CREATE VIRTUAL TABLE temp.{copy}_ USING {found.module}({', '.join(texts)})")
        _copy_shadows(connection, name, f"{copy}_")
        connection.execute(f"ALTER TABLE temp.{copy}_ RENAME TO {copy}")  # makes the module forget its cached content
        return _passes_check(connection, copy, is_fts5)


def _copy_shadows(connection: Connection, name: str, copy: str) -> None:
    rows = connection.execute("SELECT name FROM temp.sqlite_schema WHERE type = 'table' AND sql IS NOT NULL")
    suffixes = [shadow[len(copy) :] for (shadow,) in rows if shadow.startswith(f"{copy}_")]
    for suffix in suffixes:
        names = connection.execute("SELECT name FROM pragma_table_info(?, 'temp')", (copy + suffix,)).fetchall()
        columns = ", ".join(quote(column) for (column,) in names)
        connection.execute(f"DELETE FROM temp.{quote(copy + suffix)}")
        connection.execute(
            f"INSERT INTO temp.{quote(copy + suffix)} ({columns}) SELECT {columns} FROM main.{quote(name + suffix)}"
        )


def _passes_check(connection: Connection, name: str, is_fts5: bool) -> bool:
    """The result of integrity-check. For FTS5 only rank 1 checks the content."""
    columns, values = (f"{name}, rank", "'integrity-check', 1") if is_fts5 else (name, "'integrity-check'")
    try:
        connection.execute(f"INSERT INTO temp.{name} ({columns}) VALUES ({values})")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_CORRUPT_VTAB:
            raise
        return False
    return True


@contextmanager
def _temp(connection: Connection, dropped: Sequence[str]) -> Iterator[None]:
    """Allow TEMP tables within the block, even if nothing else can be written, and drop them after it."""
    (only,) = connection.execute("PRAGMA query_only").fetchone()
    connection.execute("PRAGMA query_only=OFF")
    try:
        yield
    finally:
        for item in dropped:
            connection.execute(f"DROP {item}")
        connection.execute(f"PRAGMA query_only={only}")


def tells_content_apart() -> bool:
    """True if this SQLite's integrity-check finds a row that an FTS5 index lacks."""
    with closing(Opener().memory()) as scratch:
        scratch.execute("CREATE TABLE t (x)")
        scratch.execute("CREATE VIRTUAL TABLE f USING fts5(x, content=t)")
        scratch.execute("INSERT INTO t VALUES ('a')")
        return not holds_its_content(scratch, "f", Arguments("fts5", (("x", ()),), {"content": ("t",)}))
