"""The signals of `migrate`, for the apps whose tables exist.

Django sends `post_migrate` when the tables of all installed apps exist. A schema.json may lack some of them; a receiver
of such an app would fail on a database that is live already.
https://docs.djangoproject.com/en/stable/ref/signals/#post-migrate
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TextIO

from django.apps import apps
from django.apps.registry import Apps
from django.core.management.base import OutputWrapper
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ModelState, ProjectState, StateApps
from django.db.models.signals import post_migrate
from django.utils.module_loading import module_has_submodule

from .. import conf
from ..diff.changes import shortened
from ..schema.document import Document
from ..schema.names import fold
from ..schema.text import count
from . import migration_modules
from .models import made_here

Out = OutputWrapper | TextIO


def import_management() -> None:
    """Import each app's `management` module, as Django does: receivers of the signals are there."""
    for config in apps.get_app_configs():
        if config.module is not None and module_has_submodule(config.module, "management"):
            import_module(".management", config.name)


MigrationPlan = Sequence[tuple[Migration, bool]]
"""Django's plan: (migration, whether it is undone), in order."""


@dataclass(frozen=True, slots=True)
class Signals:
    """The signals of one `migrate`. `plan`: the pending migrations of MIGRATED_APPS.

    If every app keeps its migrations, receivers get the models at the state of the migrations, as from Django's own
    command. Otherwise they get the installed models, as schema.json has no history of models.
    """

    alias: str
    stdout: Out
    verbosity: int
    plan: MigrationPlan = ()

    def before(self, *, is_new: bool = False) -> None:
        """Send `pre_migrate` for every app, as Django does before tables exist. `is_new`: there is no database yet."""
        before = _state(None if is_new else self.alias).apps if conf.keeps_all() else apps
        emit_pre_migrate_signal(
            self.verbosity, False, self.alias, stdout=self.stdout, apps=before, plan=list(self.plan)
        )

    def after(self) -> None:
        """Send `post_migrate` for each app whose tables exist in the database; for none if a receiver that is called
        for every app belongs to an app whose tables do not exist."""
        missing = _apps_of(_lacking(self.alias, _tables(self.alias)))
        if missing and not missing.isdisjoint(_apps_with_receivers_for_all()):
            return
        given = {"stdout": self.stdout, "apps": self._apps_after(), "plan": list(self.plan)}
        if not missing:
            emit_post_migrate_signal(self.verbosity, False, self.alias, **given)
            return
        for config in apps.get_app_configs():
            if config.models_module is not None and config.label not in missing:
                about = {"app_config": config, "verbosity": self.verbosity, "interactive": False, "using": self.alias}
                post_migrate.send(sender=config, **about, **given)

    def _apps_after(self) -> Apps | StateApps:
        """Return the models after all migrations that ran, as in Django's own command. Models of apps without
        migrations are rendered again, with their relations."""
        if not conf.keeps_all():
            return apps
        state = _state(self.alias)
        state.clear_delayed_apps_cache()
        found: StateApps = state.apps
        real = [(one.app_label, one.name_lower) for one in found.real_models]
        with found.bulk_update():
            for key in real:
                found.unregister_model(*key)
        found.render_multiple([ModelState.from_model(apps.get_model(*key)) for key in real])
        return found


def _state(alias: str | None) -> ProjectState:
    """Return the models after the migrations that ran on the database; with None, before the first migration."""
    with migration_modules.suspended():
        executor = MigrationExecutor(None if alias is None else connections[alias])
        loader = executor.loader
        state = ProjectState(real_apps=loader.unmigrated_apps)
        for migration, _ in executor.migration_plan(loader.graph.leaf_nodes(), clean_start=True):
            if (migration.app_label, migration.name) in loader.applied_migrations:
                state = migration.mutate_state(state, preserve=False)
        return state


def unwritten(alias: str, document: Document) -> list[str]:
    """Return the installed models, as `app.Model`, without a table in schema.json; automatic through models are left
    out."""
    tables = frozenset(fold(table.name) for table in document.schema.tables) | document.elsewhere
    return sorted(label for label in _lacking(alias, tables).values() if not apps.get_model(label)._meta.auto_created)


def lacking_line(missing: list[str]) -> Iterator[str]:
    """Yield one line about models that have no table, with the command that adds them; none if all have one."""
    if missing:
        models = shortened(missing)
        what = "an installed model" if len(missing) == 1 else count(len(missing), "installed model")
        yield f"schema.json lacks the tables of {what} ({models}); to add them: manage.py schemasync --export"


def _lacking(alias: str, tables: frozenset[str]) -> dict[str, str]:
    return {table: label for table, label in made_here(alias).items() if table not in tables}


def _tables(alias: str) -> frozenset[str]:
    return frozenset(map(fold, connections[alias].introspection.table_names()))


def _apps_of(missing: dict[str, str]) -> frozenset[str]:
    return frozenset(label.partition(".")[0] for label in missing.values())


def _apps_with_receivers_for_all() -> Iterator[str]:
    """Yield labels of apps with a receiver that was connected without a sender, such as those of contenttypes and
    auth."""
    for receivers in post_migrate._live_receivers(None):
        for receiver in receivers:
            if (config := apps.get_containing_app_config(receiver.__module__)) is not None:
                yield config.label
