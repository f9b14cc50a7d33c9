"""The mapping of a plan step as SQL: the rows of the old table as the new one should hold them."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import Code, Refused
from ...plan.model import CarriedStep, ColumnSource, Origin
from ...schema.affinity import Affinity, affinity
from ...schema.model import Column, Table
from ...schema.names import fold, quote
from .connection import Connection

LARGEST_WHOLE_REAL = "9223372036854774784.0"  # below 2^63: an INTEGER column keeps larger ones as reals


@dataclass(frozen=True, slots=True)
class Mapping:
    """The rows of the new table as SQL over the old rows. `columns`: each new column with the SQL that feeds it, except
    generated columns.

    `rowid`: the SQL for the new row id, and the name to write it to, if that is not one of `columns`.
    """

    step: CarriedStep
    columns: tuple[tuple[str, str], ...]
    rowid: tuple[str, str] | None

    @property
    def old(self) -> Table:
        return self.step.old

    @property
    def new(self) -> Table:
        return self.step.new


def rowid_name(table: Table) -> str | None:
    """A name for the row id; None in a WITHOUT ROWID table. Raises Refused if all names are hidden."""
    if table.without_rowid:
        return None
    free = table.free_rowid_name
    if free is None and table.rowid_column is None:
        raise Refused.of(
            Code.NO_ROWID_NAME,
            f'table "{table.name}" has columns rowid, oid and _rowid_, which hide its row ids',
            "Rename one of the three in schema.json first (was), in a separate sync.",
            table=table.name,
        )
    return free or quote(table.rowid_column or "")


def mapping(step: CarriedStep) -> Mapping:
    """The mapping from the old rows of a rewritten table to the new ones."""
    fed = tuple((feed.column, sql) for feed in step.feeds if (sql := _feed_sql(feed)) is not None)
    alias, source = step.new.rowid_column, rowid_name(step.old)
    names = {name for name, _ in fed}
    if step.new.without_rowid or source is None or alias in names:
        return Mapping(step, fed, None)
    target = quote(alias) if alias is not None else rowid_name(step.new)
    assert target is not None
    return Mapping(step, fed, (target, source))


def _feed_sql(feed: ColumnSource) -> str | None:
    match feed.origin:
        case Origin.CARRIED:
            return quote(feed.source or "")
        case Origin.FILLED:
            return f"({feed.fill})"
        case Origin.DEFAULT | Origin.GENERATED:
            return None


def identity(connection: Connection, schema: str, table: str) -> list[str]:
    """The columns of a table that can be written, quoted, in order."""
    rows = connection.execute("SELECT name FROM pragma_table_xinfo(?, ?) WHERE hidden = 0", (table, schema))
    return [quote(name) for (name,) in rows]


@dataclass(frozen=True, slots=True)
class Key:
    """The key that finds a new row for an old one: columns of the new table, and SQL over the old row for each."""

    columns: tuple[str, ...]
    sources: tuple[str, ...]


def key_of(mapped: Mapping) -> Key | None:
    """Return the key by which old rows and new ones are compared: the row id, or the primary key of the new table.

    None if neither side determines the other: the new table has row ids that SQLite chooses, or random keys.
    """
    random = {fold(feed.column) for feed in mapped.step.feeds if feed.volatile}
    fed = {fold(name): sql for name, sql in mapped.columns if fold(name) not in random}
    if mapped.rowid is not None:
        return Key((mapped.rowid[0],), (mapped.rowid[1],))
    key = mapped.new.primary_key
    if key is None:
        return None
    names = [column.column for column in key.columns]
    if any(name is None or fold(name) not in fed for name in names):
        return None
    return Key(tuple(quote(name or "") for name in names), tuple(fed[fold(name or "")] for name in names))


def stored(sql: str, column: Column, table: Table) -> str:
    """Return SQL for the value that the column stores when `sql` (a plain name, used several times) is written to it.

    It is explicit, instead of using a column of the same affinity, so that verification computes it again.
    """
    number = f"CAST({sql} AS NUMERIC)"
    is_number = f"typeof({sql}) = 'text' AND {number} = +{sql}"
    match affinity(column, table.strict):
        case Affinity.TEXT:
            return f"CASE WHEN typeof({sql}) IN ('integer', 'real') THEN CAST({sql} AS TEXT) ELSE {sql} END"
        case Affinity.REAL:
            as_real = f"CAST({number} AS REAL)"
            return f"CASE WHEN typeof({sql}) = 'integer' OR ({is_number}) THEN {as_real} ELSE {sql} END"
        case Affinity.INTEGER | Affinity.NUMERIC:
            fits = f"{sql} BETWEEN -{LARGEST_WHOLE_REAL} AND {LARGEST_WHOLE_REAL}"
            whole = f"typeof({sql}) = 'real' AND {fits} AND {sql} = CAST({sql} AS INTEGER)"
            return f"CASE WHEN {is_number} THEN {number} WHEN {whole} THEN CAST({sql} AS INTEGER) ELSE {sql} END"
        case Affinity.BLOB:
            return sql


def is_lost_in_subqueries(column: str) -> bool:
    """Return True for a name that a column of a subquery or view cannot have: SQLite calls it `column1` and so on
    there, and reads the quoted name as a text. Seen in 3.37 to 3.54."""
    return fold(column) in ("true", "false")


def loses(sql: str, column: Column, table: Table) -> str | None:
    """SQL that is true if the column loses something of the value; None if that is impossible."""
    number = f"CAST({sql} AS NUMERIC)"
    is_number = f"typeof({sql}) = 'text' AND {number} = +{sql}"
    match affinity(column, table.strict):
        case Affinity.TEXT:
            return f"typeof({sql}) = 'real' AND CAST(CAST({sql} AS TEXT) AS REAL) <> {sql}"
        case Affinity.REAL:
            big = f"typeof({number}) = 'integer' AND CAST({number} AS REAL) <> {number}"
            respelled = f"CAST({number} AS TEXT) <> {sql} AND CAST(CAST({number} AS REAL) AS TEXT) <> {sql}"
            return f"(typeof({sql}) = 'integer' AND {big}) OR ({is_number} AND ({big} OR {respelled}))"
        case Affinity.INTEGER | Affinity.NUMERIC:
            return f"{is_number} AND CAST({number} AS TEXT) <> {sql}"
        case Affinity.BLOB:
            return None


def fits_strict(sql: str, column: Column) -> str:
    """SQL that is true if a STRICT table accepts the value (as stored) in this column."""
    match column.type.canonical:
        case "INT" | "INTEGER":
            return f"typeof({sql}) IN ('integer', 'null')"
        case "REAL":
            return f"typeof({sql}) IN ('real', 'integer', 'null')"
        case "TEXT":
            return f"typeof({sql}) IN ('text', 'null')"
        case "BLOB":
            return f"typeof({sql}) IN ('blob', 'null')"
        case _:
            return "1"
