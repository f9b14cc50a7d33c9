"""`manage.py migrate`: runs a sync if schema.json replaces migrations; otherwise Django's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError, no_translations
from django.core.management.commands import migrate
from django.db import connections

from ... import conf, databases
from ...errors import SchemasyncError
from ...orm import migration_modules
from ..replaced_commands import act, refuse_meaningless

MEANINGLESS = {
    "app_label": "manage.py schemasync",
    "fake": "manage.py schemasync adopt",
    "fake_initial": "manage.py schemasync adopt",
    "prune": "manage.py schemasync prune, which removes archives",
}


class Command(migrate.Command):
    """Runs a sync, for deploy scripts and habits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if conf.is_enabled():
            self.requires_system_checks = []  # the command must run even if a check of the database fails

    @no_translations  # as in Django's own: files and rows get the same text in every language
    def handle(self, *args: Any, **options: Any) -> Any:
        if not conf.is_enabled() or migration_modules.is_suspended():
            return super().handle(*args, **options)
        if connections[str(options["database"])].vendor != "sqlite":
            with migration_modules.suspended():  # migrations make the schema of another engine
                return super().handle(*args, **options)
        refuse_meaningless("migrate", options, MEANINGLESS)
        return self._sync(options)

    def _sync(self, options: dict[str, Any]) -> None:
        from ...orm import test_databases

        alias, tells = str(options["database"]), int(options["verbosity"]) > 0
        if test_databases.is_scratch(alias):
            with _as_command_error():
                self._scratch(alias, options)
        elif not databases.has_schema(alias):
            if tells:
                self.stdout.write(f"nothing to do: no model is in {alias}, and there is no {conf.schema_path(alias)}")
        elif options.get("check_unapplied"):
            act(self, "check", options)
        elif options.get("plan"):
            act(self, "plan", options)
        elif connections[alias].in_atomic_block and self._is_current(alias):
            test_databases.announce(alias, self.stdout, int(options["verbosity"]))
            if tells:
                self.stdout.write(f"nothing to do: {alias} matches {conf.schema_path(alias)}")
        else:
            act(self, "sync", options)
            if tells:
                self._tell_what_is_left(alias)

    def _scratch(self, alias: str, options: dict[str, Any]) -> None:
        """For a database in memory, as in tests: create what is missing, without a swap."""
        from ...orm import test_databases

        missing = test_databases.lacking(alias) if options.get("check_unapplied") or options.get("plan") else {}
        if options.get("plan"):
            self.stdout.write("\n".join(missing) or "nothing to do")
        if missing and options.get("check_unapplied"):
            raise CommandError(f"{alias} does not have: {', '.join(missing)}", returncode=1)
        if not (options.get("check_unapplied") or options.get("plan")):
            test_databases.make(alias, self.stdout, int(options["verbosity"]))

    def _is_current(self, alias: str) -> bool:
        """True if there is nothing to do, so that an open transaction, as in a TestCase, does no harm."""
        from ...orm import test_databases

        with _as_command_error():
            return test_databases.is_current(alias)

    def _tell_what_is_left(self, alias: str) -> None:
        """Report changes of models that schema.json does not have, as Django's own command does."""
        from ...orm.project import difference

        if differs := difference(alias, conf.schema_path(alias)):
            self.stdout.write(
                f"The models differ from schema.json ({differs}), and this difference is not applied. "
                "Run 'manage.py makemigrations' to write the models into it, and then 'manage.py migrate' again.",
                self.style.NOTICE,
            )


@contextmanager
def _as_command_error() -> Iterator[None]:
    try:
        yield
    except SchemasyncError as error:
        raise CommandError(str(error), returncode=error.exit_code) from error
