"""Writes the first schema.json of a project with migrations: the tables of its database, and their models."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace

from ..schema import write
from ..schema.edit import edit
from ..schema.model import Schema
from ..schema.names import fold
from ..schema.write import Json
from .merge import beyond
from .models import Modelled


def baseline(
    found: Schema,
    models: Modelled,
    comment: str,
    migrations: Mapping[str, list[str]],
    beside_found: Collection[tuple[str, str]] = (),
) -> str:
    """Return the text of schema.json for a database with this schema. It keeps every object, whoever made it.

    A table of a model belongs to the model; `_keep` names the objects and columns that the database has beyond the
    model. `migrations`: data migrations, by label of their app; all of them were run if the database has a table of a
    model. Tables of apps that keep their migrations are left out, because those migrations make and change them.
    `beside_found`: (type, name) of objects that are already left out.
    """
    names = [table.name for table in found.tables] + [name for kind, name in beside_found if kind == "table"]
    kept = sorted(name for name in names if fold(name) in models.kept)
    found = replace(found, tables=tuple(table for table in found.tables if table.name not in kept))
    extra_keys: dict[str, Json] = {}
    for table in models.schema.tables:
        there = found.table(table.name)
        if there is None or there.virtual is not None:
            continue
        keys: Json = {"_model": models.labels[fold(table.name)]}
        if more := beyond(table, there):
            keys["_keep"] = list(more)
        extra_keys[fold(table.name)] = keys
    text = write.write(found, comment, extra_keys)
    top = {"_elsewhere": json.dumps(kept, ensure_ascii=False)} if kept else {}
    if migrations and extra_keys:
        top["_migrations"] = write.pretty(dict(migrations))
    return edit(text, top) if top else text
