"""Compares the copy with the live file: the same rows, other values in the masked columns, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from ....errors import Code, Failed, Problem
from ....masking.masker import MaskKind
from ....schema.model import Table
from ....schema.names import fold, quote
from ....schema.text import count
from ..connection import Connection
from ..inspect import references_of
from ..mapping import identity, rowid_name
from ..verify.integrity_check import integrity, listed, violations
from .fill import HINT, Column, folded

Columns = Mapping[tuple[str, str], Column]


def verify(connection: Connection, tables: Sequence[Table], columns: Columns, empty: Collection[str]) -> None:
    """Raise Failed if rows do not fit, or if the copy is not as the rules demand. `tables`: the ordinary ones, without
    those that are `empty` in the copy."""
    problems = [*_checks(connection, tables, columns), *_references(connection, empty)]
    if problems:
        raise Failed(problems)
    for table in tables:
        _compare(
            connection, table, {column: one for (name, column), one in columns.items() if name == fold(table.name)}
        )
    new = integrity(connection)
    if new and (added := [line for line in new if line not in set(integrity(connection, "old"))]):
        raise Failed.of(Code.VERIFY_DIFFERS, f"integrity_check of the copy: {listed(added)}", "Please report it.")


def _checks(connection: Connection, tables: Sequence[Table], columns: Columns) -> Iterator[Problem]:
    """CHECKs over several columns that masked rows violate."""
    masked = {name for name, _ in columns}
    for table in tables:
        for check in table.checks if fold(table.name) in masked else ():
            failing = f"SELECT count(*) FROM {{}}.{quote(table.name)} WHERE NOT ({check.expression.text})"
            more = _count(connection, failing.format("main")) - _count(connection, failing.format("old"))
            if more > 0:
                yield Problem(
                    Code.MASK_FAILED,
                    f'{count(more, "row")} of "{table.name}" with masked values would violate '
                    f"CHECK ({check.expression.text})",
                    HINT,
                    {"table": table.name, "check": check.expression.text},
                )


def _references(connection: Connection, empty: Collection[str]) -> Iterator[Problem]:
    for table, parents in references_of(connection).items():
        broken = violations(connection, "main", table)
        if broken and broken > violations(connection, "old", table):
            left_out = sorted(parents & set(empty))
            why = f" of {', '.join(left_out)}, which the rules leave empty" if left_out else ""
            refer = count(broken, "row refers", "rows refer")
            hint = f'Leave it empty, too: "{table}": "empty"' if left_out else HINT
            yield Problem(
                Code.MASK_FAILED,
                f'"{table}": {refer} to rows{why or " that the copy does not have"}',
                hint,
                {"table": table},
            )


def _compare(connection: Connection, table: Table, masked: Mapping[str, Column]) -> None:
    """Compare the rows, found by their keys."""
    names = identity(connection, "main", table.name)
    new, old = (f"{schema}.{quote(table.name)}" for schema in ("main", "old"))
    terms = [f"({_differs([c for c in names if folded(c) not in masked])})"]
    terms += [f"({_is_unmasked(quote(one.name), one)})" for one in masked.values()]
    types = " OR ".join(f"typeof(o.{name}) <> typeof(n.{name})" for name in names) or "0"
    rows, copied = (_count(connection, f"SELECT count(*) FROM {side}") for side in (old, new))
    found, retyped, wrong = connection.execute(
        f"SELECT count(*), total({types}), total({' OR '.join(terms)})"
        f" FROM {old} AS o JOIN {new} AS n ON {' AND '.join(_key(table, masked))}"
    ).fetchone()
    if retyped:
        raise _retyped(table.name, int(retyped))
    if wrong or not found == copied == rows:
        raise Failed.of(
            Code.VERIFY_DIFFERS,
            f'"{table.name}" in the copy is not what it should be: {rows:,} rows, of which {found:,} are there and '
            f"{int(wrong):,} have a wrong value",
            "There is no copy. Please report it.",
            table=table.name,
        )


def _retyped(table: str, rows: int) -> Failed:
    have = "has a value" if rows == 1 else "have values"
    return Failed.of(
        Code.MASK_FAILED,
        f'{count(rows, "row")} of "{table}" {have} that the column would store with another type today',
        "There is no copy. It was written while the column had another definition, or by another version of SQLite.\n"
        "Which ones: manage.py schemasync plan --rebuild-all\nTo store one anew: UPDATE … SET column = column",
        table=table,
        rows=rows,
    )


def _key(table: Table, masked: Mapping[str, Column]) -> Iterator[str]:
    """Return the terms that match the rows of both files."""
    rowid = rowid_name(table)
    if rowid is not None:
        yield f"o.{rowid} = n.{rowid}"
        return
    assert table.primary_key is not None
    for indexed in table.primary_key.columns:
        name = quote(indexed.column or "")
        one = masked.get(fold(indexed.column or ""))
        yield f"n.{name} = {one.sql(f'o.{name}', 'NULL') if one is not None else f'o.{name}'}"


def _differs(names: Sequence[str]) -> str:
    """The condition that a column which is not masked has another value."""
    one, other = (", ".join(f"typeof({row}.{name}), +{row}.{name} COLLATE BINARY" for name in names) for row in "no")
    return f"({one}) IS NOT ({other})" if names else "0"


def _is_unmasked(name: str, column: Column) -> str:
    """The condition that a masked column has its old value, or another length."""
    same = f"o.{name} IS n.{name} COLLATE BINARY AND {column.function}_changes(o.{name})"
    terms = [f"({same})"]
    if column.masker.kind is not MaskKind.DATE:
        terms.append(f"(typeof(o.{name}) <> 'real' AND length(o.{name}) IS NOT length(n.{name}))")
    return " OR ".join(terms)


def _count(connection: Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
