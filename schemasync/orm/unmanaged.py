"""Finds columns and tables that unmanaged models read and that schema.json lacks or renames."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.apps import apps
from django.db import router
from django.db.models import Model

from .. import conf
from ..files.read_file import read_file
from ..schema import document
from ..schema.document import Document
from ..schema.model import ColumnName, Table
from ..schema.names import ROWID_NAMES, fold
from ..schema.text import nearest
from .models import table_of


def unread(alias: str, wanted: Document) -> tuple[str, ...]:
    """Return one sentence for each missing column, or renamed table, of an unmanaged model of this database.

    Views, tables of `_elsewhere` and tables that schema.json does not name are not checked.
    """
    return tuple(line for model in _unmanaged(alias) for line in _unread(model, wanted))


def unread_in_file(alias: str) -> tuple[str, ...]:
    """Like unread(), but read the schema.json of the database. Raises SchemaInvalid and OSError if it cannot be
    read."""
    path = conf.schema_path(alias)
    return unread(alias, document.read(read_file(path), str(path)))


def _unmanaged(alias: str) -> Iterator[type[Model]]:
    allowed = partial(router.allow_migrate_model, alias)
    for model in apps.get_models():
        if not model._meta.managed and not model._meta.proxy and allowed(model):
            yield model


def _unread(model: type[Model], wanted: Document) -> Iterator[str]:
    name = table_of(model)
    table = wanted.schema.table(name)
    if table is None:
        earlier = wanted.hints.tables_were.items()
        for new in (new for new, names in earlier if fold(name) in map(fold, names)):
            yield f'{model._meta.label} reads the table "{name}", which schema.json renames to "{new}"'
        return
    for field in model._meta.local_concrete_fields:
        if table.column(str(field.column)) is None and not _is_row_id(table, str(field.column)):
            lacks = f'{model._meta.label}.{field.name} reads the column "{field.column}", which "{table.name}" lacks'
            yield f"{lacks} in schema.json{_suggestion(table, str(field.column), wanted)}"


def _is_row_id(table: Table, column: str) -> bool:
    """True for a name under which SQLite returns the row id of the table."""
    return fold(column) in ROWID_NAMES and not table.without_rowid


def _suggestion(table: Table, column: str, wanted: Document) -> str:
    for one in table.columns:
        earlier = wanted.hints.columns_were.get(ColumnName(table.name, one.name), ())
        if fold(column) in map(fold, earlier):
            return f': it is "{one.name}" now'
    near = nearest(column, [one.name for one in table.columns])
    return f'; did you mean "{near}"?' if near else ""
