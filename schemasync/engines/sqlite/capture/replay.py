"""Replay: deletes the rows of logged keys from the new file, and inserts them again from the old one.

Replay copies the current state of a row, whatever happened to it. All deletes come before all inserts, so that rows can
exchange unique values. It uses neither REPLACE nor IGNORE: a row that does not fit is kept for the next round, because
the application may fix it, and is an error only once writers are blocked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

from ....errors import Code, Failed, Problem, Refused
from ....plan.model import Alter, Rewrite
from ....schema.text import count
from ..connection import Connection, schema_version
from ..name_errors import hint_for, is_unknown_name
from ..objects import OWN_PREFIX
from ..rebuild.alter import CannotEdit, changed_defaults, reads_defaults
from ..rebuild.refill import refill_statement
from ..verify import rows
from ..verify.ends import table_ends_differ
from . import changelog
from .changelog import LOG, LiveSchema, slots
from .foreign_key_recheck import ForeignKeyRecheck
from .key_mapping import TrackedTable, impossible

LOWEST = -(2**63)  # the smallest row id
KEYS = f"temp.{OWN_PREFIX}keys"  # the keys to replay: t is the number of the logged table, n the order
AT_ONCE = 100  # tables in one statement; SQLite allows 500 terms
SAMPLES = 5  # most keys that a message names for a table with rows that do not fit


@dataclass(slots=True)
class RowErrors:
    """Rows of a table that violate its new schema: their number, some of their keys, and SQLite's message."""

    table: str
    rows: int
    keys: list[str]
    why: str


@dataclass(slots=True)
class Round:
    """The result of one round: the number of replayed keys and of their tables, the rows that did not fit, and the
    tables with rows that refer to missing rows by a new foreign key."""

    keys: int = 0
    tables: int = 0
    row_errors: list[RowErrors] = field(default_factory=list)
    dangling: list[str] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        """True if every replayed row fits the new schema."""
        return not self.row_errors and not self.dangling


