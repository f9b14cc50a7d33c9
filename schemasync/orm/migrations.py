"""The way back to migrations: the files that the project's apps lack, and the record that all of them have been run."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.apps import AppConfig, apps
from django.core.management.base import OutputWrapper
from django.core.management.utils import run_formatters
from django.db import connections
from django.db.migrations import CreateModel, DeleteModel, Migration
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import MigrationWriter

from ..errors import Code, Problem, Refused
from ..files.door import Door, Label
from . import policy
from .answers import Answers


@dataclass(frozen=True, slots=True)
class NewMigration:
    """A migration that an app lacks: `does` is what each operation does, in Django's words."""

    name: str
    path: Path
    does: tuple[str, ...]
    text: str


def lacking(answers: Answers) -> tuple[NewMigration, ...]:
    """What makemigrations would write for the project's own apps. Raises Refused where it would have to ask."""
    with policy.suspended():
        loader = MigrationLoader(None, ignore_no_migrations=True)
        _refuse_conflicts(loader)
        before, now, own = loader.project_state(), ProjectState.from_apps(apps), own_labels()
        answers.begin(before.apps, now, own)
        changes = MigrationAutodetector(before, now, answers).changes(
            graph=loader.graph, trim_to_apps=own, convert_apps=own
        )
        answers.stop()
        _refuse_moved(before, [one for found in changes.values() for one in found])
        _refuse_others(set(changes) - own)
        return tuple(_written(one) for found in changes.values() for one in found)


def own_labels() -> set[str]:
    """The apps whose migrations are the project's: those of packages that were installed come with the package."""
    return {config.label for config in apps.get_app_configs() if _is_own(config) and _has_migrations(config)}


def _is_own(config: AppConfig) -> bool:
    if config.name == "schemasync":  # its table comes with each database, wherever the package is installed
        return False
    return not {"site-packages", "dist-packages"} & set(Path(config.path).parts) and config.models_module is not None


def _has_migrations(config: AppConfig) -> bool:
    return policy.module_of(config.label) is not None


def _refuse_conflicts(loader: MigrationLoader) -> None:
    if conflicts := loader.detect_conflicts():
        raise Refused.of(
            Code.NOT_IN_STEP,
            "; ".join(f"the migrations of {app} end in {', '.join(sorted(names))}" for app, names in conflicts.items()),
            "Merge them: take the flag ENABLED off, run manage.py makemigrations --merge, and put it on again.",
        )


def _refuse_others(labels: Iterable[str]) -> None:
    problems = [
        Problem(
            Code.NOT_IN_STEP,
            f"the models of {label} are not what its own migrations make, and those of the project depend on that",
            "Its migrations come with its package: bring that up to date, or report it there.",
        )
        for label in sorted(labels)
    ]
    if problems:
        raise Refused(problems)


def _refuse_moved(before: ProjectState, found: Iterable[Migration]) -> None:
    """A table that one app makes and another one drops would be dropped with its rows, or made twice."""
    operations = [(one.app_label, operation) for one in found for operation in one.operations]
    gone = {
        before.apps.get_model(label, operation.name)._meta.db_table: f"{label}.{operation.name}"
        for label, operation in operations
        if isinstance(operation, DeleteModel)
    }
    problems = [
        Problem(
            Code.NOT_IN_STEP,
            f"{gone[table]} was moved to the app {label} and kept its table {table}: migrations that are made of that "
            "would make the table twice, or drop it",
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
    """Put the files where Django looks for them, and let black see to them where it is installed. Raises OSError."""
    door, paths = Door(), []
    for new in found:
        folder = new.path.parent
        door.make_folder(Label.OUTPUT_WRITE, folder, None)
        if not (folder / "__init__.py").exists():
            door.write_text(Label.OUTPUT_WRITE, folder / "__init__.py", "")
        door.write_text(Label.OUTPUT_WRITE, new.path, new.text)
        paths.append(str(new.path))
    run_formatters(paths, stderr=stderr)
    importlib.invalidate_caches()


def record(alias: str) -> None:
    """Note in the database that the alias means now, that every migration has been run, as `migrate --fake` does.

    Rows of the project's own apps whose files are gone go, too. Raises what Django raises.
    """
    connection = connections[alias]
    with policy.suspended():
        executor = MigrationExecutor(connection)
        executor.recorder.ensure_schema()
        for key in _without_file(executor.loader):
            executor.recorder.record_unapplied(*key)
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes(), fake=True)
        MigrationLoader(connection).check_consistent_history(connection)


def _without_file(loader: MigrationLoader) -> Iterator[tuple[str, str]]:
    replaced = {key for migration in loader.disk_migrations.values() for key in migration.replaces}
    own = own_labels() & loader.migrated_apps
    for key in sorted(loader.applied_migrations or ()):
        if key[0] in own and key not in loader.disk_migrations and key not in replaced:
            yield key
