"""The first schema.json of a project that had migrations: what is in its database, and which of it the models own."""

from __future__ import annotations

from collections.abc import Mapping

from ..schema import write
from ..schema.edit import edit
from ..schema.model import Schema
from ..schema.names import fold
from ..schema.write import Json
from .merge import beyond
from .models import Modelled


def baseline(found: Schema, models: Modelled, comment: str, migrations: Mapping[str, list[str]]) -> str:
    """The text of schema.json for a database with this schema: nothing that is in it is lost, whoever made it.

    A table of a model is the model's; what the database has in it beyond the model is named in `_keep`. `migrations`:
    those that carry data, by label of their app; they have all been run where the database has a table of a model.
    """
    beside: dict[str, Json] = {}
    for table in models.schema.tables:
        there = found.table(table.name)
        if there is None or there.virtual is not None:
            continue
        keys: Json = {"_model": models.labels[fold(table.name)]}
        if more := beyond(table, there):
            keys["_keep"] = list(more)
        beside[fold(table.name)] = keys
    text = write.write(found, comment, beside)
    return edit(text, {"_migrations": write.pretty(dict(migrations))}) if migrations and beside else text