@dataclass
class Replay:
    """The tracked tables, and the position up to which the log was read. `connection` has the old file attached.

    `schema`: the schema of the old file when the log was installed. `version`: the schema_version up to which the new
    file is known to agree with the old one. `new_foreign_keys`: those that the verification checked for all rows.
    """

    connection: Connection
    follows: Sequence[TrackedTable]
    bound: int
    schema: LiveSchema
    version: int
    new_foreign_keys: Sequence[ForeignKeyRecheck] = ()
    has_replayed: bool = field(init=False, default=False)  # True if a round replayed any row
    _seen: int = field(init=False)
    _in_doubt: bool = field(init=False, default=False)
    _hidden: set[int] = field(init=False, default_factory=set)  # numbers of tables with unlogged rows
    _compared: set[int] = field(init=False, default_factory=set)  # tables that were compared for this reason

    def __post_init__(self) -> None:
        self._seen = self.version

    @property
    def is_doubtful(self) -> bool:
        """True if schema_version changed since the last comparison of the files: VACUUM may have renumbered row ids."""
        return self._seen != self.version or self._in_doubt

    def doubt(self) -> None:
        """Make the next round compare every table by key and content, as if schema_version had changed."""
        self._in_doubt = True

    def prepare(self) -> None:
        """Create the scratch tables of this connection."""
        for one in self.new_foreign_keys:
            one.prepare(self.connection)
        columns = ", ".join(f"{slot} DEFAULT 0" for slot in self._slots)
        self.connection.execute(
            f"CREATE TABLE {KEYS} (n INTEGER PRIMARY KEY, t INTEGER NOT NULL, {columns},"
            f" failed INTEGER NOT NULL DEFAULT 0, UNIQUE (t, {', '.join(self._slots)}))"
        )

    @property
    def _slots(self) -> tuple[str, ...]:
        """The columns of the log."""
        return slots(max((len(follow.logged.key) for follow in self.follows), default=1))

    def make_maps(self) -> None:
        """Create the tables that map old keys to new ones, if the plan gives rows another key."""
        for follow in self.follows:
            if follow.has_map:
                self.connection.execute(f"CREATE TABLE {follow.map} {follow.map_definition}")

    def drop_maps(self) -> None:
        """Drop the maps, after which nothing can be replayed."""
        drop_maps(self.connection, self.follows)

    def begin(self) -> None:
        """Call this in the transaction that fills tables, before it does: rows that were changed since the log began
        are left to the replay, because they may not fit yet."""
        self.gather()
        for follow in self.follows:
            if follow.has_map:
                _fill_map(self.connection, follow, _untouched(follow))

    def untouched(self, step: Rewrite) -> str:
        """Return the condition for rows of the step's old table that excludes the rows to replay."""
        return next((_untouched(f) for f in self.follows if f.step is step), "")

    def waiting(self) -> int:
        """Return the number of log entries that were not read yet."""
        return self._last_entry() - self.bound

    def waiting_tables(self) -> int:
        """Return the number of tables that these entries concern."""
        followed = {follow.logged.number for follow in self.follows}
        return len(followed & changelog.written_since(self.connection, self.bound, "old"))

    def gather(self) -> None:
        """Read the log entries that are new since the last call, as this transaction sees them."""
        now = self._last_entry()
        if now > self.bound:
            names, keys = ", ".join(self._slots), " AND ".join(f"{slot} IS NOT NULL" for slot in self._slots)
            self.connection.execute(
                f"INSERT OR IGNORE INTO {KEYS} (t, {names})"  # a key that was logged twice counts once
                # a NULL names no row: it is the key of a row that a conflict clause skipped
                f" SELECT t, {names} FROM old.{LOG} WHERE id > ? AND id <= ? AND {keys}",
                (self.bound, now),
            )
        self.bound = now

    def _last_entry(self) -> int:
        """The last entry of the log. Raises Failed if the log is not the one that was read before.

        The schema_version is read first: keys are known to identify the same rows as before only if it is unchanged.
        """
        self._seen = schema_version(self.connection, "old")
        if self.is_doubtful:
            _check_log(self.schema, changelog.read_schema(self.connection, "old"))
        now = changelog.last_entry(self.connection, "old")
        if now < self.bound:
            raise _log_incomplete("the change log in the live file lost entries")
        return now

    def round(self) -> Round:
        """Replay what was logged, in the caller's transaction, so that every read of the old file sees the same rows.

        Raises Failed if a replayed row differs from the expected one.
        """
        self.gather()
        try:
            done = self._replay()
        except Failed as error:
            raise self._explained(error) from error
        except sqlite3.OperationalError as error:
            raise (_unknown_name(error) if is_unknown_name(str(error)) else error) from error
        return done

    def settle(self) -> None:
        """After a round, in the caller's transaction: compare every tracked table if schema_version changed, else the
        tables in which a round found rows without a log entry for the first time. Raises Failed if they differ.

        Rows that did not fit in the round are left out: the new file has none of them, and the next round reads them
        again from the old one. All other rows must be the same in both files.

        VACUUM renumbers the row ids of tables without an INTEGER PRIMARY KEY, so that log entries from before and
        after it use one key for different rows. A comparison by key in one snapshot proves that this did not happen,
        or did no harm, whatever changed the number.
        """
        if not self.is_doubtful:
            self._compare([follow for follow in self.follows if follow.logged.number in self._hidden])
            self._compared |= self._hidden
            self._hidden.clear()
            return
        if not changelog.read_schema(self.connection, "old").has_text_of(self.schema):
            return  # somebody changed the schema, and may change it back: the swap waits, and checks again
        self._compare(self.follows)
        for follow in self.follows:
            if follow.has_map:  # its old row ids may have changed, although the rows are the same
                self.connection.execute(f"DELETE FROM {follow.map}")
                _fill_map(self.connection, follow, self._taken(follow, self._counts()))
        self.version, self._in_doubt = self._seen, False
        self._hidden.clear()

    def check_ends(self) -> None:
        """After a round, in its transaction: check that tables which are not rewritten begin and end with the same key
        in both files. Raises Failed if not: something bypassed the log. Costs one or two lookups for each table."""
        for follow in self.follows:
            old, new = follow.logged.table, follow.mapped.new
            if not isinstance(follow.step, Rewrite) and table_ends_differ(self.connection, old, new, follow.key):
                name = new.name
                raise _log_incomplete(f'rows of "{name}" were changed without an entry in the change log', table=name)

    def _taken(self, follow: TrackedTable, waiting: Collection[int]) -> str:
        """Return the condition, after a round, for the rows of the old table that the new table has. `waiting`: numbers
        of the tables with rows that did not fit."""
        return _untouched(follow) if follow.logged.number in waiting else "1"

    def _compare(self, follows: Sequence[TrackedTable]) -> None:
        waiting = self._counts()
        for follow in follows:
            try:
                rows.touched(self.connection, follow.mapped, follow.key, self._taken(follow, waiting), "1")
            except Failed as error:
                raise self._explained(error, suspected=True) from error
            except sqlite3.OperationalError as error:
                raise (_unknown_name(error) if is_unknown_name(str(error)) else error) from error

    def _explained(self, error: Failed, *, suspected: bool = False) -> Failed | CannotEdit:
        """Return the error with its likely cause if schema_version changed, or if `suspected`: something bypassed the
        log; otherwise the same error."""
        if not self.is_doubtful and not suspected:
            return error
        table = str(error.problems[0].facts.get("table"))
        step = next(follow.step for follow in self.follows if follow.mapped.new.name == table)
        if isinstance(step, Alter) and changed_defaults(step):
            return reads_defaults(step)  # this is the likely cause until the verification has compared these columns
        stable = {f.mapped.new.name for f in self.follows if f.logged.is_stable}
        if self._seen != self.version and table not in stable:
            return _row_ids_changed(table)
        return _log_incomplete(f'rows of "{table}" were changed without an entry in the change log', table=table)

    def _replay(self) -> Round:
        done, logged = Round(), self._counts()
        for follow in self.follows:
            if follow.logged.number in logged:
                self._delete(follow)
        self._find_hidden()
        counts = self._counts()
        for follow in self.follows:
            if follow.logged.number in counts:
                done.keys += counts[follow.logged.number]
                done.tables += 1
                self.has_replayed = True
                if (row_errors := self._insert(follow)) is not None:
                    done.row_errors.append(row_errors)
                self._verify(follow)
                for one in self.new_foreign_keys:
                    one.after_insert(self.connection, follow.mapped.new.name, _new_rows(follow, "NOT failed"))
                self.connection.execute(f"DELETE FROM {KEYS} WHERE {_is_of(follow)} AND NOT failed")
                self.connection.execute(f"UPDATE {KEYS} SET failed = 0 WHERE {_is_of(follow)}")
        done.dangling = sorted({one.child for one in self.new_foreign_keys if one.dangle(self.connection)})
        return done

    def _counts(self) -> dict[int, int]:
        """The number of keys to replay of each table that has any."""
        return dict(self.connection.execute(f"SELECT t, count(*) FROM {KEYS} GROUP BY t").fetchall())

    def _delete(self, follow: TrackedTable) -> None:
        for one in self.new_foreign_keys:
            one.before_delete(self.connection, follow.mapped.new.name, _new_rows(follow))
        self.connection.execute(f"DELETE FROM main.{follow.new} WHERE {_new_rows(follow)}")
        if follow.has_map:  # `_verify` finds new keys by the map, which loses these now
            rows.deleted(self.connection, follow.mapped, _new_rows(follow))
            self.connection.execute(f"DELETE FROM {follow.map} WHERE {_map_rows(follow)}")

    def _find_hidden(self) -> None:
        """Find inserted rows that are not in the log, because a TEMP trigger hid the AFTER trigger that logs an
        assigned id.

        Their ids are above all ids in the new file, which now holds only unchanged rows. A connection with triggers
        switched off leaves such rows, too, and may have changed others: so the table is compared, once.
        """
        for query in self._hidden_queries:
            for (number,) in self.connection.execute(query).fetchall():
                follow = self.follows[number]
                found = self.connection.execute(
                    f"INSERT OR IGNORE INTO {KEYS} (t, k0)"
                    f" SELECT {follow.logged.number}, {follow.logged.key[0]} FROM {_hidden(follow)}"
                ).rowcount
                if found > 0 and follow.logged.number not in self._compared:
                    self._hidden.add(follow.logged.number)

    @cached_property
    def _hidden_queries(self) -> list[str]:
        """Return queries for the positions in `follows` of tables that have such rows, which is rare. Each round runs
        the same ones, so that a connection that caches statements compiles them once, before writers wait."""
        terms = [
            f"SELECT {position} WHERE EXISTS (SELECT 1 FROM {_hidden(follow)})"
            for position, follow in enumerate(self.follows)
            if follow.logged.is_rowid
        ]
        return [" UNION ALL ".join(terms[start : start + AT_ONCE]) for start in range(0, len(terms), AT_ONCE)]

    def _insert(self, follow: TrackedTable) -> RowErrors | None:
        try:
            with _savepoint(self.connection):
                self._insert_keys(follow, "")
        except sqlite3.IntegrityError:
            return self._insert_each(follow)
        return None

    def _insert_keys(self, follow: TrackedTable, condition: str, parameters: tuple[int, ...] = ()) -> None:
        rows = f" WHERE {_old_rows(follow, condition)}"
        if follow.has_map:
            _fill_map(self.connection, follow, _old_rows(follow, condition), parameters)
        self.connection.execute(refill_statement(follow.step) + rows, parameters)

    def _insert_each(self, follow: TrackedTable) -> RowErrors:
        """Insert row by row, after some did not fit; rows that do not fit are kept for the next round."""
        query = f"SELECT n FROM {KEYS} WHERE {_is_of(follow)} ORDER BY n"
        numbers = self.connection.execute(query).fetchall()
        found = RowErrors(follow.mapped.new.name, 0, [], "")
        for (number,) in numbers:
            try:
                with _savepoint(self.connection):
                    self._insert_keys(follow, "n = ?", (number,))
            except sqlite3.IntegrityError as error:
                self.connection.execute(f"UPDATE {KEYS} SET failed = 1 WHERE n = ?", (number,))
                found.rows += 1
                found.why = str(error)
                if len(found.keys) < SAMPLES:
                    shown = " || ', ' || ".join(f"quote({slot})" for slot in follow.logged.slots)
                    query = f"SELECT {shown} FROM {KEYS} WHERE n = ?"
                    found.keys.append(str(self.connection.execute(query, (number,)).fetchone()[0]))
        return found

    def _verify(self, follow: TrackedTable) -> None:
        rows.touched(
            self.connection, follow.mapped, follow.key, _old_rows(follow, "NOT failed"), _new_rows(follow, "NOT failed")
        )


