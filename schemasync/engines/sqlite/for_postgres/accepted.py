"""SQL that is true for a value that fits a column on PostgreSQL: the values that `judge` keeps, at the speed of
SQLite."""

from __future__ import annotations

from typing import assert_never

from ....schema.names import quote
from ...postgres import json_values
from ...postgres.decimals import DIGITS
from ...postgres.judge import fault
from ...postgres.types import (
    Bigint,
    Boolean,
    ByHand,
    Bytea,
    Citext,
    Date,
    DoublePrecision,
    Inet,
    Integer,
    Interval,
    Jsonb,
    Numeric,
    PgColumn,
    PgType,
    Smallint,
    Text,
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
    Varchar,
)
from ...postgres.value_forms import BITS, LARGEST_EXACT
from ..connection import Connection

_UNICODE, _JSON, _ADDRESS = "schemasync_is_unicode", "schemasync_is_jsonb", "schemasync_is_inet"
_CODECS = {"UTF-8": "utf-8", "UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}
MOST = "1.7976931348623157e308"  # the largest number that is finite
_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_CLOCK = "[0-2][0-9]:[0-5][0-9]:[0-5][0-9]"
_LARGEST_POWER = 18  # the largest power of ten in 64 bits
_LARGEST_SCALE = 15  # Python judges numbers with more digits than a float has


def codec(connection: Connection) -> str:
    """Return Python's name for the encoding of the bytes of CAST(… AS BLOB)."""
    return _CODECS[str(connection.execute("PRAGMA encoding").fetchone()[0])]


def register(connection: Connection) -> None:
    """Register the functions that this module's SQL uses on the connection."""
    encoding = codec(connection)

    def text(data: bytes | None) -> str | None:
        try:
            return data.decode(encoding) if data is not None else None
        except UnicodeDecodeError:
            return None

    def is_unicode(data: bytes | None) -> bool:
        return text(data) is not None

    def is_jsonb(data: bytes | None) -> bool:
        found = text(data)
        return found is not None and json_values.verdict(found) is json_values.Verdict.FITS

    def is_inet(data: bytes | None) -> bool:
        return fault(text(data) or "", Inet()) is None

    for name, function in ((_UNICODE, is_unicode), (_JSON, is_jsonb), (_ADDRESS, is_inet)):
        connection.create_function(name, 1, function, deterministic=True)


def accepted(column: PgColumn, value: str = "") -> str:
    """Return SQL that is true if the value fits the column. `value`: SQL for it, by default the column's name."""
    value = value or quote(column.name)
    fits = accepted_type(column.type, value)
    return f"({fits})" if column.not_null else f"({value} IS NULL OR {fits})"


def accepted_type(type_: PgType, value: str) -> str:
    """Return SQL that is true if a value that is not NULL fits the type; false or NULL if not."""
    match type_:
        case Bigint() | Interval():
            return f"typeof({value}) = 'integer'"
        case Integer() | Smallint():
            half = 1 << BITS[type(type_)] - 1
            return f"typeof({value}) = 'integer' AND +{value} BETWEEN {-half} AND {half - 1}"
        case Boolean():
            return f"typeof({value}) = 'integer' AND +{value} IN (0, 1)"
        case DoublePrecision():
            whole = f"typeof({value}) = 'integer' AND +{value} BETWEEN -{LARGEST_EXACT} AND {LARGEST_EXACT}"
            return f"typeof({value}) = 'real' OR {whole}"
        case Numeric():
            return _decimal(type_, value)
        case Text() | Citext():
            return _text(value)
        case Varchar(length):
            return f"{_text(value)} AND length({value}) <= {length}"
        case Bytea():
            return f"typeof({value}) = 'blob'"
        case Date():
            return f"{_plain(value)} AND +{value} GLOB '{_DAY}' AND {_is_day(value)}"
        case Time():
            fits = f"+{value} GLOB '{_CLOCK}' OR (+{value} GLOB '{_CLOCK}.*' AND {_fraction(value, 9)})"
            return f"{_plain(value)} AND ({fits}) AND {_is_hour(value, 1)}"
        case Timestamp() | TimestampTz():
            form = f"{_DAY} {_CLOCK}"
            fits = f"+{value} GLOB '{form}' OR (+{value} GLOB '{form}.*' AND {_fraction(value, 20)})"
            return f"{_plain(value)} AND ({fits}) AND {_is_day(f'substr({value}, 1, 10)')} AND {_is_hour(value, 12)}"
        case Jsonb():
            return f"{_number(value)} OR (typeof({value}) = 'text' AND {_JSON}(CAST({value} AS BLOB)))"
        case Uuid():
            return f"{_plain(value)} AND length({value}) = 32 AND +{value} NOT GLOB '*[^0-9a-f]*'"
        case Inet():
            return f"{_plain(value)} AND {_ADDRESS}(CAST({value} AS BLOB))"
        case ByHand():
            return f"typeof({value}) <> 'text' OR ({_text(value)})"
        case _:
            assert_never(type_)


def _plain(value: str) -> str:
    """Return SQL that is true for text without NUL, where functions of text would stop."""
    return f"typeof({value}) = 'text' AND instr({value}, char(0)) = 0"


def _text(value: str) -> str:
    """Return SQL that is true for valid text. Only text with characters beyond ASCII is checked in Python."""
    return f"{_plain(value)} AND (+{value} NOT GLOB '*[^ -~]*' OR {_UNICODE}(CAST({value} AS BLOB)))"


def _number(value: str) -> str:
    return f"typeof({value}) = 'integer' OR (typeof({value}) = 'real' AND +{value} BETWEEN -{MOST} AND {MOST})"


def _is_day(value: str) -> str:
    """Return SQL that is true for a day. Only with a modifier does SQLite compute the day, and change February 30."""
    return f"date({value}, '+0 days') = {value} COLLATE BINARY AND +{value} >= '0001' COLLATE BINARY"


def _is_hour(value: str, start: int) -> str:
    return f"substr({value}, {start}, 2) < '24' COLLATE BINARY"


def _fraction(value: str, point: int) -> str:
    """Return SQL that is true if one to six digits, and nothing else, follow the point."""
    return f"length({value}) BETWEEN {point + 1} AND {point + 6} AND substr({value}, {point + 1}) NOT GLOB '*[^0-9]*'"


def _decimal(type_: Numeric, value: str) -> str:
    """Return SQL that is true for the float nearest to a decimal of this scale, with no more digits than a float
    has."""
    if type_.precision is None:
        return _number(value)
    scale = type_.scale or 0
    before = type_.precision - scale
    whole = f"typeof({value}) = 'integer'"
    if before <= _LARGEST_POWER:
        whole += f" AND +{value} BETWEEN {1 - 10**before} AND {10**before - 1}"
    if not 0 <= scale <= _LARGEST_SCALE:
        return whole
    limit = f"1e{min(before, DIGITS - scale)}"
    is_small = f"+{value} > -{limit} AND +{value} < {limit}"
    return f"({whole}) OR (typeof({value}) = 'real' AND {is_small} AND round({value}, {scale}) = +{value})"
