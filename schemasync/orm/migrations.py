"""Writes the migrations that the project's apps lack, and records all of them as applied."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.apps import AppConfig, apps
from django.core.management import find_commands, get_commands, load_command_class
from django.core.management.base import OutputWrapper
from django.core.management.utils import run_formatters
from django.db import connections
from django.db.migrations import CreateModel, DeleteModel, Migration
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import MigrationWriter
from django.db.models.options import normalize_together
from django.utils import translation

from ..errors import Code, Problem, Refused
from ..files.disk import Disk, DiskStep
from . import migration_modules
from .data_migrations import is_packaged
from .questioner import Questioner


@dataclass(frozen=True, slots=True)
class NewMigration:
    """A migration that an app lacks. `does`: Django's description of each operation."""

    name: str
    path: Path
    does: tuple[str, ...]
    text: str


def lacking(answers: Questioner) -> tuple[NewMigration, ...]:
    """Return the migrations that makemigrations would write for the project's own apps. Raises Refused if it would have
    to ask, and for conflicts."""
    own = own_labels()
    if not own:  # no labels mean all apps to the autodetector
        return ()
    with _as_makemigrations():
        loader = MigrationLoader(None, ignore_no_migrations=True)
        _refuse_conflicts(loader, own)
        before = loader.project_state()
        now = _of_own_apps(before, own)
        answers.begin(before.apps, now, own)
        changes = _autodetector()(before, now, answers).changes(graph=loader.graph, trim_to_apps=own, convert_apps=own)
        answers.stop()
        _refuse_moved(before, [one for found in changes.values() for one in found])
        _refuse_others(set(changes) - own)
        return tuple(_written(one) for found in changes.values() for one in found)


def lagging() -> list[str]:
    """Return the labels of installed packages whose models differ from their own migrations."""
    with _as_makemigrations():
        loader = MigrationLoader(None, ignore_no_migrations=True)
        before, now = loader.project_state(), ProjectState.from_apps(apps)
        changes = _autodetector()(before, now, MigrationQuestioner()).changes(graph=loader.graph)
        return sorted(set(changes) - own_labels())


@contextmanager
def _as_makemigrations() -> Iterator[None]:
    """Use the project's migration modules and no translations, as Django's own command does."""
    with migration_modules.suspended(), translation.override(None):
        yield


def _autodetector() -> type[MigrationAutodetector]:
    """Return the autodetector of the makemigrations command that the project would have without schemasync."""
    name = "makemigrations"
    app = get_commands()[name]
    if app == "schemasync":
        others = (config for config in apps.get_app_configs() if config.name != app and _has_command(config, name))
        app = next((config.name for config in others), "django.core")
    command = load_command_class(app, name) if isinstance(app, str) else app
    return getattr(command, "autodetector", MigrationAutodetector)


def _has_command(config: AppConfig, name: str) -> bool:
    return name in find_commands(str(Path(config.path) / "management"))


def _of_own_apps(before: ProjectState, own: Collection[str]) -> ProjectState:
    """Return the current models, but the models of installed packages as their migrations make them. Only a package can
    update its migrations, and a migration of the project cannot depend on one that the package lacks."""
    now = ProjectState.from_apps(apps)
    for key, model in before.models.items():
        if key[0] not in own:
            now.models[key] = _as_from_model(model.clone())
    return now


def _as_from_model(state: ModelState) -> ModelState:
    """Return the state of a migration in the form that the autodetector expects: a migration may have lists of
    lists."""
    for name in ("unique_together", "index_together"):
        if state.options.get(name):
            state.options[name] = set(normalize_together(state.options[name]))
    return state


def own_labels() -> set[str]:
    """Return the labels of the project's own apps with migrations: installed packages bring their own."""
    return {config.label for config in apps.get_app_configs() if _is_own(config) and _has_migrations(config)}


def _is_own(config: AppConfig) -> bool:
    if config.name == "schemasync":  # every database has its table, wherever the package is installed
        return False
    return not is_packaged(Path(config.path)) and config.models_module is not None