def drop_maps(connection: Connection, follows: Iterable[TrackedTable]) -> None:
    """Drop the maps of these tables, whose rows are not replayed any more."""
    for follow in follows:
        if follow.has_map:
            connection.execute(f"DROP TABLE {follow.map}")


def _old_rows(follow: TrackedTable, condition: str = "") -> str:
    """The condition for rows of the old table whose keys were read from the log."""
    return f"({', '.join(follow.logged.key)}) IN ({_gathered(follow, follow.logged.slots, condition)})"


def _untouched(follow: TrackedTable) -> str:
    """The condition for rows of the old table whose keys were not read from the log."""
    return f"({', '.join(follow.logged.key)}) NOT IN ({_gathered(follow, follow.logged.slots, '')})"


def _fill_map(connection: Connection, follow: TrackedTable, condition: str, parameters: tuple[int, ...] = ()) -> None:
    """Map the old key to the new one, for the rows that match the condition."""
    keys = ", ".join([*follow.logged.key, *follow.key.sources])
    connection.execute(f"INSERT INTO {follow.map} SELECT {keys} FROM old.{follow.old} WHERE {condition}", parameters)


def _check_log(installed: LiveSchema, now: LiveSchema) -> None:
    if not now.has_log:
        raise _log_incomplete("the change log is gone from the live file")
    if now.log != installed.log:
        raise schema_changed()


