"""Django's own migration commands, where schema.json replaces migrations."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS

from .. import conf, databases
from ..errors import UsageError
from ..orm import migration_modules


def kept(labels: Collection[str]) -> bool:
    """True where all that was named are apps which keep their migrations: there Django's commands are Django's own."""
    return bool(labels) and set(labels) <= set(conf.migrated_apps())


def own_or_refused(name: str, use: str, labels: Collection[str]) -> AbstractContextManager[None]:
    """Where Django's own command runs: with the flag off, for apps that keep their migrations, and where the default
    database is of another engine. Raises CommandError with exit code 2, and one line that says what to use."""
    if conf.is_enabled() and not kept(labels) and databases.is_sqlite(DEFAULT_DB_ALIAS):
        raise _meaningless(f"{name} is for migrations, and this project has schema.json instead", use)
    return migration_modules.suspended()


def refuse_meaningless(name: str, given: Mapping[str, object], use: Mapping[str, str]) -> None:
    """Options that mean nothing without migrations: one line for the first. Raises CommandError with exit code 2."""
    for option, instead in use.items():
        if given.get(option):
            shown = "app label" if option in ("app_label", "args") else f"--{option.replace('_', '-')}"
            raise _meaningless(f"{name} takes no {shown} where schema.json takes the place of migrations", instead)


def act(command: BaseCommand, action: str, given: Mapping[str, Any]) -> None:
    """Do an action of `manage.py schemasync` with the options that both commands have."""
    from .actions import Actions

    common = ("database", "verbosity", "interactive", "no_color", "force_color", "traceback")
    kept = {name: given[name] for name in (*common, "check", "export") if given.get(name) is not None}
    Actions(command, {**kept, "for_migrate": action == "check", "action": action if action != "sync" else None}).run()


def _meaningless(what: str, use: str) -> CommandError:
    return CommandError(f"{what}; use: {use}", returncode=UsageError.exit_code)
