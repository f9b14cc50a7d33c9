"""The JSON object of an action that ended in an error."""

from __future__ import annotations

from ...errors import Code, SchemasyncError
from ...history.row import HistoryRow
from ...sync.run.report import Report
from .plan import NO_PLAN
from .shared import Json


def as_json(error: SchemasyncError, action: str, version: str | None = None, live: HistoryRow | None = None) -> Json:
    """The object for stdout; that of a sync and of a plan has every key.

    `version` is that of schema.json, `live` what the database is, None where they are not known.
    """
    told: Json = {"result": error.result, "errors": [one.as_json() for one in error.problems]}
    known = {
        "version": version,
        "previous": live.version if live else None,
        "generation": live.generation if live else None,
        "hazards": [dict(one.facts) for one in error.problems if one.code is Code.HAZARD],
    }
    match action:
        case "sync":
            return {**Report(error.result, "").as_json(), **known, **told}
        case "plan":
            return {**NO_PLAN, **known, **told}
        case _:
            return told
