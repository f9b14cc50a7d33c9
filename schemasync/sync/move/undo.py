"""Undoes a move: PostgreSQL is closed to writers first, and the file is opened last."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from ...engines.postgres import driver, fence, move_table
from ...engines.postgres.counters import counters_ahead
from ...engines.postgres.inspect import as_created
from ...engines.postgres.move_table import MoveState
from ...engines.postgres.verify.tables import compare_table
from ...engines.sqlite.capture import changelog
from ...engines.sqlite.connection import Connection, check_version
from ...engines.sqlite.transactions import logged_durably, snapshot
from ...errors import Code, Refused, SchemasyncError
from ...files.disk import DiskStep
from ...schema.document import Document
from ..phases.capture import release
from ..recovery import recover
from ..run import interrupt
from ..run.elapsed import ms_since
from ..run.error_translation import translated_errors
from ..run.target import Target
from .build import step
from .closed_file import moved_to, record_there
from .decide import tables_there
from .goal import Goal, MoveReport, MoveStep
from .opening import open_there

if TYPE_CHECKING:
    from ...engines.postgres.driver import Connection as There


def undo(target: Target, goal: Goal, document: Document, *, leave_writes: bool = False) -> MoveReport:
    """Go back to the file. Raises Refused if rows on PostgreSQL differ from the file, unless `leave_writes`: then these
    stay there. At no moment do both sides take writes. If the process dies in between, or PostgreSQL is lost, both may
    be closed; then the same command goes on, or `move --to` opens PostgreSQL again."""
    check_version()
    begun = time.monotonic()
    with (
        translated_errors(target.layout.link),
        interrupt.stoppable() as signals,
        target.observed() as target,
        target.locked() as target,
    ):
        recover(target)
        alias, live = moved_to(target), target.layout.live()
        assert live is not None  # its fence was read
        with goal.server.connection() as there, closing(target.opener.read(live.path)) as source:
            record = record_there(target, goal, there, alias)
            with _open_after_errors(goal, there, was_open=record.state is MoveState.LIVE):
                with step(goal, MoveStep.CLOSE):
                    fence.close(there, record.tables, f"It was moved back to {record.source}. Reload the site.")
                left = _differing(target, goal, document, source, there)
                if left and not leave_writes:
                    raise _refused(goal, left)
            signals.defer()
            with step(goal, MoveStep.UNDONE):
                move_table.set_state(there, MoveState.UNDONE)
        with (
            target.disk.step(DiskStep.CUTOVER_UNFENCE),
            closing(target.opener.write(live.path, timeout=target.wait)) as connection,
        ):
            target.check_sole()
            with logged_durably(connection):
                changelog.reopen(connection)
        signals.swapped(live.name)
        release(target, live.path)
    return MoveReport("undone", goal.alias, live.name, duration_ms=ms_since(begun), left=left)


@contextmanager
def _open_after_errors(goal: Goal, there: There, *, was_open: bool) -> Iterator[None]:
    """Open PostgreSQL to writers again if the block raises; for another error than a refusal, if the server answers."""
    try:
        yield
    except Refused:
        if was_open:
            open_there(goal, there)
        raise
    except BaseException:
        if was_open:
            with suppress(driver.library().Error, SchemasyncError):
                open_there(goal, there)
        raise


def _differing(target: Target, goal: Goal, document: Document, source: Connection, there: There) -> Mapping[str, int]:
    """Return how many rows of each table differ. A counter that is ahead has an entry of its own, with 1."""
    left: dict[str, int] = {}
    with snapshot(source), target.progress.phase("compare", "tables") as advance:
        tables = as_created(there, tables_there(source, goal, document))
        for number, table in enumerate(tables):
            proof = compare_table(source, there, table)
            if proof.differing:
                left[table.name] = proof.differing
            left.update({f"the counter of {table.name}.{name}": 1 for name in counters_ahead(source, there, table)})
            advance(number + 1, len(tables))
    return left


def _refused(goal: Goal, left: Mapping[str, int]) -> Refused:
    counts = ", ".join(f"{table} {count:,}" for table, count in left.items())
    return Refused.of(
        Code.WRITES_LEFT_BEHIND,
        f"{goal.server} was written since the move: rows that differ, by table: {counts}",
        "PostgreSQL stays live. To leave these rows there, and go back without them: "
        "manage.py schemasync move --undo --leave-writes",
        rows=dict(left),
    )
