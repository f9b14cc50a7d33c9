"""Writes the models of a schema.json into a file, and finds the parts that they do not express."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from inspect import getsourcefile
from pathlib import Path
from typing import Any

import django
from django.apps import AppConfig, apps
from django.db import connections
from django.db.models import Model

from .. import databases
from ..codegen.block import Block, NotPython, classes, names_outside, replaced
from ..codegen.code import ModelClass
from ..codegen.describe import describe
from ..codegen.request import Features, Request
from ..engines.sqlite.view_columns import view_columns
from ..errors import Code, Refused, UsageError
from ..schema.comments import comments
from ..schema.document import Document
from ..schema.model import Schema
from ..schema.names import fold
from . import external_models
from .model_differences import Difference, differences, notes


@dataclass(frozen=True, slots=True)
class Generated:
    """`text`: the new content of the file. `before`: its content until now, None if there is no file."""

    models: tuple[ModelClass, ...]
    differences: tuple[Difference, ...]
    text: str
    before: str | None = None

    @property
    def differs(self) -> bool:
        return self.text != self.before


def features(alias: str) -> Features:
    """Return the features of the installed Django."""
    editor: Any = connections[alias].schema_editor(collect_sql=True)  # not entered, so that it opens no database
    is_new = django.VERSION >= (6, 1)
    return Features(
        lambda table, columns, suffix: str(editor._create_index_name(table, columns, suffix)), is_new, is_new
    )


def generate(document: Document, alias: str, command: str, app: AppConfig | None, path: Path | None) -> Generated:
    """Return the models for all tables and views that have none yet. `app`: the app of these models; without it, only
    tables with `_model` already have one. Raises Refused if the models in the file cannot be replaced."""
    name = Path(document.source).name
    try:
        before = path.read_bytes().decode() if path is not None and path.exists() else None
        of_block = partial(_is_of_block, app=app, path=path, names=classes(before or "", name))
        is_kept = partial(_has_other_source, is_of_block=of_block) if app is not None else _none
        label, outside = app.label if app is not None else "", names_outside(before or "", name)
        models, found = modelled(document, alias, label, outside, is_kept, of_block)
        block = Block(name, command, models, tuple(notes(found)))
        return Generated(models, tuple(found), replaced(before or "", block), before)
    except (NotPython, UnicodeDecodeError) as error:
        raise Refused.of(
            Code.OUTPUT_EXISTS,
            f"{path} exists, and its models cannot be replaced: {error}",
            "Correct the file, or name another one with -o FILE.",
        ) from error


def modelled(
    document: Document,
    alias: str,
    app_label: str,
    taken: Collection[str],
    is_kept: Callable[[type[Model]], bool],
    ignored: Callable[[Any], bool],
) -> tuple[tuple[ModelClass, ...], list[Difference]]:
    """Return the models of a schema.json, and its differences from them. `taken`: names that no class may have, in
    lower case."""
    schema = document.schema
    installed = external_models.external_models(alias, document.models, document.elsewhere, is_kept)
    request = Request(
        features(alias),
        app_label,
        external_models.described(installed, document.models, ignored),
        comments(document),
        view_columns(schema, databases.opener(alias)),
        external_models.class_names(app_label, ignored).union(taken),
    )
    models = describe(schema, request)
    rest = Schema(tuple(table for table in schema.tables if fold(table.name) not in request.external), schema.views)
    return models, differences(rest, models, alias, external_models.by_label(installed), app_label)


def app_of(label: str) -> AppConfig:
    """Return the installed app with that label. Raises UsageError if there is none."""
    try:
        return apps.get_app_config(label)
    except LookupError as error:
        raise UsageError.of(
            Code.BAD_OPTION, f"--app {label} is invalid", f"{error} Use the label of an installed app."
        ) from error


def file_of(app: AppConfig) -> Path:
    """Return the path of the models.py of an app. Raises UsageError if its models are a package."""
    module = getattr(app.models_module, "__file__", None)
    path = Path(module or Path(app.path) / "models.py")
    if path.name == "__init__.py":
        raise UsageError.of(
            Code.BAD_OPTION,
            f"the models of {app.label} are a package, {path.parent}",
            f"Name the file: manage.py schemasync models --app {app.label} -o {path.with_name('tables.py')}",
        )
    return path


def _is_of_block(model: Any, *, app: AppConfig | None, path: Path | None, names: frozenset[str]) -> bool:
    """True for a class in the block that will be replaced."""
    if app is None or path is None or model._meta.app_label != app.label or model.__name__ not in names:
        return False
    return Path(getsourcefile(model) or "").resolve() == path.resolve()


def _has_other_source(model: type[Model], *, is_of_block: Callable[[Any], bool]) -> bool:
    return not is_of_block(model)


def _none(model: type[Model]) -> bool:
    return False
