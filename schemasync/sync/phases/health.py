"""Runs the application's own check of the new file before it goes live: the setting HEALTH."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from functools import partial
from pathlib import Path

from ...engines.sqlite.connection import data_version, to_wal
from ...engines.sqlite.objects import Object
from ...engines.sqlite.rebuild.finish import put_triggers
from ...errors import APPLICATION_ERRORS, Code, Failed, SchemasyncError
from ...files.disk import DiskStep
from ..run.target import Target
from .build import Built

HINT = "The new file is removed, and the live one is unchanged. Correct the release or the check, and run again."


def check_health(target: Target, built: Built, *, is_ahead: bool = False) -> None:
    """Run the check, if there is one, in a transaction that is rolled back. Raises Failed if the file is found to be
    unhealthy, or was changed. `is_ahead`: the triggers of the file are not created yet; the check creates them and
    rolls that back."""
    if target.health is None:
        return
    with target.disk.step(DiskStep.BUILD_HEALTH):
        look_at(target, built.generation.path, "the new file", HINT, built.triggers if is_ahead else ())


def look_at(target: Target, path: Path, what: str, hint: str, triggers: Iterable[Object] = ()) -> None:
    """Run the check on the file at `path`, which messages call `what`. `triggers`: created for the check. Raises as
    check_health() does, with this hint."""
    health = target.health
    if health is None:
        return

    def failed(message: str) -> Failed:
        return Failed.of(Code.HEALTH_CHECK_FAILED, message, hint)

    with closing(target.opener.write(path)) as connection:
        to_wal(connection)  # as each live file is: setting it in the check then changes nothing
    with closing(target.opener.read(path)) as watcher:
        before = data_version(watcher)
        try:
            is_healthy = health.check(path, partial(put_triggers, found=triggers))
        except SchemasyncError:
            raise
        except APPLICATION_ERRORS as error:
            raise failed(f"{health.name} failed on {what}: {type(error).__name__}: {error}") from error
        if not is_healthy:
            raise failed(f"{health.name} returned False for {what}")
        if data_version(watcher) != before:
            raise failed(f"{health.name} has committed a change to {what}")
