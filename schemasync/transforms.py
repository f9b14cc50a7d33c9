"""Transforms: Python functions that fill tables for which SQL is not enough.

from schemasync.transforms import ONE_TO_ONE, transform

@transform("Users", into=["Users", "Names"], kind=ONE_TO_ONE, name="split-names")
def split_names(user):
first, _, last = user["name"].partition(" ")
yield "Users", {"id": user["id"]}
yield "Names", {"user_id": user["id"], "first": first, "last": last}

`SCHEMASYNC["TRANSFORMS"]` names the module with the functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .schema.transform_function import Kind, NewRow, Row, TransformFunction, Value

__all__ = ["ONE_TO_MANY", "ONE_TO_ONE", "SHARED", "NewRow", "Row", "Value", "transform"]

ONE_TO_ONE, ONE_TO_MANY, SHARED = Kind.ONE_TO_ONE, Kind.ONE_TO_MANY, Kind.SHARED


def transform(
    table: str,
    *,
    into: str | Sequence[str],
    kind: Kind,
    name: str | None = None,
    group: Callable[[Row], object] | None = None,
    version: int = 1,
) -> Callable[[Callable[[Any], Iterable[NewRow] | None]], TransformFunction]:
    """Declare a transform of `table`, by its name before the run. It fills the tables `into`.

    The decorated function gets one row of `table`, a dict by column, and yields `(table, row)` for each new row. With
    `kind=SHARED` it gets the list of all rows for which `group` returns the same value. It must return the same rows
    each time.

    `name`: the name that the history records, by default the name of the function. `version`: raise it to let the
    transform act again on databases on which it has acted. Raises TypeError or ValueError for a wrong argument.
    """
    tables = (into,) if isinstance(into, str) else tuple(into)
    kind = Kind(kind)
    if not tables:
        raise ValueError("a transform fills at least one table: into=[…]")
    if (kind is Kind.SHARED) != (group is not None):
        raise TypeError("group= belongs to kind=SHARED, and is needed there")

    def declare(function: Callable[[Any], Iterable[NewRow] | None]) -> TransformFunction:
        found = name or getattr(function, "__name__", "")
        if not found:
            raise TypeError("a transform without a function's name needs name=")
        return TransformFunction(found, table, tables, kind, version, function, group)

    return declare
