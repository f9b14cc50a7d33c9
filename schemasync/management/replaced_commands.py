"""Django's own migration commands when schema.json replaces migrations."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS

from .. import conf, databases
from ..errors import SchemasyncError, UsageError
from ..orm import migration_modules
from ..orm.before_schema import BeforeSchema, before_schema


def kept(labels: Collection[str]) -> bool:
    """True if all named apps keep their migrations: for these, Django's own commands run."""
    return bool(labels) and set(labels) <= set(conf.migrated_apps())


def own_or_refused(name: str, use: str, labels: Collection[str]) -> AbstractContextManager[None]:
    """Return the context for Django's own command: without the setting ENABLED, for apps that keep their migrations,
    and if the default database has another engine or is not adopted yet. Otherwise raise CommandError with exit code 2
    and one line that names the replacement."""
    is_kept = kept(labels) or (not labels and conf.is_enabled() and conf.keeps_all())
    if conf.is_enabled() and not is_kept and databases.is_sqlite(DEFAULT_DB_ALIAS) and not is_migrated():
        raise _meaningless(f"{name} is for migrations, and this project has schema.json instead", use)
    return migration_modules.suspended()


def is_migrated(alias: str = DEFAULT_DB_ALIAS) -> bool:
    """True if migrations still apply to the database, because it is not adopted yet."""
    with as_command_error():
        return before_schema(alias) is BeforeSchema.MIGRATED


@contextmanager
def as_command_error() -> Iterator[None]:
    """Raise a SchemasyncError as a CommandError with its exit code."""
    try:
        yield
    except SchemasyncError as error:
        raise CommandError(str(error), returncode=error.exit_code) from error


def refuse_meaningless(name: str, given: Mapping[str, object], use: Mapping[str, str]) -> None:
    """Raise CommandError with exit code 2 for the first option that has no meaning without migrations."""
    for option, instead in use.items():
        if given.get(option):
            shown = "the name of a migration" if option == "migration_name" else f"--{option.replace('_', '-')}"
            raise _meaningless(f"{name} does not accept {shown} when schema.json replaces migrations", instead)


def act(command: BaseCommand, action: str, given: Mapping[str, Any], **more: Any) -> None:
    """Run an action of `manage.py schemasync` with the options that both commands have. `more`: those of `migrate`
    alone, `progress` and `goal`, as in `orm.migrate`."""
    from .actions import Actions

    common = ("database", "verbosity", "interactive", "no_color", "force_color", "traceback")
    kept = {name: given[name] for name in (*common, "check", "export") if given.get(name) is not None}
    as_migrate = {"for_migrate": action == "check", "as_migrate": action == "sync" and bool(more)}
    Actions(command, {**kept, **more, **as_migrate, "action": action if action != "sync" else None}).run()


def _meaningless(what: str, use: str) -> CommandError:
    return CommandError(f"{what}; use: {use}", returncode=UsageError.exit_code)
