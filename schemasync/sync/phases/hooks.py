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
    """The new file, complete and not yet live: nobody else writes to it. `models`: those of the previous file."""

    path: Path
    plan: Plan
    models: Mapping[str, str]


BeforeSwap = Callable[[NewFile], bool]
"""Does the work, and returns whether there was any."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """The application's work, if it has any."""

    target: Target
    before_swap: BeforeSwap | None

    def do(self, built: Built, plan: Plan, before: LiveDatabase | None) -> None:
        """Run it while writers wait. Raises Failed if it fails, or changes a table of the plan."""
        if self.before_swap is None:
            return
        path = built.generation.path
        try:
            models = models_of(before.newest if before is not None else None)
            if not self.before_swap(NewFile(path, plan, models)):
                return
        except SchemasyncError:
            raise
        except Exception as error:  # whatever the application raises, it rejects this file
            raise Failed.of(
                Code.HOOK_FAILED,
                f"{type(error).__name__}: {error}",
                "The application's own work on the new file raised this. That file is removed: fix it, and run again.",
            ) from error
        self._check(path, plan)

    def _check(self, path: Path, plan: Plan) -> None:
        """The application's tables may have changed; ours may not. The history then records the present schema of the
        file."""
        with closing(self.target.opener.write(path, timeout=self.target.wait)) as connection:
            row, found = history_table.newest(connection), inspect(connection)
            if row is None or found.fingerprint == row.fingerprint:
                return
            changed = differing(plan.new, ours(found.schema, plan.new))
            if changed:
                raise Failed.of(
                    Code.HOOK_FAILED,
                    f"the application's own work changed the schema of {', '.join(sorted(changed))}",
                    "Change tables of schema.json only in schema.json.",
                )
            with durably(connection):
                history_table.mark(connection, row.id, found.fingerprint)