def _has_migrations(config: AppConfig) -> bool:
    return migration_modules.module_of(config.label) is not None


def _refuse_conflicts(loader: MigrationLoader, own: Collection[str]) -> None:
    if conflicts := {app: names for app, names in loader.detect_conflicts().items() if app in own}:
        raise Refused.of(
            Code.MODELS_DIFFER,
            "; ".join(f"the migrations of {app} end in {', '.join(sorted(names))}" for app, names in conflicts.items()),
            "Merge them: set ENABLED to False, run manage.py makemigrations --merge, and set it to True again.",
        )


def _refuse_others(labels: Iterable[str]) -> None:
    problems = [
        Problem(
            Code.MODELS_DIFFER,
            f"{label} has models that its own migrations do not make, and those of the project refer to them",
            "Its migrations come with its package: update the package, or report it there.",
        )
        for label in sorted(labels)
    ]
    if problems:
        raise Refused(problems)


def _refuse_moved(before: ProjectState, found: Iterable[Migration]) -> None:
    """Raise Refused for a table that one app would drop with its rows, and that another app would create again."""
    operations = [(one.app_label, operation) for one in found for operation in one.operations]
    gone = {
        before.apps.get_model(label, operation.name)._meta.db_table: f"{label}.{operation.name}"
        for label, operation in operations
        if isinstance(operation, DeleteModel)
    }
    problems = [
        Problem(
            Code.MODELS_DIFFER,
            f"{gone[table]} was moved to the app {label} and kept its table {table}: automatic migrations would make "
            "the table twice, or drop it",
            "Write them by hand, with SeparateDatabaseAndState: manage.py makemigrations --empty, with the flag off.",
        )
        for label, operation in operations
        if isinstance(operation, CreateModel)
        and (table := apps.get_model(label, operation.name)._meta.db_table) in gone
    ]
    if problems:
        raise Refused(problems)


def _written(migration: Migration) -> NewMigration:
    writer = MigrationWriter(migration)
    does = tuple(operation.formatted_description() for operation in migration.operations)
    return NewMigration(f"{migration.app_label}.{migration.name}", Path(writer.path), does, writer.as_string())


def write(found: Iterable[NewMigration], stderr: OutputWrapper) -> None:
    """Write the files where Django looks for them, and format them with black if it is installed. Raises OSError."""
    disk, paths = Disk(), []
    for new in found:
        folder = new.path.parent
        disk.make_folder(DiskStep.OUTPUT_WRITE, folder, None)
        if not (folder / "__init__.py").exists():
            disk.write_text(DiskStep.OUTPUT_WRITE, folder / "__init__.py", "")
        disk.write_text(DiskStep.OUTPUT_WRITE, new.path, new.text)
        paths.append(str(new.path))
    run_formatters(paths, stderr=stderr)
    importlib.invalidate_caches()


def record(alias: str) -> None:
    """Record in the database of the alias that every migration was run, as `migrate --fake` does.

    Also deletes rows of the project's own apps whose files are missing. Raises Django's errors.
    """
    connection = connections[alias]
    with migration_modules.suspended():
        executor = MigrationExecutor(connection)
        executor.recorder.ensure_schema()
        for key in _without_file(executor.loader):
            executor.recorder.record_unapplied(*key)
        executor = MigrationExecutor(connection)
        for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes()):
            for key in migration.replaces or [(migration.app_label, migration.name)]:
                executor.recorder.record_applied(*key)
        executor.check_replacements()
        MigrationLoader(connection).check_consistent_history(connection)


def _without_file(loader: MigrationLoader) -> Iterator[tuple[str, str]]:
    replaced = {key for migration in loader.disk_migrations.values() for key in migration.replaces}
    own = own_labels() & loader.migrated_apps
    for key in sorted(loader.applied_migrations or ()):
        if key[0] in own and key not in loader.disk_migrations and key not in replaced:
            yield key
