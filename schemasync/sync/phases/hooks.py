"""Runs the work of the application on the new file before it goes live: receivers, and migrations of MIGRATED_APPS."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from ...engines.sqlite import history_table, reference_rows
from ...engines.sqlite.capture.table_access import TableAccess
from ...engines.sqlite.checkpoint import durably
from ...engines.sqlite.connection import checked_foreign_keys
from ...engines.sqlite.inspect import inspect
from ...errors import APPLICATION_ERRORS, Code, Failed, SchemasyncError
from ...files.disk import DiskStep
from ...history.row import HistoryRow
from ...history.rows import models_of
from ...plan.model import Plan
from ...schema.subset import differing_exactly, ours
from ..run.live_database import LiveDatabase
from ..run.target import Target
from .build import Built
from .health import check_health


@dataclass(frozen=True, slots=True)
class NewFile:
    """The new file, complete and not yet live: nobody else writes to it. `models`: those of the previous file.
    `is_ahead`: a part of the work was done on it before."""

    path: Path
    plan: Plan
    models: Mapping[str, str]
    is_ahead: bool = False


class AheadWork(Protocol):
    """Work of the application that acts on nothing but the new file, and so can be done again on another one."""

    def is_due(self, new: NewFile) -> bool:
        """Return True if there is work to do. Changes nothing."""

    def do_ahead(self, new: NewFile) -> TableAccess:
        """Do the work, and return the tables that it used. Raises the errors of the application, unless a statement was
        denied."""

    def is_left(self, new: NewFile) -> bool:
        """Return True if there is work that has to be done while writers wait. Changes nothing."""


BeforeSwap = Callable[[NewFile], bool]
"""Does the work, and returns whether there was any."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """The application's work, if it has any. `ahead`: the part that may be done while writers go on."""

    target: Target
    before_swap: BeforeSwap | None
    ahead: AheadWork | None = None

    def do(self, built: Built, plan: Plan, before: LiveDatabase | None, *, is_healthy: bool = False) -> None:
        """Write the rows that schema.json names, do the work, and check the file, while writers wait. Raises Failed if
        the work fails or changes the schema of a table of the plan, or if the check finds the file unhealthy.
        `is_healthy`: it was checked before. A new database is not checked: no older file is at stake."""
        write_rows(self.target, built, plan)
        if self.before_swap is not None:
            with hook_errors():
                has_worked = self.before_swap(new_file(built, plan, before))
            if has_worked:
                check_schema(self.target, built, plan)
        if before is not None and not is_healthy:
            check_health(self.target, built)

    def is_healthy_ahead(self, built: Built, plan: Plan, before: LiveDatabase) -> bool:
        """Check the file while writers go on, if nothing is left to do on it. Raises Failed if the check finds it
        unhealthy. Return False if the check has to wait for the write lock, or there is none."""
        if self.target.health is None or plan.reference_rows or self._is_left(new_file(built, plan, before)):
            return False
        check_health(self.target, built, is_ahead=True)
        return True

    def _is_left(self, new: NewFile) -> bool:
        """Return True if the application may still change the file."""
        return self.before_swap is not None and (self.ahead is None or self.ahead.is_left(new))


def write_rows(target: Target, built: Built, plan: Plan) -> None:
    """Bring the rows that schema.json names into the new file. Raises Failed if the file refuses one."""
    if not plan.reference_rows:
        return
    with (
        target.disk.step(DiskStep.BUILD_ROWS),
        closing(target.opener.write(built.generation.path, timeout=target.wait)) as connection,
        checked_foreign_keys(connection),
        durably(connection),
    ):
        for rows in plan.reference_rows:
            try:
                reference_rows.write(connection, rows)
            except reference_rows.RowRefused as refusal:
                raise reference_rows.failed(rows, refusal) from refusal


def new_file(built: Built, plan: Plan, before: LiveDatabase | None) -> NewFile:
    """Return the built file, for the application."""
    is_ahead = built.used is not None
    return NewFile(built.generation.path, plan, models_of(before.newest if before is not None else None), is_ahead)


@contextmanager
def hook_errors() -> Iterator[None]:
    """Turn each error of the application in the block into Failed: it rejects the new file."""
    try:
        yield
    except SchemasyncError:
        raise
    except APPLICATION_ERRORS as error:
        raise Failed.of(
            Code.HOOK_FAILED,
            f"{type(error).__name__}: {error}",
            "The application's own work on the new file raised this. That file is removed: fix it, and run again.",
        ) from error


def check_schema(target: Target, built: Built, plan: Plan) -> HistoryRow:
    """Record the present schema of the file in its history, and return that row. Raises Failed if the application
    changed the schema of a table of the plan; its own tables may change."""
    with closing(target.opener.write(built.generation.path, timeout=target.wait)) as connection:
        row, found = history_table.newest(connection), inspect(connection)
        if row is None or found.fingerprint == row.fingerprint:
            return built.row
        changed = differing_exactly(plan.built, ours(found.schema, plan.new))
        if changed:
            raise Failed.of(
                Code.HOOK_FAILED,
                f"the application's own work changed the schema of {', '.join(sorted(changed))}",
                "Change tables of schema.json only in schema.json.",
            )
        with durably(connection):
            history_table.record_fingerprint(connection, row.id, found.fingerprint)
    return replace(built.row, fingerprint=found.fingerprint)
