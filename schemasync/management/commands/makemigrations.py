"""`manage.py makemigrations`: runs an export if schema.json replaces migrations; otherwise Django's own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError, no_translations
from django.core.management.commands import makemigrations
from django.db import DEFAULT_DB_ALIAS, router

from ... import conf, databases
from ...orm import migration_modules
from ...orm.migrations import own_labels
from ..console import Console
from ..replaced_commands import act, is_migrated, kept, refuse_meaningless

EXPORT = "manage.py schemasync export"
MEANINGLESS = {
    "merge": "git: schema.json is one text file",
    "empty": "a receiver of schemasync.signals.before_swap",
    "name": EXPORT,
    "update": EXPORT,
    "scriptable": f"{EXPORT} --json",
}


class Command(Console, makemigrations.Command):
    """Runs an export."""

    @no_translations  # as in Django's own: files and rows get the same text in every language
    def handle(self, *args: Any, **options: Any) -> Any:
        if not conf.is_enabled() or migration_modules.is_suspended():
            return super().handle(*args, **options)
        of_others = _of_another_engine()
        if databases.is_sqlite(DEFAULT_DB_ALIAS) and is_migrated():
            return self._for_those_that_keep_theirs(args, options)
        if kept(args) or (args and of_others.issuperset(args)):
            return self._for_those_that_keep_theirs(args, options)
        refuse_meaningless("makemigrations", options, MEANINGLESS)
        self._export(args, options)
        own = own_labels()
        if not conf.writes_migrations():
            own &= {*conf.migrated_apps(), *of_others}
        own &= set(args) or own
        return self._for_those_that_keep_theirs(sorted(own), options) if own else None

    def _export(self, labels: Collection[str], options: dict[str, Any]) -> None:
        """Write the models of all apps to the schema.json of each database, as schema.json is one unit."""
        from .. import all_databases, app_labels

        app_labels.refuse_unknown(labels)
        check = options.get("check_changes") or options.get("dry_run")
        aliases, errors = databases.synced(), dict[str, CommandError]()
        for alias in aliases:
            if labels and int(options["verbosity"]) > 0:
                app_labels.before_export(self, alias, labels)
            try:
                act(self, "export", {**options, "check": check, "database": alias})
            except CommandError as error:
                if len(aliases) == 1:
                    raise
                errors[alias] = error
        all_databases.fail(errors)

    def _for_those_that_keep_theirs(self, labels: Collection[str], options: dict[str, Any]) -> Any:
        with migration_modules.suspended():
            return super().handle(*labels, **options)


def _of_another_engine() -> set[str]:
    """Return the apps with models in the default database if it is not SQLite: they keep their migrations."""
    if databases.is_sqlite(DEFAULT_DB_ALIAS):
        return set()
    return {
        config.label
        for config in apps.get_app_configs()
        if list(router.get_migratable_models(config, DEFAULT_DB_ALIAS))
    }
