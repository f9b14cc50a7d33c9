"""Digests of columns over a piece of a table on both sides: equal ones prove equal values at the speed of the engines.

Different digests prove nothing: then the rows are compared by their exact values. Values are joined in the order of the
key, in a form that shows where each ends: numbers have a fixed size, text comes with its lengths, NULL with a map. Only
jsonb gives JSON a normal text: PostgreSQL gets SQLite's JSON, and makes the digests of both sides.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, assert_never

from ....schema.names import quote
from ..types import (
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
from .exact import there as exact_there

Digest = None | bytes | int
"""None for no value at all."""

_MARK = "\x01"  # separates JSON texts, in which it cannot occur


def there(column: PgColumn) -> list[str]:
    """Return PostgreSQL's aggregates over the rows of a piece, which come in the order of the key. For JSON they take a
    parameter: the value of `given`."""
    name = quote(column.name)
    null = f"CASE WHEN {name} IS NULL THEN '\\x01'::bytea ELSE '\\x00'::bytea END"
    found = [f"sha256({_joined_there(column.type, name)})"]
    if isinstance(column.type, Jsonb):
        texts = f"string_agg({name}::text, ',')"
        found += [_OURS, f"octet_length({texts}) - octet_length(replace({texts}, ':', ''))"]
    if isinstance(column.type, _WITH_LENGTHS):
        length = f"octet_length({name})" if isinstance(column.type, Bytea) else f"octet_length({name}::text)"
        found.append(f"sha256(string_agg(int4send(coalesce({length}, -1)), ''))")
    elif not column.not_null:
        found.append(f"sha256(string_agg({null}, ''))")
    return found


_WITH_LENGTHS = (Text, Varchar, Citext, Bytea, ByHand)  # a length of -1 stands for NULL
# An array comes in its order: https://www.postgresql.org/docs/current/functions-array.html
_OURS = (
    "(SELECT sha256(convert_to(string_agg(one::jsonb::text, ','), 'UTF8'))"
    " FROM unnest(string_to_array(%s, E'\\x01')) AS ours (one))"
)


def given(column: PgColumn, values: Sequence[Any]) -> list[str | None]:
    """Return the parameters for the aggregates of `there`."""
    if not isinstance(column.type, Jsonb):
        return []
    texts = [value for value in values if isinstance(value, bytes)]
    return [_MARK.join([one.decode() for one in texts]) if texts else None]


def _joined_there(type_: PgType, name: str) -> str:
    match type_:
        case Bigint() | Integer() | Smallint():
            return f"string_agg(int8send({name}::bigint), '')"
        case Interval():
            return f"string_agg(int8send({exact_there(type_, name)}), '')"
        case Boolean():
            return f"string_agg(boolsend({name}), '')"
        case DoublePrecision():
            return f"string_agg(float8send({name} + 0), '')"
        case Bytea():
            return f"string_agg({name}, '')"
        case Uuid():
            return f"string_agg(uuid_send({name}), '')"
        case Jsonb():
            return f"convert_to(string_agg({name}::text, ','), 'UTF8')"
        case Text() | Varchar() | Citext() | ByHand():
            return f"convert_to(string_agg({name}::text, ''), 'UTF8')"
        case Numeric(precision=None):
            return f"convert_to(string_agg(trim_scale({name})::text, ','), 'UTF8')"
        case Numeric() | Date() | Time() | Timestamp() | TimestampTz() | Inet():
            return f"convert_to(string_agg({exact_there(type_, name)}, ','), 'UTF8')"
        case _:
            assert_never(type_)


def here(column: PgColumn, values: Sequence[Any]) -> list[Digest]:
    """Return the digests that `there` should give, from SQLite's values, whose text is bytes. A value of an unexpected
    type gives a digest that matches no other. For JSON it is the number of colons, which shows a repeated key."""
    present = values if column.not_null else [value for value in values if value is not None]
    try:
        found: list[Digest] = [_digest_here(column.type, present) if present else None]
        if isinstance(column.type, _WITH_LENGTHS):
            lengths = [-1 if value is None else len(value) for value in values]
            return [*found, sha256(_big_endian("i", lengths)).digest()]
    except (TypeError, ValueError, OverflowError):
        return [b""]
    if not column.not_null:
        found.append(sha256(bytes([value is None for value in values])).digest())
    return found


def _digest_here(type_: PgType, values: Sequence[Any]) -> Digest:
    joined = _joined_here(type_, values)
    if not isinstance(type_, Jsonb):
        return sha256(joined).digest()
    if b"\\u003" in joined:  # an escaped colon
        raise ValueError
    return joined.count(b":")


def _joined_here(type_: PgType, values: Sequence[Any]) -> bytes:
    match type_:
        case Bigint() | Integer() | Smallint() | Interval():
            return _big_endian("q", values)
        case Boolean():
            return bytes(values)
        case DoublePrecision():
            return _big_endian("d", [value + 0.0 for value in values])
        case Text() | Varchar() | Citext() | Bytea() | ByHand():
            return b"".join(values)
        case Uuid():
            return bytes.fromhex(b"".join(values).decode())
        case Jsonb():
            return b",".join(values)
        case Numeric(precision=None):
            raise TypeError  # the digits of its numbers are compared exactly
        case Numeric(scale=scale):
            return _decimals(values, scale or 0)
        case Time() | Timestamp() | TimestampTz():
            return b",".join([value if value[-1:] != b"0" else _trimmed(value) for value in values])
        case Date() | Inet():
            return b",".join(values)
        case _:
            assert_never(type_)


def _trimmed(value: bytes) -> bytes:
    return value.rstrip(b"0").rstrip(b".") if b"." in value else value


def _decimals(values: Sequence[Any], scale: int) -> bytes:
    """Return the numbers as text with `scale` digits after the point; none has more. Values changed by a policy are
    text already."""
    try:
        return (",".join([f"%.{scale}f"] * len(values)) % tuple(values)).encode()
    except TypeError:
        return ",".join([one.decode() if isinstance(one, bytes) else f"{one:.{scale}f}" for one in values]).encode()


def _big_endian(kind: str, values: Sequence[Any]) -> bytes:
    """Return the numbers as PostgreSQL sends them."""
    numbers = array(kind, values)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tobytes()


def are_equal(column: PgColumn, ours: Sequence[Digest], theirs: Sequence[Digest]) -> bool:
    """True if the digests prove that the values are equal."""
    if isinstance(column.type, Jsonb):
        return theirs[0] == theirs[1] and list(ours) == list(theirs[2:])
    return list(ours) == list(theirs)
