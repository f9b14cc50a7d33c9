"""The tables that transforms fill, and the scratch tables of each.

- `made`, in a scratch database: the keys of the rows that each unit (an old row, or a group) has made. Without it,
  the rows of a changed unit could not be found in the new file.
- `staged`, temporary: the rows of one batch, as the new table would store them.
- `gone`, temporary: the keys of the rows that were deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ....plan.model import Transform
from ....schema.default import is_literal
from ....schema.model import Column, Sql, Table
from ....schema.names import fold, quote
from .. import ddl
from ..connection import Connection
from ..objects import OWN_PREFIX
from ..rebuild.derive import bare

SCRATCH = "made"  # the schema name of the scratch database


def slots(letter: str, number: int) -> tuple[str, ...]:
    """Return names of columns for a key of so many values."""
    return tuple(f"{letter}{one}" for one in range(number))


@dataclass(frozen=True, slots=True)
class Target:
    """A table that transforms fill, the `number`th. `width`: the number of values in the widest key of a unit.
    `is_shared`: True if several units may make the same row of it."""

    number: int
    table: Table
    width: int
    is_shared: bool

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def new(self) -> str:
        return f"main.{quote(self.table.name)}"

    @property
    def staged(self) -> str:
        return f"temp.{OWN_PREFIX}staged_{self.number}"

    @property
    def gone(self) -> str:
        return f"temp.{OWN_PREFIX}gone_{self.number}"

    @property
    def made(self) -> str:
        return f"{SCRATCH}.made_{self.number}"

    @property
    def units(self) -> tuple[str, ...]:
        """The columns of `made` with the key of a unit."""
        return slots("u", self.width)

    @property
    def staged_units(self) -> tuple[str, ...]:
        """The columns of `staged` with the key of a unit. Their names differ from the columns of the table, which it
        also has."""
        return tuple(OWN_PREFIX + name for name in self.units)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns of `made` and of `gone` with the key of a new row."""
        return slots("n", len(self.key))

    @property
    def key(self) -> tuple[str, ...]:
        """The primary key of the table, quoted."""
        assert self.table.primary_key is not None
        return tuple(quote(column.column or "") for column in self.table.primary_key.columns)

    @property
    def written(self) -> tuple[str, ...]:
        """The columns that can be written, quoted."""
        return tuple(quote(column.name) for column in self.table.columns if column.generated is None)

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that each row must give: the key, and those whose default is computed, which may give another
        value each time."""
        assert self.table.primary_key is not None
        key = {fold(column.column or "") for column in self.table.primary_key.columns}
        return tuple(c.name for c in self.table.columns if fold(c.name) in key or _is_computed(c))

    def same(self, one: str, other: str) -> str:
        """Return the condition that rows of both have the same key. `one`: an alias of the table or of `staged`."""
        return " AND ".join(f"{one}.{name} = {other}.{name}" for name in self.key)

    def differs(self, one: str, other: str) -> str:
        """Return the condition that a value or the type of a value differs."""
        terms = [
            f"{one}.{name} IS NOT {other}.{name} COLLATE BINARY OR typeof({one}.{name}) <> typeof({other}.{name})"
            for name in self.written
        ]
        return " OR ".join(terms)

    def prepare(self, connection: Connection) -> None:
        """Create the temporary tables of this connection."""
        kind, shape = Sql("ANY" if self.table.strict else ""), bare(self.table)
        columns = (*(Column(name, kind) for name in self.staged_units), *shape.columns)
        staged = Table(f"{OWN_PREFIX}staged_{self.number}", columns, strict=self.table.strict)
        connection.execute("CREATE TEMP " + ddl.create_table(staged).removeprefix("CREATE "))
        connection.execute(f"CREATE TABLE {self.gone} ({', '.join(self._typed_keys())})")

    def make_map(self, connection: Connection) -> None:
        """Create `made`."""
        units = ", ".join(f"{name} DEFAULT 0" for name in self.units)
        key = ", ".join(("f", *self.units, *self.keys))
        connection.execute(
            f"CREATE TABLE {self.made} (f INTEGER NOT NULL, {units}, {', '.join(self._typed_keys())},"
            f" PRIMARY KEY ({key})) WITHOUT ROWID"
        )

    def index_map(self, connection: Connection) -> None:
        """Create the index of `made` by the keys of new rows."""
        connection.execute(f"CREATE INDEX {self.made}_by_row ON made_{self.number} ({', '.join(self.keys)})")

    def _typed_keys(self) -> Iterator[str]:
        """Return the definitions of `keys`, which store and compare values as the key of the table does."""
        for name, column in zip(self.keys, self._key_columns(), strict=True):
            collation = f" COLLATE {quote(column.collation)}" if column.collation else ""
            # ANY converts nothing in a STRICT table, and to numbers in any other
            kind = "" if self.table.strict and fold(column.type.text) == "any" else column.type.text
            yield f"{name} {kind}{collation}"

    def _key_columns(self) -> list[Column]:
        assert self.table.primary_key is not None
        found = [self.table.column(one.column or "") for one in self.table.primary_key.columns]
        return [column for column in found if column is not None]


def _is_computed(column: Column) -> bool:
    default = column.default.text if column.default is not None else ""
    return bool(default) and (not is_literal(default) or fold(default.strip()).startswith("current_"))


def targets_of(steps: Iterable[Transform], width: int) -> dict[str, Target]:
    """The tables of a plan's steps by their folded names."""
    found = {}
    for number, step in enumerate(steps):
        is_shared = any(one.kind != "one-to-one" for one in step.functions)
        found[fold(step.name)] = Target(number, step.new, width, is_shared)
    return found
