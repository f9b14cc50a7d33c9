"""Tasks for a worker: `backup.enqueue()` makes a backup, `drill.enqueue()` restores it on trial.

A task has no schedule of its own: the code that enqueues it decides the time. The module is not called `tasks`, because
Celery and others import the `tasks` of every app, on every Django.
"""

from __future__ import annotations

from django.db import DEFAULT_DB_ALIAS

from .actions import backup as backups
from .actions import drill as drills
from .actions.database import Database
from .errors import Failed
from .task import task


@task  # type: ignore[untyped-decorator,unused-ignore]
def backup(
    database: str = DEFAULT_DB_ALIAS, to: str = "", prune: bool = True, compact: bool = False
) -> dict[str, object]:
    """Make a backup; return the object of `manage.py schemasync backup --json`. An error fails the task."""
    return dict(backups.as_json(backups.backup(Database(database), to, prune=prune, compact=compact)))


@task  # type: ignore[untyped-decorator,unused-ignore]
def drill(database: str = DEFAULT_DB_ALIAS, storage: str = "") -> dict[str, object]:
    """Restore the newest backup on trial; return the object of `manage.py schemasync drill --json`. A backup that
    cannot be restored or is overdue fails the task."""
    done = drills.drill(Database(database), storage)
    if not done.is_passed:
        raise Failed((*done.problems, *done.overdue))
    return dict(drills.as_json(done))
