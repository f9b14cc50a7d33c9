"""What the data would do to a plan: read-only queries before anything is built, all at once, with counts and keys."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TypeVar

from ...diff import changes as c
from ...diff.hazards import Hazard, HazardCode
from ...errors import Refused
from ...plan.affinity import Affinity, affinity
from ...plan.model import Action, Feed, Origin, Plan, Step
from ...schema import lexer
from ...schema.definition import ROWID_NAMES
from ...schema.model import Column, ForeignKey, Index, IndexedColumn, Sql, Table
from ...schema.names import fold, quote
from . import ddl
from .connection import Connection, Opener
from .inspect import inspect, references_of
from .mapping import fits_strict, identity, loses, rowid_name, stored
from .rebuild.virtual import is_contentless, option

SAMPLES = 5  # keys shown for a hazard: enough to find the rows, few enough to read
BATCH = 200  # predicates in one pass over a table; SQLite takes 2,000 result columns
_KEY = '"_schemasync_key"'
_ROWID = '"_schemasync_rowid"'

# What gives an expression the affinity of a column, and the types of value that the column does not convert to it.
_CASTS = {
    Affinity.INTEGER: ("NUMERIC", "'text', 'blob'"),
    Affinity.NUMERIC: ("NUMERIC", "'text', 'blob'"),
    Affinity.REAL: ("REAL", "'text', 'blob'"),
    Affinity.TEXT: ("TEXT", "'blob'"),
}


@dataclass(frozen=True, slots=True)
class _Predicate:
    """`sql` is true for an offending row of the projection."""

    sql: str
    code: HazardCode
    message: str
    hint: str
    column: str = ""


def probe(connection: Connection, plan: Plan, allowed_losses: frozenset[str] = frozenset()) -> tuple[Hazard, ...]:
    """All hazards of the data. `allowed_losses` are folded "table.column" whose values may be replaced."""
    found: list[Hazard] = []
    for step in plan.steps:
        found += _virtual(connection, step, allowed_losses)
        if step.action is Action.DROP:
            found += _dropped(connection, step)
        elif step.old is not None and step.new is not None and step.new.virtual is None and step.old.virtual is None:
            found += _dropped_columns(connection, step)
            found += _Probe(connection, step, plan, allowed_losses).run()
    for step in _foreign_children(connection, plan):
        found += _Probe(connection, step, plan, allowed_losses).run()
    return tuple(found)


def _foreign_children(connection: Connection, plan: Plan) -> Iterator[Step]:
    """Tables that no schema names and that refer to ours, as steps in which nothing changes but what they refer to."""
    steps = {fold(s.old.name): s for s in plan.steps if s.old is not None and s.action is Action.REWRITE}
    names = [
        child
        for child, parents in references_of(connection).items()
        if plan.old.table(child) is None and plan.new.table(child) is None and parents & steps.keys()
    ]
    for table in inspect(connection).schema.tables if names else ():
        if table.name in names:
            keys = (_followed(key, steps[fold(key.table)]) for key in table.foreign_keys if fold(key.table) in steps)
            feeds = tuple(Feed(column.name, Origin.CARRIED, column.name, same=True) for column in table.columns)
            bare = replace(table, checks=(), uniques=(), indexes=(), foreign_keys=tuple(keys))
            yield Step(Action.KEEP, table, bare, feeds)


def _followed(key: ForeignKey, parent: Step) -> ForeignKey:
    """The key under the names that its parent will have."""
    now = {fold(feed.source): feed.column for feed in parent.feeds if feed.source is not None}
    return replace(key, table=parent.name, references=tuple(now.get(fold(column), column) for column in key.references))


def count_rows(connection: Connection, table: str) -> int:
    """The number of rows of a table."""
    return int(connection.execute(f"SELECT count(*) FROM {quote(table)}").fetchone()[0])


def sizes(connection: Connection) -> dict[str, int] | None:
    """Bytes by folded table name, indexes included; None where this SQLite has no dbstat."""
    query = (
        "SELECT o.tbl_name, sum(s.pgsize) FROM dbstat AS s JOIN sqlite_schema AS o ON o.name = s.name"
        " WHERE s.aggregate = TRUE GROUP BY o.tbl_name"
    )
    try:
        return {fold(name): size for name, size in connection.execute(query)}
    except sqlite3.OperationalError:
        return None


def _dropped(connection: Connection, step: Step) -> Iterator[Hazard]:
    rows = count_rows(connection, step.name)
    yield Hazard(HazardCode.ROWS_DROPPED, f'table "{step.name}" goes with {rows:,} rows', table=step.name, rows=rows)


def _dropped_columns(connection: Connection, step: Step) -> Iterator[Hazard]:
    for change in step.changes:
        if isinstance(change, c.DropColumn) and step.old is not None and change.column.generated is None:
            sql = f"SELECT count({quote(change.column.name)}) FROM {quote(step.old.name)}"
            rows = connection.execute(sql).fetchone()[0]
            message = f"{step.name}.{change.column.name} goes with {rows:,} values"
            yield Hazard(HazardCode.ROWS_DROPPED, message, "", step.name, change.column.name, rows)


def _virtual(connection: Connection, step: Step, allowed: frozenset[str]) -> Iterator[Hazard]:
    both = step.action is Action.REWRITE and step.old is not None and step.new is not None
    if not both or step.old is None or step.new is None:
        return
    if (step.old.virtual is None) != (step.new.virtual is None):
        message = f'"{step.name}" cannot turn from a virtual table into an ordinary one, or back'
    elif step.old.virtual is not None and is_contentless(step.old.virtual):
        message = f"virtual table \"{step.name}\" keeps no text (content=''), so it cannot be filled anew"
    else:
        yield from _lost_virtual_columns(connection, step.old, step.new, allowed)
        return
    hint = "Make a new table beside it, fill that from the application, and drop the old one."
    yield Hazard(HazardCode.VIRTUAL_CONTENT, message, hint, step.name)


def _lost_virtual_columns(connection: Connection, old: Table, new: Table, allowed: frozenset[str]) -> Iterator[Hazard]:
    """Columns that a virtual table keeps itself and that its new arguments no longer name."""
    if old.virtual is None or option(old.virtual, "content"):
        return
    with closing(Opener().memory()) as scratch:
        scratch.execute(ddl.create_table(new))
        stay = {fold(name) for name in identity(scratch, "main", new.name)}
    for name in identity(connection, "main", old.name):
        plain = f"{new.name}.{name[1:-1]}"
        if fold(name) not in stay and fold(plain) not in allowed:
            message = f"{plain} would go with its values"
            hint = f"If they may go: --allow-drop {shlex.quote(plain)}"
            yield Hazard(HazardCode.VIRTUAL_CONTENT, message, hint, new.name, name[1:-1])


_Change = TypeVar("_Change", bound=c.Change)


class _Probe:
    """The hazards of one table: a projection of its old rows into the new shape, and questions to it."""

    def __init__(self, connection: Connection, step: Step, plan: Plan, allowed: frozenset[str]) -> None:
        assert step.old is not None
        assert step.new is not None
        self.connection, self.step, self.plan, self.allowed = connection, step, plan, allowed
        self.old, self.new = step.old, step.new
        self.feeds = {fold(feed.column): feed for feed in step.feeds}

    def run(self) -> Iterator[Hazard]:
        if self.connection.execute(f"SELECT 1 FROM {quote(self.old.name)} LIMIT 1").fetchone() is None:
            return
        try:
            yield from self._rows(list(self._losses()), [self._raws()])
            yield from self._rows(list(self._predicates()), [self._projection()])
            yield from self._rows(list(self._checks()), self._parts())
            yield from self._duplicates()
            yield from self._dangling()
        except sqlite3.Error as error:
            yield Hazard(
                HazardCode.FILL_FAILS,
                f"the new values of {self.new.name} cannot be computed for every row: {error}",
                "Look at its fills, checks and generated columns.",
                self.new.name,
            )

    # --- questions to single rows ---------------------------------------------------------------------------

    def _predicates(self) -> Iterator[_Predicate]:
        for column in self.new.columns:
            feed = self.feeds[fold(column.name)]
            yield from self._null(column, feed)
            yield from self._no_row_id(column, feed)
            if self.new.strict and self._may_misfit(feed):
                yield from self._misfit(column)
            if feed.origin is Origin.GENERATED and feed.source is not None:
                yield from self._replaced(column, feed.source)
        for sql in self._computed():
            yield _Predicate(f"typeof({sql}) = ''", HazardCode.FILL_FAILS, "", "")  # an error says it, no row does

    def _checks(self) -> Iterator[_Predicate]:
        for check in self.new.checks:
            if self._at_risk(check.expression, [ch.check for ch in self._changes(c.AddCheck)], check):
                yield _Predicate(
                    f"NOT ({check.expression.text})",
                    HazardCode.CHECK_FAILS,
                    f"CHECK ({check.expression.text})",
                    'Mend the rows, or give the column a "fill" that fits.',
                )

    def _computed(self) -> Iterator[str]:
        """What SQLite will compute for every row and nothing else asks for: it must not fail on one."""
        for column in self.new.columns:
            is_filled = self.feeds[fold(column.name)].origin is Origin.FILLED
            if is_filled or (column.generated is not None and self._changes_value(column.name)):
                yield quote(column.name)
        for index in self.new.indexes:
            if self._is_new(index) or self._any_changes(index.columns, index.where):
                taken_in = index.where.text if index.where is not None else "1"
                computed = [part.expression.text for part in index.columns if part.expression is not None]
                yield from (f"CASE WHEN {taken_in} THEN {sql} END" for sql in [*computed, "1"])

    def _changes(self, kind: type[_Change]) -> list[_Change]:
        return [change for change in self.step.changes if isinstance(change, kind)]

    def _may_misfit(self, feed: Feed) -> bool:
        retyped = {change.column for change in self._changes(c.ChangeType)}
        return bool(self._changes(c.ChangeStrict)) or not feed.same or feed.column in retyped

    def _null(self, column: Column, feed: Feed) -> Iterator[_Predicate]:
        if not _refuses_null(self.new, column):
            return
        before = self.old.column(feed.source) if feed.source else None
        kept = feed.origin is Origin.CARRIED or not self._changes_value(column.name)
        if kept and before is not None and _refuses_null(self.old, before):
            return
        if column.generated is not None:
            message, hint = "a generated column that must not be NULL", f"coalesce({column.generated.text}, …)"
            yield _Predicate(f"{quote(column.name)} IS NULL", HazardCode.NULLS, message, hint, column.name)
            return
        new = feed.origin is Origin.DEFAULT
        example = "''" if new else f"coalesce({feed.source or column.name}, …)"
        yield _Predicate(
            f"{quote(column.name)} IS NULL",
            HazardCode.NULLS,
            "new, NOT NULL, and without a default" if new else "NULL in a column that becomes NOT NULL",
            f'Give it a fill: {{"type": …, "fill": "{example}"}}' + (", or a DEFAULT." if new else "."),
            column.name,
        )

    def _no_row_id(self, column: Column, feed: Feed) -> Iterator[_Predicate]:
        """A column that becomes the row id: SQLite would make up one for a NULL, and takes nothing but integers."""
        if column.name != self.new.rowid_column or feed.origin is Origin.DEFAULT:
            return
        if feed.origin is Origin.CARRIED and feed.source == self.old.rowid_column:
            return
        name, hint = quote(column.name), 'Mend the rows, or give the column a "fill" that fits.'
        yield _Predicate(f"{name} IS NULL", HazardCode.NULLS, "NULL in the primary key", hint, column.name)
        misfits = f"typeof({name}) NOT IN ('integer', 'null')"
        message = "values that are no integers in an INTEGER PRIMARY KEY"
        yield _Predicate(misfits, HazardCode.WRONG_TYPE, message, hint, column.name)

    def _losses(self) -> Iterator[_Predicate]:
        for column in self.new.columns:
            feed = self.feeds[fold(column.name)]
            if feed.origin is Origin.CARRIED and not feed.same:
                yield from self._lossy(column)

    def _lossy(self, column: Column) -> Iterator[_Predicate]:
        sql = loses(_raw(column.name), column, self.new)
        if sql is not None and f"{fold(self.new.name)}.{fold(column.name)}" not in self.allowed:
            yield _Predicate(
                sql,
                HazardCode.LOSSY,
                f"stored as {column.type.text or 'any type'} these values would lose something",
                f'Say what is meant: "fill": "CAST({column.name} AS {column.type.text.partition("(")[0]})"',
                column.name,
            )

    def _misfit(self, column: Column) -> Iterator[_Predicate]:
        name = quote(column.name)
        yield _Predicate(
            f"NOT ({fits_strict(name, column)})",
            HazardCode.WRONG_TYPE,
            f"values that are no {column.type.text}, which a STRICT table refuses",
            f"Convert them, in its expression: CAST({column.generated.text} AS {column.type.text})"
            if column.generated is not None
            else f'Convert them: "fill": "CAST({column.name} AS {column.type.text})"',
            column.name,
        )

    def _replaced(self, column: Column, source: str) -> Iterator[_Predicate]:
        before = self.old.column(source)
        if before is None or before.generated is not None:
            return
        if f"{fold(self.new.name)}.{fold(column.name)}" in self.allowed:
            return
        yield _Predicate(
            f"{quote(column.name)} IS NOT {_raw(column.name)} COLLATE BINARY",
            HazardCode.GENERATED_REPLACES,
            "values that the generated column would replace by others",
            f"If they may go: --allow-drop {self.new.name}.{column.name}",
            column.name,
        )

    def _rows(self, predicates: Sequence[_Predicate], parts: Sequence[str]) -> Iterator[Hazard]:
        """`parts` are projections that hold all rows between them."""
        for begin in range(0, len(predicates), BATCH):
            batch = predicates[begin : begin + BATCH]
            sums = ", ".join(f"total(CASE WHEN {p.sql} THEN 1 ELSE 0 END)" for p in batch)
            counted = [self.connection.execute(f"SELECT {sums} FROM {part}").fetchone() for part in parts]
            for predicate, counts in zip(batch, zip(*counted, strict=True), strict=True):
                if any(counts):
                    yield self._hazard(predicate, int(sum(counts)), parts)

    def _hazard(self, predicate: _Predicate, count: int, parts: Sequence[str]) -> Hazard:
        some = (f"SELECT {_KEY} FROM {part} WHERE {predicate.sql} LIMIT {SAMPLES}" for part in parts)
        keys = tuple(str(key) for sql in some for (key,) in self.connection.execute(sql))[:SAMPLES]
        where = f"{self.new.name}.{predicate.column}" if predicate.column else self.new.name
        message = f"{where}: {count:,} {'row' if count == 1 else 'rows'}: {predicate.message}{_shown(keys)}"
        return Hazard(predicate.code, message, predicate.hint, self.new.name, predicate.column, count, keys)

    # --- the projection -------------------------------------------------------------------------------------

    def _projection(self) -> str:
        """A subquery with the new columns under their names, computed from the old rows."""
        return self._generated(self._stored())

    def _parts(self) -> list[str]:
        """The same rows in two parts, for expressions that compare columns with literals of another type.

        `price > '0'` depends on the affinity of the column, which an expression has only as a CAST. That changes
        the few values which the column's type does not convert, so rows with such are asked without it.
        """
        casts = {
            column.name: _CASTS[kind]
            for column in self.new.columns
            if column.generated is None and not self.feeds[fold(column.name)].same
            if (kind := affinity(column, self.new.strict)) in _CASTS
        }
        if not casts:
            return [self._projection()]
        odd = " OR ".join(f"typeof({quote(name)}) IN ({kinds})" for name, (_, kinds) in casts.items())
        columns = [_KEY, *self._rowid_names(), *(_raw(c.name) for c in self.new.columns if c.generated is not None)]
        for column in self.new.columns:
            name = quote(column.name)
            if column.name in casts:
                sql = f"CAST({name} AS {casts[column.name][0]})"
                columns.append(f"{_collated(sql, column)} AS {name}")
            elif column.generated is None:
                columns.append(name)
        plain = self._stored()
        typed = f"(SELECT {', '.join(columns)} FROM {plain} WHERE NOT ({odd}))"
        return [self._generated(typed), self._generated(f"(SELECT * FROM {plain} WHERE {odd})")]

    def _raws(self) -> str:
        """What feeds each new column, before that converts it."""
        raws = [f"{_key_sql(self.old)} AS {_KEY}", f"{_rowid_or_null(self.old)} AS {_ROWID}"]
        for column in self.new.columns:
            raws.append(f"{self._source(self.feeds[fold(column.name)], column)} AS {_raw(column.name)}")
        return f"(SELECT {', '.join(raws)} FROM {quote(self.old.name)})"

    def _stored(self) -> str:
        """All but the generated columns, each value as the new column stores it.

        Raw values stay in reach only where they are asked for: a result takes 2,000 columns, a table nearly as many.
        """
        columns = [_KEY]
        for column in self.new.columns:
            if column.generated is not None:
                columns.append(_raw(column.name))
                continue
            value = self._value(self.feeds[fold(column.name)], column)
            columns.append(f"{value} AS {quote(column.name)}")
            if column.name == self.new.rowid_column:
                columns += [f"{value} AS {name}" for name in self._rowid_names()]
        if self.new.rowid_column is None:
            columns += [f"{_ROWID} AS {name}" for name in self._rowid_names()]
        return f"(SELECT {', '.join(columns)} FROM {self._raws()})"

    def _rowid_names(self) -> list[str]:
        """The names by which a CHECK or an index may speak of the new row id."""
        taken = {fold(column.name) for column in self.new.columns}
        return [] if self.new.without_rowid else [name for name in ROWID_NAMES if name not in taken]

    def _generated(self, sql: str) -> str:
        """The projection with its generated columns, those that others are computed from first."""
        left = [column for column in self.new.columns if column.generated is not None]
        while left:
            names = {fold(column.name) for column in left}
            ready = [c for c in left if c.generated and not (names - {fold(c.name)}) & {*_words(c.generated)}] or left
            computed = ", ".join(f"({c.generated.text}) AS {_computed(c.name)}" for c in ready if c.generated)
            values = ", ".join(
                f"{_collated(stored(_computed(c.name), c, self.new), c)} AS {quote(c.name)}" for c in ready
            )
            alias = quote(self.new.name)
            sql = f"(SELECT *, {values} FROM (SELECT *, {computed} FROM {sql} AS {alias}))"
            left = [column for column in left if column not in ready]
        return f"{sql} AS {quote(self.new.name)}"

    def _source(self, feed: Feed, column: Column) -> str:
        if feed.origin is Origin.FILLED:
            return f"({feed.fill})"
        if feed.source is not None:
            return quote(feed.source)
        if column.name == self.new.rowid_column:
            return _rowid_or_null(self.old)
        return f"({column.default.text})" if column.default is not None else "NULL"

    def _value(self, feed: Feed, column: Column) -> str:
        raw = _raw(column.name)
        if not feed.same:
            return _collated(stored(raw, column, self.new), column)
        before = self.old.column(feed.source) if feed.source else None
        return raw if before is not None and before.collation == column.collation else _collated(raw, column)

    # --- questions to all rows ------------------------------------------------------------------------------

    def _at_risk(self, sql: Sql, added: Sequence[object] = (), item: object = None) -> bool:
        return item in added or any(map(self._changes_value, _words(sql)))

    def _changes_value(self, column: str) -> bool:
        """True where the column's values, or how they compare, are not what they were."""
        feed = self.feeds.get(fold(column))
        if feed is None:
            return False
        if self._is_changed(column, c.ChangeCollation):
            return True
        if feed.origin is not Origin.GENERATED:
            return feed.origin is not Origin.CARRIED or not feed.same
        new = self.new.column(column)
        expression = new.generated if new is not None else None
        retold = feed.source is None or self._is_changed(column, c.ChangeGenerated, c.ChangeType)
        return retold or (expression is not None and self._at_risk(expression))

    def _is_changed(self, column: str, *kinds: type[c.ChangeCollation | c.ChangeGenerated | c.ChangeType]) -> bool:
        return any(isinstance(change, kinds) and fold(change.column) == fold(column) for change in self.step.changes)

    def _duplicates(self) -> Iterator[Hazard]:
        for what, columns, where in self._unique_sets():
            terms = [_term(column, self.new) for column in columns]
            some = " AND ".join(f"{term} IS NOT NULL" for term in terms)
            if where is not None:
                some += f" AND ({where.text})"
            groups = f"SELECT count(*) AS n, min({_KEY}) AS k FROM {self._projection()} WHERE {some}"
            groups += f" GROUP BY {', '.join(terms)} HAVING count(*) > 1"
            sets, rows = self.connection.execute(f"SELECT count(*), total(n) FROM ({groups})").fetchone()
            if sets:
                keys = tuple(str(k) for _, k in self.connection.execute(f"{groups} LIMIT {SAMPLES}"))
                message = f"{self.new.name}: {int(rows):,} rows share {sets:,} values of {what}{_shown(keys)}"
                hint = "Decide which of them stay, before the schema says that they are unique."
                yield Hazard(HazardCode.DUPLICATES, message, hint, self.new.name, "", int(rows), keys)

    def _unique_sets(self) -> Iterator[tuple[str, tuple[IndexedColumn, ...], Sql | None]]:
        """Every set of columns that must be unique and was not before, or whose values change."""
        key = self.new.primary_key
        if key is not None and (self._changes(c.ChangePrimaryKey) or self._any_changes(key.columns)):
            yield f"PRIMARY KEY ({_spelled(key.columns)})", key.columns, None
        added = [change.unique for change in self._changes(c.AddUnique)]
        for unique in self.new.uniques:
            if unique in added or self._any_changes(unique.columns):
                yield f"UNIQUE ({_spelled(unique.columns)})", unique.columns, None
        for index in self.new.indexes:
            if index.unique and (self._is_new(index) or self._any_changes(index.columns, index.where)):
                yield f"the unique index {index.name} ({_spelled(index.columns)})", index.columns, index.where

    def _is_new(self, index: Index) -> bool:
        added = [change.index for change in self._changes(c.AddIndex)]
        return index in added or index in [change.new for change in self._changes(c.ChangeIndex)]

    def _any_changes(self, columns: Sequence[IndexedColumn], where: Sql | None = None) -> bool:
        return (where is not None and self._at_risk(where)) or any(
            self._changes_value(column.column)
            if column.column is not None
            else column.expression is not None and self._at_risk(column.expression)
            for column in columns
        )

    def _dangling(self) -> Iterator[Hazard]:
        added = [change.key for change in self._changes(c.AddForeignKey)]
        for key in self.new.foreign_keys:
            if key in added:
                yield from self._dangling_key(key)
            elif any(map(self._changes_value, key.columns)) or self._changes_parent(key):
                yield from (h for h in self._dangling_key(key) if h.rows > self._dangling_before(key))

    def _changes_parent(self, key: ForeignKey) -> bool:
        parent = self.plan.step(key.table)
        if parent is None or parent.old is None or parent.old.virtual is not None:
            return False
        return any(map(_Probe(self.connection, parent, self.plan, self.allowed)._changes_value, key.references))

    def _dangling_before(self, key: ForeignKey) -> int:
        """How many rows refer to nothing as it is: that is their owner's to mend, and no reason to refuse."""
        sources = [fold(self.feeds[fold(column)].source or "") for column in key.columns]
        table = quote(self.old.name)
        columns: dict[int, list[str]] = {}
        for number, _, _, column, *_ in self.connection.execute(f"PRAGMA foreign_key_list({table})"):
            columns.setdefault(number, []).append(fold(column))
        rows = self.connection.execute(f"PRAGMA foreign_key_check({table})")
        return sum(columns.get(number) == sources for *_, number in rows)

    def _dangling_key(self, key: ForeignKey) -> Iterator[Hazard]:
        parent = self.plan.step(key.table)
        if parent is None:
            return
        child = self._projection()
        some = " AND ".join(f"child.{quote(column)} IS NOT NULL" for column in key.columns)
        missing = ""
        if parent.old is not None:
            rows = _Probe(self.connection, parent, self.plan, self.allowed)._projection()
            pairs = zip(key.references, key.columns, strict=True)
            same = " AND ".join(f"parent.{quote(up)} = child.{quote(down)}" for up, down in pairs)
            missing = f" AND NOT EXISTS (SELECT 1 FROM {_aliased(rows, 'parent')} WHERE {same})"
        offending = f"FROM {_aliased(child, 'child')} WHERE {some}{missing}"
        count = self.connection.execute(f"SELECT count(*) {offending}").fetchone()[0]
        if count:
            keys = tuple(str(k) for (k,) in self.connection.execute(f"SELECT {_KEY} {offending} LIMIT {SAMPLES}"))
            columns = ", ".join(key.columns)
            message = f"{self.new.name}.{columns}: {count:,} rows refer to no row of {key.table}{_shown(keys)}"
            hint = "Set them to NULL or delete them first, or mend them with a fill."
            yield Hazard(HazardCode.DANGLING, message, hint, self.new.name, columns, count, keys)


