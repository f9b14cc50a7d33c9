"""What a product is to this run: two releases, how each is installed, and what the comparison with stock allows."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Release:
    """`requirements` is the product's own file of pinned versions, requirements.txt or uv.lock. `without` names packages
    that nothing here needs, such as a web server; `instead` has other versions, and what the file does not have."""

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
    """A column, the rows that fulfil `where`, or the column in these rows, that may differ from stock's, and why."""

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
    """`writing` is the Django of the old release's code while it writes by way of schemasync's backend. `postgres` are
    the variables by which its settings choose PostgreSQL; {host}, {name} and {user} are filled in. `suite` are the labels
    of its tests, `suite_settings` and `suite_variables` what they use. `folders` are those that its start script makes. `is_first`:
    schemasync stands first in INSTALLED_APPS, as no command of its own has to come before.
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
