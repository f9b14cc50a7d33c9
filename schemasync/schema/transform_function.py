"""The declaration of a transform: Python that makes the rows of one or several tables from those of another one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

Value = None | int | float | str | bytes
"""A value as SQLite stores it."""

Row = Mapping[str, Value]
"""A row by the names of its columns."""

NewRow = tuple[str, Row]
"""The name of a table, and a row for it."""


class Kind(StrEnum):
    """The number of rows that an old row makes.

    `ONE_TO_ONE`: exactly one in each of the tables. `ONE_TO_MANY`: any number; several old rows may make the same one.
    `SHARED`: the old rows of a group make its rows together.
    """

    ONE_TO_ONE = "one-to-one"
    ONE_TO_MANY = "one-to-many"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class TransformFunction:
    """A function of the project. `table`: the one whose rows it reads, as the database has it before the run; `into`:
    the tables that it fills, as schema.json names them.

    `function` takes one row, or the rows of a group, and returns new rows. `group` returns the group of a row.
    `version`: a higher one acts again.
    """

    name: str
    table: str
    into: tuple[str, ...]
    kind: Kind
    version: int = 1
    function: Callable[..., Iterable[NewRow] | None] = field(default=lambda row: (), compare=False, repr=False)
    group: Callable[[Row], object] | None = field(default=None, compare=False, repr=False)

    def __call__(self, given: Row | list[Row]) -> Iterable[NewRow] | None:
        """Call the function, as a test would."""
        return self.function(given)


def data_version(acted: Collection[tuple[str, int]]) -> str:
    """Return the digest of the transforms (name, version) that have acted on some data; '' if none has."""
    if not acted:
        return ""
    lines = sorted(f"{version} {name}" for name, version in acted)
    return "1:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()


def stamp(transforms: Sequence[TransformFunction]) -> bytes:
    """Return the names and versions of the transforms, which the fast path compares like the bytes of schema.json."""
    return "".join(f"\0{one.version} {one.name}" for one in transforms).encode()
