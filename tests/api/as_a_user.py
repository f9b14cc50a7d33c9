"""Everything that an application may import, used as an application uses it, for mypy: `assert_type` states the types
that a type checker knows, and each ignored error is one that it must find. test_as_a_user.py runs the functions."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, assert_type

from django.apps.registry import Apps
from django.db import models, transaction
from django.dispatch import receiver

from schemasync import api, signals
from schemasync.backends.startup import NotCurrent
from schemasync.backends.superseded import Superseded, again_when_superseded
from schemasync.diff.changes import AddColumn, Change, RenameColumn
from schemasync.errors import (
    Busy,
    Code,
    Failed,
    NeedsPerson,
    Problem,
    Refused,
    SchemaInvalid,
    SchemasyncError,
    UsageError,
)
from schemasync.management.commands import makemigrations, migrate
from schemasync.models import SchemaVersion
from schemasync.orm.models_for import models_for
from schemasync.testing import (
    Rows,
    RowSource,
    SchemaSource,
    Value,
    assert_change,
    git_revision,
    migrations,
    temporary_database,
)

log = logging.getLogger(__name__)


# --- the actions --------------------------------------------------------------------------------------------------


def show(event: api.Progress | api.Note) -> None:
    match event:
        case api.Progress(phase, done, total, unit):
            log.info("%s: %d of %d %s", phase, done, total, unit)
        case api.Note(text, is_warning):
            log.log(logging.WARNING if is_warning else logging.INFO, "%s", text)


def deploy(schema: Path) -> str | None:
    """Bring the database to schema.json, and return the generation that is live."""
    planned = assert_type(api.plan(schema=schema, sql=True), api.PlanJson)
    assert_type(planned["tables"]["Users"]["rows"], int | None)
    assert_type(planned["disk"]["needed"], int | None)
    for one in planned["errors"]:
        assert_type(one["code"], Code)
    done = assert_type(api.sync(schema=str(schema), wait=60, max_pause=500.0, progress=show), api.SyncJson)
    assert_type(done["pause_ms"], int)
    return assert_type(done["generation"], str | None)


def look() -> None:
    found = assert_type(api.check(strict=True), api.CheckJson)
    assert_type(found["result"], Literal["agrees", "differs"])
    assert_type(api.status()["version"], str | None)
    for generation in api.history(database="default")["generations"]:
        assert_type(generation["live"], bool)
    assert_type(api.inspect(api.history()["generations"][0]["generation"])["schema"], dict[str, Any])


def back() -> str:
    ahead = assert_type(api.rollback(dry_run=True), api.PreviewJson)
    assert_type(ahead["differences"]["tables"]["Users"]["added"], int)
    done = assert_type(api.rollback(ahead["generation"]), api.RollbackJson)
    return assert_type(done["result"], Literal["rolled_back"])


def maintain(folder: Path) -> None:
    for archive in api.prune(keep=1, older_than=0.5, dry_run=True)["removed"]:
        assert_type(archive["superseded_at"], str | None)
    assert_type(api.snapshot(folder / "copy.sqlite3")["bytes"], int)
    assert_type(api.metrics()["day"]["write_ms"], float)
    assert_type(api.advise(), api.AdviseJson)
    for proposal in assert_type(api.advise(indexes=True), api.AdviseIndexesJson)["proposals"]:
        assert_type(proposal["bytes"], int)
    made = assert_type(api.backup(to=str(folder / "backups")), api.BackupJson)
    assert_type(api.backups(to=made["storage"])["backups"][0]["name"], str)
    assert_type(api.drill(from_=made["storage"])["result"], Literal["passed", "failed"])
    assert_type(api.restore(from_=made["storage"], dry_run=True), api.RestorePreviewJson)
    assert_type(api.restore(from_=made["storage"], into=folder / "look.sqlite3"), api.WrittenJson)


def outgrow() -> str:
    for one in assert_type(api.ddl(engine="postgres"), api.DdlJson)["statements"]:
        assert_type(one["sql"], str)
    planned = assert_type(api.move(to="pg", plan=True), api.MovePlanJson)
    assert_type(planned["tables"][0]["bytes"], int | None)
    assert_type(api.move(undo=True), api.MoveJson)
    return assert_type(api.move(to="pg", postpone=True), api.MoveJson)["generation"]


def restored(storage: str) -> str:
    return assert_type(api.restore(from_=storage, sync=True), api.RestoreJson)["generation"]


def go_wrong() -> None:
    """Lines that mypy must report as errors; none of them runs."""
    api.sync("default")  # type: ignore[call-arg]
    api.sync(alow_drop=["Users"])  # type: ignore[call-arg]
    api.sync(verify="quick")  # type: ignore[arg-type]
    api.status()["generations"]  # type: ignore[typeddict-item]
    api.rollback()["no_such_key"]  # type: ignore[typeddict-item]
    api.plan(progress=len)  # type: ignore[arg-type]


def explain(error: SchemasyncError) -> str:
    assert_type(error.code, Code)
    assert_type(error.problems, tuple[Problem, ...])
    match error:
        case SchemaInvalid() | UsageError():
            return "correct it"
        case Refused():
            return "decide"
        case Busy():
            return "try again"
        case Failed() | NeedsPerson():
            return "look"
        case _:
            return error.problems[0].hint


# --- signals and errors of the backend ----------------------------------------------------------------------------


@receiver(signals.before_swap)
def fill(sender: Any, using: str, changes: Sequence[Change], apps: Apps, **kwargs: Any) -> None:
    for change in changes:
        match change:
            case AddColumn(table, column):
                log.info("new: %s.%s %s", table, column.name, column.type)
            case RenameColumn(table=table, old=old, new=new):
                log.info("renamed: %s.%s to %s", table, old, new)
            case _:
                pass


@receiver(signals.generation_changed)
def forget(sender: Any, alias: str, old: str, new: str, **kwargs: Any) -> None:
    log.info("%s: %s after %s", alias, new, old)


@again_when_superseded
@transaction.atomic
def book(amount: int) -> int:
    return amount


def is_over(error: Exception) -> bool:
    return isinstance(error, Superseded | NotCurrent)


# --- models, commands and tests -----------------------------------------------------------------------------------


class Migrate(migrate.Command):
    """The command of docs/django.md."""

    def handle(self, *args: Any, **options: Any) -> Any:
        return super().handle(*args, **options)


class MakeMigrations(makemigrations.Command):
    help = "Writes schema.json."


def newest() -> str | None:
    row = SchemaVersion.objects.first()
    if row is None:
        return None
    assert_type(row.pause_ms, int)
    assert_type(row.previous, str | None)
    return assert_type(row.generation, str)


def names() -> list[str]:
    found = assert_type(models_for("default"), dict[str, type[models.Model]])
    return sorted(found)


def try_out(before: Path) -> int:
    after = {"t": {"id": "INTEGER PRIMARY KEY", "x": "TEXT", "y": "TEXT"}}
    with temporary_database(before, {"t": [{"id": 1, "x": "one"}]}) as database:
        database.sync(after)
        assert database.rows("t") == [{"id": 1, "x": "one", "y": None}]
        assert_type(database.pause_ms, int)
    return assert_change(before, after, {"t": [{"id": 1, "x": "one"}]}, max_wait_ms=5000).pause_ms


USERS: Rows = {"t": [{"id": 1, "x": "one"}, {"id": 2}]}


def texts(before: SchemaSource, rows: RowSource = USERS) -> list[Value]:
    """Return the column `x` of table `t`; rows in a variable need a type that accepts them."""
    with temporary_database(before, rows) as database:
        return [row["x"] for row in database.rows("t")]


def of_a_revision(before: Path) -> None:
    with temporary_database(git_revision("HEAD", before)) as database:
        assert_type(database.path, Path)


def of_migrations() -> None:
    with migrations("default"):
        pass
