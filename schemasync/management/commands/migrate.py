"""`manage.py migrate`: runs a sync if schema.json replaces migrations; otherwise Django's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, no_translations
from django.core.management.commands import migrate
from django.db import connections

from ... import conf, databases, process
from ...files.layout import Layout, PathKind
from ...files.read_file import read_file
from ...orm import migration_modules
from ...orm.before_schema import BeforeSchema, before_schema
from ..console import Console
from ..replaced_commands import act, as_command_error, refuse_meaningless

if TYPE_CHECKING:
    from ...orm.pending_migrations import Goal

MEANINGLESS = {
    "migration_name": "manage.py schemasync rollback for the rows as they were; for today's rows, the old schema.json "
    "and manage.py schemasync --allow-older",
    "fake": "manage.py schemasync adopt, once, for a database that migrations made",
    "fake_initial": "manage.py schemasync adopt, once, for a database that migrations made",
    "prune": "manage.py schemasync prune, which removes archives",
}


WRITE_THEM = "Run 'manage.py makemigrations' to write the models into it, and then 'manage.py migrate' again."


class Command(Console, migrate.Command):
    """Runs a sync, for deploy scripts and habits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if conf.is_enabled():
            self.requires_system_checks = []  # the command must run even if a check of the database fails

    @no_translations  # as in Django's own: files and rows get the same text in every language
    def handle(self, *args: Any, **options: Any) -> Any:
        if not conf.is_enabled() or migration_modules.is_suspended():
            return super().handle(*args, **options)
        with as_command_error():
            databases.refuse_moved(str(options["database"]))
        if connections[str(options["database"])].vendor != "sqlite":
            with migration_modules.suspended():  # migrations make the schema of another engine
                return super().handle(*args, **options)
        with as_command_error():
            before = before_schema(str(options["database"]))
        if before is BeforeSchema.MIGRATED:
            return self._before_adoption(*args, **options)
        if self._is_of_test(options):
            with migration_modules.suspended():
                return super().handle(*args, **options)
        goal = self._goal(options)
        if goal is None:
            refuse_meaningless("migrate", options, MEANINGLESS)
        if options.get("app_label"):
            self._tell_of_other_apps(str(options["app_label"]), options)
        if before is BeforeSchema.NEW and databases.has_schema(str(options["database"])):
            return self._begin(options)
        return self._sync(options, goal)

    def _goal(self, options: dict[str, Any]) -> Goal | None:
        """Return the goal of a migration name or --fake for migrations of MIGRATED_APPS; None if neither is given, or
        the app is not one of them."""
        from ...orm.pending_migrations import Goal

        label, name, is_fake = options.get("app_label"), options.get("migration_name"), bool(options.get("fake"))
        if not (name or is_fake) or not conf.migrated_apps():
            return None
        return Goal(label, name, is_fake) if label is None or label in conf.migrated_apps() else None

    def _progress(self, options: dict[str, Any]) -> Callable[..., None]:
        """Return a callback that prints the heading and the lines of Django's own command for each migration."""
        self.verbosity, has_begun = int(options["verbosity"]), False

        def progress(action: str, migration: Any = None, fake: bool = False) -> None:
            nonlocal has_begun
            if not has_begun and self.verbosity >= 1:
                self.stdout.write(self.style.MIGRATE_HEADING("Running migrations:"))
            has_begun = True
            self.migration_progress_callback(action, migration, fake)

        return progress

    def _is_of_test(self, options: dict[str, Any]) -> bool:
        """True for one migration of an app of MIGRATED_APPS, in tests."""
        is_one = options.get("migration_name") and options.get("app_label") in conf.migrated_apps()
        return bool(is_one) and process.is_in_tests()

    def _before_adoption(self, *args: Any, **options: Any) -> Any:
        """Run Django's own command: migrations still apply to a database that was not adopted."""
        with migration_modules.suspended():
            done = super().handle(*args, **options)
        if int(options["verbosity"]) > 0 and not (options.get("check_unapplied") or options.get("plan")):
            path = conf.schema_path(str(options["database"]))
            self.stdout.write(f"Migrations were used, as there is no {path}. To write it: manage.py schemasync adopt")
        return done

    def _tell_of_other_apps(self, label: str, options: dict[str, Any]) -> None:
        from .. import app_labels

        app_labels.refuse_unknown([label])
        alias = str(options["database"])
        if int(options["verbosity"]) > 0 and not databases.is_no_path(databases.name_of(alias)):
            app_labels.before_sync(self, alias, [label])

    def _begin(self, options: dict[str, Any]) -> None:
        """Write schema.json from the models, and create the database from it."""
        what = f"there is no database yet, and no {conf.schema_path(str(options['database']))}"
        if options.get("check_unapplied"):
            raise CommandError(f"{what}\n  manage.py migrate", returncode=1)
        if options.get("plan"):
            self.stdout.write(f"{what}: manage.py migrate writes it from the models, and creates the database")
        else:
            if int(options["verbosity"]) > 0:
                self.stdout.write(f"writing {conf.schema_path(str(options['database']))} from the models")
            act(self, "sync", {**options, "export": True}, progress=self._progress(options))

    def _sync(self, options: dict[str, Any], goal: Goal | None = None) -> None:
        from ...orm import test_databases

        alias, is_verbose = str(options["database"]), int(options["verbosity"]) > 0
        if test_databases.is_scratch(alias):
            with as_command_error():
                self._scratch(alias, options)
        elif not databases.has_schema(alias):
            if is_verbose:
                self.stdout.write(f"nothing to do: no model is in {alias}, and there is no {conf.schema_path(alias)}")
        elif options.get("check_unapplied"):
            act(self, "check", options)
        elif options.get("plan"):
            act(self, "plan", options)
            self._print_operations(alias, goal)
        elif connections[alias].in_atomic_block and self._is_current(alias):
            test_databases.announce(alias, self.stdout, int(options["verbosity"]))
            if is_verbose:
                self.stdout.write(f"nothing to do: {alias} matches {conf.schema_path(alias)}")
        else:
            act(self, "sync", options, progress=self._progress(options), goal=goal)
            if is_verbose:
                self._print_what_is_left(alias)

    def _print_operations(self, alias: str, goal: Goal | None) -> None:
        """Print the operations of the pending migrations of MIGRATED_APPS like Django's own command."""
        from ...orm.pending_migrations import planned

        is_new = Layout(databases.path_of(alias)).path_kind() is PathKind.NOTHING
        with as_command_error():
            plan = planned(alias, goal, is_new=is_new)
        if plan:
            self.stdout.write("Planned operations:", self.style.MIGRATE_LABEL)
        for migration, is_backwards in plan:
            self.stdout.write(str(migration), self.style.MIGRATE_HEADING)
            for operation in migration.operations:
                message, is_error = self.describe_operation(operation, is_backwards)
                self.stdout.write(f"    {message}", self.style.WARNING if is_error else None)

    def _scratch(self, alias: str, options: dict[str, Any]) -> None:
        """Create the missing tables of a database in memory, as in tests, without a swap."""
        from ...orm import test_databases

        missing = test_databases.lacking(alias) if options.get("check_unapplied") or options.get("plan") else {}
        if options.get("plan"):
            self.stdout.write("\n".join(missing) or "nothing to do")
        if missing and options.get("check_unapplied"):
            raise CommandError(f"{alias} does not have: {', '.join(missing)}", returncode=1)
        if not (options.get("check_unapplied") or options.get("plan")):
            test_databases.make(alias, self.stdout, int(options["verbosity"]), self._progress(options))

    def _is_current(self, alias: str) -> bool:
        """True if there is nothing to do: then an open transaction, as in a TestCase, does no harm."""
        from ...orm import test_databases

        with as_command_error():
            return test_databases.is_current(alias)

    def _print_what_is_left(self, alias: str) -> None:
        """Print a notice about changes of models that schema.json does not have, as Django's own command does."""
        from ...orm.migrate_signals import unwritten
        from ...orm.project import FORWARD_AGAIN, difference, is_of_before_rollback
        from ...schema import document

        path = conf.schema_path(alias)
        if unwritten(alias, document.read(read_file(path), str(path))):
            return  # reported by the sync
        if differs := difference(alias, path):
            self.stdout.write(
                f"The models differ from schema.json ({differs}), and this difference is not applied. "
                + (FORWARD_AGAIN if is_of_before_rollback(alias, path) else WRITE_THEM),
                self.style.NOTICE,
            )
