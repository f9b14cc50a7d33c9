"""Opens PostgreSQL to writers once the file is closed, also for a run that died before it did."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from ...engines.postgres import fence, move_table
from ...engines.postgres.driver import library
from ...engines.postgres.inspect import as_created
from ...engines.postgres.move_table import MoveState
from ...engines.postgres.validation import validate
from ...errors import Code, NeedsPerson, SchemasyncError
from ...files.layout import Generation
from ...schema.document import Document
from ...schema.names import fold
from ..run.target import Target
from .build import step
from .changed_values import ChangedValues, list_changed_values
from .closed_file import record_there
from .decide import tables_there
from .goal import Goal, MoveReport, MoveStep

if TYPE_CHECKING:
    from ...engines.postgres.driver import Connection as There


def opened(goal: Goal) -> list[str]:
    """Open PostgreSQL over a new connection, as that of the run may have broken at its last commit. Returns the notes
    of open_there(). Raises NeedsPerson if it stays closed."""
    try:
        with goal.server.connection() as there:
            return open_there(goal, there)
    except SchemasyncError as error:
        raise NeedsPerson.of(
            Code.MOVE_UNFINISHED,
            f"every row is on {goal.server}, and the file is closed, but that does not take writes yet: {error}. "
            "Until then every write fails, and none is lost",
            f"Once the server is up: manage.py schemasync move --to {goal.alias}",
        ) from error


def open_there(goal: Goal, there: There) -> list[str]:
    """Open PostgreSQL to writers, as the file is closed. Then validate the foreign keys and remove the open fence,
    which may take longer. Returns a note for each that could not be validated."""
    with step(goal, MoveStep.OPEN), there.transaction():
        move_table.set_state(there, MoveState.LIVE)
        fence.open_up(there)
    with step(goal, MoveStep.VALIDATE):
        notes = validate(there)
    with step(goal, MoveStep.UNFENCE):
        _remove_fence(there)
    return notes


def _remove_fence(there: There) -> None:
    """Remove the open fence. Unless the connection breaks, a failure is ignored, such as a reader that holds a table
    for too long: an open fence does no harm, and the next `move` removes it."""
    try:
        fence.remove(there)
    except library().Error:
        if there.broken:
            raise


def finish_dead_run(target: Target, goal: Goal, document: Document, alias: str) -> MoveReport:
    """Finish the move of a run that died after it closed the file: open PostgreSQL, and list the values that were
    changed unless there is a list already."""
    live = target.layout.live()
    assert live is not None  # its fence was read
    with goal.server.connection() as there:
        record = record_there(target, goal, there, alias)
        is_open = record.state is MoveState.LIVE and not fence.fenced_tables(there)
        is_listed = target.layout.changed_values(live).exists()
        if not is_open:
            open_there(goal, there)
        changed = ChangedValues() if is_listed else _listed(target, goal, document, live, there)
    return MoveReport(
        "current" if is_open else "moved",
        alias,
        live.name,
        changed=changed.counts,
        changed_list=changed.path,
        notes=(changed.note,) if changed.note else (),
    )


def _listed(target: Target, goal: Goal, document: Document, live: Generation, there: There) -> ChangedValues:
    with closing(target.opener.read(live.path)) as source:
        tables = as_created(there, tables_there(source, goal, document))
    columns = {table.name: {fold(column.name) for column in table.copied} for table in tables}
    return list_changed_values(target, live, tables, columns)
