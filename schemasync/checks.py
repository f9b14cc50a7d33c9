"""System checks of the setting, of the databases, and of the settings of their connections."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from . import conf, connect, databases, process
from .backends.sqlite3.base import DatabaseWrapper
from .databases import ENGINE
from .engines.sqlite import pragmas
from .engines.sqlite.wal_reset import can_lose_commits
from .errors import Code, Problem, SchemasyncError
from .files.layout import Layout, PathKind
from .orm import overridden_commands
from .orm.transforms import transforms

IN_OPTIONS = ("timeout", "init_command", "transaction_mode", "isolation_level", "check_same_thread")
PATIENCE = 5_000  # milliseconds: a transaction of a busy site may take as long


@checks.register
def check_setting(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E001: SCHEMASYNC is not a dict. E002: it has an unknown key. E003: a value is invalid."""
    given = getattr(settings, "SCHEMASYNC", {})
    return [
        *_errors("schemasync.E001", conf.not_a_dict(given)),
        *_errors("schemasync.E002", conf.unknown_keys(given)),
        *_errors("schemasync.E003", conf.bad_values(given)),
    ]


def _errors(name: str, problems: Iterable[Problem]) -> list[checks.CheckMessage]:
    return [checks.Error(f"{problem.message}.", hint=problem.hint, id=name) for problem in problems]


