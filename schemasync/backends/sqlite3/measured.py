"""Measures statements and transactions of one connection.

Costly measurements are made only for some cursors: in each process for the first ones of each minute, and then for a
sample, chosen when a cursor is created. All others run as if nothing were measured, except that every error is counted.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from ...engines.sqlite.actor import StatementKind, kind_of
from ...engines.sqlite.sqlite_errors import is_busy
from .meter import Meter

if TYPE_CHECKING:
    from .base import DatabaseWrapper

WRITING = frozenset(("INSERT", "UPDATE", "DELETE", "REPLAC"))
MOST = 100  # different statements of a transaction that are recorded


class Measuring:
    """A mixin for a cursor that measures its first statement, and all within a measured transaction. `weight`: the
    number of cursors that it stands for. `unmeasured`: the class without this mixin."""

    db: DatabaseWrapper
    weight = 1
    unmeasured: type

    def _execute(self, sql: str, params: Any, *ignored: Any) -> Any:
        return self._measured(sql, partial(super()._execute, sql, params, *ignored))  # type: ignore[misc]

    def _executemany(self, sql: str, param_list: Iterable[Any], *ignored: Any) -> Any:
        return self._measured(sql, partial(super()._executemany, sql, param_list, *ignored))  # type: ignore[misc]

    def _measured(self, sql: str, run: Callable[[], Any]) -> Any:
        measured = self.db.measured
        if measured is None:
            return run()
        began = time.perf_counter()
        result = run()
        measured.ran(self, sql, began)
        if measured.kind is None:  # a cursor that is used repeatedly would be measured each time
            self.__class__ = self.unmeasured
        return result


class Measured:
    """The open transaction of a connection, if it is measured. `kind`: the class of all cursors that are created in it.

    A wait for the write lock is known where a transaction begins IMMEDIATE. Outside of a transaction, and after BEGIN
    DEFERRED, it is part of the time of the statement that waits.
    """

    def __init__(self, db: DatabaseWrapper, meter: Meter) -> None:
        self._db, self.meter = db, meter
        self.forget()

    def forget(self) -> None:
        """Forget the transaction: none is open, or it is not measured."""
        self.kind: type | None = None
        self._db.kinds = self.meter.kinds
        self._weight = 1
        self._locked: float | None = None  # when the transaction got the write lock
        self._spent = self._wait = 0.0
        self._changes = 0
        self._statements: list[tuple[str, float]] = []

    def ran(self, cursor: Measuring, sql: str, began: float) -> None:
        """Record a statement that has run on a measured cursor."""
        now = time.perf_counter()
        took, is_open = now - began, self._db.connection.in_transaction
        if sql[:6] == "SELECT":
            self.meter.read(now, sql, took, cursor.weight)
        elif is_open and sql[:5] == "BEGIN":
            self._begun(cursor, sql, now, took)
        elif self.kind is not None:
            if not is_open:
                self.ended(began, is_rollback=kind_of(sql) is StatementKind.UNDO)
            elif _writes(sql):
                self._wrote_within(sql, began, took)
        else:
            self._alone(cursor, sql, now, took, is_open=is_open)
        if self.kind is None:
            self._db.kinds = self.meter.kinds  # the classes of another minute, if one has begun

    def _alone(self, cursor: Measuring, sql: str, now: float, took: float, *, is_open: bool) -> None:
        if _writes(sql) and not is_open:  # a transaction is measured completely or not at all
            self.meter.wrote(now, cursor.weight, took, 0.0, took, [(sql, took)])

    def _begun(self, cursor: Measuring, sql: str, now: float, took: float) -> None:
        self.forget()
        self.kind, self._weight = type(cursor), cursor.weight
        self._db.kinds = itertools.repeat(self.kind)
        self._changes = self._db.connection.total_changes
        if "DEFERRED" not in sql and "IMMEDIATE" in (self._db.begin if sql == "BEGIN" else sql):
            self._locked, self._wait, self._spent = now, took, took

    def _wrote_within(self, sql: str, began: float, took: float) -> None:
        if self._locked is None:  # after BEGIN DEFERRED
            self._locked = began
        self._spent += took
        if len(self._statements) < MOST:
            self._statements.append((sql, took))

    def ended(self, began: float, *, is_rollback: bool) -> None:
        """Record the end of the measured transaction. `began`: when the statement that ended it began."""
        locked, wrote = self._locked, self._statements or self._db.connection.total_changes != self._changes
        now = time.perf_counter()
        if locked is None:  # it has only read
            pass
        elif wrote and not is_rollback:
            spent = self._spent + now - began
            self.meter.wrote(now, self._weight, spent, self._wait, now - locked, self._statements)
        else:
            self.meter.wrote_nothing(now, self._weight, self._wait, now - locked, is_rollback=is_rollback)
        self.forget()

    def failed(self, error: BaseException) -> None:
        """Record a statement that failed, on any cursor."""
        if is_busy(error.__cause__ or error):
            self.meter.failed(time.perf_counter())


def _writes(sql: str) -> bool:
    return sql[:6] in WRITING or (sql[:6] not in ("SAVEPO", "RELEAS") and kind_of(sql) is StatementKind.WRITE)
