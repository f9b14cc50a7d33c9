"""Runs the work of the application on the new file before it goes live: receivers, and migrations of MIGRATED_APPS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ...engines.sqlite import history_table
from ...engines.sqlite.checkpoint import durably
from ...engines.sqlite.inspect import inspect
from ...errors import Code, Failed, SchemasyncError
from ...history.rows import models_of
from ...plan.model import Plan
from ...schema.subset import differing, ours
from ..run.live_database import LiveDatabase
from ..run.target import Target
from .build import Built


@dataclass(frozen=True, slots=True)
class NewFile:
    """The new file, whole and not yet live: nobody else writes to it. `models`: those of the file before it."""

    path: Path
    plan: Plan
    models: Mapping[str, str]


BeforeSwap = Callable[[NewFile], bool]
"""Does the work, and says whether there was any."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """The application's work, where it has any."""

    target: Target
    before_swap: BeforeSwap | None

    def do(self, built: Built, plan: Plan, before: LiveDatabase | None) -> None:
        """Let it be done while writers wait. Raises Failed where it fails, or changes a table of the plan."""
        if self.before_swap is None:
            return
        path = built.generation.path
        try:
            models = models_of(before.newest if before is not None else None)
            if not self.before_swap(NewFile(path, plan, models)):
                return
        except SchemasyncError:
            raise
        except Exception as error:  # whatever an application raises, it does not want this file
            raise Failed.of(
                Code.HOOK_FAILED,
                f"{type(error).__name__}: {error}",
                "The application's own work on the new file raised this. That file is gone: fix it, and run again.",
            ) from error
        self._check(path, plan)

    def _check(self, path: Path, plan: Plan) -> None:
        """Its own tables may have changed; ours may not. The history tells what the file is now."""
        with closing(self.target.opener.write(path, timeout=self.target.wait)) as connection:
            row, found = history_table.newest(connection), inspect(connection)
            if row is None or found.fingerprint == row.fingerprint:
                return
            changed = differing(plan.new, ours(found.schema, plan.new))
            if changed:
                raise Failed.of(
                    Code.HOOK_FAILED,
                    f"the application's own work changed the shape of {', '.join(sorted(changed))}",
                    "Tables of schema.json change there, and nowhere else.",
                )
            with durably(connection):
                history_table.mark(connection, row.id, found.fingerprint)