@checks.register
def check_databases(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W001: options are outside of OPTIONS. W002: Django's own backend does not follow a swapped database."""
    found: list[checks.CheckMessage] = []
    for alias in connections:
        wrapper = connections[alias]
        if wrapper.vendor == "sqlite":
            found += [*_misplaced(alias, wrapper), *_does_not_follow(alias, wrapper)]
    return found


def _misplaced(alias: str, wrapper: BaseDatabaseWrapper) -> Iterator[checks.CheckMessage]:
    names = [key for key in wrapper.settings_dict if key.lower() in IN_OPTIONS]
    if names:
        yield checks.Warning(
            f'DATABASES["{alias}"] has {", ".join(names)} beside OPTIONS, where Django ignores it.',
            hint=f'Put it in: "OPTIONS": {{"{names[0].lower()}": ...}}',
            id="schemasync.W001",
        )


def _does_not_follow(alias: str, wrapper: BaseDatabaseWrapper) -> Iterator[checks.CheckMessage]:
    if not isinstance(wrapper, DatabaseWrapper) and _at(wrapper) is PathKind.GENERATION:
        yield checks.Warning(
            f'schemasync swaps DATABASES["{alias}"], and Django\'s own backend does not notice: '
            "open connections read the old file, and their writes fail.",
            hint=f'"ENGINE": "{ENGINE}"',
            id="schemasync.W002",
        )


def _at(wrapper: BaseDatabaseWrapper) -> PathKind:
    name = str(wrapper.settings_dict["NAME"])
    return PathKind.NOTHING if databases.is_no_path(name) else Layout(Path(name).absolute()).path_kind()


@checks.register
def check_commands(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E004: with the setting ENABLED, another app's `migrate` or `makemigrations` overrides schemasync's."""
    problems = (one.problem() for one in overridden_commands.overridden()) if conf.is_enabled() else ()
    return _errors("schemasync.E004", problems)


@checks.register
def check_connect(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E005: CONNECT or EXTENSIONS name a function that cannot be imported, or a library that this Python cannot
    load."""
    if _has_mistakes():
        return []
    return _errors("schemasync.E005", connect.problems())


@checks.register
def check_transforms(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E006: TRANSFORMS names a module that cannot be imported, or whose transforms have the same name."""
    problems: list[Problem] = []
    for alias in () if _has_mistakes() else connections:
        try:
            transforms(alias)
        except SchemasyncError as error:
            problems += error.problems
    return _errors("schemasync.E006", problems)


def _has_mistakes() -> bool:
    """True if the setting has mistakes, which check_setting reports."""
    return bool(conf.problems(getattr(settings, "SCHEMASYNC", {})))


@checks.register
def check_models(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """With the setting ENABLED, W008: the models and schema.json differ. W010: a database with a schema.json is not
    adopted. W011: an unmanaged model reads a column or table that schema.json lacks or renames. Without it, W009: a
    database follows schema.json. Only for `check` and `runserver`."""
    if process.command() not in ("check", "runserver", "runserver_plus"):
        return []
    if _has_mistakes():
        return []
    found = _differs if conf.is_enabled() else _is_off
    return [_addressed(message, alias) for alias in connections for message in found(alias)]


def _addressed(message: checks.CheckMessage, alias: str) -> checks.CheckMessage:
    """Return the message, with the database in its hint if it is not the default one."""
    from .actions.addressed import addressed

    message.hint = addressed(message.hint, {"database": alias}) if message.hint else message.hint
    return message


def _is_off(alias: str) -> Iterator[checks.CheckMessage]:
    """W009: ENABLED is off, and models own tables of a database that has generations."""
    from .orm.before_schema import owned_tables

    if connections[alias].vendor == "sqlite" and not databases.is_no_path(databases.name_of(alias)):
        with suppress(SchemasyncError):
            if owned_tables(alias):
                yield checks.Warning(
                    f'SCHEMASYNC["ENABLED"] is off, and the database "{alias}" has tables of models from schema.json: '
                    "Django's migrate would change the live file.",
                    hint='SCHEMASYNC = {"ENABLED": True}, or go back to migrations: manage.py schemasync eject',
                    id="schemasync.W009",
                )


def _differs(alias: str) -> Iterator[checks.CheckMessage]:
    from .orm.project import (  # builds the models' tables, so only for these commands
        FORWARD_AGAIN,
        differences,
        is_of_before_rollback,
    )
    from .texts import few_lines

    wrapper = connections[alias]
    if wrapper.vendor != "sqlite" or not databases.has_schema(alias):
        return
    path = conf.schema_path(alias)
    if path.is_dir():
        message = f'SCHEMASYNC["SCHEMA"] of the database "{alias}" is a folder: {path}.'
        yield checks.Warning(message, hint=f"Name the file itself: {path / 'schema.json'}", id="schemasync.W008")
        return
    if not path.exists():
        yield _not_begun(alias)
        return
    yield from _is_plain(alias)
    yield from _unread(alias)
    if lines := differences(alias, path):
        yield checks.Warning(
            "\n    ".join([f'The models and schema.json differ, in the database "{alias}":', *few_lines(lines)]),
            hint=FORWARD_AGAIN if is_of_before_rollback(alias, path) else "manage.py schemasync --export",
            id="schemasync.W008",
        )


def _is_plain(alias: str) -> Iterator[checks.CheckMessage]:
    from .orm.before_schema import needs_adoption

    if not databases.is_no_path(databases.name_of(alias)):
        with suppress(SchemasyncError):
            if needs_adoption(alias):
                message = f'The database "{alias}" is a plain file, which schemasync does not manage yet.'
                by_itself = f"The next {conf.adopting_command()} adopts it." if conf.adopts() else ""
                yield checks.Warning(message, hint=by_itself or "manage.py schemasync adopt", id="schemasync.W010")


def _unread(alias: str) -> Iterator[checks.CheckMessage]:
    from .orm.unmanaged import unread_in_file

    with suppress(SchemasyncError, OSError):  # W008 reports faults of the file
        if lines := unread_in_file(alias):
            message = f'Unmanaged models and schema.json differ, in the database "{alias}":'
            hint = "Correct the models, or schema.json."
            yield checks.Warning("\n    ".join([message, *lines]), hint=hint, id="schemasync.W011")


def _not_begun(alias: str) -> checks.CheckMessage:
    from .orm.before_schema import BeforeSchema, before_schema

    try:
        before = before_schema(alias)
    except SchemasyncError:
        before = None
    hints: dict[BeforeSchema | None, str] = {
        BeforeSchema.NEW: "manage.py migrate" + ("" if alias == DEFAULT_DB_ALIAS else f" --database {alias}"),
        BeforeSchema.MIGRATED: "manage.py schemasync adopt",
    }
    message = f'The database "{alias}" has no schema.json yet: there is no {conf.schema_path(alias)}.'
    return checks.Warning(message, hint=hints.get(before, "manage.py schemasync check"), id="schemasync.W008")


@checks.register
def check_litestream(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W015: Litestream is configured with the link, so it replicates nothing."""
    from .keep.litestream.faults import link_faults

    faults = [one for alias in _adopted() for one in link_faults(alias)]
    return [checks.Warning(f"{one.message}.", hint=one.hint, id="schemasync.W015") for one in faults]


@checks.register
def check_dbbackup(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W016: dbrestore of django-dbbackup overwrites the live file."""
    if not apps.is_installed("dbbackup"):
        return []
    from .orm.dbbackup import writes_over

    return [
        checks.Warning(
            f'dbrestore of django-dbbackup writes over the live file of DATABASES["{alias}"] and leaves its log: '
            "it may change nothing, or damage the file, and exits with 0 either way.",
            hint="Restore by another way: docs/howto/restore.md of schemasync, about django-dbbackup.",
            id="schemasync.W016",
        )
        for alias in _adopted()
        if writes_over(alias)
    ]


def _adopted() -> list[str]:
    """Return the databases that have a live generation; none if the setting has mistakes, which check_setting
    reports."""
    found = [] if _has_mistakes() else [alias for alias in connections if connections[alias].vendor == "sqlite"]
    return [alias for alias in found if _at(connections[alias]) is PathKind.GENERATION]


def _has_our_backend() -> bool:
    return any(isinstance(connections[alias], DatabaseWrapper) for alias in connections)


@checks.register
def check_engine_names(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W012: code of the project compares ENGINE with the name of Django's backend. Only for `check`."""
    if process.command() != "check" or not _has_our_backend():
        return []
    from .orm.engine_names import comparisons

    return [
        checks.Warning(
            f"{one.path}:{one.line} compares with the name of Django's own backend: {one.text}",
            hint=f'It is false with {ENGINE}. True with both: connection.vendor == "sqlite".',
            id="schemasync.W012",
        )
        for one in comparisons()
    ]


@checks.register
def check_backups(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W013: the newest backup is older than the settings allow. W014: the last drill failed or is overdue. Only for
    `check`, and if the settings limit their age."""
    if process.command() != "check" or _has_mistakes() or not _has_deadlines():
        return []
    there = [alias for alias in databases.synced() if _at(connections[alias]) is not PathKind.NOTHING]
    return [message for alias in there for message in _overdue(alias)]


def _has_deadlines() -> bool:
    return "BACKUP_NO_OLDER_THAN" in conf.require() or conf.drill_age() is not None


def _overdue(alias: str) -> Iterator[checks.CheckMessage]:
    from .actions.database import Database
    from .actions.health import health

    names = {Code.BACKUP_OVERDUE: "schemasync.W013", Code.DRILL_OVERDUE: "schemasync.W014"}
    with suppress(SchemasyncError):  # other checks report a setting with a mistake
        for problem in health(Database(alias)).health.attention:
            if (name := names.get(problem.code)) is not None:
                yield checks.Warning(f'The database "{alias}": {problem.message}.', hint=problem.hint, id=name)


@checks.register(deploy=True)
def check_sqlite(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W019: this SQLite can lose a commit. Only for `check --deploy`."""
    if not can_lose_commits(sqlite3.sqlite_version_info) or not _has_our_backend():
        return []
    return [
        checks.Warning(
            f"SQLite {sqlite3.sqlite_version} can lose a commit, if two connections of the application checkpoint and "
            "write at the same moment (https://www.sqlite.org/wal.html#walresetbug). Runs of schemasync do not.",
            hint="SQLite 3.51.3, 3.50.7 and 3.44.6 have the fix, and your distribution may have put it into an older "
            "one. Python uses the SQLite of the system, or the one that it was built with.",
            id="schemasync.W019",
        )
    ]


@checks.register(checks.Tags.database)
def check_connections(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """W003 to W007: a connection of schemasync's backend has weaker settings than the backend's own."""
    found: list[checks.CheckMessage] = []
    for alias in databases or ():
        wrapper = connections[alias]
        if isinstance(wrapper, DatabaseWrapper) and _at(wrapper) in (PathKind.PLAIN, PathKind.GENERATION):
            found += _weak(alias, wrapper)
    return found


def _weak(alias: str, wrapper: DatabaseWrapper) -> Iterator[checks.CheckMessage]:
    wrapper.ensure_connection()
    found = pragmas.read(wrapper.connection)

    def warning(name: str, what: str, hint: str) -> checks.CheckMessage:
        return checks.Warning(f'DATABASES["{alias}"]: {what}', hint=hint, id=name)

    if found.journal_mode != "wal":
        hint = "Remove PRAGMA journal_mode from init_command: the backend sets WAL."
        yield warning(
            "schemasync.W003",
            f"the journal is {found.journal_mode}, so that writers block readers, and runs wait.",
            hint,
        )
    given = str(wrapper.settings_dict["OPTIONS"].get("transaction_mode", "IMMEDIATE"))
    if given.upper() not in ("IMMEDIATE", "EXCLUSIVE"):
        hint = 'Remove "transaction_mode" from OPTIONS, or try transactions again if they raise Superseded.'
        yield warning(
            "schemasync.W004",
            "transactions do not begin IMMEDIATE: one that reads first may fail when it writes.",
            hint,
        )
    if found.busy_timeout < PATIENCE:
        hint = '"OPTIONS": {"timeout": 20}'
        yield warning("schemasync.W005", f"the timeout for a lock is only {found.busy_timeout:,} ms.", hint)
    if found.synchronous == 0:
        hint = "Remove PRAGMA synchronous from init_command: the backend sets NORMAL."
        yield warning("schemasync.W006", "synchronous is OFF: a power cut may damage the file.", hint)
    if not found.foreign_keys:
        yield warning("schemasync.W007", "foreign keys are off.", "Remove PRAGMA foreign_keys from init_command.")
