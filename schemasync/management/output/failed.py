"""The JSON object of an action that failed."""

from __future__ import annotations

from typing import TypedDict

from ...actions.plan import PlanJson
from ...actions.sync import SyncJson, failed_json, hazards_json
from ...errors import ErrorResult, ProblemJson, SchemasyncError
from ...history.row import HistoryRow


class FailedJson(TypedDict):
    """The output of a failed action with `--json`, except for a sync and a plan, which print all their keys."""

    result: ErrorResult
    errors: list[ProblemJson]


def as_json(
    error: SchemasyncError,
    action: str,
    version: str | None = None,
    live: HistoryRow | None = None,
    *,
    with_sql: bool = False,
) -> FailedJson | SyncJson | PlanJson:
    """Return the object for stdout. `version`: of schema.json. `live`: the newest history row of the database. Both are
    None if unknown. `with_sql`: a plan prints its statements."""
    match action:
        case "sync":
            return failed_json(error, version, live)
        case "plan":
            return _plan_json(error, version, live, with_sql=with_sql)
        case _:
            return {"result": error.result, "errors": _errors(error)}


def _plan_json(error: SchemasyncError, version: str | None, live: HistoryRow | None, *, with_sql: bool) -> PlanJson:
    data: PlanJson = {
        "result": error.result,
        "version": version,
        "previous": live.version if live else None,
        "generation": live.generation if live else None,
        "strategy": None,
        "reason": "",
        "changes": [],
        "tables": {},
        "disk": {"needed": None, "archives": None, "live": None},
        "mixins": [],
        "in_place": None,
        "hazards": hazards_json(error),
        "foreign": [],
        "pending_migrations": [],
        "errors": _errors(error),
    }
    if with_sql:
        data["sql"] = []
    return data


def _errors(error: SchemasyncError) -> list[ProblemJson]:
    return [one.as_json() for one in error.problems]