def schema_changed() -> Failed:
    """Return the error for a schema of the live file, or of its log, that changed during the build."""
    return Failed.of(
        Code.CHANGED_DURING_RUN,
        "someone changed the schema of the live file while the new one was built",
        "Find out who did. The new file was removed, and the live file stays live. Then run again.",
    )


def _row_ids_changed(table: str) -> Failed:
    return Failed.of(
        Code.ROW_IDS_CHANGED,
        f'the row ids of "{table}" changed in the live file during the run: VACUUM renumbers a table without an '
        "INTEGER PRIMARY KEY",
        "The live file stays live and is unchanged; the new file was removed. Run again, without a VACUUM beside it. "
        'Or give the table an INTEGER PRIMARY KEY ("id": "INTEGER PRIMARY KEY").',
        table=table,
    )


def _log_incomplete(why: str, **facts: str) -> Failed:
    return Failed.of(
        Code.LOG_INCOMPLETE,
        f"{why}: a backup was restored over the file, or something wrote to it past its triggers",
        "The live file stays live and is unchanged; the new file was removed. Find out what wrote to it (a restore, a "
        "connection with triggers switched off, incremental blob I/O), end it, then run again.\n"
        "Or let writers wait while the new file is built: manage.py schemasync --block-writers",
        **facts,
    )


