"""The functions for a database that outgrows SQLite."""

from __future__ import annotations

from typing import Literal, overload

from django.db import DEFAULT_DB_ALIAS

from ..actions import ddl as ddl_action
from ..actions import move as move_action
from ..actions.ddl import DdlJson
from ..actions.move import MoveJson, MovePlanJson
from ..actions.option_values import CUTOVER_TIMEOUT, MAX_PAUSE, WAIT
from ..actions.sync_options import limits
from .call import StrPath, called, given_values
from .progress import Listener


def ddl(
    *,
    database: str = DEFAULT_DB_ALIAS,
    schema: StrPath | None = None,
    engine: Literal["postgres", "sqlite"] | None = None,
) -> DdlJson:
    """Return the DDL of schema.json for PostgreSQL, or for SQLite."""
    with called("ddl", database, schema) as at:
        return ddl_action.as_json(ddl_action.ddl_of(at, engine or "postgres"))


@overload
def move(
    *,
    database: str = DEFAULT_DB_ALIAS,
    schema: StrPath | None = None,
    wait: float = WAIT,
    to: str | None = None,
    plan: Literal[False] = False,
    max_pause: float = MAX_PAUSE,
    cutover_timeout: float = CUTOVER_TIMEOUT,
    postpone: bool = False,
    undo: bool = False,
    leave_writes: bool = False,
    progress: Listener | None = None,
) -> MoveJson: ...


@overload
def move(
    *,
    database: str = DEFAULT_DB_ALIAS,
    schema: StrPath | None = None,
    wait: float = WAIT,
    to: str,
    plan: Literal[True],
    progress: Listener | None = None,
) -> MovePlanJson: ...


def move(
    *,
    database: str = DEFAULT_DB_ALIAS,
    schema: StrPath | None = None,
    wait: float = WAIT,
    to: str | None = None,
    plan: bool = False,
    max_pause: float = MAX_PAUSE,
    cutover_timeout: float = CUTOVER_TIMEOUT,
    postpone: bool = False,
    undo: bool = False,
    leave_writes: bool = False,
    progress: Listener | None = None,
) -> MoveJson | MovePlanJson:
    """Move the database to PostgreSQL while writers continue; with `plan` only return the plan, with `undo` go back to
    the file. After an error the file is live and unchanged, unless the error is a NeedsPerson."""
    options = given_values(max_pause=max_pause, cutover_timeout=cutover_timeout, postpone=postpone)
    with called("move", database, schema, wait, progress, options) as at:
        if undo:
            return move_action.as_json(move_action.undo_move(at, to or "", leave_writes=leave_writes))
        alias = move_action.required(to)
        if plan:
            return move_action.plan_json(move_action.plan(at, alias))
        return move_action.as_json(move_action.to_postgres(at, alias, limits(options)))
