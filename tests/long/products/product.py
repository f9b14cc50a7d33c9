"""The description of a product: two releases, how to install each, and the allowed differences from stock Django."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Release:
    """A release. `requirements` is the product's own file of pinned versions, requirements.txt or uv.lock. `without`
    names packages that are not needed here, such as a web server; `instead` has other or additional pins."""

    version: str
    commit: str
    python: str
    settings: str
    requirements: str
    without: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Patch:
    """A line of the product that the maintainer changes to use schemasync."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """An allowed difference from stock and its reason: a column, the rows that fulfil `where`, or the column in these
    rows."""

    table: str
    reason: str
    column: str | None = None
    where: str | None = None
    only_full: bool = False
    only_new: bool = False

    def __str__(self) -> str:
        column, where = f"column {self.column}" if self.column else "", f"rows where {self.where}" if self.where else ""
        what = " in ".join(filter(None, (column, where)))
        when = ", with schema.json only" * self.only_full + ", new installations only" * self.only_new
        return f"{self.table}, {what}{when}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Product:
    """A product. `writing`: the Django version for the old release's code on schemasync's backend. `postgres`: the
    variables by which its settings choose PostgreSQL, with {host}, {name} and {user} to fill in. `suite`: the labels of
    its tests, which use `suite_settings` and `suite_variables`. `folders`: those that its start script creates.
    `is_first`: schemasync is first in INSTALLED_APPS, as no command of the product must override one of its commands.
    `data_migrations`, `seed`, `hints` and the arguments `exported` of the maintainer's `export` are for schema.json."""

    name: str
    repository: str
    old: Release
    new: Release
    writing: str
    variables: dict[str, str]
    postgres: dict[str, str]
    suite: tuple[str, ...]
    suite_settings: str
    suite_variables: dict[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    is_first: bool = True
    settings: str = ""
    patches: tuple[Patch, ...] = ()
    data_migrations: dict[str, str | None] | None = None
    seed: str | None = None
    exported: tuple[str, ...] = ()
    hints: dict[str, dict[str, str]] | None = None
    allowed: tuple[Allowed, ...] = ()

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")