def _aliased(projection: str, alias: str) -> str:
    return f"(SELECT * FROM {projection}) AS {alias}"


def _refuses_null(table: Table, column: Column) -> bool:
    if column.not_null is not None:
        return True
    key = table.primary_key
    in_key = key is not None and any(fold(part.column or "") == fold(column.name) for part in key.columns)
    return in_key and (table.without_rowid or table.strict) and not (key is not None and key.rowid_alias)


def _raw(column: str) -> str:
    """The alias of a value before the new column converts it."""
    return quote(f"_schemasync_raw_{column}")


def _computed(column: str) -> str:
    """The alias of what a generated column's expression gives, before the column converts it."""
    return quote(f"_schemasync_computed_{column}")


def _collated(sql: str, column: Column) -> str:
    """The SQL so that it compares as the column does; what is no column has no collation of its own."""
    return f"({sql}) COLLATE {quote(column.collation or 'binary')}"


def _words(sql: Sql) -> list[str]:
    """The folded names that an expression may speak of."""
    return [fold(token.value) for token in lexer.tokens(sql.text) if token.kind.name in ("WORD", "QUOTED")]


def _key_sql(table: Table) -> str:
    """A row's key as text a person can look for."""
    key = table.primary_key
    names = [quote(column.column) for column in key.columns if column.column] if key else []
    if not names:
        return _rowid_or_null(table)
    return " || ', ' || ".join(f"quote({name})" for name in names) if len(names) > 1 else names[0]


def _rowid_or_null(table: Table) -> str:
    try:
        return rowid_name(table) or "NULL"
    except Refused:
        return "NULL"  # hidden by columns of all its names: of no matter to a table that is only looked at


def _term(column: IndexedColumn, table: Table) -> str:
    text = quote(column.column) if column.column is not None else column.expression.text if column.expression else ""
    return f"{text} COLLATE {quote(column.collation)}" if column.collation else text


def _spelled(columns: Sequence[IndexedColumn]) -> str:
    return ", ".join(ddl.indexed_column(column).replace('"', "") for column in columns)


def _shown(keys: Sequence[str]) -> str:
    return f" (for example {', '.join(keys)})" if keys else ""
