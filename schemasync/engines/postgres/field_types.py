"""The type of each field of Django on PostgreSQL: the one that Django's own backend creates, except that a moment
without USE_TZ has no zone, as its text in SQLite has none."""

from __future__ import annotations

from .types import (
    Bigint,
    Boolean,
    Bytea,
    Date,
    DoublePrecision,
    FieldKind,
    Inet,
    Integer,
    Interval,
    Jsonb,
    Numeric,
    PgType,
    Smallint,
    Text,
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
    Varchar,
)

BY_FIELD: dict[str, PgType] = {
    "AutoField": Integer(),
    "BigAutoField": Bigint(),
    "SmallAutoField": Smallint(),
    "IntegerField": Integer(),
    "PositiveIntegerField": Integer(),
    "BigIntegerField": Bigint(),
    "PositiveBigIntegerField": Bigint(),
    "SmallIntegerField": Smallint(),
    "PositiveSmallIntegerField": Smallint(),
    "BooleanField": Boolean(),
    "FloatField": DoublePrecision(),
    "TextField": Text(),
    "BinaryField": Bytea(),
    "DateField": Date(),
    "TimeField": Time(),
    "DurationField": Interval(),
    "JSONField": Jsonb(),
    "UUIDField": Uuid(),
    "GenericIPAddressField": Inet(),
}
SIZED = ("CharField", "SlugField", "FileField", "FilePathField")


def field_type(kind: FieldKind) -> PgType | None:
    """Return the type for a field; None for a third-party field, whose column gets its type from the declaration."""
    match kind.internal_type:
        case "DecimalField":
            return Numeric(kind.max_digits, kind.decimal_places)
        case "DateTimeField":
            return TimestampTz() if kind.use_tz else Timestamp()
        case sized if sized in SIZED:
            return Text() if kind.max_length is None else Varchar(kind.max_length)
        case other:
            return BY_FIELD.get(other)
