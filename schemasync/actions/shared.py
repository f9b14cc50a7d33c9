"""Parts that the JSON objects of several actions share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from ..engines.sqlite.name_errors import Unknown
from ..engines.sqlite.uncompiled import LeftOut

Objects = Sequence[tuple[str, str]]


class ForeignJson(TypedDict):
    """An object of the database that schema.json does not name."""

    type: str
    """`table`, `index`, `view`, `trigger` or `column`."""
    name: str


class UnknownNamesJson(TypedDict):
    """Names that the database uses and that are not registered in this process."""

    functions: list[str]
    collations: list[str]
    modules: list[str]


class NotCreatedJson(TypedDict):
    """An object that schema.json leaves out because SQLite does not compile it in this process."""

    type: str
    name: str
    error: str


def foreign_json(objects: Objects) -> list[ForeignJson]:
    return [{"type": kind, "name": name} for kind, name in objects]


def unknown_json(unknown: Unknown) -> UnknownNamesJson:
    return {
        "functions": sorted(unknown.functions),
        "collations": sorted(unknown.collations),
        "modules": sorted(unknown.modules),
    }


def not_created_json(left_out: Sequence[LeftOut]) -> list[NotCreatedJson]:
    return [{"type": one.type, "name": one.name, "error": one.error} for one in left_out]
