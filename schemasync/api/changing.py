"""The functions that change the database, schema.json or other files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, overload

from django.db import DEFAULT_DB_ALIAS

from ..actions import adopt as adopt_action
from ..actions import cutover as cutover_action
from ..actions import export as export_action
from ..actions import keep_writes as keep_writes_action
from ..actions import prune as prune_action
from ..actions import rollback as rollback_action
from ..actions import run_report
from ..actions import snapshot as snapshot_action
from ..actions import sync as sync_action
from ..actions.adopt import AdoptJson
from ..actions.cutover import CutoverJson
from ..actions.database import Database
from ..actions.export import ExportJson
from ..actions.keep_writes import keep_writes_options
from ..actions.option_values import CUTOVER_TIMEOUT, MAX_PAUSE, WAIT, several
from ..actions.prune import PruneJson
from ..actions.rollback import PreviewJson, RollbackJson
from ..actions.snapshot import SnapshotJson
from ..actions.sync import SyncJson
from ..actions.sync_options import sync_options
from ..orm.comparison import Comparison
from ..orm.export_decisions import NOTHING_DECIDED, Decisions
from ..sync.keep_writes import KeepWritesOptions
from .call import StrPath, called, given_values
from .progress import Listener


def sync(
    *,
    database: str = DEFAULT_DB_ALIAS,
    schema: StrPath | None = None,
    wait: float = WAIT,
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
    export: bool = False,
    accept_data_migration: Iterable[str] = (),
    report: Iterable[StrPath] = (),
    progress: Listener | None = None,
) -> SyncJson:
    """Bring the database to schema.json. After an error the live file is unchanged, unless its message names migrations
    that are live."""
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
    with called("sync", database, schema, wait, progress, options) as at:
        exports = NOTHING_DECIDED if export else None
        done = run_report.sync(at, sync_options(options), list(map(Path, report)), exports=exports)
        return at.addressed(sync_action.as_json(done))


@overload
def rollback(
    target: str | None = None,
    *,
    database: str = DEFAULT_DB_ALIAS,
    wait: float = WAIT,
    dry_run: Literal[False] = False,
    in_place: bool = False,
    keep_writes: bool = False,
    fill: Mapping[str, str] | None = None,
    allow_drop: Iterable[str] = (),
    max_pause: float = MAX_PAUSE,
    cutover_timeout: float = CUTOVER_TIMEOUT,
    block_writers: bool = False,
    verify: Literal["full"] | None = None,
    progress: Listener | None = None,
) -> RollbackJson: ...


@overload
def rollback(
    target: str | None = None,
    *,
    database: str = DEFAULT_DB_ALIAS,
    wait: float = WAIT,
    dry_run: Literal[True],
    in_place: bool = False,
    keep_writes: bool = False,
    fill: Mapping[str, str] | None = None,
    allow_drop: Iterable[str] = (),
    max_pause: float = MAX_PAUSE,
    cutover_timeout: float = CUTOVER_TIMEOUT,
    block_writers: bool = False,
    verify: Literal["full"] | None = None,
    progress: Listener | None = None,
) -> PreviewJson: ...


def rollback(
    target: str | None = None,
    *,
    database: str = DEFAULT_DB_ALIAS,
    wait: float = WAIT,
    dry_run: bool = False,
    in_place: bool = False,
    keep_writes: bool = False,
    fill: Mapping[str, str] | None = None,
    allow_drop: Iterable[str] = (),
    max_pause: float = MAX_PAUSE,
    cutover_timeout: float = CUTOVER_TIMEOUT,
    block_writers: bool = False,
    verify: Literal["full"] | None = None,
    progress: Listener | None = None,
) -> RollbackJson | PreviewJson:
    """Make an earlier generation live again, by default the previous one. After an error the live file is unchanged."""
    options = given_values(
        in_place=in_place,
        keep_writes=keep_writes,
        fill=fill,
        allow_drop=allow_drop,
        max_pause=max_pause,
        cutover_timeout=cutover_timeout,
        block_writers=block_writers,
        verify=verify,
    )
    with called("rollback", database, None, wait, progress, options) as at:
        if in_place:
            rollback_action.refuse_target_in_place(target)
            return _undo_in_place(at, None if block_writers else max_pause / 1000, dry_run=dry_run)
        if keep_writes:
            return at.addressed(_keep_writes(at, target, keep_writes_options(options), dry_run=dry_run))
        if dry_run:
            return rollback_action.preview_json(rollback_action.preview(at, target))
        return rollback_action.as_json(rollback_action.rollback(at, target, lambda ahead: True))


def _keep_writes(
    at: Database, target: str | None, options: KeepWritesOptions, *, dry_run: bool
) -> RollbackJson | PreviewJson:
    if not dry_run:
        done = keep_writes_action.keep_writes(at, target, options, lambda ahead: True)
        return rollback_action.kept_writes_json(done)
    ahead = keep_writes_action.preview(at, target, options)
    keep_writes_action.refuse_hazards(ahead)
    return rollback_action.ahead_json(ahead)


def _undo_in_place(at: Database, max_pause: float | None, *, dry_run: bool) -> RollbackJson | PreviewJson:
    if dry_run:
        return rollback_action.reverse_json(rollback_action.preview_in_place(at))
    return rollback_action.undone_json(rollback_action.rollback_in_place(at, lambda found: True, max_pause))


def adopt(
    *,
    database: str = DEFAULT_DB_ALIAS,
    schema: StrPath | None = None,
    wait: float = WAIT,
    accept_data_migration: Iterable[str] = (),
    progress: Listener | None = None,
) -> AdoptJson:
    """Adopt a plain file, and write schema.json if there is none."""
    with called("adopt", database, schema, wait, progress) as at:
        return at.addressed(adopt_action.as_json(adopt_action.adopt(at, several(accept_data_migration))))


def export(
    *,
    database: str = DEFAULT_DB_ALIAS,
    schema: StrPath | None = None,
    check: bool = False,
    claim: bool = False,
    drop: Iterable[str] = (),
    accept_data_migration: Iterable[str] = (),
    progress: Listener | None = None,
) -> ExportJson:
    """Write the tables of the installed models into schema.json. With `check` only compare them: a difference is a
    result, and no error."""
    accepted, decisions = several(accept_data_migration), Decisions(several(drop), claim)
    with called("export", database, schema, progress=progress) as at:
        if check:
            done = export_action.compared(at, accepted, decisions)
        else:
            found, differs = export_action.export(at, accepted, decisions)
            done = Comparison(differs, found)
        return at.addressed(export_action.as_json(done, at.schema_path, check=check))


def prune(
    *,
    database: str = DEFAULT_DB_ALIAS,
    schema: StrPath | None = None,
    wait: float = WAIT,
    keep: int | None = None,
    older_than: float | None = None,
    hints: bool = False,
    branches: bool = False,
    set_aside: bool = False,
    dry_run: bool = False,
    progress: Listener | None = None,
) -> PruneJson:
    """Remove old archives, never the live file or the newest archive; with `hints` the applied hints of schema.json."""
    given = {"keep": keep, "older_than": older_than}
    with called("prune", database, schema, wait, progress, given) as at:
        if hints:
            prune_action.refuse_for_hints(given)
            return prune_action.hints_json(prune_action.prune_hints(at, dry_run=dry_run), dry_run=dry_run)
        done = prune_action.prune(
            at, keep=keep, older_than=older_than, branches=branches, set_aside=set_aside, dry_run=dry_run
        )
        return prune_action.as_json(done, dry_run=dry_run)


def snapshot(
    copy: StrPath,
    *,
    database: str = DEFAULT_DB_ALIAS,
    mask: StrPath | None = None,
    seed: str | None = None,
    progress: Listener | None = None,
) -> SnapshotJson:
    """Write a plain, compact copy of the live database to a new path. With `mask`, a file of rules, replace the values
    of its personal columns."""
    path, rules = Path(copy), None if mask is None else Path(mask)
    with called("snapshot", database, progress=progress) as at:
        return snapshot_action.as_json(path, snapshot_action.snapshot(at, path, rules, seed))


def cutover(*, database: str = DEFAULT_DB_ALIAS) -> CutoverJson:
    """Let a run that was started with `postpone` cut over."""
    with called("cutover", database) as at:
        cutover_action.cutover(at)
        return cutover_action.as_json()
