"""Checks transforms against the database and schema.json, before any of them is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from ..errors import Code, Problem
from ..schema.model import Schema, Table
from ..schema.names import fold
from ..schema.text import nearest
from ..schema.transform_function import Kind, TransformFunction


def problems(
    transforms: Sequence[TransformFunction], there: Schema, new: Schema, derived: Collection[str]
) -> Iterator[Problem]:
    """Return all reasons why these transforms cannot act. `there`: everything in the live database; `derived`: folded
    names of the tables that a `_from` fills."""
    for one in transforms:
        yield from _of_source(one, there)
        for name in one.into:
            yield from _of_target(one, name, new, derived)
    yield from _of_several(transforms)


def _problem(one: TransformFunction, message: str, hint: str) -> Problem:
    text = f'the transform "{one.name}" {message}'
    return Problem(Code.BAD_TRANSFORM, text, hint, {"transform": one.name, "table": one.table})


def _near(name: str, tables: Collection[Table]) -> str:
    near = nearest(name, [table.name for table in tables])
    return f'Did you mean "{near}"? ' if near else ""


def _of_source(one: TransformFunction, there: Schema) -> Iterator[Problem]:
    table = there.table(one.table)
    if table is None:
        hint = (
            f"{_near(one.table, there.tables)}It is the name that the table has before the run.\n"
            "If an earlier release makes it, bring the database to the schema.json of that release first."
        )
        yield _problem(one, f'reads "{one.table}", which the database does not have', hint)
    elif table.virtual is not None:
        yield _problem(one, f'reads "{table.name}", a virtual table', "Read the table that holds the text.")


def _of_target(one: TransformFunction, name: str, new: Schema, derived: Collection[str]) -> Iterator[Problem]:
    table = new.table(name)
    if table is None:
        hint = f"{_near(name, new.tables)}Define it there, or take it out of into=[…]."
        yield _problem(one, f'fills "{name}", which schema.json does not have', hint)
    elif table.virtual is not None:
        yield _problem(one, f'fills "{table.name}", a virtual table', "Fill the table that holds its text.")
    elif table.primary_key is None or any(c.column is None or c.collation for c in table.primary_key.columns):
        hint = (
            "Give it a primary key of columns, without collations of its own: it tells which row a transform has made."
        )
        yield _problem(one, f'fills "{table.name}", which has no such primary key', hint)
    elif fold(name) in derived:
        yield _problem(one, f'fills "{table.name}", and so does its _from', "Leave one of the two.")


def _of_several(transforms: Sequence[TransformFunction]) -> Iterator[Problem]:
    """A table that several transforms fill: then only rows of groups can be distinguished."""
    numbers = Counter(fold(name) for one in transforms for name in set(map(fold, one.into)))
    for one in transforms:
        for name in one.into:
            if numbers[fold(name)] > 1 and one.kind is not Kind.SHARED:
                hint = 'Let one transform fill it; or all of them with kind="shared".'
                yield _problem(one, f'fills "{name}", and so does another one', hint)
