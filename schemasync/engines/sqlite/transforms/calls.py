"""Calls a function of the project with old rows, and checks the rows that it makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ....errors import Code, Failed
from ....schema.names import fold
from ....schema.text import count, nearest
from ....schema.transform_function import Kind, Row, TransformFunction, Value
from .targets import Target

HINT = "Nothing was changed. Correct the function, or the row, then run it again."
SMALLEST, LARGEST = -(2**63), 2**63 - 1  # of SQLite's integers
AS_IT_IS = frozenset({str, bytes, type(None)})

Unit = tuple[Value, ...]
"""What one call of the function gets: the key of an old row, or a group."""


class _WrongRow(Exception):
    """Something that the function makes and that no row can be made of."""


@dataclass(frozen=True, slots=True)
class Made:
    """A row that a call has made: values of some `columns` of a table."""

    target: Target
    columns: tuple[str, ...]
    values: tuple[Value, ...]


@dataclass(slots=True)
class Caller:
    """Calls one function. `targets`: the tables that it fills, by their folded names."""

    function: TransformFunction
    targets: Mapping[str, Target]
    _columns: dict[tuple[str, tuple[str, ...]], tuple[Target, tuple[str, ...]]] = field(default_factory=dict)

    def call(self, unit: Unit, given: Row | list[Row]) -> list[Made]:
        """The rows that the function makes. Raises Failed, which names the old row, for whatever it raises."""
        try:
            found = [self._made(one) for one in self.function(given) or ()]
            if self.function.kind is Kind.ONE_TO_ONE:
                self._check_numbers(found)
        except _WrongRow as wrong:
            raise failed(self.function, unit, str(wrong)) from None
        except Exception as error:  # code of the application
            raise failed(self.function, unit, _said(error)) from error
        return found

    def group(self, unit: Unit, row: Row) -> str:
        """The group of a row, as text: two groups are equal if this is. Raises Failed for whatever the function
        raises."""
        assert self.function.group is not None
        try:
            return repr(self.function.group(row))
        except Exception as error:  # code of the application
            raise failed(self.function, unit, f"its group: {_said(error)}", is_row=True) from error

    def _made(self, one: object) -> Made:
        match one:
            case (str(table), Mapping() as row):
                target, columns = self._resolved(table, tuple(row))
                return Made(target, columns, tuple(_value(name, value) for name, value in row.items()))
            case _:
                raise _WrongRow(f"it yields {type(one).__name__}, and not the name of a table and a dict")

    def _resolved(self, table: str, names: tuple[str, ...]) -> tuple[Target, tuple[str, ...]]:
        found = self._columns.get((table, names))
        if found is None:
            found = self._columns[table, names] = self._checked(table, names)
        return found

    def _checked(self, table: str, names: tuple[str, ...]) -> tuple[Target, tuple[str, ...]]:
        target = self.targets.get(fold(table))
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

    def _check_numbers(self, found: Sequence[Made]) -> None:
        for target in self.targets.values():
            rows = sum(one.target is target for one in found)
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


def _value(name: str, value: object) -> Value:
    """The value as it is bound. SQLite would refuse other types without saying where, and store NaN as NULL."""
    kind = type(value)
    if kind in AS_IT_IS:
        return value  # type: ignore[return-value]
    if isinstance(value, bool):
        return int(value)
    if kind is int and SMALLEST <= value <= LARGEST:  # type: ignore[operator]
        return value  # type: ignore[return-value]
    if kind is float and value == value:
        return value  # type: ignore[return-value]
    if kind in (int, float):
        raise _WrongRow(f"it gives {name} the value {value}, which SQLite does not store")
    raise _WrongRow(f"it gives {name} a {kind.__name__}, and SQLite stores None, int, float, str and bytes")


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def failed(one: TransformFunction, unit: Unit, why: str, *, is_row: bool = False) -> Failed:
    """The error of one call. `is_row`: the unit is the key of a row, also of a function of groups."""
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
    """The rows of each group, which follow each other."""
    name, found = None, list[Row]()
    for group, row in rows:
        if group != name:
            if name is not None:
                yield (name,), found
            name, found = group, []
        found.append(row)
    if name is not None:
        yield (name,), found
