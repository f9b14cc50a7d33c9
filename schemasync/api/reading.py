"""The functions that change nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, overload

from django.db import DEFAULT_DB_ALIAS

from ..actions import advise as advise_action
from ..actions import advise_indexes as indexes_action
from ..actions import check as check_action
from ..actions import health as health_action
from ..actions import history as history_action
from ..actions import inspect as inspect_action
from ..actions import metrics as metrics_action
from ..actions import plan as plan_action
from ..actions import status as status_action
from ..actions.advise import AdviseJson
from ..actions.advise_indexes import AdviseIndexesJson
from ..actions.check import CheckJson
from ..actions.health import HealthJson
from ..actions.history import HistoryJson
from ..actions.inspect import InspectJson
from ..actions.metrics import MetricsJson
from ..actions.option_values import CUTOVER_TIMEOUT, MAX_PAUSE
from ..actions.plan import PlanJson
from ..actions.sync_options import sync_options
from ..sync.status import StatusJson
from .call import StrPath, called, given_values
from .progress import Listener


def plan(
    *,
    database: str = DEFAULT_DB_ALIAS,
    schema: StrPath | None = None,
    allow_drop: Iterable[str] = (),
    allow_older: bool = False,
    repair: bool = False,
    in_place: bool = False,
    rebuild_all: bool = False,
    block_writers: bool = False,
    max_pause: float = MAX_PAUSE,
    cutover_timeout: float = CUTOVER_TIMEOUT,
    postpone: bool = False,
    verify: Literal["full"] | None = None,
    accept_data_migration: Iterable[str] = (),
    sql: bool = False,
    progress: Listener | None = None,
) -> PlanJson:
    """Return the plan of a sync. Problems that stop it are in `errors`, with the result `refused`."""
    options = given_values(
        allow_drop=allow_drop,
        allow_older=allow_older,
        repair=repair,
        in_place=in_place,
        rebuild_all=rebuild_all,
        block_writers=block_writers,
        max_pause=max_pause,
        cutover_timeout=cutover_timeout,
        postpone=postpone,
        verify=verify,
        accept_data_migration=accept_data_migration,
    )
    with called("plan", database, schema, progress=progress, options=options) as at:
        return at.addressed(plan_action.as_json(plan_action.plan(at, sync_options(options), sql=sql)))


def check(
    *,
    database: str = DEFAULT_DB_ALIAS,
    schema: StrPath | None = None,
    strict: bool = False,
    quick_check: bool = False,
    progress: Listener | None = None,
) -> CheckJson:
    """Compare models, schema.json and database. A difference is a result, and no error."""
    with called("check", database, schema, progress=progress) as at:
        return at.addressed(check_action.as_json(check_action.check(at, strict=strict, quick_check=quick_check)))


def status(*, database: str = DEFAULT_DB_ALIAS, schema: StrPath | None = None) -> StatusJson:
    """Return the live generation, the run at work, and problems that need a person. Such a problem is a result, and no
    error."""
    with called("status", database, schema) as at:
        return at.addressed(status_action.status(at).as_json())


def health(*, database: str = DEFAULT_DB_ALIAS, ready: bool = False) -> HealthJson:
    """Return whether the database can be used, and problems that need a person. Neither raises an error. Cheap enough
    to call every few seconds."""
    with called("health", database) as at:
        return at.addressed(health_action.as_json(health_action.health(at, ready=ready)))


def metrics(*, database: str = DEFAULT_DB_ALIAS) -> MetricsJson:
    """Return the measurements of the backend."""
    with called("metrics", database) as at:
        return metrics_action.as_json(metrics_action.metrics(at))


@overload
def advise(*, database: str = DEFAULT_DB_ALIAS, indexes: None = None) -> AdviseJson: ...


@overload
def advise(*, database: str = DEFAULT_DB_ALIAS, indexes: StrPath | Literal[True]) -> AdviseIndexesJson: ...


def advise(
    *, database: str = DEFAULT_DB_ALIAS, indexes: StrPath | Literal[True] | None = None
) -> AdviseJson | AdviseIndexesJson:
    """Return whether the database outgrows SQLite, and what would help it. With `indexes`, return indexes that would
    help the statements of this file, or, with True, the statements that the backend has measured."""
    with called("advise", database) as at:
        if indexes is None:
            return at.addressed(advise_action.as_json(advise_action.advise(at)))
        log = None if indexes is True else Path(indexes)
        return indexes_action.as_json(indexes_action.advise_indexes(at, log))


def history(*, database: str = DEFAULT_DB_ALIAS) -> HistoryJson:
    """Return the generations, the newest first."""
    with called("history", database) as at:
        return history_action.as_json(history_action.history(at))


def inspect(source: StrPath, *, database: str = DEFAULT_DB_ALIAS) -> InspectJson:
    """Return the schema.json of a SQLite file, of a folder of .sql files, or of a generation."""
    with called("inspect", database) as at:
        return inspect_action.as_json(inspect_action.inspect(at, Path(source)))
