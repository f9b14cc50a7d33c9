"""Runs the application's work on the new file while writers go on, as far as it can be done again.

What the work reads and writes is recorded. If writers change one of these tables before the swap, the new file is
removed, and another one is built, on which all of the work is done while writers wait.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from ...engines.sqlite.capture.conflicts import baseline, used_tables
from ...engines.sqlite.capture.foreign_key_recheck import new_foreign_keys
from ...engines.sqlite.capture.replay import drop_maps
from ...engines.sqlite.rebuild.finish import put_triggers, take_triggers
from ...engines.sqlite.transactions import transaction
from ...files.disk import DiskStep
from ...plan.model import Plan
from ..run.live_database import LiveDatabase
from .build import Built
from .capture import Capture
from .hooks import Hooks, check_schema, hook_errors, new_file


class Conflict(Exception):
    """Raised if writers have changed a table that the work ahead used, or if it is unknown whether they have."""


def work_ahead(built: Built, plan: Plan, before: LiveDatabase, capture: Capture, hooks: Hooks) -> Built:
    """Do the work that can be done ahead, if any, and return the built file with the tables that it used. Raises Failed
    if the work fails, or changes the schema of a table of the plan; Conflict if it has to wait for the write lock."""
    new = new_file(built, plan, before)
    if hooks.ahead is None or not hooks.ahead.is_due(new):
        return built
    target, tracked, path = hooks.target, capture.follows, built.generation.path
    with target.disk.step(DiskStep.BUILD_HOOKS):
        with closing(target.opener.write(path, timeout=target.wait)) as connection:
            with transaction(connection):
                put_triggers(connection, built.triggers)
            start = baseline(connection, tracked, built.up_to.bound, built.up_to.schema_version)
        with hook_errors():
            access = hooks.ahead.do_ahead(new)
        row = check_schema(target, built, plan)
        with closing(target.opener.write(path, timeout=target.wait)) as connection, transaction(connection):
            used = used_tables(connection, start, tracked, access, sum(1 for _ in new_foreign_keys(plan)))
            drop_maps(connection, used.tracked)
            triggers = take_triggers(connection)
    if not used.is_limited:
        raise Conflict
    return replace(built, row=row, used=used, triggers=triggers)
