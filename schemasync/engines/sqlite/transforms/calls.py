"""Calls a function of the project with old rows, and checks the rows that it makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ....errors import APPLICATION_ERRORS, Code, Failed
from ....schema.names import fold
from ....schema.text import count, nearest
from ....schema.transform_function import Kind, Row, TransformFunction, Value
from .targets import Target

HINT = "Nothing was changed. Correct the function, or the row, then run it again."
_USUAL = frozenset({str, bytes, int, type(None)})  # types that are bound unchanged

Unit = tuple[Value, ...]
"""The input of one call of the function: the key of an old row, or a group."""


class _WrongRow(Exception):
    """A result of the function that does not give a row."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table that calls have made, with values of the same `columns`: each is the key of the unit, then
    these."""

    target: Target
    columns: tuple[str, ...]
    values: list[tuple[Value, ...]] = field(default_factory=list)


@dataclass(slots=True)
class Caller:
    """Calls one function, and collects the rows that it makes. `targets`: the tables that it fills, by folded name."""

    function: TransformFunction
    targets: Mapping[str, Target]
    rows: dict[tuple[object, tuple[object, ...]], Rows] = field(default_factory=dict)

    def call(self, unit: Unit, given: Row | list[Row]) -> int:
        """Collect the rows that the function makes; return their number. Raises Failed, which names the old row, for
        any error of the function."""
        made: list[Rows] = []
        try:
            for one in self.function.function(given) or ():
                made.append(self._collect(unit, one))
            if self.function.kind is Kind.ONE_TO_ONE:
                self._check_numbers(made)
        except _WrongRow as wrong:
            raise failed(self.function, unit, str(wrong)) from None
        except APPLICATION_ERRORS as error:
            raise failed(self.function, unit, _said(error)) from error
        return len(made)

    def group(self, unit: Unit, row: Row) -> str:
        """Return the group of a row as text, which is equal for equal groups. Raises Failed for any error of the
        function."""
        assert self.function.group is not None
        try:
            return repr(self.function.group(row))
        except APPLICATION_ERRORS as error:
            raise failed(self.function, unit, f"its group: {_said(error)}", is_row=True) from error

    def _collect(self, unit: Unit, one: object) -> Rows:
        """Collect one row. This runs a million times, so the usual row takes the shortest way."""
        if not (isinstance(one, tuple) and len(one) == 2 and isinstance(one[1], Mapping)):
            raise _WrongRow(f"it yields {type(one).__name__}, and not the name of a table and a dict")
        table, row = one
        key = table, tuple(row)
        rows = self.rows.get(key)
        if rows is None:
            rows = self.rows[key] = Rows(*self._checked(*key))
        values = tuple(row.values())
        if not _USUAL.issuperset(map(type, values)):
            values = tuple(_value(name, value) for name, value in row.items())
        rows.values.append(unit + values)
        return rows

    def _checked(self, table: object, names: tuple[object, ...]) -> tuple[Target, tuple[str, ...]]:
        target = self.targets.get(fold(table)) if isinstance(table, str) else None
        if target is None:
            listed = ", ".join(one.name for one in self.targets.values())
            raise _WrongRow(f'it makes a row of "{table}", which is not among into=[{listed}]')
        columns = tuple(_column(target, name) for name in names)
        given = set(columns)
        if len(given) < len(columns):
            raise _WrongRow(f'it gives a column of "{target.name}" twice')
        if missing := [name for name in target.required if name not in given]:
            raise _WrongRow(f'it gives no value for {", ".join(missing)} of "{target.name}"')
        return target, columns

    def _check_numbers(self, made: Sequence[Rows]) -> None:
        found = [one.target.number for one in made]
        if len(found) == len(self.targets) == len(set(found)):
            return
        for target in self.targets.values():
            rows = found.count(target.number)
            if rows != 1:
                raise _WrongRow(f'it makes {count(rows, "row")} of "{target.name}", and its kind is one-to-one')


def _column(target: Target, name: object) -> str:
    column = target.table.column(name) if isinstance(name, str) else None
    if column is None:
        near = nearest(str(name), [one.name for one in target.table.columns])
        raise _WrongRow(
            f'it gives "{name}", which "{target.name}" does not have' + (f'; did you mean "{near}"?' if near else "")
        )
    if column.generated is not None:
        raise _WrongRow(f'it gives "{column.name}" of "{target.name}", which is a generated column')
    return column.name


def _value(name: object, value: object) -> Value:
    """Return the value as it is bound. SQLite would refuse other types without naming the column, and store NaN as
    NULL."""
    match value:
        case bool():
            return int(value)
        case float() if value != value:
            raise _WrongRow(f"it gives {name} the value NaN, which SQLite does not store")
        case None | int() | float() | str() | bytes() if type(value) in (*_USUAL, float):
            return value
        case _:
            raise _WrongRow(
                f"it gives {name} a {type(value).__name__}, and SQLite stores None, int, float, str and bytes"
            )


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def failed(one: TransformFunction, unit: Unit, why: str, *, is_row: bool = False) -> Failed:
    """Return the error of one call. `is_row`: True if the unit is the key of a row, also for a function of groups."""
    shown = _shown(unit)
    what = "group" if one.kind is Kind.SHARED and not is_row else "row"
    return Failed.of(
        Code.TRANSFORM_FAILED,
        f'the transform "{one.name}" fails at the {what} {shown} of "{one.table}": {why}',
        HINT,
        transform=one.name,
        table=one.table,
        **{what: shown},
    )


def _shown(unit: Unit) -> str:
    values = [value if isinstance(value, str) else repr(value) for value in unit]
    return ", ".join(values)


def in_groups(rows: Iterator[tuple[str, Row]]) -> Iterator[tuple[Unit, list[Row]]]:
    """Yield the rows of each group; they follow each other."""
    name, found = None, list[Row]()
    for group, row in rows:
        if group != name:
            if name is not None:
                yield (name,), found
            name, found = group, []
        found.append(row)
    if name is not None:
        yield (name,), found
