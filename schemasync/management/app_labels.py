"""App labels of `makemigrations` and `migrate` when schema.json replaces migrations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from .. import conf, databases
from ..diff.changes import Change, subject
from ..errors import SchemasyncError, UsageError
from ..files.layout import Layout
from ..files.read_file import read_file
from ..orm.comparison import agreement
from ..orm.project import Project
from ..schema import document
from ..schema.names import fold
from ..sync import check
from ..sync.run.target import Target


def refuse_unknown(labels: Collection[str]) -> None:
    """Raise CommandError with exit code 2 and Django's messages for labels that no installed app has."""
    errors = []
    for label in labels:
        try:
            apps.get_app_config(label)
        except LookupError as error:
            errors.append(str(error))
    if errors:
        raise CommandError("\n".join(errors), returncode=UsageError.exit_code)


def before_export(command: BaseCommand, alias: str, labels: Collection[str]) -> None:
    """Print which other apps an export also writes."""
    path = conf.schema_path(alias)
    try:
        before = path.read_text("utf-8") if path.exists() else "{}"
        found = agreement(Project(alias, path).compared).found
        if found is not None:
            models = {**document.read(before.encode()).models, **document.read(found.text.encode()).models}
            _print_changes(command, labels, found.changes, models)
    except (SchemasyncError, OSError):
        return  # the export reports it


def before_sync(command: BaseCommand, alias: str, labels: Collection[str]) -> None:
    """Print which other apps a sync also changes."""
    try:
        target = Target(Layout(databases.path_of(alias)), databases.opener(alias))
        wanted = document.read(read_file(conf.schema_path(alias)))
        _print_changes(command, labels, check.check(target, wanted, tries=False).changes, wanted.models)
    except (SchemasyncError, OSError):
        return  # the sync reports it


def _print_changes(
    command: BaseCommand, labels: Collection[str], changes: Iterable[Change], models: Mapping[str, str]
) -> None:
    owners = {fold(table): model.partition(".")[0] for table, model in models.items()}
    others = {owners.get(fold(subject(change)), "tables without a model") for change in changes} - set(labels)
    if others:
        command.stdout.write(f"schema.json is one unit, so this includes the changes of {', '.join(sorted(others))}")