def _unknown_name(error: sqlite3.OperationalError) -> Refused:
    """Return the error for a row of a table that this process can keep, but cannot write."""
    problem = impossible(f"a row of a table that uses an unknown name was written: {error}", "")
    return Refused(replace(problem, hint=f"{hint_for(str(error))}\n{problem.hint}"))


def row_errors_failed(done: Round) -> Failed:
    """The error for rows that violate the new schema when writers are already blocked."""
    return Failed([*_misfits(done.row_errors), *_dangling(done.dangling)])


def _dangling(tables: Sequence[str]) -> Iterator[Problem]:
    for name in tables:
        yield Problem(
            Code.ROWS_VIOLATE_SCHEMA,
            f'rows of "{name}" refer to rows that do not exist, since something was written during the run',
            "Fix them, and make sure that the application writes no more of them. Then run it again.",
            {"table": name},
        )


def _misfits(row_errors: Sequence[RowErrors]) -> Iterator[Problem]:
    return (
        Problem(
            Code.ROWS_VIOLATE_SCHEMA,
            f'{count(m.rows, "row")} of "{m.table}", written during the run, violate the new schema: {m.why}, '
            f"for example {'; '.join(m.keys)}",
            "Fix the rows, and make sure that the application writes no more of them. Then run it again.",
            {"table": m.table, "rows": m.rows, "keys": m.keys},
        )
        for m in row_errors
    )


def _is_of(follow: TrackedTable) -> str:
    """The condition for the keys of this table."""
    return f"t = {follow.logged.number}"


def _hidden(follow: TrackedTable) -> str:
    """Return, as text to follow FROM, the rows of the old table above the highest row id in the new one."""
    column, table = ("o0", follow.map) if follow.has_map else (follow.key.columns[0], f"main.{follow.new}")
    return f"old.{follow.old} WHERE {follow.logged.key[0]} > coalesce((SELECT max({column}) FROM {table}), {LOWEST})"


def _gathered(follow: TrackedTable, columns: Sequence[str], condition: str) -> str:
    return f"SELECT {', '.join(columns)} FROM {KEYS} WHERE {_is_of(follow)}" + (
        f" AND {condition}" if condition else ""
    )


def _new_rows(follow: TrackedTable, condition: str = "") -> str:
    """The condition for the rows of the new table whose old keys were read from the log."""
    columns = ", ".join(follow.key.columns)
    if not follow.has_map:
        return f"({columns}) IN ({_gathered(follow, follow.slots, condition)})"
    new = ", ".join(f"n{number}" for number in range(len(follow.key.columns)))
    return f"({columns}) IN (SELECT {new} FROM {follow.map} WHERE {_map_rows(follow, condition)})"


def _map_rows(follow: TrackedTable, condition: str = "") -> str:
    old = ", ".join(f"o{number}" for number in range(len(follow.logged.key)))
    return f"({old}) IN ({_gathered(follow, follow.logged.slots, condition)})"


@contextmanager
def _savepoint(connection: Connection) -> Iterator[None]:
    connection.execute("SAVEPOINT replay")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK TO replay")
        raise
    finally:
        connection.execute("RELEASE replay")
