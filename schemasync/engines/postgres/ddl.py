"""Makes PostgreSQL's DDL from a schema: statements in an order that works, or everything that prevents it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import chain

from ...errors import Code, Refused
from ...schema.model import Schema, Table, View
from ...schema.names import fold
from ...schema.on_postgres import OnPostgres, TableOnPostgres, ViewOnPostgres
from ..sqlite.connection import Connection, Opener
from ..sqlite.validate import build
from .collations import compared_otherwise
from .expressions.syntax import Reader
from .expressions.translate import TableExpressions
from .names import Names, is_too_long
from .refusals import Refusals
from .statements import Ddl, Phase, Statement, Translated
from .table_ddl import TableDdl
from .types import ByHand, Citext, PgColumn
from .view_ddl import view_statements

CITEXT = Statement(Phase.EXTENSION, "", "CREATE EXTENSION IF NOT EXISTS citext")


def make_ddl(
    schema: Schema, columns: Mapping[str, tuple[PgColumn, ...]], on_postgres: OnPostgres, opener: Opener
) -> Ddl:
    """Return the DDL for a schema that SQLite accepts. `opener` opens the database in memory in which SQLite checks
    expressions. Raises Refused with everything that may mean something else on PostgreSQL, each with its place in
    schema.json."""
    refusals = Refusals()
    _check_names(schema, on_postgres, refusals)
    with closing(opener.memory()) as connection:
        build(connection, schema)
        translated: list[Translated] = []
        statements = list(_statements(connection, schema, columns, on_postgres, refusals, translated))
    if refusals.problems:
        raise Refused(refusals.problems)
    ordered = (one for phase in Phase for one in statements if one.phase is phase)
    return Ddl(tuple(ordered), tuple(dict.fromkeys(refusals.notes)), tuple(translated))


def _statements(
    connection: Connection,
    schema: Schema,
    columns: Mapping[str, tuple[PgColumn, ...]],
    on_postgres: OnPostgres,
    refusals: Refusals,
    translated: list[Translated],
) -> Iterator[Statement]:
    names = Names([table.name for table in schema.tables] + [view.name for view in schema.views])
    reader = Reader(connection)
    if _needs_citext(columns):
        yield CITEXT
    for table in schema.tables:
        if table.virtual is None:
            by_name = {fold(column.name): column for column in columns[table.name]}
            by_hand = on_postgres.tables.get(fold(table.name), TableOnPostgres())
            expressions = TableExpressions(reader, table, by_name)
            yield from TableDdl(schema, table, columns, by_hand, expressions, names, refusals, translated).statements()
    yield from view_statements(reader, schema, columns, on_postgres, refusals)
    mixed = [owner.name for owner in schema.owners if owner.name != owner.name.lower()]
    if mixed:
        refusals.note(f'SQL of your own has to quote names with capital letters there, such as "{mixed[0]}".')
    for sentence in compared_otherwise(schema, columns):
        refusals.note(sentence)
    for what, name, there in names.renamed:
        refusals.note(f'The {what} "{name}" has another name there: "{there}".')


def _needs_citext(columns: Mapping[str, tuple[PgColumn, ...]]) -> bool:
    types = [column.type for column in chain.from_iterable(columns.values())]
    return any(isinstance(one, Citext) or (isinstance(one, ByHand) and "citext" in one.sql.lower()) for one in types)


def _check_names(schema: Schema, on_postgres: OnPostgres, refusals: Refusals) -> None:
    """Refuse objects that have no counterpart and are not skipped, unknown names in definitions for PostgreSQL, and
    names that PostgreSQL would cut."""
    for owner in schema.owners:
        _check_length(owner, refusals)
        skip = _skipped(owner, on_postgres)
        for trigger in owner.triggers:
            if fold(trigger.name) not in skip:
                refusals.not_skipped(owner.name, "trigger", trigger.name, is_view=isinstance(owner, View))
        if isinstance(owner, Table) and owner.virtual is not None and fold(owner.name) not in skip:
            refusals.not_skipped(owner.name, "virtual table", owner.name, is_view=False)
        known = _known(owner)
        for name in sorted(_named_by_hand(owner, on_postgres), key=fold):
            if fold(name) not in known:
                refusals.unknown(owner.name, name)


def _skipped(owner: Table | View, on_postgres: OnPostgres) -> set[str]:
    found = (on_postgres.views if isinstance(owner, View) else on_postgres.tables).get(fold(owner.name))
    return {fold(name) for name in found.skip} if found is not None else set()


def _known(owner: Table | View) -> set[str]:
    """Return the folded names of the objects that schema.json may leave out or replace."""
    names = [trigger.name for trigger in owner.triggers]
    if isinstance(owner, View) or owner.virtual is not None:
        names.append(owner.name)
    if isinstance(owner, Table):
        names += [index.name for index in owner.indexes]
        for check in owner.checks:
            names += [check.name or "", check.expression.text, check.expression.canonical]
    return set(map(fold, names))


def _named_by_hand(owner: Table | View, on_postgres: OnPostgres) -> set[str]:
    """Return the names of SQLite's objects that the definitions for PostgreSQL use. A new index has a name of its
    own."""
    if isinstance(owner, View):
        return set(on_postgres.views.get(fold(owner.name), ViewOnPostgres()).skip)
    by_hand = on_postgres.tables.get(fold(owner.name), TableOnPostgres())
    return {*by_hand.skip, *by_hand.checks}


def _check_length(owner: Table | View, refusals: Refusals) -> None:
    """Refuse tables, views and columns with names that are too long: the SQL of the application uses these names, so
    they cannot be shortened."""
    columns = [column.name for column in owner.columns] if isinstance(owner, Table) else list(owner.columns)
    for name in filter(is_too_long, [owner.name, *columns]):
        refusals.add(
            f'the name "{name}" has more than 63 bytes, and PostgreSQL would cut it',
            "Rename it in schema.json, with its old name as `was` or `_was`; that of a model by db_table or db_column.",
            Code.NAME_TOO_LONG,
            name=name,
        )
